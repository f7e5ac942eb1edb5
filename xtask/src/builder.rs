//! BuildKits that belong to one task, such as the benchmark or a test: each begins empty and ends with its value, so that the
//! lab's own, which others use, stays as it is.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::grounds::{Grounds, Running, remove};
use crate::lab::Lab;
use crate::lab::buildkit::MIRRORED;
use crate::lab::process::{run_captured, succeeds};

/// A buildkitd with nothing in its cache at first, and buildx for it.
#[derive(Debug)]
pub struct Builder {
    name: String,
    grounds: Grounds,
    root: PathBuf,
    /// Variables with which clients find it.
    environment: BTreeMap<&'static str, String>,
    /// What runs programs for arm in its steps, if it runs them.
    emulator: Option<PathBuf>,
    daemon: Option<Running>,
}

/// Starts what follows where an emulator runs programs for arm.
const EMULATION: &str = include_str!("emulation.py");

/// The name of the builder in buildx.
const BUILDER: &str = "uv-buildkit-apart";

impl Builder {
    /// Starts a buildkitd that asks the registry at `registry` for all images.
    pub fn start(lab: &Lab, grounds: &Grounds, name: &str, registry: &str) -> Result<Builder> {
        Self::start_with(lab, grounds, name, registry, None)
    }

    /// The same, whose steps can be programs for arm. It is the only one on the machine that runs those.
    pub fn start_emulating(lab: &Lab, grounds: &Grounds, name: &str, registry: &str) -> Result<Builder> {
        Self::start_with(lab, grounds, name, registry, Some(lab.emulator()?))
    }

    fn start_with(
        lab: &Lab,
        grounds: &Grounds,
        name: &str,
        registry: &str,
        emulator: Option<PathBuf>,
    ) -> Result<Builder> {
        let root = grounds.path(name);
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let address = format!("unix://{}", root.join("buildkitd.sock").display());
        fs::write(root.join("buildkitd.toml"), config_text(registry, &root.join("otel.sock"), emulator.is_some()))?;
        let docker_config = root.join("docker-config");
        let environment = [
            ("BUILDKIT_HOST", address.clone()),
            ("BUILDX_BUILDER", BUILDER.to_owned()),
            ("DOCKER_CONFIG", docker_config.display().to_string()),
        ];
        let environment = environment.into_iter().collect();
        let (name, grounds) = (name.to_owned(), grounds.clone());
        let mut builder = Builder { name, grounds, root, environment, emulator, daemon: None };
        builder.start_again(lab)?;
        let plugins = docker_config.join("cli-plugins");
        fs::create_dir_all(&plugins)?;
        symlink(buildx(lab)?, plugins.join("docker-buildx"))?;
        let mut create = builder.buildx(lab, ["create", "--name", BUILDER, "--driver", "remote", &address]);
        create.env_remove("BUILDX_BUILDER");
        run_captured(&mut create)?;
        // Buildx asks a builder for its facts the first time.
        run_captured(&mut builder.buildx(lab, ["inspect"]))?;
        Ok(builder)
    }

    /// Starts the buildkitd again that was ended, with what it had built.
    pub fn start_again(&mut self, lab: &Lab) -> Result<()> {
        let address = &self.environment["BUILDKIT_HOST"];
        let mut command = match &self.emulator {
            Some(emulator) => {
                let mut python = lab.command("python3");
                python.args(["-c", EMULATION]).arg(emulator).args(["buildkitd", "--rootless"]);
                python
            }
            None => lab.command("buildkitd"),
        };
        command.arg("--config").arg(self.root.join("buildkitd.toml"));
        command.arg("--root").arg(self.root.join("state")).args(["--addr", address]);
        let ready = || succeeds(lab.command("buildctl").args(["--addr", address, "debug", "workers"]));
        self.daemon = Some(self.grounds.start(&self.name, &mut command, ready)?);
        Ok(())
    }

    /// Asks the buildkitd to end, and waits until it has.
    pub fn stop(&self) -> Result<()> {
        self.daemon.as_ref().map_or(Ok(()), Running::stop)
    }

    /// Ends the buildkitd at once, as a crash does.
    pub fn kill(&self) -> Result<()> {
        self.daemon.as_ref().map_or(Ok(()), Running::kill)
    }

    /// The variables with which clients find this builder.
    pub fn environment(&self) -> &BTreeMap<&'static str, String> {
        &self.environment
    }

    /// `docker buildx …` with this builder.
    pub fn buildx<I: IntoIterator<Item: AsRef<OsStr>>>(&self, lab: &Lab, arguments: I) -> Command {
        let mut command = lab.command("docker");
        command.envs(&self.environment).arg("buildx").args(arguments);
        command
    }
}

impl Drop for Builder {
    fn drop(&mut self) {
        drop(self.daemon.take());
        if let Err(error) = remove(&self.root) {
            eprintln!("{error:#}");
        }
    }
}

/// The buildx program of the lab.
fn buildx(lab: &Lab) -> Result<PathBuf> {
    let environment = lab.env();
    let config = environment.get("DOCKER_CONFIG").context("the lab has no buildx of its own")?;
    let plugin = Path::new(config).join("cli-plugins/docker-buildx");
    plugin.canonicalize().with_context(|| format!("there is no {}", plugin.display()))
}

/// `is_rootless`: it runs in a user namespace, where it may not limit what steps use.
fn config_text(registry: &str, trace_socket: &Path, is_rootless: bool) -> String {
    // Nothing is collected: what a build finds in the cache is to depend on the builds before it alone.
    let mut text = format!(
        "[otel]\nsocketPath = \"{}\"\n\n[worker.oci]\nenabled = true\nsnapshotter = \"overlayfs\"\n\
         networkMode = \"host\"\ngc = false\nrootless = {is_rootless}\nnoProcessSandbox = {is_rootless}\n\n\
         [worker.containerd]\nenabled = false\n",
        trace_socket.display()
    );
    for mirrored in MIRRORED {
        text += &format!("\n[registry.\"{mirrored}\"]\nmirrors = [\"{registry}\"]\n");
    }
    text += &format!("\n[registry.\"{registry}\"]\nhttp = true\n");
    text
}

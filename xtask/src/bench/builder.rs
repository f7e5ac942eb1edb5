//! BuildKits and registries that belong to the benchmark: each begins empty and ends with its value, so that the lab's
//! own, which others use, stay as they are.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::recipes::{BASE, DOCKERFILE_FRONTEND, FRONTEND, UV};
use crate::lab::Lab;
use crate::lab::machine::{architecture, unmount_below};
use crate::lab::process::{Daemon, run_captured, succeeds};

/// Where the benchmark's daemons live. Each leaves a note while it runs: those that an interrupted benchmark left behind
/// are ended by the next.
#[derive(Debug, Clone)]
pub struct Grounds {
    directory: PathBuf,
}

impl Grounds {
    /// Ends and deletes what an interrupted benchmark left here.
    pub fn clear(directory: &Path) -> Result<Grounds> {
        let grounds = Grounds { directory: directory.to_owned() };
        for note in fs::read_dir(grounds.notes()).into_iter().flatten().flatten() {
            let text = fs::read_to_string(note.path())?;
            if let Ok(daemon) = serde_json::from_str::<Daemon>(&text) {
                daemon.stop()?;
            }
        }
        remove(directory)?;
        fs::create_dir_all(grounds.notes()).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(grounds)
    }

    fn notes(&self) -> PathBuf {
        self.directory.join("daemons")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn start(&self, name: &str, command: &mut Command, ready: impl Fn() -> bool) -> Result<Running> {
        let daemon = Daemon::start(name, command, &self.log(name), ready)?;
        let note = self.notes().join(name);
        let running = Running { daemon, note };
        fs::write(&running.note, serde_json::to_string(&running.daemon)?)?;
        Ok(running)
    }
}

/// A daemon that ends with its value.
#[derive(Debug)]
struct Running {
    daemon: Daemon,
    note: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.daemon.stop() {
            Ok(()) => drop(fs::remove_file(&self.note)),
            // The note stays, for the next benchmark.
            Err(error) => super::report(format_args!("{error:#}")),
        }
    }
}

/// A registry with the images that builds start from, and nothing else at first.
#[derive(Debug)]
pub struct Registry {
    pub address: String,
    directory: PathBuf,
    daemon: Option<Running>,
}

impl Registry {
    /// Starts a registry and copies the images from the lab's, and the frontend's from where it is.
    pub fn start(lab: &Lab, grounds: &Grounds, name: &str, frontend: &str) -> Result<Registry> {
        let directory = grounds.path(name);
        fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = lab.command("crane");
        command.args(["registry", "serve", "--address", &address, "--disk"]).arg(&directory);
        let daemon = grounds.start(name, &mut command, || TcpStream::connect(&address).is_ok())?;
        let registry = Registry { address, directory, daemon: Some(daemon) };
        let of_the_lab = |image| (image, format!("{}/{}", lab.registry(), path_of(image)));
        for (image, from) in [of_the_lab(BASE), of_the_lab(UV), (FRONTEND, frontend.to_owned())] {
            let to = format!("{}/{}", registry.address, path_of(image));
            run_captured(&mut lab.crane(["copy", &from, &to]))
                .with_context(|| format!("there is no image {from} to stand for {image}"))?;
        }
        registry.push_dockerfile_frontend(lab, grounds)?;
        Ok(registry)
    }

    /// Makes the image that `# syntax=docker/dockerfile:1` names: the program from BuildKit's own sources.
    fn push_dockerfile_frontend(&self, lab: &Lab, grounds: &Grounds) -> Result<()> {
        const PROGRAM: &str = "dockerfile-frontend";
        let environment = lab.env();
        let programs = environment.get("UV_BUILDKIT_LAB_BIN").context("the lab has no programs")?;
        let tar = grounds.path("dockerfile-frontend.tar");
        let mut pack = Command::new("tar");
        pack.arg("--create").arg("--dereference").arg("--file").arg(&tar).args(["--directory", programs, PROGRAM]);
        run_captured(&mut pack)?;
        let image = format!("{}/{}", self.address, path_of(DOCKERFILE_FRONTEND));
        let mut append = lab.crane(["append", "--oci-empty-base", "--new_tag", &image, "--new_layer"]);
        run_captured(append.arg(&tar))?;
        let mut mutate = lab.crane(["mutate", &image, "--tag", &image, "--entrypoint", "/dockerfile-frontend"]);
        mutate.arg(format!("--set-platform=linux/{}", architecture()));
        // As the official image has them: without, BuildKit would give the frontend less and ask it for less.
        mutate.args(["--label", "moby.buildkit.frontend.network.none=true", "--label"]);
        mutate.arg(format!("moby.buildkit.frontend.caps={}", FRONTEND_CAPABILITIES.replace(' ', ",")));
        run_captured(&mut mutate)?;
        Ok(())
    }

    /// Sizes of all blobs, by digest. Manifests are not among them: they are kept in memory, and small.
    pub fn blobs(&self) -> Result<BTreeMap<String, u64>> {
        let directory = self.directory.join("sha256");
        let mut blobs = BTreeMap::new();
        for blob in fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))? {
            let blob = blob?;
            blobs.insert(blob.file_name().to_string_lossy().into_owned(), blob.metadata()?.len());
        }
        Ok(blobs)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.daemon.take());
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// What the Dockerfile frontend declares.
const FRONTEND_CAPABILITIES: &str =
    "moby.buildkit.frontend.inputs moby.buildkit.frontend.subrequests moby.buildkit.frontend.contexts";

/// The path of an image in a registry that mirrors its own.
pub fn path_of(image: &str) -> String {
    match image.split_once('/') {
        None => format!("library/{image}"),
        Some((registry, path)) if registry.contains('.') => path.to_owned(),
        Some(_) => image.to_owned(),
    }
}

/// A buildkitd with nothing in its cache at first, and buildx for it.
#[derive(Debug)]
pub struct Builder {
    root: PathBuf,
    /// Variables with which clients find it.
    environment: BTreeMap<&'static str, String>,
    daemon: Option<Running>,
}

/// The name of the builder in buildx.
const BUILDER: &str = "uv-buildkit-bench";

impl Builder {
    /// Starts a buildkitd that asks `registry` for all images.
    pub fn start(lab: &Lab, grounds: &Grounds, name: &str, registry: &Registry) -> Result<Builder> {
        let root = grounds.path(name);
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let address = format!("unix://{}", root.join("buildkitd.sock").display());
        let config = root.join("buildkitd.toml");
        fs::write(&config, config_text(&registry.address, &root.join("otel.sock")))?;
        let mut command = lab.command("buildkitd");
        command.arg("--config").arg(&config).arg("--root").arg(root.join("state")).args(["--addr", &address]);
        let ready = || succeeds(lab.command("buildctl").args(["--addr", &address, "debug", "workers"]));
        let daemon = grounds.start(name, &mut command, ready)?;
        let docker_config = root.join("docker-config");
        let environment = [
            ("BUILDKIT_HOST", address.clone()),
            ("BUILDX_BUILDER", BUILDER.to_owned()),
            ("DOCKER_CONFIG", docker_config.display().to_string()),
        ];
        let builder = Builder { root, environment: environment.into_iter().collect(), daemon: Some(daemon) };
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
            super::report(format_args!("{error:#}"));
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

fn config_text(registry: &str, trace_socket: &Path) -> String {
    // Nothing is collected: what a build finds in the cache is to depend on the builds before it alone.
    let mut text = format!(
        "[otel]\nsocketPath = \"{}\"\n\n[worker.oci]\nenabled = true\nsnapshotter = \"overlayfs\"\n\
         networkMode = \"host\"\ngc = false\n\n[worker.containerd]\nenabled = false\n",
        trace_socket.display()
    );
    for mirrored in ["docker.io", "ghcr.io"] {
        text += &format!("\n[registry.\"{mirrored}\"]\nmirrors = [\"{registry}\"]\n");
    }
    text += &format!("\n[registry.\"{registry}\"]\nhttp = true\n");
    text
}

/// Deletes a directory, with what is mounted in it.
fn remove(directory: &Path) -> Result<()> {
    unmount_below(directory)?;
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("cannot delete {}: {error}", directory.display())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_by_path() {
        for (image, path) in [
            (BASE, "library/python:3.13-slim-bookworm"),
            (UV, "astral-sh/uv:0.13.9"),
            (DOCKERFILE_FRONTEND, "docker/dockerfile:1"),
        ] {
            assert_eq!(path_of(image), path);
        }
    }
}

//! The Docker command with buildx as its plugin, and a Docker engine that starts images. BuildKit is not the engine's:
//! the plugin's builder is the lab's own buildkitd.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::machine::require_program;
use super::places::Places;
use super::process::{Daemon, run_captured, succeeds};
use super::report::report;

/// The name of the buildx builder.
pub const BUILDER: &str = "uv-buildkit-lab";

/// Starts a Docker engine with its data and socket in the lab's directory.
pub fn start(places: &Places) -> Result<Daemon> {
    let dockerd = require_program("dockerd", &["docker.io"], &places.log("packages"))?;
    report(format_args!("starting a Docker engine"));
    let root = places.engine_root();
    let host = places.docker_host();
    // An engine that was killed leaves pids behind, and the next one would take them for an engine that runs.
    let (exec_root, pid_file) = (root.join("exec"), root.join("dockerd.pid"));
    let _ = fs::remove_dir_all(&exec_root);
    let _ = fs::remove_file(&pid_file);
    let mut command = Command::new(dockerd);
    // Images run on the host's network: the lab changes no firewall rule and makes no bridge.
    command.args(["--iptables=false", "--ip6tables=false", "--bridge=none", "--host", &host]);
    command.arg("--data-root").arg(root.join("data")).arg("--exec-root").arg(exec_root);
    command.arg("--pidfile").arg(pid_file);
    fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
    let docker = require_program("docker", &["docker.io", "docker-cli"], &places.log("packages"))?;
    let ready = || succeeds(Command::new(&docker).args(["--host", &host, "version"]));
    Daemon::start("the Docker engine", &mut command, &places.log("dockerd"), ready)
}

/// Makes a Docker config directory with buildx as a plugin, whose builder is the buildkitd at `buildkit_host`.
pub fn install_buildx(places: &Places, buildx: &Path, buildkit_host: &str) -> Result<()> {
    let docker = require_program("docker", &["docker.io", "docker-cli"], &places.log("packages"))?;
    let plugins = places.docker_config().join("cli-plugins");
    fs::create_dir_all(&plugins).with_context(|| format!("cannot create {}", plugins.display()))?;
    let plugin = plugins.join("docker-buildx");
    let _ = fs::remove_file(&plugin);
    std::os::unix::fs::symlink(buildx, &plugin).with_context(|| format!("cannot create {}", plugin.display()))?;
    let _ = fs::remove_dir_all(places.docker_config().join("buildx"));
    let mut create = Command::new(docker);
    create.args(["buildx", "create", "--name", BUILDER, "--driver", "remote", buildkit_host]);
    create.env("DOCKER_CONFIG", places.docker_config());
    run_captured(&mut create)?;
    Ok(())
}

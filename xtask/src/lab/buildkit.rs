//! The lab's own buildkitd: it asks the lab's registry for the images of all the usual registries.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::machine::require_program;
use super::places::Places;
use super::process::{Daemon, succeeds};
use super::report::report;
use super::tools;

/// The registries whose images come from the lab's registry.
pub const MIRRORED: [&str; 4] = ["docker.io", "ghcr.io", "gcr.io", "public.ecr.aws"];

/// Starts buildkitd; it answers at `places.buildkit_host()`.
pub fn start(places: &Places, buildkitd: &Path, buildctl: &Path, registry: &str) -> Result<Daemon> {
    require_program("runc", &["runc"], &places.log("packages"))?;
    let config = places.run().join("buildkitd.toml");
    fs::write(&config, config_text(registry)).with_context(|| format!("cannot write {}", config.display()))?;
    report(format_args!("starting buildkitd {}", tools::BUILDKIT_VERSION));
    let address = places.buildkit_host();
    let mut command = Command::new(buildkitd);
    command.arg("--config").arg(&config).arg("--root").arg(places.buildkit_root()).args(["--addr", &address]);
    // BuildKit forgets a directory in there for every file that it mounts.
    fs::create_dir_all(places.scratch())?;
    command.env("TMPDIR", places.scratch());
    // With its default it spends a sixth of its processor time on collecting garbage.
    command.env("GOGC", "400");
    let ready = || succeeds(Command::new(buildctl).args(["--addr", &address, "debug", "workers"]));
    Daemon::start("buildkitd", &mut command, &places.log("buildkitd"), ready)
}

fn config_text(registry: &str) -> String {
    // By default BuildKit wants a fifth of the disk to be free, and forgets what was built a moment ago where it is not.
    let mut text = String::from(
        "[worker.oci]\nenabled = true\nsnapshotter = \"auto\"\nnetworkMode = \"host\"\n\n\
         [[worker.oci.gcpolicy]]\nall = true\nmaxUsedSpace = \"30GB\"\n\n[worker.containerd]\nenabled = false\n",
    );
    for mirrored in MIRRORED {
        text.push_str(&format!("\n[registry.\"{mirrored}\"]\nmirrors = [\"{registry}\"]\n"));
    }
    text.push_str(&format!("\n[registry.\"{registry}\"]\nhttp = true\n"));
    text
}

//! The image of the frontend as it is in this working copy, from `Dockerfile.frontend`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::Lab;
use super::process::{run_captured, run_shown};
use super::report::report;

/// The repository and tag of the frontend's image, without a registry.
pub const NAME: &str = "uv-buildkit/uv-buildkit:1";

/// The release profile as the lab compiles it: seconds after an edit instead of minutes. A benchmark sets these variables
/// back to what `Cargo.toml` says.
const QUICK_PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_INCREMENTAL", "true"),
];

/// Compiles the frontend as a static program, packs it with `Dockerfile.frontend`, and pushes it to the lab's registry.
pub fn push(lab: &Lab) -> Result<()> {
    let program = compile()?;
    report(format_args!("building the frontend's image"));
    // The stage `build` of the Dockerfile needs an image with Rust; this directory with its outcome stands for it.
    let stage = tempfile::tempdir()?;
    fs::copy(&program, stage.path().join("uv-buildkit"))
        .with_context(|| format!("cannot copy {}", program.display()))?;
    let root = workspace();
    let mut build = lab.buildx(["build", "--provenance=false", "--quiet"]);
    build.arg("--file").arg(root.join("Dockerfile.frontend"));
    build.arg(format!("--build-context=build={}", stage.path().display()));
    build.arg(format!("--output=type=image,name={}/{NAME},push=true", lab.registry()));
    // The same program gives the same image.
    build.env("SOURCE_DATE_EPOCH", "0").arg(&root);
    run_captured(&mut build).context("cannot build the frontend's image")?;
    Ok(())
}

/// Compiles the frontend as a static program.
pub fn compile() -> Result<PathBuf> {
    report(format_args!("compiling the frontend"));
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(workspace()).args(["build", "--quiet"]);
    build.args(["--package", "uv-buildkit", "--bin", "uv-buildkit"]);
    let programs = make_static(&mut build, Optimized::Quickly)?;
    run_shown(&mut build).context("cannot compile the frontend")?;
    Ok(programs.join("uv-buildkit"))
}

/// How much time the compiler takes to optimize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimized {
    /// As the lab has it: seconds after an edit.
    Quickly,
    /// As the profile `dist` says, for a release.
    Fully,
}

/// Has cargo, or a program that passes its options on to cargo, compile static programs for this machine, in a target directory of their own:
/// the flags would undo the usual one. Gives back the directory of the programs.
pub fn make_static(build: &mut Command, optimized: Optimized) -> Result<PathBuf> {
    let host = run_captured(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let host = host.trim();
    let target = workspace().join("target/static");
    let profile = if optimized == Optimized::Quickly { "release" } else { "dist" };
    build.args(["--profile", profile, "--target", host, "--target-dir"]).arg(&target);
    build.env("RUSTFLAGS", "-C target-feature=+crt-static");
    if optimized == Optimized::Quickly {
        for (setting, value) in QUICK_PROFILE {
            if env::var_os(setting).is_none() {
                build.env(setting, value);
            }
        }
    }
    Ok(target.join(host).join(profile))
}

/// The root of this working copy.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

//! The image of the frontend as it is in this working copy, from `Dockerfile.frontend`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::process::{run_captured, run_shown};
use super::{Lab, report};

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

/// Compiles the frontend as a static program, in a target directory of its own: its flags would undo the usual one.
pub fn compile() -> Result<PathBuf> {
    let host = run_captured(Command::new("rustc").args(["--print", "host-tuple"]))?;
    let host = host.trim();
    let root = workspace();
    let target = root.join("target/static");
    report(format_args!("compiling the frontend"));
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.current_dir(&root).args([
        "build",
        "--quiet",
        "--release",
        "--package",
        "uv-buildkit",
        "--bin",
        "uv-buildkit",
    ]);
    build.args(["--target", host, "--target-dir"]).arg(&target).env("RUSTFLAGS", "-C target-feature=+crt-static");
    for (setting, value) in QUICK_PROFILE {
        if env::var_os(setting).is_none() {
            build.env(setting, value);
        }
    }
    run_shown(&mut build).context("cannot compile the frontend")?;
    Ok(target.join(host).join("release/uv-buildkit"))
}

/// The root of this working copy.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

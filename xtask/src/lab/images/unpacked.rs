//! Files of Debian packages that are unpacked and not installed, and trees made of such.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::super::machine::{debian_mirror, require_program};
use super::super::places::Places;
use super::super::process::{run_captured, tail};

/// Unpacks packages of a release and those that they depend on, without running anything of them.
pub(super) fn unpack(places: &Places, suite: &str, packages: &[&str], root: &Path) -> Result<()> {
    let log = places.log("images");
    let mmdebstrap = require_program("mmdebstrap", &["mmdebstrap"], &log)?;
    let error_log = places.log("mmdebstrap-unpack");
    let mut command = Command::new(mmdebstrap);
    command.args(["--mode=root", "--variant=extract", "--format=directory"]);
    for path in ["man", "doc", "info", "locale"] {
        command.arg(format!("--dpkgopt=path-exclude=/usr/share/{path}/*"));
    }
    command.arg(format!("--include={}", packages.join(","))).arg(suite).arg(root).arg(debian_mirror()?);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&error_log)?)
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .spawn()
        .context("cannot start `mmdebstrap`")?;
    if !child.wait()?.success() {
        bail!("`mmdebstrap` failed (it must run as root); its log ends with:\n{}", tail(&error_log));
    }
    Ok(())
}

/// Packs `what` of a directory, the same whenever it is done.
pub(super) fn pack(directory: &Path, what: &str, tar: &Path) -> Result<()> {
    let mut pack = Command::new("tar");
    pack.args(["--create", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"]);
    run_captured(pack.arg("--file").arg(tar).arg("--directory").arg(directory).arg(what)).map(drop)
}

/// Deletes whatever is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    let result = if path.is_dir() && !path.is_symlink() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match result {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot delete {}", path.display()))
        }
        _ => Ok(()),
    }
}

//! An emulator of arm, from its Debian package. The package is unpacked, not installed: that could make the whole machine use it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::machine::require_program;
use super::places::Places;
use super::process::run_logged;
use super::report::report;

const PACKAGE: &str = "qemu-user-static";

/// The program, unpacked now unless it is there.
pub fn of_arm(places: &Places) -> Result<PathBuf> {
    let directory = places.tools().join(PACKAGE);
    let program = directory.join("usr/bin/qemu-aarch64-static");
    if program.is_file() {
        return Ok(program);
    }
    let log = places.log("tools");
    let apt = require_program("apt-get", &[], &log)?;
    report(format_args!("fetching the Debian package {PACKAGE}"));
    let unfinished = places.tools().join(format!("{PACKAGE}.part"));
    let _ = fs::remove_dir_all(&unfinished);
    let tree = unfinished.join("tree");
    fs::create_dir_all(&tree).with_context(|| format!("cannot create {}", tree.display()))?;
    run_logged(Command::new(apt).args(["download", PACKAGE]).current_dir(&unfinished), &log)?;
    let packages = fs::read_dir(&unfinished)?.filter_map(|entry| Some(entry.ok()?.path()));
    let package = packages.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "deb"));
    let package = package.with_context(|| format!("apt-get downloaded no package {PACKAGE}"))?;
    run_logged(Command::new("dpkg-deb").arg("--extract").args([&package, &tree]), &log)?;
    fs::rename(&tree, &directory)?;
    fs::remove_dir_all(&unfinished)?;
    Ok(program)
}

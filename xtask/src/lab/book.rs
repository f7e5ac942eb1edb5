//! mdBook, which makes the site of the documentation. Cargo builds it once for each version.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::places::Places;
use super::process::run_logged;
use super::report::report;

/// Another version may name anchors in another way: `tests/documents` compares with this one.
pub const VERSION: &str = "0.5.4";

/// Builds mdBook unless it is built, and gives back its path. It needs no lab.
pub fn mdbook() -> Result<PathBuf> {
    let places = Places::new()?;
    let _lock = places.lock_images()?;
    let directory = places.tools().join(format!("mdbook-{VERSION}"));
    let program = directory.join("bin/mdbook");
    if program.is_file() {
        return Ok(program);
    }
    report(format_args!("building mdbook {VERSION} with cargo (minutes the first time)"));
    let unfinished = directory.join("unfinished");
    fs::create_dir_all(&unfinished).with_context(|| format!("cannot create {}", unfinished.display()))?;
    let mut install = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    install.args(["install", "mdbook", "--locked", "--no-default-features", "--features=search"]);
    install.arg(format!("--version={VERSION}")).arg("--root").arg(&unfinished);
    // Elsewhere than in a workspace, whose configuration would count.
    install.arg("--target-dir").arg(unfinished.join("target")).current_dir(&unfinished);
    run_logged(&mut install, &places.log("mdbook"))?;
    // The rename comes last: a directory of that name always holds the program.
    fs::rename(unfinished.join("bin"), directory.join("bin"))?;
    fs::remove_dir_all(&unfinished)?;
    Ok(program)
}

//! `cargo xtask test`: every test, those against a real BuildKit too.

use std::env;
use std::process::Command;

use anyhow::Result;

use crate::docs;
use crate::lab::{Lab, run_shown, workspace};

/// Builds the site of the documentation and runs the tests of the workspace in the lab, and ends the lab unless it ran before.
/// Arguments choose tests: then the site is not built.
pub fn run(arguments: &[String]) -> Result<()> {
    if arguments.is_empty() {
        docs::run()?;
    }
    let lab = Lab::up_empty()?;
    let outcome = run_in(&lab, arguments);
    if lab.was_started() {
        Lab::down()?;
    }
    outcome
}

fn run_in(lab: &Lab, arguments: &[String]) -> Result<()> {
    let mut tests = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tests.current_dir(workspace()).envs(lab.env());
    tests.args(["test", "--workspace", "--all-features"]).args(arguments);
    run_shown(&mut tests)
}

/// Tries damaged files on the readers, which are built with optimisation and look at nothing but files.
pub fn fuzz(arguments: &[String]) -> Result<()> {
    let mut fuzz = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    fuzz.current_dir(workspace()).args(["run", "--release", "--package", "uv-buildkit-tests", "--bin", "fuzz", "--"]);
    run_shown(fuzz.args(arguments))
}

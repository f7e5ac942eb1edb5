//! `cargo xtask test`: every test, those against a real BuildKit too.

use std::env;
use std::process::{Command, Output, Stdio};
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::docs;
use crate::lab::{Lab, run_shown, workspace};

/// Set to this, the end to end tests do nothing: they run in another process.
pub const E2E_ELSEWHERE: (&str, &str) = ("UV_BUILDKIT_E2E", "elsewhere");

/// Builds the site of the documentation and runs the tests of the workspace in the lab, and ends the lab unless it ran before.
/// Arguments choose tests: then the site is not built.
pub fn run(arguments: &[String]) -> Result<()> {
    if arguments.is_empty() {
        docs::run()?;
    }
    let lab = Lab::up_empty()?;
    let outcome = if arguments.is_empty() { run_all(&lab) } else { run_shown(&mut tests(&lab, arguments)) };
    if lab.was_started() {
        Lab::down()?;
    }
    outcome
}

/// `cargo test` with these arguments.
fn tests(lab: &Lab, arguments: &[impl AsRef<std::ffi::OsStr>]) -> Command {
    let mut tests = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    tests.current_dir(workspace()).envs(lab.env());
    tests.args(["test", "--workspace", "--all-features"]).args(arguments);
    tests
}

/// The end to end tests wait for daemons half of their time: all others run beside them, and what they print comes when they have ended.
fn run_all(lab: &Lab) -> Result<()> {
    run_shown(&mut tests(lab, &["--no-run"]))?;
    thread::scope(|scope| {
        let others = scope.spawn(|| -> Result<()> {
            let (name, value) = E2E_ELSEWHERE;
            let mut others = tests(lab, &["--no-fail-fast"]);
            let Output { status, stdout, stderr } =
                others.env(name, value).stdin(Stdio::null()).output().context("cannot start cargo")?;
            eprintln!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
            ensure!(status.success(), "tests failed beside the end to end tests ({status})");
            Ok(())
        });
        let e2e = run_shown(&mut tests(lab, &["--test", "e2e"]));
        let others = others.join().unwrap_or_else(|_| Err(anyhow!("the other tests panicked")));
        e2e.and(others)
    })
}

/// Tries damaged files on the readers, which are built with optimisation and look at nothing but files.
pub fn fuzz(arguments: &[String]) -> Result<()> {
    let mut fuzz = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    fuzz.current_dir(workspace()).args(["run", "--release", "--package", "uv-buildkit-tests", "--bin", "fuzz", "--"]);
    run_shown(fuzz.args(arguments))
}

//! Bytecode depends on source, path and python alone; and there is bytecode of what uv would compile.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use uv_buildkit_tests::uv;

/// Where the worker's own scripts are.
fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../frontend/src/lower")
}

/// Runs a script of this directory.
fn run(python: &str, script: &str, arguments: &[&Path]) -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bytecode").join(script);
    let mut command = Command::new(python);
    command.arg(&script).arg(scripts()).args(arguments);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().context("cannot start python")?;
    ensure!(output.status.success(), "{python}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Modules that show what a process holds are the same after other modules, beside others, alone, and with any number of processes.
#[test]
fn processes_do_not_show() -> Result<()> {
    let works = |name: &String| Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success());
    let others = (9..=15).map(|minor| format!("python3.{minor}")).filter(works);
    for python in std::iter::once("python3".to_owned()).chain(others) {
        let directory = tempfile::tempdir()?;
        run(&python, "rounds.py", &[&directory.path().join("modules")])?;
    }
    Ok(())
}

/// uv compiles the same files, and they are the same code.
#[test]
fn as_uv_does() -> Result<()> {
    let venv = uv::venv()?;
    let python = venv.join("bin/python");
    let directory = tempfile::tempdir()?;
    run(&python.to_string_lossy(), "oracle.py", &[&venv.join("bin/uv"), directory.path()])
}

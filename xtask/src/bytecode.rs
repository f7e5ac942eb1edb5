//! `cargo xtask bytecode`: the packages of the benchmark, compiled again and again; their bytecode is to be the same each time.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::bench;
use crate::lab::{run_shown, workspace};

/// How often, and with what.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The python that compiles, for which the packages have wheels
    #[arg(long, default_value = "python3.13")]
    python: PathBuf,
    /// Numbers of processes
    #[arg(long, default_value = "1,2,3,4,8")]
    processes: String,
    /// Rounds of each
    #[arg(long, default_value_t = 2)]
    rounds: u8,
    /// How often each package is compiled alone, with the numbers of processes in turn
    #[arg(long, default_value_t = 10)]
    alone: u8,
}

/// Installs the packages into a temporary directory, and compares the rounds.
pub fn run(options: &Options) -> Result<()> {
    let (wheels, pins) = bench::wheels_and_pins()?;
    let work = tempfile::tempdir()?;
    let site = work.path().join("site");
    let mut install = Command::new(&options.python);
    install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile", "--find-links"]);
    run_shown(install.arg(wheels).arg("--target").arg(&site).args(pins))?;
    let mut table = Command::new(&options.python);
    table.arg(workspace().join("xtask/src/bytecode/table.py")).arg(workspace().join("frontend/src/lower"));
    table
        .args([&site, work.path()])
        .arg(&options.processes)
        .arg(options.rounds.to_string())
        .arg(options.alone.to_string());
    run_shown(&mut table)
}

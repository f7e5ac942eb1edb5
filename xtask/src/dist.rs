//! `cargo xtask dist`: the command line for this machine's platform, as a release has it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::lab::{self, Optimized, make_static, run_captured, run_shown, workspace};

/// What to make.
#[derive(Args)]
pub struct Options {
    /// Take the program that the lab has compiled: seconds instead of minutes, and larger
    #[arg(long)]
    quick: bool,
    /// Directory for the files; default: `target/dist`
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// Makes a wheel, an archive, the schema and their checksums.
pub fn run(options: &Options) -> Result<()> {
    let output = options.output.clone().unwrap_or_else(|| workspace().join("target/dist"));
    make(&output, if options.quick { Optimized::Quickly } else { Optimized::Fully })?;
    for entry in fs::read_dir(&output)? {
        let entry = entry?;
        eprintln!("{:>10} {}", entry.metadata()?.len(), entry.path().display());
    }
    Ok(())
}

/// The same in `output`, which is emptied before.
pub fn make(output: &Path, optimized: Optimized) -> Result<()> {
    let _ = fs::remove_dir_all(output);
    fs::create_dir_all(output).with_context(|| format!("cannot create {}", output.display()))?;
    let program = wheel(output, optimized)?;
    fs::write(output.join("uv.build.schema.json"), run_captured(Command::new(program).arg("schema"))?)?;
    run_captured(Command::new("python3").arg(workspace().join(".ci/archives.py")).arg(output))?;
    Ok(())
}

/// Makes the wheel, and gives back the path of the program in it.
fn wheel(output: &Path, optimized: Optimized) -> Result<PathBuf> {
    let tools = lab::maturin()?;
    let mut build = tools.maturin();
    build.current_dir(workspace()).arg("build");
    if optimized == Optimized::Quickly {
        build.arg("--quiet");
    }
    // maturin finds no symbol of glibc, and would say `manylinux1`, of 2007: but Rust asks for newer kernels.
    build.args(["--compatibility", "manylinux2014"]);
    let programs = make_static(&mut build, optimized)?;
    build.arg("--out").arg(output);
    run_shown(&mut build).context("cannot make the wheel")?;
    // maturin knows the target, which has glibc. The program is static: it runs where musl is, too.
    let mut retag = tools.wheel();
    retag.args(["tags", "--remove", "--platform-tag", &format!("+musllinux_1_1_{}", env::consts::ARCH)]);
    for entry in fs::read_dir(output)? {
        retag.arg(entry?.path());
    }
    // Its times, so that the same program gives the same wheel.
    run_captured(retag.env("SOURCE_DATE_EPOCH", "315532800"))?;
    Ok(programs.join("uv-buildkit"))
}

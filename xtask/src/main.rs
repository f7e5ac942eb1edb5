//! `cargo xtask`: the project's own tasks.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use xtask::lab::Lab;
use xtask::task::{Arguments, LabTask, Task};
use xtask::{bench, build, bytecode, demo, dist, docs, test};

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Lab(LabTask::Up) => {
            Lab::up()?;
        }
        Task::Lab(LabTask::Down) => {
            if !Lab::down()? {
                eprintln!("lab: nothing runs");
            }
        }
        Task::Lab(LabTask::Env) => print_env(&running()?),
        Task::Lab(LabTask::Image { name }) => running()?.require_image(&name)?,
        Task::Lab(LabTask::Exec { command }) => {
            let (program, arguments) = command.split_first().context("there is no command to run")?;
            let status = running()?
                .command(program)
                .args(arguments)
                .status()
                .with_context(|| format!("cannot start `{program}`"))?;
            return Ok(status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .map_or(ExitCode::FAILURE, ExitCode::from));
        }
        Task::Build { directory, arguments } => build::run(&directory, &arguments)?,
        Task::Demo => demo::run()?,
        Task::Dist(options) => dist::run(&options)?,
        Task::Docs => docs::run()?,
        Task::Reference => docs::reference()?,
        Task::Bench(options) => bench::run(&options)?,
        Task::Bytecode(options) => bytecode::run(&options)?,
        Task::Fuzz { arguments } => test::fuzz(&arguments)?,
        Task::Test { arguments } => test::run(&arguments)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn running() -> Result<Lab> {
    Lab::running()?.context("the lab does not run: start it with `cargo xtask lab up`")
}

#[expect(clippy::print_stdout, reason = "what is printed is the product: `eval` reads it")]
fn print_env(lab: &Lab) {
    for (name, value) in lab.env() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
}

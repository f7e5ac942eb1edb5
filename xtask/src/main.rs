//! `cargo xtask`: the project's own tasks.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::lab::Lab;
use xtask::{bench, build, demo, test};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own tasks")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// A real BuildKit, registry, buildx and Docker engine on this machine
    #[command(subcommand)]
    Lab(LabTask),
    /// Build a uv project with the frontend of this working copy
    ///
    /// Pushes the image to the lab's registry, unless the arguments say what to do with it.
    Build {
        /// The project's directory: the build context
        directory: PathBuf,
        /// Arguments for `docker buildx build`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Build an example workspace, start it, edit one member, and build again
    Demo,
    /// Measure builds side by side with uv's documented Dockerfiles
    Bench(bench::Options),
    /// Feed damaged files to everything that reads one
    Fuzz {
        /// Arguments, such as `--inputs 1000000`; `--help` lists them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run every test, those against a real BuildKit too
    Test {
        /// Arguments for `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

#[derive(Subcommand)]
enum LabTask {
    /// Set the lab up, unless it runs already
    Up,
    /// End the lab; what it built stays cached
    Down,
    /// Print the variables with which any client finds the lab, for `eval`
    Env,
    /// Make a stand-in that is made only when asked for, such as `python:3.13-bookworm`, which has a compiler
    Image { name: String },
    /// Run a command with those variables
    Exec {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

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
        Task::Bench(options) => bench::run(&options)?,
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

//! The command line of `cargo xtask`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::{bench, bytecode, dist};

/// The project's own tasks
#[derive(Parser)]
#[command(name = "cargo xtask")]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub task: Task,
}

/// A task.
#[derive(Subcommand)]
pub enum Task {
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
    /// Make what a release of the command line has, for this machine: a wheel, an archive, the schema and checksums
    Dist(dist::Options),
    /// Build the site of the documentation into `target/site`, and check every link in it
    Docs,
    /// Write the pages of the documentation that are generated: the config, the command line, `llms.txt`
    Reference,
    /// Measure builds side by side with uv's documented Dockerfiles
    Bench(bench::Options),
    /// Compile the benchmark's packages with other numbers of processes, together and alone: the bytes must be the same
    Bytecode(bytecode::Options),
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

/// What to do with the lab.
#[derive(Subcommand)]
pub enum LabTask {
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

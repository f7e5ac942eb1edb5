//! `uv-buildkit`: a BuildKit frontend, and the same compiler as a command-line program.

use std::process::ExitCode;

use clap::Parser;
use uv_buildkit::cli::{self, Cli};

fn main() -> ExitCode {
    let command = Cli::parse().command;
    match cli::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

//! `uv-buildkit`: a BuildKit frontend, and the same compiler as a command-line program.

use std::io::Write;
use std::process::ExitCode;

use uv_buildkit::cli::{self, Cli};

/// 128 and the number of SIGPIPE, as `cat` and others end.
const CLOSED_PIPE: u8 = 141;

fn main() -> ExitCode {
    let command = Cli::of_process().command;
    match cli::run(command) {
        Ok(()) => ExitCode::SUCCESS,
        // What a shell says of a program that wrote where nobody reads, and was ended for it.
        Err(error) if error.is_closed_pipe() => ExitCode::from(CLOSED_PIPE),
        Err(error) => {
            // Nobody may read this either.
            let _unread = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

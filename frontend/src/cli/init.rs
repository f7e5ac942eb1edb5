//! Files that a workspace needs to be built, written where there are none.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::CliError;
use crate::config;

/// The image of this frontend, as the first line of a file names it.
pub const SYNTAX: &str = "ghcr.io/uv-buildkit/uv-buildkit:1";

/// What is never part of an image, and need not be looked at.
const IGNORED: &str = "# What no build reads.\n**/.git\n**/.venv\n**/__pycache__\n**/.mypy_cache\n**/.pytest_cache\n\
                       **/.ruff_cache\n**/dist\n**/node_modules\n";

/// Writes stub, config and ignore file for a workspace with these targets. Gives back a line on each file. What is there stays
/// as it is.
pub fn write(directory: &Path, targets: &[String]) -> Result<Vec<String>, CliError> {
    let files = [
        ("Dockerfile", format!("# syntax={SYNTAX}\n")),
        (config::FILE_NAME, config_text(targets)),
        (".dockerignore", IGNORED.to_owned()),
    ];
    files.into_iter().map(|(name, text)| create(directory, name, &text)).collect()
}

fn create(directory: &Path, name: &str, text: &str) -> Result<String, CliError> {
    let path = directory.join(name);
    let written = OpenOptions::new().write(true).create_new(true).open(&path);
    match written.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(format!("wrote {name}")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(format!("kept {name}, which is there")),
        Err(error) => Err(CliError::Read { path, error }),
    }
}

fn config_text(targets: &[String]) -> String {
    let mut text = format!("# syntax={SYNTAX}\n# Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.\n");
    if let [first, _, ..] = targets {
        text += &format!("default-target = \"{first}\"\n");
    }
    for name in targets {
        text += &format!("\n[targets.{name}]\npackage = \"{name}\"\n");
    }
    text
}

//! Git repositories, served as plain files ("dumb" HTTP).

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use xtask::lab::run_captured;

use crate::index::Index;

/// Commits what is in a directory, with a tag, and serves the repository. Returns the commit.
pub fn serve(index: &Index, path: &str, directory: &Path, tag: &str) -> Result<String> {
    git(directory, &["init", "--quiet", "--initial-branch=main"])?;
    git(directory, &["add", "."])?;
    git(directory, &["commit", "--quiet", "--message=All of it"])?;
    git(directory, &["tag", tag])?;
    // Where a client of plain files learns what there is.
    git(directory, &["update-server-info"])?;
    index.serve_directory(path, &directory.join(".git"))?;
    Ok(git(directory, &["rev-parse", "HEAD"])?.trim().to_owned())
}

fn git(directory: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    command.current_dir(directory).args(arguments);
    // Nothing of the machine's settings, and the same commit for the same content.
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "Test").env(format!("GIT_{who}_EMAIL"), "test@index.example");
        command.env(format!("GIT_{who}_DATE"), "2025-01-01T00:00:00Z");
    }
    run_captured(&mut command)
}

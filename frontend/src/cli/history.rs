//! `uv-buildkit history`: reads the commits of a repository by running git, and has each planned.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use clap::Args;

use super::{CliError, SelectionArgs};
use crate::diagnostic::SourceFile;
use crate::history::{self, Replay, Report};
use crate::{config, lock, manifest};

/// Which commits.
#[derive(Debug, Args)]
pub struct CommitArgs {
    /// Only commits after this revision.
    #[arg(long, value_name = "REV", conflicts_with = "max_commits")]
    since: Option<String>,
    /// Only so many, the latest.
    #[arg(long, value_name = "N")]
    max_commits: Option<usize>,
}

/// Replays the history of the repository that holds the directory.
pub fn replay(selection: &SelectionArgs, commits: &CommitArgs) -> Result<Report, CliError> {
    let directory = &selection.directory;
    let prefix = git(directory, &["rev-parse", "--show-prefix"])?.trim_end().to_owned();
    let mut blobs = Blobs::open(directory)?;
    let mut replay = Replay::default();
    let mut last_lock = None;
    for commit in list(selection, commits)?.lines() {
        let lock = blobs.read(&format!("{commit}:{prefix}{}", lock::FILE_NAME))?.map(|blob| blob.name);
        let has_other_lock = lock != last_lock;
        last_lock = lock;
        let read = &mut |name: &str| {
            let blob = blobs.read(&format!("{commit}:{prefix}{name}"))?;
            Ok(blob.map(|blob| SourceFile::new(name, blob.text)))
        };
        match selection.plan(read) {
            Ok(plan) => replay.image(history::image(&plan), has_other_lock),
            // Some commits of any history are broken, or older than the target.
            Err(CliError::Diagnostics(errors)) => replay.skip(commit, &errors.to_string(), has_other_lock),
            Err(error) => return Err(error),
        }
    }
    Ok(replay.report())
}

/// Names of the commits that touch what a plan is made from, oldest first.
fn list(selection: &SelectionArgs, commits: &CommitArgs) -> Result<String, CliError> {
    let mut args = vec!["log", "--first-parent", "--reverse", "--format=%H"];
    let max_count = commits.max_commits.map(|count| format!("--max-count={count}"));
    args.extend(max_count.as_deref());
    args.push("--end-of-options");
    let range = commits.since.as_ref().map_or_else(|| "HEAD".to_owned(), |since| format!("{since}..HEAD"));
    let file = selection.file.to_string_lossy();
    let members = format!("*/{}", manifest::FILE_NAME);
    args.extend([&range, "--", lock::FILE_NAME, config::FILE_NAME, &file, manifest::FILE_NAME, &members]);
    args.push(".python-version");
    git(&selection.directory, &args)
}

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(args);
    command
}

fn no_git(error: std::io::Error) -> CliError {
    CliError::Usage(format!("git cannot be run: {error}"))
}

fn git(directory: &Path, args: &[&str]) -> Result<String, CliError> {
    let output = command(directory, args).output().map_err(no_git)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(CliError::Usage(format!("git {}: {}", args[0], said.trim_end())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A file of a commit.
struct Blob {
    /// Equal names, equal texts.
    name: String,
    text: String,
}

/// One git that answers one question after the other: a process for each file of each commit takes longer than the plans.
struct Blobs {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Blobs {
    fn open(directory: &Path) -> Result<Self, CliError> {
        let mut process = command(directory, &["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(no_git)?;
        let gone = || CliError::Usage("git cat-file: it has no input or output".to_owned());
        let questions = Some(process.stdin.take().ok_or_else(gone)?);
        let answers = BufReader::new(process.stdout.take().ok_or_else(gone)?);
        Ok(Self { process, questions, answers })
    }

    fn read(&mut self, object: &str) -> Result<Option<Blob>, CliError> {
        let failed = |error: std::io::Error| CliError::Usage(format!("git cat-file: {object}: {error}"));
        if let Some(questions) = &mut self.questions {
            writeln!(questions, "{object}").map_err(failed)?;
        }
        let mut head = String::new();
        self.answers.read_line(&mut head).map_err(failed)?;
        // `NAME blob SIZE`, or `OBJECT missing`.
        let [name, kind, size] = head.trim_end().splitn(3, ' ').collect::<Vec<_>>()[..] else { return Ok(None) };
        let Ok(size) = size.parse::<usize>() else { return Ok(None) };
        let mut bytes = vec![0; size + 1];
        self.answers.read_exact(&mut bytes).map_err(failed)?;
        bytes.pop();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((kind == "blob").then(|| Blob { name: name.to_owned(), text }))
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // Without questions to come it ends by itself.
        self.questions = None;
        let _ = self.process.wait();
    }
}

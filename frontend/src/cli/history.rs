//! `uv-buildkit history`: reads the commits of a repository by running git, and has each planned.

use clap::Args;

use super::arguments::SelectionArgs;
use super::error::CliError;
use super::git::{Blobs, git};
use crate::diagnostic::SourceFile;
use crate::history::{self, Commit, Replay, Report};
use crate::{config, lock, manifest};

/// Which commits.
#[derive(Debug, Args)]
pub struct CommitArgs {
    /// Replay only the commits after this git revision.
    #[arg(long, value_name = "REV", conflicts_with = "max_commits")]
    since: Option<String>,
    /// Replay only the latest N commits.
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
    let mut not_pushed = None;
    for line in list(selection, commits)?.lines() {
        let mut fields = line.splitn(3, '\t').map(ToOwned::to_owned);
        let mut field = || fields.next().unwrap_or_default();
        let commit = &Commit { id: field(), date: field(), subject: field() };
        let mut lock = None;
        let read = &mut |name: &str| {
            let blob = blobs.read(&format!("{}:{prefix}{name}", commit.id))?;
            if name.rsplit('/').next() == Some(lock::FILE_NAME) {
                lock = blob.as_ref().map(|blob| blob.name.clone());
            }
            Ok(blob.map(|blob| SourceFile::new(name, blob.text)))
        };
        let plan = selection.plan(read);
        let has_other_lock = lock != last_lock;
        last_lock = lock;
        match plan {
            Ok(plan) => match history::not_pushed(&plan) {
                None => {
                    replay.of(&plan.target);
                    replay.image(commit, history::image(&plan), has_other_lock);
                }
                Some(reason) => {
                    replay.skip(commit, &reason, has_other_lock);
                    not_pushed = Some(reason);
                }
            },
            // Some commits of any history are broken, or older than the target.
            Err(CliError::Diagnostics(errors)) => replay.skip(commit, &errors.to_string(), has_other_lock),
            Err(error) => return Err(error),
        }
    }
    match not_pushed {
        // Sums of nothing would look as if nothing were ever pushed.
        Some(reason) if !replay.has_images() => {
            Err(CliError::Usage(format!("{reason}\nhelp: name a target that is an image: `--target NAME`")))
        }
        _ => Ok(replay.report()),
    }
}

/// The commits that touch what a plan is made from, oldest first: name, day and subject.
fn list(selection: &SelectionArgs, commits: &CommitArgs) -> Result<String, CliError> {
    let mut args = vec!["log", "--first-parent", "--reverse", "--format=%H%x09%cs%x09%s"];
    let max_count = commits.max_commits.map(|count| format!("--max-count={count}"));
    args.extend(max_count.as_deref());
    args.push("--end-of-options");
    let range = commits.since.as_ref().map_or_else(|| "HEAD".to_owned(), |since| format!("{since}..HEAD"));
    let file = selection.file.to_string_lossy();
    let members = format!("*/{}", manifest::FILE_NAME);
    // A config that cannot be read any more names none: the commits tell.
    let locks = selection.lock_paths().unwrap_or_default();
    args.extend([&range, "--", lock::FILE_NAME, config::FILE_NAME, &file, manifest::FILE_NAME, &members]);
    args.extend([".python-version*", "*/.python-version*", manifest::UV_TOML]);
    args.extend(locks.iter().map(String::as_str));
    git(&selection.directory, &args)
}

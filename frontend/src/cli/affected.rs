//! `uv-buildkit affected`: compiles the project as it is and as it was at a revision.

use std::collections::BTreeSet;
use std::path::Path;

use super::git::{Blobs, git};
use super::{CliError, SelectionArgs};
use crate::affected::{Affected, Report, because};
use crate::compile::Compiled;
use crate::diagnostic::SourceFile;
use crate::ignore;

/// Whom the changes since `base` concern, those that are not committed among them.
pub fn since(selection: &SelectionArgs, base: &str) -> Result<Report, CliError> {
    let directory = &selection.directory;
    let prefix = git(directory, &["rev-parse", "--show-prefix"])?.trim_end().to_owned();
    let commit = git(directory, &["rev-parse", "--verify", "--end-of-options", &format!("{base}^{{commit}}")])?;
    let commit = commit.trim_end();
    let files = changed(directory, commit)?;
    let mut blobs = Blobs::open(directory)?;
    let mut before = |selection: &SelectionArgs| -> Result<Option<Compiled>, CliError> {
        let read = &mut |name: &str| {
            let blob = blobs.read(&format!("{commit}:{prefix}{name}"))?;
            Ok(blob.map(|blob| SourceFile::new(name, blob.text)))
        };
        match selection.compile_from(read, true, false) {
            Ok(compiled) => Ok(Some(compiled)),
            // It was not there, or could not be built.
            Err(CliError::Diagnostics(_)) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let ignored = selection.read(".dockerignore")?.map(|file| ignore::parse(&file.text)).unwrap_or_default();
    let mut among = |selections: Vec<(String, SelectionArgs)>| -> Result<Vec<Affected>, CliError> {
        let mut affected = Vec::new();
        for (name, selection) in selections {
            let because = because(before(&selection)?.as_ref(), &selection.compile(true)?, &files, &ignored);
            if !because.is_empty() {
                affected.push(Affected { name, because });
            }
        }
        Ok(affected)
    };
    let target = |name: String| (name.clone(), SelectionArgs { target: Some(name), ..selection.clone() });
    let member = |name: String| (name.clone(), SelectionArgs { package: Some(name), ..selection.clone() });
    Ok(match (&selection.target, &selection.package) {
        (Some(name), _) => Report { targets: among(vec![target(name.clone())])?, ..Report::default() },
        (None, Some(name)) => Report { members: among(vec![member(name.clone())])?, ..Report::default() },
        (None, None) => {
            let targets = among(selection.target_names()?.into_iter().map(target).collect())?;
            Report { targets, members: among(selection.member_names()?.into_iter().map(member).collect())? }
        }
    })
}

/// Paths that differ from those of a commit, relative to the directory; new files that git does not ignore among them.
fn changed(directory: &Path, commit: &str) -> Result<BTreeSet<String>, CliError> {
    let differing = git(directory, &["diff", "--name-only", "--no-renames", "--relative", "-z", commit, "--", "."])?;
    let new = git(directory, &["ls-files", "--others", "--exclude-standard", "-z", "--", "."])?;
    Ok(differing.split('\0').chain(new.split('\0')).filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

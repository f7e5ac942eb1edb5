//! Directories on disk where members may lie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::SourceFile;
use crate::ignore;
use crate::lower::context::ALWAYS_IGNORED;
use crate::manifest::{self, Manifest};
use crate::paths::file_in;
use crate::plan::Plan;
use crate::private::{self, Suspicion};
use crate::project::Project;
use crate::stale::newcomers::{Listing, candidates, listings};

/// The manifests in directories that may have become members, by directory. What cannot be read says nothing about the lock.
pub fn newcomers(root: &Path, project: &Project, ignored: &[String]) -> BTreeMap<String, Manifest> {
    let listed = listings(project).iter().flat_map(|listing| directories(root, listing)).collect();
    let read = |directory: String| {
        let path = file_in(&directory, manifest::FILE_NAME);
        let text = std::fs::read_to_string(root.join(&path)).ok()?;
        Some((directory, manifest::parse(&SourceFile::new(path, text)).ok()?))
    };
    candidates(project, listed, ignored).into_iter().filter_map(read).collect()
}

fn directories(root: &Path, listing: &Listing) -> BTreeSet<String> {
    let mut level = BTreeSet::from([listing.directory.clone()]);
    for _ in 0..listing.depth {
        let below = level.iter().flat_map(|parent| {
            let entries = std::fs::read_dir(root.join(parent)).into_iter().flatten().flatten();
            let directories = entries.filter(|entry| entry.path().is_dir());
            directories.map(|entry| file_in(parent, &entry.file_name().to_string_lossy())).collect::<Vec<_>>()
        });
        level = below.collect();
    }
    level
}

/// Files that are usually kept private, in what an image has of the context, without those that an ignore file leaves out.
pub fn private_files(root: &Path, plan: &Plan, ignored: &[String]) -> BTreeSet<String> {
    let ignored: Vec<String> =
        ALWAYS_IGNORED.iter().map(|pattern| (*pattern).to_owned()).chain(ignored.iter().cloned()).collect();
    let mut found = BTreeSet::new();
    let mut left: Vec<String> = private::paths(plan).into_iter().collect();
    while let Some(directory) = left.pop() {
        let entries = std::fs::read_dir(root.join(&directory)).into_iter().flatten().flatten();
        for entry in entries {
            let path = file_in(&directory, &entry.file_name().to_string_lossy());
            let Ok(kind) = entry.file_type() else { continue };
            if ignore::leaves_out(&ignored, &path).is_some() {
                continue;
            }
            if kind.is_dir() {
                left.push(path);
            } else if kind.is_file() && is_private(&path, &entry.path()) {
                found.insert(path);
            }
        }
    }
    found
}

fn is_private(path: &str, file: &Path) -> bool {
    match private::suspicion(path) {
        Some(Suspicion::Certain) => true,
        Some(Suspicion::OfKeys) => std::fs::read(file).is_ok_and(|content| private::is_private_key(&content)),
        None => false,
    }
}

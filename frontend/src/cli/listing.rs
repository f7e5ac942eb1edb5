//! Directories on disk where members may lie.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::SourceFile;
use crate::manifest::{self, Manifest};
use crate::paths::file_in;
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

//! What is on disk: directories where members may lie, and what lies around them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::input;
use crate::diagnostic::SourceFile;
use crate::ignore;
use crate::lock::PackageId;
use crate::lower::context::ALWAYS_IGNORED;
use crate::manifest::{self, Manifest};
use crate::paths::file_in;
use crate::plan::Plan;
use crate::private::{self, Suspicion};
use crate::project::Project;
use crate::project::script::{DEEPEST, is_lock, may_hold_locks};
use crate::service::{MOST_BYTES, Modules};
use crate::stale::newcomers::{Listing, candidates, listings};
use crate::surroundings::{Entry, Surroundings};

/// The manifests in directories that may have become members, by directory. What cannot be read says nothing about the lock.
pub fn newcomers(root: &Path, project: &Project, ignored: &[String]) -> BTreeMap<String, Manifest> {
    let listed = listings(project).iter().flat_map(|listing| directories(root, listing)).collect();
    let read = |directory: String| {
        let path = file_in(&directory, manifest::FILE_NAME);
        let text = input::text(&root.join(&path)).ok()?;
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

/// What builds of projects may see beside the projects.
pub fn surroundings(
    root: &Path,
    project: &Project,
    manifests: &BTreeMap<PackageId, Manifest>,
    ignored: &[String],
) -> Surroundings {
    let patterns: Vec<String> =
        ALWAYS_IGNORED.iter().map(|pattern| (*pattern).to_owned()).chain(ignored.iter().cloned()).collect();
    let mut surroundings = Surroundings::default();
    loop {
        let wanted = surroundings.wanted(project, manifests);
        if wanted.is_empty() {
            return surroundings;
        }
        let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
        let mut level: Vec<String> = wanted.trees.iter().cloned().collect();
        let mut walked = wanted.trees.clone();
        let trees = wanted.trees.iter().filter(|path| ignore::leaves_out(&patterns, path).is_none());
        for path in trees.chain(&wanted.paths).filter(|path| *path != ".") {
            entries.extend(entry(root, path).map(|entry| (path.clone(), entry)));
        }
        while let Some(directory) = level.pop() {
            for name in names(root, &directory) {
                let path = file_in(&directory, &name);
                let is_left_out = ignore::leaves_out(&patterns, &path).is_some() || wanted.excluded.contains(&path);
                let Some(entry) = entry(root, &path).filter(|_| !is_left_out) else { continue };
                if entry == Entry::Directory && walked.insert(path.clone()) {
                    level.push(path.clone());
                }
                entries.insert(path, entry);
            }
        }
        surroundings.learn(wanted, entries);
    }
}

/// Names of what is in a directory; of what is no directory, none.
fn names(root: &Path, directory: &str) -> Vec<String> {
    let is_link = entry(root, directory).is_some_and(|entry| matches!(entry, Entry::Link(_)));
    let entries = (!is_link).then(|| std::fs::read_dir(root.join(directory)).ok()).flatten();
    entries.into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn entry(root: &Path, path: &str) -> Option<Entry> {
    let path = root.join(path);
    let kind = path.symlink_metadata().ok()?.file_type();
    Some(if kind.is_symlink() {
        Entry::Link(std::fs::read_link(path).ok()?.to_string_lossy().into_owned())
    } else if kind.is_dir() {
        Entry::Directory
    } else {
        Entry::File
    })
}

/// Paths of the locks of scripts, as deep as they are looked for. What cannot be read has none.
pub fn locks_of_scripts(root: &Path) -> BTreeSet<String> {
    let mut locks = BTreeSet::new();
    let mut level = vec![".".to_owned()];
    for _ in 0..=DEEPEST {
        let mut below = Vec::new();
        for directory in level {
            for entry in std::fs::read_dir(root.join(&directory)).into_iter().flatten().flatten() {
                let path = file_in(&directory, &entry.file_name().to_string_lossy());
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if !is_directory && is_lock(&path) {
                    locks.insert(path);
                } else if is_directory && may_hold_locks(&path) && !entry.path().join("pyvenv.cfg").exists() {
                    below.push(path);
                }
            }
        }
        level = below;
    }
    locks
}

/// The start of each of these files.
pub fn modules(root: &Path, paths: BTreeSet<String>) -> Modules {
    let read = |path: String| {
        let mut bytes = Vec::new();
        File::open(root.join(&path)).ok()?.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        let file = SourceFile::new(&path, String::from_utf8_lossy(&bytes));
        Some((path, file))
    };
    paths.into_iter().filter_map(read).collect()
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
        Some(Suspicion::OfKeys) => input::bytes(file).is_ok_and(|content| private::is_private_key(&content)),
        None => false,
    }
}

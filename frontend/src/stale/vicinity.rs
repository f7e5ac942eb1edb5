//! Manifests that no build reads, and that decide how uv reads those which one does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::SourceFile;
use crate::manifest::{self, Manifest};
use crate::paths::{ancestors, directory_of, file_in};
use crate::project::Project;

/// What lies around the local projects.
#[derive(Debug, Default)]
pub struct Vicinity {
    /// Manifests in directories that may have become members, by directory.
    pub newcomers: BTreeMap<String, Manifest>,
    /// Manifests of the directories above local projects, by directory; nothing of those that cannot be read.
    pub above: BTreeMap<String, Option<Manifest>>,
}

/// Paths of the manifests above local projects, given the paths of their own: there need not be any.
pub fn paths_above<'a>(project: &Project, manifests: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    if !project.checks_lock() || project.script().is_some() {
        return BTreeSet::new();
    }
    let root = project.lock.root.as_str();
    let directories = manifests.into_iter().map(directory_of).filter(|directory| *directory != root);
    // At the workspace root, which has been read, every walk ends.
    let above = directories.flat_map(|directory| ancestors(directory).take_while(|above| *above != root));
    above.map(|directory| file_in(directory, manifest::FILE_NAME)).collect()
}

/// Such manifests by directory.
pub fn parse<'a>(files: impl IntoIterator<Item = &'a Arc<SourceFile>>) -> BTreeMap<String, Option<Manifest>> {
    let entry = |file: &Arc<SourceFile>| (directory_of(&file.name).to_owned(), manifest::parse(file).ok());
    files.into_iter().map(entry).collect()
}

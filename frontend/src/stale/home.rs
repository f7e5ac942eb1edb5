//! The workspace that uv finds for a project (uv: `ProjectWorkspace::from_maybe_project_root`, `find_workspace`). It need not be that
//! of the lock: uv walks up from the project, and stops at the first manifest.

use glob::{MatchOptions, Pattern};
use uv_normalize::PackageName;

use super::check::Check;
use super::requirement::normal_path;
use crate::lock::Lock;
use crate::manifest::declarations::{Declarations, WorkspaceTable};
use crate::paths::ancestors;

/// Where the sources of a project come from, beside its own manifest.
#[derive(Clone, Copy, Debug)]
pub enum Home<'a> {
    /// From nowhere: it is in no workspace.
    Alone,
    /// From a workspace root.
    Workspace(Root<'a>),
    /// Not even from its own manifest, which says `managed = false`.
    Unmanaged,
    /// There may be a workspace that is not seen: above the context, or in a manifest that is not understood.
    Unknown,
}

/// A workspace root.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// Its statements.
    pub own: &'a Declarations,
    /// Where it lies in the context.
    pub directory: &'a str,
    /// Whether its members are those of the lock.
    pub is_of_lock: bool,
}

impl Root<'_> {
    /// Whether a local project of the lock is a member of this workspace. `None` when its patterns are not understood.
    pub fn has(&self, lock: &Lock, name: &PackageName) -> Option<bool> {
        if self.is_of_lock {
            return Some(lock.members.contains(name));
        }
        let Some(id) = lock.member(name) else { return Some(false) };
        let Some(directory) = lock.packages[id].source.project_dir() else { return Some(false) };
        let table = self.own.workspace.as_ref()?;
        Some(directory == self.directory || includes(table, self.directory, directory)?)
    }
}

impl<'a> Check<'a> {
    /// Walks up from a project, which lies in a directory of the context.
    pub(super) fn home(&self, directory: &'a str, own: &'a Declarations) -> Home<'a> {
        let lock = self.lock;
        let root = |own: &'a Declarations, directory: &'a str| {
            Home::Workspace(Root { own, directory, is_of_lock: directory == lock.root })
        };
        if !own.managed {
            return Home::Unmanaged;
        }
        if own.workspace.is_some() {
            return root(own, directory);
        }
        // The lock lies where its workspace begins.
        if directory == lock.root {
            return Home::Alone;
        }
        for above in ancestors(directory) {
            let Some(manifest) = self.known.get(above) else { continue };
            let Some(found) = manifest else { return Home::Unknown };
            let Some(table) = &found.workspace else { return Home::Alone };
            return match includes(table, above, directory) {
                Some(true) => root(found, above),
                Some(false) => Home::Alone,
                None => Home::Unknown,
            };
        }
        Home::Unknown
    }
}

/// Whether a workspace has a directory below its root as a member. `None` when a pattern is not plain.
pub fn includes(table: &WorkspaceTable, root: &str, directory: &str) -> Option<bool> {
    let escaped = Pattern::escape(root);
    let mut is_member = false;
    for text in &table.members {
        is_member |= matches(&pattern(&escaped, &text.value)?, directory);
    }
    for text in &table.exclude {
        is_member &= !pattern(&escaped, &text.value)?.matches(directory);
    }
    Some(is_member)
}

/// A pattern as one of the context, from one that is relative to a directory whose name is escaped.
pub fn pattern(escaped: &str, text: &str) -> Option<Pattern> {
    Pattern::new(&normal_path(escaped, text)?).ok()
}

/// Each part of a path on its own, as when directories are listed.
pub fn matches(pattern: &Pattern, directory: &str) -> bool {
    pattern.matches_with(directory, MatchOptions { require_literal_separator: true, ..MatchOptions::new() })
}

//! What a manifest requires, with `tool.uv.sources` applied (uv: `lowering.rs`).

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::{ExtraName, GroupName, PackageName};
use uv_pep508::{MarkerTree, VerbatimUrl, VersionOrUrl};

use super::requirement::{self, Origin, PythonBounds, Requirement};
use crate::config::table::Located;
use crate::diagnostic::Span;
use crate::lock::{Lock, Source};
use crate::manifest::declarations::{Declarations, GroupItem, SourceKind, SourceTable};

/// A requirement and what says so.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// The requirement.
    pub requirement: Requirement,
    /// Where it is written.
    pub span: Span,
    /// The entry of `tool.uv.sources` that counts.
    pub source: Option<Span>,
}

/// Whose requirements are read.
pub struct Scope<'a> {
    /// The lock.
    pub lock: &'a Lock,
    /// Bounds of its markers.
    pub bounds: &'a PythonBounds,
    /// The project; absent for what the workspace says as a whole.
    pub name: Option<&'a PackageName>,
    /// Of the manifest.
    pub directory: &'a str,
    /// Its own statements.
    pub own: &'a Declarations,
    /// Those of the workspace root, for its members.
    pub root: Option<&'a Declarations>,
}

/// Which table a requirement stands in.
#[derive(Clone, Copy, Debug)]
pub enum Table<'a> {
    /// `dependencies`, or a setting of the workspace.
    Always,
    /// An extra.
    Extra(&'a ExtraName),
    /// A group.
    Group(&'a GroupName),
}

impl Scope<'_> {
    /// Everything that a list asks for.
    pub fn list(&self, list: &[Located<String>], table: Table<'_>) -> Option<Vec<Lowered>> {
        let mut lowered = Vec::new();
        for text in list {
            lowered.extend(self.lower(text, table)?);
        }
        Some(lowered)
    }

    /// The groups with what they include. `None` when one includes what is not there, or is narrowed to some pythons.
    pub fn groups(&self) -> Option<BTreeMap<GroupName, Vec<Lowered>>> {
        let mut names = BTreeMap::new();
        for name in self.own.groups.keys() {
            names.insert(name.parse::<GroupName>().ok()?, name.as_str());
        }
        if !self.own.narrowed_groups.is_empty() {
            return None;
        }
        let mut groups = BTreeMap::new();
        for group in names.keys() {
            let mut lowered = Vec::new();
            let mut seen = BTreeSet::from([group.clone()]);
            let mut queue = vec![group.clone()];
            while let Some(next) = queue.pop() {
                for item in &self.own.groups[*names.get(&next)?].value {
                    match item {
                        GroupItem::Requirement(text) => lowered.extend(self.lower(text, Table::Group(group))?),
                        GroupItem::Include(other) => {
                            let other: GroupName = other.parse().ok()?;
                            if seen.insert(other.clone()) {
                                queue.push(other);
                            }
                        }
                    }
                }
            }
            groups.insert(group.clone(), lowered);
        }
        Some(groups)
    }

    fn lower(&self, text: &Located<String>, table: Table<'_>) -> Option<Vec<Lowered>> {
        let mut parsed: uv_pep508::Requirement<VerbatimUrl> = text.value.parse().ok()?;
        if let Table::Extra(extra) = table {
            parsed = parsed.with_extra_marker(extra.clone());
        }
        let mut extras = parsed.extras.to_vec();
        extras.sort();
        let lowered = |marker: MarkerTree, origin: Origin, source: Option<Span>| Lowered {
            requirement: Requirement {
                name: parsed.name.clone(),
                extras: extras.clone(),
                marker: self.bounds.simplify(marker),
                origin,
            },
            span: text.span.clone(),
            source,
        };
        let Some((sources, directory)) = self.sources(&parsed.name) else {
            // A member that no source points to is refused by uv, unless it is the project itself.
            let is_other_member = self.lock.members.contains(&parsed.name) && self.name != Some(&parsed.name);
            let origin = requirement::origin_of(parsed.version_or_url.as_ref())?;
            return (!is_other_member).then(|| vec![lowered(parsed.marker, origin, None)]);
        };
        let mut covered = MarkerTree::FALSE;
        let mut found = Vec::new();
        for source in sources {
            let is_for = |named: &Option<String>, own: Option<&str>| named.is_none() || named.as_deref() == own;
            let (extra, group) = match table {
                Table::Always => (None, None),
                Table::Extra(extra) => (Some(extra.as_str()), None),
                Table::Group(group) => (None, Some(group.as_str())),
            };
            if !is_for(&source.extra, extra) || !is_for(&source.group, group) {
                continue;
            }
            let marker = match &source.marker {
                Some(marker) => marker.parse().ok()?,
                None => MarkerTree::TRUE,
            };
            covered = covered.or(marker);
            let origin = self.origin(source, directory, &parsed)?;
            found.push(lowered(marker.and(parsed.marker), origin, Some(source.span.clone())));
        }
        // What no source is for comes from where the requirement says.
        let rest = covered.negate().and(parsed.marker);
        if !rest.is_false() {
            found.push(lowered(rest, requirement::origin_of(parsed.version_or_url.as_ref())?, None));
        }
        found.retain(|lowered| !lowered.requirement.marker.is_false());
        Some(found)
    }

    /// The sources of a package and the directory that their paths are relative to.
    fn sources(&self, name: &PackageName) -> Option<(&[SourceTable], &str)> {
        let of = |declarations: &'_ Declarations| -> Option<String> {
            declarations.sources.keys().find(|key| key.parse().is_ok_and(|key: PackageName| key == *name)).cloned()
        };
        if let Some(key) = of(self.own) {
            return Some((&self.own.sources[&key], self.directory));
        }
        let root = self.root?;
        of(root).map(|key| (root.sources[&key].as_slice(), self.lock.root.as_str()))
    }

    fn origin(
        &self,
        source: &SourceTable,
        directory: &str,
        parsed: &uv_pep508::Requirement<VerbatimUrl>,
    ) -> Option<Origin> {
        match &source.kind {
            SourceKind::Workspace { editable } => {
                // Whether a member is a package, and editable, is decided by all members together: the lock is believed.
                let member = &self.lock.packages[self.lock.member(&parsed.name)?];
                let path = requirement::normal_path("", member.source.project_dir()?)?;
                let is_editable = match (&member.source, editable) {
                    (Source::Virtual(_), _) => false,
                    (_, Some(editable)) => *editable,
                    (source, None) => matches!(source, Source::Editable(_)),
                };
                Some(Origin::Local { path, is_editable })
            }
            SourceKind::Path { path, editable } => Some(Origin::Local {
                path: requirement::normal_path(directory, path)?,
                is_editable: *editable == Some(true),
            }),
            SourceKind::Git { url, reference, subdirectory } => Some(Origin::Git {
                url: requirement::bare_url(url)?.0.split('?').next()?.to_owned(),
                reference: reference.clone(),
                subdirectory: subdirectory.as_deref().map(requirement::relative),
            }),
            SourceKind::Url { url, subdirectory } => Some(Origin::Url {
                url: requirement::bare_url(url)?.0,
                subdirectory: subdirectory.as_deref().map(requirement::relative),
            }),
            SourceKind::Index(name) => {
                let url = self.own.indexes.get(name).or_else(|| self.root?.indexes.get(name))?;
                let specifiers = match &parsed.version_or_url {
                    Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.clone(),
                    _ => uv_pep440::VersionSpecifiers::empty(),
                };
                Some(Origin::Index { specifiers, index: Some(requirement::index_url(url)?) })
            }
        }
    }
}

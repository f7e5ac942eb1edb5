//! What a manifest requires, with `tool.uv.sources` applied (uv: `lowering.rs`).

use std::collections::BTreeMap;

use uv_normalize::{ExtraName, GroupName, PackageName};
use uv_pep508::{MarkerTree, VerbatimUrl, VersionOrUrl};

use super::home::Home;
use super::requirement::{self, Origin, PythonBounds, Requirement};
use crate::diagnostic::{Located, Span};
use crate::lock::{Lock, Source};
use crate::manifest::configuration::NoSources;
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
    /// What is not certain about it.
    pub doubt: Doubt,
}

/// What is not certain about where a requirement comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// Nothing.
    None,
    /// A workspace that is not seen may have a source for it.
    Unseen,
    /// Its source is of a form that is not known here.
    Unread,
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
    /// Where else its sources come from.
    pub home: Home<'a>,
    /// What has no sources at all.
    pub no_sources: &'a NoSources,
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

/// Items that the groups of a project may have together with what they include, and how deep they may include each other.
const MOST_ITEMS: usize = 5_000;
const DEEPEST: usize = 200;

impl Scope<'_> {
    /// Everything that a list asks for.
    pub fn list(&self, list: &[Located<String>], table: Table<'_>) -> Option<Vec<Lowered>> {
        let mut lowered = Vec::new();
        for text in list {
            lowered.extend(self.lower(text, table)?);
        }
        Some(lowered)
    }

    /// The groups with what they include (uv: `FlatDependencyGroups`). `None` when one includes what is not there, or itself. Of a
    /// project that uv does not manage it reads none.
    pub fn groups(&self) -> Option<BTreeMap<GroupName, Vec<Lowered>>> {
        let mut names = BTreeMap::new();
        if !matches!(self.home, Home::Unmanaged) {
            for name in self.own.groups.keys() {
                names.insert(name.parse::<GroupName>().ok()?, name.as_str());
            }
        }
        let mut groups = BTreeMap::new();
        let mut flat = BTreeMap::new();
        let mut room = MOST_ITEMS;
        for group in names.keys() {
            self.flatten(&names, group, &mut flat, &mut Vec::new(), &mut room)?;
            let items = flat[group].iter().map(|(text, python)| (*text, *python));
            let mut lowered = Vec::new();
            for (text, python) in items {
                lowered.extend(self.lower_for(text, Table::Group(group), python)?);
            }
            groups.insert(group.clone(), lowered);
        }
        Some(groups)
    }

    /// Adds to `flat` the requirements of a group and of those that it includes, with the pythons that it and the groups on the
    /// way to them are for. `None` when a group includes what is not there, or itself; when they are nested deeper than calls may
    /// be, or are more than there is `room` for, since each group may include another twice.
    fn flatten<'scope>(
        &'scope self,
        names: &BTreeMap<GroupName, &str>,
        group: &GroupName,
        flat: &mut BTreeMap<GroupName, Vec<(&'scope Located<String>, MarkerTree)>>,
        parents: &mut Vec<GroupName>,
        room: &mut usize,
    ) -> Option<()> {
        if flat.contains_key(group) {
            return Some(());
        }
        if parents.contains(group) || parents.len() > DEEPEST {
            return None;
        }
        parents.push(group.clone());
        let mut items = Vec::new();
        for item in &self.own.groups.get(*names.get(group)?)?.value {
            match item {
                GroupItem::Requirement(text) => items.push((text, MarkerTree::TRUE)),
                GroupItem::Include(other) => {
                    let other = other.parse().ok()?;
                    self.flatten(names, &other, flat, parents, room)?;
                    items.extend_from_slice(&flat[&other]);
                }
            }
            *room = room.checked_sub(1)?;
            if items.len() > *room {
                return None;
            }
        }
        *room = room.checked_sub(items.len())?;
        parents.pop();
        if let Some(python) = self.own.narrowed_groups.get(group) {
            let marker = requirement::marker_of(python);
            items.iter_mut().for_each(|(_, python)| *python = python.and(marker));
        }
        flat.insert(group.clone(), items);
        Some(())
    }

    fn lower(&self, text: &Located<String>, table: Table<'_>) -> Option<Vec<Lowered>> {
        self.lower_for(text, table, MarkerTree::TRUE)
    }

    fn lower_for(&self, text: &Located<String>, table: Table<'_>, python: MarkerTree) -> Option<Vec<Lowered>> {
        let mut parsed = crate::marker::requirement(&text.value)?;
        parsed.marker = parsed.marker.and(python);
        if let Table::Extra(extra) = table {
            parsed = parsed.with_extra_marker(extra.clone());
        }
        let mut extras = parsed.extras.to_vec();
        extras.sort();
        let lowered = |marker: MarkerTree, origin: Option<Origin>, source: Option<Span>| {
            let is_unread = origin.is_none();
            Lowered {
                requirement: Requirement {
                    name: parsed.name.clone(),
                    extras: extras.clone(),
                    marker: self.bounds.simplify(marker),
                    origin: origin.unwrap_or(Origin::Unknown),
                },
                span: text.span.clone(),
                source,
                doubt: if is_unread { Doubt::Unread } else { Doubt::None },
            }
        };
        let plain = requirement::origin_of(parsed.version_or_url.as_ref());
        let Some((sources, directory)) = self.sources(&parsed.name) else {
            let mut lowered = lowered(parsed.marker, plain, None);
            if self.is_refused(&parsed.name) {
                lowered.doubt = Doubt::Unread;
            } else if matches!(self.home, Home::Unknown) && lowered.doubt == Doubt::None {
                lowered.doubt = Doubt::Unseen;
            }
            return Some(vec![lowered]);
        };
        let of_sources = sources.iter().filter_map(|source| source.marker.as_deref());
        let own = text.value.split_once(';').map(|(_, marker)| marker);
        if !crate::marker::are_small(of_sources.chain(own)) {
            return None;
        }
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
                Some(marker) => crate::marker::diagram(marker)?,
                None => MarkerTree::TRUE,
            };
            covered = covered.or(marker);
            let origin = self.origin(source, directory, &parsed);
            found.push(lowered(marker.and(parsed.marker), origin, Some(source.span.clone())));
        }
        // What no source is for comes from where the requirement says.
        let rest = covered.negate().and(parsed.marker);
        if !rest.is_false() {
            found.push(lowered(rest, plain, None));
        }
        found.retain(|lowered| !lowered.requirement.marker.is_false());
        Some(found)
    }

    /// Whether uv refuses a requirement without a source: that of another member of the workspace.
    fn is_refused(&self, name: &PackageName) -> bool {
        let Home::Workspace(root) = self.home else { return false };
        self.name != Some(name) && !self.no_sources.has(name) && root.has(self.lock, name) != Some(false)
    }

    /// The sources of a package and the directory that their paths are relative to.
    fn sources(&self, name: &PackageName) -> Option<(&[SourceTable], &str)> {
        if self.no_sources.has(name) || matches!(self.home, Home::Unmanaged) {
            return None;
        }
        if let Some(tables) = self.own.sources.get(name.as_str()) {
            return Some((tables, self.directory));
        }
        let Home::Workspace(root) = self.home else { return None };
        root.own.sources.get(name.as_str()).map(|tables| (tables.as_slice(), root.directory))
    }

    fn origin(
        &self,
        source: &SourceTable,
        directory: &str,
        parsed: &uv_pep508::Requirement<VerbatimUrl>,
    ) -> Option<Origin> {
        match &source.kind {
            SourceKind::Workspace { .. } => {
                let Home::Workspace(root) = self.home else { return None };
                // Whether a member is a package, and editable, is decided by all members together: the lock is believed.
                let member = &self.lock.packages[self.lock.member(&parsed.name)?];
                let path = requirement::normal_path("", member.source.project_dir()?)?;
                let is_editable = matches!(member.source, Source::Editable(_));
                (root.has(self.lock, &parsed.name)?).then_some(Origin::Local { path, is_editable })
            }
            SourceKind::OtherWorkspace { path: _, editable } => {
                let member = &self.lock.packages[self.lock.member(&parsed.name)?];
                let path = requirement::normal_path("", member.source.project_dir()?)?;
                let is_editable = !matches!(member.source, Source::Virtual(_)) && *editable != Some(false);
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
                let of_root = || match self.home {
                    Home::Workspace(root) => root.own.indexes.get(name),
                    _ => None,
                };
                let url = self.own.indexes.get(name).or_else(of_root)?;
                let specifiers = match &parsed.version_or_url {
                    Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.clone(),
                    _ => uv_pep440::VersionSpecifiers::empty(),
                };
                Some(Origin::Index { specifiers, index: Some(requirement::index_url(url)?) })
            }
            SourceKind::Other => None,
        }
    }
}

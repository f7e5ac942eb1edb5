//! What a resolution is split by: environments and conflicts.

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::{ExtraName, GroupName, PackageName};
use uv_pep508::MarkerTree;

use super::check::Check;
use crate::diagnostic::{Located, Span};
use crate::lock::{PackageId, encode_extra, encode_group, encode_project};
use crate::manifest::Manifest;
use crate::manifest::declarations::{ConflictTable, Declarations, GroupItem};
use crate::marker::{self, Marker};

impl Check<'_> {
    /// `environments` and `required-environments` of the workspace root, in their order.
    pub(super) fn environments(&mut self, root: &Declarations) {
        let lists = [
            ("environments", &root.environments, &self.lock.supported_markers),
            ("required-environments", &root.required_environments, &self.lock.required_markers),
        ];
        for (key, declared, locked) in lists {
            let texts = declared.as_ref().map_or(&[][..], |list| &list.value);
            let declared_markers = texts.iter().map(|text| marker::diagram(&text.value)).collect::<Option<Vec<_>>>();
            let locked = locked.iter().map(Marker::diagram).collect::<Option<Vec<_>>>();
            let (Some(markers), Some(locked)) = (declared_markers, locked) else { continue };
            let simplified = |markers: &[MarkerTree]| -> Vec<MarkerTree> {
                markers.iter().map(|marker| self.bounds.simplify(*marker)).collect()
            };
            let span = declared.as_ref().map(|list| &list.span).or(root.start());
            if simplified(&markers) != simplified(&locked)
                && let Some(span) = span
            {
                let message = match declared {
                    Some(_) => format!("it was made with other `tool.uv.{key}`"),
                    None => format!("it was made with `tool.uv.{key}`, which is no longer set"),
                };
                self.report(message, span.clone());
            }
        }
    }

    /// `conflicts` of all projects of the workspace. Those of members that were not read may be any.
    pub(super) fn conflicts(&mut self, compared: &[(PackageId, &Manifest)]) {
        let lock = self.lock;
        let locked: BTreeSet<BTreeSet<&ExtraName>> =
            lock.conflicts.iter().map(|set| set.iter().map(|item| &item.encoded).collect()).collect();
        let mut declared = BTreeSet::new();
        let mut is_certain = true;
        let read = compared.iter().filter_map(|(id, manifest)| {
            let name = &lock.packages[*id].name;
            Some((name, manifest.declarations.as_ref().filter(|_| lock.members.contains(name))?))
        });
        let is_read: BTreeSet<&PackageName> = read.clone().map(|(name, _)| name).collect();
        let root = self.root.filter(|root| root.project.is_none());
        let sets: Vec<_> = read
            .map(|(name, own)| (Some(name), own))
            .chain(root.map(|root| (None, root)))
            .flat_map(|(name, own)| own.conflicts.iter().map(move |set| (name, set)))
            .collect();
        let mut written = Vec::new();
        for (name, set) in sets {
            match items(name, set) {
                Some(items) => written.push((items, &set.span)),
                None => is_certain = false,
            }
        }
        // What follows from a set is told where that is written.
        let sets = match self.root {
            Some(root) => match expanded(root, written) {
                Some(sets) => sets,
                None => return,
            },
            None => written,
        };
        let mut told = BTreeSet::new();
        for (items, span) in sets {
            let Some(encoded) = items.iter().map(Item::encoded).collect::<Option<BTreeSet<ExtraName>>>() else {
                is_certain = false;
                continue;
            };
            if !locked.contains(&encoded.iter().collect()) && told.insert(span.range.start) {
                self.report("it was made without these `conflicts`", span.clone());
            }
            declared.insert(encoded);
        }
        let declared: BTreeSet<BTreeSet<&ExtraName>> = declared.iter().map(|items| items.iter().collect()).collect();
        let gone = locked.iter().any(|set| !declared.contains(set));
        let is_complete = is_certain && self.root.is_some() && lock.members.iter().all(|name| is_read.contains(name));
        if gone
            && is_complete
            && let Some(start) = self.root.and_then(Declarations::start)
        {
            self.report("it was made with `conflicts` that no project declares", start.clone());
        }
    }
}

/// What is in conflict with something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    package: PackageName,
    kind: ItemKind,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ItemKind {
    Project,
    Extra(ExtraName),
    Group(GroupName),
}

impl Item {
    /// As markers name it.
    fn encoded(&self) -> Option<ExtraName> {
        let text = match &self.kind {
            ItemKind::Project => encode_project(&self.package),
            ItemKind::Extra(extra) => encode_extra(&self.package, extra),
            ItemKind::Group(group) => encode_group(&self.package, group),
        };
        text.parse().ok()
    }
}

type Items = BTreeSet<Item>;

/// The items of a set. `None` when one is not understood.
fn items(own: Option<&PackageName>, set: &Located<Vec<ConflictTable>>) -> Option<Items> {
    let item = |item: &ConflictTable| {
        let package = match &item.package {
            Some(package) => package.parse().ok()?,
            None => own?.clone(),
        };
        let kind = match (&item.extra, &item.group) {
            (Some(extra), None) => ItemKind::Extra(extra.parse().ok()?),
            (None, Some(group)) => ItemKind::Group(group.parse().ok()?),
            (None, None) => ItemKind::Project,
            (Some(_), Some(_)) => return None,
        };
        Some(Item { package, kind })
    };
    set.value.iter().map(item).collect()
}

/// Items that sets may have together, with those that follow from them.
const MOST_SETS: usize = 100_000;

/// Adds the sets with groups of the root project that include those of a set (uv: `expand_transitive_group_includes`). `None` when
/// they are too many.
fn expanded<'a>(root: &Declarations, written: Vec<(Items, &'a Span)>) -> Option<Vec<(Items, &'a Span)>> {
    let Some(package) = root.project.as_ref().and_then(|table| table.name.value.parse::<PackageName>().ok()) else {
        return Some(written);
    };
    let mut includers: BTreeMap<GroupName, BTreeSet<GroupName>> = BTreeMap::new();
    for (name, group) in &root.groups {
        let Ok(name) = name.parse::<GroupName>() else { continue };
        for item in &group.value {
            if let GroupItem::Include(included) = item
                && let Ok(included) = included.parse::<GroupName>()
            {
                includers.entry(included).or_default().insert(name.clone());
            }
        }
    }
    // A group is known by its name alone: of two projects with a group of that name, the first counts.
    let mut named: BTreeMap<GroupName, Item> = BTreeMap::new();
    for item in written.iter().flat_map(|(items, _)| items) {
        if let ItemKind::Group(group) = &item.kind {
            named.entry(group.clone()).or_insert_with(|| item.clone());
        }
    }
    let mut known: BTreeSet<Items> = written.iter().map(|(items, _)| items.clone()).collect();
    let mut sets = written;
    let mut room = MOST_SETS;
    for (group, item) in &named {
        let mut above = BTreeSet::new();
        let mut queue = vec![group.clone()];
        while let Some(next) = queue.pop() {
            let of_next = includers.get(&next).into_iter().flatten();
            queue.extend(of_next.filter(|includer| above.insert((*includer).clone())).cloned());
        }
        let replacement = |group: &GroupName| {
            let own = || Item { package: package.clone(), kind: ItemKind::Group(group.clone()) };
            named.get(group).cloned().unwrap_or_else(own)
        };
        if above.is_empty() {
            continue;
        }
        let with_it: Vec<(Items, &Span)> = sets.iter().filter(|(items, _)| items.contains(item)).cloned().collect();
        for (items, span) in with_it {
            for includer in &above {
                let mut replaced = items.clone();
                replaced.remove(item);
                replaced.insert(replacement(includer));
                room = room.checked_sub(replaced.len())?;
                if known.insert(replaced.clone()) {
                    sets.push((replaced, span));
                }
            }
        }
    }
    Some(sets)
}

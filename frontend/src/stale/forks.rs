//! What a resolution is split by: environments and conflicts.

use std::collections::BTreeSet;

use uv_normalize::{ExtraName, PackageName};
use uv_pep508::MarkerTree;

use super::Check;
use crate::config::table::Located;
use crate::lock::{PackageId, encode_extra, encode_group, encode_project};
use crate::manifest::Manifest;
use crate::manifest::declarations::{ConflictTable, Declarations, GroupItem};

impl Check<'_> {
    /// `environments` and `required-environments` of the workspace root, in their order.
    pub(super) fn environments(&mut self, root: &Declarations) {
        let lists = [
            ("environments", &root.environments, &self.lock.supported_markers),
            ("required-environments", &root.required_environments, &self.lock.required_markers),
        ];
        for (key, declared, locked) in lists {
            let texts = declared.as_ref().map_or(&[][..], |list| &list.value);
            let parsed: Result<Vec<MarkerTree>, _> = texts.iter().map(|text| text.value.parse()).collect();
            let Ok(markers) = parsed else { continue };
            let simplified = |markers: &[MarkerTree]| -> Vec<MarkerTree> {
                markers.iter().map(|marker| self.bounds.simplify(*marker)).collect()
            };
            let span = declared.as_ref().map(|list| &list.span).or(root.start());
            if simplified(&markers) != simplified(locked)
                && let Some(span) = span
            {
                let message = match declared {
                    Some(_) => format!("it was made with other `tool.uv.{key}`"),
                    None => format!("it was made with `tool.uv.{key}`, and there are none"),
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
            .flat_map(|(name, own)| own.conflicts.iter().map(move |set| (name, own, set)))
            .collect();
        for (name, own, set) in sets {
            // A group that includes others makes uv add sets of its own.
            let Some(items) = encoded(name, set).filter(|_| !includes(own)) else {
                is_certain = false;
                continue;
            };
            if !locked.contains(&items.iter().collect()) {
                self.report("it was made without these `conflicts`", set.span.clone());
            }
            declared.insert(items);
        }
        let gone = locked.iter().any(|set| !declared.iter().any(|items| items.iter().collect::<BTreeSet<_>>() == *set));
        let is_complete = is_certain && self.root.is_some() && lock.members.iter().all(|name| is_read.contains(name));
        if gone
            && is_complete
            && let Some(start) = self.root.and_then(Declarations::start)
        {
            self.report("it was made with `conflicts` that no project has", start.clone());
        }
    }
}

/// The items of a set as markers name them. `None` when one is not understood.
fn encoded(own: Option<&PackageName>, set: &Located<Vec<ConflictTable>>) -> Option<BTreeSet<ExtraName>> {
    let item = |item: &ConflictTable| {
        let package = match &item.package {
            Some(package) => package.parse().ok()?,
            None => own?.clone(),
        };
        let encoded = match (&item.extra, &item.group) {
            (Some(extra), None) => encode_extra(&package, &extra.parse().ok()?),
            (None, Some(group)) => encode_group(&package, &group.parse().ok()?),
            (None, None) => encode_project(&package),
            (Some(_), Some(_)) => return None,
        };
        encoded.parse().ok()
    };
    set.value.iter().map(item).collect()
}

fn includes(own: &Declarations) -> bool {
    let mut items = own.groups.values().flat_map(|group| &group.value);
    items.any(|item| matches!(item, GroupItem::Include(_)))
}

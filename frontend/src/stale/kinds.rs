//! How the members are installed: as packages or not, editable or not (uv: `collect_required_members`, `is_package`).

use std::collections::BTreeMap;

use uv_normalize::PackageName;

use super::check::{Check, Required};
use crate::lock::{Package, Source};
use crate::manifest::declarations::{Declarations, SourceKind};

impl<'a> Required<'a> {
    /// In the order in which uv reads them: the root's, then those of the members by name.
    pub fn new(root: Option<&'a Declarations>, members: &[(PackageName, &'a Declarations)], is_complete: bool) -> Self {
        let name_of = |own: &Declarations| own.project.as_ref().and_then(|table| table.name.value.parse().ok());
        let mut required = Self { named: BTreeMap::new(), is_complete: is_complete && root.is_some() };
        root.into_iter().for_each(|root| required.add(root, name_of(root).as_ref()));
        members.iter().for_each(|(name, own)| required.add(own, Some(name)));
        required
    }

    fn add(&mut self, declarations: &'a Declarations, own: Option<&PackageName>) {
        let named = declarations.sources.iter().filter_map(|(name, list)| Some((name.parse().ok()?, list)));
        for (name, list) in named.filter(|(name, _): &(PackageName, _)| Some(name) != own) {
            for source in list {
                if let SourceKind::Workspace { editable } = source.kind {
                    self.named.insert(name.clone(), (editable, &source.span));
                }
            }
        }
    }
}

impl Check<'_> {
    /// Whether a member is built (uv: `PyProjectToml::is_package`).
    pub(super) fn kind(&mut self, package: &Package, own: &Declarations) {
        let is_virtual = matches!(package.source, Source::Virtual(_));
        let name = &package.name;
        let place = own.project.as_ref().map(|table| table.name.span.clone());
        let required = self.required.named.get(name).map(|(_, span)| (*span).clone());
        let (message, span) = match (&own.package, is_virtual) {
            (Some(package), false) if !package.value => {
                (format!("`{name}` was locked as a package, but has `package = false`"), Some(package.span.clone()))
            }
            (Some(package), true) if package.value => {
                (format!("`{name}` was not locked as a package, but has `package = true`"), Some(package.span.clone()))
            }
            (None, true) if own.builds => (format!("`{name}` was locked without its `[build-system]`"), place),
            (None, true) if required.is_some() => {
                (format!("`{name}` was not locked as a package, but `tool.uv.sources` now names it"), required)
            }
            (None, false) if !own.builds && required.is_none() && self.required.is_complete => {
                (format!("`{name}` was locked as a package, but has no `[build-system]`"), place)
            }
            _ => return,
        };
        span.into_iter().for_each(|span| self.report(&message, span));
    }

    /// Whether members are editable. The last source decides, so that one that was not read may.
    pub(super) fn editables(&mut self) {
        if !self.required.is_complete {
            return;
        }
        let lock = self.lock;
        let members = lock.members.iter().filter_map(|name| Some((name, lock.member(name)?)));
        let mut wrong = Vec::new();
        for (name, id) in members {
            let locked = match lock.packages[id].source {
                Source::Editable(_) => true,
                Source::Directory(_) => false,
                _ => continue,
            };
            let required = self.required.named.get(name);
            let is_editable = required.and_then(|(editable, _)| *editable).unwrap_or(true);
            let span = required.map(|(_, span)| (*span).clone()).or_else(|| self.place_of(name));
            if locked != is_editable
                && let Some(span) = span
            {
                let how = if locked {
                    "as editable, but is no longer editable"
                } else {
                    "as not editable, but is now editable"
                };
                wrong.push((format!("`{name}` was locked {how}"), span));
            }
        }
        wrong.into_iter().for_each(|(message, span)| self.report(message, span));
    }
}

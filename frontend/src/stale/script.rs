//! Whether the lock of a script was made from its block.

use super::check::Check;
use super::home::Home;
use super::lowering::{Lowered, Scope, Table};
use super::requirement::{Origin, PythonBounds, Requirement};
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::manifest::declarations::Declarations;

impl<'a> Check<'a> {
    /// What it requires, for which pythons, and the settings in the block. Of those that uv puts together with others nothing is said.
    pub(super) fn script(&mut self, path: &'a str, root: PackageId, own: &'a Declarations, manifest: &'a Manifest) {
        let configuration = own.configuration.clone().unwrap_or_default();
        self.script_requirements(path, root, own);
        self.script_pythons(path, own);
        self.settings(own);
        self.options(&configuration);
        if !configuration.is_combined {
            self.static_metadata(own, &configuration);
            self.indexes(&configuration, &[(root, manifest)]);
        }
    }

    fn script_requirements(&mut self, path: &str, root: PackageId, own: &'a Declarations) {
        let (lock, bounds, no_sources) = (self.lock, self.bounds.clone(), self.no_sources.clone());
        let package = &lock.packages[root];
        let Some(table) = &own.project else { return };
        let directory = &lock.root;
        let scope =
            Scope { lock, bounds: &bounds, name: None, directory, own, home: Home::Alone, no_sources: &no_sources };
        let written = table.dependencies.as_ref();
        let Some(required) = scope.list(written.map_or(&[][..], |list| &list.value), Table::Always) else { return };
        let Some(noted) = self.noted(package.metadata.requires_dist.as_deref().unwrap_or_default()) else { return };
        // uv drops a requirement of any version beside one of some versions.
        let is_of_any = |one: &Requirement| matches!(&one.origin, Origin::Index { specifiers, index: None } if specifiers.is_empty());
        let is_alike = |one: &Requirement, other: &Requirement| {
            (&one.name, &one.extras, &one.marker) == (&other.name, &other.extras, &other.marker) && one != other
        };
        let is_dropped = |one: &Requirement| {
            let mut all = required.iter().map(|lowered| &lowered.requirement);
            is_of_any(one) && !noted.contains(one) && all.any(|other| is_alike(one, other))
        };
        let counting: Vec<Lowered> =
            required.iter().filter(|lowered| !is_dropped(&lowered.requirement)).cloned().collect();
        self.compare(path, &counting, noted, written.map_or(&table.span, |list| &list.span));
    }

    fn script_pythons(&mut self, path: &str, own: &Declarations) {
        let Some((locked, _)) = &self.lock.requires_python else { return };
        let Some(text) = own.project.as_ref().and_then(|table| table.requires_python.as_ref()) else { return };
        let Ok(specifiers) = text.value.parse::<uv_pep440::VersionSpecifiers>() else { return };
        let (bounds, wanted) = (PythonBounds::of(locked), PythonBounds::of(&specifiers));
        if !bounds.within(&wanted) || !wanted.within(&bounds) {
            let message = format!("it was made for Python `{locked}`, but `{path}` requires `{specifiers}`");
            self.report(message, text.span.clone());
        }
    }
}

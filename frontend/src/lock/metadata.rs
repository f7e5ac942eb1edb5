//! What the manifests said when the lock was made, as the lock notes it. Nothing of it decides what is installed: it is kept as
//! text, and read by [`crate::stale`] for the projects that a build uses.

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::{ExtraName, GroupName};

use crate::paths::joined;

use super::wire::{LockWire, PackageWire, RequirementWire, Text};

/// `[package.metadata]` of a local project.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// `requires-dist`; absent where a project needs nothing, and in locks that note nothing.
    pub requires_dist: Option<Vec<Noted>>,
    /// `provides-extras`
    pub provides_extras: BTreeSet<ExtraName>,
    /// `[package.metadata.requires-dev]`
    pub requires_dev: BTreeMap<GroupName, Vec<Noted>>,
    /// `default-groups`, as it is written.
    pub default_groups: Option<toml::Value>,
    /// `[package.group-requires-python]`
    pub group_pythons: BTreeMap<String, String>,
}

/// `[manifest]`: what concerns the workspace as a whole.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `constraints`
    pub constraints: Vec<Noted>,
    /// `overrides`
    pub overrides: Vec<Noted>,
    /// `build-constraints`
    pub build_constraints: Vec<Noted>,
    /// `excludes`
    pub excludes: Vec<toml::Value>,
    /// `[[manifest.dependency-metadata]]`
    pub dependency_metadata: Vec<toml::Value>,
    /// `[options]`
    pub options: BTreeMap<String, toml::Value>,
    /// `default-groups` of a root that is not a project.
    pub default_groups: Option<toml::Value>,
    /// `[manifest.dependency-groups]`: those of a root that is not a project.
    pub groups: BTreeMap<String, Vec<Noted>>,
}

/// A requirement as it is noted: every value as the lock spells it.
#[derive(Clone, Debug, Default)]
pub struct Noted {
    /// Absent for forms of later revisions.
    pub name: Option<String>,
    /// Extras of it that are asked for.
    pub extras: Vec<String>,
    /// When it applies.
    pub marker: Option<String>,
    /// Versions.
    pub specifier: Option<String>,
    /// URL of the index that it must come from.
    pub index: Option<String>,
    /// URL of a repository, with what was asked for in its query.
    pub git: Option<String>,
    /// URL of an archive.
    pub url: Option<String>,
    /// Where in the archive the project lies.
    pub subdirectory: Option<String>,
    /// Path of a file or directory in the context.
    pub local: Option<String>,
    /// The directory is installed as it is.
    pub is_editable: bool,
}

impl Noted {
    fn from_wire(wire: &RequirementWire<'_>, root: &str) -> Self {
        let owned = |text: &Option<Text<'_>>| text.as_ref().map(ToString::to_string);
        let locals = [&wire.editable, &wire.directory, &wire.virtual_, &wire.path];
        Self {
            name: owned(&wire.name),
            extras: wire.extras.iter().map(ToString::to_string).collect(),
            marker: owned(&wire.marker),
            specifier: owned(&wire.specifier),
            index: owned(&wire.index),
            git: owned(&wire.git),
            url: owned(&wire.url),
            subdirectory: owned(&wire.subdirectory),
            local: locals.into_iter().flatten().next().map(|path| joined(root, path)),
            is_editable: wire.editable.is_some(),
        }
    }

    fn list(wires: &[RequirementWire<'_>], root: &str) -> Vec<Self> {
        wires.iter().map(|wire| Self::from_wire(wire, root)).collect()
    }
}

impl Metadata {
    /// Whether nothing is noted.
    pub fn is_empty(&self) -> bool {
        self.requires_dist.is_none() && self.provides_extras.is_empty() && self.requires_dev.is_empty()
    }

    /// Names are checked by the reader of the lock, which knows their place.
    pub(super) fn from_wire(
        package: &PackageWire<'_>,
        root: &str,
        provides_extras: BTreeSet<ExtraName>,
        groups: impl Iterator<Item = GroupName>,
    ) -> Self {
        let wire = &package.metadata;
        Self {
            default_groups: package.default_groups.clone(),
            group_pythons: texts(&package.group_requires_python),
            requires_dist: wire.requires_dist.as_deref().map(|list| Noted::list(list, root)),
            provides_extras,
            requires_dev: groups.zip(wire.requires_dev.values().map(|list| Noted::list(list, root))).collect(),
        }
    }
}

fn texts(wire: &BTreeMap<Text<'_>, Text<'_>>) -> BTreeMap<String, String> {
    wire.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect()
}

impl Settings {
    pub(super) fn from_wire(lock: &LockWire<'_>, root: &str) -> Self {
        let wire = &lock.manifest;
        Self {
            options: lock.options.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
            default_groups: wire.default_groups.clone(),
            constraints: Noted::list(&wire.constraints, root),
            overrides: Noted::list(&wire.overrides, root),
            build_constraints: Noted::list(&wire.build_constraints, root),
            excludes: wire.excludes.clone(),
            dependency_metadata: wire.dependency_metadata.clone(),
            groups: wire
                .dependency_groups
                .iter()
                .map(|(name, list)| (name.to_string(), Noted::list(list, root)))
                .collect(),
        }
    }
}

//! A package of a lock.

use std::collections::BTreeMap;

use uv_normalize::{ExtraName, GroupName, PackageName};
use uv_pep440::Version;

use super::artifact::{Sdist, Wheel};
use super::metadata::Metadata;
use super::source::Source;
use crate::diagnostic::Span;
use crate::marker::Marker;

/// Index into the packages of a lock.
pub type PackageId = usize;

/// A `[[package]]`.
#[derive(Debug)]
pub struct Package {
    /// Normalised name.
    pub name: PackageName,
    /// Absent for a local project with a dynamic version.
    pub version: Option<Version>,
    /// Where it comes from.
    pub source: Source,
    /// What it needs always.
    pub dependencies: Vec<Dependency>,
    /// What each extra adds. Empty extras are there too.
    pub extras: BTreeMap<ExtraName, Vec<Dependency>>,
    /// What each dependency group holds. Empty groups are there too.
    pub groups: BTreeMap<GroupName, Vec<Dependency>>,
    /// Wheels that the index has.
    pub wheels: Vec<Wheel>,
    /// The source distribution, if the index has one.
    pub sdist: Option<Sdist>,
    /// What the manifest of a local project said.
    pub metadata: Metadata,
    /// The place of its name.
    pub span: Span,
}

impl Package {
    /// Its dependencies, those of its extras and groups too.
    pub fn edges(&self) -> impl Iterator<Item = &Dependency> {
        self.extras.values().chain(self.groups.values()).chain([&self.dependencies]).flatten()
    }

    /// Whether another one is among them.
    pub fn reaches(&self, other: PackageId) -> bool {
        self.edges().any(|dependency| dependency.package == other)
    }
}

/// An edge of the graph.
#[derive(Debug)]
pub struct Dependency {
    /// The package pointed to.
    pub package: PackageId,
    /// The extras of it that are asked for.
    pub extras: Vec<ExtraName>,
    /// When it applies; includes uv's encoding of conflicts as extras.
    pub marker: Marker,
}

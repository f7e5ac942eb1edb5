//! `uv.lock` as it is written (uv: `crates/uv-resolver/src/lock/mod.rs`). Lenient: keys that an installer does not need, and
//! keys of later revisions, are ignored.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use toml::Spanned;

/// A string that is borrowed from the file unless escapes had to be resolved. (`Cow` in an `Option` or a list is always copied.)
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<'a>(Cow<'a, str>);

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Cow::Owned(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Text<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Text<'de>, E> {
        Ok(Text(Cow::Owned(text)))
    }
}

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LockWire<'a> {
    pub version: Spanned<u32>,
    #[serde(default)]
    pub revision: u32,
    #[serde(borrow)]
    pub requires_python: Option<Spanned<Text<'a>>>,
    #[serde(borrow)]
    pub supported_markers: Option<Spanned<Vec<Text<'a>>>>,
    #[serde(default, borrow)]
    pub required_markers: Vec<Text<'a>>,
    #[serde(default, borrow)]
    pub conflicts: Vec<Vec<ConflictItemWire<'a>>>,
    #[serde(default)]
    pub options: BTreeMap<Text<'a>, toml::Value>,
    #[serde(default, borrow)]
    pub manifest: ManifestWire<'a>,
    #[serde(default, alias = "distribution", borrow)]
    pub package: Vec<Spanned<PackageWire<'a>>>,
}

/// Only what is needed to say that a version is not supported, when the rest cannot be read.
#[derive(Debug, Deserialize)]
pub struct VersionWire {
    pub version: Spanned<u32>,
}

/// One item of a conflict set: a project, one of its extras or one of its groups.
#[derive(Debug, Deserialize)]
pub struct ConflictItemWire<'a> {
    #[serde(borrow)]
    pub package: Text<'a>,
    #[serde(borrow)]
    pub extra: Option<Text<'a>>,
    #[serde(borrow)]
    pub group: Option<Text<'a>>,
}

/// `[manifest]`. `members` is empty for a single project, whose root package then has the source path `.`. `dependency-groups`
/// are those of a workspace root that is not a project.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ManifestWire<'a> {
    #[serde(default, borrow)]
    pub members: Vec<Text<'a>>,
    /// What a script requires.
    #[serde(default, borrow)]
    pub requirements: Vec<RequirementWire<'a>>,
    #[serde(default, borrow)]
    pub constraints: Vec<RequirementWire<'a>>,
    #[serde(default, borrow)]
    pub overrides: Vec<RequirementWire<'a>>,
    #[serde(default, borrow)]
    pub build_constraints: Vec<RequirementWire<'a>>,
    #[serde(default)]
    pub excludes: Vec<toml::Value>,
    #[serde(default)]
    pub dependency_metadata: Vec<toml::Value>,
    #[serde(default, borrow)]
    pub dependency_groups: BTreeMap<Text<'a>, Vec<RequirementWire<'a>>>,
    pub default_groups: Option<toml::Value>,
}

/// `[[package]]`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageWire<'a> {
    #[serde(borrow)]
    pub name: Spanned<Text<'a>>,
    /// Absent for a local project with a dynamic version.
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
    #[serde(borrow)]
    pub source: SourceWire<'a>,
    #[serde(default, borrow)]
    pub dependencies: Vec<DependencyWire<'a>>,
    #[serde(default, borrow)]
    pub optional_dependencies: BTreeMap<Text<'a>, Vec<DependencyWire<'a>>>,
    #[serde(default, borrow)]
    pub dev_dependencies: BTreeMap<Text<'a>, Vec<DependencyWire<'a>>>,
    #[serde(borrow)]
    pub sdist: Option<ArtifactWire<'a>>,
    #[serde(default, borrow)]
    pub wheels: Vec<ArtifactWire<'a>>,
    #[serde(default, borrow)]
    pub metadata: MetadataWire<'a>,
    pub default_groups: Option<toml::Value>,
    #[serde(default, borrow)]
    pub group_requires_python: BTreeMap<Text<'a>, Text<'a>>,
    /// The environments that this version was locked for, where there are others.
    #[serde(default, borrow)]
    pub resolution_markers: Vec<Text<'a>>,
}

/// Where a package comes from: exactly one of the kinds is present.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceWire<'a> {
    #[serde(borrow)]
    pub registry: Option<Text<'a>>,
    #[serde(borrow)]
    pub git: Option<Text<'a>>,
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
    #[serde(borrow)]
    pub path: Option<Text<'a>>,
    #[serde(borrow)]
    pub directory: Option<Text<'a>>,
    #[serde(borrow)]
    pub editable: Option<Text<'a>>,
    #[serde(borrow, rename = "virtual")]
    pub virtual_: Option<Text<'a>>,
    /// With `url`: where in the archive the project lies.
    #[serde(borrow)]
    pub subdirectory: Option<Text<'a>>,
    /// Of the package that stands for a script: no lock writes it.
    #[serde(skip)]
    pub script: Option<Text<'a>>,
}

/// An edge. `version` and `source` are there only when the name alone is ambiguous in the lock.
#[derive(Debug, Deserialize)]
pub struct DependencyWire<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub version: Option<Text<'a>>,
    #[serde(borrow)]
    pub source: Option<SourceWire<'a>>,
    #[serde(default, borrow)]
    pub extra: Vec<Text<'a>>,
    #[serde(borrow)]
    pub marker: Option<Text<'a>>,
}

/// A wheel or an sdist: a URL, or a path relative to a local index, or (for path sources) a file name only.
#[derive(Debug, Deserialize)]
pub struct ArtifactWire<'a> {
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
    #[serde(borrow)]
    pub path: Option<Text<'a>>,
    #[serde(borrow)]
    pub filename: Option<Text<'a>>,
    #[serde(borrow)]
    pub hash: Option<Text<'a>>,
    pub size: Option<u64>,
}

/// `[package.metadata]`: what the manifest of a local project said. It tells which extras and groups exist though they are
/// empty, and whether the lock is stale.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MetadataWire<'a> {
    #[serde(borrow)]
    pub requires_dist: Option<Vec<RequirementWire<'a>>>,
    #[serde(default, borrow)]
    pub provides_extras: Vec<Text<'a>>,
    #[serde(default, alias = "dependency-groups", borrow)]
    pub requires_dev: BTreeMap<Text<'a>, Vec<RequirementWire<'a>>>,
}

/// A requirement, with the place that `tool.uv.sources` gives it. `conflict` says again where it is written and is not read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RequirementWire<'a> {
    /// Absent for forms of later revisions.
    #[serde(borrow)]
    pub name: Option<Text<'a>>,
    #[serde(default, borrow)]
    pub extras: Vec<Text<'a>>,
    #[serde(borrow)]
    pub marker: Option<Text<'a>>,
    #[serde(borrow)]
    pub specifier: Option<Text<'a>>,
    #[serde(borrow)]
    pub index: Option<Text<'a>>,
    #[serde(borrow)]
    pub git: Option<Text<'a>>,
    #[serde(borrow)]
    pub url: Option<Text<'a>>,
    #[serde(borrow)]
    pub path: Option<Text<'a>>,
    #[serde(borrow)]
    pub directory: Option<Text<'a>>,
    #[serde(borrow)]
    pub editable: Option<Text<'a>>,
    #[serde(borrow, rename = "virtual")]
    pub virtual_: Option<Text<'a>>,
    /// With `url`: where in the archive the project lies.
    #[serde(borrow)]
    pub subdirectory: Option<Text<'a>>,
}

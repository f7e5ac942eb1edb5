//! `pyproject.toml` of the workspace root and of members: only the fields below are read.
//!
//! `project.name`, `project.scripts`, what [`about`] has, `build-system.requires`, `build-system.build-backend`, and of the root `tool.uv.index`,
//! `tool.uv.find-links`, `tool.uv.index-url`, `tool.uv.extra-index-url` and `tool.uv.no-index`. To tell a stale lock, also those
//! of [`declarations`]; and what [`version`] and [`inputs`] need.

pub mod about;
pub mod configuration;
pub mod declarations;
pub mod exclude_newer;
pub mod inputs;
mod passwords;

pub mod requirement;
pub mod resolution;
pub mod script;
pub mod settings;

mod tables;
pub mod version;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};
use uv_normalize::PackageName;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, syntax_error};
/// The file's name.
pub use crate::paths::MANIFEST as FILE_NAME;
pub use crate::paths::UV_TOML;
use crate::paths::{directory_of, joined};
use about::About;
use declarations::{Declarations, SourceKind, SourceTable};
use inputs::Input;
use version::VersionSource;

/// A manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Where packages come from, builds' requirements among them: `tool.uv.sources`, by normalised name.
    pub sources: BTreeMap<String, Vec<SourceTable>>,
    /// The file.
    pub file: Arc<SourceFile>,
    /// `project.name`; a virtual workspace root has none.
    pub name: Option<PackageName>,
    /// `project.scripts`: names, each with what it calls.
    pub scripts: BTreeMap<String, String>,
    /// How it is built.
    pub build_system: BuildSystem,
    /// What it tells people.
    pub about: About,
    /// Where its version comes from.
    pub version: VersionSource,
    /// What its build reads that it names: what lies outside of it, and what must be there.
    pub inputs: Vec<Input>,
    /// Where build requirements are looked for.
    pub indexes: Indexes,
    /// What the lock was made from; absent when something in it is not understood.
    pub declarations: Option<Declarations>,
}

impl Manifest {
    /// Whether it has sources that only a member of a workspace can have, and is not the root of one.
    pub fn is_of_a_workspace(&self) -> bool {
        let is_no_root = self.declarations.as_ref().is_some_and(|declared| declared.workspace.is_none());
        is_no_root && self.sources.values().flatten().any(|source| matches!(source.kind, SourceKind::Workspace { .. }))
    }
}

/// `[build-system]`, or what stands for it when it is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSystem {
    /// PEP 508 requirements, sorted.
    pub requires: Vec<String>,
    /// Where each of them is written.
    pub places: BTreeMap<String, Span>,
    /// Dotted name of the backend.
    pub backend: Option<String>,
    /// `tool.setuptools.ext-modules` names modules to be compiled.
    pub has_extensions: bool,
    /// `tool.setuptools` lists packages or modules, and others are in no wheel.
    pub lists_modules: bool,
    /// Its place, or the start of the file.
    pub span: Span,
}

/// `tool.uv` keys that say where packages come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Indexes {
    /// Indexes at URLs that serve any package, in the order in which uv asks them.
    pub remote: Vec<RemoteIndex>,
    /// `tool.uv.no-index`
    pub no_index: bool,
    /// Directories of the context that are flat indexes.
    pub directories: Vec<String>,
    /// URLs of all named indexes, of those as well that serve only who names them.
    pub named: BTreeMap<String, String>,
}

/// An index at a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RemoteIndex {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it is.
    pub url: String,
    /// What it is to uv.
    pub role: Role,
}

/// What an index is to uv.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Asked last, in place of uv's own default.
    Default,
    /// Asked before.
    Additional,
    /// A page of links.
    Flat,
}

impl Indexes {
    /// These, and those of another file after them.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.remote.extend(other.remote);
        self.directories.extend(other.directories);
        for (name, url) in other.named {
            self.named.entry(name).or_insert(url);
        }
        Self { no_index: self.no_index || other.no_index, ..self }
    }

    /// Arguments to uv in a step, where the directories are mounted at [`Indexes::mount_path`].
    pub fn arguments(&self) -> Vec<String> {
        let remote = self.remote.iter().flat_map(|index| match (index.role, &index.name) {
            (Role::Flat, _) => ["--find-links".to_owned(), index.url.clone()],
            // With its name, uv finds its credentials in the environment.
            (role, Some(name)) => [role.flag().to_owned(), format!("{name}={}", index.url)],
            (role, None) => [role.flag().to_owned(), index.url.clone()],
        });
        let no_index = self.no_index.then(|| "--no-index".to_owned());
        let directories =
            self.directories.iter().flat_map(|directory| ["--find-links".to_owned(), Self::mount_path(directory)]);
        remote.chain(no_index).chain(directories).collect()
    }

    /// Where a step finds a directory of the context.
    pub fn mount_path(directory: &str) -> String {
        format!("/index/{directory}")
    }
}

impl Role {
    fn flag(self) -> &'static str {
        match self {
            Self::Default => "--default-index",
            Self::Additional => "--index",
            Self::Flat => "--find-links",
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ManifestWire {
    project: Option<ProjectWire>,
    build_system: Option<Spanned<BuildSystemWire>>,
    #[serde(default)]
    tool: ToolWire,
}

#[derive(Deserialize)]
struct ProjectWire {
    name: Option<Spanned<String>>,
    #[serde(default)]
    scripts: BTreeMap<String, toml::Value>,
    description: Option<toml::Value>,
    license: Option<toml::Value>,
    urls: Option<toml::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildSystemWire {
    #[serde(default)]
    requires: Vec<Spanned<String>>,
    build_backend: Option<String>,
}

#[derive(Default, Deserialize)]
struct ToolWire {
    #[serde(default)]
    uv: UvWire,
    #[serde(default)]
    setuptools: SetuptoolsWire,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SetuptoolsWire {
    #[serde(default)]
    ext_modules: Vec<toml::Value>,
    packages: Option<toml::Value>,
    py_modules: Option<toml::Value>,
}

impl SetuptoolsWire {
    /// Whether it names packages or modules, or patterns of them, and setuptools looks for no others.
    fn lists_modules(&self) -> bool {
        let has_patterns =
            |packages: &toml::Value| packages.get("find").is_some_and(|find| find.get("include").is_some());
        self.py_modules.is_some()
            || self.packages.as_ref().is_some_and(|packages| packages.is_array() || has_patterns(packages))
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct UvWire {
    #[serde(default)]
    index: Vec<IndexWire>,
    #[serde(default)]
    find_links: Vec<String>,
    index_url: Option<String>,
    #[serde(default)]
    extra_index_url: Vec<String>,
    #[serde(default)]
    no_index: bool,
}

#[derive(Deserialize)]
struct IndexWire {
    name: Option<String>,
    url: String,
    #[serde(default)]
    default: bool,
    #[serde(default)]
    explicit: bool,
    format: Option<String>,
}

/// PEP 517: what stands for an absent `[build-system]`.
const LEGACY_REQUIRES: &str = "setuptools>=40.8.0";

/// Parses a manifest.
pub fn parse(file: &Arc<SourceFile>) -> Result<Manifest, Diagnostics> {
    if file.text.len() > LONGEST {
        let problem = format!("`{}` has more than {} kB", file.name, LONGEST >> 10);
        return Err(too_large(problem, Span::whole(file)).into());
    }
    let document = DeTable::parse(file.toml()).map_err(|error| syntax_error(file, &error))?;
    of_document(file, document)
}

/// Bytes that a manifest may have: some of its tables are compared with all others.
const LONGEST: usize = 256 << 10;

/// Bytes that a requirement may have. Reading one takes as long as the square of its extras.
const LONGEST_REQUIREMENT: usize = 8 << 10;

fn too_large(problem: String, place: Span) -> Diagnostic {
    Diagnostic::new("manifest::too_large", problem)
        .at(place)
        .help("shorten it: a manifest may have 256 kB, and a requirement 8 kB")
}

/// Refuses a requirement that takes long to read.
fn check_size(file: &Arc<SourceFile>, document: &DeTable<'_>) -> Result<(), Diagnostic> {
    let mut open: Vec<&Spanned<DeValue<'_>>> = Vec::new();
    for (table, keys) in [("project", &["dependencies", "optional-dependencies"][..]), ("build-system", &["requires"])]
    {
        let table = document.get(table).and_then(|table| table.get_ref().as_table());
        open.extend(keys.iter().filter_map(|key| table?.get(*key)));
    }
    open.extend(document.get("dependency-groups"));
    while let Some(value) = open.pop() {
        match value.get_ref() {
            DeValue::String(text) if text.len() > LONGEST_REQUIREMENT => {
                let problem = format!("a requirement has more than {} kB", LONGEST_REQUIREMENT >> 10);
                return Err(too_large(problem, Span::new(file, value.span())));
            }
            DeValue::Array(values) => open.extend(values.iter()),
            DeValue::Table(values) => open.extend(values.values()),
            _ => {}
        }
    }
    Ok(())
}

/// Reads what was parsed of a file.
fn of_document(file: &Arc<SourceFile>, document: Spanned<DeTable<'_>>) -> Result<Manifest, Diagnostics> {
    passwords::check_manifest(file, document.get_ref())?;
    check_size(file, document.get_ref())?;
    let declarations = declarations::read(file, document.get_ref());
    let sources = declarations::read_sources(file, document.get_ref());
    let version = version::read(file, document.get_ref());
    let inputs = inputs::read(file, document.get_ref());
    let wire = ManifestWire::deserialize(Deserializer::from(document)).map_err(|error| syntax_error(file, &error))?;
    let project = wire.project.as_ref();
    let name = match project.and_then(|project| project.name.as_ref()) {
        Some(name) => Some(name.get_ref().parse().map_err(|_| {
            Diagnostic::new("manifest::name", format!("`{}` is not a valid project name", name.get_ref()))
                .at(Span::new(file, name.span()))
                .help("use letters, digits, `-`, `_` and `.`, and start and end with a letter or digit")
        })?),
        None => None,
    };
    let has_extensions = !wire.tool.setuptools.ext_modules.is_empty();
    let lists_modules = wire.tool.setuptools.lists_modules();
    let build_system = match wire.build_system {
        Some(spanned) => {
            let span = Span::new(file, spanned.span());
            let BuildSystemWire { requires, build_backend } = spanned.into_inner();
            let places: BTreeMap<String, Span> =
                requires.into_iter().map(|text| (text.get_ref().clone(), Span::new(file, text.span()))).collect();
            let requires = places.keys().cloned().collect();
            BuildSystem { requires, places, backend: build_backend, has_extensions, lists_modules, span }
        }
        None => BuildSystem {
            requires: vec![LEGACY_REQUIRES.to_owned()],
            places: BTreeMap::new(),
            backend: None,
            has_extensions,
            lists_modules,
            span: Span::whole(file),
        },
    };
    Ok(Manifest {
        file: Arc::clone(file),
        name,
        scripts: project.map(|project| project.scripts()).unwrap_or_default(),
        build_system,
        about: project.map(ProjectWire::about).unwrap_or_default(),
        version,
        inputs,
        indexes: indexes(&wire.tool.uv, directory_of(&file.name)),
        sources,
        declarations,
    })
}

impl ProjectWire {
    fn scripts(&self) -> BTreeMap<String, String> {
        let called = |value: &toml::Value| value.as_str().unwrap_or_default().to_owned();
        self.scripts.iter().map(|(name, value)| (name.clone(), called(value))).collect()
    }

    fn about(&self) -> About {
        About::new(self.description.as_ref(), self.license.as_ref(), self.urls.as_ref())
    }
}

/// The indexes that a `uv.toml` beside the workspace root's manifest names: uv looks at no others. Those that the manifest has a
/// name for are still there for packages that name them.
pub fn indexes_beside(file: &Arc<SourceFile>, manifest: &Indexes) -> Result<Indexes, Diagnostics> {
    passwords::check_settings(file)?;
    let wire: UvWire = toml::from_str(&file.text).map_err(|error| syntax_error(file, &error))?;
    let mut indexes = indexes(&wire, directory_of(&file.name));
    for (name, url) in &manifest.named {
        indexes.named.entry(name.clone()).or_insert_with(|| url.clone());
    }
    Ok(indexes)
}

/// The indexes that the `tool.uv` of a directory above names, where those count.
pub fn indexes_above(file: &Arc<SourceFile>) -> Result<Indexes, Diagnostics> {
    let document = DeTable::parse(&file.text).map_err(|error| syntax_error(file, &error))?;
    passwords::check_manifest(file, document.get_ref())?;
    let wire = ManifestWire::deserialize(Deserializer::from(document)).map_err(|error| syntax_error(file, &error))?;
    Ok(indexes(&wire.tool.uv, directory_of(&file.name)))
}

/// Without the name of a user that has no password beside it: keyrings need one, and it is no secret.
fn without_user(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(mut parsed) if !parsed.username().is_empty() && parsed.password().is_none() => {
            // Of a URL with a host, it can be taken out.
            let _taken = parsed.set_username("");
            parsed.to_string()
        }
        _ => url.to_owned(),
    }
}

fn indexes(uv: &UvWire, root: &str) -> Indexes {
    let is_url = |text: &str| text.contains("://");
    let unnamed = |url: &str, role| RemoteIndex { name: None, url: without_user(url), role };
    let mut indexes = Indexes { no_index: uv.no_index, ..Indexes::default() };
    for IndexWire { name, url, default, explicit, format } in &uv.index {
        if let Some(name) = name.as_ref().filter(|_| is_url(url)) {
            indexes.named.insert(name.clone(), without_user(url));
        }
        // Explicit indexes serve only the packages that name them in `tool.uv.sources`, so never a build requirement.
        if *explicit {
            continue;
        }
        if !is_url(url) {
            indexes.directories.push(joined(root, url));
            continue;
        }
        let role = match (default, format.as_deref()) {
            (_, Some("flat")) => Role::Flat,
            (true, _) => Role::Default,
            (false, _) => Role::Additional,
        };
        indexes.remote.push(RemoteIndex { name: name.clone(), ..unnamed(url, role) });
    }
    indexes.remote.extend(uv.index_url.iter().map(|url| unnamed(url, Role::Default)));
    indexes.remote.extend(uv.extra_index_url.iter().map(|url| unnamed(url, Role::Additional)));
    for link in &uv.find_links {
        if is_url(link) {
            indexes.remote.push(unnamed(link, Role::Flat));
        } else {
            indexes.directories.push(joined(root, link));
        }
    }
    indexes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_build_needs() {
        let text = r#"
            [project]
            name = "Pkg_API"
            version = "1"
            scripts = { serve = "a:b", admin = "a:c" }
            [build-system]
            requires = ["wheel", "setuptools>=61", "wheel"]
            build-backend = "setuptools.build_meta"
            [tool.uv]
            find-links = ["vendor"]
            [[tool.uv.index]]
            url = "https://index.example/simple"
            default = true
            [[tool.uv.index]]
            name = "torch"
            url = "https://torch.example/cpu"
            explicit = true
        "#;
        let manifest = parse(&SourceFile::new(FILE_NAME, text)).unwrap();
        assert_eq!(manifest.name.unwrap().as_str(), "pkg-api");
        assert_eq!(manifest.scripts.keys().collect::<Vec<_>>(), ["admin", "serve"]);
        assert_eq!(manifest.build_system.requires, ["setuptools>=61", "wheel"]);
        let arguments = manifest.indexes.arguments();
        assert_eq!(arguments, ["--default-index", "https://index.example/simple", "--find-links", "/index/vendor"]);
        assert_eq!(manifest.indexes.named["torch"], "https://torch.example/cpu");
        assert_eq!(manifest.indexes.directories, ["vendor"]);
    }
}

//! `pyproject.toml` of the workspace root and of members: only the fields below are read.
//!
//! `project.name`, `project.scripts`, `build-system.requires`, `build-system.build-backend`, and of the root `tool.uv.index`,
//! `tool.uv.find-links`, `tool.uv.index-url`, `tool.uv.extra-index-url` and `tool.uv.no-index`. To tell a stale lock, also those
//! of [`declarations`].

pub mod declarations;

pub mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};
use uv_normalize::PackageName;

use crate::config::syntax_error;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use declarations::Declarations;

/// The file's name.
pub const FILE_NAME: &str = "pyproject.toml";

/// A manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file.
    pub file: Arc<SourceFile>,
    /// `project.name`; a virtual workspace root has none.
    pub name: Option<PackageName>,
    /// Names of `project.scripts`.
    pub scripts: Vec<String>,
    /// How it is built.
    pub build_system: BuildSystem,
    /// Where build requirements are looked for.
    pub indexes: Indexes,
    /// What the lock was made from; absent when something in it is not understood.
    pub declarations: Option<Declarations>,
}

/// `[build-system]`, or what stands for it when it is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSystem {
    /// PEP 508 requirements, sorted.
    pub requires: Vec<String>,
    /// Dotted name of the backend.
    pub backend: Option<String>,
    /// `tool.setuptools.ext-modules` names modules to be compiled.
    pub has_extensions: bool,
    /// Its place, or the start of the file.
    pub span: Span,
}

/// `tool.uv` keys that say where packages come from, as arguments to uv.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Indexes {
    /// `--default-index`, `--index` and `--no-index` arguments.
    pub args: Vec<String>,
    /// Directories of the context that are flat indexes.
    pub directories: Vec<String>,
}

impl Indexes {
    /// Arguments to uv in a step, where the directories are mounted at [`Indexes::mount_path`].
    pub fn arguments(&self) -> Vec<String> {
        let directories =
            self.directories.iter().flat_map(|directory| ["--find-links".to_owned(), Self::mount_path(directory)]);
        self.args.iter().cloned().chain(directories).collect()
    }

    /// Where a step finds a directory of the context.
    pub fn mount_path(directory: &str) -> String {
        format!("/index/{directory}")
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
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct BuildSystemWire {
    #[serde(default)]
    requires: Vec<String>,
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
    let document = DeTable::parse(&file.text).map_err(|error| syntax_error(file, &error))?;
    let declarations = declarations::read(file, document.get_ref());
    let wire = ManifestWire::deserialize(Deserializer::from(document)).map_err(|error| syntax_error(file, &error))?;
    let project = wire.project.as_ref();
    let name = match project.and_then(|project| project.name.as_ref()) {
        Some(name) => Some(name.get_ref().parse().map_err(|_| {
            Diagnostic::new("manifest::name", format!("`{}` is not a project name", name.get_ref()))
                .at(Span::new(file, name.span()))
                .help("use letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends")
        })?),
        None => None,
    };
    let has_extensions = !wire.tool.setuptools.ext_modules.is_empty();
    let build_system = match wire.build_system {
        Some(spanned) => {
            let span = Span::new(file, spanned.span());
            let BuildSystemWire { mut requires, build_backend } = spanned.into_inner();
            requires.sort();
            requires.dedup();
            BuildSystem { requires, backend: build_backend, has_extensions, span }
        }
        None => BuildSystem {
            requires: vec![LEGACY_REQUIRES.to_owned()],
            backend: None,
            has_extensions,
            span: Span::whole(file),
        },
    };
    Ok(Manifest {
        file: Arc::clone(file),
        name,
        scripts: project.map(|project| project.scripts.keys().cloned().collect()).unwrap_or_default(),
        build_system,
        indexes: indexes(&wire.tool.uv),
        declarations,
    })
}

fn indexes(uv: &UvWire) -> Indexes {
    let mut indexes = Indexes::default();
    let mut flag = |name: &str, value: &str| indexes.args.extend([name.to_owned(), value.to_owned()]);
    // Explicit indexes serve only the packages that name them in `tool.uv.sources`, so never a build requirement.
    for index in uv.index.iter().filter(|index| !index.explicit) {
        let is_url = index.url.contains("://");
        match (is_url, index.default, index.format.as_deref()) {
            (true, _, Some("flat")) => flag("--find-links", &index.url),
            (true, true, _) => flag("--default-index", &index.url),
            (true, false, _) => flag("--index", &index.url),
            (false, ..) => indexes.directories.push(index.url.clone()),
        }
    }
    let mut flag = |name: &str, value: &str| indexes.args.extend([name.to_owned(), value.to_owned()]);
    if let Some(url) = &uv.index_url {
        flag("--default-index", url);
    }
    for url in &uv.extra_index_url {
        flag("--index", url);
    }
    for link in &uv.find_links {
        if link.contains("://") {
            flag("--find-links", link);
        } else {
            indexes.directories.push(link.clone());
        }
    }
    if uv.no_index {
        indexes.args.push("--no-index".to_owned());
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
        assert_eq!(manifest.scripts, ["admin", "serve"]);
        assert_eq!(manifest.build_system.requires, ["setuptools>=61", "wheel"]);
        assert_eq!(manifest.indexes.args, ["--default-index", "https://index.example/simple"]);
        assert_eq!(manifest.indexes.directories, ["vendor"]);
    }
}

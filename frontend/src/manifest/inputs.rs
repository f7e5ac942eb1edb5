//! Files and directories that a manifest names and a build of the project reads: those that lie outside of the project, and those without
//! which the build fails.
//!
//! Where each backend looks, and whether it fails, is as its sources have it: hatchling, flit, pdm, poetry, uv and scikit-build-core fail
//! without a readme; setuptools goes on with a warning. What a hook of the build may make before it is read is not missed here.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{SourceFile, Span};
use crate::paths::{directory_of, joined, lies_in};

/// A path that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The path as seen from the root of the context; one that begins with `..` is not in it. It may be a pattern.
    pub path: String,
    /// The key that names it.
    pub key: String,
    /// Where that is.
    pub span: Span,
    /// The backend fails when there is nothing.
    pub is_required: bool,
    /// It is a pattern, one file of which is enough.
    pub is_pattern: bool,
}

/// A backend that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backend {
    Flit,
    Hatchling,
    Maturin,
    Pdm,
    Poetry,
    ScikitBuild,
    Setuptools,
    Uv,
}

impl Backend {
    /// By `build-system.build-backend`, without which setuptools builds.
    fn of(document: &DeTable<'_>) -> Option<Self> {
        let Some(backend) = at(document, &["build-system", "build-backend"]) else { return Some(Self::Setuptools) };
        let name = backend.get_ref().as_str()?;
        let (module, _) = name.split_once(['.', ':']).unwrap_or((name, ""));
        match module {
            "flit_core" => Some(Self::Flit),
            "hatchling" => Some(Self::Hatchling),
            "maturin" => Some(Self::Maturin),
            "pdm" => Some(Self::Pdm),
            "poetry" => Some(Self::Poetry),
            "scikit_build_core" => Some(Self::ScikitBuild),
            "setuptools" => Some(Self::Setuptools),
            "uv_build" => Some(Self::Uv),
            _ => None,
        }
    }

    /// Keys whose texts, or those in their arrays, are paths. `*` stands for everything in an array or a table.
    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Hatchling => &[
                "tool.hatch.version.path",
                "tool.hatch.version.search-paths",
                "tool.hatch.build.packages",
                "tool.hatch.build.only-include",
                "tool.hatch.build.targets.wheel.packages",
                "tool.hatch.build.targets.wheel.only-include",
                "tool.hatch.build.hooks.custom.path",
                "tool.hatch.build.targets.wheel.hooks.custom.path",
                "tool.hatch.metadata.hooks.custom.path",
                "tool.hatch.metadata.hooks.requirements_txt.filename",
                "tool.hatch.metadata.hooks.requirements_txt.files",
                "tool.hatch.metadata.hooks.requirements_txt.optional-dependencies.*",
                FRAGMENTS,
            ],
            Self::Maturin => &[
                "tool.maturin.python-source",
                "tool.maturin.data",
                "tool.maturin.include",
                "tool.maturin.include.*.path",
            ],
            Self::Pdm => &[
                "tool.pdm.version.path",
                "tool.pdm.build.package-dir",
                "tool.pdm.build.includes",
                "tool.pdm.build.custom-hook",
                "tool.pdm.build.wheel-data.*",
                "tool.pdm.build.wheel-data.*.*.path",
            ],
            Self::Poetry => &[
                "tool.poetry.readme",
                "tool.poetry.include",
                "tool.poetry.include.*.path",
                "tool.poetry.build",
                "tool.poetry.build.script",
                "tool.poetry.scripts.*.reference",
            ],
            Self::ScikitBuild => &[
                "tool.scikit-build.cmake.source-dir",
                "tool.scikit-build.cmake.toolchain-file",
                "tool.scikit-build.wheel.packages",
                "tool.scikit-build.wheel.packages.*",
                "tool.scikit-build.metadata.*.input",
                FRAGMENTS,
            ],
            Self::Setuptools => &[
                "tool.setuptools.package-dir.*",
                "tool.setuptools.packages.find.where",
                "tool.setuptools.data-files.*",
                "tool.setuptools.dynamic.*.file",
                "tool.setuptools.ext-modules.*.sources",
                "tool.setuptools.ext-modules.*.depends",
                "tool.setuptools.ext-modules.*.include-dirs",
                "tool.setuptools.ext-modules.*.extra-objects",
            ],
            Self::Uv => &["tool.uv.build-backend.module-root", "tool.uv.build-backend.data.*"],
            Self::Flit => &[],
        }
    }

    /// Whether it fails without what one of those keys names.
    fn requires(self, key: &str, document: &DeTable<'_>) -> bool {
        let is_dynamic = |field: &str| {
            let fields = at(document, &["project", "dynamic"]).and_then(|value| value.get_ref().as_array());
            fields.into_iter().flat_map(|array| array.iter()).any(|item| item.get_ref().as_str() == Some(field))
        };
        let text = |path: &[&str]| at(document, path).and_then(|value| value.get_ref().as_str());
        match key {
            "tool.hatch.version.path" => {
                let source = text(&["tool", "hatch", "version", "source"]).unwrap_or("regex");
                is_dynamic("version") && ["regex", "code"].contains(&source)
            }
            "tool.pdm.version.path" => {
                is_dynamic("version") && text(&["tool", "pdm", "version", "source"]) == Some("file")
            }
            "tool.hatch.metadata.hooks.requirements_txt.filename"
            | "tool.hatch.metadata.hooks.requirements_txt.files" => is_dynamic("dependencies"),
            "tool.hatch.metadata.hooks.custom.path" | "tool.poetry.readme" => true,
            FRAGMENTS => self == Self::Hatchling && is_dynamic("readme"),
            _ => false,
        }
    }

    /// Whether it fails without the readme that a project declares, and without the licence of the old form.
    fn requires_readme(self) -> bool {
        !matches!(self, Self::Setuptools | Self::Maturin)
    }

    /// Whether it fails for a pattern of `project.license-files` that no file matches.
    fn requires_licenses(self) -> bool {
        matches!(self, Self::Flit | Self::Pdm | Self::Poetry | Self::ScikitBuild | Self::Uv)
    }
}

const FRAGMENTS: &str = "tool.hatch.metadata.hooks.fancy-pypi-readme.fragments.*.path";

type Value<'doc> = Spanned<DeValue<'doc>>;

/// Reads them from a manifest.
pub(super) fn read(file: &Arc<SourceFile>, document: &DeTable<'_>) -> Vec<Input> {
    let directory = directory_of(&file.name);
    let mut inputs = Vec::new();
    let mut push = |text: &str, key: &str, range: Range<usize>, is_required: bool, is_pattern: bool| {
        // What is read of the system that builds is no part of a workspace.
        if text.is_empty() || text.starts_with(['/', '~']) || text.contains(['$', '{']) {
            return;
        }
        let path = joined(directory, text);
        if is_required || !lies_in(&path, directory) {
            inputs.push(Input { path, key: key.to_owned(), span: Span::new(file, range), is_required, is_pattern });
        }
    };
    let backend = Backend::of(document);
    let requires_readme = backend.is_some_and(Backend::requires_readme);
    for (key, is_required) in [
        ("project.readme", requires_readme),
        ("project.readme.file", requires_readme),
        ("project.license.file", requires_readme && backend != Some(Backend::Poetry)),
    ] {
        texts(document, key, &mut |text, range| push(text, key, range, is_required, false));
    }
    let requires_licenses = backend.is_some_and(Backend::requires_licenses);
    texts(document, "project.license-files", &mut |text, range| {
        let is_pattern = is_glob(text);
        push(text, "project.license-files", range, requires_licenses, is_pattern);
    });
    let Some(backend) = backend else { return inputs };
    for key in backend.keys() {
        let is_required = backend.requires(key, document);
        texts(document, key, &mut |text, range| {
            push(before_glob(text), key, range, is_required && !is_glob(text), false);
        });
    }
    match backend {
        Backend::Hatchling => {
            for (text, key, range) in forced(document) {
                push(text, key, range, !has_hooks(document), false);
            }
        }
        Backend::Maturin => texts(document, "tool.maturin.manifest-path", &mut |text, range| {
            // The crate, of which the build reads more than this file.
            push(text, "tool.maturin.manifest-path", range.clone(), true, false);
            push(directory_of(text), "tool.maturin.manifest-path", range, false, false);
        }),
        Backend::Poetry => {
            for (text, range) in poetry_packages(document) {
                push(before_glob(&text), "tool.poetry.packages", range, false, false);
            }
        }
        _ => {}
    }
    inputs
}

/// What hatchling is forced to include: a table of the target's own stands for that of all.
fn forced<'doc>(document: &'doc DeTable<'doc>) -> Vec<(&'doc str, &'static str, Range<usize>)> {
    const OF_WHEELS: &str = "tool.hatch.build.targets.wheel.force-include";
    const OF_ALL: &str = "tool.hatch.build.force-include";
    let table = |key: &'static str| {
        let path: Vec<&str> = key.split('.').collect();
        Some((at(document, &path)?.get_ref().as_table()?, key))
    };
    let Some((table, key)) = table(OF_WHEELS).or_else(|| table(OF_ALL)) else { return Vec::new() };
    table.iter().map(|(name, _)| (name.get_ref().as_ref(), key, name.span())).collect()
}

/// Whether hooks run before hatchling looks for files, and may make them.
fn has_hooks(document: &DeTable<'_>) -> bool {
    let hooks: [&[&str]; 2] =
        [&["tool", "hatch", "build", "hooks"], &["tool", "hatch", "build", "targets", "wheel", "hooks"]];
    hooks.iter().any(|path| at(document, path).is_some())
}

/// `packages` of poetry: each is below what it comes `from`.
fn poetry_packages(document: &DeTable<'_>) -> Vec<(String, Range<usize>)> {
    let packages = at(document, &["tool", "poetry", "packages"]).and_then(|value| value.get_ref().as_array());
    let package = |value: &Value<'_>| {
        let table = value.get_ref().as_table()?;
        let include = table.get("include")?;
        let from = table.get("from").and_then(|from| from.get_ref().as_str()).unwrap_or(".");
        Some((format!("{from}/{}", include.get_ref().as_str()?), include.span()))
    };
    packages.into_iter().flat_map(|array| array.iter()).filter_map(package).collect()
}

/// The texts under a key, and those in arrays there, each with its place.
fn texts(document: &DeTable<'_>, key: &str, found: &mut dyn FnMut(&str, Range<usize>)) {
    let path: Vec<&str> = key.split('.').collect();
    if let Some((first, rest)) = path.split_first()
        && let Some(value) = document.get(*first)
    {
        texts_in(value, rest, found);
    }
}

fn texts_in(value: &Value<'_>, path: &[&str], found: &mut dyn FnMut(&str, Range<usize>)) {
    match (path, value.get_ref()) {
        ([], DeValue::String(text)) => found(text, value.span()),
        ([], DeValue::Array(items)) => {
            for item in items.iter() {
                if let Some(text) = item.get_ref().as_str() {
                    found(text, item.span());
                }
            }
        }
        (["*", rest @ ..], DeValue::Array(items)) => items.iter().for_each(|item| texts_in(item, rest, found)),
        (["*", rest @ ..], DeValue::Table(table)) => table.iter().for_each(|(_, value)| texts_in(value, rest, found)),
        ([name, rest @ ..], DeValue::Table(table)) => {
            if let Some(value) = table.get(*name) {
                texts_in(value, rest, found);
            }
        }
        _ => {}
    }
}

/// The value under a path of keys.
fn at<'doc>(document: &'doc DeTable<'doc>, path: &[&str]) -> Option<&'doc Value<'doc>> {
    let (key, rest) = path.split_first()?;
    let value = document.get(*key)?;
    if rest.is_empty() { Some(value) } else { at(value.get_ref().as_table()?, rest) }
}

fn is_glob(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// What of a path comes before the first part that is a pattern.
fn before_glob(text: &str) -> &str {
    let Some(first) = text.find(['*', '?', '[']) else { return text };
    text[..first].rfind('/').map_or(".", |end| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, path and, of what is required, a mark, of what a manifest in `services/api` names.
    fn inputs(text: &str) -> Vec<String> {
        let document = DeTable::parse(text).unwrap();
        let file = SourceFile::new("services/api/pyproject.toml", text);
        let shown = |input: Input| {
            let place = &text[input.span.range.clone()];
            assert!(!place.contains('\n'), "{place}");
            format!("{} {}{}", input.key, input.path, if input.is_required { "!" } else { "" })
        };
        read(&file, document.get_ref()).into_iter().map(shown).collect()
    }

    fn with(backend: &str, rest: &str) -> Vec<String> {
        inputs(&format!("{rest}\n[build-system]\nbuild-backend = \"{backend}\"\n"))
    }

    #[test]
    fn a_readme_is_required_where_the_backend_fails_without_it() {
        let inside = "[project]\nreadme = \"README.md\"\n";
        for backend in ["hatchling.build", "flit_core.buildapi", "pdm.backend", "poetry.core.masonry.api", "uv_build"] {
            assert_eq!(with(backend, inside), ["project.readme services/api/README.md!"], "{backend}");
        }
        assert_eq!(with("setuptools.build_meta", inside), [""; 0]);
        assert_eq!(inputs(inside), [""; 0]);
        assert_eq!(with("mesonpy", inside), [""; 0]);
        let outside = "[project]\nreadme = { file = \"../../README.md\", content-type = \"text/markdown\" }\n";
        assert_eq!(with("pdm.backend", outside), ["project.readme.file README.md!"]);
        assert_eq!(with("mesonpy", outside), ["project.readme.file README.md"]);
        assert_eq!(
            with("pdm.backend", "[project]\nreadme = \"../../../README.md\"\n"),
            ["project.readme ../README.md!"]
        );
        assert_eq!(with("pdm.backend", "[project]\nreadme = { text = \"Of it\" }\n"), [""; 0]);
    }

    #[test]
    fn a_licence_is_required_where_the_backend_fails_without_it() {
        let files = "[project]\nlicense-files = [\"LICEN[CS]E*\", \"NOTICE\"]\n";
        let required =
            ["project.license-files services/api/LICEN[CS]E*!", "project.license-files services/api/NOTICE!"];
        assert_eq!(with("uv_build", files), required);
        assert_eq!(with("hatchling.build", files), [""; 0]);
        let old = "[project]\nlicense = { file = \"../LICENSE\" }\n";
        assert_eq!(with("hatchling.build", old), ["project.license.file services/LICENSE!"]);
        assert_eq!(with("setuptools.build_meta", old), ["project.license.file services/LICENSE"]);
    }

    #[test]
    fn knows_what_hatchling_reads() {
        let version = "[project]\ndynamic = [\"version\"]\n[tool.hatch.version]\npath = \"../../version.py\"\n";
        assert_eq!(with("hatchling.build", version), ["tool.hatch.version.path version.py!"]);
        let plugin = format!("{version}source = \"nodejs\"\n");
        assert_eq!(with("hatchling.build", &plugin), ["tool.hatch.version.path version.py"]);
        let forced = "[tool.hatch.build.targets.wheel.force-include]\n\"web/dist\" = \"api/web\"\n\"../../a.json\" = \"a\"\n\
                      [tool.hatch.build.force-include]\n\"of-sdist\" = \"b\"\n";
        let key = "tool.hatch.build.targets.wheel.force-include";
        assert_eq!(
            with("hatchling.build", forced),
            [format!("{key} a.json!"), format!("{key} services/api/web/dist!")]
        );
        let hooks = format!("{forced}[tool.hatch.build.hooks.custom]\n");
        assert_eq!(with("hatchling.build", &hooks), [format!("{key} a.json")]);
        let requirements = "[project]\ndynamic = [\"dependencies\"]\n[tool.hatch.metadata.hooks.requirements_txt]\n\
                            files = [\"../base.txt\", \"own.txt\"]\n";
        let key = "tool.hatch.metadata.hooks.requirements_txt.files";
        assert_eq!(
            with("hatchling.build", requirements),
            [format!("{key} services/base.txt!"), format!("{key} services/api/own.txt!")]
        );
    }

    #[test]
    fn knows_what_leads_out_for_each_backend() {
        let version = "[project]\ndynamic = [\"version\"]\n[tool.pdm.version]\nsource = \"file\"\npath = \"../v.py\"\n";
        assert_eq!(with("pdm.backend", version), ["tool.pdm.version.path services/v.py!"]);
        let packages =
            "[tool.poetry]\npackages = [{ include = \"common\", from = \"../../shared\" }, { include = \"api\" }]\n";
        assert_eq!(with("poetry.core.masonry.api", packages), ["tool.poetry.packages shared/common"]);
        let crates = "[tool.maturin]\nmanifest-path = \"../../rust/core/Cargo.toml\"\npython-source = \"python\"\n";
        let key = "tool.maturin.manifest-path";
        assert_eq!(with("maturin", crates), [format!("{key} rust/core/Cargo.toml!"), format!("{key} rust/core")]);
        let native = "[tool.scikit-build]\ncmake.source-dir = \"../../native\"\n\
                      wheel.packages = { \"api/common\" = \"../../shared/common\" }\n";
        let lines = ["tool.scikit-build.cmake.source-dir native", "tool.scikit-build.wheel.packages.* shared/common"];
        assert_eq!(with("scikit_build_core.build", native), lines);
        let data = "[tool.setuptools]\ndata-files = { etc = [\"../../etc/*.conf\", \"own.conf\"] }\n\
                    package-dir = { \"\" = \"../../src\" }\n";
        let lines = ["tool.setuptools.package-dir.* src", "tool.setuptools.data-files.* etc"];
        assert_eq!(with("setuptools.build_meta", data), lines);
    }

    #[test]
    fn what_the_builder_has_is_no_part_of_the_workspace() {
        let system = "[tool.setuptools]\ndata-files = { etc = [\"/etc/os-release\"] }\n";
        assert_eq!(with("setuptools.build_meta", system), [""; 0]);
    }
}

//! Where a project's version comes from: its manifest, git's tags, or something that its files tell a build backend.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{SourceFile, Span};
use crate::marker;

/// Where a version comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionSource {
    /// `project.version`, which stands here.
    Written(Span),
    /// Git's tags.
    Tags {
        /// The setting that says so.
        span: Span,
        /// Who asks git.
        tool: &'static str,
    },
    /// What a build backend has without git: a file, code, or a fallback that the project declares.
    Computed,
}

/// It takes a version from no variable, as others do.
pub const VERSIONINGIT: &str = "versioningit";

type Value<'doc> = Spanned<DeValue<'doc>>;

/// Reads it from a manifest. Which settings ask git is as each tool documents it.
pub(super) fn read(file: &Arc<SourceFile>, document: &DeTable<'_>) -> VersionSource {
    if let Some(version) = at(document, &["project", "version"]) {
        return VersionSource::Written(Span::new(file, version.span()));
    }
    // A project that declares its metadata says what of it is dynamic.
    let is_dynamic = at(document, &["project"]).is_none()
        || strings(document, &["project", "dynamic"]).any(|(name, _)| name == "version");
    match asks_git(document) {
        Some((tool, range)) if is_dynamic => VersionSource::Tags { span: Span::new(file, range), tool },
        _ => VersionSource::Computed,
    }
}

/// Who asks git, and where that is said; nobody, where there is a version for when git is not there.
fn asks_git(document: &DeTable<'_>) -> Option<(&'static str, Range<usize>)> {
    let hatch = at(document, &["tool", "hatch", "version", "source"]);
    let uv_dynamic = at(document, &["tool", "uv-dynamic-versioning"]);
    let pdm = at(document, &["tool", "pdm", "version", "source"]);
    let poetry = at(document, &["tool", "poetry-dynamic-versioning", "enable"]);
    let versioningit = at(document, &["tool", "versioningit"]);
    let (tool, said, fallbacks): (_, _, &[&[&str]]) = if let Some(source) = hatch.filter(|value| is(value, "vcs")) {
        let fallbacks: &[&[&str]] = &[
            &["tool", "hatch", "version", "fallback-version"],
            &["tool", "hatch", "version", "raw-options", "fallback_version"],
        ];
        ("hatch-vcs", source.span(), fallbacks)
    } else if let Some(said) = hatch.filter(|value| is(value, "uv-dynamic-versioning")).or(uv_dynamic) {
        ("uv-dynamic-versioning", said.span(), &[&["tool", "uv-dynamic-versioning", "fallback-version"]])
    } else if let Some(source) = pdm.filter(|value| is(value, "scm")) {
        ("pdm-backend", source.span(), &[&["tool", "pdm", "version", "fallback_version"]])
    } else if let Some(enable) = poetry.filter(|value| value.get_ref().as_bool() == Some(true)) {
        ("poetry-dynamic-versioning", enable.span(), &[])
    } else if let Some(table) = versioningit {
        (VERSIONINGIT, table.span(), &[&["tool", "versioningit", "default-version"]])
    } else if let Some(required) = required(document, "pbr", &["pbr.", "setuptools."]) {
        ("pbr", required, &[])
    } else {
        let fallbacks: &[&[&str]] =
            &[&["tool", "setuptools_scm", "fallback_version"], &["tool", "setuptools", "dynamic", "version"]];
        ("setuptools-scm", setuptools_scm(document)?, fallbacks)
    };
    let has_fallback = fallbacks.iter().any(|path| at(document, path).is_some());
    (!has_fallback).then_some((tool, said))
}

/// Its table, or else its name among what setuptools is required with.
fn setuptools_scm(document: &DeTable<'_>) -> Option<Range<usize>> {
    if let Some(table) = at(document, &["tool", "setuptools_scm"]) {
        return Some(table.span());
    }
    required(document, "setuptools-scm", &["setuptools."])
}

/// Where a package is required for a build by one of these backends, or by none that is named.
fn required(document: &DeTable<'_>, name: &str, backends: &[&str]) -> Option<Range<usize>> {
    let backend = at(document, &["build-system", "build-backend"]).and_then(|value| value.get_ref().as_str());
    if backend.is_some_and(|backend| !backends.iter().any(|known| backend.starts_with(known))) {
        return None;
    }
    let is_named = |text: &str| marker::requirement(text).is_some_and(|requirement| requirement.name.as_str() == name);
    strings(document, &["build-system", "requires"]).find(|(text, _)| is_named(text)).map(|(_, range)| range)
}

/// The value under a path of keys.
fn at<'doc>(document: &'doc DeTable<'doc>, path: &[&str]) -> Option<&'doc Value<'doc>> {
    let (key, rest) = path.split_first()?;
    let value = document.get(*key)?;
    if rest.is_empty() { Some(value) } else { at(value.get_ref().as_table()?, rest) }
}

/// The texts of an array, with their places.
fn strings<'doc>(
    document: &'doc DeTable<'doc>,
    path: &[&str],
) -> impl Iterator<Item = (&'doc str, Range<usize>)> + use<'doc> {
    let items =
        at(document, path).and_then(|value| value.get_ref().as_array()).into_iter().flat_map(|array| array.iter());
    items.filter_map(|item| Some((item.get_ref().as_str()?, item.span())))
}

fn is(value: &Value<'_>, text: &str) -> bool {
    value.get_ref().as_str() == Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> String {
        let document = DeTable::parse(text).unwrap();
        let file = SourceFile::new("pyproject.toml", text);
        match read(&file, document.get_ref()) {
            VersionSource::Written(span) => format!("written {}", &text[span.range]),
            VersionSource::Tags { span, tool } => format!("{tool}: {}", &text[span.range]),
            VersionSource::Computed => "computed".to_owned(),
        }
    }

    #[test]
    fn knows_who_asks_git() {
        let dynamic = |rest: &str| source(&format!("[project]\ndynamic = [\"version\"]\n{rest}"));
        assert_eq!(source("[project]\nversion = \"1\"\n[tool.setuptools_scm]\n"), "written \"1\"");
        assert_eq!(source("[project]\ndynamic = [\"readme\"]\n[tool.setuptools_scm]\n"), "computed");
        assert_eq!(dynamic("[tool.hatch.version]\nsource = \"vcs\"\n"), "hatch-vcs: \"vcs\"");
        assert_eq!(dynamic("[tool.hatch.version]\npath = \"a.py\"\n"), "computed");
        assert_eq!(
            dynamic("[tool.hatch.version]\nsource = \"uv-dynamic-versioning\"\n"),
            "uv-dynamic-versioning: \"uv-dynamic-versioning\""
        );
        assert_eq!(dynamic("[tool.uv-dynamic-versioning]\n"), "uv-dynamic-versioning: [tool.uv-dynamic-versioning]");
        assert_eq!(dynamic("[tool.setuptools_scm]\n"), "setuptools-scm: [tool.setuptools_scm]");
        assert_eq!(dynamic("[tool.pdm.version]\nsource = \"scm\"\n"), "pdm-backend: \"scm\"");
        assert_eq!(dynamic("[tool.pdm.version]\nsource = \"file\"\npath = \"a.py\"\n"), "computed");
        assert_eq!(source("[tool.poetry-dynamic-versioning]\nenable = true\n"), "poetry-dynamic-versioning: true");
        assert_eq!(dynamic("[tool.poetry-dynamic-versioning]\nenable = false\n"), "computed");
        assert_eq!(dynamic("[tool.versioningit]\n"), "versioningit: [tool.versioningit]");
        let pbr = "[build-system]\nrequires = [\"setuptools\", \"pbr>=6\"]\nbuild-backend = ";
        assert_eq!(dynamic(&format!("{pbr}\"pbr.build\"\n")), "pbr: \"pbr>=6\"");
        assert_eq!(dynamic(&format!("{pbr}\"hatchling.build\"\n")), "computed");
    }

    #[test]
    fn a_requirement_counts_where_setuptools_has_nothing_else() {
        let requires =
            "[project]\ndynamic = [\"version\"]\n[build-system]\nrequires = [\"setuptools\", \"setuptools_scm>=8\"]\n";
        assert_eq!(source(requires), "setuptools-scm: \"setuptools_scm>=8\"");
        assert_eq!(source(&format!("{requires}build-backend = \"hatchling.build\"\n")), "computed");
        assert_eq!(
            source(&format!("{requires}[tool.setuptools.dynamic]\nversion = {{ attr = \"a.b\" }}\n")),
            "computed"
        );
    }

    #[test]
    fn a_fallback_is_enough() {
        for text in [
            "[tool.hatch.version]\nsource = \"vcs\"\nfallback-version = \"0\"",
            "[tool.hatch.version]\nsource = \"vcs\"\nraw-options = { fallback_version = \"0\" }",
            "[tool.hatch.version]\nsource = \"uv-dynamic-versioning\"\n[tool.uv-dynamic-versioning]\nfallback-version = \"0\"",
            "[tool.setuptools_scm]\nfallback_version = \"0\"",
            "[tool.pdm.version]\nsource = \"scm\"\nfallback_version = \"0\"",
            "[tool.versioningit]\ndefault-version = \"0\"",
        ] {
            assert_eq!(source(text), "computed", "{text}");
        }
    }
}

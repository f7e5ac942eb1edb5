//! Local projects of a closure, as they are built.

use std::collections::{BTreeMap, BTreeSet};

use uv_pep508::{Requirement, VerbatimUrl, VersionOrUrl};

use super::recipe::Recipe;
use super::{Backend, Member, Toolchain, artifacts, direct_url};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lock::closure::Closure;
use crate::lock::{PackageId, Source};
use crate::manifest::{BuildSystem, Manifest};
use crate::project::{Project, Target};

/// The local projects of the closure, and the sets of build requirements that they share.
pub(super) fn of(
    project: &Project,
    target: &Target,
    closure: &Closure,
    manifests: &BTreeMap<PackageId, Manifest>,
    uv_version: &str,
    backends: &mut Vec<Backend>,
) -> Result<Vec<Member>, Diagnostics> {
    let lock = &project.lock;
    // Other projects and the workspace's flat indexes are no part of a project that they lie in.
    let indexes = project.manifest.iter().flat_map(|root| &root.indexes.directories);
    let indexes = indexes.map(|directory| directory.trim_start_matches("./").trim_end_matches('/'));
    let directories: BTreeSet<&str> =
        lock.packages.iter().filter_map(|package| package.source.project_dir()).chain(indexes).collect();
    let mut members = Vec::new();
    for id in closure.local_projects(lock) {
        let package = &lock.packages[id];
        let (Source::Directory(directory) | Source::Editable(directory)) = &package.source else { continue };
        let Some(manifest) = manifests.get(&id) else {
            return Err(Diagnostic::new(
                "lock::missing_member",
                format!("`{}` has no `pyproject.toml` in `{directory}`", package.name),
            )
            .at(package.span.clone())
            .help(
                "if the file is there, see whether `.dockerignore` leaves it out; if the member is gone, run `uv lock`",
            )
            .into());
        };
        let recipe = Recipe::of(package, project, closure)?;
        let requires = backend_of(&manifest.build_system, uv_version, &recipe);
        artifacts::check_build(package, project, requires.is_some())?;
        let backend = requires.map(|requires| {
            let backend = Backend { requires, constraints: recipe.constraints.clone() };
            backends.iter().position(|known| *known == backend).unwrap_or_else(|| {
                backends.push(backend);
                backends.len() - 1
            })
        });
        let prefix = if directory == "." { String::new() } else { format!("{directory}/") };
        // Sorted, so those below a directory are in one piece.
        let nested = directories
            .range(prefix.as_str()..)
            .map_while(|other| other.strip_prefix(&prefix))
            .filter(|below| *below != ".")
            .map(ToOwned::to_owned)
            .collect();
        members.push(Member {
            name: package.name.to_string(),
            version: package.version.as_ref().map(ToString::to_string),
            directory: directory.clone(),
            nested,
            backend,
            direct_url: direct_url::text(&package.source),
            recipe,
            toolchain: toolchain(&manifest.build_system, target.builder.value != target.base.value),
            span: manifest.build_system.span.clone(),
        });
    }
    Ok(members)
}

/// The requirements to install before a build; none when uv builds the project itself, which it does for `uv_build` of its own
/// version (uv: `check_direct_build`).
fn backend_of(build_system: &BuildSystem, uv_version: &str, recipe: &Recipe) -> Option<Vec<String>> {
    if let [only] = &build_system.requires[..]
        && build_system.backend.as_deref() == Some("uv_build")
        && let Ok(requirement) = only.parse::<Requirement<VerbatimUrl>>()
        && requirement.name.as_str() == "uv-build"
        && let Ok(version) = uv_version.parse()
    {
        let admitted = match &requirement.version_or_url {
            None => true,
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.contains(&version),
            Some(VersionOrUrl::Url(_)) => false,
        };
        if admitted {
            return None;
        }
    }
    let requires: BTreeSet<&String> = build_system.requires.iter().chain(&recipe.extra_requires).collect();
    Some(requires.into_iter().cloned().collect())
}

/// What is known to compile nothing: backends, and what is commonly required beside them.
const PURE: [&str; 14] = [
    "flit-core",
    "flit-scm",
    "hatch-fancy-pypi-readme",
    "hatch-requirements-txt",
    "hatch-vcs",
    "hatchling",
    "pdm-backend",
    "poetry-core",
    "poetry-dynamic-versioning",
    "setuptools-scm",
    "uv-build",
    "uv-dynamic-versioning",
    "versioningit",
    "wheel",
];

/// What a build needs, from what it requires. What is not known may compile.
///
/// A `setup.py` may compile without a sign of it in the manifest: where there is a builder, it is thought to.
fn toolchain(build_system: &BuildSystem, has_builder: bool) -> Toolchain {
    let mut toolchain = Toolchain::None;
    for requirement in &build_system.requires {
        let name = requirement.parse::<Requirement<VerbatimUrl>>().map(|requirement| requirement.name);
        let needed = match name.as_ref().map_or("", |name| name.as_str()) {
            "setuptools" if build_system.has_extensions || has_builder => Toolchain::Compiler,
            "cffi" | "cython" | "numpy" | "pybind11" => Toolchain::Compiler,
            "setuptools" => Toolchain::None,
            name if PURE.contains(&name) => Toolchain::None,
            _ => Toolchain::CompilerWithPackages,
        };
        toolchain = toolchain.max(needed);
    }
    toolchain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{SourceFile, Span};

    #[test]
    fn what_is_not_known_to_be_pure_may_compile() {
        let toolchain = |requires: &[&str], has_extensions: bool, has_builder: bool| {
            let requires = requires.iter().map(|text| (*text).to_owned()).collect();
            let span = Span::whole(&SourceFile::new("pyproject.toml", ""));
            super::toolchain(&BuildSystem { requires, backend: None, has_extensions, span }, has_builder)
        };
        assert_eq!(toolchain(&["hatchling>=1", "hatch_vcs"], false, true), Toolchain::None);
        assert_eq!(toolchain(&["setuptools", "wheel"], false, false), Toolchain::None);
        assert_eq!(toolchain(&["setuptools", "wheel"], false, true), Toolchain::Compiler);
        assert_eq!(toolchain(&["setuptools"], true, false), Toolchain::Compiler);
        assert_eq!(toolchain(&["Cython", "setuptools"], false, false), Toolchain::Compiler);
        assert_eq!(toolchain(&["maturin>=1,<2"], false, false), Toolchain::CompilerWithPackages);
    }
}

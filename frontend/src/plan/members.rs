//! Local projects of a closure, as they are built.

use std::collections::{BTreeMap, BTreeSet};

use uv_pep508::VersionOrUrl;

use super::application::Application;
use super::contents::{Backend, Member, Toolchain, Tree};
use super::inputs::{MemberInput, Reading};
use super::recipe::Recipe;
use super::{artifacts, direct_url, version};
use crate::config::kind::Kind;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lock::closure::Closure;
use crate::lock::{PackageId, Source};
use crate::manifest::{BuildSystem, Manifest};
use crate::marker;
use crate::project::requirement::{self, Need};
use crate::project::{Project, Target};
use crate::surroundings::Surroundings;

/// The local projects of the closure, and the sets of build requirements that they share: each before those that are built with
/// it.
pub(super) fn of(
    project: &Project,
    target: &Target,
    closure: &Closure,
    manifests: &BTreeMap<PackageId, Manifest>,
    (uv_version, surroundings): (&str, &Surroundings),
    warnings: &mut Vec<Diagnostic>,
) -> Result<(Vec<Member>, Vec<Backend>), Diagnostics> {
    let mut planning = Planning {
        project,
        target,
        closure,
        manifests,
        surroundings,
        uv_version,
        has_builder: target.builder.value != target.base.value
            || !target.build_apt.is_empty()
            || !target.build_apk.is_empty(),
        editable: target.editable,
        directories: directories(project),
        backends: Vec::new(),
        begun: Vec::new(),
    };
    let mut members = Vec::new();
    let mut errors: Vec<Diagnostic> = Vec::new();
    for id in closure.local_projects(&project.lock, target.selection.root) {
        let mut member = match planning.member(id) {
            Ok(Some(member)) => member,
            Ok(None) => continue,
            Err(found) => {
                // Several may be built with one that is at fault.
                let new = found.iter().filter(|error| !errors.contains(error)).cloned().collect::<Vec<_>>();
                errors.extend(new);
                planning.begun.clear();
                continue;
            }
        };
        let source = &project.lock.packages[id].source;
        if target.editable && matches!(source, Source::Editable(_)) {
            if member.toolchain == Toolchain::None {
                member.editable = true;
                // uv writes it, as the sources lie where it installs from.
                member.direct_url = None;
            } else {
                let problem =
                    format!("`{}` is not installed as editable, because its build may compile code", member.name);
                warnings.push(
                    Diagnostic::new("members::not_editable", problem)
                        .at(member.span.clone())
                        .help("it is built and installed as in targets without `editable`"),
                );
            }
        }
        members.push(member);
    }
    version::advise(&mut errors);
    Diagnostics::check(errors)?;
    Ok((members, planning.backends))
}

/// Sources that an image with editable projects holds: theirs, and those of a target that is no package at all.
pub(super) fn trees(project: &Project, target: &Target, members: &[Member]) -> Vec<Tree> {
    let editable = members.iter().filter(|member| member.editable);
    let mut trees: Vec<Tree> = Vec::new();
    for member in editable {
        let (name, directory) = (member.name.clone(), member.directory.clone());
        trees.push(Tree { name, directory, nested: member.nested.clone(), is_project: true });
        // A program that runs from its sources may look there as well.
        for path in member.inputs.iter().filter_map(MemberInput::context_path) {
            if !trees.iter().any(|tree| tree.directory == *path) {
                let (name, directory) = (member.name.clone(), path.clone());
                trees.push(Tree { name, directory, nested: Vec::new(), is_project: false });
            }
        }
    }
    let root = &project.lock.packages[target.selection.root];
    if let Source::Virtual(directory) = &root.source {
        let nested = nested(&directories(project), directory);
        let (name, directory) = (root.name.to_string(), directory.clone());
        trees.push(Tree { name, directory, nested, is_project: true });
    }
    trees
}

/// The files of the project itself.
pub(super) fn application(project: &Project, target: &Target, directory: &str, to: &str) -> Application {
    let root = &project.lock.packages[target.selection.root];
    Application {
        name: root.name.to_string(),
        directory: directory.to_owned(),
        nested: nested(&directories(project), directory),
        to: to.to_owned(),
        span: target.span.clone().unwrap_or_else(|| root.span.clone()),
    }
}

/// A project that is no package brings nothing into an environment but its dependencies.
pub(super) fn warn_of_nothing_installed(project: &Project, target: &Target, warnings: &mut Vec<Diagnostic>) {
    let root = &project.lock.packages[target.selection.root];
    let Source::Virtual(_) = &root.source else { return };
    let is_said = target.editable || target.sources.is_some() || !target.files.is_empty();
    if is_said || target.kind != Kind::Venv || root.dependencies.is_empty() {
        return;
    }
    let message =
        format!("`{}` is not a package: the environment has its dependencies, but none of its own files", root.name);
    warnings.push(
        Diagnostic::new("plan::nothing_installed", message)
            .at(target.span.clone().unwrap_or_else(|| root.span.clone()))
            .help("add a `[build-system]` to its `pyproject.toml`, and run `uv lock`"),
    );
}

/// Directories of projects and of the workspace's flat indexes, and its lock: no part of a project that they lie in.
fn directories(project: &Project) -> BTreeSet<&str> {
    let indexes = project.manifest.iter().flat_map(|root| &root.indexes.directories);
    let indexes = indexes.map(|directory| directory.trim_start_matches("./").trim_end_matches('/'));
    let projects = project.lock.packages.iter().filter_map(|package| package.source.project_dir());
    // With the lock of a workspace within the context: the root project there is not made from it.
    let lock = (project.lock.root != ".").then_some(project.lock.file.name.as_str());
    projects.chain(indexes).chain(lock).collect()
}

/// Those below a directory, relative to it.
fn nested(directories: &BTreeSet<&str>, directory: &str) -> Vec<String> {
    let prefix = if directory == "." { String::new() } else { format!("{directory}/") };
    // Sorted, so those below a directory are in one piece.
    directories
        .range(prefix.as_str()..)
        .map_while(|other| other.strip_prefix(&prefix))
        .filter(|below| *below != ".")
        .map(ToOwned::to_owned)
        .collect()
}

/// Projects and their backends, while they are put together.
struct Planning<'a> {
    project: &'a Project,
    target: &'a Target,
    closure: &'a Closure,
    manifests: &'a BTreeMap<PackageId, Manifest>,
    surroundings: &'a Surroundings,
    uv_version: &'a str,
    has_builder: bool,
    editable: bool,
    directories: BTreeSet<&'a str>,
    backends: Vec<Backend>,
    /// Projects that wait for those that they are built with.
    begun: Vec<PackageId>,
}

impl Planning<'_> {
    /// A project as it is built; none for one that is not.
    fn member(&mut self, id: PackageId) -> Result<Option<Member>, Diagnostics> {
        let package = &self.project.lock.packages[id];
        let (Source::Directory(directory) | Source::Editable(directory)) = &package.source else { return Ok(None) };
        let Some(manifest) = self.manifests.get(&id) else {
            return Err(Diagnostic::new(
                "lock::missing_member",
                format!("`{}` has no `pyproject.toml` in `{directory}`", package.name),
            )
            .at(package.span.clone())
            .help(
                "if the file exists, check whether `.dockerignore` excludes it; if the member was removed, run `uv lock`",
            )
            .into());
        };
        if let Some(begun) = self.begun.iter().position(|begun| *begun == id) {
            let between = self.begun[begun + 1..].iter();
            let names: Vec<String> = between.map(|id| format!("`{}`", self.project.lock.packages[*id].name)).collect();
            let way = if names.is_empty() { String::new() } else { format!(", through {}", names.join(", ")) };
            let problem = format!("`{}` depends on itself for its build{way}", package.name);
            return Err(Diagnostic::new("manifest::build_cycle", problem)
                .at(manifest.build_system.span.clone())
                .help("break the cycle in `build-system.requires`")
                .into());
        }
        let recipe = Recipe::of(package, self.project, self.closure)?;
        let given = version::given(self.project, package, manifest, &recipe)?;
        let is_built_by_uv = is_built_by_uv(&manifest.build_system, self.uv_version);
        artifacts::check_build(package, self.project, !is_built_by_uv)?;
        let backend = match is_built_by_uv {
            true => None,
            false => {
                self.begun.push(id);
                let backend = self.backend(id, manifest, &recipe)?;
                self.begun.pop();
                Some(backend)
            }
        };
        let nested = nested(&self.directories, directory);
        let inputs = Reading {
            project: self.project,
            target: self.target,
            surroundings: self.surroundings,
            directory,
            nested: &nested,
        };
        let config = self.project.config_of(id);
        let env = config.into_iter().flat_map(|config| &config.env);
        let toolchain = toolchain(&manifest.build_system, self.has_builder);
        let network = config.and_then(|config| config.network);
        Ok(Some(Member {
            name: package.name.to_string(),
            version: given.as_ref().or(package.version.as_ref()).map(ToString::to_string),
            is_versioned: given.is_some(),
            directory: directory.clone(),
            inputs: inputs.inputs(id, manifest)?,
            ignore_files: self.surroundings.ignore_files(directory),
            env: env.map(|(name, value)| (name.clone(), value.value.clone())).collect(),
            nested,
            backend,
            direct_url: direct_url::text(&package.source),
            recipe,
            toolchain,
            network: network.unwrap_or(toolchain == Toolchain::CompilerWithPackages),
            editable: false,
            starts: None,
            span: manifest.build_system.span.clone(),
        }))
    }

    /// The set of requirements that a project is built with.
    fn backend(&mut self, id: PackageId, manifest: &Manifest, recipe: &Recipe) -> Result<usize, Diagnostics> {
        let mut requires: BTreeSet<String> = recipe.extra_requires.iter().cloned().collect();
        let mut projects = BTreeSet::new();
        let mut errors = Vec::new();
        for text in &manifest.build_system.requires {
            match requirement::need(self.project, id, manifest, text) {
                Ok(Need::Requirement(text)) => drop(requires.insert(text)),
                Ok(Need::Project(id)) => self.reach(id, &mut projects),
                Err(error) => errors.push(error),
            }
        }
        errors.sort_by_key(|error: &Diagnostic| error.spans.first().map(|span| span.range.start));
        Diagnostics::check(errors)?;
        // What it asks for by `get_requires_for_build_editable`, which is not known before it is there.
        let is_hatchling = manifest.build_system.backend.as_deref() == Some("hatchling.build");
        if self.editable && is_hatchling {
            requires.insert("editables~=0.3".to_owned());
        }
        let mut members = Vec::new();
        for id in projects {
            members.extend(self.member(id)?);
        }
        let backend = Backend {
            requires: requires.into_iter().collect(),
            projects: members,
            constraints: recipe.constraints.clone(),
        };
        Ok(self.backends.iter().position(|known| known.is_like(&backend)).unwrap_or_else(|| {
            self.backends.push(backend);
            self.backends.len() - 1
        }))
    }

    /// A project and the others that it needs when it runs, whatever the environment.
    fn reach(&self, id: PackageId, reached: &mut BTreeSet<PackageId>) {
        let mut queue = vec![id];
        while let Some(id) = queue.pop() {
            let package = &self.project.lock.packages[id];
            if package.source.project_dir().is_some() && reached.insert(id) {
                queue.extend(package.dependencies.iter().map(|dependency| dependency.package));
            }
        }
    }
}

/// Whether uv builds a project itself, which it does for `uv_build` of its own version (uv: `check_direct_build`).
fn is_built_by_uv(build_system: &BuildSystem, uv_version: &str) -> bool {
    if let [only] = &build_system.requires[..]
        && build_system.backend.as_deref() == Some("uv_build")
        && let Some(requirement) = marker::requirement(only)
        && requirement.name.as_str() == "uv-build"
        && let Ok(version) = uv_version.parse()
    {
        return match &requirement.version_or_url {
            None => true,
            Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.contains(&version),
            Some(VersionOrUrl::Url(_)) => false,
        };
    }
    false
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

/// Backends that run cargo, which fetches the crates that a project needs.
const FETCHING: [&str; 2] = ["maturin", "setuptools-rust"];

/// What a build needs, from what it requires. What is not known may compile.
///
/// A `setup.py` may compile without a sign of it in the manifest: where there is a builder, it is thought to.
fn toolchain(build_system: &BuildSystem, has_builder: bool) -> Toolchain {
    let mut toolchain = Toolchain::None;
    for requirement in &build_system.requires {
        let name = marker::requirement(requirement).map(|requirement| requirement.name);
        let needed = match name.as_ref().map_or("", |name| name.as_str()) {
            "setuptools" if build_system.has_extensions || has_builder => Toolchain::Compiler,
            "setuptools" => Toolchain::None,
            name if PURE.contains(&name) => Toolchain::None,
            name if FETCHING.contains(&name) => Toolchain::CompilerWithPackages,
            _ => Toolchain::Compiler,
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
            let places = BTreeMap::new();
            super::toolchain(
                &BuildSystem { requires, places, backend: None, has_extensions, lists_modules: false, span },
                has_builder,
            )
        };
        assert_eq!(toolchain(&["hatchling>=1", "hatch_vcs"], false, true), Toolchain::None);
        assert_eq!(toolchain(&["setuptools", "wheel"], false, false), Toolchain::None);
        assert_eq!(toolchain(&["setuptools", "wheel"], false, true), Toolchain::Compiler);
        assert_eq!(toolchain(&["setuptools"], true, false), Toolchain::Compiler);
        assert_eq!(toolchain(&["Cython", "setuptools"], false, false), Toolchain::Compiler);
        assert_eq!(toolchain(&["scikit-build-core", "nobody-knows"], false, false), Toolchain::Compiler);
        assert_eq!(toolchain(&["maturin>=1,<2"], false, false), Toolchain::CompilerWithPackages);
    }
}

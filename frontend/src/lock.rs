//! `uv.lock`, or the lock of a script: text in, checked [`Lock`] out: every edge resolves to a package, every name and marker parses.

pub mod artifact;
pub mod closure;
pub mod metadata;
mod package;
mod reader;
mod remote;
pub mod script;
pub mod source;
mod wire;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::sync::Arc;

use toml::Spanned;
use uv_normalize::{ExtraName, GroupName, PackageName};
use uv_pep440::VersionSpecifiers;

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, syntax_error};
use crate::marker::Marker;
/// The file's name.
pub use crate::paths::LOCK as FILE_NAME;
use crate::paths::directory_of;
use crate::paths::script::script_of;
use metadata::{Metadata, Settings};
pub use package::{Dependency, Package, PackageId};
use reader::Reader;
use script::Script;
pub use source::{GitSource, Source};
use wire::{DependencyWire, LockWire, PackageWire, VersionWire};

/// A checked lock. Packages keep the order of the file, which uv sorts by name, version and source.
#[derive(Debug)]
pub struct Lock {
    /// The file, for diagnostics that are found later.
    pub file: Arc<SourceFile>,
    /// Its directory, that of the workspace root. All paths of the lock are those in the context.
    pub root: String,
    /// Of the format: what newer ones note of the manifests differs.
    pub revision: u32,
    /// The bounds within which its markers are valid.
    pub requires_python: Option<(VersionSpecifiers, Span)>,
    /// `tool.uv.environments`; when not empty, one of them must match the target's environment.
    pub supported_markers: Vec<Marker>,
    /// The place of that list, or the start of the file.
    pub supported_markers_span: Span,
    /// `tool.uv.required-environments`.
    pub required_markers: Vec<Marker>,
    /// Sets of which at most one item may be active.
    pub conflicts: Vec<Vec<ConflictItem>>,
    /// Workspace members; for a single project, its own name.
    pub members: BTreeSet<PackageName>,
    /// The script that this is the lock of, if it is not that of projects.
    pub script: Option<Script>,
    /// What was said for the whole workspace.
    pub settings: Settings,
    /// Every `[[package]]`.
    pub packages: Vec<Package>,
}

/// One item of a conflict set, in the encoding that the lock's markers use for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConflictItem {
    /// `extra-<len>-<package>-<extra>`, `group-<len>-<package>-<group>` or `project-<len>-<package>`.
    pub encoded: ExtraName,
    /// For people: `pkg[extra]`, `pkg:group` or `pkg`.
    pub shown: String,
}

impl Lock {
    /// The packages with this name; several when the lock has forks.
    pub fn named<'lock>(&'lock self, name: &'lock PackageName) -> impl Iterator<Item = PackageId> + 'lock {
        let start = self.packages.partition_point(|package| package.name < *name);
        self.packages[start..]
            .iter()
            .enumerate()
            .take_while(move |(_, package)| package.name == *name)
            .map(move |(offset, _)| start + offset)
    }

    /// What to do about a lock that does not fit the manifests.
    pub fn relock(&self) -> String {
        if let Some(Script { path, .. }) = &self.script {
            return format!("run `uv lock --script {path}`");
        }
        if self.root == "." { "run `uv lock`".to_owned() } else { format!("run `uv lock` in `{}`", self.root) }
    }

    /// The place of a text at or after another place; none where it is written in another way.
    pub fn place_after(&self, text: &str, span: &Span) -> Option<Span> {
        let start = span.range.start + self.file.text.get(span.range.start..)?.find(text)?;
        Some(Span::new(&self.file, start..start + text.len()))
    }

    /// The local project with this name.
    pub fn member(&self, name: &PackageName) -> Option<PackageId> {
        self.named(name).find(|id| self.packages[*id].source.project_dir().is_some())
    }
}

/// How uv spells an extra of `package` in markers that guard conflicts (uv: `universal_marker.rs`).
pub fn encode_extra(package: &PackageName, extra: &ExtraName) -> String {
    format!("extra-{}-{package}-{extra}", package.as_str().len())
}

/// The same for a dependency group.
pub fn encode_group(package: &PackageName, group: &GroupName) -> String {
    format!("group-{}-{package}-{group}", package.as_str().len())
}

/// The same for a whole project.
pub fn encode_project(package: &PackageName) -> String {
    format!("project-{}-{package}", package.as_str().len())
}

/// Parses a lock: `version = 1`, any revision.
pub fn parse(file: &Arc<SourceFile>) -> Result<Lock, Diagnostics> {
    let wire: LockWire<'_> = match toml::from_str(&file.text) {
        Ok(wire) => wire,
        Err(error) => {
            // A later version may not even have this shape: say that first.
            if let Ok(VersionWire { version }) = toml::from_str(&file.text) {
                check_version(file, &version)?;
            }
            let is_unmerged = file.text.lines().any(|line| line.starts_with("<<<<<<< "));
            let help = match is_unmerged {
                true => "resolve the merge conflict: take the lockfile of either side, then run `uv lock`".to_owned(),
                false => repair(file),
            };
            return Err(syntax_error(file, &error).help(help).into());
        }
    };
    check_version(file, &wire.version)?;
    Reader { file, markers: RefCell::default() }.lock(wire).map_err(Diagnostics::from)
}

fn check_version(file: &Arc<SourceFile>, version: &Spanned<u32>) -> Result<(), Diagnostics> {
    if *version.get_ref() == 1 {
        return Ok(());
    }
    Err(Diagnostic::new(
        "lock::version",
        format!("version {} of the lockfile format is not supported", version.get_ref()),
    )
    .at(Span::new(file, version.span()))
    .help("this frontend reads version 1: use a newer frontend image in the `# syntax=` line, or lock with an older uv")
    .into())
}

/// Parts that `requires-python` may have.
const MOST_SPECIFIERS: usize = 500;

/// Local projects that a lock may have. A build asks the client for the files of all of them in one request, whose size has a limit.
const MOST_PROJECTS: usize = 10_000;

/// What to do about a lock that uv would not have written so.
fn repair(file: &SourceFile) -> String {
    let script = script_of(&file.name).map(|script| format!(" --script {script}")).unwrap_or_default();
    format!("run `uv lock{script}` to repair the lockfile")
}

/// Packages by name, to resolve edges.
type Index<'wire, 'text> = BTreeMap<&'wire str, Vec<(PackageId, &'wire PackageWire<'text>)>>;

impl Reader<'_> {
    fn invalid(&self, what: &str, value: &str, error: impl std::fmt::Display, span: Span) -> Diagnostic {
        // Errors of the parsers are sentences, and some go on with a drawing.
        let reason = error.to_string();
        let reason = reason.lines().next().unwrap_or_default();
        let mut characters = reason.chars();
        let first = characters.next().map(|first| first.to_ascii_lowercase());
        let reason: String = first.into_iter().chain(characters).collect();
        Diagnostic::new("lock::invalid", format!("invalid {what} `{value}`: {reason}")).at(span).help(repair(self.file))
    }

    fn parse<T: FromStr>(&self, what: &str, text: &str, span: &Span) -> Result<T, Diagnostic>
    where
        T::Err: std::fmt::Display,
    {
        text.parse().map_err(|error| self.invalid(what, text, error, span.clone()))
    }

    fn marker(&self, text: &str, span: &Span) -> Result<Marker, Diagnostic> {
        if let Some(known) = self.markers.borrow().get(text) {
            return Ok(known.clone());
        }
        let marker = Marker::parse(text).map_err(|error| self.invalid("marker", text, error, span.clone()))?;
        self.markers.borrow_mut().insert(text.to_owned(), marker.clone());
        Ok(marker)
    }

    fn lock(&self, mut wire: LockWire<'_>) -> Result<Lock, Diagnostic> {
        let top = Span::whole(self.file);
        let root = directory_of(&self.file.name).to_owned();
        let script = script_of(&self.file.name);
        if let Some(script) = script {
            let package = script::package(&mut wire, script);
            wire.package.push(Spanned::new(0..0, package));
        }
        // uv writes packages sorted; a file edited by hand or by a merge may not be.
        wire.package.sort_by(|a, b| {
            let (a, b) = (a.get_ref(), b.get_ref());
            (a.name.get_ref(), &a.version, &a.source).cmp(&(b.name.get_ref(), &b.version, &b.source))
        });
        let mut index: Index<'_, '_> = BTreeMap::new();
        for (id, package) in wire.package.iter().enumerate() {
            index.entry(package.get_ref().name.get_ref()).or_default().push((id, package.get_ref()));
        }
        let packages = wire
            .package
            .iter()
            .map(|package| self.package(package.get_ref(), &index))
            .collect::<Result<Vec<_>, _>>()?;
        let mut projects = packages.iter().filter(|package| package.source.project_dir().is_some());
        if let Some(project) = projects.nth(MOST_PROJECTS) {
            let problem = format!("the lockfile has more than {MOST_PROJECTS} local projects");
            return Err(Diagnostic::new("lock::too_large", problem).at(project.span.clone()));
        }

        let requires_python = match &wire.requires_python {
            Some(text) => {
                let span = Span::new(self.file, text.span());
                let specifiers: VersionSpecifiers = self.parse("requires-python", text.get_ref(), &span)?;
                if specifiers.len() > MOST_SPECIFIERS {
                    let problem = format!("`requires-python` has more than {MOST_SPECIFIERS} version specifiers");
                    return Err(Diagnostic::new("lock::too_large", problem).at(span));
                }
                Some((specifiers, span))
            }
            None => None,
        };
        let supported = wire.supported_markers.as_ref();
        let supported_markers_span = supported.map_or_else(|| top.clone(), |list| Span::new(self.file, list.span()));
        let supported_markers = supported
            .iter()
            .flat_map(|list| list.get_ref())
            .map(|marker| self.marker(marker, &supported_markers_span))
            .collect::<Result<_, _>>()?;
        let required_markers =
            wire.required_markers.iter().map(|marker| self.marker(marker, &top)).collect::<Result<_, _>>()?;
        let conflicts = wire
            .conflicts
            .iter()
            .map(|set| set.iter().map(|item| self.conflict_item(item, &top)).collect())
            .collect::<Result<_, _>>()?;
        let mut members: BTreeSet<PackageName> =
            wire.manifest.members.iter().map(|name| self.parse("member", name, &top)).collect::<Result<_, _>>()?;
        if members.is_empty() && script.is_none() {
            members.extend(
                packages
                    .iter()
                    .filter(|package| package.source.project_dir() == Some(&root))
                    .map(|package| package.name.clone()),
            );
        }
        Ok(Lock {
            file: Arc::clone(self.file),
            root,
            revision: wire.revision,
            requires_python,
            supported_markers,
            supported_markers_span,
            required_markers,
            conflicts,
            members,
            script: packages
                .iter()
                .position(|package| matches!(package.source, Source::Script(_)))
                .zip(script)
                .map(|(root, path)| Script { path: path.to_owned(), root }),
            settings: Settings::from_wire(&wire, directory_of(&self.file.name)),
            packages,
        })
    }

    fn conflict_item(&self, wire: &wire::ConflictItemWire<'_>, span: &Span) -> Result<ConflictItem, Diagnostic> {
        let package: PackageName = self.parse("package name", &wire.package, span)?;
        let (encoded, shown) = match (&wire.extra, &wire.group) {
            (Some(extra), _) => {
                (encode_extra(&package, &self.parse("extra", extra, span)?), format!("{package}[{extra}]"))
            }
            (None, Some(group)) => {
                (encode_group(&package, &self.parse("group", group, span)?), format!("{package}:{group}"))
            }
            (None, None) => (encode_project(&package), package.to_string()),
        };
        Ok(ConflictItem { encoded: self.parse("conflict", &encoded, span)?, shown })
    }

    fn package(&self, wire: &PackageWire<'_>, index: &Index<'_, '_>) -> Result<Package, Diagnostic> {
        let span = Span::new(self.file, wire.name.span());
        let edges = |wires: &[DependencyWire<'_>]| -> Result<Vec<Dependency>, Diagnostic> {
            wires.iter().map(|wire| self.dependency(wire, index, &span)).collect()
        };
        let names = wire.metadata.provides_extras.iter().map(|name| self.parse("extra", name, &span));
        let provides_extras = names.collect::<Result<BTreeSet<ExtraName>, _>>()?;
        let names = wire.metadata.requires_dev.keys().map(|name| self.parse("group", name, &span));
        let noted_groups = names.collect::<Result<Vec<GroupName>, _>>()?;
        let mut extras: BTreeMap<ExtraName, Vec<Dependency>> =
            provides_extras.iter().map(|name| (name.clone(), Vec::new())).collect();
        for (name, wires) in &wire.optional_dependencies {
            extras.insert(self.parse("extra", name, &span)?, edges(wires)?);
        }
        let mut groups: BTreeMap<GroupName, Vec<Dependency>> =
            noted_groups.iter().map(|name| (name.clone(), Vec::new())).collect();
        for (name, wires) in &wire.dev_dependencies {
            groups.insert(self.parse("group", name, &span)?, edges(wires)?);
        }
        let wheels =
            wire.wheels.iter().map(|wheel| self.wheel(wheel, wire.name.get_ref(), &span)).collect::<Result<_, _>>()?;
        Ok(Package {
            name: self.parse("package name", wire.name.get_ref(), &span)?,
            version: wire.version.as_deref().map(|version| self.parse("version", version, &span)).transpose()?,
            source: self.source(wire, &span)?,
            dependencies: edges(&wire.dependencies)?,
            extras,
            groups,
            wheels,
            sdist: wire.sdist.as_ref().map(|sdist| self.sdist(sdist, wire.name.get_ref(), &span)).transpose()?,
            metadata: Metadata::from_wire(
                wire,
                directory_of(&self.file.name),
                provides_extras,
                noted_groups.into_iter(),
            ),
            span,
        })
    }

    fn dependency(
        &self,
        wire: &DependencyWire<'_>,
        index: &Index<'_, '_>,
        span: &Span,
    ) -> Result<Dependency, Diagnostic> {
        let candidates = index.get(&*wire.name).map_or(&[][..], Vec::as_slice);
        let matching: Vec<PackageId> = candidates
            .iter()
            .filter(|(_, package)| wire.version.is_none() || wire.version == package.version)
            .filter(|(_, package)| wire.source.as_ref().is_none_or(|source| *source == package.source))
            .map(|(id, _)| *id)
            .collect();
        let [package] = matching[..] else {
            let problem = if matching.is_empty() { "is not in the lockfile" } else { "is ambiguous in the lockfile" };
            return Err(Diagnostic::new("lock::dangling", format!("dependency `{}` {problem}", wire.name))
                .at(span.clone())
                .help(repair(self.file)));
        };
        Ok(Dependency {
            package,
            extras: wire.extra.iter().map(|extra| self.parse("extra", extra, span)).collect::<Result<_, _>>()?,
            marker: match &wire.marker {
                Some(marker) => self.marker(marker, span)?,
                None => Marker::always(),
            },
        })
    }
}

//! Two states of a project, compared without planning: of most targets it is certain that their graph is what it was, and that
//! they read nothing that changed. What is said here may only err on the side of a plan too many; `tests/properties` compares
//! it with plans of everything.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::access::Ca;
use crate::config::python::Downloads;
use crate::config::{Config, FileSource};
use crate::lock::closure::Selection;
use crate::lock::{Dependency, Lock, Package, PackageId, Source};
use crate::manifest::Manifest;
use crate::plan::access;
use crate::project::requirement;
use crate::project::{Project, Target};
use crate::surroundings::{self, IGNORE_FILES, Surroundings};

/// What may be another, and what may read a file that changed.
#[derive(Debug)]
pub struct Comparison<'a> {
    before: Option<&'a Project>,
    now: &'a Project,
    files: &'a BTreeSet<String>,
    /// Something that every graph depends on may be another.
    all_differ: bool,
    /// Something that every graph may read has changed.
    all_read: bool,
    /// By package: what is made of it and of what it needs.
    differs: Vec<bool>,
    /// The same.
    reads: Vec<bool>,
}

impl<'a> Comparison<'a> {
    /// Compares a project with what it was, if it was one. `manifests` are those that can be reached now, `altered` the paths of
    /// manifests that were others, and `files` the paths of all files that were.
    pub fn of(
        before: Option<&'a Project>,
        now: &'a Project,
        manifests: &BTreeMap<PackageId, Manifest>,
        altered: &BTreeSet<String>,
        files: &'a BTreeSet<String>,
        surroundings: &Surroundings,
    ) -> Self {
        let needed_by = needed_by(now, manifests);
        let spread = |is_concerned: &dyn Fn(&Package) -> bool| {
            let mut marked: Vec<bool> = now.lock.packages.iter().map(is_concerned).collect();
            let mut queue: Vec<PackageId> = (0..marked.len()).filter(|id| marked[*id]).collect();
            while let Some(id) = queue.pop() {
                for user in &needed_by[id] {
                    if !std::mem::replace(&mut marked[*user], true) {
                        queue.push(*user);
                    }
                }
            }
            marked
        };
        let is_altered = |package: &Package| package.source.manifest().is_some_and(|path| altered.contains(&path));
        let differs = match before {
            Some(before) if std::ptr::eq(before, now) => spread(&is_altered),
            Some(before) => spread(&|package| is_altered(package) || !is_in(package, now, before)),
            None => Vec::new(),
        };
        let all_differ = before.is_none_or(|before| !std::ptr::eq(before, now) && !have_the_same_ground(before, now));
        // What else builds of projects read is known by plans: links, ignore files, and what manifests and the config name.
        let is_ignore_file = |path: &String| IGNORE_FILES.iter().any(|(name, _)| path.rsplit('/').next() == Some(name));
        let reads_anything = surroundings.has_links() || files.iter().any(is_ignore_file);
        let has_inputs = now.config.iter().flat_map(|config| &config.members).any(|member| !member.inputs.is_empty());
        let names_others = manifests.iter().any(|(id, manifest)| !surroundings::named(now, *id, manifest).is_empty());
        let reads_anything = !files.is_empty() && (reads_anything || has_inputs || names_others);
        let reads = spread(&|package| match &package.source {
            Source::Directory(_) | Source::Editable(_) | Source::Virtual(_) if reads_anything => true,
            Source::Directory(path)
            | Source::Editable(path)
            | Source::Virtual(path)
            | Source::Path(path)
            | Source::FlatRegistry(path)
            | Source::Script(path) => holds_any(path, files),
            Source::Registry(_) | Source::Git(_) | Source::Url { .. } => false,
        });
        let all_read = paths_of_all(now).into_iter().any(|path| holds_any(path, files));
        Self { before, now, files, all_differ, all_read, differs, reads }
    }

    /// Whether the graph of a target may be another than it was. It is made of what `roots` lead to.
    pub fn may_differ(&self, roots: &[PackageId], before: Option<&Target>, target: &Target) -> bool {
        self.all_differ
            || self.before.is_none()
            || roots.iter().any(|root| self.differs[*root])
            || before.is_none_or(|before| !are_alike(before, target))
    }

    /// Whether a target may read a file that changed.
    pub fn may_read(&self, roots: &[PackageId], target: &Target) -> bool {
        let sources = target.files.iter().chain(target.steps.iter().flat_map(|step| &step.inputs));
        let script = target.script.iter().map(|script| script.value.as_str());
        let paths = sources.filter_map(|file| match &file.source {
            FileSource::Context(path) => Some(path.value.as_str()),
            FileSource::Url { .. } | FileSource::Step { .. } => None,
        });
        let mut paths = paths.chain(script);
        self.all_read || roots.iter().any(|root| self.reads[*root]) || paths.any(|path| holds_any(path, self.files))
    }

    /// Whether it is that of these two states.
    pub fn is_of(&self, before: Option<&Project>, now: &Project) -> bool {
        std::ptr::eq(self.now, now)
            && match (self.before, before) {
                (Some(known), Some(before)) => std::ptr::eq(known, before),
                (known, before) => known.is_none() && before.is_none(),
            }
    }
}

/// By package, those that need it: in any environment, with any extra or group, or to be built.
fn needed_by(project: &Project, manifests: &BTreeMap<PackageId, Manifest>) -> Vec<Vec<PackageId>> {
    let mut needed_by = vec![Vec::new(); project.lock.packages.len()];
    for (id, package) in project.lock.packages.iter().enumerate() {
        for dependency in package.edges() {
            needed_by[dependency.package].push(id);
        }
    }
    for (id, manifest) in manifests {
        for needed in requirement::projects(project, *id, manifest) {
            needed_by[needed].push(*id);
        }
    }
    needed_by
}

/// Whether the lock had a package as it is.
fn is_in(package: &Package, now: &Project, before: &Project) -> bool {
    let mut known = before.lock.named(&package.name).map(|id| &before.lock.packages[id]);
    known.any(|known| is_same_package(known, &before.lock, package, &now.lock))
}

/// Whether two locks say the same of a package. What was noted of its manifest is in no graph, nor is its place.
fn is_same_package(before: &Package, old: &Lock, now: &Package, new: &Lock) -> bool {
    let Package { name, version, source, dependencies, extras, groups, wheels, sdist, metadata: _, span: _ } = before;
    let are_same = |before: &[Dependency], now: &[Dependency]| {
        before.len() == now.len() && before.iter().zip(now).all(|(before, now)| is_same_edge(before, old, now, new))
    };
    let same_wheels = wheels == &now.wheels && sdist == &now.sdist;
    (name, version, source) == (&now.name, &now.version, &now.source)
        && same_wheels
        && are_same(dependencies, &now.dependencies)
        && extras.len() == now.extras.len()
        && extras.iter().zip(&now.extras).all(|((old, before), (new, now))| old == new && are_same(before, now))
        && groups.len() == now.groups.len()
        && groups.iter().zip(&now.groups).all(|((old, before), (new, now))| old == new && are_same(before, now))
}

fn is_same_edge(before: &Dependency, old: &Lock, now: &Dependency, new: &Lock) -> bool {
    let Dependency { package, extras, marker } = before;
    let (before, after) = (&old.packages[*package], &new.packages[now.package]);
    (extras, marker) == (&now.extras, &now.marker)
        && (&before.name, &before.version, &before.source) == (&after.name, &after.version, &after.source)
}

/// Whether everything is the same that the graph of any target may depend on.
fn have_the_same_ground(before: &Project, now: &Project) -> bool {
    ground(before) == ground(now) && access::of_the_whole_lock(before) == access::of_the_whole_lock(now)
}

/// That, apart from where it is written.
fn ground(project: &Project) -> String {
    let Project { config, lock, manifest, settings, flag, pin, unknown_pins } = project;
    let config = config.as_ref().map(|config| {
        // Arguments are in the strings that use them. What targets and defaults say is in a `Target`.
        let Config {
            file: _,
            args: _,
            python,
            uv_image,
            access,
            lock_check: _,
            default_target: _,
            members,
            packages,
            targets: _,
            defaults: _,
        } = config;
        (python, uv_image, access, members, packages)
    });
    let Lock { requires_python, supported_markers, required_markers, conflicts, members, packages, .. } = lock;
    let directories: Vec<_> = packages.iter().filter_map(|it| Some((&it.name, it.source.project_dir()?))).collect();
    let lock = (&lock.file, &lock.root, requires_python, supported_markers, required_markers, conflicts, members);
    format!("{:?}", (config, lock, directories, manifest, settings, (flag, pin, unknown_pins)))
}

/// Whether two targets are the same, apart from where they are written, and from the lock.
fn are_alike(before: &Target, now: &Target) -> bool {
    let apart_from_the_lock =
        |target: &Target| Target { selection: Selection { root: 0, ..target.selection.clone() }, ..target.clone() };
    format!("{:?}", apart_from_the_lock(before)) == format!("{:?}", apart_from_the_lock(now))
}

/// Paths that the graph of any target may read.
fn paths_of_all(project: &Project) -> Vec<&str> {
    let config = project.config.as_ref();
    let indexes = project.manifest.iter().flat_map(|manifest| &manifest.indexes.directories).map(String::as_str);
    let ca = config.and_then(|config| match &config.access.ca {
        Some(Ca::File(path)) => Some(path.value.as_str()),
        Some(Ca::Secret(_)) | None => None,
    });
    let downloads = config.and_then(|config| config.python.managed.as_ref()?.downloads.as_ref());
    let downloads = downloads.and_then(|downloads| match &downloads.value {
        Downloads::File(path) => Some(path.as_str()),
        _ => None,
    });
    indexes.chain(ca).chain(downloads).collect()
}

/// Whether one of the files is the path, or lies below it.
fn holds_any(path: &str, files: &BTreeSet<String>) -> bool {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    if path.is_empty() || path == "." {
        return !files.is_empty();
    }
    let below = format!("{path}/");
    files.contains(path) || files.range(below.clone()..).next().is_some_and(|file| file.starts_with(&below))
}

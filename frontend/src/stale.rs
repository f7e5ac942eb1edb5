//! Whether the lock was made from the manifests that are there (uv: `Lock::satisfies`). Only manifests that a build reads are
//! compared: those of the projects that the target can reach, and the workspace root's. No false alarm: where it is not certain
//! how uv reads something, nothing is said.

mod check;
mod forks;
mod home;
mod indexes;
mod kinds;
mod lowering;
pub mod newcomers;
mod options;
mod requirement;
mod script;
mod settings;
pub mod vicinity;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::{ExtraName, GroupName, PackageName};

use crate::diagnostic::{Diagnostic, Diagnostics, Located, Span};
use crate::lock::metadata::Noted;
use crate::lock::{Dependency, Package, PackageId};
use crate::manifest::Manifest;
use crate::manifest::declarations::{Declarations, ProjectTable};
use crate::project::Project;
use check::{Check, Required};
use lowering::{Doubt, Lowered, Scope, Table};
use requirement::{MOST_SPECIFIERS, PythonBounds, Requirement};
use vicinity::Vicinity;

/// As many differences are collected: a lock of another project has thousands, and only the first are told.
const MOST_FOUND: usize = 1_000;

/// From this revision on uv notes which extras and groups are there though they are empty.
const NOTES_EMPTY: u32 = 1;

/// From this revision on uv may leave out what manifests said.
const NOTES_LESS: u32 = 4;

/// Refuses a lock that `uv lock` would change, with the lines of the manifests that it was not made from.
pub fn check(
    project: &Project,
    manifests: &BTreeMap<PackageId, Manifest>,
    vicinity: &Vicinity,
) -> Result<(), Diagnostics> {
    if !project.checks_lock() {
        return Ok(());
    }
    let lock = &project.lock;
    let bounds = lock.requires_python.as_ref().map_or_else(PythonBounds::none, |(it, _)| PythonBounds::of(it));
    let root = project.manifest.as_ref().and_then(|manifest| manifest.declarations.as_ref());
    // The root is read whether the target reaches it or not.
    let root_id = project.manifest.as_ref().and_then(|manifest| lock.member(manifest.name.as_ref()?));
    let root_id = root_id.filter(|id| lock.packages[*id].source.project_dir() == Some(&lock.root));
    let root_manifest = root_id.filter(|id| !manifests.contains_key(id)).zip(project.manifest.as_ref());
    let mut compared: Vec<(PackageId, &Manifest)> = manifests.iter().map(|(id, manifest)| (*id, manifest)).collect();
    compared.extend(root_manifest);
    compared.sort_by_key(|(id, _)| *id);
    let members = compared.iter().filter_map(|(id, manifest)| {
        let name = &lock.packages[*id].name;
        let own = manifest.declarations.as_ref().filter(|_| lock.members.contains(name))?;
        Some((name.clone(), own))
    });
    let members: Vec<(PackageName, &Declarations)> = members.collect();
    let configuration = root.and_then(|root| root.configuration.clone()).unwrap_or_default();
    let mut check = Check {
        lock,
        bounds,
        root,
        required: Required::new(root, &members, members.len() == lock.members.len()),
        known: known(project, &compared, vicinity),
        no_sources: configuration.no_sources.clone(),
        errors: Vec::new(),
    };
    if let (Some(script), Some(manifest)) = (&lock.script, &project.manifest) {
        if let Some(own) = root {
            check.script(&script.path, script.root, own, manifest);
        }
        return check.finish(project);
    }
    if let Some(root) = root {
        check.members(root, &compared);
        check.newcomers(root, &vicinity.newcomers);
        check.settings(root);
        check.static_metadata(root, &configuration);
        check.options(&configuration);
        check.root_groups(root);
        check.environments(root);
    }
    for (id, manifest) in &compared {
        if let Some(declarations) = &manifest.declarations {
            check.project(&lock.packages[*id], declarations);
        }
    }
    check.editables();
    check.conflicts(&compared);
    check.python(&compared);
    check.indexes(&configuration, &compared);
    check.finish(project)
}

/// The manifests that were read, by directory; nothing of those that are not understood.
fn known<'a>(
    project: &'a Project,
    compared: &[(PackageId, &'a Manifest)],
    vicinity: &'a Vicinity,
) -> BTreeMap<&'a str, Option<&'a Declarations>> {
    let lock = &project.lock;
    let of = |manifest: &'a Manifest| manifest.declarations.as_ref();
    let mut known: BTreeMap<&str, Option<&Declarations>> = BTreeMap::new();
    for (directory, manifest) in &vicinity.above {
        known.insert(directory, manifest.as_ref().and_then(of));
    }
    known.extend(vicinity.newcomers.iter().map(|(directory, manifest)| (directory.as_str(), of(manifest))));
    for (id, manifest) in compared {
        known.extend(lock.packages[*id].source.project_dir().map(|directory| (directory, of(manifest))));
    }
    // Every walk from a project below it ends there.
    known.insert(&lock.root, project.manifest.as_ref().and_then(of));
    known
}

impl<'a> Check<'a> {
    fn finish(mut self, project: &Project) -> Result<(), Diagnostics> {
        // Once is enough.
        if let Some(last) = self.errors.pop() {
            self.errors.push(last.help(project.check_off()));
        }
        Diagnostics::check(self.errors)
    }

    fn report(&mut self, message: impl std::fmt::Display, span: Span) {
        if self.errors.len() >= MOST_FOUND {
            return;
        }
        let error = Diagnostic::new("lock::stale", format!("`{}` is stale: {message}", self.lock.file.name))
            .at(span)
            .help(self.lock.relock());
        self.errors.push(error);
    }

    fn project(&mut self, package: &'a Package, own: &'a Declarations) {
        let Some(table) = &own.project else { return };
        let Ok(name) = table.name.value.parse::<PackageName>() else { return };
        let Some(directory) = package.source.project_dir() else { return };
        if name != package.name {
            let message = format!("the project in `{directory}` was locked as `{}`", package.name);
            return self.report(message, table.name.span.clone());
        }
        self.version(package, table);
        if self.lock.members.contains(&package.name) {
            self.kind(package, own);
            self.default_groups(package, own);
            self.group_pythons(package, own);
        }
        let (lock, bounds, no_sources) = (self.lock, self.bounds.clone(), self.no_sources.clone());
        let home = self.home(directory, own);
        let scope =
            Scope { lock, bounds: &bounds, name: Some(&package.name), directory, own, home, no_sources: &no_sources };
        self.requirements(&scope, package, table);
    }

    /// Where a project's name is written.
    fn place_of(&self, name: &PackageName) -> Option<Span> {
        let directory = self.lock.packages[self.lock.member(name)?].source.project_dir()?;
        let own = self.known.get(directory).copied().flatten()?;
        own.project.as_ref().map(|table| table.name.span.clone())
    }

    fn version(&mut self, package: &Package, table: &ProjectTable) {
        let is_dynamic = table.dynamic.contains("version");
        match (&package.version, &table.version) {
            (Some(locked), Some(version)) => {
                if let Ok(parsed) = version.value.parse::<uv_pep440::Version>()
                    && parsed != *locked
                {
                    let message = format!("`{}` was locked as version {locked}, not {parsed}", package.name);
                    self.report(message, version.span.clone());
                }
            }
            (Some(locked), None) if is_dynamic => {
                let message =
                    format!("`{}` was locked as version {locked}, but its version is now dynamic", package.name);
                self.report(message, table.span.clone());
            }
            (None, Some(version)) if !is_dynamic => {
                let message = format!("`{}` was locked with a dynamic version, but now has a static one", package.name);
                self.report(message, version.span.clone());
            }
            _ => {}
        }
    }

    /// `dependencies`, `optional-dependencies` and groups.
    fn requirements(&mut self, scope: &Scope<'_>, package: &Package, table: &ProjectTable) {
        let is_dynamic = ["dependencies", "optional-dependencies"].iter().any(|field| table.dynamic.contains(*field));
        let lists = if is_dynamic { None } else { lists(scope, table) };
        let groups = scope.groups();
        let metadata = &package.metadata;
        if metadata.is_empty() {
            // Nothing is noted: of a project that needs nothing, or by a uv that notes less. Someone may also have stripped the lock.
            let is_stripped =
                !(package.dependencies.is_empty() && package.extras.is_empty() && package.groups.is_empty());
            if self.lock.revision >= NOTES_LESS {
                self.edges(package, lists.as_ref(), groups.as_ref(), table);
                self.named(package, lists.as_ref(), groups.as_ref(), scope.own);
                return;
            } else if is_stripped {
                return;
            }
        }
        if let Some(lists) = &lists {
            self.extras(package, lists, table);
            self.lists(package, lists, table);
        }
        if let Some(groups) = &groups {
            let noted = metadata.requires_dev.iter().map(|(name, list)| (name.as_str(), list.as_slice()));
            self.compare_groups(package.name.as_str(), groups, &noted.collect(), scope.own);
        }
    }

    fn extras(&mut self, package: &Package, lists: &Lists, table: &ProjectTable) {
        if self.lock.revision < NOTES_EMPTY {
            return;
        }
        let noted = &package.metadata.provides_extras;
        for (extra, list) in lists.extras.iter().filter(|(extra, _)| !noted.contains(extra)) {
            self.report(format!("`{}` was locked without the extra `{extra}`", package.name), list.span.clone());
        }
        for extra in noted.iter().filter(|extra| !lists.extras.contains_key(extra)) {
            self.report(
                format!("`{}` was locked with the extra `{extra}`, which it no longer has", package.name),
                table.span.clone(),
            );
        }
    }

    fn lists(&mut self, package: &Package, lists: &Lists, table: &ProjectTable) {
        let Some(noted) = self.noted(package.metadata.requires_dist.as_deref().unwrap_or_default()) else { return };
        let in_extras = lists.extras.values().flat_map(|list| &list.value);
        let required: Vec<Lowered> = lists.dependencies.iter().chain(in_extras).cloned().collect();
        // A dynamic version makes uv ask the backend, and some write out the extras of the project that it asks of itself.
        let asks_itself = required.iter().any(|lowered| lowered.requirement.name == package.name);
        if package.version.is_none() && asks_itself {
            return;
        }
        let place = table.dependencies.as_ref().map_or(&table.span, |list| &list.span);
        self.compare(package.name.as_str(), &required, noted, place);
    }

    /// Where the lock notes no requirements: those that hold always must be edges, and every edge must be asked for.
    fn edges(
        &mut self,
        package: &Package,
        lists: Option<&Lists>,
        groups: Option<&BTreeMap<GroupName, Vec<Lowered>>>,
        table: &ProjectTable,
    ) {
        if !self.lock.settings.overrides.is_empty() || self.root.is_some_and(|root| root.excludes.is_some()) {
            return;
        }
        let name = &package.name;
        let none = Vec::new();
        let mut tables: Vec<(String, &[Lowered], &[Dependency])> = Vec::new();
        if let Some(lists) = lists {
            tables.push((format!("`{name}`"), &lists.dependencies, &package.dependencies));
            let extras: BTreeSet<&ExtraName> = lists.extras.keys().chain(package.extras.keys()).collect();
            tables.extend(extras.into_iter().map(|extra| {
                let required = lists.extras.get(extra).map_or(&none, |list| &list.value);
                let edges = package.extras.get(extra).map_or(&[][..], Vec::as_slice);
                (format!("`{name}[{extra}]`"), required.as_slice(), edges)
            }));
        }
        if let Some(groups) = groups {
            let names: BTreeSet<&GroupName> = groups.keys().chain(package.groups.keys()).collect();
            tables.extend(names.into_iter().map(|group| {
                let required = groups.get(group).unwrap_or(&none);
                let edges = package.groups.get(group).map_or(&[][..], Vec::as_slice);
                (format!("`{name}:{group}`"), required.as_slice(), edges)
            }));
        }
        for (owner, required, edges) in tables {
            // What a project asks of itself is written out.
            if required.iter().any(|lowered| lowered.requirement.name == *name) {
                continue;
            }
            let edges: BTreeSet<&PackageName> =
                edges.iter().map(|edge| &self.lock.packages[edge.package].name).collect();
            let wanted: BTreeSet<&PackageName> = required.iter().map(|lowered| &lowered.requirement.name).collect();
            for Lowered { requirement, span, .. } in required {
                let always = requirement.marker.simplify_extras_with(|_| true).is_true();
                if always && !edges.contains(&requirement.name) {
                    self.report(format!("{owner} was locked without `{requirement}`"), span.clone());
                }
            }
            for edge in edges.difference(&wanted) {
                let place = table.dependencies.as_ref().map_or(&table.span, |list| &list.span);
                self.report(format!("{owner} was locked with `{edge}`, which it no longer requires"), place.clone());
            }
        }
    }

    /// Where the lock notes no requirements, it has every extra and every group nevertheless, the empty ones, too.
    fn named(
        &mut self,
        package: &Package,
        lists: Option<&Lists>,
        groups: Option<&BTreeMap<GroupName, Vec<Lowered>>>,
        own: &Declarations,
    ) {
        let name = &package.name;
        let extras = lists.into_iter().flat_map(|lists| &lists.extras);
        for (extra, list) in extras.filter(|(extra, list)| list.value.is_empty() && !package.extras.contains_key(extra))
        {
            self.report(format!("`{name}` was locked without the extra `{extra}`"), list.span.clone());
        }
        let places = places_of_groups(own);
        let groups = groups.into_iter().flatten();
        for (group, _) in groups.filter(|(group, list)| list.is_empty() && !package.groups.contains_key(group)) {
            let message = format!("`{name}` was locked without the group `{group}`");
            places.get(group).into_iter().for_each(|place| self.report(&message, (*place).clone()));
        }
    }

    fn compare_groups(
        &mut self,
        owner: &str,
        groups: &BTreeMap<GroupName, Vec<Lowered>>,
        noted: &BTreeMap<&str, &[Noted]>,
        own: &Declarations,
    ) {
        let keeps = |is_empty: bool| self.lock.revision >= NOTES_EMPTY && owner != WORKSPACE || !is_empty;
        let noted: BTreeMap<&str, &[Noted]> =
            noted.iter().filter(|(_, list)| keeps(list.is_empty())).map(|(name, list)| (*name, *list)).collect();
        let places = places_of_groups(own);
        let groups: BTreeMap<&str, (&GroupName, &[Lowered])> = groups
            .iter()
            .filter(|(_, list)| keeps(list.is_empty()))
            .map(|(name, list)| (name.as_str(), (name, list.as_slice())))
            .collect();
        for (name, (group, required)) in &groups {
            let Some(span) = places.get(group).map(|place| (*place).clone()) else { continue };
            match noted.get(name).map(|list| self.noted(list)) {
                Some(Some(noted)) => self.compare(&format!("{owner}:{name}"), required, noted, &span),
                Some(None) => {}
                None => self.report(format!("`{owner}` was locked without the group `{name}`"), span),
            }
        }
        for name in noted.keys().filter(|name| !groups.contains_key(*name)) {
            let message = format!("`{owner}` was locked with the group `{name}`, which it no longer has");
            own.start().into_iter().for_each(|start| self.report(&message, start.clone()));
        }
    }

    fn noted(&self, list: &[Noted]) -> Option<BTreeSet<Requirement>> {
        list.iter().map(|noted| requirement::from_lock(noted, &self.bounds)).collect()
    }

    /// Reports every requirement that only one side has; two for one package are one change.
    fn compare(&mut self, owner: &str, required: &[Lowered], mut noted: BTreeSet<Requirement>, place: &Span) {
        // What a workspace that is not seen has a source for comes from there, in part at least.
        let elsewhere: BTreeSet<PackageName> =
            noted.iter().filter(|old| !old.origin.is_plain()).map(|old| old.name.clone()).collect();
        let is_certain = |lowered: &&Lowered| match lowered.doubt {
            Doubt::None => true,
            Doubt::Unseen => !elsewhere.contains(&lowered.requirement.name),
            Doubt::Unread => false,
        };
        let (certain, doubtful): (Vec<&Lowered>, Vec<&Lowered>) = required.iter().partition(is_certain);
        let doubtful: BTreeSet<&PackageName> = doubtful.iter().map(|lowered| &lowered.requirement.name).collect();
        let required: Vec<&Lowered> =
            certain.into_iter().filter(|lowered| !doubtful.contains(&lowered.requirement.name)).collect();
        noted.retain(|old| !doubtful.contains(&old.name));
        let wanted: BTreeSet<&Requirement> = required.iter().map(|lowered| &lowered.requirement).collect();
        let mut gone: BTreeMap<&PackageName, Vec<&Requirement>> = BTreeMap::new();
        for old in noted.iter().filter(|noted| !wanted.contains(noted)) {
            gone.entry(&old.name).or_default().push(old);
        }
        let mut told = BTreeSet::new();
        for lowered in required {
            let new = &lowered.requirement;
            if noted.contains(new) || !told.insert(new) {
                continue;
            }
            let owner = in_extra(owner, new);
            let alike = gone.get_mut(&new.name);
            let before = alike
                .and_then(|alike| alike.iter().position(|old| same_extra(old, new)).map(|index| alike.remove(index)));
            let (message, is_source) = match before {
                Some(old) => {
                    let is_source = std::mem::discriminant(&old.origin) != std::mem::discriminant(&new.origin)
                        || lowered.source.is_some();
                    (format!("{owner} was locked with `{old}`, but now requires `{new}`"), is_source)
                }
                None => (format!("{owner} was locked without `{new}`"), false),
            };
            let source = lowered.source.clone().filter(|_| is_source);
            self.report(message, source.unwrap_or_else(|| lowered.span.clone()));
        }
        for old in gone.into_values().flatten() {
            let owner = in_extra(owner, old);
            self.report(format!("{owner} was locked with `{old}`, which it no longer requires"), place.clone());
        }
    }

    /// `requires-python` of the members. What groups say of pythons does not count here.
    fn python(&mut self, compared: &[(PackageId, &Manifest)]) {
        let Some((locked, _)) = &self.lock.requires_python else { return };
        let lock = self.lock;
        let members = compared.iter().filter(|(id, _)| lock.members.contains(&lock.packages[*id].name));
        let bounds = PythonBounds::of(locked);
        let mut wanted = Vec::new();
        let mut is_certain = true;
        for (_, manifest) in members {
            let Some(declarations) = &manifest.declarations else { return };
            let Some(text) = declarations.project.as_ref().and_then(|table| table.requires_python.as_ref()) else {
                continue;
            };
            let Ok(specifiers) = text.value.parse::<uv_pep440::VersionSpecifiers>() else { return };
            if !bounds.within(&PythonBounds::of(&specifiers)) {
                let message = format!("it was made for Python `{locked}`, but this project requires `{specifiers}`");
                self.report(message, text.span.clone());
                is_certain = false;
            }
            is_certain &= specifiers.len() <= MOST_SPECIFIERS;
            wanted.push((specifiers, text));
        }
        // A lock for fewer pythons than all members admit; some of them may not have been read.
        let all_read = compared.iter().filter(|(id, _)| lock.members.contains(&lock.packages[*id].name)).count()
            == lock.members.len();
        if is_certain
            && all_read
            && let Some((_, first)) = wanted.first()
        {
            // Members say the same, mostly.
            let mut all: Vec<_> = wanted.iter().flat_map(|(it, _)| it.iter().cloned()).collect();
            all.sort_by_key(ToString::to_string);
            all.dedup();
            if all.len() > MOST_SPECIFIERS {
                return;
            }
            let together = PythonBounds::of(&all.into_iter().collect());
            if !together.within(&bounds) {
                let message =
                    format!("it was made for Python `{locked}`, which is narrower than what the projects support");
                let span = first.span.clone();
                self.report(message, span);
            }
        }
    }
}

/// How the groups of a workspace root that is not a project are called.
const WORKSPACE: &str = "workspace";

/// `dependencies` and `optional-dependencies` of a project.
struct Lists {
    dependencies: Vec<Lowered>,
    /// With the place of each name.
    extras: BTreeMap<ExtraName, Located<Vec<Lowered>>>,
}

fn lists(scope: &Scope<'_>, table: &ProjectTable) -> Option<Lists> {
    let dependencies = table.dependencies.as_ref().map_or(&[][..], |list| &list.value);
    let dependencies = scope.list(dependencies, Table::Always)?;
    let mut extras = BTreeMap::new();
    for (name, list) in &table.extras {
        let extra: ExtraName = name.parse().ok()?;
        let value = scope.list(&list.value, Table::Extra(&extra))?;
        extras.insert(extra, Located { value, span: list.span.clone() });
    }
    Some(Lists { dependencies, extras })
}

/// Where the groups are written.
fn places_of_groups(own: &Declarations) -> BTreeMap<GroupName, &Span> {
    let named = own.groups.iter().rev().filter_map(|(key, group)| Some((key.parse().ok()?, &group.span)));
    named.collect()
}

/// `pkg`, or `pkg[extra]` for a requirement of an extra.
fn in_extra(owner: &str, requirement: &Requirement) -> String {
    match requirement.marker.top_level_extra_name() {
        Some(extra) => format!("`{owner}[{extra}]`"),
        None => format!("`{owner}`"),
    }
}

/// Whether two requirements stand in the same extra, as far as their markers tell.
fn same_extra(old: &Requirement, new: &Requirement) -> bool {
    old.marker.top_level_extra_name() == new.marker.top_level_extra_name()
}

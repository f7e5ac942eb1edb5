//! What a member needs in one environment: the walk that `uv sync --frozen --package` makes (uv: `installable.rs`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uv_normalize::{ExtraName, GroupName, PackageName};
use uv_pep508::MarkerEnvironment;

use super::package::{Dependency, PackageId};
use super::{Lock, encode_extra, encode_group, encode_project};
use crate::diagnostic::Diagnostic;

/// What is asked of a member.
#[derive(Clone, Debug)]
pub struct Selection {
    /// The member.
    pub root: PackageId,
    /// Extras of it.
    pub extras: BTreeSet<ExtraName>,
    /// Dependency groups of it.
    pub groups: BTreeSet<GroupName>,
}

/// The packages reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closure {
    /// Reached packages, each with those it was found to need.
    pub edges: BTreeMap<PackageId, BTreeSet<PackageId>>,
}

impl Closure {
    /// The packages, in the order of the lock.
    pub fn packages(&self) -> impl Iterator<Item = PackageId> + '_ {
        self.edges.keys().copied()
    }

    /// The shortest way from one package to another that it needs: both, and what lies between.
    pub fn way(&self, from: PackageId, to: PackageId) -> Vec<PackageId> {
        let mut before: BTreeMap<PackageId, PackageId> = BTreeMap::from([(from, from)]);
        let mut queue = VecDeque::from([from]);
        while let Some(id) = queue.pop_front().filter(|id| *id != to) {
            for next in self.edges.get(&id).into_iter().flatten() {
                before.entry(*next).or_insert_with(|| {
                    queue.push_back(*next);
                    id
                });
            }
        }
        let mut way = vec![to];
        while let Some(id) = way.last().and_then(|last| before.get(last)).filter(|id| Some(*id) != way.last()) {
            way.push(*id);
        }
        way.reverse();
        way
    }

    /// Local projects with every project after those it depends on, and the one that all this is for at the end, even if others
    /// depend on it in turn; ties and circles in the order of the lock.
    pub fn local_projects(&self, lock: &Lock, own: PackageId) -> Vec<PackageId> {
        let mut ordered = Vec::new();
        let mut visited = BTreeSet::new();
        for root in self.packages() {
            if !visited.insert(root) {
                continue;
            }
            // Depth first, with a stack of its own: a chain of dependencies may be longer than that of calls.
            let mut path = vec![(root, self.edges[&root].iter())];
            while let Some((id, dependencies)) = path.last_mut() {
                match dependencies.find(|dependency| visited.insert(**dependency)) {
                    Some(next) => path.push((*next, self.edges[next].iter())),
                    None => {
                        if lock.packages[*id].source.project_dir().is_some() {
                            ordered.push(*id);
                        }
                        path.pop();
                    }
                }
            }
        }
        if let Some(index) = ordered.iter().position(|id| *id == own) {
            ordered[index..].rotate_left(1);
        }
        ordered
    }
}

/// Walks the lock from a member. Markers of an edge hold only when its parent was reached, which is how uv simplifies them.
pub fn select(lock: &Lock, selection: &Selection, environment: &MarkerEnvironment) -> Result<Closure, Diagnostic> {
    let mut active = root_conflict_items(lock, selection);
    if !lock.conflicts.is_empty() {
        active = activated(lock, selection, environment, active);
        check_conflicts(lock, selection, &active)?;
    }
    let edges = walk(lock, selection, |dependency| dependency.marker.evaluate(environment, &active));
    Ok(Closure { edges })
}

/// The items of the root, in the encoding that markers use for them.
fn root_conflict_items(lock: &Lock, selection: &Selection) -> Vec<ExtraName> {
    let name = &lock.packages[selection.root].name;
    let extras = selection.extras.iter().map(|extra| encode_extra(name, extra));
    let groups = selection.groups.iter().map(|group| encode_group(name, group));
    std::iter::once(encode_project(name)).chain(extras).chain(groups).filter_map(|item| item.parse().ok()).collect()
}

/// `active` and every extra that an edge asks for. Such an edge may itself be guarded by the very extra that it asks for, so
/// it is tried with its own extras active. That follows some edges too many, as long as not every extra is known: a second
/// walk, with all of them, is what counts.
fn activated(
    lock: &Lock,
    selection: &Selection,
    environment: &MarkerEnvironment,
    mut active: Vec<ExtraName>,
) -> Vec<ExtraName> {
    walk(lock, selection, |dependency| {
        let name = &lock.packages[dependency.package].name;
        let asked = dependency.extras.iter().filter_map(|extra| encode_extra(name, extra).parse().ok());
        let added: Vec<ExtraName> = asked.filter(|extra| !active.contains(extra)).collect();
        let before = active.len();
        active.extend(added);
        let followed = dependency.marker.evaluate(environment, &active);
        if !followed {
            active.truncate(before);
        }
        followed
    });
    active
}

/// Breadth first from the root along the edges that `follows` admits.
fn walk(
    lock: &Lock,
    selection: &Selection,
    mut follows: impl FnMut(&Dependency) -> bool,
) -> BTreeMap<PackageId, BTreeSet<PackageId>> {
    let mut edges = BTreeMap::from([(selection.root, BTreeSet::new())]);
    let mut seen: BTreeSet<(PackageId, Option<&ExtraName>)> = BTreeSet::from([(selection.root, None)]);
    let mut queue: VecDeque<(PackageId, &[Dependency])> = VecDeque::new();

    let root = &lock.packages[selection.root];
    queue.push_back((selection.root, &root.dependencies));
    for extra in &selection.extras {
        seen.insert((selection.root, Some(extra)));
        queue.extend(root.extras.get(extra).map(|dependencies| (selection.root, dependencies.as_slice())));
    }
    for group in &selection.groups {
        queue.extend(root.groups.get(group).map(|dependencies| (selection.root, dependencies.as_slice())));
    }

    while let Some((parent, dependencies)) = queue.pop_front() {
        for dependency in dependencies {
            if !follows(dependency) {
                continue;
            }
            let id = dependency.package;
            let package = &lock.packages[id];
            edges.entry(parent).or_default().insert(id);
            edges.entry(id).or_default();
            if seen.insert((id, None)) {
                queue.push_back((id, &package.dependencies));
            }
            for extra in &dependency.extras {
                if seen.insert((id, Some(extra))) {
                    queue.extend(package.extras.get(extra).map(|dependencies| (id, dependencies.as_slice())));
                }
            }
        }
    }
    edges
}

fn check_conflicts(lock: &Lock, selection: &Selection, active: &[ExtraName]) -> Result<(), Diagnostic> {
    for set in &lock.conflicts {
        let hit: Vec<String> =
            set.iter().filter(|item| active.contains(&item.encoded)).map(|item| format!("`{}`", item.shown)).collect();
        if hit.len() > 1 {
            let name: &PackageName = &lock.packages[selection.root].name;
            return Err(Diagnostic::new(
                "lock::conflict",
                format!(
                    "`{name}` cannot be installed with {}: the workspace declares them as conflicting",
                    hit.join(" and ")
                ),
            )
            .at(lock.packages[selection.root].span.clone())
            .help("keep only one of them in `extras` and `groups` of the target; see `tool.uv.conflicts` for the conflicting sets"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::interpreter::Interpreter;
    use crate::interpreter::choice::Declared;

    /// A lock of `app`, whose `[[package]]` begins with `tables`, and of two versions of `array`.
    fn lock(conflicts: &str, tables: &str) -> Lock {
        let text = format!(
            r#"
version = 1
requires-python = ">=3.11"
conflicts = [{conflicts}]
[manifest]
members = ["app", "library"]
[[package]]
name = "app"
version = "1"
source = {{ editable = "." }}
{tables}
[[package]]
name = "array"
version = "1"
source = {{ registry = "https://index.example/simple" }}
[[package]]
name = "array"
version = "2"
source = {{ registry = "https://index.example/simple" }}
[[package]]
name = "library"
version = "1"
source = {{ editable = "library" }}
[package.optional-dependencies]
fast = [{{ name = "array", version = "2" }}]
slow = [{{ name = "array", version = "1" }}]
"#
        );
        crate::lock::parse(&SourceFile::new("uv.lock", text)).expect("a lock")
    }

    /// What `app` needs with these extras and groups, on python 3.13 for x86_64.
    fn selected(lock: &Lock, extras: &[&str], groups: &[&str]) -> Result<Vec<String>, &'static str> {
        let interpreter =
            Interpreter::declared(&Declared::of("3.13.5"), "amd64", "glibc-2.36".parse().expect("a libc"), "0.13.9");
        let selection = Selection {
            root: lock.member(&"app".parse().expect("a name")).expect("app"),
            extras: extras.iter().map(|extra| extra.parse().expect("an extra")).collect(),
            groups: groups.iter().map(|group| group.parse().expect("a group")).collect(),
        };
        let closure = select(lock, &selection, &interpreter.environment().expect("markers"));
        let names = |closure: Closure| {
            let packages =
                closure.packages().map(|id| &lock.packages[id]).filter(|package| package.name.as_str() != "app");
            let shown = packages.map(|package| format!("{} {}", package.name, package.version.as_ref().expect("one")));
            shown.collect()
        };
        closure.map(names).map_err(|diagnostic| diagnostic.code)
    }

    #[test]
    fn one_side_of_a_fork_is_taken() {
        let lock = lock(
            "",
            r#"dependencies = [
    { name = "array", version = "1", marker = "python_full_version < '3.12' or platform_machine != 'x86_64'" },
    { name = "array", version = "2", marker = "python_full_version >= '3.12' and platform_machine == 'x86_64'" },
]"#,
        );
        assert_eq!(selected(&lock, &[], &[]), Ok(vec!["array 2".to_owned()]));
    }

    #[test]
    fn conflicting_items_are_refused() {
        let lock = lock(
            r#"[{ package = "app", extra = "new" }, { package = "app", group = "old" }]"#,
            r#"[package.optional-dependencies]
new = [{ name = "array", version = "2" }]
[package.dev-dependencies]
old = [{ name = "array", version = "1" }]"#,
        );
        assert_eq!(selected(&lock, &["new"], &[]), Ok(vec!["array 2".to_owned()]));
        assert_eq!(selected(&lock, &[], &["old"]), Ok(vec!["array 1".to_owned()]));
        assert_eq!(selected(&lock, &["new"], &["old"]), Err("lock::conflict"));
    }

    /// Each package needs the next: far more than calls may be nested.
    #[test]
    fn a_long_chain_is_walked() {
        const LENGTH: usize = 10_000;
        let mut text = "version = 1\n".to_owned();
        for index in 0..LENGTH {
            let next = if index + 1 < LENGTH { format!("{{ name = \"p{:05}\" }}", index + 1) } else { String::new() };
            text += &format!(
                "[[package]]\nname = \"p{index:05}\"\nversion = \"1\"\nsource = {{ editable = \"p{index}\" }}\n\
                 dependencies = [{next}]\n"
            );
        }
        let lock = crate::lock::parse(&SourceFile::new("uv.lock", text)).expect("a lock");
        let selection = Selection { root: 0, extras: BTreeSet::new(), groups: BTreeSet::new() };
        let environment =
            Interpreter::declared(&Declared::of("3.13.5"), "amd64", "glibc-2.36".parse().expect("a libc"), "0.13.9")
                .environment()
                .expect("an environment");
        let closure = select(&lock, &selection, &environment).expect("a closure");
        let expected: Vec<PackageId> = (0..LENGTH).rev().collect();
        assert_eq!(closure.local_projects(&lock, 0), expected);
    }

    /// Projects that need each other: each is reached, and the one that is asked for comes last.
    #[test]
    fn a_circle_ends_with_what_is_asked_for() {
        let project = |name: &str, needs: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"1\"\nsource = {{ editable = \"{name}\" }}\n\
                 dependencies = [{{ name = \"{needs}\" }}]\n"
            )
        };
        let text = format!("version = 1\n{}{}{}", project("a", "b"), project("b", "c"), project("c", "a"));
        let lock = crate::lock::parse(&SourceFile::new("uv.lock", text)).expect("a lock");
        let environment =
            Interpreter::declared(&Declared::of("3.13.5"), "amd64", "glibc-2.36".parse().expect("a libc"), "0.13.9")
                .environment()
                .expect("an environment");
        for (root, expected) in [(0, [2, 1, 0]), (1, [2, 0, 1]), (2, [1, 0, 2])] {
            let selection = Selection { root, extras: BTreeSet::new(), groups: BTreeSet::new() };
            let closure = select(&lock, &selection, &environment).expect("a closure");
            assert_eq!(closure.local_projects(&lock, root), expected);
        }
    }

    /// uv guards an edge to an extra in a conflict set by that very extra.
    #[test]
    fn an_edge_activates_the_extra_that_guards_it() {
        let lock = lock(
            r#"[{ package = "library", extra = "fast" }, { package = "library", extra = "slow" }]"#,
            r#"dependencies = [
    { name = "library" },
    { name = "library", extra = ["slow"], marker = "extra == 'extra-7-library-slow'" },
]
[package.optional-dependencies]
more = [{ name = "library", extra = ["fast"], marker = "extra == 'extra-7-library-fast'" }]"#,
        );
        assert_eq!(selected(&lock, &[], &[]), Ok(vec!["array 1".to_owned(), "library 1".to_owned()]));
        assert_eq!(selected(&lock, &["more"], &[]), Err("lock::conflict"));
    }

    /// The edge that holds only without an extra comes before the one that activates it.
    #[test]
    fn edges_are_judged_by_all_extras_that_become_active() {
        let lock = lock(
            r#"[{ package = "library", extra = "fast" }, { package = "library", extra = "slow" }]"#,
            r#"[package.dev-dependencies]
old = [
    { name = "array", version = "1", marker = "extra == 'extra-7-library-slow'" },
    { name = "array", version = "2", marker = "extra != 'extra-7-library-slow'" },
    { name = "library", extra = ["slow"], marker = "extra == 'extra-7-library-slow'" },
]"#,
        );
        assert_eq!(selected(&lock, &[], &["old"]), Ok(vec!["array 1".to_owned(), "library 1".to_owned()]));
    }
}

//! What `affected` does not plan is what it was: the comparison without plans against graphs and plans of everything.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use uv_buildkit::affected::{Comparison, read};
use uv_buildkit::compile::Compiled;
use uv_buildkit::surroundings::Surroundings;
use uv_buildkit_tests::checkout::{Checkout, Selection};

use crate::workspace::{BACKENDS, Member, Order, Package, Workspace, workspaces};
use uv_buildkit::config::Request;

/// Something that somebody does to a workspace, to the part of it with an index.
#[derive(Clone, Copy, Debug)]
enum Edit {
    BumpPackage,
    DropDependencies,
    AddPackage,
    OtherBackend,
    OtherVersion,
    NeedOfAMember,
    AddMember,
    OtherNumber,
    OtherExtra,
    OtherFiles,
    /// A file that no manifest and no lock is.
    Source,
    Data,
    Readme,
}

const EDITS: [Edit; 13] = [
    Edit::BumpPackage,
    Edit::DropDependencies,
    Edit::AddPackage,
    Edit::OtherBackend,
    Edit::OtherVersion,
    Edit::NeedOfAMember,
    Edit::AddMember,
    Edit::OtherNumber,
    Edit::OtherExtra,
    Edit::OtherFiles,
    Edit::Source,
    Edit::Data,
    Edit::Readme,
];

/// Makes an edit, of the workspace or of files that are no part of the model.
fn apply(edit: Edit, index: usize, workspace: &mut Workspace, files: &mut BTreeSet<String>) {
    let package = index % workspace.packages.len();
    let member = index % workspace.members.len();
    let target = index % workspace.targets.len();
    let package = &mut workspace.packages[package];
    let target = &mut workspace.targets[target];
    match edit {
        Edit::BumpPackage => package.release += 1,
        Edit::DropDependencies => package.dependencies.clear(),
        Edit::AddPackage => workspace.packages.push(Package {
            name: "zebra".to_owned(),
            release: 0,
            is_large: false,
            is_compiled: false,
            is_flat: false,
            dependencies: Vec::new(),
        }),
        Edit::OtherBackend => {
            let member = &mut workspace.members[member];
            member.backend = (member.backend + 1) % BACKENDS.len();
        }
        Edit::OtherVersion => workspace.members[member].is_dynamic ^= true,
        Edit::NeedOfAMember => workspace.members[member].packages = vec![0],
        Edit::AddMember => workspace.members.push(Member {
            name: "added-member".to_owned(),
            backend: 0,
            is_dynamic: false,
            members: Vec::new(),
            packages: vec![0],
            extra: Vec::new(),
            group: Vec::new(),
        }),
        Edit::OtherNumber => target.number = target.number / 2 + 1,
        Edit::OtherExtra => target.has_extra ^= true,
        Edit::OtherFiles => target.has_files ^= true,
        Edit::Source => drop(files.insert(format!("{}/source.py", workspace.directory(member)))),
        Edit::Data => drop(files.insert(["data/words", "web/index.js", "wheels/x.whl"][index % 3].to_owned())),
        Edit::Readme => drop(files.insert("README.md".to_owned())),
    }
}

fn digests(compiled: Compiled) -> (Vec<String>, Vec<u8>) {
    let definition = buildkit_llb::marshal(compiled.image).expect("a plan is lowered to a valid graph");
    let ops = definition.ops().expect("what was encoded can be decoded");
    (ops.into_iter().map(|(digest, _)| digest).collect(), compiled.config)
}

/// Compares what is selected of two checkouts, between which `files` changed.
fn check(before: &Checkout, now: &Checkout, request: &Request, files: &BTreeSet<String>) -> TestCaseResult {
    let selection = match request {
        Request::Package(name) => Selection { package: Some(name.clone()), ..Selection::default() },
        Request::Target(name) => Selection::target(name),
        Request::Default => Selection::default(),
    };
    let altered = now.files.keys().chain(before.files.keys());
    let altered: BTreeSet<String> = altered
        .filter(|path| path.ends_with("pyproject.toml") && now.files.get(*path) != before.files.get(*path))
        .cloned()
        .collect();
    let (project, manifests) = now.project_of(request).expect("a project");
    let was = before.project_of(request).ok().map(|(project, _)| project);
    let comparison = Comparison::of(was.as_ref(), &project, &manifests, &altered, files, &Surroundings::default());
    let target = project.target(request, &BTreeMap::new()).expect("a target");
    let target_before = was.as_ref().and_then(|was| was.target(request, &BTreeMap::new()).ok());
    let roots = project.roots(request).expect("roots");
    let compiled = now.compile(&selection).unwrap_or_else(|error| panic!("{}", error.render()));
    if !comparison.may_read(&roots, &target) {
        prop_assert_eq!(read(&compiled.plan, files, &[]), Vec::<String>::new());
    }
    let may_differ = comparison.may_differ(&roots, target_before.as_ref(), &target);
    prop_assert!(!may_differ || before != now, "nothing is another");
    if !may_differ {
        let before = before.compile(&selection).unwrap_or_else(|error| panic!("{}", error.render()));
        prop_assert_eq!(digests(before), digests(compiled));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_not_planned_is_what_it_was(
        workspace in workspaces(),
        edits in prop::collection::vec((prop::sample::select(&EDITS[..]), any::<prop::sample::Index>()), 0..4),
    ) {
        let mut edited = workspace.clone();
        let mut files = BTreeSet::new();
        for (edit, index) in edits {
            apply(edit, index.index(64), &mut edited, &mut files);
        }
        let (before, now) = (workspace.checkout(Order(0)), edited.checkout(Order(0)));
        let paths = before.files.keys().chain(now.files.keys());
        files.extend(paths.filter(|path| before.files.get(*path) != now.files.get(*path)).cloned());
        let targets = edited.targets.iter().map(|target| Request::Target(target.name.clone()));
        let members = edited.members.iter().map(|member| Request::Package(member.name.clone()));
        for request in targets.chain(members) {
            check(&before, &now, &request, &files)?;
        }
    }
}

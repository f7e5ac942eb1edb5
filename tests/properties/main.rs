//! Properties of the compiler, over generated workspaces: what its output depends on, and what it does not.

mod affected;
mod dockerfiles;
mod layers;
mod locks;
mod printable;
mod readers;
mod sources;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::pb::{Op, op};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use uv_buildkit::compile::Compiled;
use uv_buildkit::plan::Contents;
use uv_buildkit_tests::checkout::Selection;
use workspace::{BACKENDS, Member, Order, Package, Target, Workspace, workspaces};

/// A compiled target: its ops in their order, and the image config.
struct Output {
    definition: Vec<u8>,
    ops: Vec<(String, Op)>,
    config: Vec<u8>,
    /// Names of the packages and members in it.
    names: BTreeSet<String>,
}

impl Output {
    fn of(workspace: &Workspace, order: Order, target: &str) -> Self {
        Self::select(workspace, order, &Selection::target(target))
    }

    fn select(workspace: &Workspace, order: Order, selection: &Selection) -> Self {
        let compiled = workspace.checkout(order).compile(selection);
        let compiled = compiled.unwrap_or_else(|error| panic!("{}", error.render()));
        let names = names(&compiled);
        let definition = buildkit_llb::marshal(compiled.image).expect("a plan is lowered to a valid graph");
        let ops = definition.ops().expect("what was encoded can be decoded");
        Self { definition: definition.to_bytes(), ops, config: compiled.config, names }
    }

    /// Bytes of ops are known by their digests.
    fn digests(&self) -> Vec<&str> {
        self.ops.iter().map(|(digest, _)| digest.as_str()).collect()
    }

    /// Ops that the other does not have.
    fn added_to<'a>(&'a self, before: &Self) -> Vec<&'a Op> {
        let known: BTreeSet<&str> = before.digests().into_iter().collect();
        self.ops.iter().filter(|(digest, _)| !known.contains(digest.as_str())).map(|(_, op)| op).collect()
    }
}

fn names(compiled: &Compiled) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for layer in &compiled.plan.layers {
        match &layer.contents {
            Contents::ThirdParty(packages) => names.extend(packages.iter().map(|package| package.name.clone())),
            Contents::Members(members) => names.extend(members.iter().map(|member| member.name.clone())),
            _ => {}
        }
    }
    names
}

/// What is done to the parts of a workspace that a target does not use.
#[derive(Clone, Copy, Debug)]
enum Change {
    AddPackage,
    BumpPackages,
    AddMember,
    AlterMembers,
    AddTarget,
    AlterTargets,
}

const CHANGES: [Change; 6] = [
    Change::AddPackage,
    Change::BumpPackages,
    Change::AddMember,
    Change::AlterMembers,
    Change::AddTarget,
    Change::AlterTargets,
];

fn change(workspace: &mut Workspace, change: Change, target: &str, used: &BTreeSet<String>) {
    match change {
        Change::AddPackage => workspace.packages.push(Package {
            name: "added".to_owned(),
            release: 0,
            is_large: true,
            is_compiled: false,
            is_flat: false,
            dependencies: vec![(0, "")],
        }),
        Change::BumpPackages => {
            for package in workspace.packages.iter_mut().filter(|package| !used.contains(&package.name)) {
                package.release += 1;
                package.is_flat = !package.is_flat;
                package.dependencies.clear();
            }
        }
        // The step that copies the sources of a root project names the directories of the others, to leave them out.
        Change::AddMember if workspace.rooted && used.contains(&workspace.members[0].name) => {}
        Change::AddMember => workspace.members.push(Member {
            name: "added-member".to_owned(),
            backend: 0,
            is_dynamic: false,
            members: vec![0],
            packages: vec![0],
            extra: vec![],
            group: vec![],
        }),
        Change::AlterMembers => {
            for member in workspace.members.iter_mut().filter(|member| !used.contains(&member.name)) {
                member.backend = (member.backend + 1) % BACKENDS.len();
                member.is_dynamic = !member.is_dynamic;
                member.packages = vec![0];
            }
        }
        Change::AddTarget => workspace.targets.insert(
            0,
            Target {
                name: "added-target".to_owned(),
                member: 0,
                has_extra: true,
                has_group: true,
                has_files: true,
                in_directory: true,
                is_zip: false,
                has_step: true,
                number: 7,
            },
        ),
        Change::AlterTargets => {
            for other in workspace.targets.iter_mut().filter(|other| other.name != target) {
                other.has_extra = !other.has_extra;
                other.has_files = !other.has_files;
                other.in_directory = !other.in_directory;
                other.is_zip = !other.is_zip;
                other.has_step = !other.has_step;
                other.number = other.number / 2 + 1;
            }
        }
    }
}

/// The ops that a bump of one package may add: its download, the step that installs its layer, the image and its end.
fn check_bump(package: &Package, added: &[&Op]) -> TestCaseResult {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for op in added {
        let kind = match &op.op {
            Some(op::Op::Source(source)) => {
                let file = format!("/{}-{}-", package.name.replace('-', "_"), package.version());
                prop_assert!(source.identifier.contains(&file), "{} was not bumped", source.identifier);
                "fetch"
            }
            Some(op::Op::Exec(exec)) => {
                let args = exec.meta.as_ref().map(|meta| meta.args.as_slice()).unwrap_or_default();
                // What is made of all layers is made anew.
                if args.iter().any(|word| word.ends_with("/archive.py")) {
                    continue;
                }
                let requirement = format!("{}=={}", package.name, package.version());
                prop_assert!(args.contains(&requirement), "{args:?} does not install {requirement}");
                "install"
            }
            Some(op::Op::Merge(_)) => "assemble",
            None => "end",
            other => return Err(TestCaseError::fail(format!("{other:?} does not depend on a version"))),
        };
        *kinds.entry(kind).or_default() += 1;
    }
    prop_assert_eq!(kinds, BTreeMap::from([("assemble", 1), ("end", 1), ("fetch", 1), ("install", 1)]));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// Maps with a random order would differ within one process, too: each has its own seed.
    #[test]
    fn the_same_input_gives_the_same_bytes(workspace in workspaces()) {
        for target in &workspace.targets {
            let first = Output::of(&workspace, Order(0), &target.name);
            for _ in 0..4 {
                let again = Output::of(&workspace, Order(0), &target.name);
                prop_assert_eq!(&first.definition, &again.definition);
                prop_assert_eq!(&first.config, &again.config);
            }
        }
    }

    /// Packages of the lock, edges, and tables and keys of the config. Line numbers, which are not part of ops, may differ.
    #[test]
    fn the_order_of_what_has_none_does_not_matter(workspace in workspaces(), order in 1..u64::MAX) {
        for target in &workspace.targets {
            let first = Output::of(&workspace, Order(0), &target.name);
            let shuffled = Output::of(&workspace, Order(order), &target.name);
            prop_assert_eq!(first.digests(), shuffled.digests());
            prop_assert_eq!(&first.config, &shuffled.config);
        }
    }

    #[test]
    fn what_a_target_does_not_use_cannot_change_it(
        workspace in workspaces(),
        chosen in prop::sample::subsequence(CHANGES.to_vec(), 1..=CHANGES.len()),
    ) {
        for target in &workspace.targets {
            let before = Output::of(&workspace, Order(0), &target.name);
            let mut changed = workspace.clone();
            for kind in &chosen {
                change(&mut changed, *kind, &target.name, &before.names);
            }
            let after = Output::of(&changed, Order(0), &target.name);
            prop_assert_eq!(before.digests(), after.digests());
            prop_assert_eq!(&before.config, &after.config);
        }
    }

    #[test]
    fn a_bump_changes_the_steps_of_its_layer_only(workspace in workspaces(), index in any::<prop::sample::Index>()) {
        let target = &workspace.targets[0].name;
        let before = Output::of(&workspace, Order(0), target);
        let is_fetched = |package: &&Package| before.names.contains(&package.name) && !package.is_flat;
        let fetched: Vec<&Package> = workspace.packages.iter().filter(is_fetched).collect();
        prop_assume!(!fetched.is_empty());
        let name = index.get(&fetched).name.clone();

        let mut bumped = workspace.clone();
        let package = bumped.packages.iter_mut().find(|package| package.name == name).unwrap();
        package.release += 1;
        let package = package.clone();
        let after = Output::of(&bumped, Order(0), target);
        check_bump(&package, &after.added_to(&before))?;
    }

    /// Steps for a platform that the builder lacks run in images of its own, and make the same image.
    #[test]
    fn what_the_builder_cannot_run_is_not_run(workspace in workspaces()) {
        // A python that uv installs is refused there.
        prop_assume!(!workspace.managed);
        let platform = |text: &str| text.parse().expect("a platform");
        let there = Selection { platform: platform("linux/arm64"), ..Selection::target(&workspace.targets[0].name) };
        let here = Selection { build_platform: Some(platform("linux/amd64")), ..there.clone() };
        let emulated = Selection { emulates: true, ..here.clone() };
        let [there, here, emulated] =
            [there, here, emulated].map(|selection| Output::select(&workspace, Order(0), &selection));
        let of = |output: &Output, architecture: &str| {
            let execs = output.ops.iter().filter(|(_, op)| matches!(op.op, Some(op::Op::Exec(_))));
            execs.filter(|(_, op)| op.platform.as_ref().is_some_and(|own| own.architecture == architecture)).count()
        };
        prop_assert_eq!((of(&here, "arm64"), of(&there, "amd64")), (0, 0));
        prop_assert!(of(&here, "amd64") == of(&there, "arm64") && of(&here, "amd64") > 0);
        prop_assert_eq!(&here.names, &there.names);
        prop_assert_eq!(&here.config, &there.config);
        // Emulation is for what must be built, the environment never is.
        prop_assert_eq!(&emulated.config, &there.config);
        prop_assert!(of(&emulated, "amd64") > 0);
        prop_assert!(of(&emulated, "arm64") <= of(&there, "arm64"));
    }

    /// What BuildKit relies on: inputs before their users, nothing twice, the end last.
    #[test]
    fn graphs_are_in_order(workspace in workspaces()) {
        let output = Output::of(&workspace, Order(0), &workspace.targets[0].name);
        let mut known = BTreeSet::new();
        for (digest, op) in &output.ops {
            for input in &op.inputs {
                prop_assert!(known.contains(&input.digest), "an input of {digest} comes after it");
            }
            prop_assert!(known.insert(digest.clone()), "{digest} is there twice");
        }
        prop_assert!(output.ops.last().is_some_and(|(_, op)| op.op.is_none()));
    }
}

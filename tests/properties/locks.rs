//! A workspace may lie anywhere in the context, when the config says where its lock is.

use std::collections::BTreeSet;

use buildkit_llb::pb::{Op, op};
use proptest::prelude::*;
use uv_buildkit_tests::checkout::{Checkout, Selection};

use crate::workspace::{Order, Workspace, workspaces};

/// Where it lies.
const DIRECTORY: &str = "services/shop";

/// The same files below a directory of the context, but for the config.
fn moved(workspace: &Workspace) -> Checkout {
    let mut moved = Checkout::default();
    for (path, text) in workspace.checkout(Order(0)).files {
        moved = match path.as_str() {
            "uv.build.toml" => {
                let lock = format!("[defaults]\nlock = \"{DIRECTORY}/uv.lock\"\n");
                let text = text.replace("[defaults]\n", &lock);
                moved.with(path, text.replace("from = \"", &format!("from = \"{DIRECTORY}/")))
            }
            _ => moved.with(format!("{DIRECTORY}/{path}"), text),
        };
    }
    moved
}

/// Digests of the ops that do not read the context: downloads, environments, and layers of what was downloaded.
fn without_context(checkout: &Checkout, target: &str) -> (BTreeSet<String>, Vec<String>) {
    let compiled = checkout.compile(&Selection::target(target)).unwrap_or_else(|error| panic!("{}", error.render()));
    let paths = compiled.plan.context_paths.iter().cloned().collect();
    let definition = buildkit_llb::marshal(compiled.image).expect("a plan is lowered to a valid graph");
    let mut reading = BTreeSet::new();
    let mut others = BTreeSet::new();
    for (digest, op) in definition.ops().expect("what was encoded can be decoded") {
        let reads = is_context(&op) || op.inputs.iter().any(|input| reading.contains(&input.digest));
        if reads {
            reading.insert(digest)
        } else {
            others.insert(digest)
        };
    }
    (others, paths)
}

fn is_context(op: &Op) -> bool {
    matches!(&op.op, Some(op::Op::Source(source)) if source.identifier.starts_with("local://"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_workspace_may_lie_anywhere(workspace in workspaces()) {
        for target in &workspace.targets {
            let (here, read_here) = without_context(&workspace.checkout(Order(0)), &target.name);
            let (there, read_there) = without_context(&moved(&workspace), &target.name);
            prop_assert_eq!(here, there);
            let expected: BTreeSet<String> = read_here
                .into_iter()
                .map(|path| if path == "." { DIRECTORY.to_owned() } else { format!("{DIRECTORY}/{path}") })
                .collect();
            prop_assert_eq!(read_there.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}

//! The assignment of packages to layers: one package that comes, goes or changes leaves the other layers as they are.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uv_buildkit::plan::Contents;
use uv_buildkit_tests::checkout::{Checkout, Selection};

/// Size of a package's wheel and a number that stands for its version, by name.
type Wanted = BTreeMap<String, (u64, u32)>;

/// Sizes of wheels that share a layer with others.
const SMALL: std::ops::Range<u64> = 1_000..25_000;

/// Sizes of wheels that have a layer of their own.
const LARGE: std::ops::Range<u64> = 20_000_000..900_000_000;

fn file(name: &str, version: u32) -> String {
    format!("{}-{version}-py3-none-any.whl", name.replace('-', "_"))
}

/// A project that needs exactly these packages.
fn checkout(wanted: &Wanted) -> Checkout {
    let references: String = wanted.keys().map(|name| format!("    {{ name = \"{name}\" }},\n")).collect();
    let project = format!(
        "version = 1\n\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ virtual = \".\" }}\ndependencies = \
         [\n{references}]\n"
    );
    let package = |(name, (size, version)): (&String, &(u64, u32))| {
        let file = file(name, *version);
        format!(
            "\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\nsource = {{ registry = \
             \"https://index.example/simple\" }}\nwheels = [{{ url = \"https://files.example/{file}\", hash = \"sha256:{}\", \
             size = {size} }}]\n",
            "0".repeat(64)
        )
    };
    let lock = project + &wanted.iter().map(package).collect::<String>();
    Checkout::default().with("uv.lock", lock).with("pyproject.toml", "[project]\nname = \"app\"\nversion = \"1\"\n")
}

/// The files of each layer of third-party packages.
fn layers(wanted: &Wanted) -> BTreeMap<String, Vec<String>> {
    let compiled = checkout(wanted).compile(&Selection::default());
    let compiled = compiled.unwrap_or_else(|error| panic!("{}", error.render()));
    let mut layers = BTreeMap::new();
    for layer in compiled.plan.layers {
        if let Contents::ThirdParty(packages) = layer.contents {
            layers.insert(layer.name, packages.into_iter().map(|package| package.artifact.file).collect());
        }
    }
    layers
}

/// Names of the layers that differ.
fn differing(before: &Wanted, after: &Wanted) -> BTreeSet<String> {
    let (before, after) = (layers(before), layers(after));
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

/// So few large ones that each may have its layer.
fn wanted(large: usize) -> impl Strategy<Value = Wanted> {
    let some = |size, count| prop::collection::btree_map("q[a-z]{1,6}(-[a-z]{1,4})?", (size, 0..5_u32), count);
    (some(SMALL, 1..40), some(LARGE, 0..large + 1)).prop_map(|(small, large)| small.into_iter().chain(large).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_package_that_comes_or_goes_touches_one_layer(
        with in wanted(10),
        index in any::<prop::sample::Index>(),
    ) {
        let name = index.get(&with.keys().cloned().collect::<Vec<_>>()).clone();
        let mut without = with.clone();
        without.remove(&name);
        prop_assert_eq!(differing(&with, &without).len(), 1);
    }

    #[test]
    fn a_bumped_package_touches_one_layer(
        before in wanted(10),
        index in any::<prop::sample::Index>(),
        size in SMALL,
    ) {
        let name = index.get(&before.keys().cloned().collect::<Vec<_>>()).clone();
        let mut after = before.clone();
        after.entry(name).and_modify(|(old, version)| {
            *version += 1;
            // A new version has another size, of the same kind.
            *old = if LARGE.contains(old) { LARGE.start + size } else { size };
        });
        prop_assert_eq!(differing(&before, &after).len(), 1);
    }

    #[test]
    fn a_package_that_grows_large_touches_its_own_layers(
        before in wanted(0),
        index in any::<prop::sample::Index>(),
    ) {
        let name = index.get(&before.keys().cloned().collect::<Vec<_>>()).clone();
        let mut after = before.clone();
        after.insert(name, (LARGE.start, 9));
        prop_assert_eq!(differing(&before, &after).len(), 2, "the one it left and the one it has now");
    }

    #[test]
    fn every_package_is_in_one_layer(wanted in wanted(10)) {
        let mut files: Vec<String> = layers(&wanted).into_values().flatten().collect();
        files.sort();
        let mut expected: Vec<String> = wanted.iter().map(|(name, (_, version))| file(name, *version)).collect();
        expected.sort();
        prop_assert_eq!(files, expected);
    }
}

//! The assignment of packages to layers: one package that comes, goes or changes leaves the other layers as they are.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use uv_buildkit::diagnostic::{SourceFile, Span};
use uv_buildkit::plan::layers::assign;
use uv_buildkit::plan::{Artifact, Contents, Origin, Package};

/// Name and size of a package, and a number that stands for its version.
type Wanted = BTreeMap<String, (u64, u32)>;

const SMALL: std::ops::Range<u64> = 1_000..4_000_000;
const LARGE: std::ops::Range<u64> = 20_000_000..900_000_000;

fn packages(wanted: &Wanted) -> Vec<Package> {
    let file = SourceFile::new("uv.lock", "");
    let package = |(name, (size, version)): (&String, &(u64, u32))| Package {
        name: name.clone(),
        version: version.to_string(),
        artifact: Artifact {
            file: format!("{name}-{version}-py3-none-any.whl"),
            origin: Origin::Url(format!("https://files.example/{name}-{version}-py3-none-any.whl")),
            sha256: None,
            size: Some(*size),
        },
        span: Span::whole(&file),
    };
    wanted.iter().map(package).collect()
}

/// The files of each layer.
fn layers(wanted: &Wanted) -> BTreeMap<String, Vec<String>> {
    let files = |contents: &Contents| match contents {
        Contents::ThirdParty(packages) => packages.iter().map(|package| package.artifact.file.clone()).collect(),
        _ => Vec::new(),
    };
    assign(packages(wanted)).iter().map(|layer| (layer.name.clone(), files(&layer.contents))).collect()
}

/// Names of the layers that differ.
fn differing(before: &Wanted, after: &Wanted) -> BTreeSet<String> {
    let (before, after) = (layers(before), layers(after));
    let names = before.keys().chain(after.keys());
    names.filter(|name| before.get(*name) != after.get(*name)).cloned().collect()
}

fn wanted(size: impl Strategy<Value = u64> + Clone) -> impl Strategy<Value = Wanted> {
    prop::collection::btree_map("[a-z]{1,6}(-[a-z]{1,4})?", (size, 0..5_u32), 1..60)
}

fn any_size() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![4 => SMALL, 1 => LARGE]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_package_that_comes_or_goes_touches_one_layer(
        with in wanted(any_size()),
        index in any::<prop::sample::Index>(),
    ) {
        let name = index.get(&with.keys().cloned().collect::<Vec<_>>()).clone();
        let mut without = with.clone();
        without.remove(&name);
        prop_assert_eq!(differing(&with, &without).len(), 1);
    }

    #[test]
    fn a_bumped_package_touches_one_layer(
        before in wanted(any_size()),
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
        before in wanted(SMALL),
        index in any::<prop::sample::Index>(),
    ) {
        let name = index.get(&before.keys().cloned().collect::<Vec<_>>()).clone();
        let mut after = before.clone();
        after.insert(name, (LARGE.start, 9));
        prop_assert_eq!(differing(&before, &after).len(), 2, "the one it left and the one it has now");
    }

    #[test]
    fn every_package_is_in_one_layer(wanted in wanted(any_size())) {
        let mut files: Vec<String> = layers(&wanted).into_values().flatten().collect();
        files.sort();
        let mut expected: Vec<String> = packages(&wanted).into_iter().map(|package| package.artifact.file).collect();
        expected.sort();
        prop_assert_eq!(files, expected);
    }
}

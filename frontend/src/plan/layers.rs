//! Which package goes into which layer.
//!
//! An image that changed should push what changed, so every package would like a layer of its own; but an image runs with at
//! most 127 layers, and a layer costs a step. So: a package that is large enough has a layer to itself, families that are
//! released together share one, and the small ones share buckets, chosen by a hash of the name.
//!
//! Where a package goes depends on its own name and size only, unless the target would have more layers than it may. So a
//! package that comes, goes or changes touches its own layer or bucket, and the same package is in the same kind of layer in
//! every target of a workspace.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::contents::{Contents, Layer};
use super::package::Package;
use crate::config::LayersConfig;
use crate::diagnostic::{Diagnostic, quoted};

/// Compressed bytes from which on a wheel has a layer of its own, where there is room. A layer costs a step of some 0.2 s of a core in a
/// first build, and 60 ms of the first pull: longer than it takes to send this much again at 100 Mbit/s.
const SOLO_SIZE: u64 = 1_000_000;

/// Compressed bytes below which a wheel is not worth much care: a fourth of all packages, less than a hundredth of the bytes.
const TINY_SIZE: u64 = 25_000;

/// Members of a built-in family that are larger go alone all the same: they change together, but layers of their own are
/// compressed, pushed and pulled side by side.
const FAMILY_SIZE: u64 = 8_000_000;

/// From this limit on, there are fifteen buckets: a bucket more is a step more in every first build, and a bucket less makes an update of a
/// small wheel compile and push more of its neighbours. Below, there are as many as fit. The number does not follow the limit all the way: a
/// base with one layer more would move packages.
const ROOMY: usize = 36;

/// Packages that are released together, by the names they start with or have; the first is the family's name.
const FAMILIES: [&[&str]; 8] = [
    &["opentelemetry-*"],
    &["nvidia-*"],
    &["boto3", "botocore", "s3transfer"],
    &["pydantic", "pydantic-core"],
    &["grpcio", "grpcio-*"],
    &["langchain", "langchain-*"],
    &["llama-index", "llama-index-*"],
    &["google-cloud-*"],
];

/// Distributions that stand for one another and write the same files. Where an image has several of a row they are in one layer,
/// in which the last by name wins and the log says so: which is on top would be a matter of their sizes otherwise. The first is
/// the layer's name.
const RIVALS: [&[&str]; 9] = [
    &["opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"],
    &["psycopg2", "psycopg2-binary"],
    &["tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly"],
    &["onnxruntime", "onnxruntime-gpu"],
    &["faiss-cpu", "faiss-gpu"],
    &["pillow", "pillow-simd"],
    &["pycrypto", "pycryptodome"],
    &["jwt", "pyjwt"],
    &["bson", "pymongo"],
];

/// What the layers of third-party packages have to keep to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// How many there may be.
    pub limit: usize,
    /// Compressed bytes that one should not exceed.
    pub max_size: Option<u64>,
    /// Families of the user's own: names, or prefixes that end in `*`.
    pub together: Vec<Vec<String>>,
}

/// How many layers an image may have unless the config says otherwise. Containers run with 127 at most, and mounting long
/// chains has failed earlier than that.
pub const DEFAULT_BUDGET: usize = 92;

/// Layers of the budget that third-party packages leave alone: user, environment, files, and those of local projects.
const RESERVED: usize = 27;

impl LayersConfig {
    /// The policy over a base with `base_layers` layers.
    pub fn policy(&self, base_layers: usize) -> Policy {
        let budget = self.budget.unwrap_or(DEFAULT_BUDGET);
        Policy {
            limit: budget.saturating_sub(base_layers + RESERVED).max(1),
            max_size: self.max_size,
            together: self.together.clone(),
        }
    }
}

/// Where a package goes. The order is that of the image: large and stable low, small and restless high.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    /// With others that write the same files.
    Rivals(&'static str),
    /// Alone; ordered by size class, the largest first, so that another size within a class changes no order.
    Solo { smallness: u32, name: String },
    /// With its family.
    Family(String),
    /// In a bucket of small wheels.
    Small(usize),
    /// In a bucket of tiny wheels.
    Tiny(usize),
}

/// How names of the layers of small wheels begin.
const SMALL: &str = "small-packages-";

/// How names of the layers of tiny wheels begin.
const TINY: &str = "smallest-packages-";

impl Slot {
    fn layer_name(&self) -> String {
        match self {
            Self::Rivals(name) => (*name).to_owned(),
            Self::Solo { name, .. } | Self::Family(name) => name.clone(),
            Self::Small(number) => format!("{SMALL}{number:02}"),
            Self::Tiny(number) => format!("{TINY}{number:02}"),
        }
    }
}

/// Whether a layer of this name is one of small wheels, which have nothing to do with one another.
pub fn is_of_small(name: &str) -> bool {
    [SMALL, TINY].iter().any(|start| name.starts_with(start))
}

/// Third-party layers in the order of the image, and warnings about sizes.
pub fn assign(packages: Vec<Package>, policy: &Policy) -> (Vec<Layer>, Vec<Diagnostic>) {
    let mut warnings = Vec::new();
    let families = Families::new(&packages, policy, &mut warnings);
    let places: Vec<Place> = packages.iter().map(|package| Place::of(package, &families, policy.limit)).collect();
    let threshold = threshold(&places, policy.limit);
    let mut layers: BTreeMap<Slot, Vec<Package>> = BTreeMap::new();
    for (package, place) in packages.into_iter().zip(places) {
        layers.entry(place.slot(threshold).clone()).or_default().push(package);
    }
    let layers = layers
        .into_iter()
        .map(|(slot, mut packages)| {
            packages.sort_by(|a, b| a.name.cmp(&b.name));
            Layer { name: slot.layer_name(), contents: Contents::ThirdParty(packages) }
        })
        .collect();
    (layers, warnings)
}

/// Where a package can go.
struct Place {
    size: u64,
    /// Its slot if it is large enough to go alone.
    alone: Slot,
    /// Its slot otherwise.
    shared: Slot,
}

impl Place {
    fn of(package: &Package, families: &Families<'_>, limit: usize) -> Self {
        let (small, tiny) = if limit >= ROOMY { (12, 3) } else { ((limit / 2).max(1), (limit / 10).max(1)) };
        let size = size(package);
        if let Some(name) = families.rivals(package) {
            return Self { size, alone: Slot::Rivals(name), shared: Slot::Rivals(name) };
        }
        if let Some(family) = families.of(package) {
            return Self { size, alone: Slot::Family(family.clone()), shared: Slot::Family(family) };
        }
        Self {
            size,
            alone: Slot::Solo { smallness: size.leading_zeros(), name: package.name.clone() },
            shared: match size {
                ..TINY_SIZE => Slot::Tiny(bucket(&package.name, tiny)),
                _ => Slot::Small(bucket(&package.name, small)),
            },
        }
    }

    /// Its slot when packages go alone from `threshold` bytes on.
    fn slot(&self, threshold: u64) -> &Slot {
        if self.size >= threshold { &self.alone } else { &self.shared }
    }
}

/// The size from which on packages go alone: the usual one, or as many steps above it as it takes to stay within the limit. A
/// step moves the packages of one size class, a sixteenth wide, and no others.
fn threshold(places: &[Place], limit: usize) -> u64 {
    let mut threshold = SOLO_SIZE;
    loop {
        let slots: BTreeSet<&Slot> = places.iter().map(|place| place.slot(threshold)).collect();
        let has_solo = slots.iter().any(|slot| matches!(slot, Slot::Solo { .. }));
        if slots.len() <= limit || !has_solo {
            return threshold;
        }
        threshold = threshold.saturating_add(threshold / 16);
    }
}

/// What a package without a size (some indexes tell none) is taken for: a small one. A bucket is never wrong, only coarser.
pub const UNKNOWN_SIZE: u64 = TINY_SIZE;

/// Compressed bytes of a package.
pub fn size(package: &Package) -> u64 {
    package.artifact.size.unwrap_or(UNKNOWN_SIZE)
}

/// Rendezvous hashing: the bucket whose hash together with the name is greatest. Were there one bucket more, only the names
/// that it wins would move.
pub(super) fn bucket(name: &str, buckets: usize) -> usize {
    let weight = |number: usize| {
        Sha256::new().chain_update(name).chain_update([0]).chain_update((number as u64).to_be_bytes()).finalize()
    };
    (0..buckets).max_by_key(|number| weight(*number)).unwrap_or(0)
}

/// The user's families and the built-in ones.
struct Families<'policy> {
    own: Vec<&'policy [String]>,
    /// The rows of rivals of which there are several.
    rivals: Vec<&'static [&'static str]>,
}

impl<'policy> Families<'policy> {
    /// Leaves out families of the user's that would exceed the size of a layer, with a warning.
    fn new(packages: &[Package], policy: &'policy Policy, warnings: &mut Vec<Diagnostic>) -> Self {
        let mut own = Vec::new();
        let max_size = policy.max_size.unwrap_or(u64::MAX);
        for package in packages.iter().filter(|package| size(package) > max_size) {
            warnings.push(
                Diagnostic::new(
                    "layers::large_wheel",
                    format!("`{}` alone exceeds `layers.max-size`: {} bytes", package.name, size(package)),
                )
                .at(package.span.clone())
                .help("a wheel is never split: raise `max-size` to silence this warning"),
            );
        }
        for family in &policy.together {
            let members = packages.iter().filter(|package| is_in(&package.name, family.iter().map(String::as_str)));
            let total: u64 = members.clone().map(size).sum();
            if total <= max_size {
                own.push(family.as_slice());
            } else {
                let names: Vec<&str> = family.iter().map(String::as_str).collect();
                let problem = format!(
                    "{} do not share a layer, because together they exceed `layers.max-size`: {total} bytes",
                    quoted(&names)
                );
                warnings.push(
                    Diagnostic::new("layers::large_family", problem)
                        .at_some(members.clone().next().map(|package| package.span.clone()))
                        .help("raise `max-size`, or remove some of them from `together`"),
                );
            }
        }
        let mut families = Self { own, rivals: Vec::new() };
        // What the user says of a package counts for more.
        let is_free = |package: &&Package| families.of_the_user(package).is_none();
        let free: Vec<&str> = packages.iter().filter(is_free).map(|package| package.name.as_str()).collect();
        let are_several = |row: &&[&str]| row.iter().filter(|name| free.contains(name)).count() > 1;
        families.rivals = RIVALS.iter().copied().filter(are_several).collect();
        families
    }

    /// The name of the layer of a package and its rivals.
    fn rivals(&self, package: &Package) -> Option<&'static str> {
        let row = self.rivals.iter().find(|row| row.contains(&&*package.name))?;
        self.of_the_user(package).is_none().then_some(row[0])
    }

    fn of_the_user(&self, package: &Package) -> Option<String> {
        let own = self.own.iter().find(|family| is_in(&package.name, family.iter().map(String::as_str)))?;
        own.first().map(|first| family_name(first))
    }

    /// The name of a package's family.
    fn of(&self, package: &Package) -> Option<String> {
        if let Some(family) = self.of_the_user(package) {
            return Some(family);
        }
        let built_in = FAMILIES.iter().find(|family| is_in(&package.name, family.iter().copied()));
        built_in.filter(|_| size(package) < FAMILY_SIZE).map(|family| family_name(family[0]))
    }
}

/// Whether one of the patterns is the name, or the start of it and a `*`.
pub(super) fn is_in<'a>(name: &str, mut patterns: impl Iterator<Item = &'a str>) -> bool {
    patterns.any(|pattern| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    })
}

fn family_name(pattern: &str) -> String {
    pattern.trim_end_matches(['-', '*']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{SourceFile, Span};
    use crate::plan::package::{Artifact, Form, Origin};
    use crate::plan::recipe::Recipe;

    fn package(name: &str, size: Option<u64>) -> Package {
        Package {
            index: None,
            name: name.to_owned(),
            version: "1".to_owned(),
            artifact: Artifact {
                file: format!("{name}-1-py3-none-any.whl"),
                form: Form::Wheel,
                origin: Origin::Url(buildkit_llb::HttpUrl::parse(&format!("https://index.example/{name}")).unwrap()),
                hash: None,
                size,
            },
            direct_url: None,
            recipe: Recipe::default(),
            network: false,
            span: Span::whole(&SourceFile::new("uv.lock", "")),
        }
    }

    fn usual() -> Policy {
        LayersConfig::default().policy(5)
    }

    /// One line a layer: its name and the names of its packages.
    fn shown(packages: Vec<Package>, policy: &Policy) -> Vec<String> {
        let (layers, warnings) = assign(packages, policy);
        let layers = layers.iter().map(|layer| match &layer.contents {
            Contents::ThirdParty(packages) => {
                let names: Vec<&str> = packages.iter().map(|package| package.name.as_str()).collect();
                format!("{}: {}", layer.name, names.join(" "))
            }
            other => format!("{other:?}"),
        });
        layers.chain(warnings.into_iter().map(|warning| warning.message)).collect()
    }

    #[test]
    fn large_wheels_are_low_families_share_small_ones_are_high() {
        let packages = vec![
            package("idna", Some(20_000)),
            package("opentelemetry-sdk", Some(90_000)),
            package("opentelemetry-api", Some(60_000)),
            package("numpy", Some(16_000_000)),
            package("torch", Some(900_000_000)),
            package("nvidia-nccl", Some(180_000_000)),
            package("nvidia-ml-py", Some(50_000)),
            package("click", Some(120_000)),
            package("unsized", None),
        ];
        insta::assert_snapshot!(shown(packages, &usual()).join("\n"), @r"
        torch: torch
        nvidia-nccl: nvidia-nccl
        numpy: numpy
        nvidia: nvidia-ml-py
        opentelemetry: opentelemetry-api opentelemetry-sdk
        small-packages-01: click
        small-packages-02: unsized
        smallest-packages-01: idna
        ");
    }

    #[test]
    fn packages_that_write_the_same_files_are_in_one_layer() {
        let packages = |other: u64| {
            vec![
                package("opencv-python", Some(60_000_000)),
                package("opencv-python-headless", Some(other)),
                package("numpy", Some(16_000_000)),
                package("pillow", Some(6_000_000)),
            ]
        };
        for other in [20_000, 50_000_000, 900_000_000] {
            assert_eq!(
                shown(packages(other), &usual()),
                ["opencv-python: opencv-python opencv-python-headless", "numpy: numpy", "pillow: pillow"]
            );
        }
        let together = vec![vec!["numpy".to_owned(), "opencv-python".to_owned()]];
        insta::assert_snapshot!(shown(packages(20_000), &Policy { together, ..usual() }).join("\n"), @r"
        pillow: pillow
        numpy: numpy opencv-python
        smallest-packages-02: opencv-python-headless
        ");
    }

    #[test]
    fn the_user_has_the_first_and_the_last_word() {
        let packages =
            || vec![package("torch", Some(900)), package("nvidia-nccl", Some(300)), package("idna", Some(40))];
        let together = vec![vec!["torch".to_owned(), "nvidia-*".to_owned()]];
        let policy = Policy { together, ..usual() };
        assert_eq!(shown(packages(), &policy), ["torch: nvidia-nccl torch", "smallest-packages-01: idna"]);
        let small = Policy { max_size: Some(1000), ..policy };
        insta::assert_snapshot!(shown(packages(), &small).join("\n"), @r"
        nvidia: nvidia-nccl
        smallest-packages-00: torch
        smallest-packages-01: idna
        `torch`, `nvidia-*` do not share a layer, because together they exceed `layers.max-size`: 1200 bytes
        ");
    }

    #[test]
    fn stays_within_the_limit_whatever_the_number() {
        for count in [1, 10, 100, 1000] {
            let packages: Vec<Package> =
                (0..count).map(|number| package(&format!("package-{number}"), Some(number * 100_000))).collect();
            for limit in [3, 10, 48, 90] {
                let (layers, _) = assign(packages.clone(), &Policy { limit, ..usual() });
                assert!(layers.len() <= limit, "{count} packages in {} layers of {limit}", layers.len());
            }
        }
    }

    #[test]
    fn spreads_names_over_all_buckets() {
        let mut filled = [0_u32; 16];
        for number in 0..1600 {
            filled[bucket(&format!("package-{number}"), 16)] += 1;
        }
        assert!(filled.iter().all(|count| (60..=140).contains(count)), "{filled:?}");
    }
}

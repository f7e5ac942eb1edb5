//! Which package goes into which layer: a large wheel alone, the small ones in buckets chosen by a hash of the name, so that a
//! package that comes, goes or changes touches its own layer only.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Contents, Layer, Package};

/// Compressed bytes above which a wheel has a layer of its own.
const SOLO_SIZE: u64 = 8_000_000;

/// How many layers the small wheels share.
const BUCKETS: u8 = 16;

/// Third-party layers: those of large wheels by name, then the buckets by number.
pub fn assign(packages: Vec<Package>) -> Vec<Layer> {
    let mut solo: BTreeMap<String, Vec<Package>> = BTreeMap::new();
    let mut buckets: BTreeMap<u8, Vec<Package>> = BTreeMap::new();
    for package in packages {
        // A wheel without a size is taken for a small one: a bucket is never wrong, only coarser.
        if package.artifact.size.unwrap_or(0) > SOLO_SIZE {
            solo.entry(package.name.clone()).or_default().push(package);
        } else {
            buckets.entry(bucket(&package.name)).or_default().push(package);
        }
    }
    let buckets = buckets.into_iter().map(|(number, packages)| (format!("bucket-{number:02}"), packages));
    solo.into_iter()
        .chain(buckets)
        .map(|(name, mut packages)| {
            packages.sort_by(|a, b| a.name.cmp(&b.name));
            Layer { name, contents: Contents::ThirdParty(packages) }
        })
        .collect()
}

/// Rendezvous hashing: the bucket whose hash together with the name is greatest. Were there one bucket more, only the names
/// that it wins would move.
fn bucket(name: &str) -> u8 {
    let weight = |number: u8| Sha256::new().chain_update(name).chain_update([0, number]).finalize();
    (0..BUCKETS).max_by_key(|number| weight(*number)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_names_over_all_buckets() {
        let mut filled = [0_u32; BUCKETS as usize];
        for number in 0..1600 {
            filled[usize::from(bucket(&format!("package-{number}")))] += 1;
        }
        assert!(filled.iter().all(|count| (60..=140).contains(count)), "{filled:?}");
    }
}

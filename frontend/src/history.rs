//! A project's history, replayed: what pushing an image after each commit would have sent, and how other ways to cut the same
//! packages into layers compare.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use crate::plan::product::Product;
use crate::plan::{Contents, Form, Plan, layers};

/// A wheel of an image: what a layer is known by, and what it weighs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wheel {
    /// Normalised name of its package.
    pub name: String,
    /// Version of its package.
    pub version: String,
    /// Its hash; its file name where the lock has none.
    pub artifact: String,
    /// Compressed bytes.
    pub size: u64,
    /// The lock has no size, and [`Wheel::size`] is what the planner takes it for.
    pub is_guessed: bool,
}

/// Layers of wheels. Everything else of an image is left out: the lock does not say how large it is.
pub type Image = Vec<Vec<Wheel>>;

/// The image of a plan.
pub fn image(plan: &Plan) -> Image {
    let mut image = Image::new();
    for layer in &plan.layers {
        let Contents::ThirdParty(packages) = &layer.contents else { continue };
        let wheels = packages.iter().filter(|package| package.artifact.form == Form::Wheel).map(|package| Wheel {
            name: package.name.clone(),
            version: package.version.clone(),
            artifact: match &package.artifact.hash {
                Some(hash) => hash.to_string(),
                None => package.artifact.file.clone(),
            },
            size: layers::size(package),
            is_guessed: package.artifact.size.is_none(),
        });
        image.push(wheels.collect());
    }
    image.retain(|layer: &Vec<Wheel>| !layer.is_empty());
    image
}

/// Why nothing is pushed of a target, if it is no image.
pub fn not_pushed(plan: &Plan) -> Option<String> {
    match plan.product {
        Product::Image if plan.check.is_some() => {
            Some(format!("`{}` is a check, not an image that can be pushed", plan.target))
        }
        Product::Image => None,
        _ => Some(format!("`{}` makes files, not an image that can be pushed", plan.target)),
    }
}

/// How many wheels the layers by size alone give a layer each.
const LARGEST: usize = 40;

/// A way to cut the wheels of an image into layers.
type Recut = fn(&Image) -> Image;

/// Ways to cut the same wheels into layers, by name.
const CUTS: [(&str, Recut); 4] = [
    ("a layer for each package", |image| wheels(image).map(|wheel| vec![wheel.clone()]).collect()),
    ("these layers", Image::clone),
    ("the 40 largest, one for the rest", largest_and_rest),
    ("one layer of all", |image| vec![wheels(image).cloned().collect()]),
];

fn wheels(image: &Image) -> impl Iterator<Item = &Wheel> {
    image.iter().flatten()
}

fn largest_and_rest(image: &Image) -> Image {
    let mut sorted: Vec<&Wheel> = wheels(image).collect();
    sorted.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.name.cmp(&b.name)));
    let (largest, rest) = sorted.split_at(sorted.len().min(LARGEST));
    let rest: Vec<Wheel> = rest.iter().copied().cloned().collect();
    let alone = largest.iter().map(|wheel| vec![(*wheel).clone()]);
    alone.chain((!rest.is_empty()).then_some(rest)).collect()
}

/// Bytes of the layers of `after` that `before` does not have.
fn pushed(before: &Image, after: &Image) -> u64 {
    let sorted = |layer: &Vec<Wheel>| layer.iter().cloned().collect::<BTreeSet<_>>();
    let known: BTreeSet<BTreeSet<Wheel>> = before.iter().map(sorted).collect();
    after.iter().filter(|layer| !known.contains(&sorted(layer))).flatten().map(|wheel| wheel.size).sum()
}

/// The packages that came, went or changed: `idna 3.9 -> 3.10`.
fn changed(before: &Image, after: &Image) -> Vec<String> {
    let by_name = |image| wheels(image).map(|wheel| (wheel.name.clone(), wheel.clone())).collect::<BTreeMap<_, _>>();
    let (before, after) = (by_name(before), by_name(after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    let change = |name: &String| match (before.get(name), after.get(name)) {
        (Some(old), Some(new)) if old.version == new.version => format!("{name} {} of another artifact", new.version),
        (old, new) => {
            let version = |wheel: Option<&Wheel>| wheel.map_or("none", |wheel| &wheel.version).to_owned();
            format!("{name} {} -> {}", version(old), version(new))
        }
    };
    changed.map(change).collect()
}

/// A commit of a history.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Its name.
    pub id: String,
    /// The day of it.
    pub date: String,
    /// The first line of its message.
    pub subject: String,
}

/// A replay under way: images are shown to it oldest first.
#[derive(Debug, Default)]
pub struct Replay {
    commits: usize,
    changed_locks: usize,
    skipped: Vec<Skipped>,
    last: Option<Image>,
    target: String,
    pushes: Vec<Push>,
    packages: BTreeSet<usize>,
    guessed: BTreeSet<String>,
    cuts: [Cut; CUTS.len()],
}

#[derive(Clone, Debug, Default)]
struct Cut {
    layers: BTreeSet<usize>,
    pushed: u64,
}

impl Replay {
    /// The target that is replayed, as the latest commit calls it.
    pub fn of(&mut self, target: &str) {
        target.clone_into(&mut self.target);
    }

    /// A commit whose image is this one.
    pub fn image(&mut self, commit: &Commit, image: Image, has_other_lock: bool) {
        self.commits += 1;
        self.changed_locks += usize::from(has_other_lock);
        self.packages.insert(wheels(&image).count());
        self.guessed.extend(wheels(&image).filter(|wheel| wheel.is_guessed).map(|wheel| wheel.name.clone()));
        let mut by_cut = [0; CUTS.len()];
        for (((_, cut), sum), by_cut) in CUTS.iter().zip(&mut self.cuts).zip(&mut by_cut) {
            let after = cut(&image);
            sum.layers.insert(after.len());
            // The first image is pushed as a whole, however it is cut.
            *by_cut = self.last.as_ref().map_or(0, |before| pushed(&cut(before), &after));
            sum.pushed += *by_cut;
        }
        let changes = self.last.as_ref().map(|before| changed(before, &image)).unwrap_or_default();
        if !changes.is_empty() {
            let Commit { id, date, subject } = commit.clone();
            let [_, pushed_bytes, _, one_layer_bytes] = by_cut;
            self.pushes.push(Push { commit: id, date, subject, changes, pushed_bytes, one_layer_bytes });
        }
        self.last = Some(image);
    }

    /// A commit that has no image.
    pub fn skip(&mut self, commit: &Commit, reason: &str, has_other_lock: bool) {
        self.commits += 1;
        self.changed_locks += usize::from(has_other_lock);
        let reason = reason.lines().next().unwrap_or_default().to_owned();
        self.skipped.push(Skipped { commit: commit.id.clone(), reason });
    }

    /// Whether there was a commit with an image.
    pub fn has_images(&self) -> bool {
        self.last.is_some()
    }

    /// What came of it.
    pub fn report(self) -> Report {
        let mut changes: Vec<usize> = self.pushes.iter().map(|push| push.changes.len()).collect();
        changes.sort_unstable();
        let optimum = self.cuts[0].pushed;
        let cuts = CUTS.iter().zip(&self.cuts).map(|((name, _), cut)| CutReport {
            name,
            layers: Range::of(&cut.layers),
            pushed_bytes: cut.pushed,
            #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
            ratio: (optimum > 0).then(|| cut.pushed as f64 / optimum as f64),
        });
        Report {
            target: self.target,
            commits: self.commits,
            changed_locks: self.changed_locks,
            changed_images: changes.len(),
            changed_packages_median: rank(&changes, 50),
            changed_packages_p90: rank(&changes, 90),
            packages: Range::of(&self.packages),
            cuts: cuts.collect(),
            guessed_sizes: self.guessed.into_iter().collect(),
            pushes: self.pushes,
            skipped: self.skipped,
        }
    }
}

/// The value that this many hundredths of a sorted list do not exceed.
fn rank(sorted: &[usize], hundredths: usize) -> usize {
    let at = (sorted.len() * hundredths).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or(0)
}

/// A replayed history.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The target.
    pub target: String,
    /// Commits that touched the lock, the config or a manifest.
    pub commits: usize,
    /// Those of them with another lock than the commit before.
    pub changed_locks: usize,
    /// Those of them with other wheels of the target than the image before.
    pub changed_images: usize,
    /// Packages that came, went or changed where any did.
    pub changed_packages_median: usize,
    /// The same, not exceeded by nine tenths.
    pub changed_packages_p90: usize,
    /// Packages of an image.
    pub packages: Range,
    /// The ways to cut; the first is the least that can be pushed.
    pub cuts: Vec<CutReport>,
    /// Packages whose wheel has no size in some lock.
    pub guessed_sizes: Vec<String>,
    /// Commits with other wheels than the image before, oldest first.
    pub pushes: Vec<Push>,
    /// Commits that could not be planned.
    pub skipped: Vec<Skipped>,
}

/// What a push after a commit would have sent.
#[derive(Debug, Serialize)]
pub struct Push {
    /// The commit's name.
    pub commit: String,
    /// Its day.
    pub date: String,
    /// The first line of its message.
    pub subject: String,
    /// Packages that came, went or changed.
    pub changes: Vec<String>,
    /// Compressed bytes, in these layers.
    pub pushed_bytes: u64,
    /// The same, with one layer of all wheels.
    pub one_layer_bytes: u64,
}

/// The least and the greatest of some numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The least.
    pub min: usize,
    /// The greatest.
    pub max: usize,
}

impl Range {
    fn of(numbers: &BTreeSet<usize>) -> Self {
        Self { min: numbers.first().copied().unwrap_or_default(), max: numbers.last().copied().unwrap_or_default() }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.min == self.max { write!(out, "{}", self.max) } else { write!(out, "{}-{}", self.min, self.max) }
    }
}

/// A way to cut wheels into layers.
#[derive(Debug, Serialize)]
pub struct CutReport {
    /// What it is.
    pub name: &'static str,
    /// Layers of an image.
    pub layers: Range,
    /// Compressed bytes pushed after the first image.
    pub pushed_bytes: u64,
    /// How many times those of a layer for each package; absent when nothing was pushed.
    pub ratio: Option<f64>,
}

/// A commit without an image.
#[derive(Debug, Serialize)]
pub struct Skipped {
    /// Its name.
    pub commit: String,
    /// The first line of what is wrong with it.
    pub reason: String,
}

impl Report {
    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!(
            "commits                 {}\nwith another lock       {}\nwith another image      {}, {} packages changed (median), \
             {} (p90)\npackages                {}\n\n",
            self.commits,
            self.changed_locks,
            self.changed_images,
            self.changed_packages_median,
            self.changed_packages_p90,
            self.packages
        );
        let mut line = |name: &str, layers: &str, pushed: &str, ratio: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name:<34}{layers:>9}{pushed:>12}{ratio:>8}");
        };
        line("pushed after the first image", "layers", "MB", "ratio");
        for cut in &self.cuts {
            let tenths = (cut.pushed_bytes + 50_000) / 100_000;
            let ratio = cut.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
            line(cut.name, &cut.layers.to_string(), &format!("{}.{}", tenths / 10, tenths % 10), &ratio);
        }
        if !self.guessed_sizes.is_empty() {
            text += &format!(
                "\n{} packages have no size in the lock and count as {} bytes\n",
                self.guessed_sizes.len(),
                layers::UNKNOWN_SIZE
            );
        }
        if let Some(first) = self.skipped.first() {
            text += &format!(
                "\n{} commits have no image, the first {}: {}\n",
                self.skipped.len(),
                first.commit.get(..12).unwrap_or(&first.commit),
                first.reason
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(name: &str, version: u32, size: u64) -> Wheel {
        Wheel {
            name: name.to_owned(),
            version: version.to_string(),
            artifact: format!("{name}-{version}"),
            size,
            is_guessed: false,
        }
    }

    #[test]
    fn sums_what_the_image_before_did_not_have() {
        let big = wheel("big", 1, 9_000_000);
        let mut replay = Replay::default();
        let image = |small, other| {
            vec![vec![big.clone()], vec![wheel("small", small, 200_000), wheel("other", other, 300_000)]]
        };
        let commit = |id: &str| Commit { id: id.to_owned(), ..Commit::default() };
        replay.image(&commit("a"), image(1, 1), true);
        replay.image(&commit("b"), image(2, 1), true);
        replay.skip(&commit("0123456789abcdef"), "no lock\nhelp: lock", true);
        replay.image(&commit("c"), image(2, 1), false);
        replay.image(&commit("d"), image(3, 2), false);
        let report = replay.report();
        assert_eq!((report.commits, report.changed_locks, report.changed_images, report.skipped.len()), (5, 3, 2, 1));
        let pushed: Vec<u64> = report.cuts.iter().map(|cut| cut.pushed_bytes).collect();
        assert_eq!(pushed, [700_000, 1_000_000, 700_000, 19_000_000]);
        let pushes = report
            .pushes
            .iter()
            .map(|push| (&*push.commit, push.changes.join(", "), push.pushed_bytes, push.one_layer_bytes));
        assert_eq!(
            pushes.collect::<Vec<_>>(),
            [
                ("b", "small 1 -> 2".to_owned(), 500_000, 9_500_000),
                ("d", "other 1 -> 2, small 2 -> 3".to_owned(), 500_000, 9_500_000)
            ]
        );
        assert!(
            report.text().contains("1 commits have no image, the first 0123456789ab: no lock"),
            "{}",
            report.text()
        );
    }

    #[test]
    fn the_rest_is_what_is_not_among_the_largest() {
        let image: Image = (0..50).map(|number| vec![wheel(&format!("p{number}"), 1, number)]).collect();
        let cut = largest_and_rest(&image);
        assert_eq!((cut.len(), cut[0][0].size, cut[40].len()), (41, 49, 10));
        assert_eq!(largest_and_rest(&image[..3].to_vec()).len(), 3, "no layer of nothing");
    }

    #[test]
    fn ranks_are_values() {
        assert_eq!((rank(&[], 50), rank(&[7], 90), rank(&[1, 2, 3, 4], 50)), (0, 7, 2));
        assert_eq!(rank(&(1..=10).collect::<Vec<_>>(), 90), 9);
    }
}

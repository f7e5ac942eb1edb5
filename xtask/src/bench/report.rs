//! Results: a file for programs, a table and a picture for readers.

mod picture;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Serialize;

use super::contender::Sample;
use super::recipes::{Contestant, UV};
use super::scenario::Scenario;
use crate::lab::Lab;
use crate::lab::process::run_captured;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub workload: Workload,
    pub scenarios: Vec<Row>,
}

/// Where it was measured.
#[derive(Debug, Serialize)]
pub struct Machine {
    cores: usize,
    processor: String,
    memory_gib: f64,
    kernel: String,
    buildkit: String,
    buildx: String,
    uv: String,
}

/// What was built.
#[derive(Debug, Serialize)]
pub struct Workload {
    pub members: usize,
    pub services: usize,
    pub packages: usize,
    pub wheel_bytes: u64,
}

/// One scenario: medians, ratios to ours, and what they were made from.
#[derive(Debug, Serialize)]
pub struct Row {
    name: String,
    ours_s: Option<f64>,
    guide_s: Option<f64>,
    best_s: Option<f64>,
    ratio_guide: Option<f64>,
    ratio_best: Option<f64>,
    ours_bytes_pushed: Option<u64>,
    guide_bytes_pushed: Option<u64>,
    best_bytes_pushed: Option<u64>,
    /// The load of the machine when it began: others' work would be in the figures.
    load_before: f64,
    samples: BTreeMap<&'static str, Vec<Sample>>,
    #[serde(skip)]
    description: &'static str,
}

impl Row {
    pub fn new(scenario: Scenario, load_before: f64, samples: BTreeMap<Contestant, Vec<Sample>>) -> Row {
        let seconds = |contestant| {
            let samples = samples.get(&contestant)?;
            median(samples.iter().map(|sample| sample.seconds).collect(), f64::total_cmp)
        };
        let bytes = |contestant| {
            let samples = samples.get(&contestant)?;
            median(samples.iter().map(|sample| sample.bytes_pushed).collect(), u64::cmp)
        };
        let [ours, guide, best] = Contestant::ALL.map(seconds);
        let ratio = |other: Option<f64>| Some(round(other? / ours?));
        Row {
            name: scenario.name().to_owned(),
            ours_s: ours.map(round),
            guide_s: guide.map(round),
            best_s: best.map(round),
            ratio_guide: ratio(guide),
            ratio_best: ratio(best),
            ours_bytes_pushed: bytes(Contestant::Ours),
            guide_bytes_pushed: bytes(Contestant::Guide),
            best_bytes_pushed: bytes(Contestant::Best),
            load_before,
            samples: samples.into_iter().map(|(contestant, samples)| (contestant.name(), samples)).collect(),
            description: scenario.description(),
        }
    }
}

/// The middle value; of two, the smaller one.
fn median<T: Copy>(mut values: Vec<T>, order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Option<T> {
    values.sort_by(order);
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// To milliseconds, beyond which nothing is to be read.
fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

impl Machine {
    pub fn inspect(lab: &Lab) -> Result<Machine> {
        let processors = fs::read_to_string("/proc/cpuinfo")?;
        let processor = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let memory = fs::read_to_string("/proc/meminfo")?;
        let kibibytes: Option<f64> =
            memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse().ok());
        let version = |command: &mut Command| -> Result<String> {
            let text = run_captured(command)?;
            let is_version = |word: &&str| word.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit());
            Ok(text.split_whitespace().find(is_version).unwrap_or(text.trim()).to_owned())
        };
        Ok(Machine {
            cores: std::thread::available_parallelism()?.get(),
            processor: processor.map(|(_, name)| name.to_owned()).unwrap_or_default(),
            memory_gib: round(kibibytes.unwrap_or_default() / 1024.0 / 1024.0),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            buildkit: version(lab.command("buildkitd").arg("--version"))?,
            buildx: version(&mut lab.buildx(["version"]))?,
            uv: UV.rsplit(':').next().unwrap_or_default().to_owned(),
        })
    }
}

/// The average number of processes that wanted a core in the last minute.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

impl Report {
    /// Writes the file, and the picture beside it.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
        let picture = path.with_extension("svg");
        fs::write(&picture, picture::svg(self)).with_context(|| format!("cannot write {}", picture.display()))
    }

    /// The table for the README, and what it was measured on.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| scenario | ours | guide | best | guide / ours | best / ours | pushed: ours | guide | best |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        );
        for row in &self.scenarios {
            let cells = [
                row.description.to_owned(),
                cell(row.ours_s, seconds),
                cell(row.guide_s, seconds),
                cell(row.best_s, seconds),
                cell(row.ratio_guide, ratio),
                cell(row.ratio_best, ratio),
                cell(row.ours_bytes_pushed, size),
                cell(row.guide_bytes_pushed, size),
                cell(row.best_bytes_pushed, size),
            ];
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        let (machine, workload) = (&self.machine, &self.workload);
        let _ = write!(
            text,
            "\n{} members, {} packages, {} of wheels; {} cores ({}), {:.0} GiB, Linux {}, BuildKit {}, buildx {}, uv {}.",
            workload.members,
            workload.packages,
            size(workload.wheel_bytes),
            machine.cores,
            machine.processor,
            machine.memory_gib,
            machine.kernel,
            machine.buildkit,
            machine.buildx,
            machine.uv
        );
        text
    }
}

fn cell<T>(value: Option<T>, format: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), format)
}

fn seconds(value: f64) -> String {
    if value < 10.0 { format!("{value:.2} s") } else { format!("{value:.1} s") }
}

fn ratio(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}x") } else { format!("{value:.0}x") }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_middle() {
        assert_eq!(median(vec![3, 1, 2], u64::cmp), Some(2));
        assert_eq!(median(vec![4, 1], u64::cmp), Some(1));
        assert_eq!(median(Vec::new(), u64::cmp), None);
    }

    #[test]
    fn compares_with_ours() {
        let sample = |seconds, bytes_pushed| vec![Sample { seconds, bytes_pushed, digest: None }];
        let samples = [(Contestant::Ours, sample(2.0, 10)), (Contestant::Best, sample(103.0, 2_000_000))];
        let row = Row::new(Scenario::MemberEdit, 0.0, samples.into_iter().collect());
        assert_eq!((row.ratio_best, row.ratio_guide), (Some(51.5), None));
        let workload = Workload { members: 2, services: 1, packages: 3, wheel_bytes: 4_000 };
        let machine = Machine {
            cores: 2,
            processor: "P".to_owned(),
            memory_gib: 1.0,
            kernel: "6".to_owned(),
            buildkit: "v1".to_owned(),
            buildx: "v2".to_owned(),
            uv: "0".to_owned(),
        };
        let table = Report { machine, workload, scenarios: vec![row] }.table();
        assert!(
            table.contains("| one member edited | 2.00 s | – | 103.0 s | – | 52x | 10 B | – | 2.0 MB |\n"),
            "{table}"
        );
    }
}

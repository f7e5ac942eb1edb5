//! Feeds damaged files to everything that reads one, until so many have been tried: no panic, no hang, bounded memory.
//!
//! `cargo xtask fuzz --inputs 1000000` builds it with optimisation and runs it. An input is known by the seed and its number: the
//! same again with `--first NUMBER --inputs 1`.

#![expect(clippy::print_stdout, reason = "counts are what it is run for")]

mod mutation;
mod reader;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mutation::{Random, mutated};
use reader::{Kind, Readers, Verdict};

/// Directories with files to start from.
const SEEDS: [&str; 4] = ["../examples", "errors/cases", "parity/workspaces", "../../shared/corpus"];

/// Names a further one: real workspaces.
const CORPUS: &str = "UV_BUILDKIT_CORPUS";

/// Longer than any input may take: they have some thousand bytes.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Parser)]
#[command(about = "Feeds damaged files to the readers of locks, configs, manifests and stubs")]
struct Options {
    /// How many inputs to try
    #[arg(long, default_value_t = 1_000_000)]
    inputs: u64,
    /// The number of the first
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Another seed gives other inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many to try at a time
    #[arg(long, default_value_t = 2)]
    jobs: u64,
    /// Where inputs are written that the readers do not survive
    #[arg(long, default_value = "target/fuzz")]
    output: PathBuf,
}

/// What is being tried, for whoever watches.
type Current = Mutex<Option<(Instant, u64)>>;

/// What was seen.
#[derive(Default)]
struct Tally {
    verdicts: BTreeMap<(Kind, Verdict), u64>,
    bytes: u64,
    slowest: (Duration, u64, usize),
}

fn main() -> Result<()> {
    let options = Options::parse();
    let seeds = seeds()?;
    let readers = Readers::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello"))?;
    println!("{} files to start from", seeds.len());
    let next = AtomicU64::new(options.first);
    let end = options.first + options.inputs;
    let currents: Vec<Current> = (0..options.jobs).map(|_| Mutex::default()).collect();
    let started = Instant::now();
    let fuzz = Fuzz { options: &options, seeds: &seeds, readers: &readers };
    // What is caught is told with the input.
    std::panic::set_hook(Box::new(|_| {}));
    let tallies = std::thread::scope(|scope| -> Result<Vec<Tally>> {
        let workers: Vec<_> = currents.iter().map(|current| scope.spawn(|| fuzz.work(&next, end, current))).collect();
        while workers.iter().any(|worker| !worker.is_finished()) {
            std::thread::sleep(Duration::from_millis(200));
            for current in &currents {
                let stuck = current.lock().ok().and_then(|current| *current);
                if let Some((since, number)) = stuck.filter(|(since, _)| since.elapsed() > PATIENCE) {
                    println!("input {number} takes longer than {} s", since.elapsed().as_secs());
                    fuzz.save(number)?;
                    exit(1);
                }
            }
        }
        workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow::Error::msg("a worker ended"))?).collect()
    })?;
    report(&tallies, started.elapsed());
    Ok(())
}

struct Fuzz<'a> {
    options: &'a Options,
    seeds: &'a [(Kind, Vec<u8>)],
    readers: &'a Readers,
}

impl Fuzz<'_> {
    fn input(&self, number: u64) -> (Kind, Vec<u8>) {
        mutated(&mut Random::new(self.options.seed, number), self.seeds)
    }

    fn work(&self, next: &AtomicU64, end: u64, current: &Current) -> Result<Tally> {
        let mut tally = Tally::default();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= end {
                return Ok(tally);
            }
            let (kind, input) = self.input(number);
            let since = Instant::now();
            let set = |value| current.lock().map(|mut current| *current = value).unwrap_or_default();
            set(Some((since, number)));
            let outcome = catch_unwind(AssertUnwindSafe(|| self.readers.read(kind, &input, number)));
            set(None);
            let Ok(verdict) = outcome else {
                println!("input {number} makes a reader panic");
                self.save(number)?;
                exit(1);
            };
            *tally.verdicts.entry((kind, verdict)).or_default() += 1;
            tally.bytes += input.len() as u64;
            tally.slowest = tally.slowest.max((since.elapsed(), number, input.len()));
        }
    }

    fn save(&self, number: u64) -> Result<()> {
        let (kind, input) = self.input(number);
        std::fs::create_dir_all(&self.options.output)?;
        let path = self.options.output.join(format!("{}-{number}", kind.file()));
        std::fs::write(&path, input)?;
        println!("it is in {}", path.display());
        Ok(())
    }
}

/// Files of projects, below directories that are there.
fn seeds() -> Result<Vec<(Kind, Vec<u8>)>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let corpus = std::env::var_os(CORPUS).map(PathBuf::from);
    let mut seeds = Vec::new();
    for root in SEEDS.iter().map(|directory| here.join(directory)).chain(corpus).filter(|root| root.is_dir()) {
        collect(&root, &mut seeds)?;
    }
    seeds.sort();
    seeds.dedup();
    ensure!(!seeds.is_empty(), "there is nothing to start from");
    Ok(seeds)
}

fn collect(directory: &Path, seeds: &mut Vec<(Kind, Vec<u8>)>) -> Result<()> {
    for entry in std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, seeds)?;
        } else if let Some(kind) = Kind::of(&path.file_name().unwrap_or_default().to_string_lossy()) {
            seeds.push((kind, std::fs::read(&path)?));
        }
    }
    Ok(())
}

fn report(tallies: &[Tally], elapsed: Duration) {
    let mut verdicts: BTreeMap<(Kind, Verdict), u64> = BTreeMap::new();
    for (key, count) in tallies.iter().flat_map(|tally| &tally.verdicts) {
        *verdicts.entry(*key).or_default() += count;
    }
    for ((kind, verdict), count) in &verdicts {
        println!("{:16} {verdict:?} {count}", kind.file());
    }
    let (count, bytes): (u64, u64) = (verdicts.values().sum(), tallies.iter().map(|tally| tally.bytes).sum());
    println!("{count} inputs of {} MB in {:.1} s: no panic, no hang", bytes / 1_000_000, elapsed.as_secs_f64());
    if let Some((time, number, length)) = tallies.iter().map(|tally| tally.slowest).max() {
        println!("the slowest was input {number} of {length} bytes: {:.1} ms", time.as_secs_f64() * 1e3);
    }
    if let Some(peak) = peak_memory() {
        println!("peak memory {peak} kB");
    }
}

/// The most memory that this process has had, in kB.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

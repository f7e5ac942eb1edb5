//! Feeds damaged files to everything that reads one, until so many have been tried: no panic, and no input of up to 1 MB that takes
//! more than a second or 256 MB.
//!
//! `cargo xtask fuzz --minutes 30` builds it with optimisation and runs it. An input is known by the seed and its number: the
//! same again with `--first NUMBER --inputs 1`. Some inputs are damaged in small ways; some have a part of themselves many
//! times, or deep in itself, since what takes time that grows faster than the input shows in long ones only.

#![expect(clippy::print_stdout, reason = "counts are what it is run for")]

mod growth;
mod mutation;
mod reader;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::exit;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use mutation::{Random, mutated};
use peak_alloc::PeakAlloc;
use reader::{KINDS, Kind, Readers, Verdict};
use rustix::time::{ClockId, clock_gettime};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Directories with files to start from.
const SEEDS: [&str; 5] = ["../examples", "errors/cases", "parity/workspaces", "imports", "../../shared/corpus"];

/// Names a further one: real workspaces.
const CORPUS: &str = "UV_BUILDKIT_CORPUS";

/// What an input may take of a processor and of memory.
const MOST_TIME: Duration = Duration::from_secs(1);
const MOST_BYTES: usize = 256 << 20;

/// An input that takes longer than this of a processor does not end.
const PATIENCE: Duration = Duration::from_secs(60);

/// As much as a thread of the frontend has.
const STACK: usize = 2 << 20;

#[derive(Parser)]
#[command(about = "Feeds damaged files to the readers of locks, configs, manifests and stubs")]
struct Options {
    /// How many inputs to try
    #[arg(long, default_value_t = u64::MAX)]
    inputs: u64,
    /// For how long
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The number of the first
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Another seed gives other inputs
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where inputs are written that the readers do not survive
    #[arg(long, default_value = "target/fuzz")]
    output: PathBuf,
}

/// What is being tried, since which time of the processor, for the thread that watches.
type Current = Mutex<Option<(Duration, u64)>>;

/// What was seen.
#[derive(Default)]
struct Tally {
    verdicts: BTreeMap<(Kind, Verdict), u64>,
    bytes: u64,
    /// By reader: the time, and the number of the input.
    slowest: BTreeMap<Kind, (Duration, u64)>,
    /// The memory, and the same.
    largest: BTreeMap<Kind, (usize, u64)>,
    /// Inputs that took more than they may.
    beyond: u64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let seeds = seeds()?;
    let readers = Readers::new(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello"))?;
    println!("{} files to start from", seeds.len());
    let current = Current::default();
    let fuzz = Fuzz { options: &options, seeds: &seeds, readers: &readers };
    let started = Instant::now();
    // What is caught is told with the input.
    std::panic::set_hook(Box::new(|_| {}));
    let tally = std::thread::scope(|scope| -> Result<Tally> {
        // One at a time: the memory of a process is measured.
        let worker = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || fuzz.work(&current))?;
        while !worker.is_finished() {
            std::thread::sleep(Duration::from_millis(200));
            let stuck = current.lock().ok().and_then(|current| *current);
            if let Some((_, number)) = stuck.filter(|(since, _)| processor_time().saturating_sub(*since) > PATIENCE) {
                println!("input {number} takes longer than {} s", PATIENCE.as_secs());
                fuzz.save(number)?;
                exit(1);
            }
        }
        worker.join().map_err(|_| anyhow::Error::msg("the worker ended"))?
    })?;
    report(&tally, started.elapsed());
    ensure!(tally.beyond == 0, "{} inputs took more than they may", tally.beyond);
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

    fn work(&self, current: &Current) -> Result<Tally> {
        let mut tally = Tally::default();
        let started = Instant::now();
        std::fs::create_dir_all(&self.options.output)?;
        let note = self.options.output.join(format!("current-{}", self.options.seed));
        let last = self.options.output.join(format!("number-{}", self.options.seed));
        for number in self.options.first..self.options.first.saturating_add(self.options.inputs) {
            if started.elapsed() > Duration::from_secs(self.options.minutes * 60) {
                break;
            }
            let (kind, input) = self.input(number);
            std::fs::write(&last, format!("{number} {}", kind.file()))?;
            // The end of the stack is the end of the process: this says of which input.
            std::fs::write(&note, &input)?;
            let text = String::from_utf8_lossy(&input);
            self.read(kind, &text, number, current, &mut tally)?;
            // One in 16 is read as every other file, too.
            for other in KINDS.into_iter().filter(|other| *other != kind && number.is_multiple_of(16)) {
                self.read(other, &text, number, current, &mut tally)?;
            }
            tally.bytes += input.len() as u64;
        }
        std::fs::remove_file(&note)?;
        std::fs::remove_file(&last)?;
        Ok(tally)
    }

    /// Lets one reader read an input, and takes note of what that cost.
    fn read(&self, kind: Kind, text: &str, number: u64, current: &Current, tally: &mut Tally) -> Result<()> {
        let set = |value| current.lock().map(|mut current| *current = value).unwrap_or_default();
        set(Some((processor_time(), number)));
        MEMORY.reset_peak_usage();
        let (before, since) = (MEMORY.current_usage(), processor_time());
        let outcome = catch_unwind(AssertUnwindSafe(|| self.readers.read(kind, text)));
        let (time, bytes) = (processor_time().saturating_sub(since), MEMORY.peak_usage().saturating_sub(before));
        set(None);
        let Ok(verdict) = outcome else {
            println!("input {number} makes the reader of {} panic", kind.file());
            self.save(number)?;
            exit(1);
        };
        if time > MOST_TIME || bytes > MOST_BYTES {
            let (seconds, megabytes) = (time.as_secs_f64(), bytes >> 20);
            println!("input {number} takes the reader of {} {seconds:.1} s and {megabytes} MB", kind.file());
            self.save(number)?;
            tally.beyond += 1;
        }
        *tally.verdicts.entry((kind, verdict)).or_default() += 1;
        let slowest = tally.slowest.entry(kind).or_default();
        *slowest = (*slowest).max((time, number));
        let largest = tally.largest.entry(kind).or_default();
        *largest = (*largest).max((bytes, number));
        Ok(())
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
            let text = std::fs::read(&path)?;
            if kind == Kind::Entry {
                seeds.push((Kind::Dockerfile, text.clone()));
            }
            seeds.push((kind, text));
        }
    }
    Ok(())
}

fn report(tally: &Tally, elapsed: Duration) {
    for kind in KINDS {
        let count = |verdict| tally.verdicts.get(&(kind, verdict)).copied().unwrap_or_default();
        let (time, slowest) = tally.slowest.get(&kind).copied().unwrap_or_default();
        let (bytes, largest) = tally.largest.get(&kind).copied().unwrap_or_default();
        println!(
            "{:16} {:9} read {:9} refused; at most {:4.2} s (input {slowest}) and {:3} MB (input {largest})",
            kind.file(),
            count(Verdict::Read),
            count(Verdict::Refused),
            time.as_secs_f64(),
            bytes >> 20
        );
    }
    let inputs: u64 = tally.verdicts.values().sum();
    let megabytes = tally.bytes / 1_000_000;
    println!("{inputs} inputs of {megabytes} MB in {:.0} s: 0 panics, {} beyond", elapsed.as_secs_f64(), tally.beyond);
}

/// What this process had of a processor: other processes may be busy as well.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

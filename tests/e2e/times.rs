//! How long each test takes, so that the log of a run shows where its minutes went.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use xtask::lab::workspace;

/// How many tests the log names.
const SHOWN: usize = 30;

/// The clock of one run.
pub struct Times {
    since: Instant,
    path: PathBuf,
    kept: Mutex<Kept>,
}

struct Kept {
    /// A line for each test that has ended: its seconds, when it began and ended since the run did, and its name.
    table: File,
    tests: Vec<(Duration, String)>,
}

impl Times {
    /// The run begins now.
    pub fn new() -> Result<Self> {
        let path = workspace().join("target/e2e-seconds.tsv");
        fs::create_dir_all(path.with_file_name(""))?;
        let table = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { since: Instant::now(), path, kept: Mutex::new(Kept { table, tests: Vec::new() }) })
    }

    /// Runs a test and keeps its times.
    pub fn of(&self, name: &str, test: impl FnOnce() -> Result<()>) -> Result<()> {
        let start = self.since.elapsed();
        let outcome = test();
        let end = self.since.elapsed();
        let took = end.saturating_sub(start);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let [seconds, start, end] = [took, start, end].map(|time| time.as_secs_f32());
        writeln!(kept.table, "{seconds:.1}\t{start:.1}\t{end:.1}\t{name}")?;
        kept.tests.push((took, name.to_owned()));
        outcome
    }

    /// Shows the slowest tests when there were many.
    pub fn report(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.tests.len() < SHOWN {
            return;
        }
        kept.tests.sort_by(|one, other| other.cmp(one));
        eprintln!("\nThe slowest tests, in seconds; all are in {}:", self.path.display());
        for (took, name) in kept.tests.iter().take(SHOWN) {
            eprintln!("{:7.1}  {name}", took.as_secs_f32());
        }
    }
}

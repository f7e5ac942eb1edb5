//! End to end: the frontend of this working copy as an image, real clients, a real BuildKit, real containers.
//!
//! `cargo xtask test` sets up the lab and runs these; so does `cargo test -p uv-buildkit-tests --features e2e --test e2e`. Without a
//! lab they fail. `UV_BUILDKIT_FRONTEND` names a frontend image to test instead of the working copy's.

mod alpine;
mod apk;
mod applications;
mod artifacts;
mod attacks;
mod build;
mod caching;
mod calls;
mod checks;
mod compose;
mod container;
mod contents;
mod context;
mod contexts;
mod distroless;
mod dockerfiles;
mod documents;
mod equality;
mod errors;
mod examples;
mod faults;
mod flags;
mod frontends;
mod gate;
mod graph;
mod image;
mod imports;
mod index;
mod indexes;
mod inputs;
mod installs;
mod lambda;
mod layer;
mod locks;
mod managed;
mod named;
mod native;
mod orchard;
mod pages;
mod patterns;
mod pins;
mod pipelines;
mod platforms;
mod pond;
mod programs;
mod project;
mod pythons;
mod remote;
mod sbom;
mod scripts;
mod server;
mod shared;
mod size;
mod sizes;
mod sources;
mod stage;
mod steps;
mod system;
mod times;
mod transcripts;
mod versions;
mod wheels;
mod writers;

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, ensure};
use libtest_mimic::{Arguments, Trial};

use stage::Stage;
use times::Times;
use xtask::test::E2E_ELSEWHERE;

/// Tests that take minutes, or make what others wait for: they start first, and none of them runs on when all others have ended.
const FIRST: [&str; 7] = [
    "native::c_by_setuptools",
    "documents::commands",
    "checks::commands",
    "wheels::of_sources",
    "checks::links_to_sources",
    "imports::two_services",
    "sizes::fastapi",
];

/// How many tests run at once: they wait for daemons more than they compute.
const THREADS: usize = 6;

fn main() -> Result<ExitCode> {
    let (elsewhere, value) = E2E_ELSEWHERE;
    if std::env::var(elsewhere).is_ok_and(|it| it == value) {
        eprintln!("these tests run in another process of `cargo xtask test`");
        return Ok(ExitCode::SUCCESS);
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    // Test runners list the tests first, for which nothing needs to run.
    let stage = Arc::new(Stage::new()?);
    if !arguments.list {
        stage.require()?;
    }
    let times = Arc::new(Times::new()?);
    let apart = Arc::new(Mutex::new(stage.apart()));
    let mut trials = Trials { stage, apart, times: Arc::clone(&times), trials: Vec::new() };
    examples::add(&mut trials)?;
    equality::add(&mut trials);
    caching::add(&mut trials);
    documents::add(&mut trials);
    errors::add(&mut trials);
    contents::add(&mut trials);
    graph::add(&mut trials);
    flags::add(&mut trials);
    contexts::add(&mut trials);
    named::add(&mut trials);
    native::add(&mut trials);
    platforms::add(&mut trials);
    sbom::add(&mut trials);
    scripts::add(&mut trials);
    size::add(&mut trials);
    steps::add(&mut trials);
    system::add(&mut trials);
    managed::add(&mut trials);
    distroless::add(&mut trials);
    dockerfiles::add(&mut trials);
    alpine::add(&mut trials);
    apk::add(&mut trials);
    applications::add(&mut trials);
    faults::add(&mut trials);
    sources::add(&mut trials);
    locks::add(&mut trials);
    shared::add(&mut trials);
    remote::add(&mut trials);
    checks::add(&mut trials);
    transcripts::add(&mut trials);
    pipelines::add(&mut trials);
    compose::add(&mut trials);
    calls::add(&mut trials);
    frontends::add(&mut trials);
    indexes::add(&mut trials);
    inputs::add(&mut trials);
    installs::add(&mut trials);
    lambda::add(&mut trials);
    artifacts::add(&mut trials);
    attacks::add(&mut trials);
    versions::add(&mut trials);
    wheels::add(&mut trials);
    pins::add(&mut trials);
    programs::add(&mut trials);
    imports::add(&mut trials);
    sizes::add(&mut trials);
    pages::add(&mut trials);
    patterns::add(&mut trials);
    writers::add(&mut trials);
    let mut trials = trials.trials;
    for first in FIRST {
        ensure!(trials.iter().any(|trial| trial.name() == first), "`FIRST` has `{first}`, and no test has this name");
    }
    trials.sort_by_key(|trial| FIRST.iter().position(|first| *first == trial.name()).unwrap_or(FIRST.len()));
    let conclusion = libtest_mimic::run(&arguments, trials);
    times.report();
    Ok(conclusion.exit_code())
}

/// The tests, each with the stage that they share.
struct Trials {
    stage: Arc<Stage>,
    /// A stage for one test at a time.
    apart: Arc<Mutex<Stage>>,
    times: Arc<Times>,
    trials: Vec<Trial>,
}

impl Trials {
    /// Adds a test.
    fn add(&mut self, name: impl Into<String>, test: impl FnOnce(&Stage) -> Result<()> + Send + 'static) {
        let stage = Arc::clone(&self.stage);
        self.add_timed(name.into(), move |times, name| times.of(name, || test(&stage)));
    }

    /// Adds a test that builds without a cache: a step that tests share would run for those beside it, too, and they look at what ran.
    /// It has a BuildKit on which no other test builds at the same time.
    fn add_alone(&mut self, name: impl Into<String>, test: impl FnOnce(&Stage) -> Result<()> + Send + 'static) {
        let apart = Arc::clone(&self.apart);
        self.add_timed(name.into(), move |times, name| {
            let stage = apart.lock().unwrap_or_else(PoisonError::into_inner);
            times.of(name, || {
                stage.part()?;
                test(&stage)
            })
        });
    }

    fn add_timed(&mut self, name: String, test: impl FnOnce(&Times, &str) -> Result<()> + Send + 'static) {
        let (times, timed) = (Arc::clone(&self.times), name.clone());
        let run = move || test(&times, &timed).map_err(|error| format!("{error:#}").into());
        self.trials.push(Trial::test(name, run));
    }
}

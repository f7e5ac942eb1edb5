//! `cargo xtask bench`: this frontend and uv's documented Dockerfiles build the same workspace, side by side.
//!
//! Everything is on the loopback: a registry with the images that builds start from, and an index with wheels that were
//! fetched once. Each contestant has a buildkitd and a registry of its own, which begin empty.

mod contender;
mod hexadecimal;
mod index;
mod project;
mod recipes;
mod registry;
mod report;
mod scenario;
mod snapshot;
mod terminal;
mod wheels;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::grounds::Grounds;
use crate::lab::{Lab, workspace};
use contender::{Contender, Site};
use index::{Index, Wheel};
use project::{Locker, Project, Sizes};
use recipes::Contestant;
use registry::Seeds;
use report::{Machine, Report, Row, Workload};
use scenario::{Runs, Scenario};
use snapshot::Snapshot;
use wheels::Packages;

/// What to measure. Without options it is what the README's table shows.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Members of the workspace
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u8).range(2..=90))]
    members: u8,
    /// Packages that members name, of those in the list; each brings others
    #[arg(long, default_value_t = usize::MAX, hide_default_value = true)]
    packages: usize,
    /// Builds of each scenario, of which the median is taken
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    runs: u8,
    /// Builds of each scenario that begins with an empty builder
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    cold_runs: u8,
    /// Builds of a scenario whose first build took more than a minute
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=3))]
    slow_runs: u8,
    /// The frontend's image, by a reference that the registry answers [default: made from this working copy]
    #[arg(long, value_name = "IMAGE")]
    frontend: Option<String>,
    /// Scenarios, in this order [default: all]
    #[arg(long = "scenario", value_name = "NAME", value_enum, num_args = 1..)]
    scenarios: Vec<Scenario>,
    /// Contestants [default: all]
    #[arg(long = "contestant", value_name = "NAME", value_enum, num_args = 1..)]
    contestants: Vec<Contestant>,
}

/// Measures, writes `target/bench.json` and its picture, `target/bench.svg`, after each scenario, and prints the table.
pub fn run(options: &Options) -> Result<()> {
    let lab = Lab::up()?;
    let outcome = run_in(&lab, options);
    if lab.was_started() {
        Lab::down()?;
    }
    outcome
}

/// The directory with the wheels of all packages, and which of them the workspace installs.
pub fn wheels_and_pins() -> Result<(PathBuf, Vec<String>)> {
    let cache = cache()?;
    let packages = Packages::read()?;
    let wheels = packages.wheels(&cache, &cache.join("wheels.log"))?;
    let directory = wheels.first().and_then(|wheel| wheel.path.parent()).context("there are no wheels")?;
    Ok((directory.to_owned(), packages.pins))
}

fn run_in(lab: &Lab, options: &Options) -> Result<()> {
    if !lab.has_stand_ins() {
        bail!("the benchmark starts daemons of the lab's own: set UV_BUILDKIT_LAB=own");
    }
    let frontend = frontend(lab, options)?;
    let cache = cache()?;
    let _lock = lock(&cache)?;
    let grounds = Grounds::clear(&cache.join("run"))?;
    let seeds = Seeds::take(lab, &grounds, &frontend)?;
    let packages = Packages::read()?;
    let wheels = packages.wheels(&cache, &cache.join("wheels.log"))?;
    let index = Index::start(&wheels)?;
    let sizes = Sizes { members: options.members.into(), direct: options.packages };
    let directory = grounds.path("workspace");
    let locker = locker(lab, &cache, &directory)?;
    terminal::report(format_args!("writing and locking a workspace of {} members", sizes.members));
    let mut project = Project::create(&directory, sizes, &packages, &index.url(), locker)?;
    recipes::write_all(&project)?;
    let workload = workload(&project, &wheels)?;
    terminal::report(format_args!(
        "{} packages, {:.0} MB of wheels",
        workload.packages,
        workload.wheel_bytes as f64 / 1e6
    ));

    let mut results = Report { machine: Machine::inspect(lab)?, workload, scenarios: Vec::new() };
    let site = Site { lab, grounds: &grounds, seeds: &seeds };
    let outcome = measure(&site, &mut project, &packages, options, &mut results);
    print_table(&results);
    outcome
}

/// Runs the scenarios, each for all contestants before the next.
fn measure(
    site: &Site<'_>,
    project: &mut Project,
    packages: &Packages,
    options: &Options,
    results: &mut Report,
) -> Result<()> {
    let runs = Runs { usual: options.runs.into(), cold: options.cold_runs.into(), slow: options.slow_runs.into() };
    let scenarios = if options.scenarios.is_empty() { &Scenario::ALL[..] } else { &options.scenarios };
    let contestants = if options.contestants.is_empty() { &Contestant::ALL[..] } else { &options.contestants };
    let path = workspace().join("target/bench.json");
    let start = Snapshot::take(project.directory())?;
    // All locks are made before anything is measured.
    let states =
        scenarios.iter().map(|scenario| scenario.states(project, packages, runs)).collect::<Result<Vec<_>>>()?;
    let mut contenders: BTreeMap<Contestant, Contender<'_>> = BTreeMap::new();
    for (scenario, states) in scenarios.iter().zip(states) {
        let load = report::load();
        terminal::report(format_args!("{}: {} (load {load})", scenario.name(), scenario.description()));
        let mut samples = BTreeMap::new();
        let mut answer: Option<(Contestant, String)> = None;
        for &contestant in contestants {
            let contender = match contenders.remove(&contestant) {
                Some(contender) => contender,
                None => Contender::begin(site, contestant, &project.services(), &start)?,
            };
            let contender = contenders.entry(contestant).or_insert(contender);
            let outcome = scenario.run(contender, &states, runs)?;
            match &answer {
                Some((other, expected)) if *expected != outcome.answer => bail!(
                    "the images of {} and {} do not answer the same:\n{expected}\nand\n{}",
                    other.name(),
                    contestant.name(),
                    outcome.answer
                ),
                _ => answer = Some((contestant, outcome.answer)),
            }
            samples.insert(contestant, outcome.samples);
        }
        results.scenarios.push(Row::new(*scenario, load, samples));
        results.write(&path)?;
    }
    Ok(())
}

/// The frontend's image, by its digest: the tag may move while this runs.
fn frontend(lab: &Lab, options: &Options) -> Result<String> {
    let reference = match &options.frontend {
        Some(reference) => reference.clone(),
        None => {
            lab.frontend_image()?;
            format!("{}/{}", lab.registry(), registry::path_of(recipes::FRONTEND))
        }
    };
    let digest = crate::lab::run_captured(&mut lab.crane(["digest", &reference]))?;
    Ok(format!("{reference}@{}", digest.trim()))
}

/// How uv locks the workspace: in a container of the base image, with what it knows of the index kept.
fn locker(lab: &Lab, cache: &Path, directory: &Path) -> Result<Locker> {
    let uv = uv_program(lab, cache)?;
    let known = cache.join("uv-cache");
    fs::create_dir_all(&known)?;
    let mut run: Vec<String> = ["docker", "run", "--rm", "--network=host"].map(str::to_owned).into();
    for (from, to) in [(directory, "/workspace"), (uv.as_path(), "/uv"), (known.as_path(), "/known")] {
        run.push(format!("--volume={}:{to}", from.display()));
    }
    run.extend(
        ["--env=UV_CACHE_DIR=/known", "--env=UV_PYTHON_DOWNLOADS=never", "--workdir=/workspace"].map(str::to_owned),
    );
    run.push(format!("{}/{}", lab.registry(), registry::path_of(recipes::BASE)));
    Ok(Locker { run, environment: lab.env() })
}

/// The uv program of the image that builds mount.
fn uv_program(lab: &Lab, cache: &Path) -> Result<PathBuf> {
    let version = recipes::UV.rsplit(':').next().unwrap_or_default();
    let program = cache.join(format!("uv-{version}"));
    if !program.is_file() {
        let image = format!("{}/{}", lab.registry(), registry::path_of(recipes::UV));
        let container = crate::lab::run_captured(&mut lab.docker(["create", &image]))?;
        let container = container.trim();
        let copied = crate::lab::run_captured(&mut lab.docker([
            "cp",
            &format!("{container}:/uv"),
            &program.display().to_string(),
        ]));
        crate::lab::run_captured(&mut lab.docker(["rm", container]))?;
        copied?;
    }
    Ok(program)
}

/// Counts what the lock has.
fn workload(project: &Project, wheels: &[Wheel]) -> Result<Workload> {
    let lock = fs::read_to_string(project.directory().join("uv.lock"))?;
    let used: Vec<&Wheel> = wheels.iter().filter(|wheel| lock.contains(&wheel.sha256)).collect();
    Ok(Workload {
        members: project.members().count(),
        services: project.services().len(),
        packages: used.len(),
        wheel_bytes: used.iter().map(|wheel| wheel.size).sum(),
    })
}

fn cache() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    let cache = cache.context("there is no directory to cache in: set HOME or XDG_CACHE_HOME")?;
    let cache = cache.join("uv-buildkit/bench");
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    Ok(cache)
}

/// Two benchmarks at once would measure each other.
fn lock(cache: &Path) -> Result<fs::File> {
    let path = cache.join("lock");
    let file = fs::File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.try_lock().context("another benchmark runs")?;
    Ok(file)
}

#[expect(clippy::print_stdout, reason = "the table is the product")]
fn print_table(results: &Report) {
    println!("\n{}", results.table());
}

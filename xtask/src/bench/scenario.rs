//! What is measured, by name: each scenario is a number of states of the workspace, and how each is built.

use std::time::Duration;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::contender::{Contender, Sample, Variation};
use super::project::Project;
use super::recipes::Loaded;
use super::snapshot::Snapshot;
use super::wheels::Packages;

/// A build that takes longer than this is slow.
const SLOW: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Scenario {
    /// An empty builder
    Cold,
    /// Nothing changed
    Nochange,
    /// Nothing changed, and the Dockerfile frontend is an image as well
    NochangeSyntax,
    /// One line of one member
    MemberEdit,
    /// One package at a newer version
    DepBump,
    /// One more package
    DepAdd,
    /// An empty builder, a cache in the registry, one line of one member
    FreshRunner,
    /// Ten services by bake, one line of a library that all depend on
    BakeTen,
}

/// How often builds are repeated.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    pub usual: usize,
    /// With an empty builder.
    pub cold: usize,
    /// When the first one took over a minute.
    pub slow: usize,
}

/// What a scenario brought for one contestant.
#[derive(Debug)]
pub struct Outcome {
    pub samples: Vec<Sample>,
    /// What a service of the first build says when it is started: the same for all contestants.
    pub answer: String,
}

impl Scenario {
    pub const ALL: [Scenario; 8] = [
        Scenario::Cold,
        Scenario::Nochange,
        Scenario::NochangeSyntax,
        Scenario::MemberEdit,
        Scenario::DepBump,
        Scenario::DepAdd,
        Scenario::FreshRunner,
        Scenario::BakeTen,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Scenario::Cold => "cold",
            Scenario::Nochange => "nochange",
            Scenario::NochangeSyntax => "nochange-syntax",
            Scenario::MemberEdit => "member-edit",
            Scenario::DepBump => "dep-bump",
            Scenario::DepAdd => "dep-add",
            Scenario::FreshRunner => "fresh-runner",
            Scenario::BakeTen => "bake-ten",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Scenario::Cold => "empty builder",
            Scenario::Nochange => "nothing changed",
            Scenario::NochangeSyntax => "nothing changed, `# syntax=docker/dockerfile:1`",
            Scenario::MemberEdit => "one member edited",
            Scenario::DepBump => "one dependency bumped",
            Scenario::DepAdd => "one dependency added",
            Scenario::FreshRunner => "empty builder, registry cache, one member edited",
            Scenario::BakeTen => "ten services by bake, one shared library edited",
        }
    }

    /// The states to build, one for each run.
    pub fn states(self, project: &mut Project, packages: &Packages, runs: Runs) -> Result<Vec<Snapshot>> {
        let runs = match self {
            Scenario::Cold | Scenario::FreshRunner => runs.cold,
            _ => runs.usual,
        };
        (0..runs.max(1))
            .map(|run| {
                match self {
                    Scenario::Cold | Scenario::Nochange | Scenario::NochangeSyntax => {}
                    Scenario::MemberEdit => project.edit_library(run)?,
                    Scenario::FreshRunner => project.edit_library(5 + run)?,
                    Scenario::DepBump => {
                        let bump = &packages.bumps.get(run).context("there are bumps for three runs only")?;
                        project.bump(&bump.name, &bump.after)?;
                    }
                    Scenario::DepAdd => {
                        let package = packages.additions.get(run).context("there are additions for three runs only")?;
                        project.add_dependency(run, package)?;
                    }
                    Scenario::BakeTen => project.edit_shared_library()?,
                }
                Snapshot::take(project.directory())
            })
            .collect()
    }

    /// Builds the states one after the other. What is not measured comes first.
    pub fn run(self, contender: &mut Contender<'_>, states: &[Snapshot], runs: Runs) -> Result<Outcome> {
        match self {
            Scenario::Nochange => drop(contender.build(Variation::NONE)?),
            Scenario::NochangeSyntax => drop(contender.build(syntax())?),
            Scenario::FreshRunner => contender.export_cache()?,
            Scenario::BakeTen => drop(contender.bake()?),
            _ => {}
        }
        let mut samples = Vec::new();
        let mut answer = String::new();
        for state in states {
            let slow = samples.first().is_some_and(|first: &Sample| first.seconds > SLOW.as_secs_f64());
            if slow && samples.len() >= runs.slow {
                break;
            }
            contender.apply(state)?;
            samples.push(match self {
                // The build with which the contender began is the first of these.
                Scenario::Cold if samples.is_empty() => contender.first.clone(),
                Scenario::Cold => contender.build_cold()?,
                Scenario::NochangeSyntax => contender.build(syntax())?,
                Scenario::FreshRunner => contender.build_from_cache()?,
                Scenario::BakeTen => contender.bake()?,
                _ => contender.build(Variation::NONE)?,
            });
            if answer.is_empty() {
                answer = contender.answer(if self == Scenario::BakeTen { "svc-01" } else { "api" })?;
            }
        }
        Ok(Outcome { samples, answer })
    }
}

fn syntax() -> Variation<'static> {
    Variation { loaded: Loaded::AsImage, ..Variation::NONE }
}

//! Parity with uv: on every member of the workspaces in the corpus, for several pythons, what the compiler selects is what uv
//! would install, and each wheel is the one that uv would choose.
//!
//! Closures are compared with `uv sync --frozen --dry-run` (uv walks, evaluates markers and refuses by itself) and with
//! `uv export --frozen` (whose markers `packaging` evaluates). Wheels are compared with what a real `uv sync` installs from a
//! local server that has an empty wheel of every name. The corpus is no part of the repository: without it, only the workspaces beside this
//! file are compared.

mod comparison;
mod corpus;
mod environment;
mod oracle;
mod report;
mod requests;
mod settings;
mod wheelhouse;

use std::io::Write;

use anyhow::{Result, ensure};

use comparison::Comparison;
use environment::ENVIRONMENTS;
use oracle::Oracle;
use report::Report;
use wheelhouse::Wheelhouse;

/// Past the capture of the test harness: the counts matter also when all is well.
fn say(text: &str) -> Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

#[test]
fn equals_uv() -> Result<()> {
    let home = tempfile::tempdir()?;
    let oracle = Oracle::provide(&home.path().join("uv"))?;
    let wheelhouse = Wheelhouse::open(&oracle.python)?;
    let copy = home.path().join("corpus");
    corpus::copy(&corpus::own(), &copy)?;
    match corpus::locate() {
        Some(corpus) => corpus::copy(&corpus, &copy)?,
        None => say(&format!("parity: NO CORPUS of real workspaces, so none is compared (see {})", corpus::VARIABLE))?,
    }
    let workspaces = corpus::workspaces(&copy)?;

    let mut report = Report::default();
    for workspace in &workspaces {
        let mut doubles = Vec::new();
        for environment in ENVIRONMENTS {
            let environment = environment.admitted_by(&workspace.project.lock);
            let directory = home.path().join("doubles").join(&workspace.name).join(environment.label());
            doubles.push((environment, environment.double(&directory, &oracle.python)?));
        }
        let comparison = Comparison::new(&oracle, workspace, &doubles[0].1)?;
        // The compiler has read the lock as it was; uv reads it from now on.
        wheelhouse.adopt(&workspace.directory.join("uv.lock"))?;
        for (at, (environment, double)) in doubles.iter().enumerate() {
            report.add(comparison.run(environment, double, at > 0)?);
        }
    }
    say(&report.to_string())?;
    ensure!(report.selections() > 0, "nothing was compared");
    ensure!(report.differences().next().is_none(), "the compiler and uv differ");
    Ok(())
}

//! Stale locks: uv is asked whether it would change a lock, and must agree. Workspaces are the examples, those of the parity tests,
//! those of this one and, where it is there, the corpus of real ones; manifests are taken as they are and with one change each.

#![expect(clippy::print_stdout, reason = "counts are what a test run is read for")]

mod mutations;
mod oracle;
mod rules;
mod scripts;
mod workspace;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use mutations::{Claim, Mutation};
use oracle::{Oracle, Verdict};
use uv_buildkit_tests::checkout::{Checkout, Selection};
use workspace::{Addition, Workspace};

/// Names the directory that holds the corpus; by default `../shared/corpus` beside the repository.
const CORPUS: &str = "UV_BUILDKIT_CORPUS";

/// How many manifests of a workspace are changed: uv takes a moment for each change.
const MANIFESTS: usize = 4;

fn workspaces() -> Result<Vec<PathBuf>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut roots = vec![here.join("../examples"), here.join("parity/workspaces"), here.join("stale/workspaces")];
    let corpus = std::env::var_os(CORPUS).map_or_else(|| here.join("../../shared/corpus"), PathBuf::from);
    if corpus.is_dir() {
        roots.push(corpus);
    } else {
        println!("there is no corpus in {}: set {CORPUS}", corpus.display());
    }
    let mut found = Vec::new();
    for root in roots {
        for entry in std::fs::read_dir(root)? {
            let path = entry?.path();
            if path.join("uv.lock").is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// What came of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    BothFresh,
    BothStale,
    FalseAlarm,
    Missed,
    UvCannotTell,
}

impl Outcome {
    fn of(uv: Verdict, ours: &[String]) -> Self {
        match (uv, ours.is_empty()) {
            (Verdict::Fresh, true) => Self::BothFresh,
            (Verdict::Stale, false) => Self::BothStale,
            (Verdict::Fresh, false) => Self::FalseAlarm,
            (Verdict::Stale, true) => Self::Missed,
            (Verdict::Unknown, _) => Self::UvCannotTell,
        }
    }
}

#[test]
fn uv_and_we_agree() -> Result<()> {
    let home = tempfile::tempdir()?;
    let oracle = Oracle::new(home.path())?;
    let mut counts: BTreeMap<(&str, Outcome), usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    let mut fresh = 0;
    for directory in workspaces()? {
        let copy = tempfile::tempdir()?;
        let mut workspace = Workspace::copy(&directory, "uv.lock", copy.path())?;
        let name = workspace.name.clone();
        let uv = oracle.judge(&workspace.root())?;
        let ours = workspace.complaints()?;
        println!("{name}: {} members read, uv: {uv:?}, we: {}", workspace.manifests().len(), summary(&ours));
        let outcome = Outcome::of(uv, &ours);
        *counts.entry(("as it is", outcome)).or_default() += 1;
        match outcome {
            Outcome::FalseAlarm | Outcome::Missed => wrong.push(format!("{name} as it is: {outcome:?} {ours:?}")),
            Outcome::UvCannotTell => ensure!(ours.is_empty(), "{name}: uv cannot tell, and we say {ours:?}"),
            _ => {}
        }
        if outcome != Outcome::BothFresh {
            continue;
        }
        fresh += 1;
        for path in workspace.sample(MANIFESTS) {
            for Mutation { name: kind, claim, text } in mutations::all(&workspace, &path)? {
                let before = workspace.replace(&path, text)?;
                let outcome = Outcome::of(oracle.judge(&workspace.root())?, &workspace.complaints()?);
                *counts.entry((kind, outcome)).or_default() += 1;
                if outcome == Outcome::FalseAlarm || outcome == Outcome::Missed && claim == Claim::Seen {
                    wrong.push(format!("{name}/{path}, {kind}: {outcome:?} {:?}", workspace.complaints()?));
                }
                workspace.replace(&path, before)?;
            }
        }
        for Addition { name: kind, path, text } in workspace.additions() {
            let file = copy.path().join(&path);
            let directory = file.parent().expect("a directory").to_owned();
            std::fs::create_dir_all(&directory)?;
            std::fs::write(&file, text)?;
            let outcome = Outcome::of(oracle.judge(&workspace.root())?, &workspace.complaints()?);
            *counts.entry((kind, outcome)).or_default() += 1;
            if outcome == Outcome::FalseAlarm || outcome == Outcome::Missed {
                wrong.push(format!("{name}/{path}, {kind}: {outcome:?} {:?}", workspace.complaints()?));
            }
            std::fs::remove_dir_all(&directory)?;
        }
    }
    for ((kind, outcome), count) in &counts {
        println!("{kind:40} {outcome:?} {count}");
    }
    ensure!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(fresh >= 2, "uv could judge {fresh} workspaces only");
    Ok(())
}

#[test]
fn the_check_can_be_turned_off() -> Result<()> {
    let stale = Checkout::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("errors/cases/stale_dependencies"))?;
    let config = "[lock]\ncheck = \"off\"\n[targets.app]\n";
    // The locked packages have no wheels: what is refused then comes later.
    let refused = stale.with("uv.build.toml", config).compile(&Selection::default()).err();
    let codes: Vec<&str> = refused.iter().flat_map(|errors| errors.iter()).map(|error| error.code).collect();
    ensure!(!codes.contains(&"lock::stale") && !codes.is_empty(), "{codes:?}");
    Ok(())
}

#[test]
fn the_check_can_be_turned_off_for_one_lock() -> Result<()> {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("errors/cases/stale_lock_of_a_directory");
    let stale = Checkout::read(&case)?;
    let config = &std::fs::read_to_string(case.join("uv.build.toml"))?;
    for (check, is_told) in [
        ("{ \"services/a/uv.lock\" = \"off\" }", false),
        ("{ \"./services/a/uv.lock\" = \"off\" }", false),
        ("{ \"services/a/uv.lock\" = \"on\" }", true),
        ("{ \"uv.lock\" = \"off\" }", true),
    ] {
        let config = format!("{config}\n[lock]\ncheck = {check}\n");
        let refused = stale.clone().with("uv.build.toml", config).compile(&Selection::default()).err();
        let codes: Vec<&str> = refused.iter().flat_map(|errors| errors.iter()).map(|error| error.code).collect();
        ensure!(codes.contains(&"lock::stale") == is_told, "{check}: {codes:?}");
    }
    Ok(())
}

fn summary(complaints: &[String]) -> String {
    complaints.first().cloned().unwrap_or_else(|| "fresh".to_owned())
}

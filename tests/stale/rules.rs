//! The rules by which uv reads a project, each in a file of `rules/`: a project that uv locks, and changes to it. uv is asked after
//! each whether it would lock again, and the file says what it answers and what we say.
//!
//! Lines `--- PATH` begin a file, `=== TITLE` a change, which has the files that it replaces, and `>>> WORD` tells what comes of it:
//! `fresh`, `stale`, or `silent` where uv would lock again and nothing is said. A file with `gone` as its only line is removed.
//! `lock = DIRECTORY` and `context = DIRECTORY` stand before all; they are the top unless they are written.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::oracle::{Oracle, Verdict};
use crate::workspace::Workspace;

/// A text in sections.
#[derive(Debug, Default)]
struct Rule {
    lock: String,
    context: String,
    base: Vec<(String, String)>,
    changes: Vec<Change>,
}

#[derive(Debug, Default)]
struct Change {
    title: String,
    files: Vec<(String, String)>,
    outcome: String,
}

impl Rule {
    fn parse(text: &str) -> Result<Self> {
        let mut rule = Self::default();
        for line in text.lines() {
            let files = rule.changes.last_mut().map_or(&mut rule.base, |change| &mut change.files);
            if let Some(path) = line.strip_prefix("--- ") {
                files.push((path.to_owned(), String::new()));
            } else if let Some(title) = line.strip_prefix("=== ") {
                rule.changes.push(Change { title: title.to_owned(), ..Change::default() });
            } else if let Some(word) = line.strip_prefix(">>> ") {
                rule.changes.last_mut().context("no change yet")?.outcome = word.to_owned();
            } else if let Some((_, text)) = files.last_mut() {
                *text += line;
                text.push('\n');
            } else if let Some(directory) = line.strip_prefix("lock = ") {
                rule.lock = directory.to_owned();
            } else if let Some(directory) = line.strip_prefix("context = ") {
                rule.context = directory.to_owned();
            }
        }
        Ok(rule)
    }
}

fn write(top: &Path, files: &[(String, String)]) -> Result<()> {
    for (path, text) in files {
        let path = top.join(path);
        if text.trim() == "gone" {
            std::fs::remove_file(path)?;
            continue;
        }
        std::fs::create_dir_all(path.parent().context("a directory")?)?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// What uv and we say, which must be what the file says.
fn outcome(oracle: &Oracle, workspace: &Workspace) -> Result<(String, Vec<String>)> {
    let verdict = oracle.judge(&workspace.root())?;
    let ours = workspace.complaints()?;
    let outcome = match (verdict, ours.is_empty()) {
        (Verdict::Fresh, true) => "fresh",
        (Verdict::Stale, false) => "stale",
        (Verdict::Stale, true) => "silent",
        (Verdict::Unknown, true) => "refused",
        (Verdict::Fresh, false) => "a false alarm",
        (Verdict::Unknown, false) => "an alarm where uv refuses",
    };
    Ok((outcome.to_owned(), ours))
}

#[test]
fn rules_are_those_of_uv() -> Result<()> {
    let home = tempfile::tempdir()?;
    let oracle = Oracle::new(home.path())?;
    let mut wrong = Vec::new();
    let mut tried = 0;
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("stale/rules");
    let mut paths: Vec<_> = std::fs::read_dir(rules)?.collect::<Result<Vec<_>, _>>()?;
    paths.sort_by_key(std::fs::DirEntry::path);
    for entry in paths {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rule = Rule::parse(&std::fs::read_to_string(entry.path())?).with_context(|| name.clone())?;
        ensure!(!rule.changes.is_empty(), "{name} has no change");
        let base = Change { title: "as it is".to_owned(), outcome: "fresh".to_owned(), ..Change::default() };
        let mut locked = rule.base.clone();
        let made = tempfile::tempdir()?;
        write(made.path(), &rule.base)?;
        if let Err(error) = oracle.lock(&made.path().join(&rule.lock)) {
            wrong.push(format!("{name}: {error}"));
            continue;
        }
        let path = Path::new(&rule.lock).join("uv.lock").to_string_lossy().into_owned();
        locked.push((path.clone(), std::fs::read_to_string(made.path().join(&path))?));
        for change in std::iter::once(&base).chain(&rule.changes) {
            let top = tempfile::tempdir()?;
            write(top.path(), &locked)?;
            write(top.path(), &change.files)?;
            // Of the whole, a context has its part.
            let context = top.path().join(&rule.context);
            let lock = top.path().join(&path);
            let lock = lock.strip_prefix(&context)?;
            let workspace = Workspace::at(name.clone(), &context, &lock.to_string_lossy());
            let (outcome, ours) = outcome(&oracle, &workspace)?;
            tried += 1;
            if outcome != change.outcome {
                wrong.push(format!("{name}, {}: {outcome}, not {} {ours:?}", change.title, change.outcome));
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {tried} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    ensure!(tried > 0, "there are no rules");
    println!("{tried} states of projects");
    Ok(())
}

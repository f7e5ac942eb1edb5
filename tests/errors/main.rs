//! Bad inputs. Every directory under `tests/errors/cases/` is one: the files of a build context, an optional file `args` with a
//! flag of [`Selection`] on each line, and `message.txt`, which is exactly what the user is told.
//!
//! `UPDATE_MESSAGES=1 cargo test -p uv-buildkit-tests --test errors` writes the messages anew; read the diff of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use libtest_mimic::{Arguments, Trial};
use uv_buildkit::diagnostic::Diagnostics;
use uv_buildkit::rules::{RULES, Rule};
use uv_buildkit_tests::checkout::{Checkout, Selection};

fn main() -> Result<ExitCode> {
    let cases = directories(&root().join("errors/cases"))?;
    let mut trials: Vec<Trial> = cases
        .iter()
        .map(|case| {
            let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let case = case.clone();
            Trial::test(name, move || check(&case).map_err(|error| format!("{error:#}").into()))
        })
        .collect();
    trials.push(Trial::test("every_code_has_a_case", move || {
        every_code_has_a_case(&cases).map_err(|error| error.to_string().into())
    }));
    Ok(libtest_mimic::run(&Arguments::from_args(), trials).exit_code())
}

/// Directory of this crate.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn directories(parent: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(parent).with_context(|| format!("cannot read {}", parent.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_dir());
    paths.sort();
    Ok(paths)
}

fn check(case: &Path) -> Result<()> {
    let actual = message(case)?;
    let path = case.join("message.txt");
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        return std::fs::write(&path, actual).with_context(|| format!("cannot write {}", path.display()));
    }
    let expected = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(actual == expected, "the message changed\n--- {}\n{expected}\n+++ now\n{actual}", path.display());
    Ok(())
}

fn message(case: &Path) -> Result<String> {
    let args = std::fs::read_to_string(case.join("args")).unwrap_or_default();
    let selection = Selection::try_parse_from(args.lines()).context("the file `args`")?;
    match Checkout::read(case)?.compile(&selection) {
        Err(diagnostics) => Ok(diagnostics.render()),
        Ok(compiled) => match Diagnostics::check(compiled.warnings) {
            Err(warnings) if warnings.iter().any(|warning| Rule::of(warning).is_none()) => {
                bail!("a warning of no rule: {warnings}")
            }
            Err(found) => Ok(RULES.iter().filter(|rule| !rule.is_error).fold(found.render(), |text, rule| {
                text.replace(&format!("error[{}]", rule.code), &format!("warning[{}]", rule.code))
            })),
            Ok(()) => bail!("this input is not refused"),
        },
    }
}

/// Codes that only the driver and the gateway give, for what the compiler is never given, are for the end to end tests. The list of
/// rules has some of those, too.
const WITHOUT_A_CASE: [&str; 2] = ["driver", "rules.rs"];

fn every_code_has_a_case(cases: &[PathBuf]) -> Result<()> {
    let mut codes = BTreeSet::new();
    codes_in(&root().join("../frontend/src"), &mut codes)?;
    let mut shown = BTreeSet::new();
    // What importing a Dockerfile says is shown by the cases of `tests/imports`.
    let imports = directories(&root().join("imports/cases"))?;
    let messages = cases.iter().map(|case| case.join("message.txt"));
    for path in messages.chain(imports.iter().map(|case| case.join("warnings.txt"))) {
        let message = std::fs::read_to_string(path).unwrap_or_default();
        let headlines = message.lines().filter_map(|line| line.split_once('[')?.1.split_once("]: "));
        shown.extend(headlines.map(|(code, _)| code.to_owned()));
    }
    let missing: Vec<&String> = codes.difference(&shown).collect();
    ensure!(missing.is_empty(), "no case in tests/errors/cases shows {missing:?}");
    ensure!(codes.len() > 20, "the codes are no longer found in the sources");
    Ok(())
}

/// The literals `"pass::mistake"` in the sources below a directory.
fn codes_in(directory: &Path, codes: &mut BTreeSet<String>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| WITHOUT_A_CASE.iter().any(|known| name == *known)) {
            continue;
        }
        if path.is_dir() {
            codes_in(&path, codes)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path)?;
            codes.extend(text.split('"').filter(|literal| is_code(literal)).map(ToOwned::to_owned));
        }
    }
    Ok(())
}

fn is_code(literal: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    literal.split_once("::").is_some_and(|(pass, mistake)| is_word(pass) && is_word(mistake))
}

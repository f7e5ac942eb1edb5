//! Documents and what they speak of: the table of options, the schema of configs.

mod book;
mod commands;

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use uv_buildkit::config;
use uv_buildkit::project::uv::DEFAULT_VERSION;
use uv_buildkit::rules::RULES;
use uv_buildkit_tests::book::{read, repository};
use uv_buildkit_tests::uv;

/// The Rust sources below a directory.
fn sources(directory: &str) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(repository().join(directory)).with_context(|| format!("cannot read {directory}"))? {
        let path = entry?.path();
        let below = format!("{directory}/{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            texts.extend(sources(&below)?);
        } else if below.ends_with(".rs") {
            texts.push(read(&below)?);
        }
    }
    Ok(texts)
}

/// What stands between the backticks of a text.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// How the first rows of tables begin, which name the columns.
const HEADS: [&str; 7] = ["| option", "| # |", "| failure", "| app |", "| in `uv.lock`", "| key", "| what they try"];

/// Cells of the rows of the tables of a document.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !HEADS.iter().any(|head| line.starts_with(head)));
    let inner = rows.filter_map(|row| row.strip_prefix('|')?.strip_suffix('|'));
    inner.map(|row| row.split('|').map(str::trim).collect()).collect()
}

#[test]
fn every_test_in_the_table_of_options_exists() -> Result<()> {
    let table = read("docs/reference/options.md")?;
    let (end_to_end, units) = (sources("tests/e2e")?.concat(), sources("frontend/src")?.concat());
    let mut count = 0;
    for row in rows(&table) {
        ensure!(row.len() == 5, "a row of {} cells: {row:?}", row.len());
        for test in literals(row[4]) {
            let exists = match test.contains("::") {
                true => ["trials.add(", "("].iter().any(|call| end_to_end.contains(&format!("{call}\"{test}\", "))),
                false => units.contains(&format!("#[test]\n    fn {test}()")),
            };
            ensure!(exists, "docs/reference/options.md names the test `{test}`, and there is none");
            count += 1;
        }
    }
    ensure!(count > 40, "the tests are no longer found in the table");
    Ok(())
}

#[test]
fn every_test_in_the_tables_of_patterns_exists() -> Result<()> {
    let table = read("docs/reference/patterns.md")?;
    let end_to_end = sources("tests/e2e")?.concat();
    let beside = [sources("frontend/src")?, sources("frontend/tests")?, sources("tests/properties")?].concat().concat();
    let (mut patterns, mut observed) = (BTreeSet::new(), BTreeSet::new());
    for row in rows(&table) {
        let cell = match (row.len(), row[0].parse::<u32>()) {
            (5, Ok(number)) => {
                patterns.insert(number);
                row[3]
            }
            (3, _) => row[2],
            // What was observed is compared by the tests that observe it.
            (6, Ok(number)) => {
                observed.insert(number);
                continue;
            }
            // Sizes have a test for each application, which prints them.
            (9, _) => continue,
            _ => bail!("a row of {} cells: {row:?}", row.len()),
        };
        for test in literals(cell) {
            let exists = match test.split("::").collect::<Vec<_>>()[..] {
                ["example", name, ..] => repository().join("examples").join(name).exists(),
                [_, _] => ["trials.add(", "("].iter().any(|call| end_to_end.contains(&format!("{call}\"{test}\", "))),
                _ => {
                    let cases = ["errors", "imports"].map(|kind| format!("tests/{kind}/cases/{test}"));
                    beside.contains(&format!("fn {test}(")) || cases.iter().any(|case| repository().join(case).exists())
                }
            };
            ensure!(exists, "docs/reference/patterns.md names the test `{test}`, and there is none");
        }
    }
    ensure!(patterns.len() >= 20, "patterns are no longer found in the table: {patterns:?}");
    ensure!(patterns == observed, "of {patterns:?} only these were observed: {observed:?}");
    Ok(())
}

#[test]
fn every_attack_has_a_test_that_exists() -> Result<()> {
    let table = read("docs/concepts/security.md")?;
    let end_to_end = sources("tests/e2e")?.concat();
    let directories =
        ["frontend/src", "frontend/tests", "llb/src", "llb/tests", "tests/properties", "tests/worker", "xtask/src"];
    let beside: Vec<String> = directories.into_iter().map(sources).collect::<Result<Vec<_>>>()?.concat();
    let beside = beside.concat();
    let mut count = 0;
    for row in rows(&table) {
        ensure!(row.len() == 3, "a row of {} cells: {row:?}", row.len());
        ensure!(row[2].contains('`'), "no test shows what stops those who try this: {}", row[0]);
        for test in literals(row[2]) {
            let exists = match test.split_once("::") {
                Some(("errors", _)) if end_to_end.contains(&format!("name: \"{}\"", &test["errors::".len()..])) => true,
                Some(_) => ["trials.add(", "("].iter().any(|call| end_to_end.contains(&format!("{call}\"{test}\", "))),
                None => {
                    let cases = ["errors", "imports"].map(|kind| format!("tests/{kind}/cases/{test}"));
                    beside.contains(&format!("fn {test}(")) || cases.iter().any(|case| repository().join(case).exists())
                }
            };
            ensure!(exists, "docs/concepts/security.md names the test `{test}`, and there is none");
            count += 1;
        }
    }
    ensure!(count > 20, "the tests are no longer found in the tables");
    Ok(())
}

#[test]
fn every_kind_of_source_is_in_its_table() -> Result<()> {
    let table = read("docs/reference/sources.md")?;
    let end_to_end = sources("tests/e2e")?.concat();
    let kinds = read("tests/e2e/sources/kinds.rs")?;
    let kinds: Vec<&str> = kinds.lines().filter_map(|line| line.strip_prefix("    (\"")?.split('"').next()).collect();
    let mut named = BTreeSet::new();
    for row in rows(&table) {
        ensure!(row.len() == 3, "a row of {} cells: {row:?}", row.len());
        named.extend(literals(row[2]));
    }
    for test in &named {
        let kind = test.strip_prefix("sources::").map(|kind| kind.trim_start_matches("tampered_"));
        let exists = kind.is_some_and(|kind| kinds.contains(&kind)) || end_to_end.contains(&format!("(\"{test}\", "));
        ensure!(exists, "docs/reference/sources.md names the test `{test}`, and there is none");
    }
    for kind in &kinds {
        ensure!(named.contains(&*format!("sources::{kind}")), "docs/reference/sources.md has no `sources::{kind}`");
    }
    ensure!(kinds.len() > 15, "kinds are no longer found in the tests: {kinds:?}");
    Ok(())
}

/// A key that uv does not have, to which it answers with all that it has.
const NO_KEY: &str = "uv-buildkit-asks-for-all-keys";

/// The settings of the uv that images are built with, in its own words.
fn settings_of_uv() -> Result<BTreeSet<String>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("uv.toml");
    fs::write(&file, format!("{NO_KEY} = 1\n"))?;
    let output = uv::command()?.arg("--config-file").arg(&file).args(["cache", "dir"]).output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    let (_, keys) = words.split_once("expected one of ").with_context(|| format!("uv names no keys: {words}"))?;
    Ok(literals(keys).map(ToOwned::to_owned).collect())
}

#[test]
fn every_setting_of_uv_is_in_its_table() -> Result<()> {
    ensure!(uv::VERSION == DEFAULT_VERSION, "tests ask another uv than the one that images are built with");
    let table = read("docs/reference/uv-settings.md")?;
    let end_to_end = sources("tests/e2e")?.concat();
    let (beside, parity) = (sources("frontend/src")?.concat(), sources("tests/parity")?.concat());
    let mut named = BTreeSet::new();
    for row in rows(&table) {
        ensure!(row.len() == 4, "a row of {} cells: {row:?}", row.len());
        named.extend(literals(row[0]).map(ToOwned::to_owned));
        let tests: Vec<&str> = literals(row[3]).collect();
        let is_known = match row[1] {
            "honoured" | "warning" => !tests.is_empty(),
            verdict => verdict == "ignored",
        };
        ensure!(is_known, "{row:?}: `honoured` and `warning` with a test, or `ignored`");
        for test in tests {
            let case = repository().join("tests/errors/cases").join(test);
            let exists = end_to_end.contains(&format!("\"{test}\", "))
                || test.strip_prefix("sources::").is_some_and(|kind| end_to_end.contains(&format!("(\"{kind}\", ")))
                || beside.contains(&format!("#[test]\n    fn {test}()"))
                || test.strip_prefix("parity::").is_some_and(|test| parity.contains(&format!("#[test]\nfn {test}()")))
                || case.is_dir();
            ensure!(exists, "docs/reference/uv-settings.md names the test `{test}`, and there is none");
        }
        // A warning is at its key.
        let warns = read("tests/errors/cases/uv_settings_left_aside/message.txt")?;
        let key = literals(row[0]).next().unwrap_or_default();
        ensure!(
            row[1] != "warning" || warns.contains(&format!("the uv setting `{key}` has")),
            "nothing warns of `{key}`"
        );
    }
    let known = settings_of_uv()?;
    ensure!(known == named, "uv has {known:?}, and docs/reference/uv-settings.md has {named:?}");
    ensure!(known.len() > 70, "uv names its keys in another way: {known:?}");
    Ok(())
}

/// Options are literals: the argument of a getter, or a constant.
#[test]
fn every_option_that_is_read_is_in_the_table() -> Result<()> {
    let table = read("docs/reference/options.md")?;
    let named: BTreeSet<&str> = literals(&table).collect();
    let mut code = sources("frontend/src/options")?;
    code.extend(sources("frontend/src/driver")?);
    code.extend([read("frontend/src/options.rs")?, read("frontend/src/driver.rs")?]);
    let mut options = BTreeSet::new();
    for text in &code {
        // What the tests beside the code pass is not read by it.
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for getter in ["ptions.get(\"", "self.get(\"", "list(\"", "flag(\"", "OPTION: &str = \""] {
            options.extend(text.split(getter).skip(1).filter_map(|rest| rest.split('"').next()));
        }
    }
    for option in &options {
        ensure!(named.contains(option), "docs/reference/options.md says nothing of the option `{option}`");
    }
    ensure!(options.len() > 15, "options are no longer found in the code: {options:?}");
    Ok(())
}

/// In the words of the code, under the headings that links lead to, and no others.
#[test]
fn every_rule_is_explained() -> Result<()> {
    let text = read("docs/reference/rules.md")?;
    for rule in RULES {
        let start = format!("\n## `{}`\n\n{}.\n\n", rule.code, rule.description);
        ensure!(text.contains(&start), "docs/reference/rules.md does not have:{start}");
        let anchor = rule.url().rsplit('#').next().unwrap_or_default().to_owned();
        ensure!(anchor == rule.code.replace("::", ""), "{anchor}");
    }
    let headings: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    ensure!(headings.len() == RULES.len(), "headings without a rule: {headings:?}");
    Ok(())
}

/// Configs of the examples, and configs that the reader refuses for what a schema can say.
#[test]
fn configs_fit_the_schema() -> Result<()> {
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("schema.json", uv_buildkit::config::schema::schema()).map_err(|e| anyhow!("{e}"))?;
    let schema = compiler.compile("schema.json", &mut schemas).map_err(|error| anyhow!("{error:#}"))?;
    let check = |path: &str| -> Result<Result<(), String>> {
        let config: serde_json::Value = toml::from_str(&read(path)?)?;
        Ok(schemas.validate(&config, schema).map_err(|error| format!("{path}: {error}")))
    };
    let mut count = 0;
    for entry in fs::read_dir(repository().join("examples"))? {
        let config = format!("examples/{}/uv.build.toml", entry?.file_name().to_string_lossy());
        if repository().join(&config).exists() {
            check(&config)?.map_err(anyhow::Error::msg)?;
            count += 1;
        }
    }
    ensure!(count >= 2, "the examples are no longer found");
    for case in
        ["unknown_key_at_top", "unknown_key_in_target", "unknown_key_in_user", "wrong_type", "files_to_relative"]
    {
        let config = format!("tests/errors/cases/{case}/uv.build.toml");
        ensure!(check(&config)?.is_err(), "{config} is refused, but fits the schema");
    }
    Ok(())
}

#[test]
fn editors_find_the_schema_where_a_release_puts_it() -> Result<()> {
    let entry: serde_json::Value = serde_json::from_str(&read(".github/schemastore.json")?)?;
    ensure!(entry["url"] == config::schema::URL && config::schema::schema()["$id"] == entry["url"], "{entry}");
    ensure!(entry["fileMatch"] == serde_json::json!([config::FILE_NAME]), "{entry}");
    ensure!(read("docs/start/install.md")?.contains(config::schema::URL), "docs/start/install.md names another");
    let (_, file) = config::schema::URL.rsplit_once('/').context("a URL")?;
    ensure!(read("xtask/src/dist.rs")?.contains(&format!("\"{file}\"")), "no release has {file}");
    Ok(())
}

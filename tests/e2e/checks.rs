//! Targets for those who work on a project: links to sources, and checks.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use xtask::progress::{Moment, Steps};

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::{differences, listings_of_links};
use crate::image::Image;
use crate::orchard::{self, APPLICATION, UNUSED};
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("checks::links_to_sources", links_to_sources);
    trials.add("checks::commands", commands);
}

const DEV: &str = r#"
[targets.dev]
package = "orchard-shop"
groups = ["dev"]
editable = true
"#;

const CHECK: &str = r#"
[targets.check]
inherits = "dev"
run = [["python", "-m", "compileall", "-q", "src"], ["pytest", "-q", "-p", "no:cacheprovider", "--junitxml=report.xml"]]
collect = ["report.xml"]

[targets.checked]
inherits = "shop"
requires = ["check"]
"#;

fn links_to_sources(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "links-to-sources")?;
    orchard::write(&context, "")?;
    context.write("uv.build.toml", format!("{}{DEV}", context.read("uv.build.toml")?))?;
    context.lock()?;
    let built = context.build().target(Some("dev")).push("links")?;
    // The user may change the sources, and python runs what was changed.
    let script = "echo 'def main(): print(\"changed\")' > ../orchard-base/src/orchard_base/__init__.py && id -u && pwd \
                  && python -c 'import orchard_base; print(orchard_base.__file__); orchard_base.main()'";
    let command = ["sh", "-c", script].map(str::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &command)?;
    let sources = "/src/members/orchard-base/src/orchard_base/__init__.py";
    ensure!(run.stdout == format!("999\n/src/members/orchard-shop\n{sources}\nchanged\n"), "{run:?}");

    let selection = format!("--package {APPLICATION} --group dev");
    let (oracle, image) = listings_of_links(stage, &context, &built, &selection)?;
    let differences = differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

fn commands(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "commands")?;
    orchard::write(&context, "")?;
    context.write("uv.build.toml", format!("{}{DEV}{CHECK}", context.read("uv.build.toml")?))?;
    let test = format!("members/{APPLICATION}/tests/test_shop.py");
    let nonce = stage.nonce();
    context.write(&test, format!("from orchard_shop import __version__\n\ndef test_version():\n    assert __version__ == \"2.1\", \"{nonce}\"\n"))?;
    context.lock()?;

    let reports = stage.directory("reports")?;
    let executed = check(stage, &context, &reports)?;
    ensure!(executed.iter().any(|name| name.starts_with("[check check 2/2] pytest -q")), "{executed:?}");
    let left: Vec<_> = fs::read_dir(&reports)?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    ensure!(left == ["report.xml"], "{left:?}");
    let report = fs::read_to_string(reports.join("report.xml"))?;
    ensure!(report.contains("failures=\"0\"") && report.contains("name=\"test_version\""), "{report}");

    // It is a step like others: nothing that it does not use runs it again.
    context.write(&format!("members/{UNUSED}/src/orchard_weather/sun.py"), "SHINES = True\n")?;
    let executed = check(stage, &context, &reports)?;
    ensure!(executed.is_empty(), "nothing that is checked has changed, but these ran: {executed:?}");
    context.write("members/orchard-base/src/orchard_base/new.py", format!("NONCE = \"{nonce}\"\n"))?;
    let executed = check(stage, &context, &reports)?;
    ensure!(executed.iter().any(|name| name.starts_with("[check check 2/2] pytest -q")), "{executed:?}");

    // Who requires a check is built when it passes, and is no other image then.
    let plain = Image::of(stage.lab(), &context.build().target(Some("shop")).push("commands")?)?;
    let checked = Image::of(stage.lab(), &context.build().target(Some("checked")).push("commands")?)?;
    ensure!(checked.changed_from(&plain)?.is_empty(), "a check has left something in an image");

    context.edit(&test, "== \"2.1\"", "== \"2.2\"")?;
    for target in ["check", "checked"] {
        let error = context.build().target(Some(target)).fail()?;
        for part in ["AssertionError", "uv.build.toml:12", ">>> run = [[\"python\"", "pytest -q"] {
            ensure!(error.contains(part), "no `{part}` in the error of {target}:\n{error}");
        }
    }
    Ok(())
}

/// Runs the check: the steps that ran. What it leaves is in `output`.
fn check(stage: &Stage, context: &Context<'_>, output: &Path) -> Result<Vec<String>> {
    let mut command = stage.lab().buildx(["build", "--progress=rawjson", "--target=check"]);
    command.arg(format!("--output=type=local,dest={}", output.display())).arg(&context.directory);
    let beginning = Moment::now()?;
    let told = command.output().context("cannot start docker")?;
    let text = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "{text}");
    Ok(Steps::parse_since(&text, Some(&beginning))?.executed)
}

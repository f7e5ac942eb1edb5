//! `--call`: every call that is announced is answered, as text and as JSON; others fail.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::Trials;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("calls::all_that_are_announced", all_that_are_announced);
    trials.add("calls::unknown", unknown);
}

fn all_that_are_announced(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "calls")?;
    let answer = |name: &str| pond.context.build().call(name);
    let json = |name: &str| -> Result<Value> {
        let text = answer(&format!("{name},format=json"))?;
        serde_json::from_str(&text).with_context(|| format!("--call={name},format=json is not JSON:\n{text}"))
    };
    let announced = json("subrequests.describe")?;
    let announced = announced.as_array().context("a list of calls")?;
    let names: Vec<&str> =
        announced.iter().filter_map(|call| call["name"].as_str()?.strip_prefix("frontend.")).collect();
    let expected =
        ["targets", "outline", "lint", "convertllb", "uv.plan", "uv.files", "uv.schema", "subrequests.describe"];
    ensure!(names == expected, "{names:?}");
    for name in names {
        ensure!(!answer(name)?.trim().is_empty(), "--call={name} prints nothing");
        json(name)?;
    }

    let targets = json("targets")?;
    ensure!(targets["targets"][0]["name"] == "app" && targets["targets"][0]["default"] == true, "{targets}");
    let graph = json("convertllb")?;
    let (ops, metadata) = (graph["def"].as_object(), graph["metadata"].as_object());
    let (ops, metadata) = ops.zip(metadata).with_context(|| format!("no ops in {graph}"))?;
    ensure!(ops.len() == metadata.len() && ops.keys().all(|digest| metadata.contains_key(digest)), "{graph}");
    let install = metadata.iter().find(|(_, known)| {
        known["description"]["llb.customname"]
            .as_str()
            .is_some_and(|name| name.ends_with("] install heron 1.0 and newt 1.0"))
    });
    let (install, _) = install.with_context(|| format!("no step installs heron in {graph}"))?;
    ensure!(ops[install]["exec"]["network"] == "NONE", "{}", ops[install]);
    ensure!(graph["source"]["locations"][install].is_object(), "{}", graph["source"]);
    let text = answer("convertllb")?;
    ensure!(text.contains("] install heron 1.0 and newt 1.0\"") && text.contains("network=none"), "{text}");
    Ok(())
}

/// Not built, and not tried as a Dockerfile either.
fn unknown(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "calls-unknown")?;
    for name in ["dreams", "dreams,format=json"] {
        let Err(error) = pond.context.build().call(name) else { bail!("--call={name} was answered") };
        let error = format!("{error:#}");
        ensure!(
            error.contains("unsupported request frontend.dreams")
                && error.contains("uv-buildkit answers the calls `targets`, "),
            "{error}"
        );
        ensure!(!error.contains("docker/dockerfile"), "{error}");
    }
    Ok(())
}

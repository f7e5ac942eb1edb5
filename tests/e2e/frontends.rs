//! Ways to name the frontend, and what its image tells of it.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use uv_buildkit::options::CAPABILITIES;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Build;
use crate::pond::Pond;
use crate::server::Server;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("frontends::named_context", named_context);
    trials.add("frontends::build_arg", build_arg);
    trials.add("frontends::arguments", arguments);
    trials.add("frontends::capabilities", capabilities);
    trials.add("frontends::options_of_other_clients", options_of_other_clients);
}

/// Another image takes the place of the one in the syntax line, as for a frontend that was not published.
fn named_context(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "frontend-context")?;
    pond.context.write("Dockerfile", "# syntax=registry.example/nobody/frontend:1\n")?;
    let context = format!("--build-context=registry.example/nobody/frontend:1=docker-image://{}", stage.syntax());
    let shown = pond.context.build().argument(context).show()?;
    ensure!(shown.contains("build and install pond-app 1.0") && !shown.contains("is not used"), "{shown}");
    Ok(())
}

/// `BUILDKIT_SYNTAX`, with nothing in the file itself; what else the client and the daemon take for themselves is no mistake.
fn build_arg(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "frontend-build-arg")?;
    pond.context.write("Dockerfile", "# A stub.\n")?;
    let build = pond.context.build().argument(format!("--build-arg=BUILDKIT_SYNTAX={}", stage.syntax()));
    let build = build.argument("--build-arg=BUILDKIT_INLINE_CACHE=1").argument("--build-arg=BUILDKIT_BUILD_NAME=pond");
    let shown = build.show()?;
    ensure!(shown.contains("build and install pond-app 1.0") && !shown.contains("is not used"), "{shown}");
    Ok(())
}

/// What follows the image in a syntax line is for frontends that take arguments.
fn arguments(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "frontend-arguments")?;
    pond.context.write("Dockerfile", format!("# syntax={} --verbose\n", stage.syntax()))?;
    let shown = pond.context.build().show()?;
    ensure!(shown.contains("build and install pond-app 1.0"), "{shown}");
    Ok(())
}

/// The labels by which BuildKit knows what it may ask for, and that no network is needed; a client that insists on more is refused,
/// whether it would have the request forwarded or not.
fn capabilities(stage: &Stage) -> Result<()> {
    let config = run_captured(&mut stage.lab().crane(["config", &stage.syntax_in_registry()]))?;
    let config: Value = serde_json::from_str(&config)?;
    let labels = &config["config"]["Labels"];
    ensure!(labels["moby.buildkit.frontend.caps"] == CAPABILITIES.join(","), "{labels}");
    ensure!(labels["moby.buildkit.frontend.network.none"] == "true", "{labels}");
    let pond = Pond::new(stage, "frontend-capabilities")?;
    let known = CAPABILITIES.map(|name| format!("{name}+forward")).join(",");
    let (is_built, text) = buildctl(stage, &pond, &[&format!("frontend.caps={known}")])?;
    ensure!(is_built, "{text}");
    for mark in ["", "+forward"] {
        let unknown = format!("frontend.caps=moby.buildkit.frontend.inputs,moby.buildkit.frontend.dreams{mark}");
        let (is_built, text) = buildctl(stage, &pond, &[&unknown])?;
        ensure!(!is_built && text.contains("unsupported frontend capability moby.buildkit.frontend.dreams"), "{text}");
    }
    Ok(())
}

/// A build with options as clients other than buildx give them.
fn buildctl(stage: &Stage, pond: &Pond<'_>, options: &[&str]) -> Result<(bool, String)> {
    let directory = pond.context.directory.display();
    let mut build = stage.lab().buildctl(["build", "--progress=plain", "--frontend=gateway.v0"]);
    build.arg(format!("--opt=source={}", stage.syntax_in_registry()));
    build.args([format!("--local=context={directory}"), format!("--local=dockerfile={directory}")]);
    let output = build.args(options.iter().map(|option| format!("--opt={option}"))).stdin(Stdio::null()).output()?;
    Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// What the graph of a build is with some arguments.
fn graph(build: Build<'_>) -> Result<Value> {
    let text = build.call("convertllb,format=json")?;
    serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
}

/// A named context for one platform, and `BUILDKIT_CONTEXT_KEEP_GIT_DIR`.
fn options_of_other_clients(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "frontend-options")?;
    let image = "docker-image://python:3.11-slim-bookworm";
    let here = format!("context:python:3.13-slim-bookworm::linux/amd64={image}");
    let (is_built, text) = buildctl(stage, &pond, &[&here])?;
    ensure!(is_built && text.contains("[context python:3.13-slim-bookworm] "), "{text}");
    let elsewhere = format!("context:python:3.13-slim-bookworm::linux/s390x={image}");
    let (is_built, text) = buildctl(stage, &pond, &[&elsewhere])?;
    ensure!(is_built && !text.contains("load metadata for docker.io/library/python:3.11"), "{text}");

    let server = Server::open(stage, "frontend-options-server")?;
    server.commit("pond", &pond.context.directory, "")?;
    let sources = |argument: &str| -> Result<Vec<Value>> {
        let graph = graph(Build::of(stage, server.url("pond.git#main")).argument(argument))?;
        let ops = graph["def"].as_object().context("no ops")?;
        let sources = ops.values().map(|op| op["source"].clone());
        Ok(sources.filter(|source| source["identifier"].as_str().is_some_and(|id| id.starts_with("git://"))).collect())
    };
    for (argument, kept) in [("0", Value::Null), ("1", Value::from("true"))] {
        let found = sources(&format!("--build-arg=BUILDKIT_CONTEXT_KEEP_GIT_DIR={argument}"))?;
        ensure!(found.len() == 1 && found[0]["attrs"]["git.keepgitdir"] == kept, "{found:?}");
    }
    Ok(())
}

//! A Dockerfile and the config that `uv-buildkit import` makes of it: what they build does the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use uv_buildkit::cli::{self, Cli};
use uv_buildkit_tests::expectation::{Check, HttpCheck};

use crate::Trials;
use crate::container::{self, observe};
use crate::context::Context;
use crate::image::Image;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("imports::two_services", two_services);
}

/// Two final stages for two members of a workspace, with user, files, variables and a command for a shell.
const DOCKERFILE: &str = include_str!("../imports/cases/two_services/Dockerfile");

/// What an image runs as, and what it has: programs of the environment, and packages with their versions.
const INVENTORY: &str = "import os, sys, importlib.metadata as m
print(os.getuid(), os.getgid(), os.environ['HOME'], os.getcwd(), sys.version_info[:2])
print(sorted(p for p in os.listdir('/app/.venv/bin') if not p.startswith(('activate', 'deactivate', 'pydoc'))))
print(sorted((d.name, d.version) for d in m.distributions(path=[p for p in sys.path if '.venv' in p])))";

fn two_services(stage: &Stage) -> Result<()> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monorepo");
    let context = Context::copy(stage, &examples, "two-services")?;
    context.remove("uv.build.toml")?;
    context.remove("Dockerfile")?;
    context.write("guide.Dockerfile", DOCKERFILE)?;
    let dockerfile = context.directory.join("guide.Dockerfile");
    let program = ["uv-buildkit", "import", "--write", &dockerfile.to_string_lossy()].map(ToOwned::to_owned);
    cli::run(Cli::try_parse_from(program)?.command)?;
    for file in ["uv.build.toml", "Dockerfile"] {
        context.edit(file, "ghcr.io/uv-buildkit/uv-buildkit:1", stage.syntax())?;
    }

    for target in ["worker", "api"] {
        let ours = context.build().target(Some(target)).push("import")?;
        let argument = format!("--file={}", dockerfile.display());
        let theirs = context.build().argument(argument).target(Some(target)).push("import")?;
        let run = |image: &str, arguments: &[&str], command: &[&str]| {
            let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
            container::run(stage.lab(), image, &owned(arguments), &owned(command))
        };
        let inventory = ["-c", INVENTORY];
        let python = ["--entrypoint=python"];
        let (here, there) = (run(&ours.reference, &python, &inventory)?, run(&theirs.reference, &python, &inventory)?);
        ensure!(here.exit_code == Some(0) && here.stdout == there.stdout, "{target}: {here:?}\n{there:?}");
        if target == "worker" {
            let (here, there) = (run(&ours.reference, &[], &[])?, run(&theirs.reference, &[], &[])?);
            ensure!(here.stdout == "ACME: 3.75 EUR, uid 1500\n", "{here:?}");
            ensure!((here.stdout, here.exit_code) == (there.stdout, there.exit_code), "{target}: {}", there.stderr);
        } else {
            let body = "Welcome to ACME\n\nanvil  49.99 EUR\n茶     3.50 EUR\n";
            for path in ["/", "/metrics"] {
                let body = if path == "/" { body } else { "counted:\n" };
                let http = HttpCheck { path: path.to_owned(), status: 200, body: Some(body.to_owned()) };
                let check = Check {
                    target: None,
                    command: None,
                    arguments: Vec::new(),
                    env: BTreeMap::new(),
                    stdout: None,
                    exit_code: None,
                    http: Some(http),
                    invocation: None,
                };
                observe(stage.lab(), &ours.reference, &check).context("the config's image")?;
                observe(stage.lab(), &theirs.reference, &check).context("the Dockerfile's image")?;
            }
        }
        let config = |built| -> Result<_> {
            let image = Image::of(stage.lab(), built)?;
            let config = &image.config["config"];
            Ok(["User", "WorkingDir", "Entrypoint", "Cmd", "ExposedPorts"].map(|key| config[key].clone()))
        };
        let (here, there) = (config(&ours)?, config(&theirs)?);
        eprintln!("{target}: {here:?} and {there:?}");
        ensure!(here[1] == there[1] && here[4] == there[4], "{target}: {here:?} and {there:?}");
    }
    // Whoever imports again keeps what is there.
    let before = fs::read_to_string(context.directory.join("uv.build.toml"))?;
    cli::run(Cli::try_parse_from(["uv-buildkit", "import", "--write", &dockerfile.to_string_lossy()])?.command)?;
    ensure!(context.read("uv.build.toml")? == before, "the config was overwritten");
    Ok(())
}

//! Every example, built in every way in which a user can ask for it, started, and observed as its `test.toml` says.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use uv_buildkit_tests::example::{self, Example};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::container::observe;
use crate::pythons::Pythons;
use crate::stage::Stage;

/// Adds the tests of all examples.
pub fn add(trials: &mut Trials) -> Result<()> {
    for example in example::all()? {
        let name = example.name.clone();
        let example = Arc::new(Prepared { example, directory: OnceLock::new() });
        let targets: BTreeSet<Option<String>> =
            example.example.expectation.checks.iter().map(|check| check.target.clone()).collect();
        for target in targets {
            let label = target.clone().unwrap_or_else(|| "default".to_owned());
            let example = Arc::clone(&example);
            trials.add(format!("example::{name}::{label}"), move |stage| example.check(stage, target.as_deref()));
        }
    }
    trials.add("example::hello::without_a_config", hello_without_a_config);
    Ok(())
}

/// An example whose copy is made when the first test asks for it.
struct Prepared {
    example: Example,
    directory: OnceLock<Result<PathBuf, String>>,
}

impl Prepared {
    fn directory(&self, stage: &Stage) -> Result<&Path> {
        let prepare = || {
            for image in &self.example.expectation.images {
                stage.lab().require_image(image)?;
            }
            let directory = stage.copy(&self.example.directory, &format!("example-{}", self.example.name))?;
            adapt(stage, &directory.join("uv.build.toml"), &self.example.name)?;
            if self.example.expectation.lock_first {
                run_captured(uv::command()?.arg("lock").arg("--quiet").current_dir(&directory))?;
            }
            Ok(directory)
        };
        let directory = self.directory.get_or_init(|| prepare().map_err(|error: anyhow::Error| format!("{error:#}")));
        directory.as_deref().map_err(|error| anyhow::Error::msg(error.clone()))
    }

    /// One target, in both ways to name the frontend.
    fn check(&self, stage: &Stage, target: Option<&str>) -> Result<()> {
        let directory = self.directory(stage)?;
        let with_stub = Build::of(stage, directory).target(target).push(&self.example.name)?;
        let config = directory.join("uv.build.toml");
        let with_config = Build::of(stage, directory)
            .argument(format!("--file={}", config.display()))
            .target(target)
            .push(&self.example.name)?;
        ensure!(
            manifest(stage, &with_stub)? == manifest(stage, &with_config)?,
            "`-f uv.build.toml` makes another image than the stub"
        );
        for check in self.example.expectation.checks.iter().filter(|check| check.target.as_deref() == target) {
            observe(stage.lab(), &with_stub.reference, check).with_context(|| format!("{check:?}"))?;
        }
        Ok(())
    }
}

/// Has images and pythons that are not to be had from registries of packages come from the lab.
pub fn adapt(stage: &Stage, config: &Path, name: &str) -> Result<()> {
    let text = fs::read_to_string(config)?;
    for image in text.split('"').filter(|word| word.starts_with("gcr.io/distroless/")) {
        stage.lab().require_image(image)?;
    }
    let provider = "provider = \"managed\"";
    if text.contains(provider) && stage.lab().has_stand_ins() {
        let pythons = Pythons::serve(stage, &format!("{name}-pythons"))?;
        fs::write(config, text.replace(provider, &format!("downloads-json = \"{}\"\n{provider}", pythons.url())))?;
    }
    Ok(())
}

/// The image manifest for this machine's platform: the index around it also tells how it was built.
fn manifest(stage: &Stage, built: &Built) -> Result<String> {
    run_captured(&mut stage.lab().crane(["manifest", "--platform=linux/amd64", &built.reference]))
}

/// Where nothing is written down, what the project says of itself is enough.
fn hello_without_a_config(stage: &Stage) -> Result<()> {
    let examples = example::all()?;
    let hello = examples.iter().find(|example| example.name == "hello").context("no example `hello`")?;
    let directory = stage.copy(&hello.directory, "hello-without-a-config")?;
    fs::remove_file(directory.join("uv.build.toml"))?;
    let built = Build::of(stage, &directory).push("hello")?;
    let mut check = hello.expectation.checks.first().context("no check")?.clone();
    check.stdout = Some("[ hello, world ]\n".to_owned());
    observe(stage.lab(), &built.reference, &check)
}

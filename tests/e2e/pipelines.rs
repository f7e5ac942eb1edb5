//! The examples of pipelines: linted where there is a linter, and what they run is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use xtask::lab::run_captured;
use yaml_rust2::{Yaml, YamlLoader};

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::patterns;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("pipelines::github", github);
    trials.add("pipelines::gitlab", gitlab);
    trials.add("pipelines::own", own);
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name)
}

fn read(name: &str) -> Result<Yaml> {
    let text = fs::read_to_string(example(name)).with_context(|| format!("cannot read {name}"))?;
    YamlLoader::load_from_str(&text)?.pop().with_context(|| format!("{name} is empty"))
}

/// Runs lines of a pipeline as its runners do, in a copy of a project. Gives back what they printed.
fn run(stage: &Stage, directory: &Path, script: &str, variables: &[(&str, &str)]) -> Result<String> {
    let mut shell: Command = stage.lab().command("bash");
    shell.args(["-e", "-o", "pipefail", "-c", script]).current_dir(directory).envs(variables.iter().copied());
    run_captured(shell.stdin(Stdio::null()))
}

/// The workflow is one that GitHub takes; its matrix is that of the project's targets.
fn github(stage: &Stage) -> Result<()> {
    const WORKFLOW: &str = "github-actions.yml";
    run_captured(stage.lab().actionlint()?.arg("-shellcheck=").arg(example(WORKFLOW)))?;
    let workflow = read(WORKFLOW)?;
    let directory = stage.copy(&example("monorepo"), "pipelines-github")?;
    let output = stage.directory("pipelines-output")?.join("output");
    let steps = workflow["jobs"]["check"]["steps"].as_vec().context("no steps")?;
    let scripts: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    ensure!(scripts.len() == 2, "{scripts:?}");
    for script in scripts {
        run(stage, &directory, script, &[("GITHUB_OUTPUT", &output.to_string_lossy())])?;
    }
    let output = fs::read_to_string(&output)?;
    ensure!(
        output
            == "targets=[\"api\",\"api-metrics\",\"api-checks\",\"api-dev\",\"api-test\",\"worker\",\"worker-dev\"]\n",
        "{output}"
    );
    // What the job of each does, but for the cache, which is GitHub's.
    let built =
        Build::of(stage, &directory).target(Some("worker")).argument("--provenance=mode=max").push("pipelines")?;
    let said = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(said.stdout == "ACME: 3.75 EUR, uid 1500\n", "{said:?}");
    let matrix = output.trim_start_matches("targets=");
    patterns::note(stage, 15, "examples/github-actions.yml", &built.reference, &format!("{matrix}{}", said.stdout))
}

/// The workflows of this project, too.
fn own(stage: &Stage) -> Result<()> {
    let workflows = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.github/workflows");
    let workflows: Vec<PathBuf> = ["ci.yml", "release.yml"].iter().map(|name| workflows.join(name)).collect();
    run_captured(stage.lab().actionlint()?.arg("-shellcheck=").args(workflows))?;
    Ok(())
}

/// What the pipeline runs makes images, and a cache from which they are made again.
fn gitlab(stage: &Stage) -> Result<()> {
    let pipeline = read("gitlab-ci.yml")?;
    let directory = stage.copy(&example("monorepo"), "pipelines-gitlab")?;
    let script = |job: &str| pipeline[job]["script"][0].as_str().with_context(|| format!("no script of {job}"));
    let (check, build) = (script("check")?, script("build")?);
    let image = format!("{}/e2e/pipelines", stage.lab().registry());
    let cache = pipeline["variables"]["CACHE"].as_str().context("no CACHE")?.replace("$CI_REGISTRY_IMAGE", &image);
    let branch = format!("branch-{}", stage.nonce().to_lowercase());
    run(stage, &directory, check, &[])?;
    let targets = pipeline["build"]["parallel"]["matrix"][0]["TARGET"].as_vec().context("no TARGET")?;
    for target in targets.iter().filter_map(Yaml::as_str) {
        let variables = [
            ("TARGET", target),
            ("CACHE", &cache),
            ("CI_REGISTRY_IMAGE", &image),
            ("CI_COMMIT_REF_SLUG", &branch),
            ("CI_DEFAULT_BRANCH", "main"),
            ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
        ];
        run(stage, &directory, build, &variables)?;
        let config = run_captured(&mut stage.lab().crane(["config", &format!("{image}/{target}:{branch}")]))?;
        ensure!(config.contains("0123456789abcdef"), "{config}");
        run_captured(&mut stage.lab().crane(["manifest", &format!("{cache}:{target}-{branch}")]))?;
    }
    let said = container::run(stage.lab(), &format!("{image}/worker:{branch}"), &[], &[])?;
    ensure!(said.stdout == "ACME: 3.75 EUR, uid 1500\n", "{said:?}");
    patterns::note(stage, 16, "examples/gitlab-ci.yml", &format!("{image}/worker:{branch}"), &said.stdout)
}

//! The examples of pipelines and of a compose project: linted where there is a linter, and what they run is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use xtask::lab::run_captured;
use yaml_rust2::{Yaml, YamlLoader};

use crate::Trials;
use crate::container;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("pipelines::github", github);
    trials.add("pipelines::gitlab", gitlab);
    trials.add("pipelines::compose", compose);
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
    Ok(())
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
    Ok(())
}

/// What the compose project builds starts as it says there, and what its `watch` copies into containers is what runs next.
fn compose(stage: &Stage) -> Result<()> {
    let directory = stage.copy(&example("monorepo"), "pipelines-compose")?;
    let project = read("monorepo/compose.yaml")?;
    let services = project["services"].as_hash().context("no services")?;
    let bake = |arguments: &[String]| {
        let mut bake = stage.lab().buildx(["bake", "--progress=plain", "--file=compose.yaml"]);
        run_captured(bake.args(arguments).current_dir(&directory))
    };
    let printed: serde_json::Value = serde_json::from_str(&bake(&["--print".to_owned()])?)?;
    let image =
        |service: &str| format!("{}/e2e/compose-{service}:{}", stage.lab().registry(), stage.nonce().to_lowercase());
    let names: Vec<&str> = services.keys().filter_map(Yaml::as_str).collect();
    for name in &names {
        ensure!(printed["target"][name]["target"] == format!("{name}-dev"), "{printed}");
    }
    let outputs = names.iter().map(|name| format!("--set={name}.output=type=image,name={},push=true", image(name)));
    bake(&outputs.collect::<Vec<_>>())?;

    // As compose does: a container of the image, files copied into it, another start.
    let worker = &services[&Yaml::from_str("worker")];
    stage.lab().pull(&image("worker"))?;
    let mut create = stage.lab().docker(["create", "--network=host", &image("worker")]);
    let container = run_captured(&mut create)?.trim().to_owned();
    let start = || run_captured(&mut stage.lab().docker(["start", "--attach", &container]));
    let before = start()?;
    let sync = &worker["develop"]["watch"][0];
    let (path, target) = sync["path"].as_str().zip(sync["target"].as_str()).context("nothing is synced")?;
    let module = directory.join(path).join("acme_worker/__init__.py");
    let text = fs::read_to_string(&module)?;
    ensure!(text.contains("uid {"), "{text}");
    fs::write(&module, text.replace("uid {", "user {"))?;
    let mut copy = stage.lab().docker(["cp"]);
    run_captured(copy.arg(directory.join(path).join(".")).arg(format!("{container}:{target}")))?;
    let after = start()?;
    run_captured(&mut stage.lab().docker(["rm", &container]))?;
    ensure!(before == "ACME: 3.75 EUR, uid 1500\n" && after == "ACME: 3.75 EUR, user 1500\n", "{before:?}, {after:?}");
    Ok(())
}

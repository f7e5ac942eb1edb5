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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn example(name: &str) -> PathBuf {
    root().join("examples").join(name)
}

fn read(name: &str) -> Result<Yaml> {
    load(&example(name))
}

fn load(path: &Path) -> Result<Yaml> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    YamlLoader::load_from_str(&text)?.pop().with_context(|| format!("{} is empty", path.display()))
}

/// Runs lines of a pipeline as its runners do, in a copy of a project. Gives back what they printed.
fn run(stage: &Stage, directory: &Path, script: &str, variables: &[(&str, &str)]) -> Result<String> {
    let mut shell: Command = stage.lab().command("bash");
    shell.args(["-e", "-o", "pipefail", "-c", script]).current_dir(directory).envs(variables.iter().copied());
    run_captured(shell.stdin(Stdio::null()))
}

/// The workflow is one that GitHub takes; its matrix is that of the targets that the last commit concerns.
fn github(stage: &Stage) -> Result<()> {
    const WORKFLOW: &str = "github-actions.yml";
    lint(stage, &[example(WORKFLOW)])?;
    let workflow = read(WORKFLOW)?;
    let project = stage.copy(&example("monorepo"), "pipelines-github")?;
    let steps = workflow["jobs"]["check"]["steps"].as_vec().context("no steps")?;
    let scripts: Vec<&str> = steps.iter().filter_map(|step| step["run"].as_str()).collect();
    ensure!(scripts.len() == 1, "{scripts:?}");
    run(stage, &project, scripts[0], &[])?;
    let uses: Vec<&str> = steps.iter().filter_map(|step| step["uses"].as_str()).collect();
    ensure!(uses.contains(&concat!("uv-buildkit/uv-buildkit@v", env!("CARGO_PKG_VERSION"))), "{uses:?}");

    let git = |directory: &Path, script: &str| run(stage, directory, script, &[]);
    let commit =
        "git add --all && git -c user.name=heron -c user.email=heron@pond.example commit --quiet --message=one";
    git(&project, &format!("git init --quiet && {commit}"))?;
    let before = git(&project, "git rev-parse HEAD")?;
    let module = "services/worker/src/acme_worker/__init__.py";
    git(&project, &format!("test -f {module} && echo >> {module} && {commit}"))?;
    // As a runner checks it out: without the commit before.
    let clone = stage.directory("pipelines-clone")?;
    git(&clone, &format!("git clone --quiet --depth=1 'file://{}' .", project.display()))?;
    let affected = |base: &str| affected(stage, &clone, base);
    let output = affected(before.trim())?;
    ensure!(output == "targets=[\"worker\",\"worker-dev\"]\nmembers=[\"acme-worker\"]\n", "{output}");
    // What a new branch has before it.
    let output = affected(&"0".repeat(40))?;
    let all = "targets=[\"api\",\"api-metrics\",\"api-checks\",\"api-dev\",\"api-test\",\"worker\",\"worker-dev\"]";
    ensure!(output.lines().next() == Some(all), "{output}");

    // What the job of each does, but for the cache, which is GitHub's.
    let built =
        Build::of(stage, &project).target(Some("worker")).argument("--provenance=mode=max").push("pipelines")?;
    let said = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(said.stdout == "ACME: 3.75 EUR, uid 1500\n", "{said:?}");
    let matrix = all.trim_start_matches("targets=");
    patterns::note(stage, 15, "examples/github-actions.yml", &built.reference, &format!("{matrix}\n{}", said.stdout))
}

/// What the project's action writes as its outputs, when it compares with `base`.
fn affected(stage: &Stage, directory: &Path, base: &str) -> Result<String> {
    let action = load(&root().join("action.yml"))?;
    let steps = action["runs"]["steps"].as_vec().context("no steps")?;
    let step = steps.iter().find(|step| step["id"].as_str() == Some("affected")).context("no such step")?;
    let program = stage.lab().frontend_program()?;
    let path = stage.lab().env()["PATH"].clone();
    let path = format!("{}:{path}", program.parent().context("a directory")?.display());
    let output = tempfile::NamedTempFile::new()?;
    let file = output.path().to_string_lossy();
    let variables = [("PATH", &path[..]), ("BASE", base), ("DIRECTORY", "."), ("GITHUB_OUTPUT", &file)];
    run(stage, directory, step["run"].as_str().context("no script")?, &variables)?;
    Ok(fs::read_to_string(output.path())?)
}

/// The workflows of this project, too; and what uses its action gives it inputs that it has, and asks for outputs that it has.
fn own(stage: &Stage) -> Result<()> {
    let mut workflows = Vec::new();
    for entry in fs::read_dir(root().join(".github/workflows"))? {
        workflows.push(entry?.path());
    }
    ensure!(workflows.len() >= 2, "{workflows:?}");
    lint(stage, &workflows)?;
    // Tags of others can be moved.
    for file in workflows.iter().chain([&root().join("action.yml")]) {
        let text = fs::read_to_string(file)?;
        for action in text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: ")) {
            let (_, pin) = action.split_once('@').with_context(|| format!("`{action}` has no version"))?;
            let (commit, version) = pin.split_once(" # v").with_context(|| format!("`{action}` is no commit"))?;
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            ensure!(is_commit && !version.is_empty(), "`{action}` is no commit");
        }
    }
    let repository = stage.directory("pipelines-own")?;
    let workflow = repository.join(".github/workflows/images.yml");
    fs::create_dir_all(workflow.parent().context("a directory")?)?;
    fs::create_dir(repository.join(".git"))?;
    fs::copy(root().join("action.yml"), repository.join("action.yml"))?;
    let text = fs::read_to_string(example("github-actions.yml"))?;
    let released = concat!("uv-buildkit/uv-buildkit@v", env!("CARGO_PKG_VERSION"));
    let local = text.replace(released, "./");
    fs::write(&workflow, &local)?;
    lint(stage, &[&workflow])?;
    // The linter looks at the action: it finds an input that there is not.
    fs::write(&workflow, local.replace("base: ${{", "bass: ${{"))?;
    let found = stage.lab().actionlint()?.arg("-shellcheck=").arg(&workflow).output()?;
    ensure!(String::from_utf8_lossy(&found.stdout).contains("\"bass\""), "{found:?}");
    Ok(())
}

fn lint(stage: &Stage, workflows: &[impl AsRef<Path>]) -> Result<()> {
    let workflows = workflows.iter().map(AsRef::as_ref);
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

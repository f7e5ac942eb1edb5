//! The commands that the documents show, run as they stand there, each in a fresh copy of a project that has what they name.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use uv_buildkit_tests::document::{NOT_RUN, blocks};
use xtask::lab::run_captured;

use crate::Trials;
use crate::context::Context;
use crate::index::Index;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    // One of the commands has `--no-cache`.
    trials.add_alone("documents::commands", commands);
}

/// The registry of the documents, for which the lab's stands.
const REGISTRY: &str = "registry.example";

const LAMBDA: &str = "public.ecr.aws/lambda/python:3.13";

const CONFIG: &str = r#"default-target = "api"

[targets.api]
package = "pkg-api"

[targets.fn]
package = "pkg-core"
base = "public.ecr.aws/lambda/python:3.13"
layout = "target"
cmd = ["pkg_core.handler"]

[targets.fn-zip]
inherits = "fn"
kind = "lambda-zip"
"#;

/// A Dockerfile that can be imported.
const DOCKERFILE: &str = "FROM python:3.13-slim-bookworm
COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /bin/
WORKDIR /app
COPY . .
RUN uv sync --locked --no-dev --package pkg-api
CMD [\"/app/.venv/bin/pkg-api\"]
";

fn commands(stage: &Stage) -> Result<()> {
    let lab = stage.lab();
    lab.require_image(LAMBDA)?;
    let registry = lab.registry();
    let hardened = format!("{registry}/python:hardened");
    run_captured(&mut lab.crane(["copy", &format!("{registry}/library/python:3.13-slim-bookworm"), &hardened]))?;
    let index = Index::open(stage, "documents-index")?;
    index.offer("idna", "3.10", "")?;
    let project = project(stage, &index)?;

    let program = lab.frontend_program()?;
    let path = std::env::split_paths(&lab.env()["PATH"]).collect::<Vec<_>>();
    let programs = program.parent().context("a directory")?.to_owned();
    let path = std::env::join_paths([programs].into_iter().chain(path))?;

    let mut count = 0;
    for block in blocks()?.into_iter().filter(|block| block.language == "sh") {
        // A variable that is set in one line is there for the next.
        let mut before = String::new();
        for (place, command) in block.commands() {
            if NOT_RUN.iter().any(|(start, _)| command.starts_with(start)) {
                continue;
            }
            if command.starts_with("export ") {
                before += &format!("{command}\n");
                continue;
            }
            let copy = stage.copy(&project, &format!("documents-{count}/shop"))?;
            stage.copy(&project.join("packages/pkg-core"), &format!("documents-{count}/pkg-core"))?;
            if command.contains("import Dockerfile") {
                fs::write(copy.join("Dockerfile"), DOCKERFILE)?;
            }
            let script = format!("{before}{}", command.replace(REGISTRY, registry));
            run(&mut stage.command("sh"), &script, &copy, &path).with_context(|| format!("{place}: `{command}`"))?;
            count += 1;
        }
    }
    ensure!(count >= 15, "only {count} commands were found in the documents");
    Ok(())
}

fn run(shell: &mut Command, script: &str, directory: &Path, path: &std::ffi::OsStr) -> Result<String> {
    shell.args(["-eu", "-c", script]).current_dir(directory).env("PATH", path);
    run_captured(shell.env("USER", "heron").env("PASSWORD", "reed").env("TOKEN", "newt").stdin(Stdio::null()))
}

/// A workspace with the members and targets of the documents, in a git repository with a branch on a remote.
fn project(stage: &Stage, index: &Index) -> Result<std::path::PathBuf> {
    let context = Context::new(stage, "documents")?;
    context.write(
        "pyproject.toml",
        format!(
            "[tool.uv.workspace]\nmembers = [\"packages/*\"]\n\n[tool.uv.sources]\npkg-core = {{ workspace = true }}\n\n\
             [[tool.uv.index]]\nname = \"internal\"\nurl = \"{}\"\ndefault = true\n",
            index.url()
        ),
    )?;
    context.write("uv.build.toml", format!("# syntax={}\n{CONFIG}", stage.syntax()))?;
    for (name, dependency, module) in [
        ("pkg-api", "pkg-core", "import pkg_core\n\n\ndef main():\n    print(pkg_core.handler({}, None))\n"),
        ("pkg-core", "idna", "import idna\n\n\ndef handler(event, context):\n    return 'here'\n"),
    ] {
        let module_name = name.replace('-', "_");
        let scripts = if name == "pkg-api" { "[project.scripts]\npkg-api = \"pkg_api:main\"\n\n" } else { "" };
        context.write(
            &format!("packages/{name}/pyproject.toml"),
            format!(
                "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
                 dependencies = [\"{dependency}\"]\n\n{scripts}[build-system]\n\
                 requires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n"
            ),
        )?;
        context.write(&format!("packages/{name}/src/{module_name}/__init__.py"), module)?;
    }
    context.lock()?;
    let git = "git init --quiet --initial-branch=main && git add --all \
               && git -c user.name=heron -c user.email=heron@pond.example commit --quiet --message=first \
               && git update-ref refs/remotes/origin/main HEAD";
    run_captured(Command::new("sh").args(["-eu", "-c", git]).current_dir(&context.directory))?;
    Ok(context.directory)
}

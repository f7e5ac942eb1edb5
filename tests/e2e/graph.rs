//! Graphs and images without buildx and the newest daemon between: `buildctl`, several platforms, an old Docker engine.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tar::Archive;
use uv_buildkit_tests::example;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::pond::Pond;
use crate::server::Server;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    let program = Arc::new(OnceLock::new());
    for (name, options) in [("graph::buildctl", &[][..]), ("graph::buildctl_without_merge", &["--no-merge"][..])] {
        let program = Arc::clone(&program);
        trials.add(name, move |stage| {
            let program = program.get_or_init(|| extract_program(stage).map_err(|error| format!("{error:#}")));
            let program: &Path = program.as_deref().map_err(|error| anyhow::Error::msg(error.clone()))?;
            buildctl(stage, program, &name.replace("::", "-"), options)
        });
    }
    trials.add("graph::map_of_platforms", map_of_platforms);
    trials.add("graph::old_engine", old_engine);
    trials.add("graph::old_engine_root_project", old_engine_root_project);
    trials.add("graph::old_engine_refused", old_engine_refused);
}

/// The frontend's image holds one static program, which is the command line as well.
fn extract_program(stage: &Stage) -> Result<PathBuf> {
    let program = stage.directory("program")?.join("uv-buildkit");
    let image = stage.syntax_in_registry();
    let mut crane = stage.lab().crane(["export", &image, "-"]).stdout(Stdio::piped()).spawn()?;
    let mut archive = Archive::new(crane.stdout.take().context("stdout")?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.as_ref() == Path::new("uv-buildkit") {
            std::io::copy(&mut entry, &mut File::create(&program)?)?;
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        }
    }
    ensure!(crane.wait()?.success() && program.exists(), "no program in {image}");
    Ok(program)
}

/// `uv-buildkit llb | buildctl build`.
fn buildctl(stage: &Stage, program: &Path, name: &str, options: &[&str]) -> Result<()> {
    let examples = example::all()?;
    let hello = examples.iter().find(|example| example.name == "hello").context("no example `hello`")?;
    let directory = stage.copy(&hello.directory, name)?;
    let graph = directory.with_extension("pb");
    let llb = Command::new(program)
        .args(["llb", "--format=bytes"])
        .args(options)
        .arg(&directory)
        .stdout(File::create(&graph)?)
        .status()?;
    ensure!(llb.success(), "`uv-buildkit llb` failed");
    let repository = format!("{}/e2e/{name}", stage.lab().registry());
    let metadata = directory.with_extension("json");
    let mut build = stage.lab().buildctl(["build", "--progress=plain"]);
    build.arg(format!("--local=context={}", directory.display()));
    build.arg(format!("--output=type=image,name={repository},push-by-digest=true,push=true"));
    build.arg(format!("--metadata-file={}", metadata.display())).stdin(File::open(&graph)?);
    let output = build.output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}");
    ensure!(text.contains("] copy\n") == options.contains(&"--no-merge"), "{text}");
    let told: Value = serde_json::from_slice(&fs::read(&metadata)?)?;
    let digest = told["containerimage.digest"].as_str().context("no digest")?;
    // A graph has no image config: the program is named.
    let run =
        container::run(stage.lab(), &format!("{repository}@{digest}"), &[], &["/app/.venv/bin/hello".to_owned()])?;
    ensure!(run.stdout == "[ hello, world ]\n", "{run:?}");
    Ok(())
}

/// One platform asked for as if it were several: the result maps platforms to images.
fn map_of_platforms(stage: &Stage) -> Result<()> {
    let examples = example::all()?;
    let hello = examples.iter().find(|example| example.name == "hello").context("no example `hello`")?;
    let directory = stage.copy(&hello.directory, "platforms")?;
    let build = |arguments: &[&str]| -> Result<Built> {
        let build = Build::of(stage, &directory).argument("--platform=linux/amd64").argument("--provenance=false");
        arguments.iter().fold(build, |build, argument| build.argument(*argument)).push("platforms")
    };
    let single = build(&[])?;
    let map = build(&["--build-arg=BUILDKIT_MULTI_PLATFORM=1"])?;
    let index: Value = serde_json::from_str(&run_captured(&mut stage.lab().crane(["manifest", &map.reference]))?)?;
    let platforms: Vec<&Value> = index["manifests"].as_array().context("no index")?.iter().collect();
    ensure!(platforms.len() == 1 && platforms[0]["platform"]["architecture"] == "amd64", "{index}");
    ensure!(Image::of(stage.lab(), &single)? == Image::of(stage.lab(), &map)?, "the map holds another image");
    let run = container::run(stage.lab(), &map.reference, &[], &[])?;
    ensure!(run.stdout == "[ hello, BuildKit ]\n", "{run:?}");
    Ok(())
}

/// The BuildKit inside the lab's Docker engine: in Debian 12 one of 2020, which cannot merge.
fn old_engine(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "engine")?;
    let said = said_by_engine(stage, &pond.context, "[targets.app]")?;
    ensure!(said == "pond-app\n", "the image says {said:?}");
    Ok(())
}

/// A project at the root of a workspace, of which others lie below.
fn old_engine_root_project(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "engine-root")?;
    let manifest = |name: &str| {
        format!(
            "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
             [build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n\n"
        )
    };
    let workspace = "[project.scripts]\nmere = \"mere:main\"\n\n[tool.uv.workspace]\nmembers = [\"inlet\"]\n";
    context.write("pyproject.toml", manifest("mere") + workspace)?;
    context.write("uv.build.toml", "[targets.mere]\n")?;
    context.write("src/mere/__init__.py", format!("# {}\ndef main():\n    print(\"mere\")\n", stage.nonce()))?;
    context.write("inlet/pyproject.toml", manifest("inlet"))?;
    context.write("inlet/src/inlet/__init__.py", "")?;
    context.lock()?;
    let said = said_by_engine(stage, &context, "[targets.mere]")?;
    ensure!(said == "mere\n", "the image says {said:?}");
    Ok(())
}

/// What the engine cannot do it is not asked for: the message says what is needed.
fn old_engine_refused(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "engine-refused")?;
    let server = Server::open(stage, "engine-refused-server")?;
    adapt(stage, &pond.context, "[targets.app]")?;
    server.commit("pond", &pond.context.directory, "")?;
    let mut build = stage.lab().buildx(["build", "--builder=default", "--progress=plain"]);
    build.arg(format!("--build-arg=BUILDKIT_SYNTAX={}", stage.syntax_in_registry()));
    let output = build.arg(server.url("pond.git#main")).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let words = "this BuildKit is too old: the build needs version 0.9 or newer, for the capability \
                 `file.copy.includeexcludepatterns`";
    ensure!(!output.status.success() && text.contains(words), "{text}");
    Ok(())
}

/// Names the lab's registry wherever an image is named: the engine knows nothing of the lab's mirrors.
fn adapt(stage: &Stage, context: &Context<'_>, target: &str) -> Result<()> {
    if stage.lab().has_stand_ins() {
        let registry = stage.lab().registry();
        context.write("Dockerfile", format!("# syntax={}\n", stage.syntax_in_registry()))?;
        let images = format!(
            "[uv]\nimage = \"{registry}/astral-sh/uv:0.13.9\"\n\n\
             [defaults]\nbase = \"{registry}/library/python:3.13-slim-bookworm\"\n\n{target}"
        );
        context.edit("uv.build.toml", target, &images)?;
    }
    Ok(())
}

/// What an image prints that the engine builds of a context.
fn said_by_engine(stage: &Stage, context: &Context<'_>, target: &str) -> Result<String> {
    adapt(stage, context, target)?;
    let name = target.trim_start_matches("[targets.").trim_end_matches(']');
    let tag = format!("uv-buildkit-e2e-{name}:{}", stage.nonce().to_lowercase());
    let mut build = stage.lab().buildx(["build", "--builder=default", "--progress=plain", "--load", "--tag", &tag]);
    let output = build.arg(&context.directory).stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{text}");
    let outcome = run_captured(&mut stage.lab().docker(["run", "--rm", "--network=host", &tag]));
    run_captured(&mut stage.lab().docker(["rmi", &tag]))?;
    outcome
}

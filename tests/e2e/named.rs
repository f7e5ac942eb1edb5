//! Named contexts: what takes the place of an image, or of the files of a local project.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
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
    trials.add("named::base_by_image", base_by_image);
    trials.add("named::base_by_oci_layout", base_by_oci_layout);
    trials.add("named::base_by_target_of_bake", base_by_target_of_bake);
    trials.add("named::builder_and_uv", builder_and_uv);
    trials.add("named::member", member);
    trials.add("named::member_by_target_of_bake", member_by_target_of_bake);
    trials.add("named::mistakes", mistakes);
}

/// What a pond is built on when nobody says.
const BASE: &str = "python:3.13-slim-bookworm";

/// What a built image prints, run with a command of python.
fn python(stage: &Stage, built: &Built, code: &str) -> Result<String> {
    let command = ["python", "-c", code].map(ToOwned::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &command)?;
    ensure!(run.exit_code == Some(0), "{run:?}");
    Ok(run.stdout.trim().to_owned())
}

const VERSION: &str = "import pond_app, sys; print('%d.%d' % sys.version_info[:2])";

fn base_by_image(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "named-image")?;
    let built = pond.context.build().push("named")?;
    ensure!(python(stage, &built, VERSION)? == "3.13", "another python than expected");
    let context = format!("--build-context={BASE}=docker-image://python:3.11-slim-bookworm");
    let built = pond.context.build().argument(context).push("named")?;
    ensure!(python(stage, &built, VERSION)? == "3.11", "the base was not replaced");
    Ok(())
}

fn base_by_oci_layout(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "named-layout")?;
    let layout = stage.directory("layout")?;
    let image = format!("{}/library/python:3.11-slim-bookworm", stage.lab().registry());
    run_captured(stage.lab().crane(["pull", "--format=oci", &image]).arg(&layout))?;
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json"))?)?;
    let digest = index["manifests"][0]["digest"].as_str().context("no digest in the layout")?;
    let context = format!("--build-context={BASE}=oci-layout://{}@{digest}", layout.display());
    let built = pond.context.build().argument(context).push("named")?;
    ensure!(python(stage, &built, VERSION)? == "3.11", "the base was not replaced");
    Ok(())
}

/// Builds a target of a bake file, with another that it is linked to.
fn bake(stage: &Stage, context: &Context<'_>, file: &str) -> Result<Built> {
    context.write("docker-bake.hcl", file)?;
    let name = format!("{}/e2e/named", stage.lab().registry());
    let metadata = context.directory.with_extension("json");
    let mut bake = stage.lab().buildx(["bake", "--progress=plain", "--allow=fs=*", "app"]);
    bake.arg(format!("--set=app.output=type=image,name={name},push-by-digest=true,push=true"));
    bake.arg("--metadata-file").arg(&metadata).current_dir(&context.directory);
    run_captured(&mut bake)?;
    let told: Value = serde_json::from_slice(&std::fs::read(&metadata)?)?;
    let digest = told["app"]["containerimage.digest"].as_str().with_context(|| format!("no digest in {told}"))?;
    Ok(Built {
        steps: Default::default(),
        told: Default::default(),
        progress: String::new(),
        reference: format!("{name}@{digest}"),
        metadata: told,
    })
}

/// A base that another target of the same bake makes, with a frontend of its own.
fn base_by_target_of_bake(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "named-bake")?;
    let built = bake(
        stage,
        &pond.context,
        &format!(
            "target \"base\" {{\n  dockerfile-inline = \"FROM {BASE}\\nENV FROM_BAKE=yes\\nCOPY README.md /heron\\n\"\n}}\n\
             target \"app\" {{\n  contexts = {{ \"{BASE}\" = \"target:base\" }}\n}}\n"
        ),
    )?;
    let found = python(stage, &built, "import os, pond_app; print(os.environ['FROM_BAKE'], open('/heron').read())")?;
    ensure!(found == "yes A pond.", "{found}");
    let history = Image::of(stage.lab(), &built)?.config["history"].to_string();
    ensure!(history.contains("COPY README.md /heron"), "{history}");
    Ok(())
}

fn builder_and_uv(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "named-uv")?;
    pond.context.edit("uv.build.toml", "[targets.app]", "[defaults]\nbuilder = \"workshop\"\n\n[targets.app]")?;
    let missing = pond.context.build().fail()?;
    ensure!(missing.contains(">>> builder = \"workshop\""), "{missing}");
    let shown = pond
        .context
        .build()
        .argument(format!("--build-context=workshop=docker-image://{BASE}"))
        .argument("--build-context=ghcr.io/astral-sh/uv:0.13.9=docker-image://ghcr.io/astral-sh/uv:0.9.18")
        .show()?;
    // There is no image `workshop`: that it builds says where the builder comes from. Its step may have the name that another build
    // of the same moment gave it.
    let name = "[context ghcr.io/astral-sh/uv:0.13.9] ghcr.io/astral-sh/uv:0.9.18@sha256:";
    ensure!(shown.contains(name), "no `{name}` in\n{shown}");
    Ok(())
}

/// A member's files from a directory, a repository and an archive: the same image, whatever the context has in their place.
fn member(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "named-member")?;
    let context = &pond.context;
    let server = Server::open(stage, "named-member-server")?;
    let elsewhere = Context::copy(stage, &context.directory.join("members/pond-core"), "named-core")?;
    elsewhere.edit("src/pond_core/__init__.py", "print(\"pond-core\")", "print(\"from elsewhere\")")?;
    server.commit("core", &elsewhere.directory, "core")?;
    server.pack("core", &elsewhere.directory)?;
    elsewhere.write("notes.txt", "left out")?;
    elsewhere.write(".dockerignore", "notes.txt\n.dockerignore\n")?;
    // The lock holds, so its manifest is not needed in the context.
    run_captured(Command::new("rm").arg("-r").arg(context.directory.join("members/pond-core")))?;
    let places =
        [elsewhere.directory.display().to_string(), server.url("core.git#main:core"), server.url("core.tar.gz")];
    let mut images = Vec::new();
    for place in places {
        let built = context.build().argument(format!("--build-context=pond-core={place}")).push("named")?;
        let said = python(stage, &built, "import pond_core; pond_core.main()")?;
        ensure!(said == "from elsewhere", "with {place} it said {said}");
        images.push(Image::of(stage.lab(), &built)?);
    }
    for image in &images[1..] {
        ensure!(image.layers == images[0].layers, "other layers: {:?}", image.changed_from(&images[0])?);
    }
    Ok(())
}

/// A member's files that another target of the same bake generates.
fn member_by_target_of_bake(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "named-generated")?;
    pond.context.edit("members/pond-core/src/pond_core/__init__.py", "print(\"pond-core\")", "print(\"generated\")")?;
    let file = "target \"core\" {\n  dockerfile-inline = \"FROM scratch\\nCOPY members/pond-core /\\n\"\n}\n\
                target \"app\" {\n  contexts = { \"pond-core\" = \"target:core\" }\n}\n";
    let built = bake(stage, &pond.context, file)?;
    let said = python(stage, &built, "import pond_core; pond_core.main()")?;
    ensure!(said == "generated", "{said}");
    Ok(())
}

fn mistakes(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "named-mistakes")?;
    let here = pond.context.directory.display();
    let build = |context: &str| -> Build<'_> { pond.context.build().argument(format!("--build-context={context}")) };
    let shown = build(&format!("pond-cor={here}")).show()?;
    // What to do about it buildx keeps for those who ask for more.
    ensure!(shown.contains("the build context `pond-cor` is not used"), "{shown}");
    let shown = build(&format!("{BASE}={here}")).fail()?;
    ensure!(shown.contains(&format!("replaces the image `{BASE}`, but is not an image")), "{shown}");
    let shown = build(&format!("pond-core={here}/members")).fail()?;
    ensure!(shown.contains("`pond-core` has no `pyproject.toml`"), "{shown}");
    Ok(())
}

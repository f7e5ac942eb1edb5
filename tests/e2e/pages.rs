//! What the page of a plan says of edits, compared with the layers that real builds make after real edits.

use anyhow::{Context as _, Result, ensure};
use uv_buildkit::page::plan::pushes::{self, When};
use uv_buildkit::plan::{Contents, Plan};
use uv_buildkit_tests::checkout::{Checkout, Selection};

use crate::Trials;
use crate::context::Context;
use crate::image::Image;
use crate::stage::Stage;
use uv_buildkit::paths::lies_in;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("pages::edits", edits);
}

/// Files from a directory of a project, a step that reads another one, and a step that sees all packages.
const CONFIG: &str = r#"[targets.app]
package = "app"
cmd = ["python"]
files = [{ from = "app/templates", to = "/app/templates" }]

[[targets.app.steps]]
name = "web"
image = "python:3.13-slim-bookworm"
inputs = [{ from = "app/web", to = "/src" }]
run = ["sh", "-c", "cp /src/*.js /out"]
outputs = [{ from = "/out", to = "/app/web" }]

[[targets.app.steps]]
name = "list"
run = ["sh", "-c", "ls /app/.venv/lib/python3.13/site-packages/app > /app/list/names"]
outputs = ["/app/list"]
"#;

fn edits(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "pages")?;
    let nonce = stage.nonce();
    for (name, needs) in [("app", "\"core\", \"side\""), ("core", ""), ("side", "\"core\"")] {
        let sources =
            needs.split(", ").filter(|need| !need.is_empty()).map(|need| format!("{need} = {{ workspace = true }}\n"));
        context.write(
            &format!("{name}/pyproject.toml"),
            format!(
                "# {nonce}\n[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = [{needs}]\n\n\
                 [build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n\n[tool.uv.sources]\n{}",
                sources.collect::<String>()
            ),
        )?;
        context.write(&format!("{name}/src/{name}/__init__.py"), format!("NAME = \"{nonce}\"\n"))?;
    }
    context.write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"app\", \"core\", \"side\"]\n")?;
    context.write("uv.build.toml", CONFIG)?;
    context.write("app/templates/page.txt", &nonce)?;
    context.write("app/web/index.js", &nonce)?;
    context.lock()?;
    let plan = Checkout::read(&context.directory)?.compile(&Selection::target("app"))?.plan;
    let build = || Image::of(stage.lab(), &context.build().target(Some("app")).push("pages")?);
    let mut before = build()?;
    let mut made = 0;
    for (project, path, text) in [
        ("core", "core/src/core/__init__.py", "NAME = 1\n"),
        ("side", "side/src/side/__init__.py", "NAME = 1\n"),
        ("app", "app/src/app/__init__.py", "NAME = 1\n"),
        ("app", "app/src/app/more.py", "NAME = 1\n"),
        ("app", "app/templates/page.txt", "another page\n"),
        ("app", "app/web/index.js", "another script\n"),
    ] {
        context.write(path, text)?;
        let after = build()?;
        let changed = changed(&plan, &before, &after)?;
        made += changed.len();
        check(&plan, project, path, &changed)
            .with_context(|| format!("an edit of {path} made the layers {changed:?}"))?;
        before = after;
    }
    // One layer for each edit, and for the new module also the list of modules.
    ensure!(made == 7, "the edits made {made} layers");
    Ok(())
}

/// The places in a plan of the layers that are new in an image.
fn changed(plan: &Plan, before: &Image, after: &Image) -> Result<Vec<usize>> {
    ensure!(before.layers.len() == after.layers.len(), "the images have different numbers of layers");
    let base = after.layers.len().checked_sub(plan.layers.len()).context("fewer layers than the plan has")?;
    ensure!(after.history().len() == plan.layers.len(), "the image has layers that the plan lacks");
    let pairs = before.layers.iter().zip(&after.layers).enumerate().filter(|(_, (before, after))| before != after);
    pairs.map(|(height, _)| height.checked_sub(base).context("the base has changed")).collect()
}

/// No layer is new of which the page says nothing, and every layer is new of which it is certain.
fn check(plan: &Plan, project: &str, path: &str, changed: &[usize]) -> Result<()> {
    let members = plan.layers.iter().filter_map(|layer| match &layer.contents {
        Contents::Members(members) => Some(members),
        _ => None,
    });
    let member = members.flatten().find(|member| member.name == project).context("a member")?;
    let said = pushes::of_edit(plan, &member.directory, &member.nested);
    for layer in changed {
        let name = &plan.layers[*layer].name;
        ensure!(
            said.iter().any(|push| push.layer == *layer),
            "the page does not say that layer {name} is pushed: {said:?}"
        );
    }
    for push in &said {
        let name = &plan.layers[push.layer].name;
        let is_new = changed.contains(&push.layer);
        match &push.when {
            // A file beside the sources of a project is read by its build, and is no part of the wheel.
            When::Always => ensure!(is_new || !path.contains("/src/"), "layer {name} is not new: {said:?}"),
            When::Edited(read) => ensure!(is_new == lies_in(path, read), "layer {name}: {said:?}"),
            When::BuiltWith(_) | When::ReadsStep | When::StepRuns => {}
        }
    }
    Ok(())
}

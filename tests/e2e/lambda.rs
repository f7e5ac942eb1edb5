//! `layout = "target"`: functions of AWS Lambda, in an image whose entrypoint starts them.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::{differences, listings_of_directory};
use crate::image::Image;
use crate::layer;
use crate::pond::Pond;
use crate::project::{SETUPTOOLS, UV_BUILD};
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("lambda::invocation", invocation);
    trials.add("lambda::equality", equality);
    trials.add("lambda::another_directory", another_directory);
}

/// The lab's stand-in has the real runtime client, and an emulator of its own.
const BASE: &str = "public.ecr.aws/lambda/python:3.13";

const FUNCTION: &str = r#"
[targets.function]
package = "pond-app"
base = "public.ecr.aws/lambda/python:3.13"
layout = "target"
cmd = ["pond_app.handler"]
"#;

/// A pond whose application is a function.
fn pond<'a>(stage: &'a Stage, name: &str, config: &str) -> Result<Pond<'a>> {
    stage.lab().require_image(BASE)?;
    let pond = Pond::new(stage, name)?;
    let module = "members/pond-app/src/pond_app/__init__.py";
    let handler = "import pond_core\n\n\ndef handler(event, context):\n    return {\"depth\": event[\"depth\"] * 2}\n";
    pond.context.write(module, format!("{}{handler}", pond.context.read(module)?))?;
    pond.context.write("uv.build.toml", config.trim_start())?;
    Ok(pond)
}

/// It answers as it does at AWS, and an edit of it runs one step.
fn invocation(stage: &Stage) -> Result<()> {
    let pond = pond(stage, "function", FUNCTION)?;
    let built = pond.context.build().push("function")?;
    let answer = container::invoke(stage.lab(), &built.reference, &["--read-only".to_owned()], "{\"depth\": 3}")?;
    ensure!(answer == "{\"depth\": 6}", "{answer}");
    let answer = container::invoke(stage.lab(), &built.reference, &[], "{}")?;
    ensure!(answer.contains("\"errorType\": \"KeyError\"") && answer.contains("/var/task/pond_app/"), "{answer}");

    let image = Image::of(stage.lab(), &built)?;
    let config = &image.config["config"];
    ensure!(config["Entrypoint"] == json!(["/lambda-entrypoint.sh"]) && config["Cmd"] == json!(["pond_app.handler"]));
    ensure!(config["WorkingDir"] == "/var/task" && config["User"].as_str().unwrap_or_default().is_empty(), "{config}");
    let env = config["Env"].to_string();
    ensure!(
        env.contains("PATH=/var/lang/bin:") && !env.contains("VIRTUAL_ENV") && !env.contains("PYTHONPATH"),
        "{env}"
    );
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    ensure!(layers.first().is_some_and(|layer| layer.history.starts_with("install ")), "{:?}", image.history());
    for layer in &layers {
        for (path, entry) in &layer.entries {
            let is_in_place = ["var", "var/task"].contains(&path.as_str()) || path.starts_with("var/task/");
            ensure!(is_in_place && entry.owner == (0, 0), "layer `{}` has {path} of {:?}", layer.history, entry.owner);
            let name = path.rsplit('/').next().unwrap_or_default();
            let is_note = ["INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json", ".lock"];
            ensure!(!is_note.contains(&name), "{path} is left over");
        }
    }
    let bytecode = "var/task/pond_app/__pycache__/__init__.cpython-313.pyc";
    ensure!(layers.iter().any(|layer| layer.entries.contains_key(bytecode)), "there is no {bytecode}");

    pond.context.edit("members/pond-app/src/pond_app/__init__.py", "* 2", "* 5")?;
    let built = pond.context.build().push("function")?;
    let executed = &built.steps.executed;
    let expected = ["[function] assemble".to_owned()];
    let others: Vec<_> = executed.iter().filter(|step| !expected.contains(step)).collect();
    ensure!(others.len() == 1 && others[0].ends_with("build and install pond-app 1.0"), "{executed:?}");
    let changed = Image::of(stage.lab(), &built)?;
    ensure!(changed.changed_from(&image)? == ["build and install pond-app 1.0"]);
    let answer = container::invoke(stage.lab(), &built.reference, &[], "{\"depth\": 3}")?;
    ensure!(answer == "{\"depth\": 15}", "{answer}");
    Ok(())
}

/// The task root holds what uv puts there as its guide to Lambda says, in the same base.
fn equality(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let context = Context::new(stage, "function-equality")?;
    context.write(
        "pyproject.toml",
        "[tool.uv.workspace]\nmembers = [\"members/*\"]\n\n[tool.uv.sources]\ntally = { workspace = true }\n",
    )?;
    let members = [
        ("orders", "\"boto3\", \"pydantic\", \"aws-lambda-powertools\", \"httpx\", \"tally\"", UV_BUILD),
        ("tally", "\"pyyaml\", \"markdown\"", SETUPTOOLS),
    ];
    for (name, dependencies, build_system) in members {
        context.write(
            &format!("members/{name}/pyproject.toml"),
            format!(
                "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
                 dependencies = [{dependencies}]\n\n[project.scripts]\n{name} = \"{name}:main\"\n\n\
                 [build-system]\n{build_system}"
            ),
        )?;
        context.write(&format!("members/{name}/src/{name}/__init__.py"), "def main():\n    print('here')\n")?;
    }
    let config = FUNCTION.trim_start().replace("pond-app", "orders").replace("pond_app", "orders");
    context.write("uv.build.toml", config)?;
    context.lock()?;
    let built = context.build().push("function-equality")?;
    let (oracle, image) = listings_of_directory(stage, &context, &built, BASE, "--package orders", "/var/task")?;
    ensure!(image.count(".dist-info") >= 15 && image.count("bin/tally") == 1, "{image:?}");
    let differences = differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    ensure!(image.uncompiled.is_empty(), "without bytecode: {:?}", image.uncompiled);
    Ok(())
}

/// Where the base looks nowhere by itself, the image says where modules and scripts are; a builder whose python lies elsewhere
/// leaves no trace.
fn another_directory(stage: &Stage) -> Result<()> {
    let config = "[targets.app]\npackage = \"pond-app\"\nbase = \"python:3.13-slim-bookworm\"\n\
                  builder = \"public.ecr.aws/lambda/python:3.13\"\nlayout = { target = \"/srv/pond\" }\n\
                  user = \"app\"\ncmd = [\"pond-app\"]\n";
    let pond = pond(stage, "another-directory", config)?;
    let built = pond.context.build().push("another-directory")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n" && run.exit_code == Some(0), "{run:?}");
    let script = ["head", "-n1", "/srv/pond/bin/pond-app"].map(ToOwned::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &script)?;
    ensure!(run.stdout == "#!/usr/local/bin/python3\n", "{run:?}");
    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let user = layers.first().context("no layers")?;
    ensure!(user.history == "add user app (999:999)" && !user.entries.contains_key("app"), "{user:?}");
    Ok(())
}

//! What an image has on disk: bounds of it, and libraries that it misses.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::Trials;
use crate::context::Context;
use crate::equality::BASE;
use crate::project::UV_BUILD;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("size::too_large", too_large);
    trials.add("size::missing_libraries", missing_libraries);
}

fn application<'a>(stage: &'a Stage, name: &str, config: &str, dependencies: &str) -> Result<Context<'a>> {
    let context = Context::new(stage, &format!("size-{name}"))?;
    context.write("uv.build.toml", format!("[targets.app]\nbase = \"{BASE}\"\n{config}"))?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n{dependencies}\n\
             [build-system]\n{UV_BUILD}"
        ),
    )?;
    context.write("src/app/__init__.py", format!("# {} {name}\n", stage.nonce()))?;
    context.lock()?;
    Ok(context)
}

fn too_large(stage: &Stage) -> Result<()> {
    let context = application(stage, "too-large", "max-image-size = \"1MB\"\n", "dependencies = [\"idna\"]\n")?;
    let shown = context.build().fail()?;
    for part in [
        "more than the 1.0 MB of `max-image-size`",
        "help: its largest packages: `idna` has 0.",
        "uv.build.toml:3",
        ">>> max-image-size = \"1MB\"",
    ] {
        ensure!(shown.contains(part), "no `{part}` in the error:\n{shown}");
    }
    // What was measured is what is there: the bound can be that, and no less.
    let call = || -> Result<Value> { Ok(serde_json::from_str(&context.build().call("uv.files,format=json")?)?) };
    let bytes = call()?["bytes"].as_u64().context("bytes")?;
    context.edit("uv.build.toml", "1MB", &format!("{}B", bytes - 1))?;
    context.build().fail()?;
    context.edit("uv.build.toml", &format!("{}B", bytes - 1), &format!("{bytes}B"))?;
    context.build().show()?;
    Ok(())
}

/// The wheel of lightgbm wants a library that slim images do not have.
fn missing_libraries(stage: &Stage) -> Result<()> {
    let dependencies = "dependencies = [\"lightgbm==4.5.0\"]\n\n[tool.uv]\n\
                        override-dependencies = [\"numpy; python_version < '3'\", \"scipy; python_version < '3'\"]\n";
    let context = application(stage, "missing-libraries", "", dependencies)?;
    let told = context.build().call("uv.files")?;
    for line in ["WARNING: the image has no `libgomp.so.1`, which `lightgbm` may need:", "help: `apt = [\"libgomp1\"]`"]
    {
        ensure!(told.contains(line), "no `{line}` in:\n{told}");
    }
    context.edit("uv.build.toml", "[targets.app]\n", "[targets.app]\napt = [\"libgomp1\"]\n")?;
    let told = context.build().call("uv.files")?;
    ensure!(!told.contains("WARNING"), "{told}");
    Ok(())
}

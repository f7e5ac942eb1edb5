//! Scripts with inline metadata (PEP 723): images have what `uv sync --script` installs, and start the script.

use anyhow::{Result, ensure};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::{differences, listings_of_script};
use crate::image::Image;
use crate::index::Index;
use crate::project::{Project, UV_BUILD};
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("scripts::equals_uv", equals_uv);
}

/// A script that needs a package of an index in one version for each python, and a project beside it.
fn write(context: &Context<'_>, index: &Index, nonce: &str) -> Result<()> {
    Project::write(&context.directory.join("libraries/shore"), "shore", "1.0", UV_BUILD, "NAME = \"shore\"\n")?;
    let script = format!(
        "#!/usr/bin/env -S uv run --script\n# /// script\n# requires-python = \">=3.11\"\n# dependencies = [\n\
         #   \"heron==1.0; python_version < '3.12'\",\n#   \"heron==2.0; python_version >= '3.12'\",\n\
         #   \"gull; sys_platform == 'win32'\",\n#   \"shore\",\n# ]\n#\n\
         # [tool.uv.sources]\n# shore = {{ path = \"../libraries/shore\" }}\n#\n\
         # [[tool.uv.index]]\n# name = \"fixture\"\n# url = \"{}\"\n# default = true\n# ///\n\
         import pathlib\nimport sys\nimport heron\nimport shore\n\n# {nonce}\n\
         print(heron.VERSION, shore.NAME, sys.argv[0], pathlib.Path(\"data/names.txt\").exists())\n",
        index.url()
    );
    context.write("jobs/report.py", script)?;
    context.write("data/names.txt", "Ada\n")?;
    let mut lock = uv::command()?;
    run_captured(lock.args(["lock", "--quiet", "--script", "jobs/report.py"]).current_dir(&context.directory)).map(drop)
}

fn equals_uv(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "scripts")?;
    let index = Index::open(stage, "scripts-index")?;
    let nonce = stage.nonce();
    for version in ["1.0", "2.0"] {
        index.offer("heron", version, &format!("NONCE = \"{nonce}\"\nVERSION = \"{version}\"\n"))?;
    }
    index.offer("gull", "1.0", "")?;
    write(&context, &index, &nonce)?;

    // Without a config: the only script is meant, and so is its name, and its path.
    let built = context.build().push("scripts")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "2.0 shore jobs/report.py False\n", "{run:?}");
    let first = Image::of(stage.lab(), &built)?;
    for name in ["report", "jobs/report.py"] {
        let named = context.build().target(Some(name)).push("scripts")?;
        ensure!(Image::of(stage.lab(), &named)? == first, "`--target {name}` makes another image");
    }
    let (oracle, image) = listings_of_script(stage, &context, &built, "jobs/report.py")?;
    let differences = differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    ensure!(image.count(".dist-info") == 2 && image.uncompiled.is_empty(), "{image:?}");

    // By a config, with what other targets have as well. An edit of the script changes its layer alone.
    context.write(
        "uv.build.toml",
        "[targets.report]\nscript = \"jobs/report.py\"\nworkdir = \"/srv\"\nuser = \"reporter\"\nenv = { LEVEL = \"1\" }\n\
         files = [{ from = \"data\", to = \"/srv/data\" }]\n",
    )?;
    let built = context.build().target(Some("report")).push("scripts")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "2.0 shore jobs/report.py True\n", "{run:?}");
    let before = Image::of(stage.lab(), &built)?;
    let settings = &before.config["config"];
    ensure!(settings["WorkingDir"] == "/srv" && settings["User"] == "999:999", "{settings}");
    context.edit("jobs/report.py", &nonce, "edited")?;
    let after = Image::of(stage.lab(), &context.build().push("scripts")?)?;
    let changed = after.changed_from(&before)?;
    ensure!(changed == ["copy jobs/report.py"], "{changed:?}");

    // What is wrong is told at its line.
    context.edit("jobs/report.py", "#   \"shore\",\n", "#   \"shore\",\n#   \"gull\",\n")?;
    let shown = context.build().fail()?;
    let expected = "jobs/report.py:9:5: `jobs/report.py.lock` is stale: `jobs/report.py` was locked without `gull`";
    ensure!(shown.contains(expected) && shown.contains("uv lock --script jobs/report.py"), "{shown}");
    context.remove("jobs/report.py.lock")?;
    let shown = context.build().fail()?;
    ensure!(shown.contains("there is no `jobs/report.py.lock`"), "{shown}");
    Ok(())
}

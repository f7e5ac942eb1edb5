//! What runs again after an edit, and which layers are new then: as little as can be.

use std::fs::File;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("caching::edits", edits);
    trials.add("caching::edits_around_a_root_project", edits_around_a_root_project);
}

fn edits(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "caching")?;
    let context = &pond.context;
    let build = || -> Result<(Vec<String>, Image)> {
        let built = context.build().push("caching")?;
        let executed = built.steps.executed.clone();
        Ok((executed, Image::of(stage.lab(), &built)?))
    };
    let (executed, first) = build()?;
    let expected = [
        "install lily 1.0 and pebble 1.0",
        "build and install pond-core 1.0",
        "build and install pond-app 1.0",
        "[app] assemble",
    ];
    for step in expected {
        ensure!(executed.iter().any(|name| name.ends_with(step)), "`{step}` did not run, but {executed:?}");
    }

    // What the target does not use is nothing to it.
    type Edit<'a> = (&'a str, &'a dyn Fn() -> Result<()>);
    let irrelevant: [Edit<'_>; 8] = [
        ("nothing", &|| Ok(())),
        ("a member that is not used", &|| {
            context.write("members/pond-unused/src/pond_unused/__init__.py", "ODD = 1\n")
        }),
        ("a file that nobody asked for", &|| context.write("README.md", "A large pond.\n")),
        ("the config of another target", &|| context.edit("uv.build.toml", "WHO = \"other\"", "WHO = \"they\"")),
        ("a comment in the config", &|| context.edit("uv.build.toml", "# The same program", "# That program")),
        ("the time of a source", &|| {
            let source = File::open(context.directory.join("members/pond-app/src/pond_app/__init__.py"))?;
            let modified = source.metadata()?.modified()?;
            Ok(source.set_modified(modified + Duration::from_secs(3600))?)
        }),
        ("files that python leaves behind", &|| {
            context.write("members/pond-app/src/pond_app/__pycache__/x.cpython-313.pyc", "old")?;
            context.write(".venv/pyvenv.cfg", "home = elsewhere\n")
        }),
        ("the lock, where the target is not concerned", &|| {
            context.edit("members/pond-unused/pyproject.toml", "[\"heron\"]", "[\"heron\", \"newt\"]")?;
            context.lock()
        }),
    ];
    for (what, edit) in irrelevant {
        edit()?;
        let (executed, image) = build()?;
        ensure!(executed.is_empty(), "after an edit of {what} these ran: {executed:?}");
        ensure!(image == first, "an edit of {what} made another image");
    }
    let other = context.build().target(Some("other")).push("caching")?;
    // The layers of a target may be put together anew, which moves no file.
    let executed: Vec<_> = other.steps.executed.iter().filter(|name| *name != "[other] assemble").collect();
    ensure!(executed.is_empty(), "for another target these ran: {executed:?}");
    let other = Image::of(stage.lab(), &other)?;
    let changed = other.changed_from(&first)?;
    ensure!(changed.is_empty(), "another target of the same packages has its own layers: {changed:?}");

    // A member: its own step, and the one that puts the layers together.
    context.edit("members/pond-core/src/pond_core/__init__.py", "print(\"pond-core\")", "print(\"core\")")?;
    let (executed, second) = build()?;
    only(&executed, "build and install pond-core 1.0")?;
    let changed = second.changed_from(&first)?;
    ensure!(changed == ["build and install pond-core 1.0"], "new layers: {changed:?}");

    // A dependency: the layer that it is in.
    context.edit("members/pond-core/pyproject.toml", "pebble<2", "pebble>=2")?;
    context.lock()?;
    let built = context.build().push("caching")?;
    let bumped = &built.steps.executed;
    let third = Image::of(stage.lab(), &built)?;
    // The member that asks for it changed as well: its manifest is part of its metadata.
    let changed = third.changed_from(&second)?;
    ensure!(
        changed == ["install lily 1.0 and pebble 2.0", "build and install pond-core 1.0"],
        "new layers: {changed:?}"
    );
    for name in bumped {
        let expected = ["pebble-2.0", "pebble 2.0", "pond-core 1.0", "assemble"];
        ensure!(expected.iter().any(|part| name.contains(part)), "`{name}` ran for a bump of pebble: {bumped:?}");
    }
    let code = ["-c", "import pebble, pond_core; print(pebble.IS_ROUND); pond_core.main()"];
    let run = container::run(stage.lab(), &built.reference, &[], &command("python", &code))?;
    ensure!(run.stdout == "True\ncore\n", "{run:?}");
    Ok(())
}

/// The directory of a root project is everything, but not all of it is the project's.
fn edits_around_a_root_project(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "caching-root")?;
    let nonce = format!("# {} caching-root\n", stage.nonce());
    let manifest = |name: &str| {
        format!(
            "{nonce}[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
             [build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n\n"
        )
    };
    context.write("pyproject.toml", manifest("mere") + "[tool.uv.workspace]\nmembers = [\"inlet\"]\n")?;
    context.write("uv.build.toml", "[targets.mere]\n")?;
    context.write("src/mere/__init__.py", &nonce)?;
    context.write("inlet/pyproject.toml", manifest("inlet"))?;
    context.write("inlet/src/inlet/__init__.py", "")?;
    context.lock()?;
    context.build().target(Some("mere")).push("caching")?;

    type Edit<'a> = (&'a str, &'a dyn Fn() -> Result<()>);
    let irrelevant: [Edit<'_>; 5] = [
        ("nothing", &|| Ok(())),
        ("the config", &|| context.write("uv.build.toml", "[targets.mere]\nenv = { DEPTH = \"3\" }\n")),
        ("the stub", &|| context.write("Dockerfile", context.read("Dockerfile")? + "# It has a comment.\n")),
        ("another project", &|| context.write("inlet/src/inlet/__init__.py", "WIDTH = 2\n")),
        ("the lock, where the target is not concerned", &|| {
            context.edit("inlet/pyproject.toml", "version = \"1.0\"", "version = \"2.0\"")?;
            context.lock()
        }),
    ];
    for (what, edit) in irrelevant {
        edit()?;
        let executed = context.build().target(Some("mere")).push("caching")?.steps.executed;
        ensure!(executed.is_empty(), "after an edit of {what} these ran: {executed:?}");
    }
    context.write("src/mere/__init__.py", format!("{nonce}DEPTH = 1\n"))?;
    let executed = context.build().target(Some("mere")).push("caching")?.steps.executed;
    let expected = ["sources of mere", "build and install mere 1.0", "assemble"];
    ensure!(executed.iter().all(|name| expected.iter().any(|part| name.ends_with(part))), "{executed:?}");
    ensure!(executed.iter().any(|name| name.ends_with(expected[1])), "{executed:?}");
    Ok(())
}

fn command(program: &str, arguments: &[&str]) -> Vec<String> {
    std::iter::once(program).chain(arguments.iter().copied()).map(ToOwned::to_owned).collect()
}

/// That a step ran, and none beside it but the assembly.
fn only(executed: &[String], step: &str) -> Result<()> {
    let others: Vec<_> = executed.iter().filter(|name| !name.ends_with(step) && !name.ends_with("assemble")).collect();
    ensure!(others.is_empty() && executed.len() == 2, "not only `{step}` ran: {executed:?}");
    executed.iter().find(|name| name.ends_with(step)).with_context(|| format!("`{step}` did not run"))?;
    Ok(())
}

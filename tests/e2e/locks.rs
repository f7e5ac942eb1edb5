//! Several locks in one context: each target is made from its own, and from nothing of the others.

use anyhow::{Result, ensure};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::{BASE, Cache, differences, listings};
use crate::image::Image;
use crate::index::Index;
use crate::project::{Project, UV_BUILD};
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("locks::two_in_one_context", two_in_one_context);
    trials.add("locks::what_lies_above", what_lies_above);
}

const CONFIG: &str = "default-target = \"north\"\n\n[targets.north]\nlock = \"services/north/uv.lock\"\n\n\
                      [targets.south]\nlock = \"services/south/uv.lock\"\n";

/// A service with a lock of its own, which shares a library with the other and has another version of a package.
fn service(context: &Context<'_>, index: &Index, name: &str, version: &str, nonce: &str) -> Result<()> {
    let directory = format!("services/{name}");
    let project = format!(
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
         dependencies = [\"heron=={version}\", \"{name}-part\", \"shore\"]\nscripts = {{ app = \"app:main\" }}\n\n\
         [build-system]\n{UV_BUILD}\n[tool.uv.workspace]\nmembers = [\"parts/*\"]\n\n[tool.uv.sources]\n\
         heron = {{ index = \"fixture\" }}\n{name}-part = {{ workspace = true }}\n\
         shore = {{ path = \"../../libraries/shore\" }}\n\n\
         [[tool.uv.index]]\nname = \"fixture\"\nurl = \"{}\"\nexplicit = true\n",
        index.url()
    );
    context.write(&format!("{directory}/pyproject.toml"), project)?;
    let main = format!(
        "import heron\nimport {name}_part\nimport shore\n{nonce}\n\ndef main():\n    \
         print(heron.VERSION, {name}_part.__name__, shore.__name__)\n"
    );
    context.write(&format!("{directory}/src/app/__init__.py"), main)?;
    let part = context.directory.join(&directory).join("parts/one");
    Project::write(&part, &format!("{name}-part"), "1.0", UV_BUILD, nonce)?;
    run_captured(uv::command()?.args(["lock", "--quiet"]).current_dir(context.directory.join(&directory))).map(drop)
}

fn two_in_one_context(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "locks")?;
    let index = Index::open(stage, "locks-index")?;
    let nonce = format!("NONCE = \"{}\"\n", stage.nonce());
    for version in ["1.0", "2.0"] {
        index.offer("heron", version, &format!("{nonce}VERSION = \"{version}\"\n"))?;
    }
    Project::write(&context.directory.join("libraries/shore"), "shore", "1.0", UV_BUILD, &nonce)?;
    context.write("uv.build.toml", CONFIG)?;
    service(&context, &index, "north", "1.0", &nonce)?;
    service(&context, &index, "south", "2.0", &nonce)?;

    for (target, version) in [("north", "1.0"), ("south", "2.0")] {
        let built = context.build().target(Some(target)).push("locks")?;
        let run = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(run.stdout == format!("{version} {target}_part shore\n"), "{run:?}");
        let selection = format!("--project services/{target}");
        let (oracle, image) = listings(stage, &context, &built, BASE, &selection, Cache::Empty)?;
        let differences = differences(&oracle, &image);
        ensure!(differences.is_empty(), "{target}: {} differences:\n{}", differences.len(), differences.join("\n"));
    }

    // A comment in one lock and an edit of a part of its workspace are nothing to the other.
    let before = context.build().target(Some("south")).push("locks")?;
    let lock = context.read("services/north/uv.lock")?;
    context.write("services/north/uv.lock", format!("# edited\n{lock}"))?;
    context.write("services/north/parts/one/src/north_part/__init__.py", "EDITED = True\n")?;
    let after = context.build().target(Some("south")).push("locks")?;
    let (before, after) = (Image::of(stage.lab(), &before)?, Image::of(stage.lab(), &after)?);
    ensure!(before == after, "an edit of what belongs to another lock made another image");

    // The lock that is wrong is the one that is named.
    let manifest = "services/south/pyproject.toml";
    context.edit(manifest, "\"heron==2.0\"", "\"heron==1.0\"")?;
    let shown = context.build().target(Some("south")).fail()?;
    let expected = "services/south/pyproject.toml:16:9: `services/south/uv.lock` is stale: `app` was locked with \
                    `heron==2.0 (from ";
    ensure!(shown.contains(expected), "`{expected}` is not shown:\n{shown}");
    context.build().target(Some("north")).push("locks").map(drop)
}

/// What lies above a lock, and above a path dependency, is read: settings that count for the lock, and a workspace that the dependency is
/// a member of.
fn what_lies_above(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "locks-above")?;
    let project = |name: &str, rest: &str| {
        format!("[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n{rest}")
    };
    let workspace = "[tool.uv.workspace]\nmembers = [\"core\", \"widgets\"]\n[tool.uv.sources]\nwidgets = { workspace = true }\n\
                     [[tool.uv.dependency-metadata]]\nname = \"legacy\"\nversion = \"1.0\"\n";
    context.write("pyproject.toml", workspace)?;
    let build = format!("dependencies = [\"widgets\"]\n[build-system]\n{UV_BUILD}");
    context.write("core/pyproject.toml", project("core", &build))?;
    context.write("widgets/pyproject.toml", project("widgets", &format!("[build-system]\n{UV_BUILD}")))?;
    context.write("tools/inner/pyproject.toml", project("inner", ""))?;
    let show = "dependencies = [\"core\"]\n[tool.uv.sources]\ncore = { path = \"../../core\" }\n";
    context.write("samples/show/pyproject.toml", project("show", show))?;
    let config = "[targets.inner]\nlock = \"tools/inner/uv.lock\"\ncmd = []\n[targets.show]\nlock = \"samples/show/uv.lock\"\ncmd = []\n";
    context.write("uv.build.toml", config)?;
    for directory in ["tools/inner", "samples/show"] {
        run_captured(
            uv::command()?.args(["lock", "--quiet", "--offline"]).current_dir(context.directory.join(directory)),
        )?;
    }
    for target in ["inner", "show"] {
        context.build().target(Some(target)).call("uv.plan")?;
    }
    context
        .write("pyproject.toml", workspace.replace("1.0", "2.0").replace("workspace = true", "path = \"elsewhere\""))?;
    for (target, expected) in [
        (
            "inner",
            "pyproject.toml:5:1: `tools/inner/uv.lock` is stale: it was made with other `dependency-metadata` of `legacy`",
        ),
        (
            "show",
            "pyproject.toml:4:11: `samples/show/uv.lock` is stale: `core` was locked with `widgets (editable widgets)`",
        ),
    ] {
        let shown = context.build().target(Some(target)).fail()?;
        ensure!(shown.contains(expected), "`{expected}` is not shown:\n{shown}");
    }
    Ok(())
}

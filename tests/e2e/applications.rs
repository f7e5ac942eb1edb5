//! Projects that are no packages: their files are in the image, and what they start is found.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::build::Built;
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::layer::{self, Layer};
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("applications::of_a_member", of_a_member);
    trials.add("applications::bytecode_of_files", bytecode_of_files);
    trials.add("applications::data_beside_the_sources", data_beside_the_sources);
    trials.add("applications::uv_in_scripts", uv_in_scripts);
}

/// A service that knows the port, a module that it imports, and what an image is to be without.
fn write(context: &Context<'_>, nonce: &str) -> Result<()> {
    context.write("pyproject.toml", "[tool.uv.workspace]\nmembers = [\"services/*\", \"libs/*\"]\n")?;
    context.write(
        "services/clock/pyproject.toml",
        "[project]\nname = \"clock\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = [\"ticks\"]\n\n\
         [tool.uv.sources]\nticks = { workspace = true }\n",
    )?;
    context.write(
        "services/clock/main.py",
        format!(
            "import pathlib\nimport face\nimport ticks\n\n# {nonce}\nif __name__ == \"__main__\":\n    \
             print(face.SHOWN, ticks.COUNT, sorted(path.name for path in pathlib.Path().iterdir()), face.__cached__)\n"
        ),
    )?;
    context.write("services/clock/face.py", "SHOWN = \"noon\"\n")?;
    context.write("services/clock/hands/hour.txt", "12")?;
    context.write("services/clock/.env", "PASSWORD=1\n")?;
    context.write("services/clock/node_modules/x/index.js", "1")?;
    context.write(
        "services/other/pyproject.toml",
        "[project]\nname = \"other\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n",
    )?;
    context.write("services/other/main.py", "print(\"other\")\n")?;
    context.write(
        "libs/ticks/pyproject.toml",
        "[project]\nname = \"ticks\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
         [build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n",
    )?;
    context.write("libs/ticks/src/ticks/__init__.py", "COUNT = 60\n")?;
    let stub = context.read("Dockerfile")?;
    context.write("services/clock/Dockerfile", stub)?;
    context.lock()
}

/// The file that `-f` names says which member is meant, its files are the topmost layer, and an edit changes no other.
fn of_a_member(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "applications")?;
    write(&context, &stage.nonce())?;
    let file = context.directory.join("services/clock/Dockerfile");
    let build = || context.build().argument(format!("--file={}", file.display()));
    let built = build().push("applications")?;
    let said = container::run(stage.lab(), &built.reference, &[], &[])?;
    let names = "['.venv', '__pycache__', 'face.py', 'hands', 'main.py', 'pyproject.toml']";
    let expected = |shown: &str| format!("{shown} 60 {names} /app/__pycache__/face.cpython-");
    ensure!(said.stdout.starts_with(&expected("noon")), "{said:?}");
    ensure!(built.progress.contains("it starts `python main.py`"), "what is started is not told:\n{}", built.progress);

    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let last = layers.last().context("no layer")?;
    ensure!(last.history == "copy the files of clock", "{}", last.history);
    let files: BTreeSet<&str> = files(last).collect();
    ensure!(
        files.iter().all(|path| path.starts_with("app/") && !path.contains("node_modules") && !path.ends_with(".env")),
        "{files:?}"
    );
    ensure!(files.iter().filter(|path| path.ends_with(".pyc")).count() == 2, "{files:?}");
    ensure!(last.entries.values().all(|entry| entry.modified == 315_532_800), "times of {files:?}");

    context.edit("services/clock/face.py", "noon", "midnight")?;
    let edited = build().push("applications")?;
    let said = container::run(stage.lab(), &edited.reference, &[], &[])?;
    ensure!(said.stdout.starts_with(&expected("midnight")), "{said:?}");
    let changed = Image::of(stage.lab(), &edited)?;
    let changed = changed.changed_from(&image)?;
    ensure!(changed == ["copy the files of clock"], "{changed:?}");

    // A program that nothing brings is told before anything is built, and in a check as well.
    context.write(
        "services/clock/uv.build.toml",
        "[targets.clock]\npackage = \"clock\"\ncmd = [\"uv\", \"run\", \"main.py\"]\n",
    )?;
    let failed = build().fail()?;
    ensure!(failed.contains("`clock` cannot start: the image has no program `uv`"), "{failed}");
    Ok(())
}

/// A database of sqlite in the working directory is found by reading, and its directory is the user's. So are other directories of the
/// application, and a database that is there already.
fn data_beside_the_sources(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "applications-data")?;
    context
        .write("pyproject.toml", "[project]\nname = \"ledger\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n")?;
    context
        .write("books/database.py", "import sqlite3\n\ndef connect():\n    return sqlite3.connect(\"books.db\")\n")?;
    context.write(
        "main.py",
        "import os\nfrom books.database import connect\n\nconnect().execute(\"create table book (name)\")\n\
         print(os.getuid(), os.path.exists(\"books.db\"))\n",
    )?;
    context.lock()?;
    let built = context.build().push("applications-data")?;
    let said = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(said.stdout == "999 True\n", "{said:?}");
    let told = "`books/database.py` has data beside the sources";
    ensure!(built.progress.contains(told), "why the directory is the user's is not told:\n{}", built.progress);

    let places = ["Path(__file__).parent / \"books.db\"", "Path(\"kept\", \"books.db\")", "Path(\"old.db\")"];
    context.write("kept/.gitkeep", "")?;
    context.write("old.db", "")?;
    for place in places {
        context.write(
            "books/database.py",
            format!(
                "import sqlite3\nfrom pathlib import Path\n\ndef connect():\n    return sqlite3.connect({place})\n"
            ),
        )?;
        let built = context.build().push("applications-data")?;
        let said = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(said.stdout.starts_with("999 "), "{place}: {said:?}");
    }
    Ok(())
}

/// Scripts that call `uv run` find uv, and it finds what is installed, without changing it.
fn uv_in_scripts(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "applications-uv")?;
    context
        .write("pyproject.toml", "[project]\nname = \"tides\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n")?;
    context.write("main.py", "import sys\n\nprint(sys.prefix, *sys.argv[1:])\n")?;
    context.write("entrypoint.sh", "#!/bin/sh\nset -e\nuv run main.py before\nexec \"$@\"\n")?;
    context.write(
        "uv.build.toml",
        "[targets.tides]\nuv = true\nentrypoint = [\"./entrypoint.sh\"]\ncmd = [\"uv\", \"run\", \"main.py\", \"after\"]\n\
         sources = true\nfiles = [{ from = \"entrypoint.sh\", to = \"/app/entrypoint.sh\", mode = \"0755\" }]\n",
    )?;
    context.lock()?;
    let built = context.build().push("applications-uv")?;
    let said = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(said.stdout == "/app/.venv before\n/app/.venv after\n", "{said:?}");
    ensure!(said.stderr.is_empty(), "uv has more to say: {}", said.stderr);
    Ok(())
}

fn files(layer: &Layer) -> impl Iterator<Item = &str> {
    layer.entries.iter().filter(|(_, entry)| entry.content.is_some()).map(|(path, _)| path.as_str())
}

/// What python finds of bytecode beside modules: whose it is, and whether it fits.
const BYTECODE: &str = "
import importlib.util as u, os, pathlib
for top in ('/app/lib', '/app/main.py', '/srv/own', '/srv/tools/run.py'):
    top = pathlib.Path(top)
    for path in sorted(top.rglob('*.py') if top.is_dir() else [top]):
        cached = pathlib.Path(u.cache_from_source(str(path)))
        fits = cached.read_bytes()[4:16] == b'\\3\\0\\0\\0' + u.source_hash(path.read_bytes())
        owners = {each.stat().st_uid == 0 for each in (path, cached, cached.parent)}
        print(path, fits, owners)
print(sorted(str(path) for path in pathlib.Path('/srv').rglob('__pycache__')))
";

/// Modules that `files` names have bytecode, in directories of the user as well, and whoever owns a module owns its bytecode. A file that is no
/// module compiles nothing again.
fn bytecode_of_files(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "bytecode-of-files")?;
    let nonce = stage.nonce();
    context.write("pyproject.toml", "[project]\nname = \"desk\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n")?;
    context.write(
        "uv.build.toml",
        "[targets.desk]\nwritable = [\"/app\"]\ncmd = [\"python\", \"main.py\"]\nfiles = [\n  \
         { from = \"lib\", to = \"/app/lib\" },\n  { from = \"main.py\", to = \"/app/main.py\" },\n  \
         { from = \"own\", to = \"/srv/own\", owner = \"user\" },\n  { from = \"run.py\", to = \"/srv/tools/\" },\n  \
         { from = \"NOTES\", to = \"/srv/NOTES\" },\n]\n",
    )?;
    for path in ["lib/a.py", "lib/deep/b.py", "own/c.py", "run.py"] {
        context.write(path, format!("NAME = {path:?}\nNONCE = {nonce:?}\n"))?;
    }
    context.write("lib/broken.txt", "no module")?;
    context.write("main.py", "from lib import a\nprint(a.NAME)\n")?;
    context.write("NOTES", "none")?;
    context.lock()?;
    let built = context.build().push("bytecode-of-files")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "lib/a.py\n", "{run:?}");
    let command = ["python", "-c", BYTECODE].map(ToOwned::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &command)?;
    let expected = "/app/lib/a.py True {True}\n/app/lib/deep/b.py True {True}\n/app/main.py True {True}\n\
                    /srv/own/c.py True {False}\n/srv/tools/run.py True {True}\n\
                    ['/srv/own/__pycache__', '/srv/tools/__pycache__']\n";
    ensure!(run.stdout == expected, "{run:?}");

    context.write("lib/broken.txt", "edited")?;
    let edited = context.build().push("bytecode-of-files")?;
    let compiles = |built: &Built| built.steps.executed.iter().any(|step| step.contains("compile modules of desk"));
    ensure!(compiles(&built), "no step compiles modules: {:?}", built.steps.executed);
    ensure!(!compiles(&edited), "modules were compiled again: {:?}", edited.steps.executed);
    Ok(())
}

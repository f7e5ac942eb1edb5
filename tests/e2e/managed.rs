//! `[python] provider = "managed"`: a python that uv installs into images that have none. The archive that it installs from is of
//! python-build-standalone, packed anew by the lab: as they were released they are in no registry of packages.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::equality::{self, Cache};
use crate::image::Image;
use crate::layer;
use crate::pond::{PEBBLE, Pond};
use crate::project::SETUPTOOLS;
use crate::pythons::Pythons;
use crate::stage::Stage;

/// An image without python.
const DEBIAN: &str = "debian:bookworm-slim";

/// One without a shell as well.
const DISTROLESS: &str = "gcr.io/distroless/cc-debian12";

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add_alone("managed::layers", layers);
    trials.add("managed::equals_uv", equals_uv);
    trials.add("managed::from_a_mirror", from_a_mirror);
    trials.add("managed::builder_without_python", builder_without_python);
    trials.add("managed::refusals", refusals);
}

/// The config of a pond whose python is in a list of the context.
fn config(base: &str) -> String {
    format!(
        "default-target = \"app\"\n\n[python]\nversion = \"3.13\"\nprovider = \"managed\"\n\
         downloads-json = \"pythons.json\"\n\n[defaults]\nbase = \"{base}\"\n\n[targets.app]\npackage = \"pond-app\"\n"
    )
}

fn pond<'a>(stage: &'a Stage, name: &str) -> Result<(Pond<'a>, Pythons)> {
    let pythons = Pythons::serve(stage, &format!("{name}-pythons"))?;
    let pond = Pond::new(stage, name)?;
    pond.context.write("uv.build.toml", config(DEBIAN))?;
    pond.context.write("pythons.json", pythons.list())?;
    Ok((pond, pythons))
}

/// Prints what python it is.
const WHO: &str = "import getpass, os, platform, ssl, sys; print(platform.python_version(), sys.base_prefix, sys.prefix, \
                   os.path.realpath(sys.executable), getpass.getuser())";

fn layers(stage: &Stage) -> Result<()> {
    stage.lab().require_image(DISTROLESS)?;
    let (pond, pythons) = pond(stage, "managed")?;
    let context = &pond.context;
    let build = || context.build().push("managed");
    let built = build()?;
    let image = Image::of(stage.lab(), &built)?;
    let home = format!("/opt/python/cpython-{}-linux-{}-gnu", pythons.version(), std::env::consts::ARCH);
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n" && run.exit_code == Some(0), "{run:?}");
    let run = container::run(stage.lab(), &built.reference, &[], &["python", "-Ic", WHO].map(str::to_owned))?;
    let expected = format!("{} {home} /app/.venv {home}/bin/python3.13 app\n", pythons.version());
    ensure!(run.stdout == expected, "not {expected:?}: {run:?}");

    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let layer = |line: &str| layers.iter().find(|layer| layer.history == line).with_context(|| format!("no `{line}`"));
    let python = layer(&format!("install python {}", pythons.version()))?;
    let bytecode = layer("compile its standard library")?;
    let library = format!("{home}/lib/python3.13/");
    let library = library.trim_start_matches('/');
    for (path, entry) in python.entries.iter().chain(&bytecode.entries) {
        ensure!(entry.owner == (0, 0) && entry.modified == 315_532_800, "{path}: {entry:?}");
        let is_known = path.starts_with(home.trim_start_matches('/')) || ["opt", "opt/python"].contains(&path.as_str());
        ensure!(is_known, "the layer of a python has `{path}`");
    }
    ensure!(python.entries.contains_key(&format!("{library}json/decoder.py")), "no standard library");
    ensure!(!python.entries.keys().any(|path| path.ends_with(".pyc")), "bytecode beside its sources");
    let compiled = bytecode.entries.iter().filter_map(|(path, entry)| Some((path, entry.content.as_ref()?)));
    for (path, content) in compiled.clone() {
        ensure!(path.contains("/__pycache__/") && content[4..8] == [1, 0, 0, 0], "{path} is not unchecked bytecode");
    }
    let count = compiled.count();
    ensure!(count > 500, "bytecode of {count} modules only");
    let sources = python.entries.keys().filter(|path| path.starts_with(library) && path.ends_with(".py")).count();
    eprintln!("managed: {sources} modules in the standard library, {count} with bytecode");

    // All of it once more, without a cache: the same to the last bit.
    let again = context.build().argument("--no-cache").push("managed")?;
    ensure!(again.steps.executed.iter().any(|step| step.ends_with("fetch python 3.13")), "{:?}", again.steps.executed);
    let changed = Image::of(stage.lab(), &again)?;
    let changed = changed.changed_from(&image)?;
    ensure!(changed.is_empty(), "these layers differ when they are built again: {changed:?}");

    // Another dependency, or another base, is nothing to it; the archive is not to be had any more.
    pythons.forget()?;
    context.edit("members/pond-core/pyproject.toml", &format!("{PEBBLE}<2"), &format!("{PEBBLE}>=2"))?;
    context.lock()?;
    let bumped = build()?;
    let touches_python = |step: &&String| step.contains(" python ") || step.contains("/app/.venv");
    let executed: Vec<_> = bumped.steps.executed.iter().filter(touches_python).collect();
    ensure!(executed.is_empty(), "after a change of a dependency these ran: {executed:?}");
    ensure!(bumped.steps.executed.iter().any(|step| step.ends_with(" and pebble 2.0")), "{:?}", bumped.steps.executed);
    context.edit("uv.build.toml", DEBIAN, DISTROLESS)?;
    let moved = build()?;
    let fetched: Vec<_> = moved.steps.executed.iter().filter(|step| step.contains("fetch python")).collect();
    ensure!(fetched.is_empty(), "for another base these ran: {fetched:?}");
    let moved = Image::of(stage.lab(), &moved)?;
    let digest = |image: &Image, line: &str| -> Result<String> {
        let at = image.history().iter().position(|known| known.contains(line)).with_context(|| line.to_owned())?;
        Ok(image.layers[image.layers.len() - image.history().len() + at].clone())
    };
    for line in ["install python", "compile its standard library", "create /app/.venv"] {
        ensure!(digest(&moved, line)? == digest(&image, line)?, "another base has another layer `{line}`");
    }
    Ok(())
}

/// uv with the same python in the same base.
fn equals_uv(stage: &Stage) -> Result<()> {
    let (pond, pythons) = pond(stage, "managed-equality")?;
    let built = pond.context.build().push("managed-equality")?;
    let directory = stage.directory("managed-oracle")?;
    let python = format!("/opt/python/cpython-{}-linux-{}-gnu", pythons.version(), std::env::consts::ARCH);
    let dockerfile =
        format!("FROM {DEBIAN}\nCOPY --from=image /opt/python /opt/python\nENV UV_PYTHON={python}/bin/python3.13\n");
    fs::write(directory.join("Dockerfile"), dockerfile)?;
    let image = format!("--build-context=image=docker-image://{}", built.reference);
    let base = Build::of(stage, &directory).argument(image).push("managed-oracle")?;
    let selection = "--package pond-app";
    let (oracle, image) = equality::listings(stage, &pond.context, &built, &base.reference, selection, Cache::Shared)?;
    let differences = equality::differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

/// A list at a URL, and archives at a mirror of where it says that they are.
fn from_a_mirror(stage: &Stage) -> Result<()> {
    let (pond, pythons) = pond(stage, "managed-mirror")?;
    let context = &pond.context;
    let list = format!("downloads-json = \"{}\"", pythons.url());
    context.edit("uv.build.toml", "downloads-json = \"pythons.json\"", &list)?;
    let built = context.build().push("managed-mirror")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n", "{run:?}");

    let mirror = format!("downloads-json = \"pythons.json\"\nmirror = \"{}\"", pythons.mirror());
    context.edit("uv.build.toml", &list, &mirror)?;
    context.write("pythons.json", pythons.list_of_releases())?;
    let mirrored = context.build().push("managed-mirror")?;
    ensure!(mirrored.steps.executed.iter().any(|step| step.ends_with("fetch python 3.13")), "{mirrored:?}");
    let mirrored = Image::of(stage.lab(), &mirrored)?;
    let changed = mirrored.changed_from(&Image::of(stage.lab(), &built)?)?;
    ensure!(changed.is_empty(), "from a mirror these layers are others: {changed:?}");
    Ok(())
}

/// What runs in the builder, and in the base before the image is one, has the python, too.
fn builder_without_python(stage: &Stage) -> Result<()> {
    stage.lab().require_image(DISTROLESS)?;
    let pythons = Pythons::serve(stage, "managed-builder-pythons")?;
    let context = Context::new(stage, "managed-builder")?;
    context.write("pythons.json", pythons.list())?;
    context.write("uv.build.toml", CONFIG)?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"greeter\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
             [build-system]\n{SETUPTOOLS}"
        ),
    )?;
    context.write("setup.py", SETUP)?;
    context.write("src/greeter/__init__.py", format!("NONCE = \"{} managed\"\n", stage.nonce()))?;
    context.lock()?;
    let built = context.build().target(Some("greeter")).push("managed-builder")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "Hello, world!\n", "{run:?}");

    let output = stage.directory("managed-collected")?;
    context.build().target(Some("check")).argument(format!("--output={}", output.display())).show()?;
    ensure!(fs::read_to_string(output.join("seen"))? == "Hello, world!\n", "the check left something else");

    // The same packages where the image itself has apt, and its python was not installed by it.
    context.edit("uv.build.toml", DISTROLESS, DEBIAN)?;
    context.edit("uv.build.toml", "build-apt = ", "apt = [\"hello\"]\nbuild-apt = ")?;
    let built = context.build().target(Some("greeter")).push("managed-builder")?;
    let run = container::run(stage.lab(), &built.reference, &[], &["hello".to_owned()])?;
    ensure!(run.stdout == "Hello, world!\n", "{run:?}");
    Ok(())
}

const CONFIG: &str = r#"[python]
version = "3.13"
provider = "managed"
downloads-json = "pythons.json"

[targets.greeter]
base = "gcr.io/distroless/cc-debian12"
builder = "debian:bookworm-slim"
build-apt = ["hello"]
cmd = ["python", "-Ic", "from greeter.words import WORDS; print(WORDS, end='')"]

[targets.check]
inherits = "greeter"
workdir = "/home/app"
run = [["python", "-c", "from greeter.words import WORDS; open('seen', 'w').write(WORDS)"]]
collect = ["seen"]
"#;

const SETUP: &str = r#"
import pathlib
import subprocess

import setuptools

words = subprocess.run(["hello"], stdout=subprocess.PIPE, check=True, text=True).stdout
pathlib.Path("src/greeter/words.py").write_text(f"WORDS = {words!r}\n")
setuptools.setup()
"#;

fn refusals(stage: &Stage) -> Result<()> {
    const STATIC: &str = "gcr.io/distroless/static-debian12";
    stage.lab().require_image(STATIC)?;
    let (pond, pythons) = pond(stage, "managed-refusals")?;
    let context = &pond.context;
    let shows = |what: &str, build: Build<'_>, words: &[&str]| -> Result<()> {
        let shown = build.fail()?;
        for word in words {
            ensure!(shown.contains(word), "{what}: `{word}` is not shown:\n{shown}");
        }
        Ok(())
    };
    let line = "version = \"3.13\"";
    context.edit("uv.build.toml", line, "version = \"3.14\"")?;
    let words = ["No download found for request: cpython-3.14", "uv.build.toml:4", ">>> version = \"3.14\""];
    shows("a version that is not in the list", context.build(), &words)?;

    context.edit("uv.build.toml", "version = \"3.14\"", "version = \"3.10\"")?;
    let words = [
        "uv.build.toml:4:11: the requested Python 3.10 does not satisfy `requires-python = \">=3.11\"`",
        "help: choose another `python.version`",
    ];
    shows("a version that the lock is not made for", context.build(), &words)?;
    context.edit("uv.build.toml", "version = \"3.10\"", line)?;

    context.write("pythons.json", pythons.list_with(&"0".repeat(64)))?;
    shows("another archive", context.build(), &["Hash mismatch for `cpython-3.13.2", ">>> version = \"3.13\""])?;
    context.write("pythons.json", pythons.list())?;

    let words =
        ["uv cannot install Python for linux/arm64: this builder runs linux/amd64 only", "provider = \"image\""];
    shows("a platform that cannot run here", context.build().argument("--platform=linux/arm64"), &words)?;

    context.edit("uv.build.toml", DEBIAN, STATIC)?;
    let words =
        ["`gcr.io/distroless/static-debian12` has no C library, which Python needs", "gcr.io/distroless/cc-debian12"];
    shows("a base without a C library", context.build(), &words)?;
    Ok(())
}

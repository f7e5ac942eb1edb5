//! A base with musl instead of the GNU C library. The lab's has a python that is compiled against musl, and busybox, but no `apk`.

use std::env::consts::ARCH;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::equality::{self, Cache};
use crate::image::Image;
use crate::index::Index;
use crate::layer;
use crate::patterns;
use crate::pond::Pond;
use crate::project::{SETUPTOOLS, UV_BUILD};
use crate::sources::BUILDER;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("alpine::pond", pond);
    // The example has one for this machine alone.
    if ARCH == "x86_64" {
        trials.add("alpine::wheels_for_musl", wheels_for_musl);
    }
    trials.add("alpine::without_a_wheel", without_a_wheel);
    trials.add("alpine::compiled", compiled);
}

const BASE: &str = "python:3.13-alpine";

/// The user, packages and members are as anywhere else, and as uv has them there.
fn pond(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let pond = Pond::new(stage, "alpine")?;
    let context = &pond.context;
    context.edit("uv.build.toml", "[targets.app]\n", &format!("[defaults]\nbase = \"{BASE}\"\n\n[targets.app]\n"))?;
    let built = context.build().push("alpine")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n" && run.exit_code == Some(0), "{run:?}");
    patterns::note(stage, 25, "a workspace on python:3.13-alpine", &built.reference, &run.stdout)?;
    let who = "import getpass, os, sys; print(getpass.getuser(), os.getcwd(), sys.prefix, sys.base_prefix)";
    let run = container::run(stage.lab(), &built.reference, &[], &["python", "-Ic", who].map(str::to_owned))?;
    ensure!(run.stdout == "app /app /app/.venv /usr/local\n", "{run:?}");
    // Alpine has a group with the number of the uid, which the user is not in.
    let run = container::run(stage.lab(), &built.reference, &[], &["sh", "-c", "id; echo ~"].map(str::to_owned))?;
    ensure!(run.stdout == "uid=999(app) gid=998(app) groups=998(app)\n/home/app\n", "{run:?}");
    let selection = "--package pond-app";
    let (oracle, image) = equality::listings(stage, context, &built, BASE, selection, Cache::Shared)?;
    let differences = equality::differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    ensure!(image.uncompiled.is_empty(), "without bytecode: {:?}", image.uncompiled);

    // Packages of Debian are none of Alpine.
    context.edit("uv.build.toml", "[targets.app]\n", "[targets.app]\napt = [\"tini\"]\n")?;
    let shown = context.build().fail()?;
    for words in ["`apt` installs Debian and Ubuntu packages", "use `apk = [", ">>> apt = [\"tini\"]"] {
        ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
    }
    Ok(())
}

/// A package that has a wheel for each C library.
fn wheels_for_musl(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let examples = uv_buildkit_tests::example::all()?;
    let monorepo = examples.iter().find(|example| example.name == "monorepo").context("no example `monorepo`")?;
    let context = Context::copy(stage, &monorepo.directory, "alpine-monorepo")?;
    context.edit("uv.build.toml", "base = \"python:${args.PYTHON}-slim-bookworm\"", &format!("base = \"{BASE}\""))?;
    let built = context.build().target(Some("api-metrics")).push("alpine-monorepo")?;
    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let wheels = layers.iter().flat_map(|layer| &layer.entries);
    let wheel = wheels
        .filter(|(path, _)| path.ends_with("cellwidth-1.1.0.dist-info/WHEEL"))
        .find_map(|(_, entry)| Some(String::from_utf8_lossy(entry.content.as_ref()?).into_owned()));
    let wheel = wheel.context("no `cellwidth` in the image")?;
    ensure!(wheel.contains("Tag: py3-none-musllinux_1_2_x86_64"), "{wheel}");
    Ok(())
}

const HARBOUR: &str = r#"[project]
name = "app"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["heron"]
scripts = { app = "app:main" }

[build-system]
BACKEND

[tool.uv.sources]
heron = { index = "harbour" }
egret = { index = "harbour" }
osprey = { index = "harbour" }

[[tool.uv.index]]
name = "harbour"
url = "INDEX"
explicit = true
"#;

/// A package with a source distribution is built there, as uv builds it; those that have none are refused before, all of them.
fn without_a_wheel(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let context = Context::new(stage, "alpine-harbour")?;
    let index = Index::open(stage, "alpine-harbour-index")?;
    let nonce = format!("NONCE = \"{}\"\n", stage.nonce());
    index.offer_sdist(&index.project("heron", "1.0", SETUPTOOLS, &nonce)?)?;
    // For the GNU C library, and for another system.
    for (name, tag) in [("egret", format!("manylinux_2_17_{ARCH}")), ("osprey", "macosx_11_0_arm64".to_owned())] {
        let (file, wheel) = index.project(name, "1.0", UV_BUILD, &nonce)?.wheel()?;
        index.serve(&format!("packages/{}", file.replace("-any.whl", &format!("-{tag}.whl"))), wheel);
    }
    context.write("uv.build.toml", format!("[targets.app]\nbase = \"{BASE}\"\n"))?;
    context.write("pyproject.toml", HARBOUR.replace("INDEX", &index.url()).replace("BACKEND\n", UV_BUILD))?;
    context.write("src/app/__init__.py", "import heron\n\n\ndef main():\n    print(heron.NONCE)\n")?;
    context.lock()?;
    let built = context.build().push("alpine-harbour")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == format!("{}\n", stage.nonce()), "{run:?}");
    let (oracle, image) = equality::listings(stage, &context, &built, BASE, "", Cache::Empty)?;
    let differences = equality::differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));

    context.edit("pyproject.toml", "[\"heron\"]", "[\"heron\", \"egret\", \"osprey\"]")?;
    context.lock()?;
    let shown = context.build().fail()?;
    let help = "it has a wheel for glibc: choose a base image with glibc";
    let libc = format!(", {ARCH}, musl-1.2");
    for words in
        ["package `egret` 1.0 has no wheel for cpython 3.13.", &libc, "package `osprey` 1.0 has no wheel", help]
    {
        ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
    }
    Ok(())
}

/// A builder that compiles for musl.
const TOOLCHAIN: &str = "FROM BASE\nRUN apk add --no-cache gcc musl-dev\n";

/// The same where Alpine's packages cannot be had: the python of the base beside Debian's compiler for musl.
const TOOLCHAIN_OF_STAND_INS: &str = r#"FROM BASE AS python
FROM BUILDER
RUN apt-get update && apt-get install --yes --no-install-recommends musl-tools
RUN rm /usr/local/bin/python* && printf '#!/bin/sh\nexec musl-gcc "$@"\n' > /usr/local/bin/gcc && chmod +x /usr/local/bin/gcc
COPY --from=python /usr/local /usr/local
"#;

const DEPTH: &str = r#"
#include <Python.h>

static PyObject *depth(PyObject *self, PyObject *unused) { return PyUnicode_FromString("NONCE"); }
static PyMethodDef methods[] = {{"depth", depth, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_depth", NULL, -1, methods};
PyMODINIT_FUNC PyInit__depth(void) { return PyModule_Create(&module); }
"#;

/// A member in C is compiled in a builder that can, and runs without a compiler; what says that there is none speaks of apk.
fn compiled(stage: &Stage) -> Result<()> {
    for image in [BASE, BUILDER] {
        stage.lab().require_image(image)?;
    }
    let directory = stage.directory("alpine-toolchain")?;
    let toolchain = if stage.lab().has_stand_ins() { TOOLCHAIN_OF_STAND_INS } else { TOOLCHAIN };
    fs::write(directory.join("Dockerfile"), toolchain.replace("BASE", BASE).replace("BUILDER", BUILDER))?;
    let builder = Build::of(stage, &directory).push("alpine-toolchain")?.reference;

    let context = Context::new(stage, "alpine-sounding")?;
    context.write("uv.build.toml", format!("[targets.app]\nbase = \"{BASE}\"\n"))?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"sounding\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[build-system]\n{SETUPTOOLS}\n\
             [[tool.setuptools.ext-modules]]\nname = \"sounding._depth\"\nsources = [\"src/sounding/depth.c\"]\n"
        ),
    )?;
    context.write("src/sounding/__init__.py", "")?;
    context.write("src/sounding/depth.c", DEPTH.replace("NONCE", &stage.nonce()))?;
    context.lock()?;
    let shown = context.build().fail()?;
    let help = "help: the builder does not have `gcc`: `build-apk = [\"gcc\", \"musl-dev\"]` in uv.build.toml";
    ensure!(shown.contains(help), "`{help}` is not shown:\n{shown}");
    context.edit("uv.build.toml", "[targets.app]\n", &format!("[targets.app]\nbuilder = \"{builder}\"\n"))?;
    let built = context.build().push("alpine-sounding")?;
    let depth = "from sounding import _depth; print(_depth.depth(), _depth.__file__)";
    let run = container::run(stage.lab(), &built.reference, &[], &["python", "-Ic", depth].map(str::to_owned))?;
    let directory = "/app/.venv/lib/python3.13/site-packages/sounding";
    let expected = format!("{} {directory}/_depth.cpython-313-{ARCH}-linux-musl.so\n", stage.nonce());
    ensure!(run.stdout == expected, "not {expected:?}: {run:?}");
    Ok(())
}

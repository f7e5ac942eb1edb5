//! Projects that are compiled: built where there is a compiler, run where there is none, and with a cache of their own, so that
//! after an edit only what changed is compiled again.

use std::fs;
use std::sync::{Arc, OnceLock};

use anyhow::{Context as _, Result, ensure};
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::equality::BASE;
use crate::patterns;
use crate::project::SETUPTOOLS;
use crate::sources::BUILDER;
use crate::stage::Stage;
use crate::wheels;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("native::what_the_builder_lacks", what_the_builder_lacks);
    let toolchain = Arc::new(Toolchain::default());
    let mut add = |name: &str, test: fn(&Stage, &Toolchain) -> Result<()>| {
        let toolchain = Arc::clone(&toolchain);
        trials.add(name, move |stage| test(stage, &toolchain));
    };
    add("native::c_by_setuptools", c_by_setuptools);
    add("native::c_by_scikit_build_core", c_by_scikit_build_core);
    add("native::rust_by_maturin", rust_by_maturin);
    add("native::wheels_of_members", wheels_of_members);
}

/// The builder, with compilers that its official image does not have.
#[derive(Default)]
struct Toolchain(OnceLock<Result<String, String>>);

impl Toolchain {
    /// Its reference.
    fn of(&self, stage: &Stage) -> Result<&str> {
        let make = || -> Result<String> {
            stage.lab().require_image(BUILDER)?;
            let directory = stage.directory("toolchain")?;
            let install =
                "apt-get update && apt-get install --yes --no-install-recommends cargo ccache cmake ninja-build";
            fs::write(directory.join("Dockerfile"), format!("FROM {BUILDER}\nRUN {install}\n"))?;
            // It is large, and nobody looks at how it is compressed.
            Ok(Build::of(stage, &directory).exported("compression=uncompressed").push("toolchain")?.reference)
        };
        let reference = self.0.get_or_init(|| make().map_err(|error| format!("{error:#}")));
        reference.as_deref().map_err(|error| anyhow::Error::msg(error.clone()))
    }

    /// A project that is built with it, without its sources.
    fn context<'a>(&self, stage: &'a Stage, directory: &str, name: &str, manifest: &str) -> Result<Context<'a>> {
        let context = Context::new(stage, &format!("native-{directory}"))?;
        let builder = self.of(stage)?;
        context.write("uv.build.toml", format!("[targets.app]\nbase = \"{BASE}\"\nbuilder = \"{builder}\"\n"))?;
        let project = format!("[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n");
        context.write("pyproject.toml", format!("{project}{manifest}"))?;
        context.lock()?;
        Ok(context)
    }
}

/// Builds and starts it: what the container prints, and the log of the build.
fn build_and_run(stage: &Stage, context: &Context<'_>, command: &str) -> Result<(String, String)> {
    run(stage, context.build(), command)
}

fn run(stage: &Stage, build: Build<'_>, command: &str) -> Result<(String, String)> {
    let built = build.push("native")?;
    let words: Vec<String> = command.split(' ').map(ToOwned::to_owned).collect();
    let run = container::run(stage.lab(), &built.reference, &[], &words)?;
    ensure!(run.exit_code == Some(0), "{run:?}");
    Ok((run.stdout, built.told.log))
}

const SUMS: &str = r#"
#define PY_SSIZE_T_CLEAN
#include <Python.h>

long part(void);

static PyObject *sum(PyObject *self, PyObject *unused) { return PyLong_FromLong(40 + part()); }
static PyMethodDef methods[] = {{"sum", sum, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_sums", NULL, -1, methods};
PyMODINIT_FUNC PyInit__sums(void) { return PyModule_Create(&module); }
"#;

/// What the compiler's cache did since the last build.
const TELLING_SETUP: &str = r#"
import subprocess

import setuptools

subprocess.run(["ccache", "--zero-stats"], stdout=subprocess.DEVNULL, check=True)
setuptools.setup()
subprocess.run(["ccache", "--print-stats"], check=True)
"#;

/// A module of two files: what prints their sum, when it is run.
fn write_sums(stage: &Stage, context: &Context<'_>) -> Result<&'static str> {
    context.write("src/abacus/__init__.py", "")?;
    // Not in a comment: ccache looks at what the preprocessor leaves.
    let nonce = format!(
        "static const char nonce[] __attribute__((used)) = \"{} {}\";\n",
        stage.nonce(),
        context.directory.display()
    );
    context.write("src/abacus/sums.c", format!("{nonce}{SUMS}"))?;
    context.write("src/abacus/parts.c", format!("{nonce}long part(void) {{ return 2; }}\n"))?;
    Ok("python -Ic print(__import__('abacus._sums')._sums.sum())")
}

fn setuptools<'a>(stage: &'a Stage, toolchain: &Toolchain, directory: &str) -> Result<Context<'a>> {
    let manifest = format!(
        "\n[build-system]\n{SETUPTOOLS}\n[[tool.setuptools.ext-modules]]\nname = \"abacus._sums\"\n\
         sources = [\"src/abacus/sums.c\", \"src/abacus/parts.c\"]\n"
    );
    let context = toolchain.context(stage, directory, "abacus", &manifest)?;
    context.write("setup.py", TELLING_SETUP)?;
    Ok(context)
}

fn c_by_setuptools(stage: &Stage, toolchain: &Toolchain) -> Result<()> {
    let context = setuptools(stage, toolchain, "setuptools")?;
    compiles_what_was_edited(stage, &context)?;
    let built = context.build().push("native")?;
    let words = "python -Ic print(__import__('abacus._sums')._sums.sum())".split(' ').map(ToOwned::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &Vec::from_iter(words))?;
    let answer = format!("{}one of two files compiled for an edit", run.stdout);
    patterns::note(stage, 2, "a module in C, python", &built.reference, &answer)
}

/// CMake's files lie where each build makes them anew; what was compiled comes from ccache, which counts.
const CMAKE: &str = r#"
cmake_minimum_required(VERSION 3.18)
project(abacus C)
execute_process(COMMAND ccache --zero-stats OUTPUT_QUIET)
find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
Python_add_library(_sums MODULE WITH_SOABI src/abacus/sums.c src/abacus/parts.c)
install(TARGETS _sums DESTINATION abacus)
install(CODE "execute_process(COMMAND ccache --print-stats)")
"#;

fn c_by_scikit_build_core(stage: &Stage, toolchain: &Toolchain) -> Result<()> {
    let manifest =
        "\n[build-system]\nrequires = [\"scikit-build-core==0.11.6\"]\nbuild-backend = \"scikit_build_core.build\"\n";
    let context = toolchain.context(stage, "scikit-build-core", "abacus", manifest)?;
    context.write("CMakeLists.txt", CMAKE)?;
    compiles_what_was_edited(stage, &context)
}

fn compiles_what_was_edited(stage: &Stage, context: &Context<'_>) -> Result<()> {
    let command = write_sums(stage, context)?;
    let (printed, log) = build_and_run(stage, context, command)?;
    ensure!(printed == "42\n", "{printed}");
    ensure!(counted(&log, "cache_miss") == Some(2), "not two files were compiled:\n{log}");

    context.edit("src/abacus/parts.c", "return 2", "return 3")?;
    let (printed, log) = build_and_run(stage, context, command)?;
    ensure!(printed == "43\n", "{printed}");
    ensure!(counted(&log, "cache_miss") == Some(1), "not one file was compiled:\n{log}");
    Ok(())
}

/// Without a builder of its own, a project that compiles is told what to install: the compiler, then a header.
fn what_the_builder_lacks(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "what-the-builder-lacks")?;
    context.write("uv.build.toml", format!("[targets.ledger]\nbase = \"{BASE}\"\n"))?;
    let manifest = format!(
        "[project]\nname = \"ledger\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[build-system]\n{SETUPTOOLS}\n\
         [[tool.setuptools.ext-modules]]\nname = \"ledger._pages\"\nsources = [\"src/ledger/pages.c\"]\n"
    );
    context.write("pyproject.toml", manifest)?;
    context.write("src/ledger/__init__.py", "")?;
    context.write("src/ledger/pages.c", format!("// {}\n#include <libpq-fe.h>\n", stage.nonce()))?;
    context.lock()?;
    let shown = context.build().fail()?;
    let told = "failed to build and install ledger 1.0: ";
    for part in
        [told, "help: the builder does not have `", "gcc`", ": `build-apt = [\"gcc\", \"libc6-dev\"]` in uv.build.toml"]
    {
        ensure!(shown.contains(part), "no `{part}`:\n{shown}");
    }
    context.edit("uv.build.toml", "[targets.ledger]\n", "[targets.ledger]\nbuild-apt = [\"gcc\", \"libc6-dev\"]\n")?;
    let shown = context.build().fail()?;
    let lacked = "help: the builder does not have `libpq-fe.h`: `build-apt = [\"libpq-dev\"]` in uv.build.toml";
    for part in [told, "pages.c:2:10: fatal error: libpq-fe.h: No such file or directory", lacked] {
        ensure!(shown.contains(part), "no `{part}`:\n{shown}");
    }
    Ok(())
}

/// The highest count of something in ccache's statistics: they are printed for every hook of the backend.
fn counted(log: &str, what: &str) -> Option<u32> {
    let counts = log.lines().filter_map(|line| line.trim().strip_prefix(what)?.trim().parse().ok());
    counts.max()
}

fn rust_by_maturin(stage: &Stage, toolchain: &Toolchain) -> Result<()> {
    let manifest = "\n[build-system]\nrequires = [\"maturin==1.9.4\"]\nbuild-backend = \"maturin\"\n\n\
                    [tool.maturin]\nbindings = \"bin\"\n";
    let context = toolchain.context(stage, "maturin", "counter", manifest)?;
    let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n");
    context.write("Cargo.toml", format!("{}\n[dependencies]\ntally = {{ path = \"tally\" }}\n", package("counter")))?;
    context.write("tally/Cargo.toml", package("tally"))?;
    context.write("tally/src/lib.rs", format!("// {}\npub fn tally() -> u32 {{ 40 }}\n", stage.nonce()))?;
    context.write("src/main.rs", "fn main() { println!(\"{}\", tally::tally() + 2) }\n")?;

    let (printed, log) = build_and_run(stage, &context, "counter")?;
    ensure!(printed == "42\n", "{printed}");
    ensure!(log.contains("Compiling tally") && log.contains("Compiling counter"), "nothing was compiled:\n{log}");

    context.edit("src/main.rs", "+ 2", "+ 3")?;
    let (printed, log) = build_and_run(stage, &context, "counter")?;
    ensure!(printed == "43\n", "{printed}");
    ensure!(log.contains("Compiling counter"), "what was edited was not compiled:\n{log}");
    ensure!(!log.contains("Compiling tally"), "what was not edited was compiled:\n{log}");
    Ok(())
}

/// Its path and its text.
type File = (&'static str, &'static str);

/// A build backend that compiles: its name, `[build-system]`, the rest of the manifest and what is compiled. `{module}` stands for the module.
const COMPILING: [(&str, &str, &str, &[File]); 2] = [
    (
        "maturin",
        "requires = [\"maturin==1.9.4\"]\nbuild-backend = \"maturin\"\n",
        "[tool.maturin]\nbindings = \"bin\"\npython-source = \"src\"\nmodule-name = \"{module}\"\n",
        &[
            ("Cargo.toml", "[package]\nname = \"{module}\"\nversion = \"1.0.0\"\nedition = \"2021\"\n"),
            ("src/main.rs", "fn main() { println!(\"{}\", include_str!(\"../../../VERSION\")) }\n"),
        ],
    ),
    (
        "scikit-build",
        "requires = [\"scikit-build-core==1.1.2\"]\nbuild-backend = \"scikit_build_core.build\"\n",
        "",
        &[
            (
                "CMakeLists.txt",
                "cmake_minimum_required(VERSION 3.18)\nproject({module} C)\nfile(READ ../../VERSION VERSION)\n\
                 find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)\n\
                 Python_add_library(_sums MODULE WITH_SOABI sums.c)\ninstall(TARGETS _sums DESTINATION {module})\n\
                 file(WRITE ${CMAKE_BINARY_DIR}/version.txt ${VERSION})\n\
                 install(FILES ${CMAKE_BINARY_DIR}/version.txt DESTINATION {module})\n",
            ),
            ("sums.c", "long part(void) { return 2; }\n"),
        ],
    ),
];

/// What `uv build` makes of members in a checkout.
const ORACLE: &str = "ARG BUILDER\nFROM ${BUILDER} AS oracle\nCOPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /usr/local/bin/uv\n\
     ENV SOURCE_DATE_EPOCH=315532800 UV_PYTHON_DOWNLOADS=never UV_CACHE_DIR=/cache\nCOPY . /checkout\n\
     RUN --mount=type=tmpfs,target=/cache cd /checkout && for member in packages/*/; do \
     uv build --quiet --wheel --package $(basename $member) --out-dir /wheels || exit 1; done\n\
     FROM scratch\nCOPY --from=oracle /wheels /\n";

/// Wheels with what a compiler made are those that uv builds in a checkout, with ignore files above and beside the manifest, a file of the
/// workspace that the build reads, and links that lead out of the member.
fn wheels_of_members(stage: &Stage, toolchain: &Toolchain) -> Result<()> {
    let context = Context::new(stage, "native-wheels")?;
    let builder = toolchain.of(stage)?;
    let mut members = Vec::new();
    let mut inputs = String::new();
    for (name, build_system, tables, files) in COMPILING {
        for case in ["root", "own"] {
            let (member, directory) = (format!("{name}-{case}"), format!("packages/{name}-{case}"));
            let module = member.replace('-', "_");
            let write = |path: &str, text: &str| {
                context.write(
                    &format!("{directory}/{path}").replace("{module}", &module),
                    text.replace("{module}", &module),
                )
            };
            write(
                "pyproject.toml",
                &format!(
                    "[project]\nname = \"{member}\"\nversion = \"1.0.0\"\nrequires-python = \">=3.11\"\n\n\
                     [build-system]\n{build_system}\n{tables}"
                ),
            )?;
            for (path, text) in files {
                write(path, text)?;
            }
            for path in ["__init__.py", "plain.txt", ".env", "some.local.json", "own.txt", "sub/.env", "sub/deep.txt"] {
                write(&format!("src/{module}/{path}"), "")?;
            }
            if case == "own" {
                write(".gitignore", "own.txt\n")?;
            }
            let link = context.directory.join(format!("{directory}/src/{module}/event.json"));
            std::os::unix::fs::symlink("../../../../shared/event.json", link)?;
            inputs += &format!("[members.{member}]\ninputs = [\"VERSION\"]\n\n");
            members.push(member);
        }
    }
    let sources = members.iter().map(|name| format!("{name} = {{ workspace = true }}\n")).collect::<String>();
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = {members:?}\n\n\
             [tool.uv.workspace]\nmembers = [\"packages/*\"]\n\n[tool.uv.sources]\n{sources}"
        ),
    )?;
    context.write("VERSION", "1.0.0")?;
    context.write("shared/event.json", "{}\n")?;
    context.write(".gitignore", ".env\n*.local.json\n/*/*/src/*/sub/deep.txt\n")?;
    let target =
        format!("[targets.app]\nkind = \"wheels\"\npackage = \"app\"\nbase = \"{BASE}\"\nbuilder = \"{builder}\"\n\n");
    context.write("uv.build.toml", target + &inputs)?;
    context.lock()?;
    let checkout = wheels::check_out(stage, &context, "native")?;
    let (ours, theirs) = (stage.directory("native-wheels-ours")?, stage.directory("native-wheels-theirs")?);
    context.build().export(&ours)?;

    let dockerfile = stage.directory("native-wheels-oracle")?.join("Dockerfile");
    fs::write(&dockerfile, ORACLE)?;
    let mut build = stage.lab().buildx(["build", "--quiet"]);
    build.arg("--file").arg(dockerfile).arg(format!("--build-arg=BUILDER={builder}"));
    build.arg(format!("--output=type=local,dest={}", theirs.display()));
    run_captured(build.arg(&checkout)).context("uv build")?;

    let table = wheels::differences(&ours, &theirs)?;
    for (wheel, found) in &table {
        eprintln!("{wheel}: {found}");
    }
    wheels::no_differences(&table, members.len())
}

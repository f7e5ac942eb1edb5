//! An example, built by the Dockerfiles of uv's guide and by its config: how large the images are, and what is in them.
//!
//! `cargo xtask test sizes:: --nocapture` prints the table of `docs/reference/patterns.md`.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::Deserialize;
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Built;
use crate::container;
use crate::context::Context;
use crate::patterns;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("sizes::hello", |stage| side_by_side(stage, "hello", "hello", ""));
    trials.add("sizes::fastapi", |stage| side_by_side(stage, "fastapi", "notes", ""));
    trials.add("sizes::monorepo", |stage| side_by_side(stage, "monorepo", "api", "--package acme-api"));
}

/// The guide's first Dockerfile: one stage, in which everything stays.
const ONE_STAGE: &str = r#"
FROM python:3.13-slim-bookworm
COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /uvx /bin/
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
COPY . /app
WORKDIR /app
RUN uv sync --locked --no-dev $SELECTION
ENV PATH="/app/.venv/bin:$PATH"
"#;

/// The guide's advice taken together: caches are mounted, and the image has the environment alone.
const TWO_STAGES: &str = r#"
FROM python:3.13-slim-bookworm AS builder
COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /uvx /bin/
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY . /app
RUN --mount=type=cache,target=/root/.cache/uv uv sync --locked --no-dev --no-editable $SELECTION
FROM python:3.13-slim-bookworm
RUN groupadd --system --gid 999 nonroot && useradd --system --gid 999 --uid 999 --create-home nonroot
COPY --from=builder --chown=nonroot:nonroot /app/.venv /app/.venv
ENV PATH="/app/.venv/bin:$PATH"
USER nonroot
"#;

/// Prints what an image has, as JSON.
const LOOK: &str = r#"
import json, os
def size(*tops, without=()):
    total = 0
    for top in tops:
        for directory, names, files in os.walk(top):
            names[:] = [name for name in names if os.path.join(directory, name) not in without]
            total += sum(os.lstat(os.path.join(directory, file)).st_size for file in files)
    return total
modules = bytecode = 0
for directory, names, files in os.walk("/app/.venv/lib"):
    modules += sum(file.endswith(".py") for file in files)
    bytecode += sum(file.endswith(".pyc") for file in files)
tools = [path for path in ("/bin/uv", "/usr/bin/uv", "/usr/local/bin/uv") if os.path.exists(path)]
print(json.dumps({
    "uv": sum(os.stat(path).st_size for path in {os.path.realpath(path) for path in tools}),
    "caches": size("/root/.cache", "/var/cache/apt", "/var/lib/apt/lists"),
    "environment": size("/app/.venv"),
    "sources": size("/app", without=("/app/.venv", "/app/templates")) ,
    "modules": modules, "bytecode": bytecode,
}))
"#;

/// What is in an image, in bytes and files.
#[derive(Debug, Deserialize)]
struct Contents {
    uv: u64,
    caches: u64,
    environment: u64,
    sources: u64,
    modules: u64,
    bytecode: u64,
}

struct Measured {
    compressed: u64,
    unpacked: u64,
    contents: Contents,
}

fn side_by_side(stage: &Stage, example: &str, target: &str, selection: &str) -> Result<()> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
    let context = Context::copy(stage, &source, &format!("sizes-{example}"))?;
    if !context.directory.join("uv.lock").exists() {
        run_captured(uv::command()?.args(["lock", "--quiet"]).current_dir(&context.directory))?;
    }
    let ours = measure(stage, &context.build().target(Some(target)).push("sizes")?)?;
    let mut theirs = Vec::new();
    for (name, text) in [("one-stage", ONE_STAGE), ("two-stages", TWO_STAGES)] {
        let file = format!("{name}.Dockerfile");
        context.write(&file, text.replace("$SELECTION", selection))?;
        let file = context.directory.join(file);
        let built = context.build().argument(format!("--file={}", file.display())).push("sizes")?;
        theirs.push((name, measure(stage, &built)?));
    }
    for (name, image) in theirs.iter().map(|(name, image)| (*name, image)).chain([("uv-buildkit", &ours)]) {
        let Measured { compressed, unpacked, contents } = image;
        let mb = |bytes: &u64| format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
        eprintln!(
            "| {example} | {name} | {} | {} | {} | {} | {} | {} | {} of {} |",
            mb(compressed),
            mb(unpacked),
            mb(&contents.uv),
            mb(&contents.caches),
            mb(&contents.environment),
            mb(&contents.sources),
            contents.bytecode,
            contents.modules,
        );
    }
    let contents = &ours.contents;
    ensure!((contents.uv, contents.caches, contents.sources) == (0, 0, 0), "{contents:?}");
    ensure!(contents.bytecode == contents.modules, "{contents:?}");
    for (name, image) in &theirs {
        ensure!(ours.compressed <= image.compressed + 100_000, "larger than the image of {name}");
        ensure!(
            contents.environment <= image.contents.environment + 100_000,
            "{contents:?}, {name}: {:?}",
            image.contents
        );
    }
    Ok(())
}

fn measure(stage: &Stage, built: &Built) -> Result<Measured> {
    let lab = stage.lab();
    let compressed = patterns::compressed(stage, &built.reference)?;
    let arguments = ["--user=root", "--entrypoint=python3"].map(ToOwned::to_owned);
    let run = container::run(lab, &built.reference, &arguments, &["-c".to_owned(), LOOK.to_owned()])?;
    ensure!(run.exit_code == Some(0), "{run:?}");
    let size = run_captured(&mut lab.docker(["image", "inspect", "--format={{.Size}}", &built.reference]))?;
    Ok(Measured { compressed, unpacked: size.trim().parse()?, contents: serde_json::from_str(&run.stdout)? })
}

//! What an image holds equals what `uv sync` installs, file by file, in the same base image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Built;
use crate::container;
use crate::context::Context;
use crate::orchard;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("equality::orchard", orchard_equals_uv);
}

/// Environments of the oracle and of the image, listed side by side. `image` is a context of that name.
const DOCKERFILE: &str = r#"
ARG BASE
FROM ${BASE} AS oracle
COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /usr/local/bin/uv
WORKDIR /app
COPY . .
ENV UV_PROJECT_ENVIRONMENT=/app/.venv UV_CACHE_DIR=/cache UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never PYTHONDONTWRITEBYTECODE=1
ARG SELECTION
RUN --mount=type=cache,target=/cache uv sync --quiet --frozen --no-dev --no-editable $SELECTION

FROM python:3.13-slim-bookworm AS listing
COPY --from=script listing.py /
RUN --mount=from=oracle,target=/oracle --mount=from=image,target=/image mkdir /listings \
    && python3 /listing.py /oracle/app/.venv /listings/oracle.json /image/app/.venv /listings/image.json

FROM scratch
COPY --from=listing /listings /
"#;

/// An environment.
#[derive(Debug, Deserialize)]
pub struct Listing {
    entries: BTreeMap<String, Entry>,
    /// How many modules have bytecode.
    compiled: usize,
    /// Those that could have it, and have not.
    pub uncompiled: Vec<String>,
}

impl Listing {
    /// How many entries there are whose path ends so.
    pub fn count(&self, end: &str) -> usize {
        self.entries.keys().filter(|path| path.ends_with(end)).count()
    }

    /// How many entries there are of whose path this is a part.
    pub fn count_in(&self, part: &str) -> usize {
        self.entries.keys().filter(|path| path.contains(part)).count()
    }

    /// Forgets a file, and that a `RECORD` names it.
    pub fn leave_out(&mut self, path: &str) {
        if self.entries.remove(path).is_some() {
            let name = path.rsplit("site-packages/").next().unwrap_or(path);
            for entry in self.entries.values_mut() {
                entry.lines.retain(|line| line.split(',').next() != Some(name));
            }
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Entry {
    mode: Option<String>,
    sha256: Option<String>,
    link: Option<String>,
    directory: Option<String>,
    /// Of a `RECORD`, whose order means nothing, and of the environment's own files.
    lines: BTreeSet<String>,
}

fn orchard_equals_uv(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "orchard")?;
    orchard::write(&context, "")?;
    context.lock()?;
    let built = context.build().push("orchard")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "orchard_shop ['apple', 'pear', 'quince']\n", "{run:?}");

    let selection = format!("--package {}", orchard::APPLICATION);
    let (oracle, image) = listings(stage, &context, &built, BASE, &selection, Cache::Shared)?;
    let packages = oracle.entries.keys().filter(|path| path.ends_with(".dist-info")).count();
    let members =
        image.entries.keys().filter(|path| path.contains("/orchard_") && path.ends_with(".dist-info")).count();
    ensure!(members == 8 && packages - members >= 60, "{packages} packages, {members} of them members");
    let differences = differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    ensure!(image.uncompiled.is_empty(), "without bytecode: {:?}", image.uncompiled);
    ensure!(image.compiled > 5000, "bytecode of {} modules only", image.compiled);
    eprintln!("equality: {packages} packages, {} files, {} with bytecode", image.entries.len(), image.compiled);
    Ok(())
}

/// What uv finds in its cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// What it installed in other runs.
    Shared,
    /// Nothing: uv knows files without a hash by their path, and takes another run's for this one's.
    Empty,
}

/// The base of targets that name none.
pub const BASE: &str = "python:3.13-slim-bookworm";

/// What uv installs in `base` with these arguments, and what the image holds.
pub fn listings(
    stage: &Stage,
    context: &Context<'_>,
    built: &Built,
    base: &str,
    selection: &str,
    cache: Cache,
) -> Result<(Listing, Listing)> {
    let dockerfile = match cache {
        Cache::Shared => DOCKERFILE.to_owned(),
        Cache::Empty => DOCKERFILE.replace("type=cache", "type=tmpfs"),
    };
    list(stage, context, built, base, selection, &dockerfile)
}

/// The same where local projects are links to their sources below `/src`.
pub fn listings_of_links(
    stage: &Stage,
    context: &Context<'_>,
    built: &Built,
    selection: &str,
) -> Result<(Listing, Listing)> {
    let dockerfile = DOCKERFILE
        .replace("WORKDIR /app", "WORKDIR /src\nENV UV_PROJECT_ENVIRONMENT=/app/.venv")
        .replace("uv sync", "uv venv --quiet --prompt app /app/.venv && uv sync")
        .replace(" --no-dev --no-editable", "");
    list(stage, context, built, BASE, selection, &dockerfile)
}

/// What uv installs into an environment that may be moved, and what is in a directory.
pub fn listings_of_movable(
    stage: &Stage,
    context: &Context<'_>,
    directory: &Path,
    selection: &str,
) -> Result<(Listing, Listing)> {
    let dockerfile = DOCKERFILE
        .replace("type=cache", "type=tmpfs")
        .replace("uv sync", "uv venv --quiet --relocatable --no-project --python python3 /app/.venv && uv sync")
        .replace("/image/app/.venv", "/image");
    let name = context.directory.file_name().context("a context has a name")?.to_string_lossy();
    let place = stage.directory(&format!("listings-{name}"))?;
    list_in(stage, context, &place, &directory.display().to_string(), BASE, selection, &dockerfile)
}

/// What uv installs of what a script requires, and what the image holds.
pub fn listings_of_script(
    stage: &Stage,
    context: &Context<'_>,
    built: &Built,
    script: &str,
) -> Result<(Listing, Listing)> {
    let sync = "uv sync --quiet --frozen --no-dev --no-editable $SELECTION";
    let of_script = "uv venv --quiet --prompt app --python python3 /app/.venv \\\n    && VIRTUAL_ENV=/app/.venv uv sync --quiet --frozen --active --script $SELECTION";
    let dockerfile = DOCKERFILE.replace("type=cache", "type=tmpfs").replace(sync, of_script);
    list(stage, context, built, BASE, script, &dockerfile)
}

/// What uv installs side by side into a directory, as its guide to AWS Lambda says, and what the image holds there.
pub fn listings_of_directory(
    stage: &Stage,
    context: &Context<'_>,
    built: &Built,
    base: &str,
    selection: &str,
    directory: &str,
) -> Result<(Listing, Listing)> {
    // Without dependencies, all of which the file has: for those of members uv asks the workspace, where members are links.
    let sync = "uv sync --quiet --frozen --no-dev --no-editable $SELECTION";
    let install = format!(
        "uv export --quiet --frozen --no-dev --no-editable $SELECTION --output-file /requirements.txt \\\n    \
         && UV_NO_INSTALLER_METADATA=1 uv pip install --quiet --no-deps --compile-bytecode --target {directory} \
         --requirements /requirements.txt"
    );
    let dockerfile = DOCKERFILE.replace(sync, &install).replace("/app/.venv /", &format!("{directory} /"));
    list(stage, context, built, base, selection, &dockerfile)
}

fn list(
    stage: &Stage,
    context: &Context<'_>,
    built: &Built,
    base: &str,
    selection: &str,
    dockerfile: &str,
) -> Result<(Listing, Listing)> {
    let name = context.directory.file_name().context("a context has a name")?.to_string_lossy();
    let (_, digest) = built.reference.rsplit_once(':').context("a digest")?;
    let directory = stage.directory(&format!("listings-{name}-{digest}"))?;
    let image = format!("docker-image://{}", built.reference);
    list_in(stage, context, &directory, &image, base, selection, dockerfile)
}

/// Lists what is in an oracle and in a context of the build named `image`; files for it are written into `directory`.
fn list_in(
    stage: &Stage,
    context: &Context<'_>,
    directory: &Path,
    image: &str,
    base: &str,
    selection: &str,
    dockerfile: &str,
) -> Result<(Listing, Listing)> {
    fs::write(directory.join("Dockerfile"), dockerfile)?;
    fs::write(directory.join("listing.py"), include_str!("listing.py"))?;
    let output = directory.join("output");
    let mut build = stage.lab().buildx(["build", "--quiet"]);
    build.arg("--file").arg(directory.join("Dockerfile"));
    build.arg(format!("--output=type=local,dest={}", output.display()));
    build.arg(format!("--build-arg=BASE={base}")).arg(format!("--build-arg=SELECTION={selection}"));
    build.arg(format!("--build-context=script={}", directory.display()));
    build.arg(format!("--build-context=image={image}"));
    run_captured(build.arg(&context.directory)).context("uv sync")?;
    let read = |name: &str| -> Result<Listing> { Ok(serde_json::from_slice(&fs::read(output.join(name))?)?) };
    Ok((read("oracle.json")?, read("image.json")?))
}

/// Where uv notes when the files of a local project or archive were written. It is of use to a later `uv sync` only, and would
/// make the same sources give different layers.
fn is_time(path: &str) -> bool {
    path.ends_with(".dist-info/uv_cache.json")
}

/// What uv locks while it changes an environment: an image's does not change.
const LOCK: &str = ".lock";

/// uv names an environment after the directory or project it was made for, for the prompt of shells that activate it; the
/// environment of images, which projects share, has no name.
fn without_prompt(line: &str) -> String {
    let named = [(r#""xapp""#, r#""x""#), ("'app'", "''"), (r#""app""#, r#""""#), (r#"PROMPT=app""#, r#"PROMPT=""#)];
    named.iter().fold(line.to_owned(), |line, (name, none)| line.replace(name, none))
}

/// What is compared of an environment.
fn compared(listing: &Listing) -> BTreeMap<String, Entry> {
    let entries = listing.entries.iter().filter(|(path, _)| !is_time(path) && *path != LOCK);
    entries
        .map(|(path, entry)| {
            let lines = entry.lines.iter().filter(|line| !is_time(line.split(',').next().unwrap_or_default()));
            let lines = match path.as_str() {
                "pyvenv.cfg" => lines.filter(|line| *line != "prompt = app").cloned().collect(),
                activation if activation.starts_with("bin/activate") => {
                    lines.map(|line| without_prompt(line)).collect()
                }
                _ => lines.cloned().collect(),
            };
            (path.clone(), Entry { lines, ..entry.clone() })
        })
        .collect()
}

/// Where an image is not what uv installs.
pub fn differences(oracle: &Listing, image: &Listing) -> Vec<String> {
    let (oracle, image) = (compared(oracle), compared(image));
    let paths: BTreeSet<&String> = oracle.keys().chain(image.keys()).collect();
    let mut differences = Vec::new();
    for path in paths {
        match (oracle.get(path), image.get(path)) {
            (Some(_), None) => differences.push(format!("{path}: not in the image")),
            (None, Some(_)) => differences.push(format!("{path}: only in the image")),
            (Some(theirs), Some(ours)) if theirs != ours => {
                let only = |a: &Entry, b: &Entry| a.lines.difference(&b.lines).cloned().collect::<Vec<_>>();
                differences.push(format!(
                    "{path}: uv {:?}, image {:?}",
                    Entry { lines: only(theirs, ours).into_iter().collect(), ..theirs.clone() },
                    Entry { lines: only(ours, theirs).into_iter().collect(), ..ours.clone() }
                ));
            }
            _ => {}
        }
    }
    differences
}

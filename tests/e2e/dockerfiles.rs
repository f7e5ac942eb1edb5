//! The proof that `uv-buildkit import` is right is the image: that of a Dockerfile, and that of the config which `import` made of it and
//! nobody edited.
//!
//! Each folder of `dockerfiles/cases` has a Dockerfile: the variants of uv's guide, and the shapes that projects of the usual kinds have.
//! `differences.txt` beside it has the differences of the images, each below the reason for it: words of a warning of `import`, or words of
//! the guide. A difference without a reason fails the test, and so does a reason without a difference, or a warning that is no reason.
//! `everywhere.txt` has what differs in many images, and the reasons.

mod projects;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use serde_json::{Value, json};
use uv_buildkit::cli::{self, Cli, Command};
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Built;
use crate::context::Context;
use crate::image::Image;
use crate::index::Index;
use crate::stage::Stage;
use projects::Kind;

/// The cases, and what each builds.
const CASES: [(&str, Kind); 20] = [
    ("guide_single_stage", Kind::Package),
    ("guide_multi_stage", Kind::Package),
    ("guide_run_as_command", Kind::Package),
    ("guide_image_of_uv", Kind::Package),
    ("fastapi", Kind::Application),
    ("django", Kind::Site),
    ("celery", Kind::Modules),
    ("streamlit", Kind::Modules),
    ("flask", Kind::Modules),
    ("flask_by_uid", Kind::Scripts),
    ("litestar", Kind::Package),
    ("workspace_service", Kind::Workspace),
    ("apt_packages", Kind::Package),
    ("useradd", Kind::Package),
    ("entrypoint_script", Kind::Application),
    ("assets_of_another_stage", Kind::Application),
    ("healthcheck_and_volume", Kind::Application),
    ("nested_workdir", Kind::Application),
    ("chain_of_stages", Kind::Application),
    ("chown_and_links", Kind::Package),
];

/// The index of all cases, once the first one asked for it.
type Shared = Arc<Mutex<Option<Arc<Index>>>>;

/// Adds a test for each case.
pub fn add(trials: &mut Trials) {
    let shared = Shared::default();
    for (name, kind) in CASES {
        let shared = Arc::clone(&shared);
        trials.add(format!("dockerfiles::{name}"), move |stage| check(stage, name, kind, &*index(stage, &shared)?));
    }
}

fn index(stage: &Stage, shared: &Shared) -> Result<Arc<Index>> {
    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(index) = &*shared {
        return Ok(Arc::clone(index));
    }
    let index = Arc::new(Index::open(stage, "dockerfiles-index")?);
    projects::offer(&index)?;
    Ok(Arc::clone(shared.insert(index)))
}

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/dockerfiles")
}

fn check(stage: &Stage, name: &str, kind: Kind, index: &Index) -> Result<()> {
    let case = cases().join("cases").join(name);
    let context = Context::new(stage, &format!("dockerfile-{}", name.replace('_', "-")))?;
    context.remove("Dockerfile")?;
    projects::write(&context, kind, index)?;
    let file = "guide.Dockerfile";
    context.write(file, fs::read_to_string(case.join("Dockerfile"))?)?;
    let dockerfile = context.directory.join(file);
    let build = context.build().argument(format!("--file={}", dockerfile.display()));
    let build = match context.read(file)?.contains(IMAGE_OF_UV) {
        true => build.argument(format!("--build-context={IMAGE_OF_UV}=docker-image://{}", image_of_uv(stage)?)),
        false => build,
    };
    let theirs = build.push("dockerfiles")?;

    let program = ["uv-buildkit", "import", "--write", &dockerfile.to_string_lossy()].map(ToOwned::to_owned);
    let Command::Import { import } = Cli::try_parse_from(program)?.command else { bail!("another command") };
    let imported = cli::import::run(&import).map_err(|error| anyhow::anyhow!("{error}"))?.imported;
    let warnings: Vec<String> = imported.warnings.iter().map(|warning| warning.message.clone()).collect();
    for file in ["uv.build.toml", "Dockerfile"] {
        context.edit(file, "ghcr.io/uv-buildkit/uv-buildkit:1", stage.syntax())?;
    }
    let ours = context.build().push("dockerfiles").with_context(|| format!("{}\nfails", imported.config))?;
    let found = differences(stage, name, &theirs, &ours)?;
    let reasons = Reasons::read(&case.join("differences.txt"))?;
    let everywhere = Reasons::read(&cases().join("everywhere.txt"))?.of_import(&warnings);
    let wrong = judge(&reasons, &everywhere, &warnings, &found)?;
    ensure!(wrong.is_empty(), "{}\nwarnings: {warnings:#?}\nof the config\n{}", wrong.join("\n"), imported.config);
    Ok(())
}

/// An image of uv's with a python in it, which a lab does not have.
const IMAGE_OF_UV: &str = "ghcr.io/astral-sh/uv:0.13.9-python3.13-bookworm-slim";

/// What stands for it: the same python image, and uv where that image has it.
fn image_of_uv(stage: &Stage) -> Result<String> {
    let context = Context::new(stage, "image-of-uv")?;
    context.write(
        "Dockerfile",
        "FROM python:3.13-slim-bookworm\nCOPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /uvx /usr/local/bin/\n\
                                 ENV UV_TOOL_BIN_DIR=/usr/local/bin\nENTRYPOINT []\nCMD [\"/usr/local/bin/uv\"]\n",
    )?;
    Ok(context.build().push("dockerfiles")?.reference)
}

/// Patterns of differences, each list below its reason.
struct Reasons(Vec<(String, Vec<String>)>);

/// How the reason begins that is a warning of `import`.
const WARNING: &str = "import warns: ";

/// How the reason begins that is in the guide.
const GUIDE: &str = "the guide says: ";

/// A reason of this kind is below a warning that tells of something that no image shows.
const NOTHING: &str = "(no difference)";

impl Reasons {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut reasons: Vec<(String, Vec<String>)> = Vec::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match line.strip_prefix("  ") {
                Some(pattern) => {
                    reasons.last_mut().context("a difference without a reason")?.1.push(pattern.to_owned())
                }
                None => reasons.push((line.to_owned(), Vec::new())),
            }
        }
        Ok(Self(reasons))
    }

    /// Without the warnings that there are not.
    fn of_import(mut self, warnings: &[String]) -> Self {
        self.0.retain(|(reason, _)| {
            let words = reason.strip_prefix(WARNING);
            words.is_none_or(|words| warnings.iter().any(|warning| warning.contains(words)))
        });
        self
    }

    /// Patterns of all reasons.
    fn patterns(&self) -> impl Iterator<Item = &String> {
        self.0.iter().flat_map(|(_, patterns)| patterns)
    }
}

/// What is wrong with the differences and the reasons for them.
fn judge(own: &Reasons, everywhere: &Reasons, warnings: &[String], found: &BTreeSet<String>) -> Result<Vec<String>> {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides/migrating.md"))?;
    let guide = guide.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut wrong = Vec::new();
    for (reason, patterns) in own.0.iter().chain(&everywhere.0) {
        let is_one = match (reason.strip_prefix(WARNING), reason.strip_prefix(GUIDE)) {
            (Some(words), _) => warnings.iter().any(|warning| warning.contains(words)),
            (_, Some(words)) => guide.contains(words),
            _ => false,
        };
        if !is_one || patterns.is_empty() {
            wrong.push(format!("this is no reason: {reason}"));
        }
    }
    for pattern in own.patterns().filter(|pattern| *pattern != NOTHING) {
        if !found.iter().any(|line| matches(pattern, line)) {
            wrong.push(format!("no such difference: {pattern}"));
        }
    }
    let has_reason = |line: &String| own.patterns().chain(everywhere.patterns()).any(|pattern| matches(pattern, line));
    wrong.extend(found.iter().filter(|line| !has_reason(line)).map(|line| format!("no reason for: {line}")));
    let reasons = own.0.iter().chain(&everywhere.0).filter_map(|(reason, _)| reason.strip_prefix(WARNING));
    let reasons: Vec<&str> = reasons.collect();
    let idle = warnings.iter().filter(|warning| !reasons.iter().any(|words| warning.contains(words)));
    wrong.extend(idle.map(|warning| format!("a warning without a difference: {warning}")));
    Ok(wrong)
}

/// Whether a line has a form in which `*` stands for anything.
fn matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = pattern.contains('*').then(|| parts.next_back()).flatten() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Compares two images in a container that has both.
const COMPARISON: &str = "
FROM python:3.13-slim-bookworm AS comparison
COPY --from=script compare.py /
ARG THEIRS OURS
RUN --mount=from=theirs,target=/theirs --mount=from=ours,target=/ours python3 /compare.py \"$THEIRS\" \"$OURS\" /differences.json
FROM scratch
COPY --from=comparison /differences.json /
";

fn differences(stage: &Stage, name: &str, theirs: &Built, ours: &Built) -> Result<BTreeSet<String>> {
    let config = |built| Image::of(stage.lab(), built).map(|image| image.config["config"].clone());
    let (their_config, our_config) = (config(theirs)?, config(ours)?);
    let directory = stage.directory(&format!("comparison-of-{name}"))?;
    fs::write(directory.join("Dockerfile"), COMPARISON)?;
    fs::copy(cases().join("compare.py"), directory.join("compare.py"))?;
    let described = |root: &str, config: &Value| json!({ "root": root, "user": config["User"] }).to_string();
    let mut build = stage.lab().buildx(["build", "--quiet"]);
    build.arg(format!("--output=type=local,dest={}", directory.join("output").display()));
    build.arg(format!("--build-arg=THEIRS={}", described("/theirs", &their_config)));
    build.arg(format!("--build-arg=OURS={}", described("/ours", &our_config)));
    build.arg(format!("--build-context=script={}", directory.display()));
    build.arg(format!("--build-context=theirs=docker-image://{}", theirs.reference));
    build.arg(format!("--build-context=ours=docker-image://{}", ours.reference));
    run_captured(build.arg(&directory)).context("the comparison")?;
    let lines = fs::read(directory.join("output/differences.json"))?;
    let mut found: BTreeSet<String> = serde_json::from_slice(&lines)?;

    let directory = |config: &Value| Value::from(config["WorkingDir"].as_str().unwrap_or("/").trim_end_matches('/'));
    of_values("WorkingDir", &directory(&their_config), &directory(&our_config), &mut found);
    of_values("Healthcheck", &checked(&their_config), &checked(&our_config), &mut found);
    for key in ["StopSignal", "ExposedPorts", "Volumes", "Shell", "OnBuild"] {
        of_values(key, &their_config[key], &our_config[key], &mut found);
    }
    of_maps("label", &texts(&their_config["Labels"]), &texts(&our_config["Labels"]), &mut found);
    of_maps("variable", &variables(&their_config), &variables(&our_config), &mut found);
    let (their_words, our_words) = (words(&their_config), words(&our_config));
    if their_words != our_words {
        found.insert(format!("command: {their_words:?}, not {our_words:?}"));
    }
    Ok(found)
}

/// The check of an image. `CMD-SHELL` is another way to write that a shell runs it.
fn checked(config: &Value) -> Value {
    let mut check = config["Healthcheck"].clone();
    if let [kind, script] = &*check["Test"].as_array().cloned().unwrap_or_default()
        && kind == "CMD-SHELL"
    {
        let shell = config["Shell"].as_array().cloned().unwrap_or_else(|| vec![json!("/bin/sh"), json!("-c")]);
        check["Test"] = [vec![json!("CMD")], shell, vec![script.clone()]].concat().into();
    }
    check
}

fn of_values(what: &str, theirs: &Value, ours: &Value, found: &mut BTreeSet<String>) {
    let is_empty = |value: &Value| value.is_null() || *value == json!("") || *value == json!({});
    if theirs != ours && !(is_empty(theirs) && is_empty(ours)) {
        found.insert(format!("{what}: {theirs}, not {ours}"));
    }
}

fn of_maps(what: &str, theirs: &Texts, ours: &Texts, found: &mut BTreeSet<String>) {
    for key in theirs.keys().chain(ours.keys()) {
        match (theirs.get(key), ours.get(key)) {
            (Some(theirs), None) => found.insert(format!("{what} {key}: {theirs:?} is missing")),
            (None, Some(ours)) => found.insert(format!("{what} {key}: {ours:?} is new")),
            (Some(theirs), Some(ours)) if theirs != ours => {
                found.insert(format!("{what} {key}: {theirs:?}, not {ours:?}"))
            }
            _ => false,
        };
    }
}

type Texts = BTreeMap<String, String>;

fn texts(value: &Value) -> Texts {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect()
}

fn variables(config: &Value) -> Texts {
    let entries = config["Env"].as_array().into_iter().flatten().filter_map(Value::as_str);
    entries.filter_map(|entry| entry.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// All words that a container starts with.
fn words(config: &Value) -> Vec<String> {
    let words = |key: &str| config[key].as_array().into_iter().flatten().filter_map(Value::as_str);
    words("Entrypoint").chain(words("Cmd")).map(ToOwned::to_owned).collect()
}

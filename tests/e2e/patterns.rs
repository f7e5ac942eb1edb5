//! What each pattern of `docs/reference/patterns.md` does when it runs: images are built of the examples and started, as which user and with which
//! python, how large they are and what they answer; and what builds say that fail.
//!
//! `cargo xtask test patterns:: --nocapture` prints the rows of the table there, which has to say the same.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::container;
use crate::context::Context;
use crate::examples::adapt;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("patterns::caches", caches);
    trials.add_alone("patterns::no_cache", no_cache);
    trials.add("patterns::defaults", defaults);
    trials.add("patterns::distroless", distroless);
    trials.add("patterns::nothing_changed", nothing_changed);
    trials.add("patterns::args", args);
    trials.add("patterns::pinned_uv", pinned_uv);
    trials.add("patterns::own_base", own_base);
    trials.add("patterns::managed_python", managed_python);
    trials.add("patterns::account", account);
    trials.add("patterns::development", development);
    trials.add("patterns::lambda", lambda);
    trials.add("patterns::cloud_run", cloud_run);
    trials.add("patterns::service", service);
    trials.add("patterns::checks", checks);
    trials.add("patterns::ignored", ignored);
    trials.add("patterns::stale", stale);
    trials.add("patterns::pinned_base", pinned_base);
    trials.add("patterns::inspection", inspection);
}

/// A row of the table: what was done, and what came of it.
struct Row<'a> {
    number: u32,
    did: &'a str,
    answer: &'a str,
}

impl Row<'_> {
    /// One of an image that was started.
    fn of(self, stage: &Stage, reference: &str) -> Result<()> {
        let (user, python) = who(stage, reference)?;
        let bytes = compressed(stage, reference)?;
        let size = format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000);
        self.told(&[&user, &python, &size])
    }

    /// One of a build that made none.
    fn without_an_image(self) -> Result<()> {
        self.told(&["-", "-", "-"])
    }

    /// Prints it, and demands that the document says the same; python and size are those of the images at hand.
    fn told(self, [user, python, size]: &[&str; 3]) -> Result<()> {
        let Row { number, did, answer } = self;
        let answer = answer.trim().replace('\n', "; ").replace('|', "\\|");
        let answer = if answer.contains('`') { format!("`` {answer} ``") } else { format!("`{answer}`") };
        let row = format!("| {number} | `{did}` | {user} | {python} | {size} | {answer} |");
        eprintln!("{row}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/patterns.md");
        let text = fs::read_to_string(path)?;
        let cells = |line: &str| line.split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
        let start = format!("| {number} | `{did}` | ");
        let known = text.lines().find(|line| line.starts_with(&start));
        let known = cells(known.with_context(|| format!("docs/reference/patterns.md has no row\n{row}"))?);
        let found = cells(&row);
        let is_same = known.len() == found.len() && known[2] == found[2] && known.last() == found.last();
        ensure!(is_same, "docs/reference/patterns.md does not say\n{row}");
        Ok(())
    }
}

/// Shows a row of an image that a test elsewhere has started.
pub fn note(stage: &Stage, number: u32, did: &str, reference: &str, answer: &str) -> Result<()> {
    Row { number, did, answer }.of(stage, reference)
}

/// The user that containers run as, and their python.
fn who(stage: &Stage, reference: &str) -> Result<(String, String)> {
    const WHO: &str =
        "import os, pwd, sys; print('%s %d|%s' % (pwd.getpwuid(os.getuid())[0], os.getuid(), sys.version.split()[0]))";
    let command = ["-c", WHO].map(ToOwned::to_owned);
    let run = container::run(stage.lab(), reference, &["--entrypoint=python3".to_owned()], &command)?;
    let (user, python) = run.stdout.trim().split_once('|').with_context(|| format!("{run:?}"))?;
    Ok((user.to_owned(), python.to_owned()))
}

/// Bytes of the layers, as a registry has them.
pub fn compressed(stage: &Stage, reference: &str) -> Result<u64> {
    let manifest = run_captured(&mut stage.lab().crane(["manifest", "--platform=linux/amd64", reference]))?;
    let manifest: Value = serde_json::from_str(&manifest)?;
    let layers = manifest["layers"].as_array().context("a manifest without layers")?;
    Ok(layers.iter().filter_map(|layer| layer["size"].as_u64()).sum())
}

/// A copy of an example.
fn example<'a>(stage: &'a Stage, name: &str, test: &str) -> Result<Context<'a>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(name);
    let context = Context::copy(stage, &source, &format!("patterns-{test}"))?;
    adapt(stage, &context.directory.join("uv.build.toml"), &format!("patterns-{test}"))?;
    if !context.directory.join("uv.lock").exists() {
        run_captured(uv::command()?.args(["lock", "--quiet"]).current_dir(&context.directory))?;
    }
    Ok(context)
}

/// What a container prints, whose exit code is 0.
fn printed(stage: &Stage, built: &Built, arguments: &[&str], command: &[&str]) -> Result<String> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let run = container::run(stage.lab(), &built.reference, &owned(arguments), &owned(command))?;
    ensure!(run.exit_code == Some(0), "{run:?}");
    Ok(run.stdout)
}

/// What ran of a build, but for the layers that were put together, which takes no time.
fn executed(built: &Built) -> String {
    let steps = built.steps.executed.iter().map(|step| step.split_once("] ").map_or(step.as_str(), |(_, step)| step));
    let steps: BTreeSet<&str> = steps.filter(|step| *step != "assemble").collect();
    if steps.is_empty() { "no step ran".to_owned() } else { format!("ran: {}", Vec::from_iter(steps).join(", ")) }
}

/// The message of a build that failed, without what stands around it.
fn message(stage: &Stage, build: Build<'_>) -> Result<String> {
    let shown = build.fail()?;
    let line = shown.lines().find_map(|line| line.split_once("failed to solve: "));
    let (_, message) = line.with_context(|| format!("no error in:\n{shown}"))?;
    Ok(message.replace(stage.syntax(), "SYNTAX"))
}

const WORKER: &str = "services/worker/src/acme_worker/__init__.py";

fn caches(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "caches")?;
    context.build().target(Some("worker")).push("patterns")?;
    context.write(WORKER, format!("{}\n# {}\n", context.read(WORKER)?, stage.nonce()))?;
    let built = context.build().target(Some("worker")).push("patterns")?;
    let answer = format!("{}{}", printed(stage, &built, &[], &[])?, executed(&built));
    Row { number: 1, did: "--target worker", answer: &answer }.of(stage, &built.reference)
}

fn no_cache(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "no-cache")?;
    context.build().target(Some("worker")).push("patterns")?;
    let built = context.build().target(Some("worker")).argument("--no-cache-filter=acme-core").push("patterns")?;
    let answer = format!("{}{}", printed(stage, &built, &[], &[])?, executed(&built));
    Row { number: 3, did: "--target worker --no-cache-filter acme-core", answer: &answer }.of(stage, &built.reference)
}

fn defaults(stage: &Stage) -> Result<()> {
    let context = example(stage, "hello", "defaults")?;
    let built = context.build().push("patterns")?;
    let names = ["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"];
    let show = format!("import os; print(*[os.environ[name] for name in {names:?}])");
    let answer =
        format!("{}{}", printed(stage, &built, &[], &[])?, printed(stage, &built, &[], &["python", "-c", &show])?);
    Row { number: 4, did: "examples/hello", answer: &answer }.of(stage, &built.reference)
}

/// What a container answers over HTTP, in a port that `PORT` names.
fn asked(stage: &Stage, built: &Built, path: &str) -> Result<String> {
    container::get(stage.lab(), &built.reference, path)
}

fn distroless(stage: &Stage) -> Result<()> {
    let context = example(stage, "distroless", "distroless")?;
    let built = context.build().push("patterns")?;
    let answer = asked(stage, &built, "/")?;
    Row { number: 5, did: "examples/distroless", answer: &answer }.of(stage, &built.reference)
}

fn nothing_changed(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "nothing-changed")?;
    context.build().target(Some("worker")).push("patterns")?;
    context.write("services/api/src/acme_api/more.py", stage.nonce())?;
    context.write("uv.lock", format!("# {}\n{}", stage.nonce(), context.read("uv.lock")?))?;
    let built = context.build().target(Some("worker")).push("patterns")?;
    let answer = format!("{}{}", printed(stage, &built, &[], &[])?, executed(&built));
    Row { number: 6, did: "--target worker, api and uv.lock edited", answer: &answer }.of(stage, &built.reference)
}

fn args(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "args")?;
    let build = context.build().target(Some("worker"));
    let built = build.argument("--build-arg=PYTHON=3.11").argument("--build-arg=SHOP=another").push("patterns")?;
    let answer = printed(stage, &built, &[], &[])?;
    let did = "--target worker --build-arg PYTHON=3.11 --build-arg SHOP=another";
    Row { number: 7, did, answer: &answer }.of(stage, &built.reference)?;
    let context = example(stage, "fastapi", "args-of-fastapi")?;
    for target in ["notes", "notes-dev"] {
        let built = context.build().target(Some(target)).push("patterns")?;
        let find = "import importlib.util as u; print(*[n for n in ('fastapi', 'pytest') if u.find_spec(n)])";
        let answer = printed(stage, &built, &[], &["python", "-c", find])?;
        let did = format!("examples/fastapi --target {target}");
        Row { number: 7, did: &did, answer: &answer }.of(stage, &built.reference)?;
    }
    Ok(())
}

/// The digest of an image that the lab has.
fn digest(stage: &Stage, path: &str) -> Result<String> {
    let reference = match path.strip_prefix("ghcr.io/").filter(|_| stage.lab().has_stand_ins()) {
        Some(path) => format!("{}/{path}", stage.lab().registry()),
        None if stage.lab().has_stand_ins() => format!("{}/library/{path}", stage.lab().registry()),
        None => path.to_owned(),
    };
    Ok(run_captured(&mut stage.lab().crane(["digest", &reference]))?.trim().to_owned())
}

const NO_UV: &str = "command -v uv || echo no uv";

fn pinned_uv(stage: &Stage) -> Result<()> {
    const UV: &str = "ghcr.io/astral-sh/uv:0.13.9";
    let context = example(stage, "hello", "pinned-uv")?;
    let pinned = format!("[uv]\nimage = \"{UV}@{}\"\n\n", digest(stage, UV)?);
    context.write("uv.build.toml", format!("{pinned}{}", context.read("uv.build.toml")?))?;
    let built = context.build().push("patterns")?;
    let answer = format!("{}{}", printed(stage, &built, &[], &[])?, printed(stage, &built, &[], &["sh", "-c", NO_UV])?);
    Row { number: 8, did: "examples/hello with image = \"…@sha256:…\"", answer: &answer }.of(stage, &built.reference)
}

fn own_base(stage: &Stage) -> Result<()> {
    let base = stage.directory("patterns-base")?;
    fs::write(base.join("Dockerfile"), "FROM python:3.13-slim-bookworm\nRUN echo from my base > /etc/mine\n")?;
    let base = Build::of(stage, &base).push("patterns-base")?.reference;
    let context = example(stage, "hello", "own-base")?;
    context.edit("uv.build.toml", "[targets.hello]\n", &format!("[targets.hello]\nbase = \"{base}\"\n"))?;
    let built = context.build().push("patterns")?;
    let look = format!("cat /etc/mine; {NO_UV}");
    let answer = format!("{}{}", printed(stage, &built, &[], &[])?, printed(stage, &built, &[], &["sh", "-c", &look])?);
    Row { number: 9, did: "examples/hello with base = \"my/base\"", answer: &answer }.of(stage, &built.reference)
}

fn managed_python(stage: &Stage) -> Result<()> {
    let context = example(stage, "distroless", "managed-python")?;
    let built = context.build().target(Some("beacon-debian")).push("patterns")?;
    let show = "import sys; print(sys.executable, sys.base_prefix.rsplit('/', 1)[0])";
    let answer = printed(stage, &built, &[], &["python", "-c", show])?;
    Row { number: 10, did: "examples/distroless --target beacon-debian, python", answer: &answer }
        .of(stage, &built.reference)?;
    let answer = asked(stage, &built, "/")?;
    Row { number: 11, did: "examples/distroless --target beacon-debian", answer: &answer }.of(stage, &built.reference)
}

fn account(stage: &Stage) -> Result<()> {
    let context = example(stage, "hello", "account")?;
    let keys = "[targets.hello]\nuser = { name = \"nonroot\", uid = 999 }\nvolumes = [\"/data\"]\n";
    context.edit("uv.build.toml", "[targets.hello]\n", keys)?;
    let built = context.build().push("patterns")?;
    let script =
        "id; echo $HOME; echo kept > /data/file && ls /data; touch /app/.venv/file 2>/dev/null || echo not there";
    let answer = printed(stage, &built, &[], &["sh", "-c", script])?;
    Row { number: 12, did: "examples/hello with user and volumes", answer: &answer }.of(stage, &built.reference)
}

fn development(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "development")?;
    let built = context.build().target(Some("worker-dev")).push("patterns")?;
    context.edit(WORKER, "uid {", "edited, user {")?;
    let mount = format!("--volume={}:/src/services/worker", context.directory.join("services/worker").display());
    let answer = format!("{}{}", printed(stage, &built, &[], &[])?, printed(stage, &built, &[&mount], &[])?);
    Row { number: 13, did: "--target worker-dev, then with -v", answer: &answer }.of(stage, &built.reference)?;
    let built = context.build().target(Some("api-dev")).push("patterns")?;
    let answer = printed(stage, &built, &[], &["sh", "-c", "pwd; python -m checkrunner acme_api.checks"])?;
    Row { number: 14, did: "--target api-dev, sh", answer: &answer }.of(stage, &built.reference)
}

fn lambda(stage: &Stage) -> Result<()> {
    stage.lab().require_image("public.ecr.aws/lambda/python:3.13")?;
    let context = example(stage, "lambda", "lambda")?;
    let built = context.build().push("patterns")?;
    let event = "{\"items\": {\"tea\": 2, \"anvil\": 1}}";
    let answer = container::invoke(stage.lab(), &built.reference, &[], event)?;
    Row { number: 17, did: "examples/lambda", answer: &answer }.of(stage, &built.reference)
}

fn cloud_run(stage: &Stage) -> Result<()> {
    let context = example(stage, "fastapi", "cloud-run")?;
    let built = context.build().target(Some("notes-cloud-run")).push("patterns")?;
    let answer = asked(stage, &built, "/notes/2")?;
    Row { number: 18, did: "examples/fastapi --target notes-cloud-run", answer: &answer }.of(stage, &built.reference)
}

fn service(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "service")?;
    let built = context.build().target(Some("worker")).push("patterns")?;
    let answer = printed(stage, &built, &[], &[])?;
    Row { number: 19, did: "--target worker", answer: &answer }.of(stage, &built.reference)?;
    let built = context.build().target(Some("api")).push("patterns")?;
    let answer = asked(stage, &built, "/items/anvil")?;
    Row { number: 19, did: "--target api", answer: &answer }.of(stage, &built.reference)
}

fn checks(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "checks")?;
    let path = "services/api/src/acme_api/checks.py";
    context.write(path, format!("{}\n# {}\n", context.read(path)?, stage.nonce()))?;
    let built = context.build().target(Some("api")).push("patterns")?;
    let check = built.steps.executed.iter().find(|step| step.contains("checkrunner"));
    let check = check.context("the check did not run")?;
    let answer = format!("ran: {check}; {}", asked(stage, &built, "/items/anvil")?);
    Row { number: 20, did: "--target api, its check edited", answer: &answer }.of(stage, &built.reference)?;
    context.write(path, context.read(path)?.replace("49.99", "50.00"))?;
    let shown = message(stage, context.build().target(Some("api")))?;
    Row { number: 20, did: "--target api, its check broken", answer: &shown }.without_an_image()
}

fn ignored(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "ignored")?;
    context.write(".dockerignore", format!("{}packages/core\n", context.read(".dockerignore")?))?;
    let shown = message(stage, context.build().target(Some("worker")))?;
    Row { number: 21, did: "--target worker, with packages/core in .dockerignore", answer: &shown }
        .without_an_image()?;
    context.write("other.dockerignore", ".venv\n")?;
    context.write("other", context.read("Dockerfile")?)?;
    let file = format!("--file={}", context.directory.join("other").display());
    let built = context.build().argument(file).target(Some("worker")).push("patterns")?;
    let answer = printed(stage, &built, &[], &[])?;
    Row { number: 21, did: "--target worker --file other, with other.dockerignore", answer: &answer }
        .of(stage, &built.reference)
}

fn stale(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "stale")?;
    context.edit("services/worker/pyproject.toml", "\"acme-money\"]", "\"acme-money\", \"idna\"]")?;
    let shown = message(stage, context.build().target(Some("worker")))?;
    Row { number: 22, did: "--target worker, with another dependency", answer: &shown }.without_an_image()
}

fn pinned_base(stage: &Stage) -> Result<()> {
    const BASE: &str = "python:3.13-slim-bookworm";
    let context = example(stage, "hello", "pinned-base")?;
    let digest = digest(stage, BASE)?;
    context.edit("uv.build.toml", "[targets.hello]\n", &format!("[targets.hello]\nbase = \"{BASE}@{digest}\"\n"))?;
    let built = context.build().push("patterns")?;
    let materials = built.metadata["buildx.build.provenance"].to_string();
    ensure!(materials.contains(digest.trim_start_matches("sha256:")), "{digest} is no material: {materials}");
    let answer = format!("{}its digest is a material", printed(stage, &built, &[], &[])?);
    Row { number: 23, did: "examples/hello with base = \"…@sha256:…\"", answer: &answer }.of(stage, &built.reference)
}

fn inspection(stage: &Stage) -> Result<()> {
    let context = example(stage, "monorepo", "inspection")?;
    let plan = context.build().target(Some("worker")).call("uv.plan")?;
    let last = plan.lines().rfind(|line| line.contains("layers")).with_context(|| format!("no sum in:\n{plan}"))?;
    Row { number: 24, did: "--target worker --call=uv.plan", answer: last }.without_an_image()?;
    let files = context.build().target(Some("worker")).call("uv.files")?;
    let core =
        files.lines().find(|line| line.contains("acme-core")).with_context(|| format!("no member in:\n{files}"))?;
    let core = core.split_whitespace().collect::<Vec<_>>().join(" ");
    Row { number: 24, did: "--target worker --call=uv.files", answer: &core }.without_an_image()
}

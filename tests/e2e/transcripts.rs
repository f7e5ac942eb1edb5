//! Sessions with `docker buildx` as a user has them: snapshots of commands and of all that they print.
//!
//! They are made with a BuildKit of their own, one after the other, so that steps have their own names and what is cached is
//! known. `INSTA_UPDATE=always` accepts what changed; read the diff of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use xtask::builder::Builder;
use xtask::grounds::Grounds;

use crate::Trials;
use crate::pond::Pond;
use crate::server::Server;
use crate::stage::Stage;

/// Adds the test.
pub fn add(trials: &mut Trials) {
    trials.add("transcripts::sessions", sessions);
}

/// A user at work in a directory.
struct User<'a> {
    stage: &'a Stage,
    builder: &'a Builder,
    pond: &'a Pond<'a>,
    server: &'a Server,
}

fn sessions(stage: &Stage) -> Result<()> {
    let lab = stage.lab();
    lab.require_image(OF_BOTH)?;
    let pond = Pond::new(stage, "transcripts")?;
    let server = Server::open(stage, "transcripts-server")?;
    let grounds = Grounds::clear(&stage.directory("transcripts-grounds")?)?;
    let builder = Builder::start(lab, &grounds, "buildkitd", lab.registry())?;
    let user = User { stage, builder: &builder, pond: &pond, server: &server };
    let context = &pond.context;
    context.edit("uv.build.toml", "[targets.app]", "[args]\nPYTHON = \"3.13\"\n\n[targets.app]")?;
    server.commit("lake", &context.directory, "waters/pond")?;

    user.show("first_build", &["build ."])?;
    context.edit("members/pond-core/src/pond_core/__init__.py", "def main", "\ndef main")?;
    user.show("member_edited", &["build ."])?;
    user.show("no_cache_filter", &["build --no-cache-filter=pond-core ."])?;
    let git = user.server.url("lake.git#main:waters/pond");
    user.show("git_context", &[&format!("build {git}")])?;
    let base = "--build-context=python:3.13-slim-bookworm=docker-image://python:3.11-slim-bookworm";
    user.show("base_override", &[&format!("build {base} .")])?;
    let base = format!("--build-context=python:3.13-slim-bookworm=docker-image://{OF_BOTH}");
    user.show("two_platforms", &[&format!("build --platform=linux/amd64,linux/arm64 {base} .")])?;
    context.write("docker-bake.hcl", BAKE)?;
    user.show("bake_with_a_linked_target", &["bake app"])?;
    user.show("calls", &["build --call=targets .", "build --call=outline .", "build --call=subrequests.describe ."])?;
    user.show("plan", &["build --call=uv.plan ."])?;
    user.show("unknown_call", &["build --call=dreams ."])?;
    user.show("metadata_file", &["build --provenance=mode=max --metadata-file=metadata.json ."])?;
    context.remove("metadata.json")?;

    let config = context.read("uv.build.toml")?;
    context.write("uv.build.toml", format!("{config}\n[indexes.pond]\nsecret = \"pond-index\"\n"))?;
    pond.index.require(HEADER);
    user.show("secrets", &["build --call=outline .", "build --secret=id=pond-index,env=POND_AUTH ."])?;
    pond.index.admit_all();
    context.write("uv.build.toml", config)?;

    context.edit("uv.build.toml", "[args]\nPYTHON", "[args]\nPYHTON")?;
    user.show("build_arg_misspelled", &["build --build-arg=PYTHON=3.12 ."])?;
    context.edit("uv.build.toml", "PYHTON", "PYTHON")?;
    let lock = context.read("uv.lock")?;
    let without_hash = |line: &str| match line.contains("reed-1.0-py3") {
        true => line.split(", ").filter(|part| !part.starts_with("hash =")).collect::<Vec<_>>().join(", "),
        false => line.to_owned(),
    };
    context.write("uv.lock", lock.lines().map(without_hash).collect::<Vec<_>>().join("\n"))?;
    user.show("check_with_a_warning", &["build --check ."])?;
    context.edit("uv.build.toml", "[targets.app]\npackage", "[targets.app]\npakcage")?;
    user.show("error_with_an_excerpt", &["build .", "build --check ."])
}

/// A base that there is for two platforms.
const OF_BOTH: &str = "python:3.13.5-slim-trixie";

/// What `POND_AUTH` is in the user's environment.
const HEADER: &str = "Bearer sesame";

const BAKE: &str = r#"target "core" {
  dockerfile-inline = "FROM scratch\nCOPY members/pond-core /\n"
}

target "app" {
  contexts = { pond-core = "target:core" }
}
"#;

impl User<'_> {
    /// Runs commands of buildx and compares the session with its snapshot.
    fn show(&self, name: &str, commands: &[&str]) -> Result<()> {
        let session = commands.iter().map(|command| self.run(command)).collect::<Result<Vec<_>>>()?.join("\n");
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/transcripts"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let syntax = self.stage.syntax();
        let (image, _) = syntax.split_once('@').unwrap_or((syntax, ""));
        for text in [syntax, image] {
            settings.add_filter(&escaped(text), "ghcr.io/uv-buildkit/uv-buildkit:1");
        }
        settings.add_filter(&escaped(&self.stage.nonce()), "[nonce]");
        settings.add_filter("[0-9a-f]{64}", "[digest]");
        // What two targets of one bake need has the name of the one that asked first.
        settings.add_filter(r"(?m)^\w+ +\[(app|core) (1/1\] COPY .*|internal\] load build context)\n", "");
        // Colours.
        settings.add_filter("\u{1b}\\[[0-9;]*m", "");
        settings.add_filter("[0-9a-f]{40}", "[commit]");
        settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:[port]");
        settings.add_filter(r"3\.(11|13)\.\d+", "3.$1.[patch]");
        settings.add_filter(r"glibc-2\.\d+", "glibc-2.[minor]");
        settings.bind(|| insta::assert_snapshot!(name, session));
        Ok(())
    }

    /// A prompt with the command, and what it printed.
    fn run(&self, command: &str) -> Result<String> {
        let words: Vec<&str> = command.split(' ').collect();
        let mut buildx = self.builder.buildx(self.stage.lab(), &words[..1]);
        if !command.contains("--call") && !command.contains("--check") {
            buildx.arg("--progress=plain");
            buildx.arg(if words[0] == "bake" { "--set=*.output=type=cacheonly" } else { "--output=type=cacheonly" });
        } else {
            buildx.arg("--progress=quiet");
        }
        buildx.env("POND_AUTH", HEADER);
        buildx.args(&words[1..]).current_dir(&self.pond.context.directory).stdin(Stdio::null());
        let output = buildx.output().context("cannot start docker")?;
        let mut session = format!("$ docker buildx {command}\n");
        session += &String::from_utf8_lossy(&output.stdout);
        let progress = Progress::parse(&String::from_utf8_lossy(&output.stderr))?;
        session += &progress.text();
        if let Some(code) = output.status.code().filter(|code| *code != 0) {
            session += &format!("[exit code {code}]\n");
        }
        if command.contains("--metadata-file") {
            session += &self.materials()?;
        }
        Ok(session)
    }

    /// What a metadata file says that an image is made of, but for the frontend, whose name is another one in each lab.
    fn materials(&self) -> Result<String> {
        const QUERY: &str = ".\"buildx.build.provenance\".materials[] | .uri, .digest";
        let metadata: Value = serde_json::from_slice(&fs::read(self.pond.context.directory.join("metadata.json"))?)?;
        let materials = &metadata["buildx.build.provenance"]["materials"];
        let materials = materials.as_array().with_context(|| format!("no materials in {metadata}"))?;
        let materials = materials.iter().filter(|material| !material["uri"].to_string().contains("/uv-buildkit/"));
        let lines: BTreeSet<String> =
            materials.map(|material| format!("{} {}\n", material["uri"], material["digest"])).collect();
        Ok(format!("\n$ jq -c '{QUERY}' metadata.json\n") + &lines.into_iter().collect::<String>())
    }
}

/// A text for a regular expression.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|letter| if letter.is_alphanumeric() { vec![letter] } else { vec!['\\', letter] }).collect()
}

/// What `--progress=plain` prints: steps that run at once take turns, and what they are in the end is told here once.
#[derive(Default)]
struct Progress {
    /// By its number, the name of a step and what became of it.
    steps: BTreeMap<String, (String, String)>,
    /// Everything else.
    lines: Vec<String>,
}

impl Progress {
    fn parse(text: &str) -> Result<Self> {
        let mut progress = Self::default();
        let mut in_log = false;
        for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
            // The last lines of the log of a step that failed: how many there are differs from run to run.
            let is_rule = line == "------";
            in_log ^= is_rule;
            let numbered = line.strip_prefix('#').and_then(|rest| rest.split_once(' '));
            let Some((number, rest)) = numbered.filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()))
            else {
                if is_rule || !in_log || line.starts_with(" > ") {
                    progress.lines.push(line.to_owned());
                }
                continue;
            };
            let step = progress.steps.entry(number.to_owned()).or_insert_with(|| (rest.to_owned(), String::new()));
            let state = rest.split([' ', ':']).next().unwrap_or_default();
            if ["DONE", "CACHED", "ERROR", "CANCELED"].contains(&state) {
                step.1 = state.to_lowercase();
            }
        }
        for (name, _) in progress.steps.values() {
            ensure!(!name.is_empty(), "a step without a name in\n{text}");
        }
        Ok(progress)
    }

    fn text(&self) -> String {
        // Images, wheels and files are looked at in every build; how buildx tells the end of that differs from run to run, and
        // so does whether the end of a step is told that was found in the cache.
        let is_source = |name: &str| [" fetch ", "] image ", "] load "].iter().any(|words| name.contains(words));
        let state = |name: &str, told: &str| match told {
            "done" | "cached" | "" if is_source(name) => "source".to_owned(),
            "" => "cached".to_owned(),
            told => told.to_owned(),
        };
        let lines = self.steps.values().map(|(name, told)| format!("{:<8} {name}\n", state(name, told)));
        let steps: BTreeSet<String> = lines.collect();
        let mut steps: Vec<String> = steps.into_iter().collect();
        // How the client finds builder and frontend is nothing that the frontend says.
        steps.retain(|line| !line.contains("docker-image://") && !line.contains("building with"));
        // The kinds of steps in the order in which they come, and their own order within.
        steps.sort_by_key(|line| line[9..].to_owned());
        steps.concat() + &self.lines.iter().map(|line| format!("{line}\n")).collect::<String>()
    }
}

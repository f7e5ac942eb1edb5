//! What an image is made of: its layers, its config, and the process that it starts.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use xtask::builder::Builder;
use xtask::grounds::Grounds;

use crate::Trials;
use crate::build::{Build, Built};
use crate::container;
use crate::image::Image;
use crate::layer::{self, Entry, Layer};
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("contents::pond", pond);
    trials.add("contents::runtime", runtime);
    trials.add_alone("contents::built_twice", built_twice);
    trials.add("contents::entrypoint_of_the_base", entrypoint_of_the_base);
}

/// Asked in a container: who it is and what it finds.
const SELF_PORTRAIT: &str = "
import json, os, pathlib, pwd, shutil, sys
me = pwd.getpwuid(os.getuid())
print(json.dumps({
    'ids': [os.getuid(), os.getgid(), os.getgroups()],
    'shell': me.pw_shell,
    'name': me.pw_name,
    'home': [me.pw_dir, os.access(me.pw_dir, os.W_OK)],
    'writable': [path for path in ('/app', '/app/.venv', '/etc', sys.prefix) if os.access(path, os.W_OK)],
    'tools': [tool for tool in ('uv', 'uvx', 'pip', 'hatchling') if shutil.which(tool)],
    'leftovers': [path for path in ('/opt/uv-buildkit', '/src', '/build', '/wheels', '/built', '/cache', '/out')
                  if os.path.exists(path)],
    'python': sys.executable,
    'workdir': os.getcwd(),
}))
";

fn pond(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "contents")?;
    pond.context.edit("uv.build.toml", "default-target = \"app\"", "[args]\nWHO = \"nobody\"")?;
    pond.context.edit(
        "uv.build.toml",
        "package = \"pond-app\"\n\n",
        "package = \"pond-app\"\nenv = { WHO = \"${args.WHO}\" }\n\n",
    )?;
    let build = pond.context.build().target(Some("app"));
    let build = build.argument("--label=org.example.title=a pond").argument("--build-arg=WHO=the heron");
    let built = build.push("contents")?;
    let image = Image::of(stage.lab(), &built)?;

    let config = &image.config["config"];
    ensure!(config["User"] == "999:999" && config["WorkingDir"] == "/app", "{config}");
    // No shell stands between the image and the program.
    ensure!(config["Cmd"] == json!(["pond-app"]) && config["Entrypoint"].is_null(), "{config}");
    ensure!(config["Labels"]["org.example.title"] == "a pond", "{config}");
    let env: Vec<&str> = config["Env"].as_array().context("Env")?.iter().filter_map(Value::as_str).collect();
    for variable in ["WHO=the heron", "PYTHONUNBUFFERED=1", "VIRTUAL_ENV=/app/.venv"] {
        ensure!(env.contains(&variable), "`{variable}` is not in {env:?}");
    }
    ensure!(env.iter().any(|variable| variable.starts_with("PATH=/app/.venv/bin:")), "{env:?}");

    let history = image.config["history"].as_array().context("history")?;
    let lines = history.iter().filter(|entry| entry["empty_layer"] != true).count();
    ensure!(lines == image.layers.len(), "{lines} lines of history for {} layers", image.layers.len());

    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let members: Vec<&str> = layers.iter().rev().take(2).map(|layer| layer.history.as_str()).collect();
    ensure!(members == ["build and install pond-app 1.0", "build and install pond-core 1.0"], "{members:?}");
    for layer in &layers {
        check_layer(layer).with_context(|| format!("layer `{}`", layer.history))?;
    }
    check_process(stage, &built)
}

/// 1980-01-01.
const EPOCH: u64 = 315_532_800;

/// Directories on the way to the environment and to the user's home, and the files that tell of the user.
const EXPECTED: [&str; 7] = ["app", "app/.venv", "etc", "etc/group", "etc/passwd", "home", HOME];
const HOME: &str = "home/app";

fn check_layer(layer: &Layer) -> Result<()> {
    ensure!(!layer.entries.is_empty(), "it is empty");
    for (path, entry) in &layer.entries {
        let Entry { owner, modified, .. } = entry;
        ensure!(*modified == EPOCH, "{path} has the time {modified}");
        ensure!(*owner == if path == HOME { (999, 0) } else { (0, 0) }, "{path} belongs to {owner:?}");
        ensure!(EXPECTED.contains(&path.as_str()) || path.starts_with("app/.venv/"), "{path} is left over");
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_ours = !name.starts_with(".wh.") && ![".lock", "uv_cache.json"].contains(&name);
        ensure!(is_ours && !path.contains("pond_unused"), "{path} is left over");
        if let Some(module) = name.strip_suffix(".py")
            && path.contains("/site-packages/")
        {
            let directory = path.strip_suffix(name).unwrap_or_default();
            let bytecode = format!("{directory}__pycache__/{module}.cpython-313.pyc");
            let compiled = layer.entries.get(&bytecode).with_context(|| format!("{path} has no bytecode"))?;
            let header = compiled.content.as_deref().and_then(|content| content.get(4..8));
            // Bit 0: keyed by a hash of the source; bit 1, unset: which is not looked at (PEP 552).
            ensure!(header == Some(&[1, 0, 0, 0]), "{bytecode} is not of the kind that no time can stale: {header:?}");
        }
    }
    Ok(())
}

/// The root directory may be read-only, too: nothing is written at start.
fn check_process(stage: &Stage, built: &Built) -> Result<()> {
    let run = container::run(stage.lab(), &built.reference, &["--read-only".to_owned()], &[])?;
    ensure!(run.stdout == "pond-app\n" && run.exit_code == Some(0), "{run:?}");
    let portrait = ["python", "-c", SELF_PORTRAIT].map(ToOwned::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &portrait)?;
    let told: Value = serde_json::from_str(&run.stdout).with_context(|| format!("{run:?}"))?;
    let expected = json!({
        "ids": [999, 999, [999]],
        "shell": "/usr/sbin/nologin",
        "name": "app",
        "home": ["/home/app", true],
        "writable": [],
        "tools": [],
        "leftovers": [],
        "python": "/app/.venv/bin/python",
        "workdir": "/app",
    });
    ensure!(told == expected, "a container says of itself {told}, not {expected}");
    Ok(())
}

/// What an image tells whoever runs it, and a directory that the application may write to.
fn runtime(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "runtime")?;
    let keys = "healthcheck = { cmd = [\"pond-app\"], interval = \"1m 30s\", timeout = \"5s\", retries = 2 }\n\
                stop-signal = \"SIGINT\"\nvolumes = [\"/var/pond/water\"]\n";
    pond.context.edit("uv.build.toml", "[targets.app]\n", &format!("[targets.app]\n{keys}"))?;
    let built = pond.context.build().push("runtime")?;
    let image = Image::of(stage.lab(), &built)?;
    let runtime = &image.config["config"];
    let expected = json!({
        "Test": ["CMD", "pond-app"], "Interval": 90_000_000_000_i64, "Timeout": 5_000_000_000_i64, "Retries": 2,
    });
    ensure!(runtime["Healthcheck"] == expected, "{}", runtime["Healthcheck"]);
    ensure!(runtime["StopSignal"] == "SIGINT" && runtime["Volumes"] == json!({ "/var/pond/water": {} }), "{runtime}");

    let write = "import os; open('/var/pond/water/fish', 'w').close(); print(os.access('/var/pond', os.W_OK))";
    let command = ["python", "-c", write].map(ToOwned::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &command)?;
    ensure!(run.stdout == "False\n" && run.exit_code == Some(0), "{run:?}");
    Ok(())
}

/// Steps that run again make the same image to the byte, which has the time that it was given; so do those of another builder. By
/// another compression the layers are the same when they are unpacked.
fn built_twice(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "twice")?;
    let first = Image::of(stage.lab(), &pond.context.build().push("twice")?)?;
    let again = pond.context.build().argument("--no-cache").push("twice")?;
    let executed = &again.steps.executed;
    for step in ["create /app/.venv", "install lily 1.0 and pebble 1.0", "build and install pond-app 1.0"] {
        ensure!(executed.iter().any(|name| name.ends_with(step)), "`{step}` did not run again, but {executed:?}");
    }
    let again = Image::of(stage.lab(), &again)?;
    let changed = again.changed_from(&first)?;
    ensure!(changed.is_empty(), "these layers differ when they are built again: {changed:?}");
    ensure!(again.config["created"] == "1980-01-01T00:00:00Z", "{}", again.config["created"]);
    ensure!(again.config == first.config, "the configs differ: {} and {}", first.config, again.config);
    // The config has the digests of the layers before they are compressed.
    let zstd = "compression=zstd,force-compression=true,oci-mediatypes=true";
    let compressed = Image::of(stage.lab(), &pond.context.build().exported(zstd).push("twice")?)?;
    ensure!(compressed.config == first.config, "the configs differ: {} and {}", first.config, compressed.config);
    let is_other = compressed.layers.iter().zip(&first.layers).all(|(zstd, gzip)| zstd != gzip);
    ensure!(is_other, "the layers were not compressed by zstd: {:?}", compressed.layers);
    // Another builder of the same version, which has nothing yet.
    let grounds = Grounds::clear(&stage.directory("twice-grounds")?)?;
    let builder = Builder::start(stage.lab(), &grounds, "buildkitd", stage.lab().registry())?;
    let elsewhere = Image::of(stage.lab(), &pond.context.build().by(&builder).push("twice")?)?;
    ensure!(elsewhere == first, "another builder makes another image: {elsewhere:?} instead of {first:?}");
    let dated = pond.context.build().argument("--build-arg=SOURCE_DATE_EPOCH=1700000000").push("twice")?;
    let dated = Image::of(stage.lab(), &dated)?;
    ensure!(dated.config["created"] == "2023-11-14T22:13:20Z", "{}", dated.config["created"]);
    Ok(())
}

/// As in a Dockerfile, a command is for the entrypoint of the base, until the config says otherwise. A python is none for commands.
fn entrypoint_of_the_base(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "entrypoint")?;
    let base = |name: &str, entrypoint: &str| -> Result<String> {
        let directory = stage.directory(name)?;
        fs::write(directory.join("Dockerfile"), format!("FROM python:3.13-slim-bookworm\nENTRYPOINT {entrypoint}\n"))?;
        let pushed = Build::of(stage, &directory).argument("--provenance=false").push("entrypoint")?.reference;
        Ok(format!("--build-context=python:3.13-slim-bookworm=docker-image://{pushed}"))
    };
    let wrapper = base("entrypoint-wrapper", "[\"env\", \"WRAPPED=yes\"]")?;
    let python = base("entrypoint-python", "[\"/usr/bin/python3\"]")?;
    let config = pond.context.read("uv.build.toml")?;
    let command = "cmd = [\"sh\", \"-c\", \"echo $WRAPPED-$VIRTUAL_ENV\"]";
    for (base, keys, printed) in [
        (&wrapper, command.to_owned(), "yes-/app/.venv\n"),
        (&wrapper, format!("{command}\nentrypoint = []"), "-/app/.venv\n"),
        (&python, command.to_owned(), "-/app/.venv\n"),
        (&wrapper, String::new(), "pond-app\n"),
        (&python, "entrypoint = []".to_owned(), "pond-app\n"),
    ] {
        let keys = format!("[targets.app]\n{keys}\n");
        pond.context.write("uv.build.toml", config.replacen("[targets.app]\n", &keys, 1))?;
        let built = pond.context.build().argument(base).push("entrypoint")?;
        let run = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(run.stdout == printed, "with `{keys}` over {base}: {run:?}");
    }
    Ok(())
}

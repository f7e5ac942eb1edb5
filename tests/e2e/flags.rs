//! Flags of `docker buildx build` that are not about what is built: containers of steps, proxies, what goes with an image.

use std::fs::File;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tar::{Builder, Header};
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::equality::BASE;
use crate::image::Image;
use crate::pond::Pond;
use crate::project::SETUPTOOLS;
use crate::sources::BUILDER;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("flags::containers_of_steps", containers_of_steps);
    trials.add("flags::limits", limits);
    trials.add("flags::cache_namespace", cache_namespace);
    trials.add("flags::no_network", no_network);
    trials.add("flags::proxies", proxies);
    trials.add("flags::in_vain", in_vain);
    trials.add("flags::refused", refused);
    trials.add("flags::unknown_capability", unknown_capability);
    trials.add("flags::checks", checks);
    trials.add("flags::annotations", annotations);
    trials.add("flags::metadata_file", metadata_file);
    trials.add("flags::epoch", epoch);
    trials.add_alone("flags::no_cache", no_cache);
}

/// The backend of two projects whose builds tell of their containers.
const BACKEND: &str = include_str!("backend.py");

const OFFLINE: &str = "of-a-member";
const ONLINE: &str = "of-an-sdist";
/// A project with a cache.
const COMPILED: &str = "compiled";

/// A project that depends on one built as a member, without a network, and on one built from a source distribution, to which the config
/// gives one.
fn witnesses<'a>(stage: &'a Stage, name: &str) -> Result<Context<'a>> {
    let context = Context::new(stage, name)?;
    let manifest = |name: &str| {
        format!(
            "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
             [build-system]\nrequires = []\nbuild-backend = \"backend\"\nbackend-path = [\".\"]\n"
        )
    };
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"court\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
             dependencies = [\"{OFFLINE}\", \"{ONLINE}\"]\n\n[project.scripts]\ncourt = \"court:main\"\n\n\
             [build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n\n\
             [tool.uv.workspace]\nmembers = [\"{OFFLINE}\"]\n\n[tool.uv.sources]\n{OFFLINE} = {{ workspace = true }}\n\
             {ONLINE} = {{ path = \"vendor/of_an_sdist-1.0.tar.gz\" }}\n"
        ),
    )?;
    let report = "import json\n\nfrom of_a_member import FACTS as offline\nfrom of_an_sdist import FACTS as online\n\n\n\
                  def main():\n    print(json.dumps({\"offline\": offline, \"online\": online}))\n";
    context.write("src/court/__init__.py", report)?;
    context.write(&format!("{OFFLINE}/pyproject.toml"), manifest(OFFLINE))?;
    // What was built by another run tells of another container.
    let backend = format!("{BACKEND}\n# {} {name}\n", stage.nonce());
    context.write(&format!("{OFFLINE}/backend.py"), &backend)?;
    context.write("vendor/README", "")?;
    context.write("uv.build.toml", format!("[packages.{ONLINE}]\nnetwork = true\n"))?;
    let archive = File::create(context.directory.join("vendor/of_an_sdist-1.0.tar.gz"))?;
    let mut archive = Builder::new(GzEncoder::new(archive, Compression::fast()));
    let metadata = format!("Metadata-Version: 2.2\nName: {ONLINE}\nVersion: 1.0\nRequires-Python: >=3.11\n");
    for (path, text) in [("pyproject.toml", manifest(ONLINE)), ("PKG-INFO", metadata), ("backend.py", backend)] {
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("of_an_sdist-1.0/{path}"), text.as_bytes())?;
    }
    archive.into_inner()?.finish()?;
    context.lock()?;
    Ok(context)
}

/// What the two found when the image was built.
fn testimony(stage: &Stage, build: Build<'_>) -> Result<Value> {
    let built = build.push("flags")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    serde_json::from_str(&run.stdout).with_context(|| format!("{run:?}"))
}

fn containers_of_steps(stage: &Stage) -> Result<()> {
    let context = witnesses(stage, "containers")?;
    let flags = [
        "--add-host=index.example:10.9.8.7",
        "--ulimit=nofile=1000:2000",
        "--shm-size=8m",
        "--cgroup-parent=/uv-buildkit-e2e",
        "--build-arg=BUILDKIT_SANDBOX_HOSTNAME=the-pond",
    ];
    let told = testimony(stage, flags.iter().fold(context.build(), |build, flag| build.argument(*flag)))?;
    for step in ["offline", "online"] {
        let found = &told[step];
        ensure!(found["hostname"] == "the-pond", "{step}: {found}");
        // uv takes for itself and for what it starts as much as it may.
        ensure!(found["nofile"][1] == 2000, "{step}: {found}");
        ensure!(found["shm"] == 8 << 20, "{step}: {found}");
        // Where a step sees its control group as the root, nothing of this tells.
        let cgroup = found["cgroup"].as_array().context("cgroup")?;
        let cgroup: Vec<&str> = cgroup.iter().filter_map(Value::as_str).collect();
        ensure!(cgroup.iter().any(|line| line.contains("uv-buildkit-e2e") || line.ends_with(":/")), "{cgroup:?}");
    }
    let hosts = |step: &str| told[step]["hosts"].to_string();
    ensure!(hosts("online").contains("\"10.9.8.7\",\"index.example\""), "{}", hosts("online"));
    ensure!(!hosts("offline").contains("index.example"), "{}", hosts("offline"));
    Ok(())
}

/// Steps get no more than they may; how much that is makes nothing anew.
fn limits(stage: &Stage) -> Result<()> {
    let context = witnesses(stage, "limits")?;
    let build = |memory: &str| context.build().argument(format!("--memory={memory}")).argument("--cpuset-cpus=0");
    let told = testimony(stage, build("777m"))?;
    for step in ["offline", "online"] {
        let found = &told[step];
        ensure!(found["cpus"] == 1 && found["memory"] == "814743552", "{step}: {found}");
    }
    let executed = build("1g").push("flags")?.steps.executed;
    ensure!(executed.is_empty(), "another limit made these run: {executed:?}");
    Ok(())
}

/// Caches of one namespace are none of another's: BuildKit knows them by their ids.
fn cache_namespace(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "cache-namespace")?;
    let manifest = format!(
        "[project]\nname = \"{COMPILED}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[build-system]\n{SETUPTOOLS}"
    );
    context.write("pyproject.toml", format!("{manifest}\n[tool.setuptools]\npy-modules = [\"compiled\"]\n"))?;
    context.write("compiled.py", format!("# {}\n", stage.nonce()))?;
    // A `setup.py` may compile where there is what compiles it.
    context.write("uv.build.toml", format!("[targets.app]\nbase = \"{BASE}\"\nbuilder = \"{BUILDER}\"\n"))?;
    stage.lab().require_image(BUILDER)?;
    context.lock()?;
    let namespace = format!("ns-{}", stage.nonce());
    context.build().argument(format!("--build-arg=BUILDKIT_CACHE_MOUNT_NS={namespace}")).push("flags")?;
    let usage = run_captured(&mut stage.lab().buildx(["du", "--verbose"]))?;
    let cache = format!("with id \"{namespace}/uv-buildkit-member-{COMPILED}-");
    ensure!(usage.contains(&cache), "no cache `{cache}` in\n{usage}");
    Ok(())
}

/// A build has a network if the config gives it one, unless the user says no.
fn no_network(stage: &Stage) -> Result<()> {
    let context = witnesses(stage, "network")?;
    let alone = serde_json::json!(["lo"]);
    let told = testimony(stage, context.build())?;
    ensure!(told["offline"]["links"] == alone && told["online"]["links"] != alone, "{told}");
    let told = testimony(stage, context.build().argument("--network=none"))?;
    ensure!(told["offline"]["links"] == alone && told["online"]["links"] == alone, "{told}");
    Ok(())
}

/// Proxies reach steps with a network, are not in the image, and do not make anything anew.
fn proxies(stage: &Stage) -> Result<()> {
    let context = witnesses(stage, "proxies")?;
    let build = |port: u16| {
        let http = format!("--build-arg=HTTP_PROXY=http://127.0.0.1:{port}");
        let build = context.build().argument(http).argument("--build-arg=no_proxy=index.example");
        build.argument("--provenance=false").push("flags")
    };
    let first = build(3128)?;
    let run = container::run(stage.lab(), &first.reference, &[], &[])?;
    let told: Value = serde_json::from_str(&run.stdout).with_context(|| format!("{run:?}"))?;
    let expected = serde_json::json!({ "HTTP_PROXY": "http://127.0.0.1:3128", "NO_PROXY": "index.example" });
    ensure!(told["online"]["proxies"] == expected && told["offline"]["proxies"] == serde_json::json!({}), "{told}");
    let image = Image::of(stage.lab(), &first)?;
    ensure!(!image.config.to_string().contains("3128"), "{}", image.config);
    let second = build(3129)?;
    ensure!(second.steps.executed.is_empty(), "another proxy made these run: {:?}", second.steps.executed);
    ensure!(second.reference == first.reference, "another proxy made another image");
    Ok(())
}

/// What buildx prints of a build that succeeds.
fn shown(context: &Context<'_>, arguments: &[&str]) -> Result<String> {
    let build = context.build();
    arguments.iter().fold(build, |build, argument| build.argument(*argument)).show()
}

fn in_vain(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "in-vain")?;
    pond.context.edit("uv.build.toml", "[targets.app]", "[args]\nVERSION = \"1\"\n\n[targets.app]")?;
    let shown = shown(
        &pond.context,
        &["--build-arg=VERSIN=2", "--build-arg=BUILDKIT_SBOM_SCAN_STAGE=true", "--build-arg=http_proxy=x"],
    )?;
    for warning in [
        "build arg `VERSIN` is not used",
        "build arg `BUILDKIT_SBOM_SCAN_STAGE`: only the image itself is scanned",
        "2 warnings found",
    ] {
        ensure!(shown.contains(warning), "no `{warning}` in\n{shown}");
    }
    Ok(())
}

fn refused(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "refused")?;
    let shown = pond.context.build().argument("--build-arg=SOURCE_DATE_EPOCH=yesterday").fail()?;
    ensure!(shown.contains("`yesterday` is not a number of seconds"), "{shown}");
    pond.context.edit("Dockerfile", "\n", "\n# check=quiet\n")?;
    let shown = pond.context.build().fail()?;
    ensure!(shown.contains("option `check`: `quiet` is not `skip=RULE,RULE;error=true`"), "{shown}");
    Ok(())
}

/// Both BuildKit, which reads the image's label, and the frontend refuse what they do not know.
fn unknown_capability(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "capability")?;
    let directory = pond.context.directory.display();
    let mut build = stage.lab().buildctl(["build", "--progress=plain", "--frontend=gateway.v0"]);
    build.arg(format!("--opt=source={}", stage.syntax_in_registry()));
    build.args([format!("--local=context={directory}"), format!("--local=dockerfile={directory}")]);
    let output = build.arg("--opt=frontend.caps=moby.buildkit.frontend.dreams").stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it was built:\n{text}");
    ensure!(text.contains("unsupported frontend capability moby.buildkit.frontend.dreams"), "{text}");
    Ok(())
}

/// Findings are skipped, or fail a build, by the build arg and by a line of the config.
fn checks(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "checks")?;
    // A wheel without a hash is fetched with a warning.
    let lock = pond.context.read("uv.lock")?;
    let without: Vec<String> = lock
        .lines()
        .map(|line| match line.contains("reed-1.0-py3") {
            true => line.split(", ").filter(|part| !part.starts_with("hash =")).collect::<Vec<_>>().join(", "),
            false => line.to_owned(),
        })
        .collect();
    pond.context.write("uv.lock", without.join("\n"))?;
    let check = |arguments: &[&str]| -> Result<(bool, String)> {
        let mut command = stage.lab().buildx(["build", "--progress=quiet", "--check"]);
        let output = command.args(arguments).arg(&pond.context.directory).stdin(Stdio::null()).output()?;
        Ok((
            output.status.success(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        ))
    };
    let (is_clean, text) = check(&[])?;
    ensure!(!is_clean && text.contains("lock::no_hash"), "{text}");
    let (is_clean, text) = check(&["--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=lock::no_hash"])?;
    ensure!(is_clean && !text.contains("lock::no_hash"), "{text}");
    let shown = shown(&pond.context, &[])?;
    ensure!(shown.contains("1 warning found"), "{shown}");
    pond.context.edit("Dockerfile", "\n", "\n# check=error=true\n")?;
    let failed = pond.context.build().fail()?;
    ensure!(failed.contains("`reed` has no hash") || failed.contains("reed"), "{failed}");
    pond.context.build().argument("--build-arg=BUILDKIT_DOCKERFILE_CHECK=skip=all;error=true").show()?;
    Ok(())
}

/// The exporter writes them; they are nothing to the frontend, which must not refuse them.
fn annotations(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "annotations")?;
    let build = pond.context.build().argument("--annotation=manifest:org.example.what=a pond");
    let built = build.argument("--annotation=index:org.example.whose=mine").push("flags")?;
    let index: Value = serde_json::from_str(&run_captured(&mut stage.lab().crane(["manifest", &built.reference]))?)?;
    ensure!(index["annotations"]["org.example.whose"] == "mine", "{index}");
    let manifest = run_captured(&mut stage.lab().crane(["manifest", "--platform=linux/amd64", &built.reference]))?;
    let manifest: Value = serde_json::from_str(&manifest)?;
    ensure!(manifest["annotations"]["org.example.what"] == "a pond", "{manifest}");
    Ok(())
}

/// What `--metadata-file` tells: the digest, and every wheel and image among the materials.
fn metadata_file(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "metadata")?;
    let told = pond.context.build().argument("--provenance=mode=max").push("flags")?.metadata;
    let dependencies = told["buildx.build.provenance"]["buildDefinition"]["resolvedDependencies"]
        .as_array()
        .or_else(|| told["buildx.build.provenance"]["materials"].as_array())
        .with_context(|| format!("no materials in {told}"))?;
    let digest_of = |part: &str| {
        let found = dependencies.iter().find(|material| material["uri"].as_str().is_some_and(|uri| uri.contains(part)));
        found.and_then(|material| material["digest"]["sha256"].as_str())
    };
    let lock = pond.context.read("uv.lock")?;
    for wheel in ["heron-1.0", "lily-1.0", "newt-1.0", "pebble-1.0", "reed-1.0"] {
        let digest = digest_of(wheel).with_context(|| format!("{wheel} is no material: {dependencies:?}"))?;
        ensure!(lock.contains(digest), "{wheel} has another digest than the lock: {digest}");
    }
    for image in ["docker/python@3.13-slim", "docker/ghcr.io/astral-sh/uv@"] {
        digest_of(image).with_context(|| format!("{image} is no material: {dependencies:?}"))?;
    }
    Ok(())
}

/// `SOURCE_DATE_EPOCH` is the time of the image and of its history.
fn epoch(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "epoch")?;
    let built = pond.context.build().argument("--build-arg=SOURCE_DATE_EPOCH=1234567890").push("flags")?;
    let config = Image::of(stage.lab(), &built)?.config;
    ensure!(config["created"] == "2009-02-13T23:31:30Z", "{config}");
    Ok(())
}

/// Steps run again by the name of their member, and by that of the target.
fn no_cache(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "no-cache")?;
    let executed = |argument: &str| -> Result<Vec<String>> {
        Ok(pond.context.build().argument(argument).push("flags")?.steps.executed)
    };
    executed("--pull=false")?;
    let has = |steps: &[String], name: &str| steps.iter().any(|step| step.ends_with(name));
    let steps = executed("--no-cache-filter=Pond-Core,nothing")?;
    ensure!(has(&steps, "install pond-core 1.0"), "{steps:?}");
    ensure!(!has(&steps, "install pond-app 1.0") && !has(&steps, "install heron 1.0 and newt 1.0"), "{steps:?}");
    for argument in ["--no-cache-filter=app", "--no-cache"] {
        let steps = executed(argument)?;
        for name in ["install pond-core 1.0", "install pond-app 1.0", "install heron 1.0 and newt 1.0"] {
            ensure!(has(&steps, name), "with {argument} `{name}` did not run: {steps:?}");
        }
    }
    let steps = executed("--no-cache-filter=other")?;
    ensure!(steps.is_empty(), "{steps:?}");
    Ok(())
}

//! Targets that are files instead of images: `kind`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use uv_buildkit_tests::{example, uv};
use xtask::lab::run_captured;

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::{BASE, differences, listings_of_movable};
use crate::image::Image;
use crate::layer;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("artifacts::wheels", wheels);
    trials.add("artifacts::venv", venv);
    trials.add_alone("artifacts::lambda_zip", lambda_zip);
    trials.add("artifacts::zip_that_is_too_large", zip_that_is_too_large);
    trials.add("artifacts::requirements", requirements);
    trials.add("artifacts::two_platforms", two_platforms);
}

/// Names of what is in a directory.
fn names(directory: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The wheels of a member and of the one that it needs are those that uv builds.
fn wheels(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "wheels")?;
    pond.context.write("uv.build.toml", "[targets.wheels]\npackage = \"pond-app\"\nkind = \"wheels\"\n")?;
    let output = stage.directory("wheels-output")?;
    pond.context.build().export(&output)?;
    let members = ["pond_app-1.0-py3-none-any.whl", "pond_core-1.0-py3-none-any.whl"];
    ensure!(names(&output)? == members.map(ToOwned::to_owned).into(), "{:?}", names(&output)?);
    let oracle = stage.directory("wheels-of-uv")?;
    for member in ["pond-app", "pond-core"] {
        let mut build = uv::command()?;
        build.args(["build", "--quiet", "--wheel", "--package", member, "--out-dir"]).arg(&oracle);
        // As every step has it.
        run_captured(build.env("SOURCE_DATE_EPOCH", "315532800").current_dir(&pond.context.directory))?;
    }
    for name in members {
        let (ours, theirs) = (fs::read(output.join(name))?, fs::read(oracle.join(name))?);
        ensure!(ours == theirs, "{name} is not what uv builds");
    }

    pond.context.edit("members/pond-core/src/pond_core/__init__.py", "print(\"pond-core\")", "print(\"core\")")?;
    let executed = pond.context.build().export(&output)?.executed;
    let expected = ["build pond-core 1.0", "gather the wheels"];
    ensure!(
        executed.len() == 2 && executed.iter().all(|step| expected.iter().any(|end| step.ends_with(end))),
        "for an edit of a member these ran: {executed:?}"
    );
    ensure!(fs::read(output.join(members[0]))? == fs::read(oracle.join(members[0]))?);
    ensure!(fs::read(output.join(members[1]))? != fs::read(oracle.join(members[1]))?);
    Ok(())
}

/// An environment that was moved runs, and is what `uv venv --relocatable` and `uv sync` make.
fn venv(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "movable")?;
    pond.context.write(
        "uv.build.toml",
        "default-target = \"venv\"\n\n[targets.app]\npackage = \"pond-app\"\nuser = \"root\"\ncmd = [\"pond-app\"]\n\n\
         [targets.venv]\ninherits = \"app\"\nkind = \"venv\"\n",
    )?;
    let output = stage.directory("movable-output")?;
    pond.context.build().export(&output)?;
    let moved = stage.directory("movable-moved")?.join("elsewhere");
    fs::rename(&output, &moved)?;
    let base = base(stage, BASE);
    let mount = format!("--volume={}:/opt/pond:ro", moved.display());
    let run = container::run(stage.lab(), &base, &[mount], &["/opt/pond/bin/pond-app".to_owned()])?;
    ensure!(run.stdout == "pond-app\n" && run.exit_code == Some(0), "{run:?}");

    // BuildKit takes a file of a context for one that it has by its size and time, and all times are the same here.
    let copy = stage.directory("movable-copy")?.join("environment");
    run_captured(std::process::Command::new("cp").args(["-r", "-d", "--preserve=mode"]).arg(&moved).arg(&copy))?;
    let (oracle, ours) = listings_of_movable(stage, &pond.context, &copy, "--package pond-app")?;
    let differences = differences(&oracle, &ours);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    ensure!(ours.uncompiled.is_empty(), "without bytecode: {:?}", ours.uncompiled);
    Ok(())
}

/// The name of an image where the lab's engine finds it.
fn base(stage: &Stage, name: &str) -> String {
    match (stage.lab().has_stand_ins(), name.strip_prefix("public.ecr.aws/")) {
        (true, Some(path)) => format!("{}/{path}", stage.lab().registry()),
        (true, None) => format!("{}/library/{name}", stage.lab().registry()),
        (false, _) => name.to_owned(),
    }
}

/// The zip holds what the image does, unpacked it is a function that runs, and it is the same when it is made again.
fn lambda_zip(stage: &Stage) -> Result<()> {
    const LAMBDA: &str = "public.ecr.aws/lambda/python:3.13";
    stage.lab().require_image(LAMBDA)?;
    let examples = example::all()?;
    let example = examples.iter().find(|example| example.name == "lambda").context("no such example")?;
    let context = Context::copy(stage, &example.directory, "lambda-zip")?;
    let output = stage.directory("lambda-zip-output")?;
    let build = || context.build().target(Some("orders-zip"));
    build().export(&output)?;
    let zip = output.join("orders-zip.zip");
    ensure!(names(&output)? == BTreeSet::from(["orders-zip.zip".to_owned()]), "{:?}", names(&output)?);
    let first = fs::read(&zip)?;
    build().argument("--no-cache").export(&output)?;
    ensure!(fs::read(&zip)? == first, "the zip differs when it is made again");

    let unpacked = stage.directory("lambda-unpacked")?;
    run_captured(std::process::Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&zip).arg(&unpacked))?;
    let task = format!("--volume={}:/var/task:ro", unpacked.display());
    let event = r#"{"items": {"tea": 2}}"#;
    let answer = container::invoke_handler(
        stage.lab(),
        &base(stage, LAMBDA),
        &[task],
        &["acme_orders.handler".to_owned()],
        event,
    )?;
    ensure!(answer == r#"{"total": "7.00 EUR", "function": "test_function"}"#, "{answer}");

    // What the image of the same packages has there.
    let built = context.build().target(Some("orders")).push("lambda-zip")?;
    let image = Image::of(stage.lab(), &built)?;
    let mut installed = BTreeMap::new();
    for layer in layer::over_the_base(stage.lab(), &built, &image)? {
        let files = layer.entries.into_iter().filter_map(|(path, entry)| Some((path, entry.content?)));
        installed
            .extend(files.filter_map(|(path, content)| Some((path.strip_prefix("var/task/")?.to_owned(), content))));
    }
    let zipped = files(&unpacked)?;
    ensure!(zipped == installed, "{:?}\n{:?}", zipped.keys(), installed.keys());
    ensure!(zipped.keys().any(|path| path.ends_with(".pyc")), "{:?}", zipped.keys());
    Ok(())
}

/// What AWS Lambda would refuse is refused when it is packed, at the target.
fn zip_that_is_too_large(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "zip-too-large")?;
    pond.context.write(
        "uv.build.toml",
        format!(
            "[targets.large]\npackage = \"pond-app\"\nbase = \"{BASE}\"\nkind = \"lambda-zip\"\n\
             files = [{{ from = \"model.bin\", to = \"/var/task/models/model.bin\" }}]\n"
        ),
    )?;
    fs::File::create(pond.context.directory.join("model.bin"))?.set_len(263_000_000)?;
    let shown = pond.context.build().fail()?;
    let words = ["AWS Lambda unpacks at most 262.1 MB", "the largest are models (263.0 MB), ", ">>> [targets.large]"];
    for words in words {
        ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
    }
    Ok(())
}

/// Contents of the files below a directory, by path.
fn files(directory: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut queue = vec![directory.to_owned()];
    while let Some(next) = queue.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                queue.push(path);
            } else {
                found.insert(path.strip_prefix(directory)?.display().to_string(), fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

/// Installs a requirements file with hashes and what the lock has, each with uv.
const INSTALLED: &str = r#"
FROM python:3.13-slim-bookworm AS installed
COPY --from=ghcr.io/astral-sh/uv:0.13.9 /uv /usr/local/bin/uv
ENV UV_CACHE_DIR=/cache UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
WORKDIR /app
COPY . .
RUN --mount=type=cache,target=/cache uv sync --quiet --frozen --no-dev --no-install-workspace && uv pip freeze > /oracle.txt
COPY --from=requirements requirements.txt /
RUN --mount=type=cache,target=/cache cd / && uv venv --quiet ours \
    && uv pip install --quiet --python ours/bin/python --no-deps --require-hashes --requirements requirements.txt \
    && uv pip freeze --python ours/bin/python > /ours.txt

FROM scratch
COPY --from=installed /oracle.txt /ours.txt /
"#;

/// The file is that of `uv export`, for one platform, and installs what `uv sync` does.
fn requirements(stage: &Stage) -> Result<()> {
    let examples = example::all()?;
    let example = examples.iter().find(|example| example.name == "fastapi").context("no such example")?;
    let context = Context::copy(stage, &example.directory, "requirements")?;
    let config = format!(
        "{}\n[targets.listed]\ninherits = \"notes\"\nkind = \"requirements\"\n",
        context.read("uv.build.toml")?
    );
    context.write("uv.build.toml", config)?;
    context.lock()?;
    let output = stage.directory("requirements-output")?;
    let executed = context.build().target(Some("listed")).export(&output)?.executed;
    ensure!(executed.iter().all(|step| step.ends_with("write the requirements")), "{executed:?}");
    let ours = fs::read_to_string(output.join("requirements.txt"))?;

    let mut export = uv::command()?;
    export.args(["export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", "--no-annotate", "--no-header"]);
    let oracle = blocks(&run_captured(export.current_dir(&context.directory))?);
    let (mut of_others, mut with_marker) = (BTreeSet::new(), 0);
    let ours = blocks(&ours);
    for (requirement, (hashes, marker)) in &oracle {
        match ours.get(requirement) {
            Some((found, _)) => {
                ensure!(found == hashes, "the hashes of {requirement} are {found:?}, not {hashes:?}");
                with_marker += usize::from(marker.is_some());
            }
            None => drop(of_others.insert((requirement, marker))),
        }
    }
    ensure!(ours.keys().all(|requirement| oracle.contains_key(requirement)), "{:?}", ours.keys());
    ensure!(ours.values().all(|(hashes, marker)| !hashes.is_empty() && marker.is_none()), "{ours:?}");
    ensure!(of_others.iter().all(|(_, marker)| marker.is_some()) && with_marker > 0, "{of_others:?}");

    let directory = stage.directory("requirements-installed")?;
    fs::write(directory.join("Dockerfile"), INSTALLED)?;
    let installed = directory.join("output");
    let mut build = stage.lab().buildx(["build", "--quiet", "--file"]);
    build.arg(directory.join("Dockerfile")).arg(format!("--output=type=local,dest={}", installed.display()));
    // A copy, whose time is another one.
    let requirements = stage.directory("requirements-copy")?;
    fs::copy(output.join("requirements.txt"), requirements.join("requirements.txt"))?;
    build.arg(format!("--build-context=requirements={}", requirements.display()));
    run_captured(build.arg(&context.directory)).context("uv pip install")?;
    let read = |name: &str| fs::read_to_string(installed.join(name));
    ensure!(read("oracle.txt")? == read("ours.txt")?, "{}\n{}", read("oracle.txt")?, read("ours.txt")?);
    ensure!(read("ours.txt")?.lines().count() == ours.len());
    Ok(())
}

/// Requirements with their hashes and markers.
fn blocks(text: &str) -> BTreeMap<String, (BTreeSet<String>, Option<String>)> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let mut parts = line.split(" --hash=");
            let requirement = parts.next().unwrap_or_default();
            let hashes = parts.map(|hash| hash.trim().to_owned()).collect();
            let (requirement, marker) = match requirement.split_once(" ; ") {
                Some((requirement, marker)) => (requirement, Some(marker.trim().to_owned())),
                None => (requirement, None),
            };
            (requirement.trim().to_owned(), (hashes, marker))
        })
        .collect()
}

/// A directory for each platform, as of images.
fn two_platforms(stage: &Stage) -> Result<()> {
    const BOTH: &str = "python:3.13.5-slim-trixie";
    stage.lab().require_image(BOTH)?;
    let pond = Pond::new(stage, "artifacts-of-two")?;
    let target = |name: &str, kind: &str| {
        format!("[targets.{name}]\npackage = \"pond-app\"\nbase = \"{BOTH}\"\nkind = \"{kind}\"\n\n")
    };
    let kinds = ["wheels", "venv", "lambda-zip", "requirements"];
    pond.context.write("uv.build.toml", kinds.map(|kind| target(kind, kind)).concat())?;
    let mut left = Vec::new();
    for kind in kinds {
        let output = stage.directory(&format!("two-{kind}"))?;
        pond.context.build().target(Some(kind)).argument("--platform=linux/amd64,linux/arm64").export(&output)?;
        ensure!(
            names(&output)? == ["linux_amd64", "linux_arm64"].map(ToOwned::to_owned).into(),
            "{:?}",
            names(&output)?
        );
        let (amd64, arm64) = (names(&output.join("linux_amd64"))?, names(&output.join("linux_arm64"))?);
        ensure!(amd64 == arm64, "{amd64:?} {arm64:?}");
        left.push(amd64.into_iter().collect::<Vec<_>>().join(" "));
    }
    ensure!(left[0] == "pond_app-1.0-py3-none-any.whl pond_core-1.0-py3-none-any.whl", "{left:?}");
    ensure!(left[1].split(' ').any(|name| name == "pyvenv.cfg"), "{left:?}");
    ensure!(left[2] == "lambda-zip.zip" && left[3] == "requirements.txt", "{left:?}");
    Ok(())
}

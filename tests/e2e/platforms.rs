//! Images for a platform that the builder cannot run: nothing of them is executed, and what is in them is what a builder of that
//! platform would make.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use xtask::builder::Builder;
use xtask::grounds::Grounds;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::container;
use crate::context::Context;
use crate::equality::{Cache, differences, listings};
use crate::image::Image;
use crate::index::Index;
use crate::layer::{self, Layer};
use crate::project::{SETUPTOOLS, UV_BUILD};
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    // The lab of an arm machine has another foreign platform; these tests are about this one.
    if std::env::consts::ARCH != "x86_64" {
        return;
    }
    trials.add("platforms::two_at_once", two_at_once);
    trials.add("platforms::real_packages", real_packages);
    trials.add("platforms::what_must_be_compiled", what_must_be_compiled);
    trials.add("platforms::base_of_another_platform", base_of_another_platform);
    trials.add("platforms::required_checks", required_checks);
    trials.add("platforms::emulated", emulated);
}

/// An image that there is for both.
const BASE: &str = "python:3.13.5-slim-trixie";

const CONFIG: &str = "[targets.app]\nbase = \"python:3.13.5-slim-trixie\"\n";

const BOTH: [&str; 2] = ["linux/amd64", "linux/arm64"];

/// The number of the processor that a program is for (ELF: `e_machine`, little-endian).
fn machine(content: &[u8]) -> Option<u16> {
    match content {
        [0x7f, b'E', b'L', b'F', rest @ ..] => Some(u16::from_le_bytes([*rest.get(14)?, *rest.get(15)?])),
        _ => None,
    }
}

const X86_64: u16 = 62;
const AARCH64: u16 = 183;

/// The start of a shared library.
fn library(machine: u16) -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0".to_vec();
    header.extend(machine.to_le_bytes());
    header.resize(64, 0);
    header
}

/// The layers of one platform.
fn layers(stage: &Stage, built: &Built, platform: &str) -> Result<(Image, Vec<Layer>)> {
    let image = Image::of_platform(stage.lab(), built, platform)?;
    let layers = layer::over_the_base(stage.lab(), built, &image)?;
    Ok((image, layers))
}

/// Every program in the layers is for one machine; how many there are.
fn require_machine(layers: &[Layer], expected: u16) -> Result<usize> {
    let mut programs = 0;
    for layer in layers {
        for (path, entry) in &layer.entries {
            let Some(found) = entry.content.as_deref().and_then(machine) else { continue };
            ensure!(found == expected, "`{}`: {path} is for machine {found}, not {expected}", layer.history);
            programs += 1;
        }
    }
    Ok(programs)
}

fn two_at_once(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let index = Index::open(stage, "index-of-platforms")?;
    index.offer("ginkgo", "1.0", "NAME = 'ginkgo'\n")?;
    for (number, tag) in [(X86_64, "manylinux_2_28_x86_64"), (AARCH64, "manylinux_2_28_aarch64")] {
        let larch = index.project("larch", "2.0", UV_BUILD, "NAME = 'larch'\n")?;
        larch.add_bytes("src/larch/_larch.abi3.so", &library(number))?;
        let (_, wheel) = larch.wheel()?;
        index.serve(&format!("packages/larch-2.0-cp313-cp313-{tag}.whl"), wheel);
    }
    let context = Context::new(stage, "grove")?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"grove\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
             dependencies = [\"ginkgo\", \"larch\"]\n\n[project.scripts]\ngrove = \"grove:main\"\n\n\
             [build-system]\n{UV_BUILD}\n[[tool.uv.index]]\nurl = \"{}\"\ndefault = true\n",
            index.url()
        ),
    )?;
    context.write("uv.build.toml", CONFIG)?;
    let source = "import ginkgo, larch\n\n\ndef main():\n    print(ginkgo.NAME, larch.NAME)\n";
    context.write("src/grove/__init__.py", format!("# {}\n{source}", stage.nonce()))?;
    context.lock()?;
    let both = context.build().argument(format!("--platform={}", BOTH.join(","))).push("platforms")?;

    let run = container::run(stage.lab(), &both.reference, &[], &[])?;
    ensure!(run.stdout == "ginkgo larch\n", "{run:?}");
    let (amd64, amd64_layers) = layers(stage, &both, "linux/amd64")?;
    let (arm64, arm64_layers) = layers(stage, &both, "linux/arm64")?;
    ensure!(arm64.config["architecture"] == "arm64" && arm64.config["os"] == "linux", "{}", arm64.config);
    ensure!(require_machine(&amd64_layers, X86_64)? == 1 && require_machine(&arm64_layers, AARCH64)? == 1);

    // The account is that of another base. Of the other layers only that with the library differs, and in it only the library,
    // and what is said of it.
    let base = arm64.layers.len() - arm64_layers.len();
    let differs = (base..arm64.layers.len()).filter(|&height| arm64.layers[height] != amd64.layers[height]);
    let differs: Vec<_> =
        differs.filter(|&height| !arm64_layers[height - base].history.starts_with("add user ")).collect();
    let [height] = differs[..] else { bail!("{} layers differ", differs.len()) };
    let (ours, theirs) = (&arm64_layers[height - base].entries, &amd64_layers[height - base].entries);
    ensure!(ours.keys().eq(theirs.keys()), "{:?}\n{:?}", ours.keys(), theirs.keys());
    let names = ours.iter().filter(|(path, entry)| entry.content != theirs[*path].content);
    let names: BTreeSet<_> = names.filter_map(|(path, _)| Path::new(path).file_name()?.to_str()).collect();
    ensure!(names == BTreeSet::from(["RECORD", "_larch.abi3.so"]), "{names:?}");
    ensure!(ours.keys().any(|path| path.ends_with("/larch/__pycache__/__init__.cpython-313.pyc")), "{:?}", ours.keys());

    // The same image as if it had been built alone.
    let alone = context.build().argument("--platform=linux/arm64").push("platforms")?;
    ensure!(Image::of_platform(stage.lab(), &alone, "linux/arm64")? == arm64);
    Ok(())
}

/// Against uv, for packages that people use.
fn real_packages(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let example = uv_buildkit_tests::example::all()?;
    let example = example.iter().find(|example| example.name == "fastapi").context("no such example")?;
    let context = Context::copy(stage, &example.directory, "platforms-fastapi")?;
    context.lock()?;
    // By the name of the base that the example has.
    let base = format!("--build-context=python:3.13-slim-bookworm=docker-image://docker.io/library/{BASE}");
    let build = context.build().argument("--platform=linux/arm64").argument("--provenance=false").argument(base);
    let built = build.push("platforms-fastapi")?;
    let (image, layers) = layers(stage, &built, "linux/arm64")?;
    ensure!(image.config["architecture"] == "arm64", "{}", image.config);
    let programs = require_machine(&layers, AARCH64)?;
    ensure!(programs > 10, "{programs} programs");
    let selection = "--python-platform aarch64-manylinux_2_40";
    let (oracle, image) = listings(stage, &context, &built, "python:3.13-slim-bookworm", selection, Cache::Shared)?;
    // uv names an environment after its project. That layer is the same for all platforms, and compared elsewhere.
    let is_named = |difference: &String| ["bin/activate", "pyvenv.cfg"].iter().any(|path| difference.starts_with(path));
    let mut differences = differences(&oracle, &image);
    differences.retain(|difference| !is_named(difference));
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    ensure!(image.uncompiled.is_empty(), "without bytecode: {:?}", image.uncompiled);
    Ok(())
}

/// Whether the builder runs arm programs, by emulation: then what must be compiled is.
fn emulates(stage: &Stage) -> Result<bool> {
    Ok(run_captured(&mut stage.lab().buildx(["inspect"]))?.contains("linux/arm64"))
}

/// A project whose wheel is for one platform, and one that brings a program though it says that it does not.
fn what_must_be_compiled(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let emulates = emulates(stage)?;
    for (name, build_system) in [("willow", SETUPTOOLS), ("rowan", UV_BUILD)] {
        let context = Context::new(stage, name)?;
        context.write("uv.build.toml", CONFIG)?;
        context.write(
            "pyproject.toml",
            format!(
                "[project]\nname = \"{name}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
                 [build-system]\n{build_system}"
            ),
        )?;
        context.write(&format!("src/{name}/__init__.py"), "")?;
        match name {
            "willow" => {
                let setup = "import setuptools\n\n\nclass Compiled(setuptools.Distribution):\n    \
                             def has_ext_modules(self):\n        return True\n\n\nsetuptools.setup(distclass=Compiled)\n";
                context.write("setup.py", setup)?;
            }
            _ => context.write("src/rowan/rowan.so", library(X86_64))?,
        }
        context.lock()?;
        let build = Build::of(stage, &context.directory).argument("--platform=linux/arm64");
        if emulates && name == "willow" {
            build.show()?;
            continue;
        }
        let text = build.fail()?;
        for part in [
            format!("`{name}` is not built for linux/arm64: `{name}-1.0-"),
            "docker run --privileged --rm tonistiigi/binfmt --install arm64".to_owned(),
            "pyproject.toml:".to_owned(),
        ] {
            ensure!(text.contains(&part), "`{part}` is not in:\n{text}");
        }
        // For the builder's own platform it is no mistake.
        context.build().argument("--platform=linux/amd64").push("platforms")?;
    }
    Ok(())
}

/// A digest may name an image of one platform.
fn base_of_another_platform(stage: &Stage) -> Result<()> {
    if emulates(stage)? {
        return Ok(());
    }
    stage.lab().require_image(BASE)?;
    let in_registry = if stage.lab().has_stand_ins() {
        format!("{}/library/{BASE}", stage.lab().registry())
    } else {
        BASE.to_owned()
    };
    let index: Value = serde_json::from_str(&run_captured(&mut stage.lab().crane(["manifest", &in_registry]))?)?;
    let manifests = index["manifests"].as_array().context("an image for one platform")?;
    let of_arm = manifests.iter().find(|manifest| manifest["platform"]["architecture"] == "arm64");
    let digest = of_arm.and_then(|manifest| manifest["digest"].as_str()).context("no image for arm64")?;
    let context = Context::new(stage, "platforms-pinned")?;
    let name = BASE.split(':').next().unwrap_or_default();
    context.write("uv.build.toml", format!("[targets.app]\nbase = \"{name}@{digest}\"\n"))?;
    context.write("pyproject.toml", "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n")?;
    context.lock()?;
    for platform in BOTH {
        let text = context.build().argument(format!("--platform={platform}")).fail()?;
        let message = format!(
            "uv.build.toml:2:8: `{name}@{digest}` is an image for linux/arm64, but steps of this build run on linux/amd64"
        );
        ensure!(text.contains(&message), "{text}");
    }
    Ok(())
}

/// A project of one module, whose image requires that a command of python passes.
fn checked<'a>(stage: &'a Stage, directory: &str, module: &str, command: &str) -> Result<Context<'a>> {
    let context = Context::new(stage, directory)?;
    context.write(
        "uv.build.toml",
        format!(
            "default-target = \"app\"\n\n[defaults]\nbase = \"{BASE}\"\n\n[targets.app]\ncmd = [\"python\"]\nrequires = [\"test\"]\n\n\
             [targets.test]\nrun = [[\"python\", \"-c\", \"{command}\"]]\n"
        ),
    )?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"{module}\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[build-system]\n{UV_BUILD}"
        ),
    )?;
    context.write(&format!("src/{module}/__init__.py"), "ANSWER = 42\n")?;
    context.lock()?;
    Ok(context)
}

/// What a check is about is the code: it runs where it can, and an image that cannot run is built when it has passed.
fn required_checks(stage: &Stage) -> Result<()> {
    if emulates(stage)? {
        return Ok(());
    }
    stage.lab().require_image(BASE)?;
    let command =
        format!("import alder, platform; assert alder.ANSWER == 42; print(platform.machine(), '{}')", stage.nonce());
    let context = checked(stage, "platforms-checks", "alder", &command)?;
    let foreign = || context.build().argument("--platform=linux/arm64");
    let built = foreign().push("platforms")?;
    let image = Image::of_platform(stage.lab(), &built, "linux/arm64")?;
    ensure!(image.config["architecture"] == "arm64", "{}", image.config);
    ensure!(built.told.log.contains("x86_64 "), "the check did not run: {}", built.told.log);
    let warning = "the required checks run on linux/amd64: this builder cannot run linux/arm64";
    ensure!(built.told.warnings.iter().any(|told| told.starts_with(warning)), "{:?}", built.told.warnings);
    // Beside the image of the builder's own platform it runs no second time.
    let both = context.build().argument(format!("--platform={}", BOTH.join(","))).push("platforms")?;
    ensure!(!both.steps.executed.iter().any(|step| step.contains("check 1/1]")), "{:?}", both.steps.executed);

    context.write("src/alder/__init__.py", "ANSWER = 41\n")?;
    for build in [foreign(), context.build().argument(format!("--platform={}", BOTH.join(",")))] {
        let text = build.fail()?;
        ensure!(text.contains("AssertionError") && text.contains(">>> run = [[\"python\""), "{text}");
    }
    // Asked for itself, it is about that platform.
    let text = foreign().target(Some("test")).fail()?;
    ensure!(text.contains("this builder runs linux/amd64 only: it cannot run `python -c"), "{text}");
    Ok(())
}

/// A builder that runs arm programs runs checks there, in the image as it will be.
fn emulated(stage: &Stage) -> Result<()> {
    let lab = stage.lab();
    lab.require_image(BASE)?;
    let grounds = Grounds::clear(&stage.directory("emulated-grounds")?)?;
    let builder = Builder::start_emulating(lab, &grounds, "buildkitd", lab.registry())?;
    let command = "import aspen, platform; print('checked on', platform.machine())";
    let context = checked(stage, "emulated", "aspen", command)?;
    let built = context.build().by(&builder).argument("--platform=linux/arm64").push("platforms")?;
    ensure!(built.told.log.contains("checked on aarch64"), "{}", built.told.log);
    ensure!(built.told.warnings.is_empty(), "{:?}", built.told.warnings);
    Ok(())
}

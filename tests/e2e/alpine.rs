//! A base with musl instead of the GNU C library. The lab's is Alpine's python on Debian's musl, without `apk`.

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::{self, Cache};
use crate::image::Image;
use crate::layer;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("alpine::pond", pond);
    trials.add("alpine::wheels_for_musl", wheels_for_musl);
}

const BASE: &str = "python:3.13-alpine";

/// The user, packages and members are as anywhere else, and as uv has them there.
fn pond(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let pond = Pond::new(stage, "alpine")?;
    let context = &pond.context;
    context.edit("uv.build.toml", "[targets.app]\n", &format!("[defaults]\nbase = \"{BASE}\"\n\n[targets.app]\n"))?;
    let built = context.build().push("alpine")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n" && run.exit_code == Some(0), "{run:?}");
    let who =
        "import getpass, os, sys; print(getpass.getuser(), os.getuid(), os.getcwd(), sys.prefix, sys.base_prefix)";
    let run = container::run(stage.lab(), &built.reference, &[], &["python", "-Ic", who].map(str::to_owned))?;
    ensure!(run.stdout == "app 999 /app /app/.venv /usr/local\n", "{run:?}");
    let selection = "--package pond-app";
    let (oracle, image) = equality::listings(stage, context, &built, BASE, selection, Cache::Shared)?;
    let differences = equality::differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));

    // Packages of Debian are none of Alpine.
    context.edit("uv.build.toml", "[targets.app]\n", "[targets.app]\napt = [\"tini\"]\n")?;
    let shown = context.build().fail()?;
    for words in ["`apt` installs packages of Debian and Ubuntu", "`apk`", ">>> apt = [\"tini\"]"] {
        ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
    }
    Ok(())
}

/// A package that has a wheel for each C library.
fn wheels_for_musl(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let examples = uv_buildkit_tests::example::all()?;
    let monorepo = examples.iter().find(|example| example.name == "monorepo").context("no example `monorepo`")?;
    let context = Context::copy(stage, &monorepo.directory, "alpine-monorepo")?;
    context.edit("uv.build.toml", "base = \"python:${args.PYTHON}-slim-bookworm\"", &format!("base = \"{BASE}\""))?;
    let built = context.build().target(Some("api-metrics")).push("alpine-monorepo")?;
    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let wheels = layers.iter().flat_map(|layer| &layer.entries);
    let wheel = wheels
        .filter(|(path, _)| path.ends_with("cellwidth-1.1.0.dist-info/WHEEL"))
        .find_map(|(_, entry)| Some(String::from_utf8_lossy(entry.content.as_ref()?).into_owned()));
    let wheel = wheel.context("no `cellwidth` in the image")?;
    ensure!(wheel.contains("Tag: py3-none-musllinux_1_2_x86_64"), "{wheel}");
    Ok(())
}

//! `apt` and `build-apt`: packages of the base's distribution, in the image and in the image that it is built in.

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::BASE;
use crate::image::Image;
use crate::layer;
use crate::project::SETUPTOOLS;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add_alone("system::in_the_image_and_in_the_builder", in_the_image_and_in_the_builder);
    trials.add("system::init", init);
    trials.add("system::unknown_package", unknown_package);
}

/// A project whose build runs a program that neither image has.
fn greeter<'a>(stage: &'a Stage, name: &str, apt: &str) -> Result<Context<'a>> {
    let context = Context::new(stage, name)?;
    context.write(
        "uv.build.toml",
        format!(
            "[targets.greeter]\nbase = \"{BASE}\"\napt = [\"{apt}\"]\nbuild-apt = [\"hello\"]\n\
             cmd = [\"python\", \"-Ic\", \"import greeter\"]\n"
        ),
    )?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"greeter\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
             [build-system]\n{SETUPTOOLS}"
        ),
    )?;
    context.write("setup.py", SETUP)?;
    context.write("src/greeter/__init__.py", format!("# {} {name}\n{GREETER}", stage.nonce()))?;
    context.lock()?;
    Ok(context)
}

const SETUP: &str = r#"
import pathlib
import subprocess

import setuptools

words = subprocess.run(["hello"], stdout=subprocess.PIPE, check=True, text=True).stdout
pathlib.Path("src/greeter/words.py").write_text(f"WORDS = {words!r}\n")
setuptools.setup()
"#;

const GREETER: &str = r#"
import getpass
import os
import shutil

from greeter.words import WORDS

lists = set(os.listdir("/var/lib/apt/lists")) - {"lock", "partial"}
print(WORDS.strip(), shutil.which("hello"), shutil.which("tini"), getpass.getuser(), lists)
"#;

fn in_the_image_and_in_the_builder(stage: &Stage) -> Result<()> {
    let context = greeter(stage, "greeter", "tini")?;
    let built = context.build().push("system")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "Hello, world! None /usr/bin/tini app set()\n" && run.exit_code == Some(0), "{run:?}");

    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let system = layers.iter().find(|layer| layer.history == "install tini").context("no layer of the package")?;
    ensure!(system.entries.contains_key("usr/bin/tini"), "{:?}", system.entries.keys());
    for (path, entry) in &system.entries {
        let is_left_over = ["var/log/", "var/cache/", "var/lib/apt/lists/"].iter().any(|place| path.starts_with(place));
        let is_deletion = path.rsplit('/').next().is_some_and(|name| name.starts_with(".wh."));
        ensure!(!is_left_over || is_deletion || entry.content.is_none(), "{path} is left over");
    }

    // What is in the image does not depend on the packages under it. (They are installed for other tests, too.)
    context.edit("uv.build.toml", "[\"tini\"]", "[\"tini\", \"hello\"]")?;
    let executed = context.build().push("system")?.steps.executed;
    let expected = |step: &String| step.ends_with("install hello tini") || step.ends_with("assemble");
    ensure!(executed.iter().all(expected), "for another package in the image these ran: {executed:?}");
    context.edit("uv.build.toml", "[\"tini\", \"hello\"]", "[\"tini\"]")?;

    // The packages are installed again, and nothing of it differs.
    let again = context.build().argument("--no-cache").push("system")?;
    ensure!(again.steps.executed.iter().any(|step| step.ends_with("install tini")), "{:?}", again.steps.executed);
    let changed = Image::of(stage.lab(), &again)?;
    let changed = changed.changed_from(&image)?;
    ensure!(changed.is_empty(), "these layers differ when they are built again: {changed:?}");
    Ok(())
}

fn init(stage: &Stage) -> Result<()> {
    let context = greeter(stage, "init", "tini")?;
    let command = "[\"python\", \"-Ic\", \"import greeter\"]";
    context.edit("uv.build.toml", command, "[\"cat\", \"/proc/1/cmdline\"]\ninit = true")?;
    let built = context.build().push("system")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "/usr/bin/tini\0--\0cat\0/proc/1/cmdline\0", "{run:?}");
    Ok(())
}

fn unknown_package(stage: &Stage) -> Result<()> {
    let shown = greeter(stage, "unknown-package", "no-such-package")?.build().fail()?;
    for words in [
        "failed to install no-such-package: Unable to locate package no-such-package",
        ">>> apt = [\"no-such-package\"]",
    ] {
        ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
    }
    Ok(())
}

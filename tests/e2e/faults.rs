//! Many builds at once, and clients, daemons and registries that go away in the middle: nothing hangs, what is said is of use,
//! and what is built next is right.

use std::process::{Child, ExitStatus};
use std::thread;

use anyhow::{Context as _, Result, ensure};
use xtask::builder::Builder;
use xtask::grounds::Grounds;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::container;
use crate::context::Context;
use crate::gate::{Fault, Gate};
use crate::image::Image;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("faults::twenty_at_once", twenty_at_once);
    trials.add("faults::client_killed", client_killed);
    trials.add("faults::daemon_ended", daemon_ended);
    trials.add("faults::base_cut_off", |stage| base_cut_off(stage, "base-cut", Fault::Cut));
    trials.add("faults::base_refused", |stage| base_cut_off(stage, "base-refused", Fault::InternalError));
    trials.add("faults::host_out_of_reach", host_out_of_reach);
    trials.add("faults::push_cut_off", |stage| push_cut_off(stage, "push-cut", Fault::Cut));
    trials.add("faults::memory", memory);
    trials.add("faults::push_refused", |stage| push_cut_off(stage, "push-refused", Fault::InternalError));
}

/// Half of them from one directory, half from others with the same files: they share what they can, and all make the same.
fn twenty_at_once(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "twenty")?;
    let copies = (0..10).map(|number| Context::copy(stage, &pond.context.directory, &format!("twenty-{number}")));
    let copies: Vec<Context<'_>> = copies.collect::<Result<_>>()?;
    let contexts = copies.iter().chain(std::iter::repeat_n(&pond.context, 10));
    let images: Vec<Result<Image>> = thread::scope(|scope| {
        let builds: Vec<_> =
            contexts.map(|context| scope.spawn(|| Image::of(stage.lab(), &context.build().push("faults")?))).collect();
        let panicked = || Err(anyhow::Error::msg("a build panicked"));
        builds.into_iter().map(|build| build.join().unwrap_or_else(|_| panicked())).collect()
    });
    let images: Vec<Image> = images.into_iter().collect::<Result<_>>()?;
    for image in &images {
        ensure!(image.layers == images[0].layers, "other layers: {:?}", image.changed_from(&images[0])?);
    }
    Ok(())
}

/// A part of the names of the steps that run last.
const LATE: &str = "] build and install pond-core";

/// A check that the target requires: a build that is to be ended cannot be over before.
const WAIT: [(&str, &str); 2] = [
    ("[targets.app]\n", "[targets.app]\nrequires = [\"wait\"]\n"),
    (
        "# The same",
        "[targets.wait]\npackage = \"pond-app\"\nrun = [[\"python\", \"-c\", \"import time; time.sleep(300)\"]]\n\n# The same",
    ),
];

/// That a pond builds, and says what it should.
fn check(stage: &Stage, build: Build<'_>) -> Result<Built> {
    let built = build.push("faults")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n", "{run:?}");
    Ok(built)
}

/// Ends a build while steps run.
fn interrupt(
    context: &Context<'_>,
    build: Build<'_>,
    end: impl FnOnce(&mut Child) -> Result<()>,
) -> Result<(ExitStatus, String)> {
    for (without, with) in WAIT {
        context.edit("uv.build.toml", without, with)?;
    }
    let ended = build.interrupt(LATE, end)?;
    for (without, with) in WAIT {
        context.edit("uv.build.toml", with, without)?;
    }
    Ok(ended)
}

/// Ended while steps run.
fn client_killed(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "killed")?;
    let (status, printed) = interrupt(&pond.context, pond.context.build(), |client| Ok(client.kill()?))?;
    ensure!(!status.success(), "the build succeeded:\n{printed}");
    check(stage, pond.context.build()).map(drop)
}

/// Killed, and asked to end, while steps run. The client ends, too, and after the next start everything is as it would have been.
fn daemon_ended(stage: &Stage) -> Result<()> {
    let lab = stage.lab();
    let pond = Pond::new(stage, "daemon")?;
    let grounds = Grounds::clear(&stage.directory("daemon-grounds")?)?;
    let mut builder = Builder::start(lab, &grounds, "buildkitd", lab.registry())?;

    let (status, printed) = interrupt(&pond.context, pond.context.build().by(&builder), |_| builder.kill())?;
    ensure!(!status.success(), "the build succeeded without a daemon:\n{printed}");
    builder.start_again(lab)?;
    // Between two writes of containerd's snapshotter a kill leaves a directory that it does not know of: it fails on it once, and
    // deletes it then. No other failure is BuildKit's own.
    if let Err(error) = pond.context.build().by(&builder).show() {
        ensure!(format!("{error:#}").contains(": file exists"), "{error:#}");
    }
    let first = check(stage, pond.context.build().by(&builder))?;
    let image = Image::of(lab, &first)?;
    ensure!(image == Image::of(lab, &pond.context.build().push("faults")?)?, "another daemon makes another image");

    // A daemon that is asked to end may let its builds come to theirs.
    pond.context.edit("members/pond-core/src/pond_core/__init__.py", "print(", "print(\"\" + ")?;
    pond.context.build().by(&builder).interrupt(LATE, |_| builder.stop())?;
    builder.start_again(lab)?;
    let second = check(stage, pond.context.build().by(&builder))?;
    let changed = Image::of(lab, &second)?;
    let changed = changed.changed_from(&image)?;
    ensure!(changed == ["build and install pond-core 1.0"], "these layers changed: {changed:?}");
    let steps = pond.context.build().by(&builder).push("faults")?.steps;
    ensure!(steps.executed.is_empty(), "these steps ran again: {:?}", steps.executed);
    Ok(())
}

/// A lock of 120 MB, of which the edges take far more than the limit: the frontend ends with an error, and the machine keeps its memory.
fn memory(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "memory")?;
    let mut lock = pond.context.read("uv.lock")?;
    lock += "\n[[package]]\nname = \"hub\"\nversion = \"1\"\nsource = { registry = \"https://index.example\" }\ndependencies = [\n";
    while lock.len() < 120_000_000 {
        lock += "{ name = \"reed\" },\n";
    }
    lock += "]\n";
    pond.context.write("uv.lock", lock)?;
    let shown = pond.context.build().fail()?;
    let expected = "reading this project takes more than 2 GB of memory";
    ensure!(shown.contains(expected), "`{expected}` is not shown:\n{shown}");
    ensure!(shown.contains("look for a file that is very large"), "nothing says what to do:\n{shown}");
    Ok(())
}

/// The registry that has the base fails in the middle of it: the error points at the line that names the base.
fn base_cut_off(stage: &Stage, name: &str, fault: Fault) -> Result<()> {
    const BASE: &str = "python:3.13-slim-bookworm";
    let lab = stage.lab();
    let pond = Pond::new(stage, name)?;
    let grounds = Grounds::clear(&stage.directory(&format!("{name}-grounds"))?)?;
    // It has nothing of the base yet.
    let builder = Builder::start(lab, &grounds, "buildkitd", lab.registry())?;
    let gate = Gate::open(stage)?;
    let base = format!("{}/e2e/base-of-faults", lab.registry());
    let source = if lab.has_stand_ins() { format!("{}/library/{BASE}", lab.registry()) } else { BASE.to_owned() };
    run_captured(&mut lab.crane(["copy", &source, &base]))?;
    let base = format!("{}/e2e/base-of-faults", gate.address());
    pond.context.edit("uv.build.toml", "[targets.app]", &format!("[defaults]\nbase = \"{base}\"\n\n[targets.app]"))?;

    gate.break_after(1 << 20, fault);
    let shown = pond.context.build().by(&builder).fail()?;
    ensure!(gate.mend(), "the registry did not fail:\n{shown}");
    ensure!(!shown.contains("has no Python"), "the image is blamed:\n{shown}");
    for words in [format!(">>> base = \"{base}\""), "ERROR: failed to build".to_owned()] {
        ensure!(shown.contains(&words), "no `{words}` in\n{shown}");
    }
    check(stage, pond.context.build().by(&builder)).map(drop)
}

/// A host that is not there: the error names the way around it, which works.
fn host_out_of_reach(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "out-of-reach")?;
    let lock = pond.context.read("uv.lock")?;
    let end = lock.find("reed-1.0").context("a wheel")?;
    let start = lock[..end].rfind("http://").context("its URL")?;
    let directory = &lock[start..end];
    pond.context.write("uv.lock", lock.replace(&format!("{directory}reed-"), "http://nowhere.invalid/reed-"))?;
    let shown = pond.context.build().fail()?;
    for words in [
        "`nowhere.invalid` cannot be reached for `reed-1.0-py3-none-any.whl` of `reed`",
        "add `\"http://nowhere.invalid/\" = \"URL\"` to `[mirrors]`",
        ">>> name = \"reed\"",
    ] {
        ensure!(shown.contains(words), "no `{words}` in\n{shown}");
    }
    let config = pond.context.read("uv.build.toml")?;
    pond.context
        .write("uv.build.toml", format!("{config}\n[mirrors]\n\"http://nowhere.invalid/\" = \"{directory}\"\n"))?;
    check(stage, pond.context.build()).map(drop)
}

/// The registry fails while layers are pushed to it.
fn push_cut_off(stage: &Stage, name: &str, fault: Fault) -> Result<()> {
    let pond = Pond::new(stage, name)?;
    let gate = Gate::open(stage)?;
    let image = format!("{}/e2e/faults", gate.address());
    let output = format!("--output=type=image,name={image},push=true");
    gate.break_after(4000, fault);
    let shown = pond.context.build().argument(&output).fail()?;
    ensure!(gate.mend(), "the registry did not fail:\n{shown}");
    ensure!(shown.contains("failed to push") && shown.contains(&image), "{shown}");
    pond.context.build().argument(&output).show()?;
    check(stage, pond.context.build()).map(drop)
}

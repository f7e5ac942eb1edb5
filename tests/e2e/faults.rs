//! Many builds at once, and clients that go away: nothing hangs, and what is built next is right.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::thread;

use anyhow::{Context as _, Result, bail, ensure};

use crate::Trials;
use crate::build::Built;
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("faults::twenty_at_once", twenty_at_once);
    trials.add("faults::client_killed", client_killed);
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

/// Ended while steps run.
fn client_killed(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "killed")?;
    let mut client = stage.lab().buildx(["build", "--progress=plain", "--output=type=cacheonly"]);
    client.arg(&pond.context.directory).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut client = client.spawn().context("cannot start docker")?;
    let progress = BufReader::new(client.stderr.take().context("stderr")?).lines();
    let mut printed = String::new();
    let mut is_building = false;
    for line in progress {
        let line = line?;
        printed += &format!("{line}\n");
        // The steps that fetch and install have begun.
        if line.contains("] install ") || line.contains("] build and install ") {
            is_building = true;
            client.kill()?;
            break;
        }
    }
    let status = client.wait()?;
    ensure!(is_building && !status.success(), "the build was over before it was ended:\n{printed}");
    let built: Built = pond.context.build().push("faults")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    if run.stdout != "pond-app\n" {
        bail!("{run:?}");
    }
    Ok(())
}

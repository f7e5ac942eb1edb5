//! Caches that outlive builders, as pipelines have them: a builder that begins empty fetches no wheel and runs nothing but what
//! changed.

use anyhow::{Result, ensure};
use xtask::builder::Builder;
use xtask::grounds::Grounds;

use crate::Trials;
use crate::container;
use crate::image::Image;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("remote::registry_max", |stage| cache(stage, "max", &Kind::Registry { mode: "max" }));
    trials.add("remote::registry_min", |stage| cache(stage, "min", &Kind::Registry { mode: "min" }));
    trials.add("remote::inline", |stage| cache(stage, "inline", &Kind::Inline));
}

/// Where a cache is.
enum Kind {
    /// In an image of its own.
    Registry { mode: &'static str },
    /// In the image that is built.
    Inline,
}

/// A step, and what it puts into the image.
const EDITED: &str = "build and install pond-core 1.0";

fn cache(stage: &Stage, name: &str, kind: &Kind) -> Result<()> {
    let lab = stage.lab();
    let pond = Pond::new(stage, &format!("remote-{name}"))?;
    let place = format!("{}/e2e/cache-{name}-{}", lab.registry(), stage.nonce().to_lowercase());
    let export = match kind {
        Kind::Registry { mode } => format!("--cache-to=type=registry,ref={place},mode={mode}"),
        Kind::Inline => "--cache-to=type=inline".to_owned(),
    };
    let first = pond.context.build().argument(export).push("remote")?;
    let import = match kind {
        Kind::Registry { .. } => format!("--cache-from=type=registry,ref={place}"),
        Kind::Inline => format!("--cache-from=type=registry,ref={}", first.reference),
    };

    // Whoever fetches a wheel now fails.
    pond.index.withdraw();
    pond.context.edit("members/pond-core/src/pond_core/__init__.py", "print(\"pond-core\")", "print(\"core\")")?;
    let grounds = Grounds::clear(&stage.directory(&format!("remote-{name}-grounds"))?)?;
    let builder = Builder::start(lab, &grounds, "buildkitd", lab.registry())?;
    let second = pond.context.build().by(&builder).argument(import).push("remote")?;
    let installed =
        second.steps.executed.iter().filter(|step| step.contains("] install ") || step.contains("] build "));
    let installed: Vec<_> = installed.filter(|step| !step.contains("[shared]")).collect();
    ensure!(installed.len() == 1 && installed[0].ends_with(EDITED), "these ran: {:?}", second.steps.executed);
    let (before, after) = (Image::of(lab, &first)?, Image::of(lab, &second)?);
    let changed = after.changed_from(&before)?;
    ensure!(changed == [EDITED], "these layers changed: {changed:?}");
    let run = container::run(lab, &second.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n", "{run:?}");
    Ok(())
}

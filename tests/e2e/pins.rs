//! A python that is asked for in another form than a number with a dot.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("pins::of_another_form", of_another_form);
}

/// `3` was once compared with `3.13` letter by letter, and the step that asks the python of a base never ended.
fn of_another_form(stage: &Stage) -> Result<()> {
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello");
    let context = Context::copy(stage, &hello, "pins")?;
    context.write(
        "uv.build.toml",
        "[python]\nversion = \"3\"\n\n[targets.hello]\nbase = \"python:3.13-slim-bookworm\"\n",
    )?;
    context.write(".python-version", "pypy@3.10\n")?;
    let built = context.build().push("pins")?;
    let run = container::run(stage.lab(), &built.reference, &[], &["python", "--version"].map(str::to_owned))?;
    ensure!(run.stdout.starts_with("Python 3.13."), "{run:?}");

    // Of a base that the config does not name, the pin says which it is: this one is none.
    context.write("uv.build.toml", "")?;
    let error = context.build().fail()?;
    for part in [".python-version:1", "`pypy@3.10` is PyPy"] {
        ensure!(error.contains(part), "no `{part}` in:\n{error}");
    }
    Ok(())
}

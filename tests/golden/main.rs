//! Snapshots of every example with a committed lock: for each target the plan, the graph and the image config, as text, for
//! `linux/amd64`, and for `linux/arm64` those of the default target, built there and on `linux/amd64`. A new example needs no line
//! here.
//!
//! `INSTA_UPDATE=always cargo test -p uv-buildkit-tests --test golden` accepts what changed; read the diff of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use libtest_mimic::{Arguments, Trial};
use uv_buildkit::compile::Compiled;
use uv_buildkit::plan::report::Report;
use uv_buildkit::platform::Platform;
use uv_buildkit_tests::checkout::{Checkout, Selection};
use uv_buildkit_tests::example::{self, Example};

fn main() -> Result<ExitCode> {
    let mut trials = Vec::new();
    let mut expected = BTreeSet::new();
    for example in example::all()?.into_iter().filter(|example| !example.expectation.lock_first) {
        let checkout = Arc::new(Checkout::read(&example.directory)?);
        for (stem, selection) in selections(&example, &checkout)? {
            let directory = snapshots().join(&example.name);
            expected.extend(FORMS.iter().map(|form| directory.join(format!("{stem}.{form}.snap"))));
            let checkout = Arc::clone(&checkout);
            trials.push(Trial::test(format!("{}::{stem}", example.name), move || {
                snapshot(&checkout, &selection, &directory, &stem).map_err(|error| format!("{error:#}").into())
            }));
        }
    }
    trials.push(Trial::test("every_snapshot_is_of_an_example", move || {
        no_others(&expected).map_err(|error| error.to_string().into())
    }));
    Ok(libtest_mimic::run(&Arguments::from_args(), trials).exit_code())
}

/// What there is a snapshot of.
const FORMS: [&str; 3] = ["plan", "llb", "image"];

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/snapshots")
}

/// What there are snapshots of, with the start of their names.
fn selections(example: &Example, checkout: &Checkout) -> Result<Vec<(String, Selection)>> {
    let what = || format!("example `{}`", example.name);
    let parse = |platform: &str| platform.parse::<Platform>().map_err(anyhow::Error::msg);
    let (amd64, arm64) = (parse("linux/amd64")?, parse("linux/arm64")?);
    let names = checkout.target_names().with_context(what)?;
    let mut selections: Vec<_> =
        names.iter().map(|name| (format!("{name}.linux-amd64"), Selection::target(name))).collect();
    let default = checkout.compile(&Selection::default()).with_context(what)?.plan;
    let (default, is_managed) = (default.target, default.managed.is_some());
    let there = Selection { platform: arm64, ..Selection::target(&default) };
    let here = Selection { build_platform: Some(amd64), ..there.clone() };
    selections.push((format!("{default}.linux-arm64"), there));
    // A python that uv installs is installed where it can run.
    if !is_managed {
        selections.push((format!("{default}.linux-arm64-on-amd64"), here));
    }
    Ok(selections)
}

fn snapshot(checkout: &Checkout, selection: &Selection, directory: &Path, stem: &str) -> Result<()> {
    let compiled = checkout.compile(selection)?;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(directory);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (form, text) in FORMS.into_iter().zip(texts(compiled)?) {
            insta::assert_snapshot!(format!("{stem}.{form}"), text);
        }
        Ok(())
    })
}

/// The texts of [`FORMS`].
fn texts(compiled: Compiled) -> Result<[String; 3]> {
    let mut plan = Report::new(&compiled.plan).text();
    for warning in &compiled.warnings {
        plan += &format!("warning: {warning}\n");
    }
    let definition = buildkit_llb::marshal(compiled.image)?;
    let config: serde_json::Value = serde_json::from_slice(&compiled.config)?;
    Ok([plan, without_scripts(&definition.text()?), serde_json::to_string_pretty(&config)?])
}

/// Scripts of ours have a file in the sources: their text in every snapshot would drown what is said about the graph.
fn without_scripts(llb: &str) -> String {
    let mut text = String::new();
    let mut in_script = false;
    for line in llb.split_inclusive('\n') {
        in_script = line.trim_start().starts_with("mkfile ") && line.contains(".py ") || in_script && is_content(line);
        if !(in_script && is_content(line)) {
            text += line;
        }
    }
    text
}

/// A line of the text of a file.
fn is_content(line: &str) -> bool {
    line.trim_start().starts_with("| ")
}

/// A snapshot whose target is gone would be kept for ever.
fn no_others(expected: &BTreeSet<PathBuf>) -> Result<()> {
    let mut others = Vec::new();
    for directory in std::fs::read_dir(snapshots())? {
        for file in std::fs::read_dir(directory?.path())? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "snap") && !expected.contains(&path) {
                others.push(path.display().to_string());
            }
        }
    }
    ensure!(others.is_empty(), "no example has a target for these snapshots; delete them:\n{}", others.join("\n"));
    Ok(())
}

//! A Dockerfile of the patterns that uv's guide shows in, the text of a `uv.build.toml` that builds the same out, and a warning for
//! each line that nothing in it stands for. Pure.
//!
//! Instructions are read in order, stage by stage ([`reader`], [`run`]); what a stage ends with is a [`stage::Stage`]. Stages that
//! someone would build become targets ([`target`]).

mod account;
mod document;
mod reader;
mod run;
mod runtime;
mod sources;
mod stage;
mod steps;
mod surroundings;
mod sync;
mod target;
mod text;
mod value;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config as reading;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::entry::SYNTAX;
use crate::plan::uv::default_image;
pub use surroundings::Surroundings;
use target::{Shared, Target};
use text::Text;
use value::Value;

/// What became of a Dockerfile.
#[derive(Debug)]
pub struct Imported {
    /// Text of the config.
    pub config: String,
    /// What it does not say, in the order of the Dockerfile.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a Dockerfile.
pub fn import(file: &Arc<SourceFile>, surroundings: &Surroundings<'_>) -> Result<Imported, Diagnostics> {
    let mut reader = reader::read(file, surroundings)?;
    let (targets, shared) = target::targets(&mut reader);
    if targets.is_empty() {
        return Err(Diagnostic::new(
            "import::no_project",
            format!("nothing in `{}` installs a project that uv locked", file.name),
        )
        .at(Span::whole(file))
        .help("`uv lock` makes a lock, and `uv-buildkit init` a config for it")
        .into());
    }
    let targets = targets.into_iter().map(|target| admitted(&mut reader, target)).collect();
    let mut warnings = reader.warnings;
    warnings.sort_by_key(|warning| warning.spans.first().map_or(0, |span| span.range.start));
    Ok(Imported { config: config(&file.name, targets, &shared), warnings })
}

/// A target without the keys whose values a config would not admit.
fn admitted(reader: &mut reader::Reader<'_>, mut target: Target) -> Target {
    let range = reader.stages.get(target.stage).map_or(0..0, |stage| stage.range.clone());
    target.keys.retain(|(key, value)| {
        if ["inherits", "requires"].contains(key) {
            return true;
        }
        let mut args = BTreeMap::new();
        value.args(&mut args);
        let text = format!("{}[targets.a]\n{}", args_table(&args), entry(key, value));
        let Err(errors) = reading::parse(&SourceFile::new(reading::FILE_NAME, text), &BTreeMap::new()) else {
            return true;
        };
        for error in errors.iter() {
            let help = error.help.first().map_or("", String::as_str);
            reader.left_out(&range, format!("`{key}` of this stage: {}", error.message), help);
        }
        false
    });
    target
}

fn args_table(args: &BTreeMap<String, String>) -> String {
    let entries =
        args.iter().map(|(name, default)| format!("{} = {}\n", value::key(name), Value::text(default).toml()));
    if args.is_empty() { String::new() } else { format!("[args]\n{}", entries.collect::<String>()) }
}

/// Keys that several targets may share.
const SHARED_KEYS: [&str; 10] =
    ["lock", "base", "builder", "apt", "apk", "build-apt", "build-apk", "user", "workdir", "env"];

/// The text of the config.
fn config(name: &str, mut targets: Vec<Target>, shared: &Shared) -> String {
    let defaults = defaults(&mut targets);
    let mut args = BTreeMap::new();
    let values = targets.iter().flat_map(|target| &target.keys).chain(&defaults).map(|(_, value)| value);
    values.for_each(|value| value.args(&mut args));
    shared.uv.iter().chain(shared.managed_python.iter().flatten()).for_each(|text| text.args(&mut args));

    let mut text = format!("# syntax={SYNTAX}\n# Made from `{name}`.\n");
    if let [_, .., last] = &targets[..] {
        let image = targets.iter().rfind(|target| !target.keys.iter().any(|(key, _)| *key == "run"));
        text += &entry("default-target", &Value::text(&image.unwrap_or(last).name));
    }
    if !args.is_empty() {
        text += &format!("\n{}", args_table(&args));
    }
    if let Some(version) = &shared.managed_python {
        text += "\n[python]\n";
        text.extend(version.iter().map(|version| entry("version", &Value::Text(version.clone()))));
        text += &entry("provider", &Value::text("managed"));
    }
    if let Some(image) = shared.uv.as_ref().filter(|image| **image != Text::from(default_image(None).as_str())) {
        text += &format!("\n[uv]\n{}", entry("image", &Value::Text(image.clone())));
    }
    if !defaults.is_empty() {
        text += "\n[defaults]\n";
        text.extend(defaults.iter().map(|(key, value)| entry(key, value)));
    }
    for target in &targets {
        text += &format!("\n[targets.{}]\n", value::key(&target.name));
        for (key, value) in &target.keys {
            match value {
                Value::Tables(steps) if *key == "steps" => {
                    let head = format!("\n[[targets.{}.steps]]\n", value::key(&target.name));
                    let table = |step: &Vec<(String, Value)>| {
                        step.iter().map(|(key, value)| entry(key, value)).fold(head.clone(), |text, line| text + &line)
                    };
                    text.extend(steps.iter().map(table));
                }
                _ => text += &entry(key, value),
            }
        }
    }
    text
}

fn entry(key: &str, value: &Value) -> String {
    format!("{key} = {}\n", value.toml())
}

/// Takes what all targets say that inherit from no other, where there are several.
fn defaults(targets: &mut [Target]) -> Vec<(&'static str, Value)> {
    let is_root = |target: &&Target| target.keys.iter().all(|(key, _)| *key != "inherits");
    let roots: Vec<&Target> = targets.iter().filter(is_root).collect();
    let [first, _, ..] = roots[..] else { return Vec::new() };
    let is_shared = |entry: &&(&'static str, Value)| {
        SHARED_KEYS.contains(&entry.0) && roots.iter().all(|target| target.keys.contains(entry))
    };
    let shared: Vec<(&'static str, Value)> = first.keys.iter().filter(is_shared).cloned().collect();
    for target in targets.iter_mut().filter(|target| is_root(&&**target)) {
        target.keys.retain(|entry| !shared.contains(entry));
    }
    shared
}

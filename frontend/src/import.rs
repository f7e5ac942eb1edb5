//! A Dockerfile of the patterns that uv's guide shows in, the text of a `uv.build.toml` that builds the same out, and a warning for
//! each line that nothing in it stands for. Pure.
//!
//! Instructions are read in order, stage by stage ([`reader`], [`run`]); what a stage ends with is a [`stage::Stage`]. Stages that
//! someone would build become targets ([`target`]).

mod account;
mod copies;
mod document;
mod filling;
mod instructions;
mod ledger;
mod members;
mod packages;
mod reader;
mod run;
mod runtime;
mod sources;
mod stage;
mod steps;
mod surroundings;
mod sync;
mod system;
mod target;
mod text;
mod uv;
mod value;
mod variables;
mod words;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::config as reading;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::entry::SYNTAX;
use crate::project::uv::default_image;
use filling::Shared;
pub use ledger::Counts;
pub use surroundings::Surroundings;
use target::Target;
use text::Text;
use value::Value;

/// What became of a Dockerfile.
#[derive(Debug)]
pub struct Imported {
    /// Text of the config.
    pub config: String,
    /// What it does not say, in the order of the Dockerfile.
    pub warnings: Vec<Diagnostic>,
    /// What became of its words.
    pub counts: Counts,
}

/// Reads a Dockerfile.
pub fn import(file: &Arc<SourceFile>, surroundings: &Surroundings<'_>) -> Result<Imported, Diagnostics> {
    let mut reader = instructions::read(file, surroundings)?;
    let (targets, shared) = target::targets(&mut reader);
    if targets.is_empty() {
        return Err(Diagnostic::new(
            "import::no_project",
            format!("`{}` does not install a project with a uv lockfile", file.name),
        )
        .at(Span::whole(file))
        .help("run `uv lock` to create a lockfile, and `uv-buildkit init` to create a config")
        .into());
    }
    let targets = targets.into_iter().map(|target| admitted(&mut reader, target)).collect();
    for text in shared.uv.iter().chain(shared.managed_python.iter().flatten()) {
        reader.replaced([text]);
    }
    reader.tell_the_rest();
    let counts = reader.ledger.count();
    let mut warnings = reader.warnings;
    warnings.sort_by_key(|warning| warning.spans.first().map_or(0, |span| span.range.start));
    Ok(Imported { config: config(&file.name, targets, &shared), warnings, counts })
}

/// A target without the keys whose values a config would not admit. Of a table, only entries are left out.
fn admitted(reader: &mut reader::Reader<'_>, mut target: Target) -> Target {
    let stage = reader.stages.get(target.stage).map_or(0..0, |stage| stage.range.clone());
    target.keys.retain_mut(|(key, value)| {
        if ["inherits", "requires"].contains(key) || refused(key, value).is_empty() {
            return true;
        }
        if let (true, Value::Table(entries)) = (["env", "labels"].contains(key), &mut *value) {
            entries.retain(|entry| {
                let alone = Value::Table(vec![entry.clone()]);
                let errors = refused(key, &alone);
                tell_refused(reader, key, &alone, &errors, &stage);
                errors.is_empty()
            });
            return !entries.is_empty();
        }
        let errors = refused(key, value);
        tell_refused(reader, key, value, &errors, &stage);
        false
    });
    target
}

/// Why a config does not admit a value.
fn refused(key: &str, value: &Value) -> Vec<Diagnostic> {
    let mut args = BTreeMap::new();
    value.args(&mut args);
    let text = format!("{}[targets.a]\n{}", args_table(&args), entry(key, value));
    match reading::parse(&SourceFile::new(reading::FILE_NAME, text), &BTreeMap::new()) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().cloned().collect(),
    }
}

/// Warns of a value that a config does not admit, at all of its words.
fn tell_refused(
    reader: &mut reader::Reader<'_>,
    key: &str,
    value: &Value,
    errors: &[Diagnostic],
    stage: &Range<usize>,
) {
    let mut range: Option<Range<usize>> = None;
    value.texts(&mut |text| {
        for origin in text.origins() {
            let known = range.take().unwrap_or_else(|| origin.clone());
            range = Some(known.start.min(origin.start)..known.end.max(origin.end));
        }
    });
    let range = range.unwrap_or_else(|| stage.clone());
    for error in errors {
        let help = error.help.first().map_or("", String::as_str);
        reader.left_out(&range, format!("`{key}` of this stage: {}", error.message), help);
    }
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
    let of_members = shared.members.values().flatten().map(|(_, value)| value);
    of_members.for_each(|value| value.args(&mut args));
    shared.uv.iter().chain(shared.managed_python.iter().flatten()).for_each(|text| text.args(&mut args));

    let mut text = format!("# syntax={SYNTAX}\n# Made from `{name}`.\n");
    if let [_, .., last] = &targets[..] {
        let image = targets.iter().rfind(|target| !target.keys.iter().any(|(key, _)| *key == "run"));
        text += &entry("default-target", &Value::text(&image.unwrap_or(last).name));
    }
    if !args.is_empty() {
        text += &format!("\n{}", args_table(&args));
    }
    if shared.has_stale_lock {
        text += "\n[lock]\ncheck = \"off\"\n";
    }
    if let Some(version) = &shared.managed_python {
        text += "\n[python]\n";
        text.extend(version.iter().map(|version| entry("version", &Value::Text(version.clone()))));
        text += &entry("provider", &Value::text("managed"));
    }
    if let Some(image) = shared.uv.as_ref().filter(|image| **image != Text::from(default_image(None).as_str())) {
        text += &format!("\n[uv]\n{}", entry("image", &Value::Text(image.clone())));
    }
    for (name, keys) in &shared.members {
        text += &format!("\n[members.{}]\n", value::key(name));
        text.extend(keys.iter().map(|(key, value)| entry(key, value)));
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

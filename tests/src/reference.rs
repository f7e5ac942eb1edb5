//! The pages of the documentation that are generated: the config from its schema, the command line from clap, and a list of all
//! pages for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use serde_json::Value;
use uv_buildkit::cli::Cli;
use uv_buildkit::config::schema::examples::{KEYS, Key, find};
use uv_buildkit::config::schema::schema;

use crate::book::{self, REPOSITORY, first_paragraph, read};

/// What writes the pages.
pub const COMMAND: &str = "cargo xtask reference";

/// The generated pages, each by its path from the root of the repository.
pub fn pages() -> Result<Vec<(&'static str, String)>> {
    let (config, command_line) = (config()?, command_line());
    // The list has a line on each page, these among them.
    let list = list(&[(CONFIG, &config), (COMMAND_LINE, &command_line)])?;
    Ok(vec![(CONFIG, config), (COMMAND_LINE, command_line), ("docs/llms.txt", list)])
}

const CONFIG: &str = "docs/reference/config.md";

const COMMAND_LINE: &str = "docs/reference/cli.md";

const CONFIG_INTRODUCTION: &str = "\
This page lists the keys of `uv.build.toml`, with type, default and an example. You need the file only to change defaults. An
unknown key is an error that shows its line and a suggestion.

`uv-buildkit schema` prints the keys as a JSON Schema, so that editors can complete and check the file: see
[Editors](../start/install.md#editors).

Paths in the image are absolute. Paths of files to copy are relative to the build context. `${args.NAME}` in any string is replaced
by the value of a build arg from [`[args]`](#args).
";

fn config() -> Result<String> {
    let schema = schema();
    let mut in_schema = BTreeSet::new();
    collect(&schema, "", &mut in_schema);
    let described: BTreeSet<&str> = KEYS.iter().map(|key| key.path).collect();
    for path in &in_schema {
        ensure!(
            described.contains(path.as_str()),
            "`{path}` has no default and no example: write them in frontend/src/config/schema/examples.rs, then run `{COMMAND}`"
        );
    }
    let mut page = heading("The config", "frontend/src/config/schema.rs");
    page += CONFIG_INTRODUCTION;
    let mut table = String::new();
    for (index, key) in KEYS.iter().enumerate().filter(|(_, key)| !key.example.is_empty()) {
        let inner = KEYS[index + 1..].iter().take_while(|inner| inner.example.is_empty());
        let parent = key.path.rsplit_once('.').map(|(parent, _)| parent);
        if let Some(parent) = parent.filter(|parent| *parent != table) {
            table = parent.to_owned();
            let description = find(&schema, parent).map_or("", description);
            writeln!(page, "\n## `[{parent}]`\n\n{description}")?;
        }
        let node = find(&schema, key.path).with_context(|| key.path.to_owned())?;
        let heading = match (parent, node["type"] == "object") {
            (Some(_), _) => format!("### `{}`", key.path),
            (None, true) => format!("## `[{}]`", key.path),
            (None, false) => format!("## `{}`", key.path),
        };
        write!(page, "\n{heading}\n\n{}\n\n", text_of(node, key))?;
        writeln!(page, "- **Type**: {}\n- **Default**: {}\n", kind(node), default_of(key))?;
        writeln!(page, "```toml\n{}\n```", key.example)?;
        rows(&mut page, &schema, key, inner)?;
    }
    Ok(page)
}

/// The keys of the tables in a key.
fn rows<'a>(page: &mut String, schema: &Value, key: &Key, inner: impl Iterator<Item = &'a Key>) -> Result<()> {
    let mut inner = inner.peekable();
    if inner.peek().is_some() {
        *page += "\n| key | type | default | |\n|---|---|---|---|\n";
    }
    for row in inner {
        let node = find(schema, row.path).with_context(|| row.path.to_owned())?;
        let name = row.path.strip_prefix(key.path).context("a key that is not below the last with an example")?;
        let name = name.trim_start_matches("[]").trim_start_matches(".NAME").trim_start_matches('.');
        let cells = [kind(node), default_of(row), text_of(node, row).to_owned()].map(|cell| cell.replace('|', "\\|"));
        writeln!(page, "| `{name}` | {} |", cells.join(" | "))?;
    }
    Ok(())
}

fn default_of(key: &Key) -> String {
    if key.default.is_empty() { "required".to_owned() } else { key.default.to_owned() }
}

fn description(node: &Value) -> &str {
    node["description"].as_str().unwrap_or_default()
}

/// The description without the default, which stands beside it.
fn text_of<'a>(node: &'a Value, key: &Key) -> &'a str {
    let description = description(node);
    description.strip_suffix(&format!(" Default: {}.", key.default)).unwrap_or(description)
}

/// The paths of all keys of a schema. `[defaults]` has those of a target.
fn collect(node: &Value, path: &str, paths: &mut BTreeSet<String>) {
    if let Some(choices) = node["oneOf"].as_array().filter(|_| node["type"].is_null()) {
        choices.iter().for_each(|choice| collect(choice, path, paths));
    }
    let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, below) in node["properties"].as_object().into_iter().flatten() {
        let path = join(name);
        // A table is described where its keys are, unless it has none of its own.
        let has_keys = !below["properties"].is_null() || !below["additionalProperties"]["properties"].is_null();
        if !has_keys || path == "defaults" || path.starts_with("targets.NAME.") {
            paths.insert(path.clone());
        }
        if path != "defaults" {
            collect(below, &path, paths);
        }
    }
    if node["additionalProperties"].is_object() && has_table(&node["additionalProperties"]) {
        collect(&node["additionalProperties"], &join("NAME"), paths);
    }
    if node["items"].is_object() && has_table(&node["items"]) {
        collect(&node["items"], &format!("{path}[]"), paths);
    }
}

fn has_table(node: &Value) -> bool {
    node["properties"].is_object() || node["oneOf"].as_array().is_some_and(|choices| choices.iter().any(has_table))
}

/// The type of a value, in words.
fn kind(node: &Value) -> String {
    if let Some(words) = node["enum"].as_array() {
        return alternatives(&words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>());
    }
    match node["type"].as_str() {
        Some("array") => format!("list of {}", plural(&kind(&node["items"]))),
        Some("object") if node["properties"].is_object() => "table".to_owned(),
        Some("object") => format!("table of {}", plural(&kind(&node["additionalProperties"]))),
        Some("string") if node["pattern"].as_str().is_some_and(|pattern| pattern.starts_with("^(/")) => {
            "absolute path".to_owned()
        }
        Some("string") if node["pattern"].is_string() => "`\"venv\"`, `\"target\"`".to_owned(),
        Some(name) => name.to_owned(),
        None => {
            let choices = node["oneOf"].as_array().into_iter().flatten().map(kind);
            alternatives(&choices.collect::<Vec<_>>())
        }
    }
}

fn plural(kind: &str) -> String {
    let words = kind.split(" or ").map(|word| match word {
        word if word.starts_with('`') => word.to_owned(),
        word if word.starts_with("list of") => word.replacen("list", "lists", 1),
        word => format!("{word}s"),
    });
    words.collect::<Vec<_>>().join(" or ")
}

fn alternatives(choices: &[String]) -> String {
    match choices {
        [init @ .., last] if !init.is_empty() => format!("{} or {last}", init.join(", ")),
        choices => choices.concat(),
    }
}

fn heading(title: &str, source: &str) -> String {
    format!("# {title}\n\n<!-- `{COMMAND}` writes this page from {source}. -->\n\n")
}

const COMMAND_LINE_INTRODUCTION: &str = "\
This page lists the commands of `uv-buildkit`. Most of them read and plan a project like a build, but need no daemon: they download
nothing, and do not inspect images.
";

const EDITORS: &str = "\
Editors with [taplo](https://taplo.tamasfe.dev) complete and check a config that names the schema below its syntax line:

```toml
# syntax=ghcr.io/uv-buildkit/uv-buildkit:1
#:schema ./uv.build.schema.json
default-target = \"api\"

[targets.api]
```
";

fn command_line() -> String {
    let mut page = heading("The command line", "frontend/src/cli.rs");
    page += COMMAND_LINE_INTRODUCTION;
    let mut command = Cli::command();
    command.build();
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        if command.get_name() == "help" {
            continue;
        }
        page += &described(command);
        if command.get_name() == "schema" {
            page += &format!("\n{EDITORS}");
        }
    }
    page
}

fn described(command: &mut Command) -> String {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
    let mut text = format!("\n## `uv-buildkit {}`\n\n{about}.\n\n```text\n{usage}\n```\n", command.get_name());
    let arguments: Vec<&Arg> =
        command.get_arguments().filter(|arg| !arg.is_hide_set() && arg.get_id() != "help").collect();
    if !arguments.is_empty() {
        text += "\n| | |\n|---|---|\n";
    }
    for argument in arguments {
        text += &format!("| {} | {} |\n", name_of(argument), help_of(argument));
    }
    text
}

/// `` `--target <TARGET>` ``
fn name_of(argument: &Arg) -> String {
    let value = argument.get_value_names().into_iter().flatten().next().map_or("", |name| name.as_str());
    let Some(long) = argument.get_long() else { return format!("`{value}`") };
    let short = argument.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
    match argument.get_action() {
        ArgAction::Set | ArgAction::Append => format!("{short}`--{long} {value}`"),
        _ => format!("{short}`--{long}`"),
    }
}

fn help_of(argument: &Arg) -> String {
    let mut help = argument.get_long_help().or(argument.get_help()).map(ToString::to_string).unwrap_or_default();
    if !help.ends_with('.') {
        help.push('.');
    }
    let takes_value = matches!(argument.get_action(), ArgAction::Set | ArgAction::Append);
    let words = argument.get_possible_values();
    if takes_value && !words.is_empty() {
        let words: Vec<String> = words.iter().map(|word| format!("`{}`", word.get_name())).collect();
        help += &format!(" One of {}.", alternatives(&words));
    }
    let defaults: Vec<String> = argument.get_default_values().iter().map(|it| format!("`{}`", it.display())).collect();
    if takes_value && !defaults.is_empty() {
        help += &format!(" Default: {}.", defaults.join(" "));
    }
    help.replace('\n', " ").replace('|', "\\|")
}

/// All pages with a line on each, for programs that read documentation (llmstxt.org).
fn list(generated: &[(&str, &str)]) -> Result<String> {
    let mut list = String::from("# uv-buildkit\n\n");
    for part in book::parts()? {
        if !part.title.is_empty() {
            writeln!(list, "\n## {}\n", part.title)?;
        }
        for (title, path) in part.pages {
            let text = match generated.iter().find(|(known, _)| *known == path) {
                Some((_, text)) => (*text).to_owned(),
                None => read(&path)?,
            };
            let first = first_paragraph(&text);
            ensure!(!first.is_empty(), "{path} has no paragraph below its title");
            if part.title.is_empty() {
                writeln!(list, "> {first}\n")?;
            }
            let first = first.split(". ").next().unwrap_or_default().trim_end_matches(['.', ':']);
            writeln!(list, "- [{title}]({}{path}): {first}.", REPOSITORY[0])?;
        }
    }
    Ok(list)
}

//! Answers to `docker buildx build --call=…` and `--check`: what a build would do, without building
//! an image (BuildKit: `frontend/subrequests`). An answer is JSON and its text twin.

pub mod files;
mod libraries;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use buildkit_llb::{printable, printable_json};
use serde::Serialize;
use serde_json::{Value, json};

use crate::config::kind::Kind;
use crate::config::{Request, schema};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::lock::{PackageId, Source};
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::plan::access::{Access, Wanted};
use crate::plan::report::Report;
use crate::project::{Project, Target};
use crate::rules::Rule;

/// A call, by its `requestid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `--call=targets`
    Targets,
    /// `--call=outline`
    Outline,
    /// `--check`
    Lint,
    /// `--call=convertllb`
    ConvertLlb,
    /// `--call=uv.plan`
    Plan,
    /// `--call=uv.files`
    Files,
    /// `--call=uv.schema`
    Schema,
    /// `--call=subrequests.describe`
    Describe,
}

/// What clients print.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `result.json`
    pub json: Value,
    /// `result.txt`
    pub text: String,
    /// `version`
    pub version: &'static str,
    /// `result.statuscode`, for checks.
    pub status: Option<u8>,
}

impl Answer {
    /// The text of `result.json`, which is no command to a terminal.
    pub fn json_text(&self) -> String {
        json_text(&self.json).unwrap_or_default()
    }
}

/// A report for programs, as JSON without a command to the terminal that may show it.
pub fn json_text(report: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string_pretty(report)?;
    Ok(printable_json(&json).into_owned())
}

/// Every call with its id and what it is for.
const CALLS: [(&str, Call, &str); 8] = [
    ("frontend.targets", Call::Targets, "List all targets current build supports"),
    ("frontend.outline", Call::Outline, "List all parameters current build target supports"),
    ("frontend.lint", Call::Lint, "Check the project and its config"),
    ("frontend.convertllb", Call::ConvertLlb, "Show the build graph"),
    ("frontend.uv.plan", Call::Plan, "List the layers of the image and what is in them"),
    ("frontend.uv.files", Call::Files, "Install the packages, and list what each has on disk"),
    ("frontend.uv.schema", Call::Schema, "Show the JSON Schema of uv.build.toml"),
    ("frontend.subrequests.describe", Call::Describe, "List available subrequest types"),
];

/// The calls there are, as `--call` names them.
pub fn names() -> Vec<String> {
    CALLS.iter().map(|(id, ..)| format!("`{}`", id.trim_start_matches("frontend."))).collect()
}

impl Call {
    /// The call with this `requestid`.
    pub fn parse(id: &str) -> Option<Self> {
        CALLS.iter().find(|(known, ..)| *known == id).map(|(_, call, _)| *call)
    }

    /// The version of the answer's form.
    fn version(self) -> &'static str {
        match self {
            Self::ConvertLlb => "0.1.0",
            // What reads 1.0 draws every excerpt under the name that `-f` gives, of whatever file it is (buildx: `printResult`). Of a
            // later form it prints the text.
            Self::Lint => "1.1.0",
            _ => VERSION,
        }
    }
}

const VERSION: &str = "1.0.0";

/// The calls there are.
pub fn describe() -> Answer {
    let named = |name: &str| json!({ "name": name, "description": "" });
    let all = CALLS.iter().map(|(name, call, description)| {
        let mut metadata = vec![named("result.json"), named("result.txt")];
        if *call == Call::Lint {
            metadata.push(named("result.statuscode"));
        }
        json!({
            "name": name, "version": call.version(), "type": "rpc", "description": description,
            "opts": [], "inputs": null, "metadata": metadata, "refs": null,
        })
    });
    let rows = CALLS.iter().map(|(name, call, description)| {
        [name, call.version(), description].map(|cell: &str| cell.to_owned()).to_vec()
    });
    Answer {
        json: all.collect(),
        text: table(&["NAME", "VERSION", "DESCRIPTION"], rows),
        version: VERSION,
        status: None,
    }
}

/// The JSON Schema of the config.
pub fn schema() -> Answer {
    let json = schema::schema();
    let text = format!("{json:#}\n");
    Answer { json, text, version: VERSION, status: None }
}

/// The targets of the project; what each installs is its description.
pub fn targets(project: &Project, manifests: &BTreeMap<PackageId, Manifest>) -> Answer {
    let mut sources = Sources::default();
    let mut names = project.target_names(manifests);
    if names.is_empty() {
        // None is one by itself; each can be named.
        names = project.lock.members.iter().map(ToString::to_string).collect();
    }
    let default = project.target(&Request::Default, manifests).ok().map(|target| target.name);
    // Those of another lock, which has not been read, are told by that.
    let other_lock = |name: &str| project.other_lock(name).map(|lock| format!("is made from {lock}"));
    let described: Vec<(String, Option<Target>)> = names
        .into_iter()
        .map(|name| {
            let target = match other_lock(&name) {
                Some(_) => None,
                None => project.target(&Request::Target(name.clone()), manifests).ok(),
            };
            (name, target)
        })
        .collect();
    let targets: Vec<Value> = described
        .iter()
        .map(|(name, target)| {
            let mut entry = json!({ "name": name });
            if Some(name) == default.as_ref() {
                entry["default"] = json!(true);
            }
            if let Some(other) = other_lock(name) {
                entry["description"] = json!(other);
            }
            if let Some(target) = target {
                entry["description"] = json!(installs(project, target));
                entry["base"] = json!(target.base.value);
                if let Some(span) = &target.span {
                    entry["location"] = sources.location(span);
                }
            }
            entry
        })
        .collect();
    let rows = described.iter().map(|(name, target)| {
        let mark = if Some(name) == default.as_ref() { " (default)" } else { "" };
        vec![
            format!("{name}{mark}"),
            target.as_ref().map(|target| installs(project, target)).or_else(|| other_lock(name)).unwrap_or_default(),
        ]
    });
    Answer {
        text: table(&["TARGET", "DESCRIPTION"], rows),
        json: json!({ "targets": targets, "sources": sources.texts().collect::<Value>() }),
        version: VERSION,
        status: None,
    }
}

/// `installs pkg-api[postgres] with dev`, and for a check what it runs; `wheels of pkg-api` for what is no image.
fn installs(project: &Project, target: &Target) -> String {
    let names = |names: Vec<&str>| names.join(", ");
    let package = &project.lock.packages[target.selection.root].name;
    let extras = names(target.selection.extras.iter().map(AsRef::as_ref).collect());
    let extras = if extras.is_empty() { extras } else { format!("[{extras}]") };
    let groups = names(target.selection.groups.iter().map(AsRef::as_ref).collect());
    let groups = if groups.is_empty() { groups } else { format!(" with {groups}") };
    let commands: Vec<String> =
        target.check.run.iter().map(|command| format!("`{}`", command.value.join(" "))).collect();
    let runs = if commands.is_empty() { String::new() } else { format!(", runs {}", commands.join(", ")) };
    let does = match target.kind {
        Kind::Image => "installs",
        Kind::Wheels => "wheels of",
        Kind::Venv => "environment with",
        Kind::LambdaZip => "zip for AWS Lambda with",
        Kind::Requirements => "requirements of",
    };
    format!("{does} {package}{extras}{groups}{runs}")
}

/// The parameters of a target, whose steps have `caches` with these ids.
pub fn outline(
    project: &Project,
    target: &Target,
    manifests: &BTreeMap<PackageId, Manifest>,
    caches: &BTreeSet<String>,
) -> Result<Answer, Diagnostics> {
    let mut sources = Sources::default();
    let none = BTreeMap::new();
    let declared = project.config.as_ref().map_or(&none, |config| &config.args);
    let args: Vec<Value> = declared
        .iter()
        .map(|(name, arg)| json!({ "name": name, "value": arg.value, "location": sources.location(&arg.span) }))
        .collect();
    let description = installs(project, target);
    let (name, shown) = (printable(&target.name), printable(&description));
    let head = format!("TARGET:      {name}\nDESCRIPTION: {shown}\n");
    let rows = declared.iter().map(|(name, arg)| vec![name.clone(), arg.value.clone()]);
    let declared = table(&["BUILD ARG", "VALUE"], rows);
    let reached = project.reached(vec![target.selection.root], manifests);
    let mut wanted = Access::of(project, manifests)?.wanted(project, &reached);
    for secret in target.steps.iter().flat_map(|step| &step.secrets) {
        wanted.insert(Wanted { id: secret.id.clone(), is_required: secret.is_required });
    }
    let required = |is_required: bool| if is_required { "true" } else { "" }.to_owned();
    let rows = wanted.iter().map(|wanted| vec![wanted.id.clone(), required(wanted.is_required)]);
    let secret = table(&["SECRET", "REQUIRED"], rows);
    let sockets: &[&str] = if reached.iter().any(|id| is_fetched_by_ssh(project, *id)) { &[SSH_SOCKET] } else { &[] };
    let ssh = table(&["SSH", "REQUIRED"], sockets.iter().map(|socket| vec![(*socket).to_owned(), required(true)]));
    let cache = table(&["CACHE"], caches.iter().map(|id| vec![id.clone()]));
    // A table without rows is none.
    let tables = [declared, secret, ssh, cache].into_iter().filter(|table| table.lines().count() > 1);
    let text = std::iter::once(head).chain(tables).collect::<Vec<_>>().join("\n");
    // BuildKit leaves out what is not set (`outline.Secret`).
    let secrets = wanted.iter().map(|Wanted { id, is_required }| match is_required {
        true => json!({ "name": id, "required": true }),
        false => json!({ "name": id }),
    });
    let json = json!({
        "name": target.name, "description": description, "args": args, "secrets": secrets.collect::<Vec<_>>(),
        "ssh": sockets.iter().map(|socket| json!({ "name": socket, "required": true })).collect::<Vec<_>>(),
        "cache": caches.iter().map(|id| json!({ "ID": id })).collect::<Vec<_>>(),
        "sources": sources.texts().collect::<Value>(),
    });
    Ok(Answer { json, text, version: VERSION, status: None })
}

/// The agent that BuildKit asks when it fetches a repository by ssh and nobody names another (BuildKit: `client/llb/source.go`).
const SSH_SOCKET: &str = "default";

/// Whether a package is a repository that BuildKit is let in to by an agent.
fn is_fetched_by_ssh(project: &Project, package: PackageId) -> bool {
    matches!(&project.lock.packages[package].source, Source::Git(git) if git.url.starts_with("ssh://"))
}

/// The plan of a target.
pub fn plan(plan: &Plan) -> Answer {
    let report = Report::new(plan);
    let json = serde_json::to_value(&report).unwrap_or_default();
    Answer { json, text: report.text(), version: VERSION, status: None }
}

/// The graph of a target in BuildKit's form, and as text.
pub fn graph(json: Value, text: String) -> Answer {
    Answer { json, text, version: Call::ConvertLlb.version(), status: None }
}

/// What is wrong, or could be better, with the project. An error of the project is part of the answer, not a failed call.
pub fn lint(outcome: &Result<Vec<Diagnostic>, Diagnostics>) -> Answer {
    let mut sources = Sources::default();
    let mut text = String::new();
    let mut json = json!({ "warnings": [], "sources": [] });
    let mut found = true;
    match outcome {
        Ok(warnings) => {
            let entries: Vec<Value> = warnings.iter().map(|warning| sources.warning(warning)).collect();
            found = !entries.is_empty();
            json["warnings"] = Value::Array(entries);
            text += &warnings.iter().map(told).collect::<String>();
        }
        Err(errors) => {
            let place = errors.iter().find_map(|error| error.spans.first());
            let location = match place {
                Some(span) => sources.location(span),
                None => sources.nowhere(),
            };
            json["buildError"] = json!({ "message": errors.to_string(), "location": location });
            text += &errors.render();
        }
    }
    json["sources"] = sources.infos();
    // An error is drawn by clients in any case, and would be told twice.
    let version = if outcome.is_ok() { Call::Lint.version() } else { VERSION };
    Answer { json, text, version, status: Some(u8::from(found)) }
}

/// A warning as text: its rule and where that is explained, then what it says.
fn told(warning: &Diagnostic) -> String {
    let url = Rule::of(warning).map(|rule| format!(" - {}", rule.url())).unwrap_or_default();
    format!("\nWARNING: {}{url}\n{}", warning.code, warning.excerpt())
}

/// The files that an answer points into, each once, with the places in it.
#[derive(Default)]
struct Sources {
    files: Vec<(Arc<SourceFile>, Vec<Span>)>,
}

impl Sources {
    fn index(&mut self, file: &Arc<SourceFile>) -> usize {
        self.files.iter().position(|(known, _)| known == file).unwrap_or_else(|| {
            self.files.push((Arc::clone(file), Vec::new()));
            self.files.len() - 1
        })
    }

    /// `pb.Location` as Go writes it.
    fn location(&mut self, span: &Span) -> Value {
        let (first, last) = span.lines();
        let range = json!({ "start": { "line": first }, "end": { "line": last } });
        let index = self.index(&span.file);
        self.files[index].1.push(span.clone());
        json!({ "sourceIndex": index, "ranges": [range] })
    }

    /// For what has no place: clients dereference the location whatever it is about.
    fn nowhere(&mut self) -> Value {
        let index = self.index(&SourceFile::new("uv.lock", ""));
        json!({ "sourceIndex": index, "ranges": [] })
    }

    fn warning(&mut self, warning: &Diagnostic) -> Value {
        let location = match warning.spans.first() {
            Some(span) => self.location(span),
            None => json!({ "sourceIndex": -1 }),
        };
        let mut entry = json!({ "ruleName": warning.code, "detail": warning.to_string(), "location": location });
        if let Some(rule) = Rule::of(warning) {
            entry["description"] = json!(rule.description);
            entry["url"] = json!(rule.url());
        }
        entry
    }

    /// What clients show of the files, in base64.
    fn texts(&self) -> impl Iterator<Item = String> {
        let excerpt = |(file, spans): &(Arc<SourceFile>, Vec<Span>)| file.excerpt(spans).unwrap_or_default();
        self.files.iter().map(move |file| base64::engine::general_purpose::STANDARD.encode(excerpt(file)))
    }

    fn infos(&self) -> Value {
        let info = |((file, _), data): (&(Arc<SourceFile>, Vec<Span>), String)| json!({ "filename": printable(&file.name), "language": "TOML", "data": data });
        self.files.iter().zip(self.texts()).map(info).collect()
    }
}

/// Columns as wide as their widest cell.
fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let header = header.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let shown = |row: Vec<String>| row.iter().map(|cell| printable(cell).into_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(header).chain(rows).map(shown).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().enumerate().map(|(column, cell)| format!("{cell:<width$}", width = width(column)));
        text += cells.collect::<Vec<_>>().join("   ").trim_end();
        text.push('\n');
    }
    text
}

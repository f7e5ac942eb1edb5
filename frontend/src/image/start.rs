//! What containers of an image start where nobody said so.

use std::collections::{BTreeMap, BTreeSet};

use super::command;
use crate::diagnostic::{Diagnostic, Span};
use crate::image_config::ImageConfig;
use crate::lock::{PackageId, Source};
use crate::manifest::Manifest;
use crate::paths::lies_in;
use crate::plan::destination::Destination;
use crate::plan::product::Product;
use crate::plan::{Outside, Plan};
use crate::project::{Project, Target};
use crate::service::{self, DEFAULT_PORT, Found, Modules, Start, shown};
use crate::surroundings::Surroundings;

/// The modules to read before it is found out what a target starts.
pub fn wanted(
    project: &Project,
    target: &Target,
    manifests: &BTreeMap<PackageId, Manifest>,
    surroundings: &Surroundings,
) -> BTreeSet<String> {
    let package = &project.lock.packages[target.selection.root];
    let Some(directory) = package.source.project_dir().filter(|_| target.seeks_command() && !target.editable) else {
        return BTreeSet::new();
    };
    let scripts = manifests.get(&target.selection.root).is_some_and(|manifest| !manifest.scripts.is_empty());
    let is_package = !matches!(package.source, Source::Virtual(_));
    let names = project.lock.packages.iter().map(|package| package.name.as_str());
    // Without a framework, the script is all that can be meant.
    if is_package && scripts && !service::has_frameworks(names) {
        return BTreeSet::new();
    }
    let projects = project.lock.packages.iter().filter_map(|package| package.source.project_dir());
    let nested: Vec<String> =
        projects.filter(|other| *other != directory && lies_in(other, directory)).map(ToOwned::to_owned).collect();
    service::wanted(surroundings.files(), directory, &nested)
}

/// What a target without a command starts; an error where that is not clear. What lies in a directory is started by the base.
pub fn of(
    project: &Project,
    target: &Target,
    plan: &Plan,
    manifest: Option<&Manifest>,
    outside: &Outside,
) -> Result<Option<Start>, Diagnostic> {
    if !target.seeks_command() || plan.product != Product::Image || plan.destination != Destination::Venv {
        return Ok(None);
    }
    if let Some(script) = &target.script {
        let cmd = vec!["python".to_owned(), script.value.clone()];
        let reason = "it is the script of the target".to_owned();
        return Ok(Some(Start { cmd, env: BTreeMap::new(), port: None, reason, is_script: true, writes: None }));
    }
    let package = &project.lock.packages[target.selection.root];
    let is_package = !matches!(package.source, Source::Virtual(_));
    let scripts = manifest.filter(|_| is_package).map(|manifest| manifest.scripts.clone()).unwrap_or_default();
    let base = &outside.base.config;
    // Whoever works on links to sources starts what they like, and a base may have a command that is meant.
    let has_own_command = base.is_known() && command::idle(base, target, false).is_none();
    let no_modules = Modules::new();
    let is_open = !target.editable && !has_own_command && (is_package || target.sources.is_some());
    let packages: BTreeSet<&str> = plan.dependencies.keys().map(String::as_str).collect();
    let found = service::find(&service::Project {
        name: package.name.as_str(),
        directory: package.source.project_dir().unwrap_or("."),
        is_package,
        manifest: manifest.map_or("", |manifest| &manifest.file.text),
        scripts: &scripts,
        packages: &packages,
        modules: if is_open { &outside.modules } else { &no_modules },
        workdir: &plan.workdir,
        port: port(target, base),
        has_shell: has_shell(plan),
    });
    let place = || target.span.clone().unwrap_or_else(|| package.span.clone());
    match found {
        Found::Start(start) => Ok(Some(Start { writes: plan.data.clone(), ..start })),
        Found::Nothing => Ok(None),
        Found::Several(starts) => Err(several(&starts, target, place())),
        Found::NoServer { problem, package } => Err(Diagnostic::new("service::no_server", problem)
            .at(place())
            .help(format!("add one: run `uv add {package}`"))
            .help(how_to_say(target, "`cmd = [\"PROGRAM\", \"ARGUMENT\"]`"))),
    }
}

/// Where the image is to listen.
fn port(target: &Target, base: &ImageConfig) -> u16 {
    let of_base = base.env.iter().rfind(|(name, _)| name == "PORT").map(|(_, port)| port);
    let named = target.env.get("PORT").or(of_base).and_then(|port| port.parse().ok());
    let exposed = target.expose.iter().next().filter(|_| target.expose.len() == 1);
    let exposed = exposed.and_then(|port| port.split('/').next()?.parse().ok());
    named.or(exposed).unwrap_or(DEFAULT_PORT)
}

/// Whether a shell can fill in the port. Of a base that was not looked at its name tells.
fn has_shell(plan: &Plan) -> bool {
    match &plan.interpreter.programs {
        Some(programs) => programs.contains("sh"),
        None => !plan.base.contains("distroless"),
    }
}

fn several(starts: &[Start], target: &Target, place: Span) -> Diagnostic {
    let problem = format!("there are several possible commands for `{}`", target.name);
    let error = Diagnostic::new("service::several", problem).at(place).help(how_to_say(target, "one of these lines"));
    starts.iter().fold(error, |error, start| {
        error.help(format!(
            "`cmd = {}`: {}",
            serde_json::json!(start.cmd).to_string().replace("\",\"", "\", \""),
            start.reason
        ))
    })
}

/// Where a command is written.
fn how_to_say(target: &Target, what: &str) -> String {
    match &target.span {
        Some(_) => format!("or write {what} in `[targets.{}]`", target.name).replacen("or write one", "write one", 1),
        None => {
            format!("or write {what} in `uv.build.toml`, below `[targets.{0}]` and `package = \"{0}\"`", target.name)
                .replacen("or write one", "write one", 1)
        }
    }
}

/// What is said of a start that was found, in one line.
pub fn note(start: &Start) -> String {
    let writes =
        start.writes.iter().map(|path| format!("; `{path}` has data beside the sources, where the user may write"));
    let writes: String = writes.collect();
    format!("starts `{}`, since {}; for another command write `cmd`{writes}", shown(&start.cmd), start.reason)
}

//! What containers of an image start.

use crate::diagnostic::{Diagnostic, Span};
use crate::image_config::ImageConfig;
use crate::manifest::Manifest;
use crate::plan::Plan;
use crate::plan::destination::Destination;
use crate::plan::product::Product;
use crate::project::Target;

/// The declared command, or the one that was found.
pub(super) fn of(target: &Target, plan: &Plan) -> Option<Vec<String>> {
    target.cmd.clone().or_else(|| plan.start.as_ref().map(|start| start.cmd.clone()))
}

/// Whether the entrypoint of a base is a python and nothing else, as in distroless images. Others are for whatever command comes;
/// this one would take a command of ours for a script, and is not the python of the environment.
pub(super) fn is_python(entrypoint: &[String]) -> bool {
    let program = match entrypoint {
        [only] => only.rsplit('/').next().unwrap_or_default(),
        _ => return false,
    };
    program
        .strip_prefix("python")
        .is_some_and(|version| version.chars().all(|char| char.is_ascii_digit() || char == '.'))
}

/// Images whose command is a shell, a python or nothing, where nobody asked for their configs.
const IDLE_BASES: [&str; 3] =
    ["docker.io/library/python:", "docker.io/library/debian:", "public.ecr.aws/lambda/python:"];

/// Whether an image is one of those.
pub(super) fn is_known(reference: &str) -> bool {
    IDLE_BASES.iter().any(|known| reference.starts_with(known))
}

/// Programs that end at once, or wait for someone to type, when they are started without arguments.
const IDLE: [&str; 4] = ["sh", "ash", "bash", "dash"];

/// A warning of an image that nothing was said about, and whose base starts nothing that was meant for it: a shell or a python that reads
/// what is typed, or nothing at all. In a target with links to sources that is for whoever works on them.
///
/// `span` is a place to speak of the target where it has none.
pub fn check(
    base: &ImageConfig,
    target: &Target,
    plan: &Plan,
    manifest: Option<&Manifest>,
    span: &Span,
) -> Option<Diagnostic> {
    // Of what is no package, none is installed.
    let manifest = manifest.filter(|_| plan.applications().next().is_none());
    let scripts: Vec<&String> = manifest.iter().flat_map(|manifest| manifest.scripts.keys()).collect();
    let is_said = target.cmd.is_some() || target.entrypoint.as_ref().is_some_and(|words| !words.is_empty());
    let is_image = plan.product == Product::Image && plan.check.is_none();
    if is_said || !is_image || target.editable || of(target, plan).is_some() {
        return None;
    }
    let name = &target.name;
    let is_function = plan.destination != Destination::Venv;
    let started = match base {
        base if base.is_known() => idle(base, target, is_function)?,
        _ => is_known(&plan.base).then(|| "the command of its base".to_owned())?,
    };
    let place = target.span.clone().unwrap_or_else(|| span.clone());
    // A declared target is meant: a platform may name the command.
    if target.span.is_none() && !is_function {
        let problem = format!("no command was found for `{name}`");
        let error = Diagnostic::new("image::nothing_starts", problem).at(place);
        let table = format!("in `uv.build.toml`, below `[targets.{name}]` and `package = \"{name}\"`");
        let error = match &scripts[..] {
            [first, ..] => error.help(format!("choose one of its scripts {table}: `cmd = [\"{first}\"]`")),
            [] => error.help(format!("write `cmd = [\"PROGRAM\", \"ARGUMENT\"]` {table}")),
        };
        return Some(error.help("for a library, write `cmd = []`: the image then has no command"));
    }
    let warning =
        Diagnostic::new("image::no_command", format!("`{name}` has no command: its containers start {started}"));
    let warning = warning.at(place);
    let warning = match &scripts[..] {
        _ if is_function => warning.help("set the handler: `cmd = [\"MODULE.FUNCTION\"]`"),
        [] => warning.help("write `cmd = [\"PROGRAM\", \"ARGUMENT\"]`, or add a script to `[project.scripts]`"),
        [first, ..] => {
            let names: Vec<String> = scripts.iter().map(|script| format!("`{script}`")).collect();
            let scripts = names.join(", ");
            warning.help(format!("choose one of the scripts {scripts}: `cmd = [\"{first}\"]`"))
        }
    };
    Some(warning.help("or write `cmd = []` for an image without a command of its own"))
}

/// What containers would start of a base, where that is nothing of use.
pub(super) fn idle(base: &ImageConfig, target: &Target, is_function: bool) -> Option<String> {
    let (entrypoint, cmd) = match &target.entrypoint {
        // Whoever sets an entrypoint does not want the base's command with it.
        Some(_) => (Vec::new(), Vec::new()),
        None => (base.entrypoint.clone(), base.cmd.clone()),
    };
    match &[entrypoint, cmd.clone()].concat()[..] {
        [] => Some("nothing".to_owned()),
        [only] => {
            let name = only.rsplit('/').next().unwrap_or(only);
            let is_idle = IDLE.contains(&name) || is_python(std::slice::from_ref(only));
            (is_idle || (is_function && cmd.is_empty())).then(|| format!("`{only}` of its base"))
        }
        [first, ..] => (is_function && cmd.is_empty()).then(|| format!("`{first}` of its base")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_python_from_what_starts_commands() {
        let is_python = |words: &[&str]| is_python(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        for python in ["/usr/bin/python3.13", "python", "/usr/local/bin/python3"] {
            assert!(is_python(&[python]), "{python}");
        }
        for other in [&["tini", "--"][..], &["python3", "/wrapper.py"], &["/usr/bin/pythonw"], &[]] {
            assert!(!is_python(other), "{other:?}");
        }
    }
}

//! Keys that a target writes itself, and that say nothing about a target of its kind.

use super::kind::{KINDS, Kind};
use super::layout::Layout;
use super::settings::TargetConfig;
use crate::diagnostic::{Diagnostic, Located, quoted};

/// As many mistakes are collected.
const MOST_FOUND: usize = 200;

/// Keys that are for projects, and what to do instead.
const OF_PROJECTS: [(&str, &str); 6] = [
    ("editable", "remove it: a script is not a package and cannot be installed as editable"),
    ("extras", "a script has no extras: list its dependencies in its `# /// script` block"),
    ("groups", "a script has no groups: list its dependencies in its `# /// script` block"),
    ("lock", "remove it: the lockfile of a script is next to the script, where `uv lock --script` writes it"),
    ("package", "a target has either a `package` or a `script`: use one target for each"),
    ("sources", "the image has only the script: use `files` to copy other files"),
];

/// Refuses keys that a target writes itself and that are none of its kind. What it inherits may be of another kind, and is left
/// aside.
pub(super) fn check_kind(target: &TargetConfig, written: &[Located<String>], errors: &mut Vec<Diagnostic>) {
    let Some(kind) = &target.settings.kind else { return };
    let name = kind.value.name();
    for key in written.iter().filter(|key| !kind.value.takes(&key.value)) {
        // More are not told, and each is looked for among those before it.
        if errors.len() > MOST_FOUND {
            return;
        }
        // Nobody has an unknown key.
        if errors.iter().any(|error| error.spans.first() == Some(&key.span)) {
            continue;
        }
        let takes = KINDS.iter().filter(|(_, kind)| kind.takes(&key.value)).map(|(name, _)| *name).collect::<Vec<_>>();
        let problem = format!("`{}` is not supported for targets of kind `{name}`", key.value);
        errors.push(
            Diagnostic::new("config::key_of_another_kind", problem)
                .at(key.span.clone())
                .at(kind.span.clone())
                .help(format!("remove it, or use a `kind` that supports it: {}", quoted(&takes))),
        );
    }
    if let (Kind::LambdaZip, Some(layout)) = (kind.value, &target.settings.layout)
        && layout.value == Layout::Venv
        && written.iter().any(|key| key.value == "layout")
    {
        errors.push(
            Diagnostic::new("config::bad_layout", "AWS Lambda does not import modules from a virtual environment")
                .at(layout.span.clone())
                .at(kind.span.clone())
                .help("write `layout = \"target\"`, or remove `layout`"),
        );
    }
}

/// Refuses keys that a target writes itself and that say nothing about a script. What it inherits of them is left aside.
pub(super) fn check_script(target: &TargetConfig, written: &[Located<String>], errors: &mut Vec<Diagnostic>) {
    let Some(script) = &target.settings.script else { return };
    for key in written {
        let Some((name, help)) = OF_PROJECTS.iter().find(|(name, _)| *name == key.value) else { continue };
        let problem = format!("`{name}` is not supported for a target with `script`");
        errors.push(
            Diagnostic::new("config::key_of_projects", problem)
                .at(key.span.clone())
                .at(script.span.clone())
                .help(*help),
        );
    }
}

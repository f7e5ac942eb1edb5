//! `script`: a target that is made from a script with inline metadata (PEP 723).

use super::TargetConfig;
use super::path::require_inside;
use super::table::{Reader, Table};
use super::target::Settings;
use crate::diagnostic::{Diagnostic, Located};
use crate::paths::joined;
use crate::paths::script::lock_of;

/// Keys that are for projects, and what to do instead.
const OF_PROJECTS: [(&str, &str); 6] = [
    ("editable", "remove it: a script is not a package and cannot be installed as editable"),
    ("extras", "a script has no extras: list its dependencies in its `# /// script` block"),
    ("groups", "a script has no groups: list its dependencies in its `# /// script` block"),
    ("lock", "remove it: the lockfile of a script is next to the script, where `uv lock --script` writes it"),
    ("package", "a target has either a `package` or a `script`: use one target for each"),
    ("sources", "the image has only the script: use `files` to copy other files"),
];

/// `script` of a target: a path in the context.
pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<String>> {
    let path = reader.string(table, "script")?;
    require_inside(reader, &path, "script");
    if path.value.is_empty() || path.value.ends_with('/') {
        let error = Diagnostic::new("config::bad_path", format!("`{}` is not the path of a script", path.value))
            .at(path.span.clone())
            .help("write the path of a file in the build context, such as `script = \"jobs/report.py\"`");
        reader.errors.push(error);
    }
    Some(path.map(|path| joined(".", &path)))
}

impl Settings {
    /// With the lock of the script, if it is made from one.
    pub(super) fn with_lock_of_script(mut self) -> Self {
        if let Some(script) = &self.script {
            self.lock = Some(Located { value: lock_of(&script.value), span: script.span.clone() });
        }
        self
    }
}

/// Refuses keys that a target writes itself and that say nothing about a script. What it inherits of them is left aside.
pub(super) fn check(target: &TargetConfig, written: &[Located<String>], errors: &mut Vec<Diagnostic>) {
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

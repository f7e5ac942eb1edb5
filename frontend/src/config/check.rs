//! Keys of targets that are checks: what they run, what they leave, and who asks for them.

use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// `run`, `collect` and `requires`. They are a target's own: whoever inherits from a check is not one, and whoever asks for a check
/// is often what the check inherits from.
#[derive(Clone, Debug, Default)]
pub struct CheckConfig {
    /// Commands, one after the other, as lists of words.
    pub run: Vec<Located<Vec<String>>>,
    /// Files or directories that they leave: paths below the working directory.
    pub collect: Vec<Located<String>>,
    /// Checks that must pass before the target is built.
    pub requires: Vec<Located<String>>,
}

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> CheckConfig {
    let check = CheckConfig {
        run: reader.string_lists(table, "run").unwrap_or_default(),
        collect: reader.strings(table, "collect").unwrap_or_default(),
        requires: reader.strings(table, "requires").unwrap_or_default(),
    };
    for command in check.run.iter().filter(|command| command.value.is_empty()) {
        let error = Diagnostic::new("config::empty_command", "an entry of `run` is an empty command")
            .at(command.span.clone())
            .help("write `run = [[\"PROGRAM\", \"ARGUMENT\"], …]`; commands run without a shell");
        reader.errors.push(error);
    }
    for path in &check.collect {
        if path.value.is_empty() || path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
            let problem = format!("`{}` is not a path below the working directory", path.value);
            let error = Diagnostic::new("config::bad_path", problem)
                .at(path.span.clone())
                .help("use a path relative to the working directory: `collect = [\"report.xml\"]`");
            reader.errors.push(error);
        }
    }
    if let (true, Some(path)) = (check.run.is_empty(), check.collect.first()) {
        let error = Diagnostic::new(
            "config::missing_key",
            "a target with `collect` needs `run`, with commands that write the files",
        )
        .at(path.span.clone())
        .help("add `run = [[\"PROGRAM\", \"ARGUMENT\"]]`, or use `files` to copy files from the build context");
        reader.errors.push(error);
    }
    if let (false, Some(required)) = (check.run.is_empty(), check.requires.first()) {
        let error = Diagnostic::new("config::check_requires", "a target with `run` cannot require other checks")
            .at(required.span.clone())
            .help("list each of the checks in `requires` of the target that you ship");
        reader.errors.push(error);
    }
    check
}

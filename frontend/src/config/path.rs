//! Paths in a config: in the image, or in the build context.

use super::table::Reader;
use crate::diagnostic::{Diagnostic, Located};

/// Bytes of a path that Linux takes (`PATH_MAX`).
const LONGEST: usize = 4096;

/// Refuses a path that no system call takes.
fn is_too_long(reader: &mut Reader<'_>, path: &Located<String>, key: &str) -> bool {
    let is_too_long = path.value.len() > LONGEST;
    if is_too_long {
        let problem = format!("the path in `{key}` has {} bytes, but Linux allows at most {LONGEST}", path.value.len());
        reader.errors.push(Diagnostic::new("config::bad_path", problem).at(path.span.clone()));
    }
    is_too_long
}

/// Refuses a path that does not say where in an image it leads.
pub(super) fn require_absolute(reader: &mut Reader<'_>, path: &Located<String>, key: &str) {
    if is_too_long(reader, path, key) {
        return;
    }
    if !path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
        let problem = format!("`{key}` must be an absolute path without `..`, not `{}`", path.value);
        let mut error = Diagnostic::new("config::bad_path", problem).at(path.span.clone());
        if path.value.starts_with(|char: char| char.is_ascii_alphanumeric()) && !path.value.contains("..") {
            error = error.help(format!("for a path in the application's directory, write `/app/{}`", path.value));
        }
        reader.errors.push(error);
    }
}

/// Directories for what a running program leaves, which belong to everyone.
pub const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// Refuses what a layer would hold of a directory for temporary files: the layer would take the right to write there from all others.
pub(super) fn require_lasting(reader: &mut Reader<'_>, path: &Located<String>, key: &str) {
    for directory in TEMPORARY {
        if path.value.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
            let problem = format!("`{key}` cannot be in `{directory}`, which is for temporary files");
            let error = Diagnostic::new("config::bad_path", problem).at(path.span.clone());
            reader.errors.push(error.help("use another directory, such as `/app/data`"));
        }
    }
}

/// Without `/` at the end, and without empty parts.
pub fn plain(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", parts.join("/"))
}

/// Whether a path is another one, or below it.
pub fn lies_in(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Refuses a path that leads out of the build context.
pub(super) fn require_inside(reader: &mut Reader<'_>, path: &Located<String>, key: &str) {
    if is_too_long(reader, path, key) {
        return;
    }
    if path.value.starts_with('/') || path.value.split('/').any(|part| part == "..") {
        let error =
            Diagnostic::new("config::outside_context", format!("`{}` is outside the build context", path.value))
                .at(path.span.clone())
                .help(format!("`{key}` must be relative to the root of the build context, without `..`"));
        reader.errors.push(error);
    }
}

//! `script`: a target that is made from a script with inline metadata (PEP 723).

use super::path::require_inside;
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};
use crate::paths::joined;

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

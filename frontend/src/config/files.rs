//! `files`: what of the context an image holds as it is.

use super::path::{require_absolute, require_inside};
use super::table::{Located, Reader, Table};
use crate::diagnostic::Diagnostic;

/// One entry of `files`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// Path in the context, file or directory.
    pub from: Located<String>,
    /// Absolute path in the image.
    pub to: Located<String>,
}

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Vec<FileConfig>> {
    let tables = reader.tables(table, "files")?;
    let mut files = Vec::new();
    for mut table in tables {
        let span = reader.span(table.range.clone());
        let from = reader.string(&mut table, "from");
        let to = reader.string(&mut table, "to");
        reader.finish(&table);
        let (Some(from), Some(to)) = (from, to) else {
            let error = Diagnostic::new("config::missing_key", "an entry of `files` needs `from` and `to`")
                .at(span)
                .help("write `{ from = \"PATH IN THE CONTEXT\", to = \"/PATH/IN/THE/IMAGE\" }`");
            reader.errors.push(error);
            continue;
        };
        require_absolute(reader, &to, "files.to");
        if from.value.is_empty() {
            let error = Diagnostic::new("config::bad_path", "`files.from` is empty")
                .at(from.span.clone())
                .help("write `.` for the whole context");
            reader.errors.push(error);
        }
        require_inside(reader, &from, "from");
        files.push(FileConfig { from, to });
    }
    Some(files)
}

//! How tables of a manifest are read where the module may not understand them.

use std::sync::Arc;

use toml::de::DeTable;

use crate::diagnostic::SourceFile;

/// The table under a key. `None` when it is something else.
pub(super) fn table_at<'doc>(table: &'doc DeTable<'doc>, key: &str) -> Option<Option<&'doc DeTable<'doc>>> {
    match table.get(key) {
        Some(value) => value.get_ref().as_table().map(Some),
        None => Some(None),
    }
}

/// Reads values with their places.
pub(super) struct Reader<'file> {
    pub(super) file: &'file Arc<SourceFile>,
}

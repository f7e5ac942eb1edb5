//! `env` of a target, of a step or of builds.

use std::collections::BTreeMap;

use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// Variables of an image or a step.
pub(super) fn read_env(reader: &mut Reader<'_>, table: &mut Table<'_>) -> BTreeMap<String, Located<String>> {
    let env = reader.string_map(table, "env").unwrap_or_default();
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) {
            let error =
                Diagnostic::new("config::bad_env", format!("`{name}` is not a valid environment variable name"))
                    .at(value.span.clone())
                    .help("write `env = { NAME = \"value\" }`");
            reader.errors.push(error);
        }
    }
    env
}

//! How the packages of a target lie in it: `layout`.

use super::path::require_absolute;
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// `layout = "venv"`, `"target"` or `{ target = "/DIRECTORY" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Layout {
    /// In a virtual environment.
    #[default]
    Venv,
    /// Side by side in a directory, as `uv pip install --target` puts them. Which one, the base says unless the config does.
    Target(Option<String>),
}

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<Layout>> {
    let mut table = match reader.string_or_table(table, "layout")? {
        Ok(name) => {
            let layout = match name.value.as_str() {
                "venv" => Layout::Venv,
                "target" => Layout::Target(None),
                unknown => {
                    let error = Diagnostic::new("config::bad_layout", format!("`{unknown}` is not a valid layout"))
                        .at(name.span.clone())
                        .did_you_mean(unknown, ["target", "venv"]);
                    reader.errors.push(error);
                    return None;
                }
            };
            return Some(Located { value: layout, span: name.span });
        }
        Err(table) => table,
    };
    let span = reader.span(table.range.clone());
    let directory = reader.string(&mut table, "target");
    reader.finish(&table);
    let Some(directory) = directory else {
        let error = Diagnostic::new("config::missing_key", "`layout` needs a `target`")
            .at(span)
            .help("write `layout = { target = \"/DIRECTORY\" }`, or `layout = \"target\"` for the default directory of the base image");
        reader.errors.push(error);
        return None;
    };
    require_absolute(reader, &directory, "layout.target");
    if directory.value.trim_matches('/').is_empty() {
        let error = Diagnostic::new("config::bad_path", "`layout.target` cannot be the root of the image")
            .at(directory.span.clone())
            .help("use a directory for packages, such as `/var/task`");
        reader.errors.push(error);
    }
    let directory = directory.value.trim_end_matches('/').to_owned();
    Some(Located { value: Layout::Target(Some(directory)), span })
}

//! Passwords in the URLs of a manifest. They would be in the graph and the titles of steps, and those of `[project]` in the metadata that the
//! image has.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, syntax_error};
use crate::passwords;

/// Tables and keys of a manifest that hold requirements and URLs. Other tools have theirs.
const PLACES: [&[&str]; 6] = [
    &["project", "dependencies"],
    &["project", "optional-dependencies"],
    &["project", "urls"],
    &["build-system", "requires"],
    &["dependency-groups"],
    &["tool", "uv"],
];

pub(super) fn check_manifest(file: &Arc<SourceFile>, document: &DeTable<'_>) -> Result<(), Diagnostics> {
    let mut errors = Vec::new();
    for place in PLACES {
        let [first, rest @ ..] = place else { continue };
        let value = rest.iter().try_fold(document.get(*first), |value, key| {
            Some(value.and_then(|value| value.get_ref().as_table()?.get(*key)))
        });
        if let Some(value) = value.flatten() {
            walk(file, value, &place.join("."), &mut errors);
        }
    }
    Diagnostics::check(errors)
}

/// The same for a `uv.toml`.
pub(super) fn check_settings(file: &Arc<SourceFile>) -> Result<(), Diagnostics> {
    let document = DeTable::parse(&file.text).map_err(|error| syntax_error(file, &error))?;
    let mut errors = Vec::new();
    for (key, value) in document.get_ref() {
        walk(file, value, key.get_ref(), &mut errors);
    }
    Diagnostics::check(errors)
}

fn walk(file: &Arc<SourceFile>, value: &Spanned<DeValue<'_>>, path: &str, errors: &mut Vec<Diagnostic>) {
    match value.get_ref() {
        DeValue::String(text) if passwords::is_in(text) => {
            let problem = format!("a URL in `{path}` contains a password, which would be visible in the build graph");
            let error = Diagnostic::new("manifest::credentials", problem).at(Span::new(file, value.span()));
            let is_of_an_index =
                path.ends_with("index.url") || path.ends_with("index-url") || path.ends_with("find-links");
            errors.push(match (is_of_an_index, text.contains("git")) {
                (true, _) => error
                    .help("remove it, and pass it to the build as a secret: `[indexes.NAME]` with `secret = \"ID\"`"),
                (false, true) => error
                    .help("remove it, and pass it to the build as a secret: `--secret id=GIT_AUTH_TOKEN,env=VARIABLE`"),
                (false, false) => {
                    error.help("remove it, and pass it to the build as a secret: `--secret id=netrc,src=FILE`")
                }
            });
        }
        DeValue::Array(items) => items.iter().for_each(|item| walk(file, item, path, errors)),
        DeValue::Table(table) => {
            for (key, value) in table {
                walk(file, value, &format!("{path}.{}", key.get_ref()), errors);
            }
        }
        _ => {}
    }
}

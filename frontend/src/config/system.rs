//! `apt` and `build-apt`: packages of an image's distribution.

use super::table::{Located, Reader, Table};
use crate::diagnostic::Diagnostic;

/// Names become arguments of apt-get, which takes what starts with `-` for an option and what ends with it for a removal (Debian
/// policy 5.6.1 for names, 5.6.12 for versions).
pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>, key: &'static str) -> Option<Vec<Located<String>>> {
    let names = reader.strings(table, key)?;
    for name in &names {
        let (package, version) = name.value.split_once('=').unwrap_or((&name.value, "0"));
        let (package, architecture) = package.split_once(':').unwrap_or((package, "any"));
        let is_plain =
            |text: &str, more: &str| text.chars().all(|char| char.is_ascii_alphanumeric() || more.contains(char));
        let is_package = package.len() > 1
            && package.starts_with(|char: char| char.is_ascii_alphanumeric())
            && is_plain(package, "+-.")
            && (!package.ends_with(['-', '+']) || package.ends_with("++"));
        let is_version = !version.is_empty() && is_plain(version, ".+-:~");
        if !(is_package && is_plain(architecture, "-") && is_version) {
            let error = Diagnostic::new("config::bad_package", format!("`{}` is not a package of Debian", name.value))
                .at(name.span.clone())
                .help("write a name, or `NAME=VERSION`; each is a string of its own");
            reader.errors.push(error);
        }
    }
    Some(names)
}

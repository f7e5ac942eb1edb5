//! `apt`, `apk`, `build-apt` and `build-apk`: packages of an image's distribution.

use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// What installs packages of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// apt-get, of Debian and what is made from it.
    Apt,
    /// apk, of Alpine.
    Apk,
}

impl Manager {
    /// As the config and the step that runs it name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Apk => "apk",
        }
    }

    /// Whether something is a name of a package, or one with its version.
    pub fn takes(self, name: &str) -> bool {
        match self {
            Self::Apt => is_of_debian(name),
            Self::Apk => is_of_alpine(name),
        }
    }
}

/// Reads names, which become arguments: what is no name would be an option, a file or a removal.
pub(super) fn read(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    manager: Manager,
) -> Option<Vec<Located<String>>> {
    let names = reader.strings(table, key)?;
    let (distribution, forms) = match manager {
        Manager::Apt => ("Debian", "write a name or `NAME=VERSION`, with one package per string"),
        Manager::Apk => {
            ("Alpine", "write a name, `NAME=VERSION`, `NAME<VERSION` or `NAME~VERSION`, with one package per string")
        }
    };
    for name in names.iter().filter(|name| !manager.takes(&name.value)) {
        let error =
            Diagnostic::new("config::bad_package", format!("`{}` is not a valid {distribution} package", name.value))
                .at(name.span.clone())
                .help(forms);
        reader.errors.push(error);
    }
    Some(names)
}

fn is_plain(text: &str, more: &str) -> bool {
    text.chars().all(|char| char.is_ascii_alphanumeric() || more.contains(char))
}

/// apt-get takes what starts with `-` for an option and what ends with it for a removal (Debian policy 5.6.1 for names, 5.6.12 for
/// versions).
fn is_of_debian(name: &str) -> bool {
    let (package, version) = name.split_once('=').unwrap_or((name, "0"));
    let (package, architecture) = package.split_once(':').unwrap_or((package, "any"));
    let is_package = package.len() > 1
        && package.starts_with(|char: char| char.is_ascii_alphanumeric())
        && is_plain(package, "+-.")
        && (!package.ends_with(['-', '+']) || package.ends_with("++"));
    let is_version = !version.is_empty() && is_plain(version, ".+-:~");
    is_package && is_plain(architecture, "-") && is_version
}

/// Operators of versions, as apk-world(5) has them.
const OPERATORS: [&str; 7] = ["=", "<", "<=", ">", ">=", "~", "=~"];

/// apk takes what starts with `-` for an option, with `!` for a conflict, and what has `.apk` in it for a file. Something that packages
/// provide (`cmd:psql`, `so:libpq.so.5`) is as good as a name, and `@TAG` chooses a repository.
fn is_of_alpine(name: &str) -> bool {
    let (name, tag) = name.split_once('@').unwrap_or((name, "any"));
    let package = name.split(['=', '<', '>', '~']).next().unwrap_or_default();
    let bound = &name[package.len()..];
    let version = bound.trim_start_matches(['=', '<', '>', '~']);
    let operator = &bound[..bound.len() - version.len()];
    let is_version = version.starts_with(|char: char| char.is_ascii_digit()) && is_plain(version, "._-");
    package.starts_with(|char: char| char.is_ascii_alphanumeric() || char == '_')
        && is_plain(package, "+-._:")
        && !package.contains(".apk")
        && (bound.is_empty() || OPERATORS.contains(&operator) && is_version)
        && !tag.is_empty()
        && is_plain(tag, "-_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_options_files_or_removals() {
        for name in ["libpq5", "g++", "libc6:arm64", "libpq5=15.18-0+deb12u1"] {
            assert!(is_of_debian(name), "{name}");
        }
        for name in ["", "-y", "make-", "gcc g++", "libpq5=", "./a.deb", "a*"] {
            assert!(!is_of_debian(name), "{name}");
        }
        for name in [
            "gcc",
            "g++",
            "libpq=17.5-r0",
            "tini<1",
            "tini>=0.19",
            "py3-six~1.17",
            "so:libpq.so.5",
            "jq@edge",
            "jq=1.8-r0@edge",
        ] {
            assert!(is_of_alpine(name), "{name}");
        }
        for name in
            ["", "-U", "!gcc", ".deps", "gcc g++", "gcc=", "gcc==1", "gcc=-U", "./a.apk", "a.apk", "jq@", "=1", "a/b"]
        {
            assert!(!is_of_alpine(name), "{name}");
        }
    }
}

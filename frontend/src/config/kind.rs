//! What a build of a target leaves: `kind`, and which keys go with it.

use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// `kind`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// An image that runs.
    #[default]
    Image,
    /// The wheels of the local projects.
    Wheels,
    /// A virtual environment that may be moved.
    Venv,
    /// A deployment package of AWS Lambda.
    LambdaZip,
    /// A requirements file with hashes.
    Requirements,
}

/// Kinds by their names.
pub const KINDS: [(&str, Kind); 5] = [
    ("image", Kind::Image),
    ("wheels", Kind::Wheels),
    ("venv", Kind::Venv),
    ("lambda-zip", Kind::LambdaZip),
    ("requirements", Kind::Requirements),
];

/// Keys that say what is installed, which every kind has.
const COMMON: [&str; 10] =
    ["base", "deny", "extras", "groups", "inherits", "kind", "lock", "package", "requires", "script"];

/// Keys of builds, where something is built.
const BUILDS: [&str; 3] = ["build-apk", "build-apt", "builder"];

impl Kind {
    /// As the config spells it.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map_or("image", |(name, _)| name)
    }

    /// Whether a key says something about such a target.
    pub(super) fn takes(self, key: &str) -> bool {
        let own: &[&str] = match self {
            Self::Image => return true,
            Self::Wheels | Self::Venv => &BUILDS,
            Self::LambdaZip => &["build-apk", "build-apt", "builder", "files", "layout", "sources"],
            Self::Requirements => &[],
        };
        COMMON.contains(&key) || own.contains(&key)
    }
}

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<Kind>> {
    let name = reader.string(table, "kind")?;
    let kind = KINDS.iter().find(|(known, _)| *known == name.value);
    if kind.is_none() {
        let error = Diagnostic::new("config::bad_kind", format!("`{}` is not a valid target kind", name.value))
            .at(name.span.clone())
            .did_you_mean(&name.value, KINDS.map(|(known, _)| known));
        reader.errors.push(error);
    }
    kind.map(|(_, kind)| Located { value: *kind, span: name.span })
}

//! Where the bills of materials of an image come from, when the client asks for one.

use super::table::{Reader, Table};
use crate::diagnostic::Diagnostic;

/// `sbom` of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sbom {
    /// From a scanner that looks at the image.
    #[default]
    Scanner,
    /// From that and from the lock, a document each.
    Lock,
    /// From the lock alone: no scanner runs, and what the base holds is not told.
    LockOnly,
}

/// Its values as a config has them.
pub(super) const VALUES: [(&str, Sbom); 3] =
    [("scanner", Sbom::Scanner), ("lock", Sbom::Lock), ("lock-only", Sbom::LockOnly)];

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Sbom> {
    let text = reader.string(table, "sbom")?;
    let known = VALUES.iter().find(|(value, _)| *value == text.value);
    if known.is_none() {
        let problem = format!("`sbom` must be \"scanner\", \"lock\" or \"lock-only\", not \"{}\"", text.value);
        let error = Diagnostic::new("config::bad_value", problem).at(text.span);
        reader.errors.push(error.did_you_mean(&text.value, VALUES.map(|(value, _)| value)));
    }
    known.map(|(_, sbom)| *sbom)
}

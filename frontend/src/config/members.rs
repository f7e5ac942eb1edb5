//! `[members.NAME]`: what is said of workspace members, whichever targets they are part of.

use std::str::FromStr;

use uv_pep440::Version;

use super::table::{Located, Reader, Table};
use crate::diagnostic::Diagnostic;

/// The name that stands for all members.
pub const ALL: &str = "*";

/// One `[members.NAME]`.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// The member, as it is written, and the place of that.
    pub name: Located<String>,
    /// What its build backend takes for the version instead of asking git.
    pub version: Option<Located<Version>>,
}

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Table<'_>) -> Vec<MemberConfig> {
    let tables = reader.named_tables(root, "members");
    let members = tables.into_iter().map(|(name, mut table)| {
        let version = read_version(reader, &mut table);
        reader.finish(&table);
        MemberConfig { name, version }
    });
    members.collect()
}

/// Equal versions become one text (PEP 440: normalisation), so that the key of a build does not know how one was written.
fn read_version(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<Version>> {
    let text = reader.string(table, "version")?;
    match Version::from_str(&text.value) {
        Ok(version) => Some(text.map(|_| version)),
        Err(_) => {
            let error = Diagnostic::new("config::bad_version", format!("`{}` is not a version", text.value))
                .at(text.span)
                .help("write one as python's packages have them (PEP 440), such as `1.2.3`, `1.2.3rc1` or `1.2.3.dev4+abc`");
            reader.errors.push(error);
            None
        }
    }
}

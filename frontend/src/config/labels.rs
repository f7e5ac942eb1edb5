//! `labels-from`: where labels of an image come from that nobody wrote.

use super::table::{Reader, Table};
use crate::diagnostic::Diagnostic;

/// A source of labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelSource {
    /// `[project]` of the member.
    Project,
    /// The client's checkout.
    Git,
}

/// As configs name them.
const SOURCES: [(&str, LabelSource); 2] = [("project", LabelSource::Project), ("git", LabelSource::Git)];

pub(super) fn read_sources(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Vec<LabelSource>> {
    let names = reader.strings(table, "labels-from")?;
    let mut sources = Vec::new();
    for name in names {
        match SOURCES.iter().find(|(known, _)| *known == name.value) {
            Some((_, source)) => sources.push(*source),
            None => {
                let problem = format!("`{}` is not a valid source of labels", name.value);
                let error = Diagnostic::new("config::bad_value", problem).at(name.span);
                reader.errors.push(error.did_you_mean(&name.value, SOURCES.map(|(known, _)| known)));
            }
        }
    }
    Some(sources)
}

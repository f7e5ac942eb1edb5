//! What a config says of locks: whether they are compared with the manifests, and which one a target is made from.

use std::collections::BTreeSet;

use super::path::require_inside;
use super::settings::TargetConfig;
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};
use crate::paths::{LOCK, joined};

/// `lock.check`: which locks are compared with the manifests.
#[derive(Clone, Debug)]
pub struct LockCheck {
    /// Of the locks that are not named.
    is_on: bool,
    /// By path.
    named: Vec<(Located<String>, bool)>,
}

impl Default for LockCheck {
    fn default() -> Self {
        Self { is_on: true, named: Vec::new() }
    }
}

impl LockCheck {
    /// Whether the lock at a path is compared.
    pub fn has(&self, path: &str) -> bool {
        self.named.iter().find(|(named, _)| named.value == path).map_or(self.is_on, |(_, is_on)| *is_on)
    }
}

/// `check` of `[lock]`: a word for all locks, or a table with one for each.
pub(super) fn read_check(reader: &mut Reader<'_>, mut table: Table<'_>) -> LockCheck {
    let mut check = LockCheck::default();
    if table.is_table("check") {
        for (path, text) in reader.string_map(&mut table, "check").unwrap_or_default() {
            let is_on = is_on(reader, &format!("lock.check.\"{path}\""), &text);
            check.named.push((Located { value: joined(".", &path), span: text.span }, is_on));
        }
    } else if let Some(text) = reader.string(&mut table, "check") {
        check.is_on = is_on(reader, "lock.check", &text);
    }
    reader.finish(&table);
    check
}

fn is_on(reader: &mut Reader<'_>, key: &str, text: &Located<String>) -> bool {
    if !["on", "off"].contains(&text.value.as_str()) {
        let problem = format!("`{key}` must be \"on\" or \"off\", not \"{}\"", text.value);
        let error = Diagnostic::new("config::bad_value", problem).at(text.span.clone());
        reader.errors.push(error.help("the default is \"on\""));
    }
    text.value != "off"
}

/// Whoever turns the check off for a lock means one that a target has.
pub(super) fn require_known(check: &LockCheck, targets: &[TargetConfig], errors: &mut Vec<Diagnostic>) {
    let path = |target: &TargetConfig| target.settings.lock.as_ref().map_or(LOCK, |lock| &lock.value).to_owned();
    let known: BTreeSet<String> = targets.iter().map(path).chain([LOCK.to_owned()]).collect();
    for (named, _) in check.named.iter().filter(|(named, _)| !known.contains(&named.value)) {
        let problem = format!("no target uses the lockfile `{}`", named.value);
        let error = Diagnostic::new("config::unknown_lock", problem).at(named.span.clone());
        errors.push(error.did_you_mean(&named.value, known.iter().map(String::as_str)));
    }
}

/// `lock` of a target: a path in the context.
pub(super) fn read_path(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<String>> {
    let path = reader.string(table, "lock")?;
    require_inside(reader, &path, "lock");
    let is_lock = path.value.rsplit('/').next() == Some(LOCK);
    if !is_lock {
        let directory = path.value.trim_end_matches('/');
        let error = Diagnostic::new("config::bad_path", format!("`{}` is not the path of a lockfile", path.value))
            .at(path.span.clone())
            .help(format!("if that is the directory of the lockfile, write `{directory}/{LOCK}`"));
        reader.errors.push(error);
    }
    Some(path.map(|path| joined(".", &path)))
}

//! What a config says of locks: whether they are compared with the manifests, and which one a target is made from.

use super::Config;
use super::path::require_inside;
use super::table::{Located, Reader, Table};
use crate::diagnostic::Diagnostic;
use crate::lock::FILE_NAME;
use crate::paths::joined;
use crate::project::Request;

/// Whether `lock.check` is on.
pub(super) fn read_check(reader: &mut Reader<'_>, mut table: Table<'_>) -> bool {
    let check = reader.string(&mut table, "check");
    reader.finish(&table);
    match check {
        Some(check) if !["on", "off"].contains(&check.value.as_str()) => {
            let problem = format!("`lock.check` is \"on\" or \"off\", not \"{}\"", check.value);
            reader
                .errors
                .push(Diagnostic::new("config::bad_value", problem).at(check.span).help("the default is \"on\""));
            true
        }
        check => check.is_none_or(|check| check.value == "on"),
    }
}

/// `lock` of a target: a path in the context.
pub(super) fn read_path(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<String>> {
    let path = reader.string(table, "lock")?;
    require_inside(reader, &path, "lock");
    let is_lock = path.value.rsplit('/').next() == Some(FILE_NAME);
    if !is_lock {
        let directory = path.value.trim_end_matches('/');
        let error = Diagnostic::new("config::bad_path", format!("`{}` is not the path of a lock", path.value))
            .at(path.span.clone())
            .help(format!("write `{directory}/{FILE_NAME}`, if that is the directory it lies in"));
        reader.errors.push(error);
    }
    Some(path.map(|path| joined(".", &path)))
}

impl Config {
    /// The locks that targets are made from, each once, that of the defaults first; none stands for the root's.
    pub fn locks(&self) -> Vec<Option<&Located<String>>> {
        let mut locks: Vec<Option<&Located<String>>> = Vec::new();
        let path = |named: Option<&Located<String>>| named.map_or(FILE_NAME.to_owned(), |named| named.value.clone());
        for settings in std::iter::once(&self.defaults).chain(self.targets.iter().map(|target| &target.settings)) {
            let named = settings.lock.as_ref();
            if !locks.iter().any(|known| path(*known) == path(named)) {
                locks.push(named);
            }
        }
        locks
    }

    /// The lock that a build starts from, where one is named. What cannot be built is told later, by whatever lock.
    pub fn lock_of(&self, request: &Request) -> Option<&Located<String>> {
        let wanted = match request {
            Request::Package(_) => return self.defaults.lock.as_ref(),
            Request::Target(name) => Some(name),
            Request::Default => self.default_target.as_ref().map(|name| &name.value),
        };
        let named = self.targets.iter().find(|target| Some(&target.name.value) == wanted);
        match named.or(self.targets.first()) {
            Some(target) => target.settings.lock.as_ref(),
            None => self.defaults.lock.as_ref(),
        }
    }
}

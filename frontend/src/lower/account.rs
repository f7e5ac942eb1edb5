//! The user's files and directories, written without running anything: bases without a shell and foreign platforms work too.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{File, Input, Metadata, Mkdir, Mkfile, Owner};

use super::{EPOCH, settled};
use crate::account::Account;

/// A layer with the account's files, the home, other directories and what else belongs to the user.
pub(super) fn lower(
    account: &Account,
    shared: &BTreeSet<String>,
    writable: &BTreeSet<String>,
    metadata: Metadata,
) -> Input {
    let mut file = File::on(Input::Scratch);
    let mut directories: BTreeMap<String, Option<Owner>> = BTreeMap::new();
    let texts = [("/etc/passwd", &account.passwd), ("/etc/group", &account.group)];
    for path in shared {
        add_with_parents(&mut directories, path, None);
    }
    let home = account.make_home.then_some(&account.user.home);
    for path in home.into_iter().chain(writable) {
        let owner = Owner::ids(account.user.uid, account.user.gid);
        add_with_parents(&mut directories, path, Some(owner));
    }
    if texts.iter().any(|(_, text)| text.is_some()) {
        add_with_parents(&mut directories, "/etc", None);
    }
    for (path, owner) in directories {
        let mkdir = Mkdir::new(path, 0o755).timestamp(EPOCH);
        file = file.mkdir(match owner {
            Some(owner) => mkdir.owner(owner),
            None => mkdir,
        });
    }
    for (path, text) in texts {
        if let Some(text) = text {
            file = file.mkfile(Mkfile::new(path, 0o644, text.as_bytes()).timestamp(EPOCH));
        }
    }
    settled(file, metadata).into()
}

/// Every directory on the way, so that none is left to defaults; only the last belongs to `owner`.
fn add_with_parents(directories: &mut BTreeMap<String, Option<Owner>>, path: &str, owner: Option<Owner>) {
    let mut at = String::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        at = format!("{at}/{part}");
        directories.entry(at.clone()).or_insert(None);
    }
    if let (Some(owner), Some(last)) = (owner, directories.get_mut(&at)) {
        *last = Some(owner);
    }
}

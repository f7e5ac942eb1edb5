//! Directories as the image has them. A layer has its own idea of each directory on the way to what it holds, so that all of them must
//! have the same.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{File, Input, Metadata, Mkdir, Mkfile, Owner};

use super::{EPOCH, Lowering, settled};
use crate::account::Account;
use crate::config::path::{TEMPORARY, lies_in};
use crate::plan::{Application, Contents};
use crate::rootfs::source_path;

/// The home of root, into which nobody else may look.
const ROOT_HOME: &str = "/root";

/// What the owner may do the group may do as well. Platforms that choose the uid themselves, as OpenShift does, choose this group.
const WRITABLE: u32 = 0o775;

/// The group of directories that the user may write to: root's, whose members have no other rights by it.
const GROUP: u32 = 0;

impl Lowering<'_> {
    /// The layer with an account's files, the home, other directories and what else belongs to the user. Nothing is executed for it:
    /// bases without a shell and foreign platforms have it, too.
    pub(super) fn account(
        &self,
        account: &Account,
        shared: &BTreeSet<String>,
        writable: &BTreeSet<String>,
        metadata: Metadata,
    ) -> Input {
        let texts = [("/etc/passwd", &account.passwd), ("/etc/group", &account.group)];
        let texts: Vec<_> = texts.into_iter().filter_map(|(path, text)| Some((path, text.as_ref()?))).collect();
        let home = account.make_home.then_some(account.user.home.as_str());
        let etc = (!texts.is_empty()).then_some("/etc");
        let paths = shared.iter().chain(writable).map(String::as_str).chain(home).chain(etc);
        let file = self.with_directories(File::on(Input::Scratch), paths);
        let file = texts
            .into_iter()
            .fold(file, |file, (path, text)| file.mkfile(Mkfile::new(path, 0o644, text.as_bytes()).timestamp(EPOCH)));
        settled(file, metadata).into()
    }

    /// The layer with directories of the user alone.
    pub(super) fn writable(&self, directories: &BTreeSet<String>, metadata: Metadata) -> Input {
        let paths = directories.iter().map(String::as_str);
        settled(self.with_directories(File::on(Input::Scratch), paths), metadata).into()
    }

    /// Makes directories and those above them, each once.
    pub(super) fn with_directories<'a>(&self, file: File, paths: impl Iterator<Item = &'a str>) -> File {
        let mut all = BTreeSet::new();
        for path in paths {
            let mut at = String::new();
            for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
                at = format!("{at}/{part}");
                all.insert(at.clone());
            }
        }
        // Those are there in every base, with a mode that no layer can say.
        let all = all.into_iter().filter(|path| !TEMPORARY.contains(&path.as_str()));
        let of_user = self.directories_of_the_user();
        let trees = self.trees();
        all.fold(file, |file, path| file.mkdir(mkdir(&path, &of_user, &trees)))
    }

    /// Makes the directories on the way to what is copied to `path`, and itself where it is a directory of the user.
    pub(super) fn directories_to(&self, file: File, path: &str) -> File {
        let path = path.trim_end_matches('/');
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let itself = self.directories_of_the_user().contains_key(path).then_some(path);
        self.with_directories(file, itself.into_iter().chain([parent]))
    }

    /// Whether a path is a directory of the user, or lies in one.
    pub(super) fn is_among_the_users(&self, path: &str) -> bool {
        self.directories_of_the_user().keys().any(|directory| lies_in(path, directory))
    }

    /// User and group of the files of an application that has data beside its sources: a file of a database may be there, or a directory
    /// for it, to which the application must write.
    pub(super) fn ids_of(&self, application: &Application) -> Option<(u32, u32)> {
        let directories = self.directories_of_the_user();
        self.plan.data.as_ref().and_then(|_| directories.get(application.to.trim_end_matches('/')).copied())
    }

    /// User and group of the directories that the user may write to.
    fn directories_of_the_user(&self) -> BTreeMap<&str, (u32, u32)> {
        let accounts = self.plan.layers.iter().filter_map(|layer| match &layer.contents {
            Contents::Account { account, writable, .. } => Some((account, writable)),
            _ => None,
        });
        let directories = accounts.flat_map(|(account, writable)| {
            let home = account.make_home.then_some(&account.user.home);
            let ids = (account.user.uid, GROUP);
            home.into_iter().chain(writable).map(move |directory| (directory.trim_end_matches('/'), ids))
        });
        directories.collect()
    }

    /// What is put into the image with an owner or a mode of its own, in the order of the layers.
    fn trees(&self) -> Vec<Tree> {
        let mut all = Vec::new();
        for layer in &self.plan.layers {
            match &layer.contents {
                Contents::Sources { trees, ids } => all.extend(trees.iter().map(|tree| Tree {
                    path: source_path(&tree.directory),
                    mode: None,
                    ids: Some(*ids),
                })),
                Contents::Application(application) => {
                    all.push(Tree { path: application.to.clone(), mode: None, ids: self.ids_of(application) });
                }
                Contents::Files(files) => all.extend(files.iter().map(|file| Tree {
                    path: file.to.trim_end_matches('/').to_owned(),
                    mode: file.mode,
                    ids: file.ids,
                })),
                Contents::Step(step) => all.extend(step.outputs.iter().map(|output| Tree {
                    path: output.to.clone(),
                    mode: None,
                    ids: step.ids,
                })),
                _ => {}
            }
        }
        all
    }
}

/// A directory that is copied into the image, or left there by a step.
struct Tree {
    path: String,
    mode: Option<u32>,
    ids: Option<(u32, u32)>,
}

fn mkdir(path: &str, of_user: &BTreeMap<&str, (u32, u32)>, trees: &[Tree]) -> Mkdir {
    let mkdir = |mode, ids: Option<(u32, u32)>| {
        let mkdir = Mkdir::new(path, mode).timestamp(EPOCH);
        match ids {
            Some((uid, gid)) => mkdir.owner(Owner::ids(uid, gid)),
            None => mkdir,
        }
    };
    if let Some(ids) = of_user.get(path) {
        return mkdir(WRITABLE, Some(*ids));
    }
    // The innermost tree, of those with the same path the one that comes last.
    let around = trees.iter().filter(|tree| lies_in(path, &tree.path)).max_by_key(|tree| tree.path.len());
    if let Some(tree) = around {
        return mkdir(tree.mode.unwrap_or(0o755), tree.ids);
    }
    // On the way to what is the user's, in a directory of the user, as `~/.config` may be.
    let mut below = trees.iter().filter(|tree| lies_in(&tree.path, path)).peekable();
    let owner = of_user.iter().find(|(directory, _)| lies_in(path, directory)).map(|(_, ids)| *ids);
    if owner.is_some() && below.peek().is_some() && below.all(|tree| tree.ids.is_some()) {
        return mkdir(WRITABLE, owner);
    }
    mkdir(if path == ROOT_HOME { 0o700 } else { 0o755 }, None)
}

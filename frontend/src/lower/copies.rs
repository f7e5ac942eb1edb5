//! Files that a layer or a step has from the context or from servers.

use std::collections::BTreeMap;

use buildkit_llb::{Copy, File, Http, Input, Metadata, Mkdir, Output, Owner};

use super::{EPOCH, Lowering};
use crate::plan::{Contents, Copied, CopySource};

/// What a download is called: its key has the name in it, and another URL for the same bytes is to make no difference.
const DOWNLOAD: &str = "file";

/// The home of root, into which nobody else may look.
const ROOT_HOME: &str = "/root";

/// Layers of steps that files can come from, by the names of the steps.
pub(super) type Left<'a> = BTreeMap<&'a str, Output>;

impl Lowering<'_> {
    /// Copies files, in their order: the last of two with one path wins.
    pub(super) fn copies(&self, file: File, files: &[Copied], left: &Left<'_>) -> File {
        files.iter().fold(file, |file, copied| {
            let (input, from) = self.origin(copied, left);
            let copy = Copy::new(input, from, &copied.to).contents_only().create_dest_path().timestamp(EPOCH);
            let copy = match copied.mode {
                Some(mode) => copy.mode(mode),
                None => copy,
            };
            // Directories that a copy makes on its way belong to whom the copy belongs to.
            match copied.ids {
                Some((uid, gid)) => self.directories_above(file, &copied.to).copy(copy.owner(Owner::ids(uid, gid))),
                None if self.is_among_the_users(&copied.to) => self.directories_above(file, &copied.to).copy(copy),
                None => file.copy(copy),
            }
        })
    }

    /// With the places that the files are named at.
    pub(super) fn copies_metadata(&self, files: &[Copied], metadata: Metadata) -> Metadata {
        files.iter().fold(metadata, |metadata, file| metadata.at_all(self.sources.location(&file.span)))
    }

    fn origin(&self, copied: &Copied, left: &Left<'_>) -> (Input, String) {
        match &copied.source {
            // The config knows no step that comes later.
            CopySource::Step { step, path } => {
                (left.get(step.as_str()).map_or(Input::Scratch, Input::from), path.clone())
            }
            CopySource::Context(path) => (Input::from(&self.context), format!("/{path}")),
            CopySource::Url { download, sha256 } => {
                let http = Http::new(&download.url).filename(DOWNLOAD).mode(0o644).checksum(format!("sha256:{sha256}"));
                let http = match &download.secret {
                    Some(secret) => http.auth_header_secret(&secret.value),
                    None => http,
                };
                let metadata = Metadata::named(format!("fetch {}", download.url)).export_cache(false);
                let fetched = http.metadata(metadata.at_all(self.sources.location(&copied.span))).build();
                (fetched.into(), format!("/{DOWNLOAD}"))
            }
        }
    }

    /// Makes the directories above a path as the image has them: a layer has its own idea of each.
    pub(super) fn directories_above(&self, file: File, path: &str) -> File {
        let parent = path.trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent);
        let of_user = self.directories_of_the_user();
        let mut at = String::new();
        parent.split('/').filter(|part| !part.is_empty()).fold(file, |file, part| {
            at = format!("{at}/{part}");
            let mode = if at == ROOT_HOME { 0o700 } else { 0o755 };
            let mkdir = Mkdir::new(&at, mode).timestamp(EPOCH);
            file.mkdir(match of_user.get(at.as_str()) {
                Some((uid, gid)) => mkdir.owner(Owner::ids(*uid, *gid)),
                None => mkdir,
            })
        })
    }

    /// Whether a path lies in a directory of the user.
    fn is_among_the_users(&self, path: &str) -> bool {
        let of_user = self.directories_of_the_user();
        of_user.keys().any(|directory| path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')))
    }

    /// User and group that directories of the image belong to, if not root.
    pub(super) fn directories_of_the_user(&self) -> BTreeMap<&str, (u32, u32)> {
        let accounts = self.plan.layers.iter().filter_map(|layer| match &layer.contents {
            Contents::Account { account, writable, .. } => Some((account, writable)),
            _ => None,
        });
        let directories = accounts.flat_map(|(account, writable)| {
            let home = account.make_home.then_some(&account.user.home);
            let ids = (account.user.uid, account.user.gid);
            home.into_iter().chain(writable).map(move |directory| (directory.trim_end_matches('/'), ids))
        });
        directories.collect()
    }
}

//! Files that a layer or a step has from the context or from servers.

use std::collections::BTreeMap;

use buildkit_llb::{Copy, File, Http, Input, Metadata, Output, Owner};

use super::{EPOCH, Lowering};
use crate::plan::{Copied, CopySource};

/// What a download is called: its key has the name in it, and another URL for the same bytes is to make no difference.
const DOWNLOAD: &str = "file";

/// Layers of steps that files can come from, by the names of the steps.
pub(super) type Left<'a> = BTreeMap<&'a str, Output>;

/// A copy with the owner and the mode of what is copied.
pub(super) fn belonging(copy: Copy, copied: &Copied) -> Copy {
    let copy = match copied.mode {
        Some(mode) => copy.mode(mode),
        None => copy,
    };
    match copied.ids {
        Some((uid, gid)) => copy.owner(Owner::ids(uid, gid)),
        None => copy,
    }
}

impl Lowering<'_> {
    /// Copies files, in their order: the last of two with one path wins.
    pub(super) fn copies(&self, file: File, files: &[Copied], left: &Left<'_>) -> File {
        files.iter().fold(file, |file, copied| {
            // Directories that a copy makes on its way belong to whom the copy belongs to.
            let is_of_user = copied.ids.is_some() || self.is_among_the_users(&copied.to);
            let file = if is_of_user { self.directories_to(file, &copied.to) } else { file };
            file.copy(self.copy_of_file(copied, left))
        })
    }

    /// The copy of one.
    pub(super) fn copy_of_file(&self, copied: &Copied, left: &Left<'_>) -> Copy {
        let (input, from) = self.origin(copied, left);
        belonging(Copy::new(input, from, &copied.to).contents_only().create_dest_path().timestamp(EPOCH), copied)
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
            CopySource::Uv => (Input::from(&self.uv), "/uv".to_owned()),
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
}

//! Which files of the context that an image has whole are usually kept private: a client sends them alone, and what they lie in.

use std::collections::BTreeSet;

use buildkit_llb::{Copy, File, Input, Local, Metadata, Output};
use buildkit_proto::GatewayError;
use buildkit_proto::caps::llb::FILE_COPY_INCLUDE_EXCLUDE_PATTERNS;
use buildkit_proto::gateway::{FileRange, Ref, SolveRequest};
use futures::future::try_join_all;

use super::contexts::{Contexts, Place};
use super::failure::Failure;
use super::solve::solve;
use crate::lower::context::ALWAYS_IGNORED;
use crate::paths::file_in;
use crate::private::{Suspicion, expected_paths, is_private_key, patterns, suspicion};
use crate::project::Target;

/// Keys are smaller.
const MAX_KEY: u64 = 65536;

const NAME: &str = "[internal] look for private files";

/// Paths of such files in the context, without those that an ignore file leaves out.
pub async fn find(contexts: &Contexts<'_>, target: &Target, ignored: &[String]) -> Result<BTreeSet<String>, Failure> {
    let (names, below): (Vec<_>, Vec<_>) = expected_paths(target).iter().map(|tree| patterns(tree)).unzip();
    let (names, below) = (names.concat(), below.concat());
    if names.is_empty() {
        return Ok(BTreeSet::new());
    }
    let always = ALWAYS_IGNORED.iter().map(|pattern| (*pattern).to_owned());
    let found: Output = match &contexts.context {
        Place::Local { name, session } => Local::new(name)
            .session(session)
            .include(names)
            .exclude(always.chain(ignored.iter().cloned()).chain(below))
            .shared_key_hint(format!("{NAME}-{}{}", target.name, contexts.options.project()))
            .metadata(Metadata::named(NAME))
            .build(),
        Place::Graph(_) if !contexts.gateway.llb_caps().supports(FILE_COPY_INCLUDE_EXCLUDE_PATTERNS) => {
            return Ok(BTreeSet::new());
        }
        Place::Graph(root) => {
            let copy = Copy::new(root, "/", "/").contents_only().include(names).exclude(always.chain(below));
            File::on(Input::Scratch).copy(copy).metadata(Metadata::named(NAME)).build()
        }
    };
    let request = SolveRequest { definition: buildkit_llb::marshal(found)?.into_pb(), ..SolveRequest::default() };
    let Some(reference) = solve(contexts.gateway, request).await? else { return Ok(BTreeSet::new()) };
    let mut private = BTreeSet::new();
    let mut level = vec![".".to_owned()];
    while !level.is_empty() {
        let entries = try_join_all(level.iter().map(async |directory| {
            let entries = contexts.gateway.read_dir(&reference, directory, "").await?;
            Ok::<_, GatewayError>(entries.into_iter().map(move |entry| (file_in(directory, &entry.path), entry)))
        }));
        let (directories, others): (Vec<_>, Vec<_>) =
            entries.await?.into_iter().flatten().partition(|(_, entry)| entry.is_dir());
        for (path, _) in others.into_iter().filter(|(_, entry)| !entry.is_symlink()) {
            let is_private = match suspicion(&path) {
                Some(Suspicion::Certain) => true,
                Some(Suspicion::OfKeys) => holds_a_key(contexts, &reference, &path).await?,
                None => false,
            };
            private.extend(is_private.then_some(path));
        }
        level = directories.into_iter().map(|(path, _)| path).collect();
    }
    Ok(private)
}

async fn holds_a_key(contexts: &Contexts<'_>, reference: &Ref, path: &str) -> Result<bool, GatewayError> {
    let start = FileRange { offset: 0, length: MAX_KEY };
    Ok(is_private_key(&contexts.gateway.read_file(reference, path, Some(start)).await?))
}

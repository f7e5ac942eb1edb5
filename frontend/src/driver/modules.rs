//! Modules of a project, where nobody said what it starts: a client sends those alone that may tell.

use std::collections::BTreeSet;

use buildkit_proto::gateway::{FileRange, SolveRequest};
use futures::future::join_all;

use super::contexts::Contexts;
use super::failure::Failure;
use super::files;
use super::solve::solve;
use crate::diagnostic::SourceFile;
use crate::service::{MOST_BYTES, Modules};

/// The start of each of these files of the context; what is no text is read as far as it is one.
pub async fn read(contexts: &Contexts<'_>, paths: &BTreeSet<String>) -> Result<Modules, Failure> {
    if paths.is_empty() {
        return Ok(Modules::new());
    }
    let paths_of: Vec<&str> = paths.iter().map(String::as_str).collect();
    let root = files::root(contexts, &contexts.context, &paths_of, "[internal] look for what is started");
    let definition = buildkit_llb::marshal(&root)?.into_pb();
    let request = SolveRequest { definition, ..SolveRequest::default() };
    let Some(reference) = solve(contexts.gateway, request).await? else { return Ok(Modules::new()) };
    let range = FileRange { offset: 0, length: MOST_BYTES };
    let texts = join_all(paths.iter().map(async |path| {
        // One that went in the meantime tells nothing.
        let bytes = contexts.gateway.read_file(&reference, path, Some(range)).await.ok()?;
        Some((path.clone(), SourceFile::new(path, String::from_utf8_lossy(&bytes))))
    }));
    Ok(texts.await.into_iter().flatten().collect())
}

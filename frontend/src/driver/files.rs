//! Texts of files that the client has, or that a graph leaves.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_llb::{Input, Local, Metadata};
use buildkit_proto::Gateway;
use buildkit_proto::gateway::{Ref, SolveRequest};
use futures::future::try_join_all;

use super::contexts::{Contexts, Place};
use super::failure::Failure;
use super::solve::solve;
use crate::diagnostic::{Diagnostic, SourceFile, Span};
use crate::paths::file_in;

/// The texts of those of `paths` that exist in a place; of a client's directory nothing else is transferred.
pub async fn read(
    contexts: &Contexts<'_>,
    place: &Place,
    paths: &[&str],
    name: &str,
) -> Result<BTreeMap<String, Arc<SourceFile>>, Failure> {
    read_for(contexts, place, paths, name, |_| None).await
}

/// A place with those of `paths` that exist in it.
pub fn root(contexts: &Contexts<'_>, place: &Place, paths: &[&str], name: &str) -> Input {
    match place {
        Place::Local { name: directory, session } => Local::new(directory)
            .session(session)
            .follow_paths(paths.iter().copied())
            .shared_key_hint(format!("{name}{}", contexts.options.project()))
            // Edits that keep size and time are seen, too.
            .differ_none()
            .metadata(Metadata::named(name))
            .build()
            .into(),
        Place::Graph(root) => root.clone(),
    }
}

/// The same for what the user wrote at `span`.
pub async fn read_for(
    contexts: &Contexts<'_>,
    place: &Place,
    paths: &[&str],
    name: &str,
    span: impl Fn(&str) -> Option<Span>,
) -> Result<BTreeMap<String, Arc<SourceFile>>, Failure> {
    let gateway = contexts.gateway;
    let root = root(contexts, place, paths, name);
    let definition = buildkit_llb::marshal(&root)?.into_pb();
    let Some(reference) = solve(gateway, SolveRequest { definition, ..SolveRequest::default() }).await? else {
        return Ok(BTreeMap::new());
    };
    let texts = paths.iter().map(|path| {
        let (reference, span) = (&reference, &span);
        async move {
            let bytes = match gateway.read_file(reference, path, None).await {
                Ok(bytes) => bytes,
                Err(error) => {
                    return match unreadable(gateway, reference, path).await {
                        Unreadable::Absent => Ok(None),
                        Unreadable::Present => Err(Failure::from(error)),
                        Unreadable::BehindALink(link) => Err(Failure::from(link.at_some(span(path)))),
                    };
                }
            };
            match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(((*path).to_owned(), SourceFile::new(*path, text)))),
                Err(_) => {
                    Err(Failure::from(Diagnostic::new("context::not_utf8", format!("`{path}` is not UTF-8 text"))))
                }
            }
        }
    });
    Ok(try_join_all(texts).await?.into_iter().flatten().collect())
}

/// Why a file could not be read.
enum Unreadable {
    Absent,
    Present,
    BehindALink(Diagnostic),
}

/// Looks for a file that could not be read. What BuildKit says of an absent file is no part of its interface: listings tell whether
/// it is absent, or whether a symbolic link on the way to it leads to where there is nothing. No link leads out of the context.
async fn unreadable(gateway: &Gateway, reference: &Ref, path: &str) -> Unreadable {
    let mut parent = ".".to_owned();
    let mut link = None;
    for part in path.split('/') {
        match gateway.read_dir(reference, &parent, "").await {
            Ok(entries) => {
                let Some(entry) = entries.into_iter().find(|entry| entry.path == part) else {
                    return Unreadable::Absent;
                };
                parent = file_in(&parent, part);
                link = entry.is_symlink().then(|| (parent.clone(), entry.link));
            }
            Err(_) => break,
        }
    }
    match link {
        None if parent == path => Unreadable::Present,
        None => Unreadable::Absent,
        Some((at, to)) => {
            let way = if at == path { String::new() } else { format!(", on the way to `{path}`,") };
            let problem = format!("the symbolic link `{at}`{way} points to `{to}`, which is not in the build context");
            Unreadable::BehindALink(
                Diagnostic::new("context::behind_a_link", problem)
                    .help("build from a directory that contains both, or replace the link with the files"),
            )
        }
    }
}

impl Contexts<'_> {
    /// Patterns of the ignore file of a directory.
    pub(super) async fn ignored(&self, place: &Place, name: &str) -> Result<Vec<String>, Failure> {
        const IGNORE: &str = ".dockerignore";
        let label = format!("[context {name}] load {IGNORE}");
        let mut files = read(self, place, &[IGNORE], &label).await?;
        Ok(files.remove(IGNORE).map(|file| crate::ignore::parse(&file.text)).unwrap_or_default())
    }
}

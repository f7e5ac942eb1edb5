//! Which directories there are where members may lie, and which locks of scripts: names, and nothing of what is in them.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Local, Metadata};
use buildkit_proto::caps::llb::SOURCE_METADATA_TRANSFER;
use buildkit_proto::gateway::{FileStat, METADATA_FILE, Ref, SolveRequest, parse_metadata};
use futures::future::try_join_all;

use super::contexts::{Contexts, Place};
use super::failure::Failure;
use super::files;
use super::solve::solve;
use crate::lower::context::ALWAYS_IGNORED;
use crate::manifest::{self, Manifest};
use crate::paths::file_in;
use crate::project::Project;
use crate::project::script::{DEEPEST, SUFFIX, is_lock, may_hold_locks};
use crate::stale::newcomers::{Listing, candidates, listings};

/// The manifests in directories that may have become members, by directory. A further round trip only when there is such a
/// directory.
pub async fn newcomers(
    contexts: &Contexts<'_>,
    project: &Project,
    ignored: &[String],
) -> Result<BTreeMap<String, Manifest>, Failure> {
    let listings = listings(project);
    let listed = try_join_all(listings.iter().map(|listing| directories(contexts, listing))).await?;
    let candidates = candidates(project, listed.into_iter().flatten().collect(), ignored);
    if candidates.is_empty() {
        return Ok(BTreeMap::new());
    }
    let paths: Vec<String> = candidates.iter().map(|directory| file_in(directory, manifest::FILE_NAME)).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let files = files::read(contexts, &contexts.context, &paths, "[internal] load manifests of new members").await?;
    // One that cannot be read says nothing about the lock.
    let parsed = candidates.into_iter().zip(paths).filter_map(|(directory, path)| {
        let manifest = manifest::parse(files.get(path)?).ok()?;
        Some((directory, manifest))
    });
    Ok(parsed.collect())
}

async fn directories(contexts: &Contexts<'_>, listing: &Listing) -> Result<BTreeSet<String>, Failure> {
    if listing.depth == 0 {
        return Ok(BTreeSet::from([listing.directory.clone()]));
    }
    match &contexts.context {
        Place::Local { name, session } => of_client(contexts, name, session, listing).await,
        Place::Graph(root) => {
            let definition = buildkit_llb::marshal(root)?.into_pb();
            let request = SolveRequest { definition, ..SolveRequest::default() };
            let Some(reference) = solve(contexts.gateway, request).await? else { return Ok(BTreeSet::new()) };
            let mut level = BTreeSet::from([listing.directory.clone()]);
            for _ in 0..listing.depth {
                let entries = level.iter().map(async |parent| {
                    // A directory that is not there has no entries.
                    let entries = contexts.gateway.read_dir(&reference, parent, "").await.unwrap_or_default();
                    let directories = entries.into_iter().filter(is_directory);
                    directories.map(|entry| file_in(parent, &entry.path)).collect::<Vec<_>>()
                });
                level = futures::future::join_all(entries).await.into_iter().flatten().collect();
            }
            Ok(level)
        }
    }
}

/// The client walks no deeper than asked, and sends no content. A daemon that would ask for content is not asked.
async fn of_client(
    contexts: &Contexts<'_>,
    name: &str,
    session: &str,
    listing: &Listing,
) -> Result<BTreeSet<String>, Failure> {
    if !contexts.gateway.llb_caps().supports(SOURCE_METADATA_TRANSFER) {
        return Ok(BTreeSet::new());
    }
    let Listing { directory, depth } = listing;
    let deeper = vec!["*"; depth + 1].join("/");
    let label = format!("[internal] look for members in {directory}");
    let local = Local::new(name)
        .session(session)
        .exclude([file_in(directory, &deeper)].into_iter().chain(ALWAYS_IGNORED.map(ToOwned::to_owned)))
        .metadata_only(["no-file-is-wanted"])
        .shared_key_hint(format!("{label}{depth}{}", contexts.options.project()))
        .metadata(Metadata::named(label));
    let local = if directory == "." { local } else { local.include([directory.clone()]) };
    let definition = buildkit_llb::marshal(local.build())?.into_pb();
    let request = SolveRequest { definition, ..SolveRequest::default() };
    let Some(reference) = solve(contexts.gateway, request).await? else { return Ok(BTreeSet::new()) };
    let entries = names_sent(contexts, &reference).await?;
    let prefix = if directory == "." { String::new() } else { format!("{directory}/") };
    let is_as_deep =
        |entry: &FileStat| entry.path.strip_prefix(&prefix).is_some_and(|below| below.split('/').count() == *depth);
    let entries = entries.into_iter().filter(|entry| is_directory(entry) && is_as_deep(entry));
    Ok(entries.map(|entry| entry.path).collect())
}

/// What a client that sends no content says of files.
async fn names_sent(contexts: &Contexts<'_>, reference: &Ref) -> Result<Vec<FileStat>, Failure> {
    let bytes = contexts.gateway.read_file(reference, METADATA_FILE, None).await?;
    Ok(parse_metadata(&bytes)?)
}

/// Paths of the locks of scripts, as deep as they are looked for. Only asked for where a script may be meant.
pub async fn locks_of_scripts(contexts: &Contexts<'_>) -> Result<BTreeSet<String>, Failure> {
    const LABEL: &str = "[internal] look for locks of scripts";
    let has_metadata = contexts.gateway.llb_caps().supports(SOURCE_METADATA_TRANSFER);
    let (root, sends_names) = match &contexts.context {
        Place::Local { name, session } => {
            let foreign = ["**/node_modules", "**/.venv", "**/.git"].map(ToOwned::to_owned);
            let local = Local::new(name)
                .session(session)
                .include([format!("**/*{SUFFIX}")])
                .exclude(ALWAYS_IGNORED.map(ToOwned::to_owned).into_iter().chain(foreign))
                .shared_key_hint(format!("{LABEL}{}", contexts.options.project()))
                .metadata(Metadata::named(LABEL));
            let local = if has_metadata { local.metadata_only(["no-file-is-wanted"]) } else { local };
            (local.build().into(), has_metadata)
        }
        Place::Graph(root) => (root.clone(), false),
    };
    let definition = buildkit_llb::marshal(&root)?.into_pb();
    let request = SolveRequest { definition, ..SolveRequest::default() };
    let Some(reference) = solve(contexts.gateway, request).await? else { return Ok(BTreeSet::new()) };
    let paths: Vec<String> = match sends_names {
        true => names_sent(contexts, &reference).await?.into_iter().map(|entry| entry.path).collect(),
        false => files_in(contexts, &reference).await,
    };
    Ok(paths.into_iter().filter(|path| is_lock(path)).collect())
}

/// Paths of the files in a result, as deep as locks of scripts are looked for.
async fn files_in(contexts: &Contexts<'_>, reference: &Ref) -> Vec<String> {
    let mut files = Vec::new();
    let mut level = vec![".".to_owned()];
    for _ in 0..=DEEPEST {
        let entries = level.iter().map(async |parent| {
            // A directory that went in the meantime has no entries.
            let entries = contexts.gateway.read_dir(reference, parent, "").await.unwrap_or_default();
            entries.into_iter().map(|entry| (file_in(parent, &entry.path), entry.is_dir())).collect::<Vec<_>>()
        });
        let found: Vec<(String, bool)> = futures::future::join_all(entries).await.into_iter().flatten().collect();
        let (directories, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, is_directory)| *is_directory);
        files.extend(others.into_iter().map(|(path, _)| path));
        level = directories.into_iter().map(|(path, _)| path).filter(|path| may_hold_locks(path)).collect();
    }
    files
}

/// uv follows links to directories; where a link leads is seen when the manifest is read.
fn is_directory(entry: &FileStat) -> bool {
    entry.is_dir() || entry.is_symlink()
}

//! What lies around local projects in the context: names, and nothing of what is in them.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Input, Local, Metadata};
use buildkit_proto::caps::llb::SOURCE_METADATA_TRANSFER;
use buildkit_proto::gateway::{FileStat, METADATA_FILE, Ref, SolveRequest, parse_metadata};
use futures::future::join_all;

use super::contexts::{Contexts, Place};
use super::failure::Failure;
use super::solve::solve;
use crate::ignore;
use crate::lock::PackageId;
use crate::lower::context::ALWAYS_IGNORED;
use crate::manifest::Manifest;
use crate::paths::{directory_of, file_in, lies_in};
use crate::project::Project;
use crate::surroundings::{Entry, IGNORE_FILES, Surroundings, Wanted};

/// Looks at what builds of projects may see beside the projects. A further round trip only for links that lead out of what was looked
/// at.
pub async fn look(
    contexts: &Contexts<'_>,
    project: &Project,
    manifests: &BTreeMap<PackageId, Manifest>,
    ignored: &[String],
) -> Result<Surroundings, Failure> {
    let mut surroundings = Surroundings::default();
    loop {
        let wanted = surroundings.wanted(project, manifests);
        if wanted.is_empty() {
            return Ok(surroundings);
        }
        let entries = entries(contexts, &wanted, ignored).await?;
        surroundings.learn(wanted, entries);
    }
}

async fn entries(
    contexts: &Contexts<'_>,
    wanted: &Wanted,
    ignored: &[String],
) -> Result<Vec<(String, Entry)>, Failure> {
    let gateway = contexts.gateway;
    let has_metadata = gateway.llb_caps().supports(SOURCE_METADATA_TRANSFER);
    let root = match &contexts.context {
        Place::Local { name, session } => of_client(contexts, (name, session), wanted, ignored, has_metadata),
        Place::Graph(root) => root.clone(),
    };
    let definition = buildkit_llb::marshal(&root)?.into_pb();
    let request = SolveRequest { definition, ..SolveRequest::default() };
    let Some(reference) = solve(gateway, request).await? else { return Ok(Vec::new()) };
    if matches!(contexts.context, Place::Local { .. }) && has_metadata {
        let bytes = gateway.read_file(&reference, METADATA_FILE, None).await?;
        return Ok(parse_metadata(&bytes)?.into_iter().map(|stat| (stat.path.clone(), entry(&stat))).collect());
    }
    Ok(listed(contexts, &reference, wanted).await)
}

/// The client walks what is wanted, and sends no content. To a daemon that asks for content in any case it sends it once: it keeps it.
fn of_client(
    contexts: &Contexts<'_>,
    (name, session): (&str, &str),
    wanted: &Wanted,
    ignored: &[String],
    has_metadata: bool,
) -> Input {
    const LABEL: &str = "[internal] look around projects";
    let local = Local::new(name)
        .session(session)
        .exclude(excluded(wanted, ignored))
        .shared_key_hint(format!("{LABEL}{}", contexts.options.project()))
        .metadata(Metadata::named(LABEL));
    let local = if has_metadata { local.metadata_only(["no-file-is-wanted"]) } else { local };
    let paths: BTreeSet<&String> = wanted.trees.iter().chain(outside_of_trees(wanted)).collect();
    let local = if wanted.trees.contains(".") { local } else { local.follow_paths(paths) };
    local.build().into()
}

/// What else is wanted: a client compares every file with every path that it is asked for.
fn outside_of_trees(wanted: &Wanted) -> impl Iterator<Item = &String> {
    wanted.paths.iter().filter(|path| !wanted.trees.iter().any(|tree| lies_in(path, tree)))
}

/// What is left out: nothing that is wanted by its path, and of repositories what is in them.
fn excluded(wanted: &Wanted, ignored: &[String]) -> Vec<String> {
    let repositories = IGNORE_FILES.map(|(_, repository)| repository);
    let names_one = |pattern: &str| repositories.contains(&pattern.rsplit('/').next().unwrap_or_default());
    let always = ALWAYS_IGNORED.iter().copied().chain(ignored.iter().map(String::as_str));
    let mut patterns: Vec<String> = always.filter(|pattern| !names_one(pattern)).map(ToOwned::to_owned).collect();
    let left_out = wanted.paths.iter().filter(|path| ignore::leaves_out(&patterns, path).is_some());
    let exceptions: Vec<String> = left_out.map(|path| format!("!{path}")).collect();
    patterns.extend(exceptions);
    patterns.extend(wanted.excluded.iter().cloned());
    patterns.extend(repositories.map(|repository| format!("**/{repository}/*")));
    patterns
}

/// The same from the result of a graph, directory by directory.
async fn listed(contexts: &Contexts<'_>, reference: &Ref, wanted: &Wanted) -> Vec<(String, Entry)> {
    let mut found = BTreeMap::new();
    // What is wanted itself is in the listing of what it lies in.
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for path in wanted.trees.iter().chain(&wanted.paths).filter(|path| *path != ".") {
        names.entry(directory_of(path)).or_default().insert(path.rsplit('/').next().unwrap_or_default());
    }
    let tops = names.iter().map(async |(directory, names)| {
        let entries = contexts.gateway.read_dir(reference, directory, "").await.unwrap_or_default();
        let wanted = entries.into_iter().filter(|entry| names.contains(entry.path.as_str()));
        wanted.map(|stat| (file_in(directory, &stat.path), entry(&stat))).collect::<Vec<_>>()
    });
    found.extend(join_all(tops).await.into_iter().flatten());
    let mut level: Vec<String> = wanted.trees.iter().cloned().collect();
    while !level.is_empty() {
        let below = level.iter().map(async |directory| {
            // What is no directory has no entries.
            let entries = contexts.gateway.read_dir(reference, directory, "").await.unwrap_or_default();
            entries.into_iter().map(|stat| (file_in(directory, &stat.path), entry(&stat))).collect::<Vec<_>>()
        });
        let below: Vec<_> = join_all(below).await.into_iter().flatten().collect();
        let is_wanted = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or_default();
            let is_repository = IGNORE_FILES.iter().any(|(_, repository)| *repository == name);
            !is_repository && !wanted.excluded.contains(path) && !found.contains_key(path)
        };
        let directories = below.iter().filter(|(path, entry)| *entry == Entry::Directory && is_wanted(path));
        level = directories.map(|(path, _)| path.clone()).collect();
        found.extend(below);
    }
    found.into_iter().collect()
}

fn entry(stat: &FileStat) -> Entry {
    if stat.is_symlink() {
        Entry::Link(stat.link.clone())
    } else if stat.is_dir() {
        Entry::Directory
    } else {
        Entry::File
    }
}

//! Symbolic links on the way to local projects, in a context that is a graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use buildkit_proto::gateway::{FileStat, SolveRequest};

use super::contexts::{Contexts, Place};
use super::failure::Failure;
use super::solve::solve;
use crate::paths::{file_in, joined};
use crate::project::Project;

/// More links than these on one way are a circle, as for Linux.
const MOST: usize = 40;

/// The paths that links lead to: what is behind them takes part in a build as well. A client's directory needs no look: the client
/// follows links itself.
pub async fn targets(contexts: &Contexts<'_>, project: &Project) -> Result<BTreeSet<String>, Failure> {
    let mut targets = BTreeSet::new();
    let Place::Graph(root) = &contexts.context else { return Ok(targets) };
    let definition = buildkit_llb::marshal(root)?.into_pb();
    let request = SolveRequest { definition, ..SolveRequest::default() };
    let Some(reference) = solve(contexts.gateway, request).await? else { return Ok(targets) };
    let mut listed: BTreeMap<String, Vec<FileStat>> = BTreeMap::new();
    for directory in project.lock.packages.iter().filter_map(|package| package.source.project_dir()) {
        let mut ahead: VecDeque<String> = directory.split('/').map(ToOwned::to_owned).collect();
        let mut at = ".".to_owned();
        let mut followed = 0;
        while let Some(part) = ahead.pop_front() {
            if part == "." {
                continue;
            }
            if !listed.contains_key(&at) {
                // A directory that is not there has no entries.
                let entries = contexts.gateway.read_dir(&reference, &at, "").await.unwrap_or_default();
                listed.insert(at.clone(), entries);
            }
            let link = listed[&at].iter().find(|entry| entry.path == part && entry.is_symlink());
            let Some(link) = link.filter(|_| followed < MOST) else {
                at = file_in(&at, &part);
                continue;
            };
            followed += 1;
            // The root of the context is that of its links.
            let target = match link.link.strip_prefix('/') {
                Some(absolute) => joined(".", absolute),
                None => joined(&at, &link.link),
            };
            // It may have links on its way, too.
            target.split('/').rev().for_each(|part| ahead.push_front(part.to_owned()));
            if target != "." && !target.starts_with("..") {
                targets.insert(target);
            }
            at = ".".to_owned();
        }
    }
    Ok(targets)
}

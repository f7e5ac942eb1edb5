//! What a change concerns: the targets whose graph or image config is another than it was, and those that read a file which
//! changed. Pure.

mod comparison;

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::printable;
use serde::Serialize;

use crate::compile::Prepared;
use crate::ignore;
use crate::paths::{directory_of, lies_in};
use crate::plan::{Contents, Member, Package, Plan};
use crate::surroundings::IGNORE_FILES;
pub use comparison::Comparison;

/// What changed of a project, and whom it concerns.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Targets of the config, or the members that stand for themselves.
    pub targets: Vec<Affected>,
    /// Members of the workspace.
    pub members: Vec<Affected>,
    /// A member was asked for, and no target.
    #[serde(skip)]
    pub is_of_a_member: bool,
}

/// A target or member, and why.
#[derive(Debug, Serialize)]
pub struct Affected {
    /// Its name.
    pub name: String,
    /// Packages that changed (`idna 3.9 -> 3.10`), then files.
    pub because: Vec<String>,
}

impl Report {
    /// One line a target, or for the member that was asked for.
    pub fn text(&self) -> String {
        let line = |affected: &Affected| {
            let mut shown = affected.because.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            if let Some(more @ 1..) = affected.because.len().checked_sub(3) {
                shown += &format!(" and {more} more");
            }
            format!("{}\n", printable(&format!("{}: {shown}", affected.name)))
        };
        let told = if self.is_of_a_member { &self.members } else { &self.targets };
        told.iter().map(line).collect()
    }
}

/// Why a target is affected; nothing if it is not. `before` is none where it could not be planned; `files` are the paths that
/// changed, relative to the context.
pub fn because(
    before: Option<Prepared<'_>>,
    now: Prepared<'_>,
    files: &BTreeSet<String>,
    ignored: &[String],
) -> Vec<String> {
    let Some(before) = before else { return vec!["new".to_owned()] };
    let mut because = packages(&before.plan, &now.plan);
    let read = read(&now.plan, files, ignored);
    if because.is_empty() && !is_same(before, now) {
        because.push("its plan".to_owned());
    }
    because.extend(read);
    because
}

/// The files that changed which a plan reads.
pub fn read(plan: &Plan, files: &BTreeSet<String>, ignored: &[String]) -> Vec<String> {
    let is_read = |path: &&String| reads(plan, path) && ignore::leaves_out(ignored, path).is_none();
    files.iter().filter(is_read).cloned().collect()
}

/// Whether two plans give the same graph and config. Names of steps and places in files are no part of a graph.
fn is_same(before: Prepared<'_>, now: Prepared<'_>) -> bool {
    let (before, now) = (before.lower(), now.lower());
    let ops = |image| buildkit_llb::marshal(image).map(|graph| graph.into_pb().def);
    before.config == now.config && matches!((ops(before.image), ops(now.image)), (Ok(before), Ok(now)) if before == now)
}

/// Third-party packages that came, went or are of another version or artifact.
fn packages(before: &Plan, now: &Plan) -> Vec<String> {
    let (before, now) = (installed(before), installed(now));
    let names: BTreeSet<&str> = before.keys().chain(now.keys()).copied().collect();
    let is_other = |old: &Package, new: &Package| {
        (&old.artifact.origin, &old.artifact.hash) != (&new.artifact.origin, &new.artifact.hash)
    };
    let difference = |name: &str| match (before.get(name), now.get(name)) {
        (Some(old), None) => Some(format!("{name} {} -> none", old.version)),
        (None, Some(new)) => Some(format!("{name} none -> {}", new.version)),
        (Some(old), Some(new)) if old.version != new.version => {
            Some(format!("{name} {} -> {}", old.version, new.version))
        }
        (Some(old), Some(new)) if is_other(old, new) => Some(format!("{name} {} of another artifact", new.version)),
        _ => None,
    };
    names.into_iter().filter_map(difference).collect()
}

/// Third-party packages by name.
fn installed(plan: &Plan) -> BTreeMap<&str, &Package> {
    let layers = plan.layers.iter().filter_map(|layer| match &layer.contents {
        Contents::ThirdParty(packages) => Some(packages),
        _ => None,
    });
    layers.flatten().map(|package| (package.name.as_str(), package)).collect()
}

/// Whether a plan reads a file of the context.
fn reads(plan: &Plan, path: &str) -> bool {
    let members = plan.layers.iter().filter_map(|layer| match &layer.contents {
        Contents::Members(members) => Some(members),
        _ => None,
    });
    let members: Vec<&Member> =
        members.flatten().chain(plan.backends.iter().flat_map(|backend| &backend.projects)).collect();
    let directories: BTreeSet<&str> = members.iter().map(|member| member.directory.as_str()).collect();
    let others = plan.context_paths.iter().filter(|read| !directories.contains(read.as_str()));
    let is_ignore_file = IGNORE_FILES.iter().any(|(file, _)| path.rsplit('/').next() == Some(file));
    let is_above = |member: &&Member| is_ignore_file && lies_in(&member.directory, directory_of(path));
    members.iter().any(|member| member.holds(path) || is_above(member))
        || others.into_iter().any(|read| below(read, path).is_some())
        || plan.applications().any(|application| application.holds(path))
}

/// The path within a directory; of the directory itself, nothing.
fn below<'path>(directory: &str, path: &'path str) -> Option<&'path str> {
    match path.strip_prefix(directory) {
        _ if directory == "." => Some(path),
        Some("") => Some(""),
        Some(rest) => rest.strip_prefix('/'),
        None => None,
    }
}

impl Member {
    /// Whether a file of the context is one of its own.
    fn holds(&self, path: &str) -> bool {
        let Some(within) = below(&self.directory, path) else { return false };
        let is_foreign = self.nested.iter().any(|nested| below(nested, within).is_some());
        let is_of_the_workspace = self.directory == "." && crate::lower::is_of_the_workspace(within);
        !is_foreign && !is_of_the_workspace
    }
}

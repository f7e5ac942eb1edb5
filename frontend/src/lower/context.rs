//! The build context, and what of it never takes part.

use std::collections::BTreeSet;

use buildkit_llb::{Copy, File, Input, Local, Metadata, Output};

use super::Options;
use crate::ignore;
use crate::plan::{Contents, Plan};

/// Never part of a build, wherever they lie. `.dockerignore` comes after them, and may take them in again.
pub const ALWAYS_IGNORED: [&str; 8] = [
    "**/.git",
    "**/.venv",
    "**/__pycache__",
    "**/*.pyc",
    "**/*.egg-info",
    "**/.mypy_cache",
    "**/.pytest_cache",
    "**/.ruff_cache",
];

/// The build context: only what the plan reads.
pub(super) fn context(plan: &Plan, options: &Options) -> Output {
    let whole = |paths: BTreeSet<String>| if paths.contains(".") { BTreeSet::new() } else { paths };
    let mut paths = plan.context_paths.clone();
    if let Some(root) = &options.context {
        paths.extend(plan.applications().map(|application| application.directory.clone()));
        let paths = whole(paths);
        let linked = (!paths.is_empty()).then_some(&options.linked).into_iter().flatten().cloned();
        return without_ignored(root, paths.into_iter().chain(linked));
    }
    sync(options, &plan.target, "[internal] load build context", whole(paths), taken_in(plan, options))
}

/// Ignore files that backends read although the context is to be without them: they decide what is in a wheel, and are in none
/// themselves.
fn taken_in(plan: &Plan, options: &Options) -> BTreeSet<String> {
    let in_layers = plan.layers.iter().flat_map(|layer| match &layer.contents {
        Contents::Members(members) => &members[..],
        _ => &[],
    });
    let required = plan.backends.iter().flat_map(|backend| &backend.projects);
    let files = in_layers.chain(required).flat_map(|member| &member.ignore_files);
    let left_out = files.filter(|file| ignore::leaves_out(&options.ignore, file).is_some());
    left_out.map(|file| format!("!{file}")).collect()
}

/// A part of the client's directory, with what links on the way to `paths` lead to, without what is ignored and without `excluded`.
/// Trees synced with other filters must not take each other's place: `filter` tells them apart.
pub(super) fn sync(
    options: &Options,
    filter: &str,
    name: &str,
    paths: BTreeSet<String>,
    excluded: impl IntoIterator<Item = String>,
) -> Output {
    let ignored = ALWAYS_IGNORED.iter().map(|pattern| (*pattern).to_owned()).chain(options.ignore.iter().cloned());
    let local = Local::new("context")
        .session(&options.session)
        .exclude(ignored.chain(excluded))
        .shared_key_hint(format!("uv-buildkit-{filter}{}", options.project))
        .metadata(Metadata::named(name));
    if paths.is_empty() { local.build() } else { local.follow_paths(paths).build() }
}

/// The tree of a graph, without what never takes part; only `paths` of it, if there are any.
pub fn without_ignored(root: &Input, paths: impl IntoIterator<Item = String>) -> Output {
    let copy = Copy::new(root, "/", "/").contents_only().include(paths).exclude(ALWAYS_IGNORED);
    File::on(Input::Scratch).copy(copy).metadata(Metadata::named("[internal] load build context")).build()
}

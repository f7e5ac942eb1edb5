//! What lies in the context where builds of local projects look beside the project itself: ignore files above it, and what links lead
//! to. Pure: it says what is to be looked at, and is told what is there.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{FileSource, Settings};
use crate::diagnostic::Span;
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::paths::{directory_of, file_in, joined, lies_in};
use crate::project::Project;

/// Files that tell backends what is no part of a project, each with the name of the directory that marks a repository of that kind: no
/// ignore file above the nearest repository counts.
pub const IGNORE_FILES: [(&str, &str); 2] = [(".gitignore", ".git"), (".hgignore", ".hg")];

/// More links than these on one way are a circle, as for Linux.
const MOST: usize = 40;

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, and where it leads, as it is written.
    Link(String),
}

/// What is to be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Files and directories, with all that is in them.
    pub trees: BTreeSet<String>,
    /// Files and directories, and nothing that is in them.
    pub paths: BTreeSet<String>,
    /// Directories of other projects in the trees, which nobody wants to see.
    pub excluded: BTreeSet<String>,
}

impl Wanted {
    /// Whether there is nothing to look at.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty() && self.paths.is_empty()
    }
}

/// A path of the context that the build of a project reads, although it lies outside of the project.
#[derive(Clone, Debug)]
pub struct Named {
    /// The path.
    pub path: String,
    /// The place where it is named.
    pub span: Span,
}

/// What is known of the context. Nothing is known of what was not looked at, which is no matter to a plan.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    looked_at: Wanted,
    entries: BTreeMap<String, Entry>,
}

impl Surroundings {
    /// What is to be looked at next, for the builds of projects whose manifests are known. It may lead to more.
    pub fn wanted(&self, project: &Project, manifests: &BTreeMap<PackageId, Manifest>) -> Wanted {
        let mut wanted = Wanted::default();
        let directories: BTreeSet<&str> =
            manifests.keys().filter_map(|id| project.lock.packages[*id].source.project_dir()).collect();
        for (id, manifest) in manifests {
            let Some(directory) = project.lock.packages[*id].source.project_dir() else { continue };
            wanted.trees.insert(directory.to_owned());
            for above in std::iter::once(directory).chain(above(directory)) {
                let names = IGNORE_FILES.iter().flat_map(|(file, repository)| [file, repository]);
                wanted.paths.extend(names.map(|name| file_in(above, name)));
            }
            wanted.trees.extend(named(project, *id, manifest).into_iter().map(|named| named.path));
        }
        wanted.paths.extend(copied(project));
        wanted.trees.extend(self.targets_of_links());
        wanted.trees.extend(self.looked_at.trees.iter().map(|tree| self.resolved(tree)));
        let all = project.lock.packages.iter().filter_map(|package| package.source.project_dir());
        wanted.trees.retain(|path| lies_in(path, ".") && !self.knows(path));
        wanted.paths.retain(|path| !self.looked_at.paths.contains(path));
        let others = all.filter(|directory| !directories.contains(directory));
        let is_wanted = |other: &str| wanted.trees.iter().any(|tree| lies_in(tree, other));
        wanted.excluded = others.filter(|other| !is_wanted(other)).map(ToOwned::to_owned).collect();
        wanted
    }

    /// Takes in what was found where it was looked at.
    pub fn learn(&mut self, wanted: Wanted, entries: impl IntoIterator<Item = (String, Entry)>) {
        self.looked_at.trees.extend(wanted.trees);
        self.looked_at.paths.extend(wanted.paths);
        self.looked_at.excluded.extend(wanted.excluded);
        self.entries.extend(entries);
    }

    /// Whether anything that was looked at is a link.
    pub fn has_links(&self) -> bool {
        self.entries.values().any(|entry| matches!(entry, Entry::Link(_)))
    }

    /// What is at a path. That may be a link, but there is none on the way to it.
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Whether anything is at a path, whatever links are on the way.
    pub fn has(&self, path: &str) -> bool {
        self.entries.contains_key(&self.resolved(path))
    }

    /// A path without links on the way to it.
    pub fn resolved(&self, path: &str) -> String {
        let mut path = path.to_owned();
        for _ in 0..MOST {
            let on_the_way = above(&path).filter_map(|above| match self.entries.get(above)? {
                Entry::Link(to) => Some((above.to_owned(), joined(directory_of(above), to))),
                Entry::File | Entry::Directory => None,
            });
            let Some((link, to)) = on_the_way.last() else { break };
            path = joined(&to, path[link.len()..].trim_start_matches('/'));
        }
        path
    }

    /// Links on the way to what was looked at, and where they lead.
    pub fn on_the_way(&self) -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for tree in &self.looked_at.trees {
            let resolved = self.resolved(tree);
            if resolved != *tree {
                paths.insert(resolved);
                let is_link = |path: &&str| matches!(self.entries.get(*path), Some(Entry::Link(_)));
                paths.extend(above(tree).filter(is_link).map(ToOwned::to_owned));
            }
        }
        paths
    }

    /// Whether it was looked at what is at a path: there is nothing then, if nothing was found.
    pub fn knows(&self, path: &str) -> bool {
        let Wanted { trees, excluded, .. } = &self.looked_at;
        let mut trees = std::iter::once(path).chain(above(path)).filter_map(|path| trees.get(path));
        let is_excluded = |tree: &str| excluded.iter().any(|other| lies_in(path, other) && !lies_in(tree, other));
        trees.any(|tree| !is_excluded(tree))
    }

    /// Whether there are modules of python below a directory; nothing is said of one that was not looked at as a whole.
    pub fn has_modules(&self, directory: &str) -> Option<bool> {
        let Wanted { excluded, .. } = &self.looked_at;
        let is_whole = self.knows(directory) && !excluded.iter().any(|other| lies_in(other, directory));
        let is_module = |(path, entry): (&String, &Entry)| {
            lies_in(path, directory) && path.ends_with(".py") && matches!(entry, Entry::File | Entry::Link(_))
        };
        // A link in it may lead to where there are some.
        let may_have = |(path, entry): (&String, &Entry)| lies_in(path, directory) && matches!(entry, Entry::Link(_));
        is_whole.then(|| self.entries.iter().any(|entry| is_module(entry) || may_have(entry)))
    }

    /// Whether it was looked at what is at a path, and there is nothing, or a link to where there is nothing.
    pub fn lacks(&self, path: &str) -> bool {
        let real = self.real(path);
        let is_known = self.knows(path) || self.looked_at.paths.contains(path);
        // What leads out of the context is told by another name.
        let is_known = is_known && (real == path || lies_in(&real, ".") && self.knows(&real));
        path != "." && is_known && !self.entries.contains_key(&real)
    }

    /// What a path leads to, when it is a link or lies behind one.
    pub fn real(&self, path: &str) -> String {
        // With a part below it, the path itself is on the way.
        let below = self.resolved(&file_in(path, "-"));
        directory_of(&below).to_owned()
    }

    /// Paths of everything that was found.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Paths of the files that were found.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let is_file = |(_, entry): &(&String, &Entry)| **entry == Entry::File;
        self.entries.iter().filter(is_file).map(|(path, _)| path.as_str())
    }

    /// The ignore files that backends read for a project in a directory: those in it and above it, up to the next repository.
    pub fn ignore_files(&self, directory: &str) -> Vec<String> {
        let mut files = Vec::new();
        for (file, repository) in IGNORE_FILES {
            for above in std::iter::once(directory).chain(above(directory)) {
                let path = file_in(above, file);
                files.extend(self.entries.contains_key(&path).then_some(path));
                if self.entries.contains_key(&file_in(above, repository)) {
                    break;
                }
            }
        }
        files
    }

    /// The links in a file or directory, and where each leads: a path of the context; one that begins with `..`, or with `/`, is not in
    /// the context.
    pub fn links(&self, tree: &str) -> Vec<(String, String)> {
        let real = self.resolved(tree);
        let start = if real == "." { "" } else { &real };
        let in_tree = self.entries.range(start.to_owned()..).take_while(|(path, _)| path.starts_with(start));
        let links = in_tree.filter(|(path, _)| lies_in(path, &real)).filter_map(|(path, entry)| match entry {
            Entry::Link(to) => {
                let path = joined(tree, path[start.len()..].trim_start_matches('/'));
                let to = joined(directory_of(&path), to);
                Some((path, to))
            }
            Entry::File | Entry::Directory => None,
        });
        links.collect()
    }

    fn targets_of_links(&self) -> BTreeSet<String> {
        self.looked_at.trees.iter().flat_map(|tree| self.links(tree)).map(|(_, to)| to).collect()
    }
}

/// Paths outside of a project that its build reads, since a manifest or the config says so.
pub fn named(project: &Project, id: PackageId, manifest: &Manifest) -> Vec<Named> {
    let directory = project.lock.packages[id].source.project_dir().unwrap_or(".");
    let inputs = project.config_of(id).into_iter().flat_map(|member| &member.inputs);
    let paths = inputs.filter_map(|input| input.path());
    let of_config = paths.map(|path| Named { path: path.value.clone(), span: path.span.clone() });
    // Those outside of the context are refused elsewhere.
    let outside = manifest.inputs.iter().filter(|input| !lies_in(&input.path, directory) && lies_in(&input.path, "."));
    let of_manifest = outside.map(|input| Named { path: input.path.clone(), span: input.span.clone() });
    of_config.chain(of_manifest).collect()
}

/// What the config copies from the context, in any target.
fn copied(project: &Project) -> BTreeSet<String> {
    let Some(config) = &project.config else { return BTreeSet::new() };
    let settings = config.targets.iter().map(|target| &target.settings).chain([&config.defaults]);
    let of = |settings: &Settings| {
        let steps = settings.steps.iter().flatten().flat_map(|step| &step.inputs);
        let files = settings.files.iter().flatten().chain(steps);
        let paths = files.filter_map(|file| match &file.source {
            FileSource::Context(path) => Some(joined(".", &path.value)),
            FileSource::Url { .. } | FileSource::Step { .. } => None,
        });
        paths.collect::<Vec<_>>()
    };
    settings.flat_map(of).filter(|path| path != "." && lies_in(path, ".")).collect()
}

/// The directories that a path lies in, the nearest first, the root last.
pub fn above(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors((path != ".").then(|| directory_of(path)), |path| (*path != ".").then(|| directory_of(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A context of which everything was looked at: a path with ` -> ` is a link, one with `/` at its end a directory.
    fn surroundings(paths: &[&str]) -> Surroundings {
        let entries = paths.iter().map(|path| match path.split_once(" -> ") {
            Some((path, to)) => (path.to_owned(), Entry::Link(to.to_owned())),
            None => match path.strip_suffix('/') {
                Some(directory) => (directory.to_owned(), Entry::Directory),
                None => ((*path).to_owned(), Entry::File),
            },
        });
        let mut surroundings = Surroundings::default();
        surroundings.learn(Wanted { trees: [".".to_owned()].into(), ..Wanted::default() }, entries);
        surroundings
    }

    #[test]
    fn ignore_files_count_up_to_the_next_repository() {
        let root = &[".git/", ".gitignore", ".hgignore", "a/.gitignore", "a/b/.git", "a/b/c/.gitignore"];
        let surroundings = surroundings(root);
        assert_eq!(surroundings.ignore_files("."), [".gitignore", ".hgignore"]);
        assert_eq!(surroundings.ignore_files("a/x"), ["a/.gitignore", ".gitignore", ".hgignore"]);
        // The file that `git` leaves in a submodule or a work tree is the end as well, for git's ignore files alone.
        assert_eq!(surroundings.ignore_files("a/b"), [".hgignore"]);
        assert_eq!(surroundings.ignore_files("a/b/c"), ["a/b/c/.gitignore", ".hgignore"]);
    }

    #[test]
    fn links_are_told_with_where_they_lead() {
        let surroundings = surroundings(&[
            "api/",
            "api/own -> src",
            "api/shared -> ../lib/current/common",
            "api/out -> ../../x",
            "api/absolute -> /etc",
            "apis/other -> ../lib",
            "lib/current -> v2",
            "lib/v2/",
            "lib/v2/common/",
            "lib/v2/common/more -> ../extra",
        ]);
        let links = |tree: &str| surroundings.links(tree).into_iter().map(|(path, to)| format!("{path} -> {to}"));
        assert_eq!(
            links("api").collect::<Vec<_>>(),
            ["api/absolute -> /etc", "api/out -> ../x", "api/own -> api/src", "api/shared -> lib/current/common"]
        );
        // What lies behind a link is known by the path that leads there.
        assert_eq!(links("lib/current/common").collect::<Vec<_>>(), ["lib/current/common/more -> lib/current/extra"]);
        assert!(surroundings.has("lib/current/common/more") && !surroundings.has("lib/current/none"));
        assert_eq!(surroundings.resolved("lib/current/common"), "lib/v2/common");
    }

    #[test]
    fn circles_end() {
        let surroundings = surroundings(&["a -> b", "b -> a", "c -> c/d"]);
        assert!(!surroundings.has("a/x"));
        assert!(!surroundings.has("c/x"));
    }

    #[test]
    fn what_lies_above_ends_at_the_root() {
        assert_eq!(above("a/b/c").collect::<Vec<_>>(), ["a/b", "a", "."]);
        assert_eq!(above(".").count(), 0);
        assert!(lies_in("a/b", "a") && lies_in("a", ".") && !lies_in("ab", "a") && !lies_in("../a", "."));
    }
}

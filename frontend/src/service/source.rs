//! Modules of a project.

use super::syntax::Module;
use crate::paths::directory_of;

/// Files in deeper directories are not read.
const DEEPEST: usize = 3;

/// Directories in which nothing is that an image starts.
const ASIDE: [&str; 14] = [
    "alembic",
    "benchmarks",
    "doc",
    "docs",
    "example",
    "examples",
    "migrations",
    "node_modules",
    "notebooks",
    "pages",
    "site-packages",
    "test",
    "tests",
    "venv",
];

/// Whether nothing that an image starts is in a directory of this name.
pub fn is_aside(name: &str) -> bool {
    ASIDE.contains(&name)
}

/// A module of the project.
pub(super) struct Source {
    /// Its path below the directory of the project.
    pub(super) path: String,
    /// The name that it is imported by.
    pub(super) name: String,
    /// The directory that it is imported from, below that of the project; of a package it is installed.
    pub(super) root: String,
    pub(super) module: Module,
}

impl Source {
    /// The file's name without its end.
    pub(super) fn stem(&self) -> &str {
        stem(&self.path)
    }

    /// How deep it lies in what is imported. A package itself is as good as a module beside it.
    pub(super) fn depth(&self) -> usize {
        self.name.matches('.').count()
    }
}

/// The name of a module without its directory and `.py`.
pub(super) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.strip_suffix(".py").unwrap_or(name)
}

/// How deep a module lies; none of what is no module, or lies aside.
pub(super) fn depth(path: &str) -> Option<usize> {
    let directories = directory_of(path);
    let is_aside = |name: &str| is_aside(name) || name.starts_with('.') && name != ".";
    let is_test = stem(path).starts_with("test_") || stem(path).ends_with("_test") || stem(path) == "conftest";
    let depth = path.matches('/').count();
    let is_module = path.ends_with(".py") && stem(path) != "setup" && !is_test;
    (is_module && depth <= DEEPEST && !directories.split('/').any(is_aside)).then_some(depth)
}

/// A path of the context below a directory of it.
pub(super) fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    match directory {
        "." => Some(path),
        directory => path.strip_prefix(directory)?.strip_prefix('/'),
    }
}

//! What lies around a Dockerfile: the project that it builds, as far as it can be read.

use std::collections::BTreeMap;

use crate::diagnostic::SourceFile;
use crate::lock::{Package, PackageId, Source};
use crate::manifest::Manifest;
use crate::project::Project;
use crate::stale;
use crate::stale::vicinity::{self, Vicinity};

/// The build context of a Dockerfile. Without a project less is known, and more is guessed.
pub struct Surroundings<'a> {
    /// Lock and root manifest.
    pub project: Option<&'a Project>,
    /// Manifests of all members.
    pub manifests: &'a BTreeMap<PackageId, Manifest>,
    /// Whether a path is a directory; none where there is nothing.
    pub is_directory: &'a dyn Fn(&str) -> Option<bool>,
    /// The text of a file, if there is one.
    pub read: &'a dyn Fn(&str) -> Option<String>,
}

/// Files whose names have no dot.
const FILES: [&str; 9] =
    ["LICENSE", "LICENCE", "COPYING", "NOTICE", "README", "Makefile", "Procfile", "Dockerfile", ".env"];

impl Surroundings<'_> {
    /// Whether a path of the context is a directory. Names of files that are not there are known by their dots.
    pub fn is_directory(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let is_file = name.trim_start_matches('.').contains('.') || FILES.contains(&name);
        path == "." || (self.is_directory)(path).unwrap_or(!is_file)
    }

    /// The project at the root, if it is one.
    pub fn root(&self) -> Option<&str> {
        let project = self.project?;
        let named = project.manifest.as_ref().and_then(|manifest| manifest.name.as_ref());
        let only = if project.lock.members.len() == 1 { project.lock.members.first() } else { None };
        named.or(only).map(|name| name.as_str())
    }

    /// A member with this name; the root's project when none is given.
    pub fn member(&self, name: Option<&str>) -> Option<&Package> {
        let name = name.or_else(|| self.root())?.parse().ok()?;
        let project = self.project?;
        project.lock.member(&name).map(|id| &project.lock.packages[id])
    }

    /// The manifest of a member; of the root's project when no name is given.
    pub fn manifest(&self, name: Option<&str>) -> Option<&Manifest> {
        let name = name.or_else(|| self.root())?.parse().ok()?;
        self.manifests.get(&self.project?.lock.member(&name)?)
    }

    /// Whether `uv lock` would change the lock of the root. Directories that may have become members are not looked at.
    pub fn has_stale_lock(&self) -> bool {
        let Some(project) = self.project else { return false };
        let own = self.manifests.values().map(|manifest| manifest.file.name.as_str());
        let paths = vicinity::paths_above(project, own).into_iter();
        let above: Vec<_> =
            paths.filter_map(|path| (self.read)(&path).map(|text| SourceFile::new(path.as_str(), text))).collect();
        let vicinity = Vicinity { above: vicinity::parse(&above), ..Vicinity::default() };
        stale::check(project, self.manifests, &vicinity).is_err()
    }

    /// The member that lies in a directory.
    pub fn member_in(&self, directory: &str) -> Option<&str> {
        let package = self.members().find(|package| package.source.project_dir() == Some(directory))?;
        Some(package.name.as_str())
    }

    /// The member that brings a program.
    pub fn member_of_script(&self, script: &str) -> Option<&str> {
        let project = self.project?;
        let (id, _) = self.manifests.iter().find(|(_, manifest)| manifest.scripts.contains_key(script))?;
        Some(project.lock.packages[*id].name.as_str())
    }

    fn members(&self) -> impl Iterator<Item = &Package> {
        let packages = self.project.map_or(&[][..], |project| &project.lock.packages);
        packages.iter().filter(|package| package.source.project_dir().is_some())
    }

    /// Whether a path holds sources that are installed as a part of a member, or nothing but such.
    pub fn is_installed(&self, path: &str) -> bool {
        self.members().filter(|package| !matches!(package.source, Source::Virtual(_))).any(|package| {
            let directory = package.source.project_dir().unwrap_or_default();
            let within = if directory == "." { Some(path) } else { below(directory, path) };
            within.is_some_and(|within| within.is_empty() || within == "src" || within.starts_with("src/"))
                || (directory != "." && below(path, directory).is_some())
        })
    }

    /// Whether nothing that the lock has is built: no member is a package, and every other package has wheels.
    pub fn builds_nothing(&self) -> bool {
        let Some(project) = self.project else { return false };
        project.lock.packages.iter().all(|package| match &package.source {
            Source::Virtual(_) => true,
            source => source.project_dir().is_none() && !package.wheels.is_empty(),
        })
    }

    /// Groups that are synced without being named.
    pub fn default_groups(&self, package: &Package) -> Vec<String> {
        let manifest = self.project.and_then(|project| project.manifest.as_ref());
        let table = manifest.and_then(|manifest| toml::from_str::<toml::Table>(&manifest.file.text).ok());
        let named = table.as_ref().and_then(|table| table.get("tool")?.get("uv")?.get("default-groups"));
        let all = || package.groups.keys().map(|group| group.as_str().to_owned());
        match named {
            Some(toml::Value::String(_)) => all().collect(),
            Some(toml::Value::Array(names)) => {
                let names: Vec<&str> = names.iter().filter_map(toml::Value::as_str).collect();
                all().filter(|group| names.contains(&group.as_str())).collect()
            }
            _ => all().filter(|group| group == "dev").collect(),
        }
    }
}

/// The path within a directory; of the directory itself, nothing.
fn below<'path>(directory: &str, path: &'path str) -> Option<&'path str> {
    match path.strip_prefix(directory)? {
        "" => Some(""),
        rest => rest.strip_prefix('/'),
    }
}

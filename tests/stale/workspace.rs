//! A workspace on disk, with what the compiler makes of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use uv_buildkit::cli::listing;
use uv_buildkit::diagnostic::SourceFile;
use uv_buildkit::lock::PackageId;
use uv_buildkit::manifest::{self, Manifest};
use uv_buildkit::paths::{directory_of, file_in};
use uv_buildkit::project::{Files, Project};
use uv_buildkit::stale;
use uv_buildkit::stale::newcomers::{Listing, listings};
use uv_buildkit::stale::vicinity::{self, Vicinity};

/// A file in a directory that was not there.
pub struct Addition {
    pub name: &'static str,
    pub path: String,
    pub text: String,
}

/// A copy, since uv writes into workspaces.
pub struct Workspace {
    /// Of the original.
    pub name: String,
    /// The build context.
    directory: PathBuf,
    /// Path of the lock in it.
    lock: String,
}

impl Workspace {
    /// Of a workspace with its lock, at this path.
    pub fn copy(from: &Path, lock: &str, to: &Path) -> Result<Self> {
        copy(from, to)?;
        let name = from.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self::at(name, to, lock))
    }

    /// The one that lies in a directory.
    pub fn at(name: String, directory: &Path, lock: &str) -> Self {
        Self { name, directory: directory.to_owned(), lock: lock.to_owned() }
    }

    fn file(&self, path: &str) -> Result<std::sync::Arc<SourceFile>> {
        let text = std::fs::read_to_string(self.directory.join(path)).with_context(|| path.to_owned())?;
        Ok(SourceFile::new(path, text))
    }

    /// Where the lock lies.
    pub fn root(&self) -> PathBuf {
        self.directory.join(directory_of(&self.lock))
    }

    fn project(&self) -> Result<Project> {
        let lock = self.file(&self.lock)?;
        let files = Files::beside(None, lock, &mut |path| Ok::<_, anyhow::Error>(self.file(path).ok()))?;
        Ok(Project::parse(&files, &BTreeMap::new())?)
    }

    /// What is said about the lock when every local project is read.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let project = self.project()?;
        let mut manifests: BTreeMap<PackageId, Manifest> = BTreeMap::new();
        for (id, package) in project.lock.packages.iter().enumerate() {
            let Some(directory) = package.source.project_dir() else { continue };
            if let Ok(file) = self.file(&file_in(directory, "pyproject.toml")) {
                manifests.insert(id, manifest::parse(&file)?);
            }
        }
        let newcomers = listing::newcomers(&self.directory, &project, &[]);
        let own = manifests.values().map(|manifest| manifest.file.name.as_str());
        let above: Vec<_> =
            vicinity::paths_above(&project, own).iter().filter_map(|path| self.file(path).ok()).collect();
        Ok(match stale::check(&project, &manifests, &Vicinity { newcomers, above: vicinity::parse(&above) }) {
            Ok(()) => Vec::new(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        })
    }

    /// The name of a package of an index, or one that nothing has.
    pub fn locked_package(&self) -> Result<String> {
        let lock = self.project()?.lock;
        let locked = lock.packages.iter().find(|package| package.source.index().is_some());
        Ok(locked.map_or_else(|| "added-package".to_owned(), |package| package.name.to_string()))
    }

    /// Paths of the members' manifests.
    pub fn manifests(&self) -> Vec<String> {
        let Ok(project) = self.project() else { return Vec::new() };
        let members = project.lock.members.iter().filter_map(|name| {
            let directory = project.lock.packages[project.lock.member(name)?].source.project_dir()?;
            Some(file_in(directory, "pyproject.toml"))
        });
        let mut paths: Vec<String> = members.filter(|path| self.directory.join(path).is_file()).collect();
        paths.push(file_in(directory_of(&self.lock), "pyproject.toml"));
        paths.sort();
        paths.dedup();
        paths
    }

    /// The root's and some others, spread over all.
    pub fn sample(&self, count: usize) -> Vec<String> {
        let all = self.manifests();
        let step = all.len().div_ceil(count).max(1);
        let mut some: Vec<String> = all.into_iter().step_by(step).collect();
        some.push(file_in(directory_of(&self.lock), "pyproject.toml"));
        some.sort();
        some.dedup();
        some
    }

    /// A manifest, parsed.
    pub fn manifest(&self, path: &str) -> Result<Manifest> {
        Ok(manifest::parse(&self.file(path)?)?)
    }

    /// Files in new directories that patterns of the workspace name.
    pub fn additions(&self) -> Vec<Addition> {
        let Ok(project) = self.project() else { return Vec::new() };
        let listings = listings(&project).into_iter().filter(|listing| listing.depth == 1);
        let manifest = "[project]\nname = \"added-member\"\nversion = \"1\"\nrequires-python = \">=3.8\"\n";
        let kinds = [
            ("a new member", "added-member/pyproject.toml", manifest.to_owned()),
            ("a new hidden member", ".added-member/pyproject.toml", manifest.to_owned()),
            ("a new hidden directory", ".added-directory/README.md", String::new()),
            (
                "a new project of another tool",
                "added-member/pyproject.toml",
                format!("{manifest}[tool.uv]\nmanaged = false\n"),
            ),
            ("a new manifest without a project", "added-member/pyproject.toml", "[tool.other]\n".to_owned()),
        ];
        let addition = |listing: &Listing, (name, path, text): (&'static str, &str, String)| Addition {
            name,
            path: file_in(&listing.directory, path),
            text,
        };
        listings.flat_map(|listing| kinds.clone().map(|kind| addition(&listing, kind))).collect()
    }

    /// Writes a manifest and gives back what it was.
    pub fn replace(&mut self, path: &str, text: String) -> Result<String> {
        let path = self.directory.join(path);
        let before = std::fs::read_to_string(&path)?;
        std::fs::write(path, text)?;
        Ok(before)
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => std::fs::copy(entry.path(), target).map(drop)?,
        }
    }
    Ok(())
}

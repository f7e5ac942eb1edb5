//! Workspaces to compare, and what is selected of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use uv_buildkit::config::Request;
use uv_buildkit::diagnostic::{Diagnostics, SourceFile};
use uv_buildkit::lock::closure::Selection;
use uv_buildkit::project::{Files, Project};

/// Names the directory that holds the workspaces; by default `../shared/corpus` beside the repository.
pub const VARIABLE: &str = "UV_BUILDKIT_CORPUS";

/// A workspace with its lock.
pub struct Workspace {
    /// Its path in the corpus.
    pub name: String,
    /// Where it lies.
    pub directory: PathBuf,
    /// As the compiler reads it.
    pub project: Project,
}

/// A selection, with the arguments that ask uv for the same.
pub struct Case {
    /// For the compiler.
    pub selection: Selection,
    /// For uv.
    pub arguments: Vec<String>,
}

/// Workspaces of this repository: what the corpus has none of.
pub fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("parity/workspaces")
}

/// The corpus, if there is one.
pub fn locate() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    let directory = std::env::var_os(VARIABLE).map_or_else(beside, PathBuf::from);
    directory.is_dir().then_some(directory)
}

/// Copies a tree: uv must not write into the original.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Every directory with a lock in it, sorted.
pub fn workspaces(corpus: &Path) -> Result<Vec<Workspace>> {
    let mut found = BTreeSet::new();
    let mut queue = vec![corpus.to_owned()];
    while let Some(directory) = queue.pop() {
        if directory.join("uv.lock").is_file() {
            found.insert(directory.clone());
        }
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                queue.push(entry.path());
            }
        }
    }
    found.into_iter().map(|directory| Workspace::open(corpus, directory)).collect()
}

impl Workspace {
    fn open(corpus: &Path, directory: PathBuf) -> Result<Self> {
        let source = |name: &str| -> Result<Arc<SourceFile>> {
            let path = directory.join(name);
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            Ok(SourceFile::new(name, text))
        };
        let files = Files {
            config: None,
            lock: source("uv.lock")?,
            manifest: Some(source("pyproject.toml")?),
            uv_toml: None,
            python_version: None,
            above: Vec::new(),
        };
        let name = directory.strip_prefix(corpus)?.display().to_string();
        let project = Project::parse(&files, &BTreeMap::new()).map_err(|errors| rendered(&name, &errors))?;
        Ok(Self { name, directory, project })
    }

    /// Of each member: nothing but itself, each extra, each group, everything, and, in a lock with conflicts,
    /// each two.
    pub fn cases(&self) -> Result<Vec<Case>> {
        let lock = &self.project.lock;
        let mut cases = Vec::new();
        for member in &lock.members {
            let target = self
                .project
                .target(&Request::Package(member.to_string()), &BTreeMap::new())
                .map_err(|errors| rendered(&self.name, &errors))?;
            let none = target.selection;
            let package = &lock.packages[none.root];
            let mut selections = vec![none.clone()];
            selections.extend(
                package.extras.keys().map(|extra| Selection { extras: [extra.clone()].into(), ..none.clone() }),
            );
            selections.extend(
                package.groups.keys().map(|group| Selection { groups: [group.clone()].into(), ..none.clone() }),
            );
            if selections.len() > 2 {
                selections.push(Selection {
                    extras: package.extras.keys().cloned().collect(),
                    groups: package.groups.keys().cloned().collect(),
                    ..none.clone()
                });
            }
            if !lock.conflicts.is_empty() {
                let single: Vec<Selection> = selections[1..=package.extras.len() + package.groups.len()].to_vec();
                for (at, one) in single.iter().enumerate() {
                    selections.extend(single[at + 1..].iter().map(|other| Selection {
                        extras: one.extras.union(&other.extras).cloned().collect(),
                        groups: one.groups.union(&other.groups).cloned().collect(),
                        ..none.clone()
                    }));
                }
            }
            cases.extend(selections.into_iter().map(|selection| Case::new(member.as_str(), selection)));
        }
        Ok(cases)
    }
}

impl Case {
    fn new(member: &str, selection: Selection) -> Self {
        let mut arguments = vec!["--package".to_owned(), member.to_owned()];
        for extra in &selection.extras {
            arguments.extend(["--extra".to_owned(), extra.to_string()]);
        }
        for group in &selection.groups {
            arguments.extend(["--group".to_owned(), group.to_string()]);
        }
        Self { selection, arguments }
    }

    /// As it would be typed.
    pub fn shown(&self) -> String {
        self.arguments.join(" ")
    }
}

fn rendered(name: &str, errors: &Diagnostics) -> anyhow::Error {
    anyhow!("{name}: {}", errors.render())
}

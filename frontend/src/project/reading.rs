//! What a project is made from, read one file after the other through a function: from a directory, a commit or a test. The
//! driver asks for many files at once, and reads them itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uv_normalize::PackageName;

use super::files::Files;
use super::parsed::Project;
use super::python::{PYTHON_VERSION, PYTHON_VERSIONS};
use super::requirement;
use super::script::{self, Find, Known};
use crate::config::{self, Config, Request};
use crate::diagnostic::{Diagnostic, Diagnostics, Located, SourceFile, Span};
use crate::lock::{self, Lock, PackageId, Source};
use crate::manifest::{self, Manifest};
use crate::paths::script::script_of;
use crate::paths::{ancestors, directory_of, file_in};

/// Reads a file by its path in the context; there may be none.
pub type Read<'a, E> = dyn FnMut(&str) -> Result<Option<Arc<SourceFile>>, E> + 'a;

impl Files {
    /// The files that a request needs, by what the config says of its lock.
    pub fn read<E: From<Diagnostics>>(
        config: Option<Arc<SourceFile>>,
        build_args: &BTreeMap<String, String>,
        request: &Request,
        read: &mut Read<'_, E>,
        find: &mut Find<'_, E>,
    ) -> Result<Self, E> {
        let parsed = config.as_ref().map(|file| config::parse(file, build_args)).transpose()?;
        let named = match (&parsed, request) {
            (Some(config), Request::Package(member)) => {
                config.lock_of_member::<E>(member, &mut |path| match read(path)? {
                    Some(file) => Ok(Some(lock::parse(&file)?.members)),
                    None => Ok(None),
                })?
            }
            (Some(config), _) => config.lock_of(request),
            (None, _) => None,
        };
        let declares = parsed.as_ref().is_some_and(|config| !config.targets.is_empty());
        let root = if declares { None } else { read(lock::FILE_NAME)? };
        let has_manifest = !declares && read(manifest::FILE_NAME)?.is_some();
        let known = Known { config: parsed.as_ref(), lock: root.as_deref(), has_manifest };
        let script = script::meant(known, request, find)?;
        let path = script.as_deref().or(named.map(|named| named.value.as_str())).unwrap_or(lock::FILE_NAME);
        match read(path)? {
            Some(lock) => Self::beside(config, lock, read),
            None => {
                let manifest = read(manifest::FILE_NAME)?.and_then(|file| manifest::parse(&file).ok());
                Err(missing_lock(config.as_ref(), named, path, manifest.as_ref(), None).into())
            }
        }
    }

    /// A lock, and what lies beside it.
    pub fn beside<E>(
        config: Option<Arc<SourceFile>>,
        lock: Arc<SourceFile>,
        read: &mut Read<'_, E>,
    ) -> Result<Self, E> {
        let paths = Paths::of(&lock.name);
        let mut texts = BTreeMap::new();
        for path in paths.all() {
            if let Some(file) = read(path)? {
                texts.insert(path.to_owned(), file);
            }
        }
        Ok(paths.files(config, lock, &texts))
    }
}

/// Where the files may lie that belong to a lock.
#[derive(Clone, Debug)]
pub struct Paths {
    manifest: String,
    uv_toml: String,
    /// Files that ask for a python; the first that there is counts.
    pins: Vec<String>,
    above: Vec<String>,
}

impl Paths {
    /// What lies beside the lock of a project. To a script belongs what lies at the root, where uv runs; its python is asked for beside it,
    /// or above.
    pub fn of(lock: &str) -> Self {
        let directory = directory_of(lock);
        let beside = |file: &str| file_in(directory, file);
        let pins = |directory: &str| [PYTHON_VERSION, PYTHON_VERSIONS].map(|file| file_in(directory, file));
        match script_of(lock) {
            Some(script) => Self {
                manifest: script.to_owned(),
                uv_toml: manifest::UV_TOML.to_owned(),
                pins: std::iter::once(directory).chain(ancestors(directory)).flat_map(pins).collect(),
                above: vec![manifest::FILE_NAME.to_owned()],
            },
            None => Self {
                manifest: beside(manifest::FILE_NAME),
                uv_toml: beside(manifest::UV_TOML),
                pins: pins(directory).into(),
                above: paths_above(lock),
            },
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        [&self.manifest, &self.uv_toml].into_iter().chain(&self.pins).chain(&self.above).map(String::as_str)
    }

    /// The files, of those that were read.
    pub fn files(
        &self,
        config: Option<Arc<SourceFile>>,
        lock: Arc<SourceFile>,
        texts: &BTreeMap<String, Arc<SourceFile>>,
    ) -> Files {
        let at = |path: &String| texts.get(path).cloned();
        Files {
            config,
            lock,
            manifest: at(&self.manifest),
            uv_toml: at(&self.uv_toml),
            python_version: self.pins.iter().find_map(at),
            above: self.above.iter().filter_map(at).collect(),
        }
    }
}

/// Files of the directories above a lock in which there may be settings, in the order in which uv looks for them.
pub fn paths_above(lock: &str) -> Vec<String> {
    let files = |directory: &str| [manifest::UV_TOML, manifest::FILE_NAME].map(|file| file_in(directory, file));
    ancestors(directory_of(lock)).flat_map(files).collect()
}

/// Tells the names of the members of the lock at a path; none, where there is no lock.
pub type Members<'a, E> = dyn FnMut(&str) -> Result<Option<BTreeSet<PackageName>>, E> + 'a;

impl Config {
    /// The lock that has a member: the one of the defaults, unless only another has it. `members` are those of the lock at a path.
    pub fn lock_of_member<E>(&self, member: &str, members: &mut Members<'_, E>) -> Result<Option<&Located<String>>, E> {
        let locks = self.locks();
        if locks.len() > 1 {
            for named in locks {
                let path = named.map_or(lock::FILE_NAME, |named| &named.value);
                if members(path)?.is_some_and(|members| members.iter().any(|name| name.as_str() == member)) {
                    return Ok(named);
                }
            }
        }
        Ok(self.defaults.lock.as_ref())
    }

    /// Paths of the locks that targets are made from.
    pub fn lock_paths(&self) -> impl Iterator<Item = &str> {
        self.locks().into_iter().map(|named| named.map_or(lock::FILE_NAME, |named| &named.value))
    }
}

impl Project {
    /// The manifests without which a request cannot be planned.
    pub fn read_manifests<E: From<Diagnostics>>(
        &self,
        request: &Request,
        read: &mut Read<'_, E>,
    ) -> Result<BTreeMap<PackageId, Manifest>, E> {
        self.load_manifests(self.roots(request)?, &mut |path| match read(path)? {
            Some(file) => Ok(Some(manifest::parse(&file)?)),
            None => Ok(None),
        })
    }

    /// The manifests of the local projects that others lead to, of one who has parsed them.
    pub fn load_manifests<E: From<Diagnostics>>(
        &self,
        roots: Vec<PackageId>,
        load: &mut dyn FnMut(&str) -> Result<Option<Manifest>, E>,
    ) -> Result<BTreeMap<PackageId, Manifest>, E> {
        let mut manifests = BTreeMap::new();
        let mut reached = vec![false; self.lock.packages.len()];
        let mut queue = roots;
        while let Some(id) = queue.pop() {
            if std::mem::replace(&mut reached[id], true) {
                continue;
            }
            let package = &self.lock.packages[id];
            queue.extend(package.edges().map(|dependency| dependency.package));
            if let (Source::Script(_), Some(manifest)) = (&package.source, &self.manifest) {
                manifests.insert(id, manifest.clone());
                continue;
            }
            let Some(directory) = package.source.project_dir() else { continue };
            let path = manifest_path(&self.lock, id, directory).map_err(Diagnostics::from)?;
            if let Some(manifest) = load(&path)? {
                queue.extend(requirement::projects(self, id, &manifest));
                manifests.insert(id, manifest);
            }
        }
        Ok(manifests)
    }
}

/// What is said when there is no lock, or not the one that is named.
///
/// `manifest` is that at the root of the context, and `directory` where that lies in its repository.
pub fn missing_lock(
    config: Option<&Arc<SourceFile>>,
    named: Option<&Located<String>>,
    path: &str,
    manifest: Option<&Manifest>,
    directory: Option<&str>,
) -> Diagnostics {
    if let Some(script) = script_of(path) {
        return Diagnostic::new("lock::missing", format!("there is no `{path}` in the build context"))
            .at_some(named.map(|named| named.span.clone()).or(config.map(Span::whole)))
            .help(format!("run `uv lock --script {script}`"))
            .help("check whether `.dockerignore` excludes it")
            .into();
    }
    if let Some(Located { value: path, span }) = named {
        return Diagnostic::new("lock::missing", format!("there is no `{path}` in the build context"))
            .at(span.clone())
            .help(format!(
                "run `uv lock` in `{}`; `lock` is relative to the root of the build context",
                directory_of(path)
            ))
            .help("check whether `.dockerignore` excludes it")
            .into();
    }
    let error = Diagnostic::new("lock::missing", "there is no `uv.lock` at the root of the build context")
        .at_some(config.map(Span::whole));
    // Only a member of a workspace can have such sources.
    if let Some(manifest) = manifest.filter(|manifest| manifest.is_of_a_workspace()) {
        let name = manifest.name.as_ref().map_or("MEMBER", |name| name.as_str());
        let directory = directory.filter(|directory| !["", "."].contains(directory)).unwrap_or("DIRECTORY");
        return error
            .help(format!("`{name}` is a workspace member: its lockfile is at the root of the workspace, in a parent directory"))
            .help(format!(
                "build from the workspace root: `docker buildx build -f {directory}/Dockerfile .`, or with `--target {name}`"
            ))
            .into();
    }
    error
        .help("run `uv lock`, and build from the directory that contains the lockfile")
        .help("to build a member of a workspace, build from the root of the workspace with `--target MEMBER`")
        .help(
            "to use a lockfile in a subdirectory, write `lock = \"DIRECTORY/uv.lock\"` in a target of `uv.build.toml`, \
             or run `uv-buildkit init`",
        )
        .help("to build a script with inline metadata, run `uv lock --script SCRIPT`")
        .help("check whether `.dockerignore` excludes it")
        .into()
}

/// Path of a local project's manifest, relative to the root of the context.
pub(super) fn manifest_path(lock: &Lock, id: PackageId, dir: &str) -> Result<String, Diagnostic> {
    let package = &lock.packages[id];
    if dir.starts_with('/') || dir.split('/').any(|part| part == "..") {
        return Err(Diagnostic::new(
            "lock::outside_context",
            format!("`{}` is in `{dir}`, outside the build context", package.name),
        )
        .at(package.span.clone())
        .help(
            "build from a directory that contains both: write `lock = \"DIRECTORY/uv.lock\"` in a target of its \
             `uv.build.toml`, or run `uv-buildkit init` there",
        )
        .help("or move it into the build context, and make it a workspace member"));
    }
    Ok(file_in(dir, manifest::FILE_NAME))
}

//! The files of a project, of a directory or of a commit: each is read once and parsed once, however many targets are made of
//! them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use uv_normalize::PackageName;

use super::arguments::SelectionArgs;
use super::error::CliError;
use super::listing;
use crate::config::{self, Config, Request};
use crate::diagnostic::{Diagnostics, Located, SourceFile};
use crate::ignore;
use crate::interpreter::request::PythonRequest;
use crate::lock::{self, PackageId};
use crate::manifest::{self, Manifest};
use crate::project::script;
use crate::project::{Files, Project, Read, missing_lock};
use crate::surroundings::Surroundings;

/// A result that is asked for more than once.
type Known<T> = Result<T, Diagnostics>;

/// The manifests that one path had, with their texts.
type Manifests = Vec<(Arc<SourceFile>, Known<Manifest>)>;

/// What was parsed, by what it was parsed from: the same files of two trees are parsed once.
#[derive(Default)]
pub struct Parsed {
    projects: RefCell<Vec<(Files, Known<Rc<Project>>)>>,
    manifests: RefCell<BTreeMap<String, Manifests>>,
    /// By lock; of the directory, whatever the tree: what came or went there is among the files that changed.
    surroundings: RefCell<BTreeMap<String, Arc<Surroundings>>>,
}

impl Parsed {
    fn project(
        &self,
        files: Files,
        build_args: &BTreeMap<String, String>,
        flag: Option<&Located<PythonRequest>>,
    ) -> Known<Rc<Project>> {
        let mut projects = self.projects.borrow_mut();
        if let Some((_, known)) = projects.iter().find(|(known, _)| *known == files) {
            return known.clone();
        }
        let parsed = Project::parse(&files, build_args);
        let parsed = parsed.map(|project| Rc::new(Project { flag: flag.cloned(), ..project }));
        projects.push((files, parsed.clone()));
        parsed
    }

    fn manifest(&self, file: &Arc<SourceFile>) -> Known<Manifest> {
        let mut manifests = self.manifests.borrow_mut();
        let of_path = manifests.entry(file.name.clone()).or_default();
        if let Some((_, known)) = of_path.iter().find(|(known, _)| known == file) {
            return known.clone();
        }
        let parsed = manifest::parse(file);
        of_path.push((Arc::clone(file), parsed.clone()));
        parsed
    }
}

/// A tree of files with a config.
pub struct Tree<'a> {
    read: Box<Read<'a, CliError>>,
    parsed: &'a Parsed,
    config_path: String,
    build_args: BTreeMap<String, String>,
    /// `--python`
    flag: Option<Located<PythonRequest>>,
    texts: BTreeMap<String, Option<Arc<SourceFile>>>,
    config: Option<Known<Option<Rc<Config>>>>,
    projects: BTreeMap<String, Known<Rc<Project>>>,
    members: BTreeMap<String, Known<Rc<BTreeSet<PackageName>>>>,
    /// Where locks of scripts are looked for.
    directory: Option<PathBuf>,
    scripts: Option<BTreeSet<String>>,
}

impl<'a> Tree<'a> {
    /// The files that `read` gives, with the config that is selected.
    pub fn new(selection: &SelectionArgs, parsed: &'a Parsed, read: Box<Read<'a, CliError>>) -> Result<Self, CliError> {
        Ok(Self {
            read,
            parsed,
            config_path: selection.file.to_string_lossy().into_owned(),
            build_args: selection.build_args()?,
            flag: selection.flag()?,
            texts: BTreeMap::new(),
            config: None,
            projects: BTreeMap::new(),
            members: BTreeMap::new(),
            directory: Some(selection.directory.clone()),
            scripts: None,
        })
    }

    /// Those of the directory that is selected.
    pub fn of_directory(selection: &'a SelectionArgs, parsed: &'a Parsed) -> Result<Self, CliError> {
        Self::new(selection, parsed, Box::new(|name| selection.read(name)))
    }

    /// A file; there may be none.
    pub fn file(&mut self, path: &str) -> Result<Option<Arc<SourceFile>>, CliError> {
        if let Some(known) = self.texts.get(path) {
            return Ok(known.clone());
        }
        let file = (self.read)(path)?;
        self.texts.insert(path.to_owned(), file.clone());
        Ok(file)
    }

    /// The config, if there is one.
    pub fn config(&mut self) -> Result<Option<Rc<Config>>, CliError> {
        if let Some(known) = &self.config {
            return Ok(known.clone()?);
        }
        let path = self.config_path.clone();
        let file = self.file(&path)?;
        if file.is_none() && Path::new(&path) != Path::new(config::FILE_NAME) {
            return Err(CliError::Usage(format!("there is no file `{path}`")));
        }
        let parsed = file.map(|file| config::parse(&file, &self.build_args).map(Rc::new)).transpose();
        self.config = Some(parsed.clone());
        Ok(parsed?)
    }

    /// The project that a request is about, by its lock.
    pub fn project(&mut self, request: &Request) -> Result<Rc<Project>, CliError> {
        let config = self.config()?;
        let named = match (&config, request) {
            (Some(config), Request::Package(member)) => {
                config.lock_of_member::<CliError>(member, &mut |path| Ok(self.members(path)?.as_deref().cloned()))?
            }
            (Some(config), _) => config.lock_of(request),
            (None, _) => None,
        };
        let script = self.script(config.as_deref(), request)?;
        let path = script.as_deref().or(named.map(|named| named.value.as_str())).unwrap_or(lock::FILE_NAME);
        if let Some(known) = self.projects.get(path) {
            return Ok(known.clone()?);
        }
        let Some(lock) = self.file(path)? else {
            let manifest = self.manifest(manifest::FILE_NAME)?;
            let config = config.as_ref().map(|config| &config.file);
            return Err(missing_lock(config, named, path, manifest.as_ref(), None).into());
        };
        let file = config.as_ref().map(|config| Arc::clone(&config.file));
        let files = Files::beside(file, lock, &mut |path| self.file(path))?;
        let project = self.parsed.project(files, &self.build_args, self.flag.as_ref());
        self.projects.insert(path.to_owned(), project.clone());
        Ok(project?)
    }

    /// The lock of the script that a request means, where no targets are declared.
    fn script(&mut self, config: Option<&Config>, request: &Request) -> Result<Option<String>, CliError> {
        if config.is_some_and(|config| !config.targets.is_empty()) {
            return Ok(None);
        }
        let (lock, manifest) = (self.file(lock::FILE_NAME)?, self.file(manifest::FILE_NAME)?);
        let known = script::Known { config, lock: lock.as_deref(), has_manifest: manifest.is_some() };
        script::meant::<CliError>(known, request, &mut || Ok(self.locks_of_scripts()))
    }

    /// Paths of the locks of scripts: those that are there now, whatever a commit had.
    fn locks_of_scripts(&mut self) -> BTreeSet<String> {
        let find = || self.directory.as_deref().map(listing::locks_of_scripts).unwrap_or_default();
        self.scripts.get_or_insert_with(find).clone()
    }

    /// Members of the lock at a path, if there is one.
    fn members(&mut self, path: &str) -> Result<Option<Rc<BTreeSet<PackageName>>>, CliError> {
        if let Some(known) = self.members.get(path) {
            return Ok(Some(known.clone()?));
        }
        let Some(file) = self.file(path)? else { return Ok(None) };
        let members = match self.projects.get(path) {
            Some(Ok(project)) => Ok(Rc::new(project.lock.members.clone())),
            _ => lock::parse(&file).map(|lock| Rc::new(lock.members)),
        };
        self.members.insert(path.to_owned(), members.clone());
        Ok(Some(members?))
    }

    /// Paths of the locks that targets are made from.
    pub fn lock_paths(&mut self) -> Result<Vec<String>, CliError> {
        Ok(match self.config()? {
            Some(config) => config.lock_paths().map(ToOwned::to_owned).collect(),
            None => vec![lock::FILE_NAME.to_owned()],
        })
    }

    /// Names of the members of every lock that the config names.
    pub fn member_names(&mut self) -> Result<BTreeSet<String>, CliError> {
        let mut names = BTreeSet::new();
        let mut found = false;
        for path in self.lock_paths()? {
            if let Some(members) = self.members(&path)? {
                found = true;
                names.extend(members.iter().map(ToString::to_string));
            }
        }
        if !found && self.locks_of_scripts().is_empty() {
            // It says which lock is missing.
            self.project(&Request::Default)?;
        }
        Ok(names)
    }

    /// Whether the config declares targets.
    pub fn declares_targets(&mut self) -> Result<bool, CliError> {
        Ok(self.config()?.is_some_and(|config| !config.targets.is_empty()))
    }

    /// Names of the targets that there are.
    pub fn target_names(&mut self) -> Result<Vec<String>, CliError> {
        let scripts = if self.declares_targets()? { Vec::new() } else { script::names(&self.locks_of_scripts()) };
        // A context may have nothing but scripts.
        let has_project = [lock::FILE_NAME, manifest::FILE_NAME].map(|path| self.file(path));
        let has_project = has_project.into_iter().any(|file| !matches!(file, Ok(None)));
        if !scripts.is_empty() && !has_project {
            return Ok(scripts);
        }
        let project = self.project(&Request::Default)?;
        let manifests = match project.declares_targets() {
            true => BTreeMap::new(),
            false => self.manifests(&project, project.roots(&Request::Default)?)?,
        };
        let mut names = project.target_names(&manifests);
        let others = scripts.into_iter().filter(|script| !names.contains(script)).collect::<Vec<_>>();
        names.extend(others);
        Ok(names)
    }

    /// The manifests of the local projects that others lead to.
    pub fn manifests(
        &mut self,
        project: &Project,
        roots: Vec<PackageId>,
    ) -> Result<BTreeMap<PackageId, Manifest>, CliError> {
        project.load_manifests(roots, &mut |path| self.manifest(path))
    }

    /// The manifest at a path, if there is one.
    pub fn manifest(&mut self, path: &str) -> Result<Option<Manifest>, CliError> {
        let Some(file) = self.file(path)? else { return Ok(None) };
        Ok(Some(self.parsed.manifest(&file)?))
    }

    /// Patterns of `.dockerignore`.
    pub fn ignored(&mut self) -> Result<Vec<String>, CliError> {
        Ok(self.file(".dockerignore")?.map(|file| ignore::parse(&file.text)).unwrap_or_default())
    }

    /// What builds of projects may see beside the projects, as far as somebody looked.
    pub fn surroundings(&self, project: &Project) -> Arc<Surroundings> {
        self.parsed.surroundings.borrow().get(&project.lock.file.name).cloned().unwrap_or_default()
    }

    /// Looks at it once, for all projects that are planned.
    pub fn look_around(
        &mut self,
        directory: &Path,
        project: &Project,
        manifests: &BTreeMap<PackageId, Manifest>,
    ) -> Result<(), CliError> {
        let found = Arc::new(listing::surroundings(directory, project, manifests, &self.ignored()?));
        self.parsed.surroundings.borrow_mut().insert(project.lock.file.name.clone(), found);
        Ok(())
    }
}

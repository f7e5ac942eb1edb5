//! A project that is read with the flags that choose what to compile and compiled with images that are declared.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::arguments::SelectionArgs;
use super::error::CliError;
use super::tree::{Parsed, Tree};
use super::{input, listing};
use crate::calls::{self, Answer};
use crate::compile::{self, Compiled, Inputs, Prepared};
use crate::config;
use crate::config::Request;
use crate::config::python::require_possible;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, SourceFile, Span};
use crate::entry;
use crate::image;
use crate::image_config::ImageConfig;
use crate::interpreter::choice::{Declared, of_reference};
use crate::interpreter::request::PythonRequest;
use crate::interpreter::{Interpreter, Libc, LibcName};
use crate::lock::PackageId;
use crate::lower;
use crate::manifest::Manifest;
use crate::options::Options;
use crate::plan::{self, Host, Image, Outside, Plan};
use crate::platform::Platform;
use crate::private;
use crate::project::{ManagedPython, Project, Read, Target};
use crate::stale;
use crate::stale::vicinity::{self, Vicinity};

/// What a plan is made from.
pub(super) struct Chosen {
    pub(super) project: Rc<Project>,
    pub(super) manifests: BTreeMap<PackageId, Manifest>,
    pub(super) target: Target,
    outside: Outside,
    ignored: Vec<String>,
    ignore_file: Option<Arc<SourceFile>>,
}

impl Chosen {
    /// Plans it, for a daemon that can `merge` or not.
    pub(super) fn prepare(&self, merge: bool) -> Result<Prepared<'_>, Diagnostics> {
        let Self { project, manifests, target, outside, ignored, ignore_file } = self;
        let (ignore, ignore_file) = (ignored.clone(), ignore_file.clone());
        let options = lower::Options { ignore, ignore_file, merge, ..lower::Options::default() };
        compile::prepare(Inputs { project, target, manifests, outside, options, epoch: None })
    }
}

impl SelectionArgs {
    /// Compiles with declared images, for a daemon that can `merge` or not.
    pub fn compile(&self, merge: bool) -> Result<Compiled, CliError> {
        let parsed = Parsed::default();
        let chosen = self.choose_locked(&mut Tree::of_directory(self, &parsed)?)?;
        let mut compiled = chosen.prepare(merge)?.lower();
        compiled.warnings.extend(self.private(&compiled.plan, &chosen.ignored));
        Ok(compiled)
    }

    /// What is said of files that are usually kept private, and that a plan copies.
    fn private(&self, plan: &Plan, ignored: &[String]) -> Vec<Diagnostic> {
        private::check(plan, &listing::private_files(&self.directory, plan, ignored))
    }

    /// The defaults, for a directory.
    pub(super) fn of(directory: PathBuf) -> Self {
        Self {
            directory,
            target: None,
            package: None,
            file: PathBuf::from(config::FILE_NAME),
            build_args: Vec::new(),
            platform: Platform::default_linux(),
            build_platform: None,
            python: None,
            libc: Libc { name: LibcName::Glibc, major: 2, minor: 36 },
        }
    }

    /// The same for a target.
    pub(super) fn of_target(&self, name: &str) -> Self {
        Self { target: Some(name.to_owned()), ..self.clone() }
    }

    /// The same for a member.
    pub(super) fn of_member(&self, name: &str) -> Self {
        Self { package: Some(name.to_owned()), ..self.clone() }
    }

    /// Checks what is selected; all targets where nothing is.
    pub(super) fn check(&self) -> Result<Answer, CliError> {
        let parsed = Parsed::default();
        let mut tree = Tree::of_directory(self, &parsed)?;
        let config = tree.file(&self.file.to_string_lossy())?;
        let directive = config.as_ref().and_then(|file| entry::directive(file, "check"));
        let check = Options::default().check(directive.as_deref())?;
        match self.findings(&mut tree) {
            // What is left out is left out before it is put beside what others found.
            Ok(found) => Ok(calls::lint(&check.settle(found))),
            Err(CliError::Diagnostics(errors)) => Ok(calls::lint(&Err(errors))),
            Err(error) => Err(error),
        }
    }

    /// The warnings of what is selected, each once.
    fn findings(&self, tree: &mut Tree<'_>) -> Result<Vec<Diagnostic>, CliError> {
        let names = match (&self.target, &self.package) {
            (None, None) => tree.target_names()?,
            _ => Vec::new(),
        };
        // Without a name the selection says what is meant.
        let selections = match names.is_empty() {
            true => vec![self.clone()],
            false => names.iter().map(|name| self.of_target(name)).collect(),
        };
        self.check_locks(tree, &selections.iter().collect::<Vec<_>>())?;
        let mut found: Vec<Diagnostic> = Vec::new();
        for selection in selections {
            let chosen = selection.choose(tree)?;
            let Prepared { plan, warnings, .. } = chosen.prepare(true)?;
            for warning in warnings.into_iter().chain(self.private(&plan, &chosen.ignored)) {
                if !found.contains(&warning) {
                    found.push(warning);
                }
            }
        }
        Ok(found)
    }

    /// Names of all targets.
    pub(super) fn target_names(&self) -> Result<Vec<String>, CliError> {
        Tree::of_directory(self, &Parsed::default())?.target_names()
    }

    /// Names of the targets that are checks.
    pub(super) fn check_names(&self) -> Result<Vec<String>, CliError> {
        let parsed = Parsed::default();
        let mut tree = Tree::of_directory(self, &parsed)?;
        // Only a config has some.
        if !tree.declares_targets()? {
            return Ok(Vec::new());
        }
        let project = tree.project(&Request::Default)?;
        Ok(project.check_names().map(ToOwned::to_owned).collect())
    }

    /// Names of the targets that are files instead of images.
    pub(super) fn artifact_names(&self) -> Result<Vec<String>, CliError> {
        let parsed = Parsed::default();
        let mut tree = Tree::of_directory(self, &parsed)?;
        if !tree.declares_targets()? {
            return Ok(Vec::new());
        }
        let project = tree.project(&Request::Default)?;
        Ok(project.artifact_names().map(ToOwned::to_owned).collect())
    }

    /// Paths of the locks that targets are made from.
    pub(super) fn lock_paths(&self) -> Result<Vec<String>, CliError> {
        Tree::of_directory(self, &Parsed::default())?.lock_paths()
    }

    /// What `-f` must name to build with this frontend: the config, where no `Dockerfile` leads to it.
    pub(super) fn named_file(&self) -> Result<Option<&'static str>, CliError> {
        let leads_here = match self.read("Dockerfile")? {
            Some(file) => entry::classify(&file).is_ok(),
            None => false,
        };
        Ok((!leads_here).then_some(config::FILE_NAME))
    }

    /// The ways on which a package comes into what is selected.
    pub(super) fn ways(&self, package: &str) -> Result<Vec<String>, CliError> {
        let parsed = Parsed::default();
        let Chosen { project, target, outside, .. } = self.choose_locked(&mut Tree::of_directory(self, &parsed)?)?;
        let closure = plan::closure_of(&project, &target, &outside)?;
        let ways = plan::deny::ways(&project.lock, target.selection.root, &closure, package);
        if ways.is_empty() {
            return Err(CliError::Usage(format!("`{}` does not install `{package}`", target.name)));
        }
        Ok(ways)
    }

    /// Plans with declared images, from files that lie somewhere else. What was once committed cannot be locked again: it is
    /// planned as it is.
    pub(super) fn plan(&self, read: &mut Read<'_, CliError>) -> Result<Plan, CliError> {
        let parsed = Parsed::default();
        let chosen = self.choose(&mut Tree::new(self, &parsed, Box::new(read))?)?;
        Ok(plan::plan(&chosen.project, &chosen.target, &chosen.manifests, &chosen.outside)?.plan)
    }

    /// What is asked for.
    pub(super) fn request(&self) -> Request {
        match (&self.target, &self.package) {
            (Some(target), _) => Request::Target(target.clone()),
            (None, Some(package)) => Request::Package(package.clone()),
            (None, None) => Request::Default,
        }
    }

    /// What is selected, of a lock that is up to date.
    pub(super) fn choose_locked(&self, tree: &mut Tree<'_>) -> Result<Chosen, CliError> {
        self.check_locks(tree, &[self])?;
        self.choose(tree)
    }

    /// What is selected, whatever its lock was made from.
    pub(super) fn choose(&self, tree: &mut Tree<'_>) -> Result<Chosen, CliError> {
        let request = self.request();
        let project = tree.project(&request)?;
        let manifests = tree.manifests(&project, project.roots(&request)?)?;
        let target = project.target(&request, &manifests)?;
        let mut outside = self.outside(&project, &target);
        outside.surroundings = tree.surroundings(&project);
        let wanted = image::start::wanted(&project, &target, &manifests, &outside.surroundings);
        outside.modules = Arc::new(listing::modules(&self.directory, wanted));
        Ok(Chosen {
            project,
            manifests,
            target,
            outside,
            ignored: tree.ignored()?,
            ignore_file: tree.file(".dockerignore")?,
        })
    }

    /// Refuses locks that were not made from the manifests of these selections, and looks at what lies around these. That is done once
    /// for each lock.
    pub(super) fn check_locks(&self, tree: &mut Tree<'_>, selections: &[&Self]) -> Result<(), CliError> {
        let mut compared: BTreeMap<String, (Rc<Project>, Vec<PackageId>)> = BTreeMap::new();
        for selection in selections {
            let request = selection.request();
            let project = tree.project(&request)?;
            let roots = project.roots(&request)?;
            let name = project.lock.file.name.clone();
            compared.entry(name).or_insert_with(|| (project, Vec::new())).1.extend(roots);
        }
        let ignored = tree.ignored()?;
        for (project, roots) in compared.into_values() {
            let manifests = tree.manifests(&project, roots)?;
            let newcomers = listing::newcomers(&self.directory, &project, &ignored);
            let own = manifests.values().map(|manifest| manifest.file.name.as_str());
            let mut above = Vec::new();
            for path in vicinity::paths_above(&project, own) {
                above.extend(tree.file(&path)?);
            }
            stale::check(&project, &manifests, &Vicinity { newcomers, above: vicinity::parse(&above) })?;
            tree.look_around(&self.directory, &project, &manifests)?;
        }
        Ok(())
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Arc<SourceFile>>, CliError> {
        let path = self.directory.join(name);
        match input::text(&path) {
            Ok(text) => Ok(Some(SourceFile::new(name, text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CliError::Read { path, error }),
        }
    }

    pub(super) fn build_args(&self) -> Result<BTreeMap<String, String>, CliError> {
        let pair = |text: &String| {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| CliError::Usage(format!("`--build-arg {text}`: write `NAME=VALUE`")))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        self.build_args.iter().map(pair).collect()
    }

    /// What `--python` asks for, which counts before what the project does.
    pub(super) fn flag(&self) -> Result<Option<Located<PythonRequest>>, Diagnostics> {
        let Some(text) = &self.python else { return Ok(None) };
        let file = SourceFile::new("--python", text.as_str());
        let flag = Located { value: PythonRequest::parse(text), span: Span::new(&file, 0..text.len()) };
        require_possible(&flag)?;
        Ok(Some(flag))
    }

    fn outside(&self, project: &Project, target: &Target) -> Outside {
        let tag = of_reference(&target.base.value).filter(|_| target.managed.is_none());
        let request = target.python.as_ref().or(project.pin.as_ref()).map(|request| &request.value);
        let required = project.lock.requires_python.as_ref().map(|(specifiers, _)| specifiers);
        let python = Declared::new(tag.as_ref(), request, required);
        let uv = target.uv.value.rsplit_once(':').map_or("", |(_, tag)| tag);
        let outside = |platform: &Platform| {
            let mut interpreter = Interpreter::declared(&python, &platform.architecture, self.libc.clone(), uv);
            if target.managed.is_some() {
                interpreter.executable = ManagedPython::executable(&interpreter);
            }
            let image = |reference: &str| Image {
                reference: normalized(reference),
                config: ImageConfig::default(),
                interpreter: Some(interpreter.clone()),
            };
            Outside {
                platform: platform.clone(),
                base: image(&target.base.value),
                builder: image(&target.builder.value),
                uv: Image { interpreter: None, ..image(&target.uv.value) },
                steps: BTreeMap::new(),
                host: None,
                surroundings: Default::default(),
                modules: Default::default(),
            }
        };
        let host = self.build_platform.as_ref().filter(|build| build.architecture != self.platform.architecture);
        let host = host.map(|host| Host::of(outside(host), false));
        Outside { host, ..outside(&self.platform) }.with_images_of_steps(target, normalized)
    }
}

/// The full reference of an image, or what is written where there is none.
fn normalized(reference: &str) -> String {
    buildkit_llb::normalize_image_ref(reference).unwrap_or_else(|_| reference.to_owned())
}

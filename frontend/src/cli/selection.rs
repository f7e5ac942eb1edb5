//! The flags that choose what to compile, and a project that is read with them and compiled with images that are declared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{CliError, listing};
use crate::calls::{self, Answer};
use crate::compile::{Compiled, Inputs, compile};
use crate::config;
use crate::config::python::require_possible;
use crate::config::table::Located;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::entry;
use crate::ignore;
use crate::interpreter::choice::{Declared, of_reference};
use crate::interpreter::request::PythonRequest;
use crate::interpreter::{Interpreter, Libc, LibcName};
use crate::lock::{self, PackageId};
use crate::lower;
use crate::manifest::Manifest;
use crate::options::Options;
use crate::plan::host::Host;
use crate::plan::python::ManagedPython;
use crate::plan::{self, Image, Outside, Plan, Platform};
use crate::private;
use crate::project::{Files, Project, Read, Request, Target};
use crate::stale;
use crate::stale::vicinity::{self, Vicinity};

/// What to plan, and for what. Images are not looked at: their python is declared here.
#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// Directory with `uv.lock`.
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Target of `uv.build.toml`, or a member where no targets are declared.
    #[arg(long, conflicts_with = "package")]
    pub target: Option<String>,
    /// Member to plan, whatever targets are declared.
    #[arg(long)]
    pub package: Option<String>,
    /// Config file, relative to the directory.
    #[arg(long, short, default_value = config::FILE_NAME)]
    pub file: PathBuf,
    /// Value of an `[args]` entry.
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub build_args: Vec<String>,
    /// Platform of the image.
    #[arg(long, default_value = "linux/amd64")]
    pub platform: Platform,
    /// Platform of the builder, where it is another: steps run there.
    #[arg(long)]
    pub build_platform: Option<Platform>,
    /// The python of the image, in any form that uv takes; default: what the project asks for.
    #[arg(long)]
    pub python: Option<String>,
    /// C library of the image.
    #[arg(long, default_value = "glibc-2.36")]
    pub libc: Libc,
}

/// What a plan is made from.
struct Chosen {
    project: Project,
    manifests: BTreeMap<PackageId, Manifest>,
    target: Target,
    outside: Outside,
}

impl SelectionArgs {
    /// Compiles with declared images, for a daemon that can `merge` or not.
    pub fn compile(&self, merge: bool) -> Result<Compiled, CliError> {
        let mut compiled = self.compile_from(&mut |name| self.read(name), merge, true)?;
        let ignored = self.read(".dockerignore")?.map(|file| ignore::parse(&file.text)).unwrap_or_default();
        let private = listing::private_files(&self.directory, &compiled.plan, &ignored);
        compiled.warnings.extend(private::check(&compiled.plan, &private));
        Ok(compiled)
    }

    /// The same from files that lie somewhere else.
    pub(super) fn compile_from(
        &self,
        read: &mut Read<'_, CliError>,
        merge: bool,
        checks_lock: bool,
    ) -> Result<Compiled, CliError> {
        let Chosen { project, manifests, target, mut outside } = self.choose(read, checks_lock)?;
        let ignore_file = read(".dockerignore")?;
        let ignore = ignore_file.as_ref().map(|file| ignore::parse(&file.text)).unwrap_or_default();
        // Of what was once committed, too, it is what is on disk: what came or went there is among the files that changed.
        outside.surroundings = Arc::new(listing::surroundings(&self.directory, &project, &manifests, &ignore));
        let options = lower::Options { ignore, ignore_file, merge, ..lower::Options::default() };
        let inputs = Inputs {
            project: &project,
            target: &target,
            manifests: &manifests,
            outside: &outside,
            options,
            epoch: None,
        };
        Ok(compile(inputs)?)
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

    /// Checks what is selected; all targets where nothing is.
    pub(super) fn check(&self) -> Result<Answer, CliError> {
        let config = self.read(&self.file.to_string_lossy())?;
        let directive = config.as_ref().and_then(|file| entry::directive(file, "check"));
        let check = Options::default().check(directive.as_deref())?;
        let names = match (&self.target, &self.package) {
            (None, None) => match self.target_names() {
                Err(CliError::Diagnostics(errors)) => return Ok(calls::lint(&Err(errors))),
                names => names?,
            },
            _ => Vec::new(),
        };
        // Without a name the selection says what is meant.
        let selections = match names.is_empty() {
            true => vec![self.clone()],
            false => names.into_iter().map(|name| Self { target: Some(name), ..self.clone() }).collect(),
        };
        let mut found: Vec<Diagnostic> = Vec::new();
        for selection in selections {
            match selection.compile(true) {
                Ok(compiled) => {
                    // What several targets share is told once.
                    for warning in check.filter(compiled.warnings) {
                        if !found.contains(&warning) {
                            found.push(warning);
                        }
                    }
                }
                Err(CliError::Diagnostics(errors)) => return Ok(calls::lint(&Err(errors))),
                Err(error) => return Err(error),
            }
        }
        Ok(calls::lint(&Ok(found)))
    }

    /// Names of all targets.
    pub(super) fn target_names(&self) -> Result<Vec<String>, CliError> {
        let mut read = |name: &str| self.read(name);
        let project = Project::parse(&self.files(&mut read, &Request::Default)?, &self.build_args()?)?;
        let manifests = match project.declares_targets() {
            true => BTreeMap::new(),
            false => project.read_manifests(&Request::Default, &mut read)?,
        };
        Ok(project.target_names(&manifests))
    }

    /// Names of the targets that are checks.
    pub(super) fn check_names(&self) -> Result<Vec<String>, CliError> {
        let project =
            Project::parse(&self.files(&mut |name| self.read(name), &Request::Default)?, &self.build_args()?)?;
        Ok(project.check_names().map(ToOwned::to_owned).collect())
    }

    /// Names of the targets that are files instead of images.
    pub(super) fn artifact_names(&self) -> Result<Vec<String>, CliError> {
        let project =
            Project::parse(&self.files(&mut |name| self.read(name), &Request::Default)?, &self.build_args()?)?;
        Ok(project.artifact_names().map(ToOwned::to_owned).collect())
    }

    /// Names of the members of every lock that the config names.
    pub(super) fn member_names(&self) -> Result<Vec<String>, CliError> {
        let mut names = BTreeSet::new();
        let mut found = false;
        for path in self.lock_paths()? {
            if let Some(file) = self.read(&path)? {
                found = true;
                names.extend(lock::parse(&file)?.members.iter().map(ToString::to_string));
            }
        }
        if !found {
            // It says which lock is missing.
            self.files(&mut |name| self.read(name), &Request::Default)?;
        }
        Ok(names.into_iter().collect())
    }

    /// Paths of the locks that targets are made from.
    pub(super) fn lock_paths(&self) -> Result<Vec<String>, CliError> {
        let Some(file) = self.read(&self.file.to_string_lossy())? else { return Ok(vec![lock::FILE_NAME.to_owned()]) };
        let config = config::parse(&file, &self.build_args()?)?;
        let paths = config.locks().into_iter().map(|named| named.map_or(lock::FILE_NAME, |named| &named.value));
        Ok(paths.map(ToOwned::to_owned).collect())
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
        let Chosen { project, target, outside, .. } = self.choose(&mut |name| self.read(name), true)?;
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
        let Chosen { project, manifests, target, outside } = self.choose(read, false)?;
        Ok(plan::plan(&project, &target, &manifests, &outside)?.plan)
    }

    fn choose(&self, read: &mut Read<'_, CliError>, checks_lock: bool) -> Result<Chosen, CliError> {
        let request = match (&self.target, &self.package) {
            (Some(target), _) => Request::Target(target.clone()),
            (None, Some(package)) => Request::Package(package.clone()),
            (None, None) => Request::Default,
        };
        let mut project = Project::parse(&self.files(read, &request)?, &self.build_args()?)?;
        let manifests = project.read_manifests(&request, read)?;
        if checks_lock {
            let ignored = read(".dockerignore")?.map(|file| ignore::parse(&file.text)).unwrap_or_default();
            let newcomers = listing::newcomers(&self.directory, &project, &ignored);
            let own = manifests.values().map(|manifest| manifest.file.name.as_str());
            let mut above = Vec::new();
            for path in vicinity::paths_above(&project, own) {
                above.extend(read(&path)?);
            }
            stale::check(&project, &manifests, &Vicinity { newcomers, above: vicinity::parse(&above) })?;
        }
        project.flag = self.flag()?;
        let target = project.target(&request, &manifests)?;
        let outside = self.outside(&project, &target);
        Ok(Chosen { project, manifests, target, outside })
    }

    fn files(&self, read: &mut Read<'_, CliError>, request: &Request) -> Result<Files, CliError> {
        let config = read(&self.file.to_string_lossy())?;
        if config.is_none() && self.file != Path::new(config::FILE_NAME) {
            return Err(CliError::Usage(format!("there is no file `{}`", self.file.display())));
        }
        Files::read(config, &self.build_args()?, request, read)
    }

    pub(super) fn read(&self, name: &str) -> Result<Option<Arc<SourceFile>>, CliError> {
        let path = self.directory.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(SourceFile::new(name, text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CliError::Read { path, error }),
        }
    }

    fn build_args(&self) -> Result<BTreeMap<String, String>, CliError> {
        let pair = |text: &String| {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| CliError::Usage(format!("`--build-arg {text}`: write `NAME=VALUE`")))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        self.build_args.iter().map(pair).collect()
    }

    /// What `--python` asks for, which counts before what the project does.
    fn flag(&self) -> Result<Option<Located<PythonRequest>>, Diagnostics> {
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
                config: Vec::new(),
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

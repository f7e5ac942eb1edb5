//! A project in memory, compiled as the driver compiles it, with images that are declared instead of looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use uv_buildkit::compile::{Compiled, Inputs, compile};
use uv_buildkit::config::Request;
use uv_buildkit::diagnostic::{Diagnostics, SourceFile};
use uv_buildkit::entry::{self, Entry};
use uv_buildkit::image_config::ImageConfig;
use uv_buildkit::interpreter::choice::{Declared, of_reference};
use uv_buildkit::interpreter::{Interpreter, Libc};
use uv_buildkit::lock::{self, PackageId};
use uv_buildkit::manifest::{self, Manifest};
use uv_buildkit::paths::{directory_of, file_in};
use uv_buildkit::plan::{Host, Image, Outside};
use uv_buildkit::platform::Platform;
use uv_buildkit::private::{self, Suspicion};
use uv_buildkit::project::{Files, ManagedPython, Project, Target, script};
use uv_buildkit::stale::newcomers;
use uv_buildkit::stale::vicinity::{self, Vicinity};
use uv_buildkit::surroundings::{self, Surroundings, above};
use uv_buildkit::{config, ignore, image, lower, stale};

/// The text files of a build context that the compiler may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkout {
    /// Texts by path, relative to the root.
    pub files: BTreeMap<String, String>,
    /// Symbolic links by path, and where they lead.
    pub links: BTreeMap<String, String>,
    /// Paths of the other files.
    pub others: BTreeSet<String>,
}

/// What to build and what the images are like: the flags of `uv-buildkit plan`, and some that only tests need.
#[derive(Clone, Debug, Parser)]
#[command(no_binary_name = true)]
pub struct Selection {
    /// Target of the config, or a member where no targets are declared.
    #[arg(long)]
    pub target: Option<String>,
    /// Member, whatever targets are declared.
    #[arg(long)]
    pub package: Option<String>,
    /// Value of an `[args]` entry.
    #[arg(long = "build-arg", value_parser = name_and_value)]
    pub build_args: Vec<(String, String)>,
    /// Platform of the image.
    #[arg(long, default_value = "linux/amd64")]
    pub platform: Platform,
    /// Platform of the builder, where it is another.
    #[arg(long)]
    pub build_platform: Option<Platform>,
    /// Python of the base for that platform, when it is another.
    #[arg(long)]
    pub build_platform_python: Option<String>,
    /// The builder emulates the platform of the image.
    #[arg(long)]
    pub emulates: bool,
    /// Python of the base; default: what the project asks for.
    #[arg(long)]
    pub python: Option<String>,
    /// Python of the builder, when it is another.
    #[arg(long)]
    pub builder_python: Option<String>,
    /// The base has no python.
    #[arg(long)]
    pub no_python: bool,
    /// C library of the images.
    #[arg(long, default_value = "glibc-2.36")]
    pub libc: Libc,
    /// A further line of the base's `/etc/passwd`.
    #[arg(long)]
    pub passwd: Vec<String>,
    /// A further line of its `/etc/group`.
    #[arg(long)]
    pub group: Vec<String>,
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}`: write `NAME=VALUE`"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Selection {
    /// The target with this name, for `linux/amd64`.
    pub fn target(name: &str) -> Self {
        Self { target: Some(name.to_owned()), ..Self::default() }
    }
}

impl Default for Selection {
    fn default() -> Self {
        Self::parse_from(std::iter::empty::<&str>())
    }
}

/// Directories that no project is made of.
const FOREIGN_DIRECTORIES: [&str; 4] = [".git", ".venv", "build", "__pycache__"];

impl Checkout {
    /// The files of a directory. Of sources, only modules of python are ever read.
    pub fn read(directory: &Path) -> Result<Self> {
        let mut checkout = Self::default();
        checkout.read_into(directory, "").with_context(|| format!("cannot read {}", directory.display()))?;
        Ok(checkout)
    }

    fn read_into(&mut self, directory: &Path, prefix: &str) -> Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = format!("{prefix}{name}");
            if entry.file_type()?.is_symlink() {
                let to = std::fs::read_link(entry.path())?.to_string_lossy().into_owned();
                self.links.insert(path, to);
            } else if entry.file_type()?.is_dir() {
                if !FOREIGN_DIRECTORIES.contains(&name.as_str()) {
                    self.read_into(&entry.path(), &format!("{path}/"))?;
                }
            } else if name.ends_with(".toml")
                || name.ends_with(".py")
                || name.ends_with(script::SUFFIX)
                || [
                    lock::FILE_NAME,
                    "Dockerfile",
                    ".dockerignore",
                    ".gitignore",
                    ".hgignore",
                    ".python-version",
                    ".python-versions",
                    "pyvenv.cfg",
                ]
                .contains(&name.as_str())
                || private::suspicion(&name).is_some()
            {
                self.files.insert(path, std::fs::read_to_string(entry.path())?);
            } else {
                self.others.insert(path);
            }
        }
        Ok(())
    }

    /// The same with another text under `path`.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    /// The same without a file.
    #[must_use]
    pub fn without(mut self, path: &str) -> Self {
        self.files.remove(path);
        self
    }

    /// The project with its manifests, without a target.
    pub fn project(&self) -> Result<(Project, BTreeMap<PackageId, Manifest>), Diagnostics> {
        let project = Project::parse(&self.entry_files(&BTreeMap::new(), &Request::Default)?, &BTreeMap::new())?;
        let manifests = self.manifests(&project, &Request::Default)?;
        Ok((project, manifests))
    }

    /// The project that a request is about, with the manifests that this reaches.
    pub fn project_of(&self, request: &Request) -> Result<(Project, BTreeMap<PackageId, Manifest>), Diagnostics> {
        let project = Project::parse(&self.entry_files(&BTreeMap::new(), request)?, &BTreeMap::new())?;
        let manifests = self.manifests(&project, request)?;
        Ok((project, manifests))
    }

    fn file(&self, path: &str) -> Option<Arc<SourceFile>> {
        self.files.get(path).map(|text| SourceFile::new(path, text.as_str()))
    }

    /// What the driver starts from.
    fn entry_files(&self, build_args: &BTreeMap<String, String>, request: &Request) -> Result<Files, Diagnostics> {
        let config = match self.file("Dockerfile").as_ref().map(entry::classify).transpose()? {
            Some(Entry::Config(file)) => Some(file),
            Some(Entry::Stub) | None => self.file(config::FILE_NAME),
        };
        let scripts = self.files.keys().filter(|path| script::is_lock(path)).cloned().collect::<BTreeSet<_>>();
        Files::read(config, build_args, request, &mut |path| Ok(self.file(path)), &mut || Ok(scripts.clone()))
    }

    fn manifests(&self, project: &Project, request: &Request) -> Result<BTreeMap<PackageId, Manifest>, Diagnostics> {
        project.read_manifests(request, &mut |path| Ok(self.file(path)))
    }

    /// Manifests in directories that may have become members: there is no other directory than those of files.
    fn newcomers(&self, project: &Project, ignored: &[String]) -> BTreeMap<String, Manifest> {
        let listed = self.files.keys().map(|path| directory_of(path).to_owned()).collect();
        let read = |directory: String| {
            let manifest = manifest::parse(&self.file(&file_in(&directory, manifest::FILE_NAME))?).ok()?;
            Some((directory, manifest))
        };
        newcomers::candidates(project, listed, ignored).into_iter().filter_map(read).collect()
    }

    /// What lies around local projects: what is not among the files is taken for a file that is there.
    fn surroundings(
        &self,
        project: &Project,
        manifests: &BTreeMap<PackageId, Manifest>,
        ignored: &[String],
    ) -> Surroundings {
        let mut surroundings = Surroundings::default();
        loop {
            let wanted = surroundings.wanted(project, manifests);
            if wanted.is_empty() {
                return surroundings;
            }
            let is_sent = |path: &&String| ignore::leaves_out(ignored, path).is_none() || wanted.paths.contains(*path);
            let mut entries = BTreeMap::new();
            for path in self.files.keys().chain(&self.others).chain(self.links.keys()).filter(is_sent) {
                entries.extend(above(path).map(|directory| (directory.to_owned(), surroundings::Entry::Directory)));
                let link = self.links.get(path).map(|to| surroundings::Entry::Link(to.clone()));
                entries.insert(path.clone(), link.unwrap_or(surroundings::Entry::File));
            }
            surroundings.learn(wanted, entries);
        }
    }

    /// Compiles what is selected.
    pub fn compile(&self, selection: &Selection) -> Result<Compiled, Diagnostics> {
        let build_args = selection.build_args.iter().cloned().collect();
        let request = match (&selection.target, &selection.package) {
            (Some(target), _) => Request::Target(target.clone()),
            (None, Some(package)) => Request::Package(package.clone()),
            (None, None) => Request::Default,
        };
        let project = Project::parse(&self.entry_files(&build_args, &request)?, &build_args)?;
        let manifests = self.manifests(&project, &request)?;
        let ignore = self.files.get(".dockerignore").map(|text| ignore::parse(text)).unwrap_or_default();
        let own = manifests.values().map(|manifest| manifest.file.name.as_str());
        let above: Vec<_> = vicinity::paths_above(&project, own).iter().filter_map(|path| self.file(path)).collect();
        let newcomers = self.newcomers(&project, &ignore);
        stale::check(&project, &manifests, &Vicinity { newcomers, above: vicinity::parse(&above) })?;
        let target = project.target(&request, &manifests)?;
        let private = self.private(&ignore);
        let surroundings = self.surroundings(&project, &manifests, &ignore);
        let wanted = image::start::wanted(&project, &target, &manifests, &surroundings);
        let modules = wanted.into_iter().filter_map(|path| Some((path.clone(), self.file(&path)?))).collect();
        let mut compiled = compile(Inputs {
            project: &project,
            target: &target,
            manifests: &manifests,
            outside: &Outside {
                surroundings: Arc::new(surroundings),
                modules: Arc::new(modules),
                ..outside(selection, &project, &target)
            },
            options: lower::Options {
                ignore,
                ignore_file: self.file(".dockerignore"),
                merge: true,
                ..lower::Options::default()
            },
            epoch: None,
        })?;
        compiled.warnings.extend(private::check(&compiled.plan, &private));
        Ok(compiled)
    }

    /// Files that are usually kept private.
    fn private(&self, ignored: &[String]) -> BTreeSet<String> {
        let is_private = |(path, text): &(&String, &String)| match private::suspicion(path) {
            Some(Suspicion::Certain) => true,
            Some(Suspicion::OfKeys) => private::is_private_key(text.as_bytes()),
            None => false,
        };
        let found = self.files.iter().filter(is_private).map(|(path, _)| path);
        found.filter(|path| ignore::leaves_out(ignored, path).is_none()).cloned().collect()
    }

    /// Every target that the project has.
    pub fn target_names(&self) -> Result<BTreeSet<String>, Diagnostics> {
        let project = Project::parse(&self.entry_files(&BTreeMap::new(), &Request::Default)?, &BTreeMap::new())?;
        // Where targets are declared no manifest is needed to know their names.
        let manifests = match project.target_names(&BTreeMap::new()) {
            declared if declared.is_empty() => self.manifests(&project, &Request::Default)?,
            _ => BTreeMap::new(),
        };
        Ok(project.target_names(&manifests).into_iter().collect())
    }
}

/// Images as they are declared.
fn outside(selection: &Selection, project: &Project, target: &Target) -> Outside {
    let required = project.lock.requires_python.as_ref().map(|(specifiers, _)| specifiers);
    let python = match &selection.python {
        Some(version) => Declared::of(version),
        None => {
            let tag = of_reference(&target.base.value).filter(|_| target.managed.is_none());
            let request = target.python.as_ref().or(project.pin.as_ref()).map(|request| &request.value);
            Declared::new(tag.as_ref(), request, required)
        }
    };
    let uv = target.uv.value.rsplit_once(':').map_or("", |(_, tag)| tag);
    let interpreter = |platform: &Platform, python: &Declared| {
        let mut interpreter = Interpreter::declared(python, &platform.architecture, selection.libc.clone(), uv);
        if target.managed.is_some() {
            interpreter.executable = ManagedPython::executable(&interpreter);
        }
        interpreter.passwd.extend(selection.passwd.iter().map(|line| format!("{line}\n")));
        interpreter.group.extend(selection.group.iter().map(|line| format!("{line}\n")));
        interpreter
    };
    let image = |reference: &str, interpreter| Image {
        reference: buildkit_llb::normalize_image_ref(reference).unwrap_or_else(|_| reference.to_owned()),
        config: ImageConfig::default(),
        interpreter,
    };
    let outside = |platform: &Platform, python: &Declared| {
        let builder_python = selection.builder_python.as_ref().map_or_else(|| python.clone(), |it| Declared::of(it));
        Outside {
            platform: platform.clone(),
            base: image(&target.base.value, (!selection.no_python).then(|| interpreter(platform, python))),
            builder: image(&target.builder.value, Some(interpreter(platform, &builder_python))),
            uv: image(&target.uv.value, None),
            steps: BTreeMap::new(),
            host: None,
            surroundings: Default::default(),
            modules: Default::default(),
        }
    };
    let host = selection.build_platform.as_ref().map(|platform| {
        let python = selection.build_platform_python.as_ref().map_or_else(|| python.clone(), |it| Declared::of(it));
        Host::of(outside(platform, &python), selection.emulates)
    });
    Outside { host, ..outside(&selection.platform, &python) }
        .with_images_of_steps(target, |named| image(named, None).reference)
}

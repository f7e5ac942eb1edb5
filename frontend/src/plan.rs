//! The plan: what an image consists of, layer by layer, free of BuildKit. One plan serves the command line, the goldens and
//! the lowering to LLB.

pub mod access;
mod application;
mod artifacts;
mod composition;
mod contents;
pub mod deny;
pub mod destination;
mod direct_url;
mod directories;
mod files;
pub mod host;
mod inputs;
pub mod layers;
mod members;
mod outside;
mod package;
pub mod product;
mod projects;
pub mod python;
pub mod recipe;
pub mod report;
mod requirements;
mod steps;
pub mod system;
pub mod uv;
mod variables;
pub mod version;

use std::collections::{BTreeMap, BTreeSet};

use crate::account::{self, User};
use crate::config::access::Ca;
use crate::config::kind::Kind;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Span};
use crate::interpreter::{Interpreter, InterpreterError};
use crate::lock::closure::{self, Closure};
use crate::lock::{PackageId, Source};
use crate::manifest::exclude_newer::ExcludeNewer;
use crate::manifest::resolution::Resolution;
use crate::manifest::{Indexes, Manifest};
use crate::platform::Platform;
use crate::project::{ManagedPython, Project, Target};
use crate::service::{self, Start};
use access::{Access, Credential, Download};
pub use application::Application;
use composition::{Composition, Parts};
use contents::context_paths;
pub use contents::{Backend, Contents, Layer, Member, Toolchain, Tree};
use destination::Destination;
pub use files::{Copied, CopySource, Modules as CopiedModules, UV};
pub use inputs::{InputSource, MemberInput, Reason};
pub use outside::{Host, Image, Outside};
pub use package::{Artifact, Form, Hash, Origin, Package};
use product::Product;
use python::{interpreter_of, unusable_python};
pub use steps::{Step, StepImage};
pub use system::SystemPackages;

/// What an image consists of. Layers are in the order of the image, lowest first.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The target's name.
    pub target: String,
    /// The place of its declaration.
    pub span: Option<Span>,
    /// What tells the workspace from others, as far as its root says so: the same in every checkout.
    pub workspace: String,
    /// The platform.
    pub platform: Platform,
    /// Reference of the base.
    pub base: String,
    /// Reference of the image in which members are built.
    pub builder: String,
    /// Reference of the image that holds uv.
    pub uv: String,
    /// Where steps run, if not on the platform.
    pub host: Option<Host>,
    /// The python of the image: the base's, or the one that uv installs.
    pub interpreter: Interpreter,
    /// How uv installs it, if it does.
    pub managed: Option<ManagedPython>,
    /// Path of the builder's python.
    pub builder_python: String,
    /// What the builder has beside what is in its image.
    pub builder_system: Option<SystemPackages>,
    /// Where build requirements are looked for.
    pub indexes: Indexes,
    /// How, as far as nothing is locked.
    pub resolution: Resolution,
    /// With what secrets they are asked there.
    pub credentials: Vec<Credential>,
    /// How files at URLs are asked for.
    pub access: Access,
    /// Where the packages are installed.
    pub destination: Destination,
    /// The image's working directory.
    pub workdir: String,
    /// Steps that leave nothing in what is made, and feed builds of members.
    pub feeding: Vec<Step>,
    /// Who runs; absent where that is for the base to say.
    pub user: Option<User>,
    /// Distinct sets of build requirements of the members.
    pub backends: Vec<Backend>,
    /// The layers over the base.
    pub layers: Vec<Layer>,
    /// Name of the package that the target is made of.
    pub root: String,
    /// Names of what is installed, and of the root, each with those of what it needs.
    pub dependencies: BTreeMap<String, BTreeSet<String>>,
    /// Directories and files of the context that the plan reads.
    pub context_paths: BTreeSet<String>,
    /// What a build leaves.
    pub product: Product,
    /// The module that has data beside the sources: the working directory, and the files of an application in it, belong to the user.
    pub data: Option<String>,
    /// What its containers start, where that was found and not said.
    pub start: Option<Start>,
    /// What is run in the image, whose result it is then.
    pub check: Option<Check>,
}

/// Commands in an image, as its user.
#[derive(Clone, Debug)]
pub struct Check {
    /// Words of each, and its place in the config.
    pub commands: Vec<Located<Vec<String>>>,
    /// What they leave, below the working directory.
    pub collect: Vec<Located<String>>,
    /// The working directory.
    pub workdir: String,
    /// User and group.
    pub ids: (u32, u32),
}

/// A plan and what its user should know.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Things that are not errors.
    pub warnings: Vec<Diagnostic>,
}

/// Plans a target. Pure: what it must know of the outside is in `outside` and `manifests`.
pub fn plan(
    project: &Project,
    target: &Target,
    manifests: &BTreeMap<PackageId, Manifest>,
    outside: &Outside,
) -> Result<Planned, Diagnostics> {
    let managed = target.managed.clone();
    let mut host = outside.host.as_ref();
    if let Some(managed) = &managed {
        python::check_request(project, managed)?;
        if let Some(host) = host.take().filter(|host| !host.emulates) {
            return Err(host::other_managed_python(target, &outside.platform, &host.platform).into());
        }
    }
    let interpreter = interpreter_of(&outside.base, &target.base)?;
    let (base_of_steps, builder) = match host {
        Some(host) => (&host.base, &host.builder),
        None => (&outside.base, &outside.builder),
    };
    let builder = interpreter_of(builder, &target.builder)?;
    python::check_builder(target, interpreter_of(base_of_steps, &target.base)?, builder)?;
    system::check(target, interpreter, builder)?;
    let mut warnings = Vec::new();
    python::check(project, target, interpreter, &mut warnings)?;
    uv::check(project, target, &interpreter.uv)?;
    uv::warn_of_settings(project, &mut warnings);
    if let Some(host) = host {
        host::check(host, &outside.platform, target, interpreter, &mut warnings)?;
    }

    variables::check(&target.words, &mut warnings);
    let closure = closure_of(project, target, outside)?;
    deny::check(project, target, &closure)?;

    let destination = Destination::of(target, &outside.base);
    let workdir = target.workdir.clone().unwrap_or_else(|| destination.path().to_owned());
    let access = Access::of(project, manifests)?;
    let account = match (&target.user, target.kind) {
        (Some(user), Kind::Image) => {
            Some(account::plan(user, &interpreter.passwd, &interpreter.group, target.user_span.as_ref())?)
        }
        _ => None,
    };
    let data = data_beside_sources(project, target, outside);
    let parts = Parts {
        project,
        target,
        manifests,
        outside,
        interpreter,
        closure: &closure,
        destination: &destination,
        workdir: &workdir,
        account: account.as_ref(),
        access: &access,
        data: data.as_deref(),
    };
    let ids = parts.ids();
    let Composition { layers, backends, product } = composition::compose(&parts, &mut warnings)?;
    let indexes = access.indexes(project);
    let mut context_paths = context_paths(&layers, &backends, &indexes);
    if let Some(Ca::File(file)) = access.ca() {
        context_paths.insert(file.value.clone());
    }
    context_paths.extend(managed.iter().flat_map(ManagedPython::context_path));
    let feeding = composition::feeding(target, outside, &access, ids);
    context_paths.extend(feeding.iter().flat_map(Step::context_paths));
    let plan = Plan {
        target: target.name.clone(),
        span: target.span.clone(),
        workspace: workspace(project),
        platform: outside.platform.clone(),
        base: outside.base.reference.clone(),
        builder: outside.builder.reference.clone(),
        uv: outside.uv.reference.clone(),
        host: host.cloned(),
        interpreter: interpreter.clone(),
        managed,
        builder_python: builder.executable.clone(),
        builder_system: SystemPackages::of_builder(target, builder),
        credentials: access.credentials(&indexes, project),
        indexes,
        resolution: Resolution::new(
            &project.settings,
            &ExcludeNewer::of_lock(|key| project.lock.settings.options.get(key)),
        ),
        access,
        destination,
        workdir: workdir.clone(),
        feeding,
        user: account.map(|account| account.user),
        backends,
        layers,
        root: project.lock.packages[target.selection.root].name.to_string(),
        dependencies: dependencies(project, &closure),
        context_paths,
        product,
        data,
        start: None,
        check: (!target.check.run.is_empty()).then(|| Check {
            commands: target.check.run.clone(),
            collect: target.check.collect.clone(),
            workdir,
            ids,
        }),
    };
    Ok(Planned { plan, warnings })
}

/// The module that has data beside the sources of a target whose command is looked for, if nobody said who may write where.
fn data_beside_sources(project: &Project, target: &Target, outside: &Outside) -> Option<String> {
    let package = &project.lock.packages[target.selection.root];
    let is_package = !matches!(package.source, Source::Virtual(_));
    let is_said = !target.seeks_command() || !target.writable.is_empty() || !target.volumes.is_empty();
    let directory = package.source.project_dir().filter(|_| !is_said && !target.editable)?;
    service::beside(&outside.modules, directory, is_package)
}

/// What a target installs, whatever it is made from.
pub fn closure_of(project: &Project, target: &Target, outside: &Outside) -> Result<Closure, Diagnostics> {
    let interpreter = interpreter_of(&outside.base, &target.base)?;
    let unusable = |error: InterpreterError| unusable_python(&target.base, &error);
    let environment = interpreter.environment().map_err(unusable)?;
    if !project.lock.supported_markers.is_empty()
        && !project.lock.supported_markers.iter().any(|marker| marker.evaluate(&environment, &[]))
    {
        return Err(Diagnostic::new(
            "lock::unsupported_environment",
            format!(
                "the lockfile does not support {}: no entry of `tool.uv.environments` matches",
                interpreter.describe()
            ),
        )
        .at(project.lock.supported_markers_span.clone())
        .help("add the environment to `tool.uv.environments` and run `uv lock`, or choose another base or platform")
        .into());
    }
    closure::select(&project.lock, &target.selection, &environment)
        .map_err(|mut error| {
            // The target chose what the lock cannot give: its place comes first.
            error.spans.splice(..0, target.span.clone());
            error
        })
        .map_err(Into::into)
}

impl Plan {
    /// The project that is no package, and whose files an image has.
    pub fn applications(&self) -> impl Iterator<Item = &Application> {
        self.layers.iter().filter_map(|layer| match &layer.contents {
            Contents::Application(application) => Some(application),
            _ => None,
        })
    }

    /// The packages that are fetched from URLs, and how.
    pub fn downloads(&self) -> impl Iterator<Item = (&Package, Download)> {
        let packages = self.layers.iter().flat_map(|layer| match &layer.contents {
            Contents::ThirdParty(packages) => &packages[..],
            _ => &[],
        });
        packages.filter_map(|package| match &package.artifact.origin {
            Origin::Url(url) => Some((package, self.access.download(url, package.index.as_deref()))),
            Origin::Context(_) | Origin::Git { .. } => None,
        })
    }
}

/// The closure, by names: there is one version of each package in an environment.
fn dependencies(project: &Project, closure: &Closure) -> BTreeMap<String, BTreeSet<String>> {
    let name = |id: &PackageId| project.lock.packages[*id].name.to_string();
    closure.edges.iter().map(|(id, needed)| (name(id), needed.iter().map(name).collect())).collect()
}

/// Name of the project at the root, where in the context that is, and where its sources are.
fn workspace(project: &Project) -> String {
    let root = project.manifest.as_ref();
    let name = root.and_then(|manifest| manifest.name.as_ref()).map_or("", |name| name.as_str());
    let source = root.and_then(|manifest| manifest.about.source()).unwrap_or_default();
    format!("{name} {} {source}", project.lock.root)
}

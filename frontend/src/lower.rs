//! A [`Plan`] as LLB. Total: a plan that was made can be lowered. The only module, with those below it, that names ops.

pub mod access;
mod application;
mod build;
mod cache;
mod check;
mod container;
pub mod context;
mod copies;
mod description;
mod directories;
pub mod failure;
pub mod files;
mod install;
mod member;
pub mod probe;
mod product;
pub mod python;
pub mod sbom;
mod scripts;
mod site;
mod sources;
mod step;
mod system;
mod workspace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::{
    Bind, Copy, Exec, File, Image, Input, Metadata, Network, Output, Platform, ProgressGroup, Tmpfs, merge,
};

use crate::diagnostic::SourceFile;
use crate::image;
use crate::image_config::set;
use crate::options::NoCache;
use crate::options::container::Container;
use crate::plan::product::Product;
use crate::plan::{Contents, Layer, Plan};
use crate::rootfs::EPOCH;
use description::{describe, is_shared};
use failure::reporting;
pub use member::is_of_the_workspace;
use scripts::{Script, TOOLS, with_script};
use site::{Ground, Images, Site};
use sources::Sources;

/// What lowering must know beside the plan.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The client session that local directories come from.
    pub session: String,
    /// Patterns of `.dockerignore`.
    pub ignore: Vec<String>,
    /// The file that has them.
    pub ignore_file: Option<Arc<SourceFile>>,
    /// The build context, when it is no directory of the client's.
    pub context: Option<Input>,
    /// Paths in it that symbolic links on the way to local projects lead to. A client follows links itself.
    pub linked: BTreeSet<String>,
    /// What tells the project from others with a target of the same name, for the daemon's copy of its files.
    pub project: String,
    /// Where its repository is, however it is fetched from there; empty where nobody says.
    pub repository: String,
    /// Images that are not to be had from a registry, by their references in the plan and their platforms.
    pub images: BTreeMap<(String, crate::platform::Platform), Output>,
    /// Sources of local projects that lie elsewhere than in the context, by the projects' names.
    pub sources: BTreeMap<String, Input>,
    /// The daemon can merge; else layers are copied over the base one by one.
    pub merge: bool,
    /// The daemon cannot leave paths out of a copy.
    pub whole_copies: bool,
    /// Which steps run although BuildKit has their result.
    pub no_cache: NoCache,
    /// Prefix of the names of caches, `BUILDKIT_CACHE_MOUNT_NS`.
    pub cache_namespace: Option<String>,
    /// What the client asks of the containers of steps.
    pub container: Container,
    /// Step names tell the platform.
    pub show_platform: bool,
    /// Environment of the base image, for the steps that run in it.
    pub base_env: Vec<(String, String)>,
    /// Environment of the builder image.
    pub builder_env: Vec<(String, String)>,
    /// Environment of the image that is built, for what is run in it.
    pub image_env: Vec<(String, String)>,
    /// What it says beside that of its user's home. Root's is another.
    pub home: Option<String>,
}

/// A lowered plan.
#[derive(Debug)]
pub struct Lowered {
    /// The filesystem of the image, or what a check leaves.
    pub image: Input,
    /// One line a layer over the base, for the image's history; none of a check.
    pub history: Vec<String>,
}

/// Lowers a plan.
pub fn lower(plan: &Plan, options: &Options) -> Lowered {
    let lowering = Lowering::new(plan, options);
    let result = lowering.product(&plan.product);
    match &plan.check {
        Some(check) => Lowered { image: lowering.check(result, check), history: Vec::new() },
        None if plan.product == Product::Image => {
            Lowered { image: result, history: plan.layers.iter().map(describe).collect() }
        }
        None => Lowered { image: result, history: Vec::new() },
    }
}

/// The layers of packages that are not the workspace's.
pub fn packages(plan: &Plan, options: &Options) -> Vec<Output> {
    let lowering = Lowering::new(plan, options);
    let layers = plan.layers.iter().enumerate().filter_map(|(index, layer)| match &layer.contents {
        Contents::ThirdParty(packages) => {
            let name = lowering.step_name(index, layer);
            Some(lowering.install(packages, &lowering.step_prefix(index), name))
        }
        _ => None,
    });
    layers.collect()
}

/// What every step of one plan shares.
struct Lowering<'plan> {
    plan: &'plan Plan,
    options: &'plan Options,
    base: Output,
    /// uv for the platform of the image.
    uv: Output,
    context: Output,
    sources: Sources,
    /// Where steps run.
    host: Site,
    /// Where those steps run that only the image's own platform will do for, if that is not the host's and can be had.
    emulated: Option<Site>,
}

impl<'plan> Lowering<'plan> {
    fn new(plan: &'plan Plan, options: &'plan Options) -> Self {
        let own = Images::of_target(plan, options);
        let mut lowering = Self {
            plan,
            options,
            base: own.base.root.clone(),
            uv: own.base.uv.clone(),
            context: context::context(plan, options),
            sources: Sources::of(plan),
            host: Site::bare(&own),
            emulated: None,
        };
        match &plan.host {
            None => lowering.host = lowering.furnish(&own),
            Some(host) => {
                lowering.host = lowering.furnish(&Images::of_host(host, plan, options));
                lowering.emulated = host.emulates.then(|| lowering.furnish(&own));
            }
        }
        // Each may be made with those before it, and with what steps leave that run in what is furnished.
        for backend in &plan.backends {
            let made = lowering.backend(&lowering.host, backend);
            lowering.host.backends.push(made);
            if let Some(site) = &lowering.emulated {
                let made = lowering.backend(site, backend);
                lowering.emulated.iter_mut().for_each(|site| site.backends.push(made.clone()));
            }
        }
        lowering
    }

    fn layers(&self) -> Vec<Input> {
        self.plan.layers.iter().enumerate().map(|(index, layer)| self.layer(index, layer)).collect()
    }

    fn layer(&self, index: usize, layer: &Layer) -> Input {
        let name = self.step_name(index, layer);
        match &layer.contents {
            Contents::Account { account, directories, writable } => {
                self.account(account, directories, writable, self.metadata(name, None))
            }
            Contents::Writable(directories) => self.writable(directories, self.metadata(name, None)),
            // They are made from what is below them: by `assemble`.
            Contents::System(_) | Contents::Step(_) => Input::Scratch,
            Contents::Python { .. } => self.managed(|managed| (&managed.files).into()),
            Contents::Bytecode => self.managed(|managed| managed.bytecode.clone()),
            Contents::Venv => self.host.runtime.venv.clone(),
            Contents::ThirdParty(packages) => self.install(packages, &self.step_prefix(index), name).into(),
            Contents::Members(members) => match &members[..] {
                [only] => self.member(only, name).into(),
                several => self.members(several, &self.step_prefix(index), name).into(),
            },
            Contents::Sources { trees, ids } => settled(self.copied(trees, *ids), self.metadata(name, None)).into(),
            Contents::Application(application) => self.application(application, name).into(),
            Contents::Files(files) => self.files(files, name).into(),
        }
    }

    /// A part of the python that uv installed.
    fn managed(&self, part: impl FnOnce(&python::Managed) -> Input) -> Input {
        self.host.runtime.managed.as_ref().map_or(Input::Scratch, part)
    }

    /// `[api 3/7]`, with the platform before the target where several are built. Layers that targets share have no number.
    fn step_prefix(&self, index: usize) -> String {
        let platform = if self.options.show_platform { format!("{} ", self.plan.platform) } else { String::new() };
        let target = &self.plan.target;
        let count = |layers: &[Layer]| layers.iter().filter(|layer| !is_shared(layer)).count();
        match self.plan.layers.get(index) {
            Some(layer) if is_shared(layer) => format!("[{platform}{target}]"),
            _ => format!("[{platform}{target} {}/{}]", count(&self.plan.layers[..index]) + 1, count(&self.plan.layers)),
        }
    }

    fn step_name(&self, index: usize, layer: &Layer) -> String {
        format!("{} {}", self.step_prefix(index), describe(layer))
    }

    /// Metadata of a step that makes a layer; `member` is the project that it builds.
    fn metadata(&self, name: String, member: Option<&str>) -> Metadata {
        let no_cache = &self.options.no_cache;
        let ignored = no_cache.covers(&self.plan.target) || member.is_some_and(|member| no_cache.covers(member));
        let metadata = Metadata::named(name);
        if ignored { metadata.ignore_cache() } else { metadata }
    }

    /// Name of a step that several targets share.
    fn shared_name(&self, text: &str) -> String {
        let platform = if self.options.show_platform { format!("{} ", self.plan.platform) } else { String::new() };
        format!("[{platform}shared] {text}")
    }

    /// A step whose python runs the worker. The root is read-only: what a step leaves is in its output.
    fn exec(&self, ground: &Ground, arguments: &[&str]) -> Exec {
        self.exec_in(Bind::new("/", &ground.root).readonly(), ground, arguments)
    }

    /// The same with a root of its own.
    fn exec_in(&self, root: Bind, ground: &Ground, arguments: &[&str]) -> Exec {
        let worker = format!("{TOOLS}/{}", scripts::WORKER.0);
        let words = [ground.python.as_str(), &worker].into_iter().chain(arguments.iter().copied());
        let exec = Exec::new(words.map(str::to_owned))
            .platform(&platform(&ground.platform))
            .envs(ground.env.iter().cloned())
            .envs(STEP_ENV)
            .mount(root)
            .mount(Bind::new(format!("{TOOLS}/uv"), &ground.uv).selector("/uv").readonly());
        let exec = scripts::with_command(exec, arguments.first().copied().unwrap_or_default());
        self.options.container.limit(ground.with_python(exec))
    }

    /// A step whose python runs a script of its own, without uv and a network, and leaves what is in `/out`.
    fn scripted(&self, script: Script, arguments: &[&str]) -> Exec {
        let ground = &self.host.runtime;
        let path = format!("{TOOLS}/{}", script.0);
        let arguments = [ground.python.as_str(), &path].into_iter().chain(arguments.iter().copied());
        let exec = Exec::new(arguments.map(str::to_owned))
            .platform(&platform(&ground.platform))
            .envs(ground.env.iter().cloned())
            .envs(STEP_ENV)
            .network(Network::None)
            .mount(Bind::new("/", &ground.root).readonly())
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new("/out", Input::Scratch));
        let exec = reporting(with_script(exec, script));
        self.options.container.limit(ground.with_python(exec))
    }

    /// A step that fetches what no lock names.
    fn online(&self, exec: Exec) -> Exec {
        self.trust(self.options.container.connect(exec))
    }

    /// What steps leave that run before anything is built, by their names.
    fn left(&self) -> Vec<(String, Output)> {
        let mut left = BTreeMap::new();
        for step in &self.plan.feeding {
            let prefix = format!("[{}]", self.plan.target);
            let name = format!("{prefix} keep outputs of {}", step.name);
            let output = self.step(step, || Input::Scratch, &left, (&prefix, name));
            left.insert(step.name.as_str(), output);
        }
        let is_below =
            |layer: &&Layer| !matches!(layer.contents, Contents::Venv | Contents::ThirdParty(_) | Contents::Members(_));
        let count = self.plan.layers.iter().take_while(is_below).count();
        if left.is_empty() {
            self.assemble_layers(&self.plan.layers[..count], &mut left);
        }
        left.into_iter().map(|(name, output)| (name.to_owned(), output)).collect()
    }

    /// The environment of what runs in the image, as its user or as root.
    fn env_of_image(&self, as_user: bool) -> Vec<(String, String)> {
        let mut env = self.options.image_env.clone();
        if let Some(home) = self.options.home.as_ref().filter(|_| as_user) {
            set(&mut env, "HOME", home);
        }
        env
    }

    /// The base with the layers on it. Packages of a distribution change files everywhere: their step runs in what is below
    /// them, and is the start of what is above. A step of the user's runs in what is below it, too, but is a layer like others.
    fn assemble(&self) -> Input {
        self.assemble_layers(&self.plan.layers, &mut BTreeMap::new())
    }

    /// Name of the last step, which says what was found to start.
    fn assembling(&self) -> String {
        let found = self
            .plan
            .start
            .as_ref()
            .filter(|start| !start.is_script)
            .map(|start| format!(": it {}", image::start::note(start)));
        format!("[{}] assemble{}", self.plan.target, found.unwrap_or_default())
    }

    /// The same of the lowest layers; what steps leave is in `left` then.
    fn assemble_layers<'a>(&self, lowest: &'a [Layer], left: &mut BTreeMap<&'a str, Output>) -> Input {
        let mut below = Input::from(&self.base);
        let mut layers = Vec::new();
        let mut start = 0;
        for (index, layer) in lowest.iter().enumerate() {
            match &layer.contents {
                Contents::System(packages) => {
                    let root = self.stack(below, layers, start, &self.shared_name("prepare the base"));
                    let step = self.step_name(index, layer);
                    below = self.system(root, (&self.native().runtime, &self.plan.base), packages, step).into();
                    (layers, start) = (Vec::new(), index + 1);
                }
                Contents::Step(step) => {
                    let name = format!("[{}] prepare {}", self.plan.target, step.name);
                    let root = || self.stack(below.clone(), layers.clone(), start, &name);
                    let names = (&*self.step_prefix(index), self.step_name(index, layer));
                    let output = self.step(step, root, left, names);
                    layers.push(Input::from(&output));
                    left.insert(step.name.as_str(), output);
                }
                _ => layers.push(self.layer(index, layer)),
            }
        }
        self.stack(below, layers, start, &self.assembling())
    }

    /// Layers on each other, the first of which is that of the plan at `index`.
    fn stack(&self, below: Input, layers: Vec<Input>, index: usize, name: &str) -> Input {
        if self.options.merge {
            return merge(std::iter::once(below).chain(layers), Metadata::named(name.to_owned()));
        }
        // One op a layer, so that each stays a layer of the image.
        layers.into_iter().enumerate().fold(below, |below, (above, layer)| {
            let prefix = self.step_prefix(index + above);
            let name = match self.plan.layers.get(index + above) {
                Some(layer) if is_shared(layer) => format!("{prefix} copy what is shared: {}", describe(layer)),
                _ => format!("{prefix} copy"),
            };
            let copy = Copy::new(layer, "/", "/").contents_only();
            File::on(below).copy(copy).metadata(Metadata::named(name)).build().into()
        })
    }
}

/// Environment of every step: quiet, offline for interpreters, and the same everywhere.
const STEP_ENV: [(&str, &str); 6] = [
    ("HOME", "/tmp"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
    ("PYTHONHASHSEED", "0"),
    ("SOURCE_DATE_EPOCH", "315532800"),
    ("UV_NO_PROGRESS", "1"),
    ("UV_PYTHON_DOWNLOADS", "never"),
];

/// What a progress display shows in one line with everything else that has this one.
fn grouped(metadata: Metadata, line: &str) -> Metadata {
    metadata.progress_group(ProgressGroup { id: line.to_owned(), name: line.to_owned(), weak: false })
}

/// Copies a file op's tree once more: an action gives a time to what it writes, and changes that of the directory around it.
fn settled(file: File, metadata: Metadata) -> Output {
    // Both are one line.
    let line = metadata.custom_name().unwrap_or_default().to_owned();
    let metadata = grouped(metadata, &line);
    let staged = file.metadata(metadata.clone().name("[internal] stage files")).build();
    let copy = Copy::new(&staged, "/", "/").contents_only().timestamp(EPOCH);
    File::on(Input::Scratch).copy(copy).metadata(metadata).build()
}

/// An image, by its reference; an internal one is nothing that a user asked for.
pub fn image(reference: &str, platform: &Platform, internal: bool) -> Output {
    let metadata = Metadata::named(format!("[internal] image {reference}"));
    let image = Image::new(reference).platform(platform).metadata(metadata);
    if internal { image.internal().build() } else { image.build() }
}

/// Whether a command is one of ours, and not of the user's.
pub fn is_of_ours(command: &[String]) -> bool {
    // A python with a script, or uv as itself.
    command.iter().take(2).any(|word| word.starts_with(TOOLS)) || command.first().is_some_and(|word| word == python::UV)
}

/// As LLB names it.
pub fn platform(platform: &crate::platform::Platform) -> Platform {
    Platform::with_variant(&platform.os, &platform.architecture, &platform.variant)
}

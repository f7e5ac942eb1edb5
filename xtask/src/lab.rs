//! A lab on one machine: a real BuildKit, a registry with base images, buildx and a Docker engine.
//!
//! [`Lab::up`] sets everything up by itself, from Debian packages and Go modules, and caches what it built below the
//! XDG cache directory. It may be called as often as one likes: what runs is used again. What it started outlives the
//! program, and [`Lab::down`] ends it.
//!
//! Everything listens on the loopback or on sockets in the lab's own directory.

mod buildkit;
mod engine;
mod images;
mod layout;
mod machine;
mod process;
mod registry;
mod tools;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Arguments;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, thread};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

pub use engine::BUILDER;
pub use images::UV_VERSIONS;
pub use process::{run_captured, run_shown};

use images::StandIn;
use process::Daemon;

/// A lab that runs.
#[derive(Debug)]
pub struct Lab {
    places: Places,
    state: State,
    started: bool,
}

/// What runs, as the state file keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    /// False while it is set up, and after that was interrupted.
    complete: bool,
    registry: String,
    /// In the order in which they were started.
    daemons: Vec<Daemon>,
    crane: PathBuf,
    buildkit: PathBuf,
}

impl Lab {
    /// The lab, started now unless it already runs.
    pub fn up() -> Result<Lab> {
        let places = Places::new()?;
        let _lock = places.lock()?;
        if let Some(lab) = Lab::find(&places)? {
            return Ok(lab);
        }
        if let Some(rest) = State::read(&places)? {
            rest.stop(&places)?;
        }
        Lab::start(places)
    }

    /// The lab, when it runs.
    pub fn running() -> Result<Option<Lab>> {
        let places = Places::new()?;
        let _lock = places.lock()?;
        Lab::find(&places)
    }

    fn find(places: &Places) -> Result<Option<Lab>> {
        let state = State::read(places)?.filter(|state| state.complete && state.daemons.iter().all(Daemon::is_alive));
        Ok(state.map(|state| Lab { places: places.clone(), state, started: false }))
    }

    fn start(places: Places) -> Result<Lab> {
        let crane = tools::crane(&places)?.join("crane");
        let buildkit = tools::buildkit(&places)?;
        let buildx = tools::buildx(&places)?.join("buildx");
        let stand_ins = images::usual(&places)?;

        report(format_args!("starting the registry"));
        let (daemon, registry) = registry::start(&crane, &places.run().join("registry"), &places.log("registry"))?;
        let mut state = State { complete: false, registry, daemons: vec![daemon], crane, buildkit };
        state.write(&places)?;
        if let Err(error) = state.fill(&places, &stand_ins, &buildx) {
            state.stop(&places)?;
            return Err(error);
        }
        report(format_args!("up: {} with the registry {}", places.buildkit_host(), state.registry));
        Ok(Lab { places, state, started: true })
    }

    /// Ends everything that runs, however much of it, and unmounts what it left. The caches stay. Says whether there
    /// was anything to end.
    pub fn down() -> Result<bool> {
        let places = Places::new()?;
        let _lock = places.lock()?;
        match State::read(&places)? {
            Some(state) => state.stop(&places).map(|()| true),
            None => Ok(false),
        }
    }

    /// Whether this program started it (and so may end it), or found it running.
    pub fn was_started(&self) -> bool {
        self.started
    }

    /// The registry's host and port; the lab's BuildKit asks it for the images of docker.io, ghcr.io, gcr.io and
    /// public.ecr.aws too, by their path.
    pub fn registry(&self) -> &str {
        &self.state.registry
    }

    /// Makes sure that the lab's registry has a stand-in for an image: those with a compiler are made when asked for.
    pub fn require_image(&self, name: &str) -> Result<()> {
        let _lock = self.places.lock()?;
        let image = images::by_name(&self.places, name)?;
        registry::push(&self.state.crane, &self.state.registry, &image.layout, &image.names)
    }

    /// The variables with which any client finds the lab.
    pub fn env(&self) -> BTreeMap<String, String> {
        let directories = [self.state.buildkit.as_path(), self.state.crane.parent().unwrap_or(Path::new("/"))];
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::split_paths(&path).filter(|entry| !directories.contains(&entry.as_path()));
        let path = env::join_paths(directories.iter().map(PathBuf::from).chain(path)).unwrap_or_default();
        [
            ("BUILDKIT_HOST", self.places.buildkit_host()),
            ("BUILDX_BUILDER", BUILDER.to_owned()),
            ("DOCKER_CONFIG", self.places.docker_config().display().to_string()),
            ("DOCKER_HOST", self.places.docker_host()),
            ("PATH", path.display().to_string()),
            ("UV_BUILDKIT_LAB_BIN", self.state.buildkit.display().to_string()),
            ("UV_BUILDKIT_LAB_REGISTRY", self.state.registry.clone()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// A command with the lab's variables set.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env());
        command
    }

    /// `docker …`, with the lab's engine, which starts images (with `--network host`).
    pub fn docker<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.command("docker");
        command.args(arguments);
        command
    }

    /// `docker buildx …`, with the lab's BuildKit.
    pub fn buildx<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.docker(["buildx"]);
        command.args(arguments);
        command
    }

    /// `buildctl …`, with the lab's BuildKit.
    pub fn buildctl<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.command(self.state.buildkit.join("buildctl"));
        command.args(arguments);
        command
    }

    /// `crane …`, which reads and writes images in the registry.
    pub fn crane<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.command(&self.state.crane);
        command.args(arguments);
        command
    }
}

impl State {
    fn read(places: &Places) -> Result<Option<State>> {
        match fs::read_to_string(places.state()) {
            Ok(text) => Ok(Some(serde_json::from_str(&text).with_context(|| {
                format!(
                    "{} is not a state file of this version of the lab: end what it names, then delete it",
                    places.state().display()
                )
            })?)),
            Err(_) => Ok(None),
        }
    }

    /// Starts what is missing beside the registry.
    fn fill(&mut self, places: &Places, stand_ins: &[StandIn], buildx: &Path) -> Result<()> {
        thread::scope(|scope| {
            let push = |image: &StandIn| registry::push(&self.crane, &self.registry, &image.layout, &image.names);
            let pushes: Vec<_> = stand_ins.iter().map(|image| scope.spawn(move || push(image))).collect();
            pushes
                .into_iter()
                .try_for_each(|push| push.join().unwrap_or_else(|_| bail!("a push to the registry panicked")))
        })?;
        self.daemons.push(buildkit::start(places, &self.buildkit, &self.registry)?);
        self.write(places)?;
        self.daemons.push(engine::start(places)?);
        self.write(places)?;
        engine::install_buildx(places, buildx, &places.buildkit_host())?;
        self.complete = true;
        self.write(places)
    }

    fn write(&self, places: &Places) -> Result<()> {
        fs::write(places.state(), serde_json::to_string_pretty(self)?)
            .with_context(|| format!("cannot write {}", places.state().display()))
    }

    fn stop(&self, places: &Places) -> Result<()> {
        for daemon in self.daemons.iter().rev().filter(|daemon| daemon.is_alive()) {
            report(format_args!("stopping {}", daemon.name));
            daemon.stop()?;
        }
        machine::unmount_below(places.run())?;
        fs::remove_file(places.state()).with_context(|| format!("cannot delete {}", places.state().display()))
    }
}

/// Where the lab keeps its things.
#[derive(Debug, Clone)]
struct Places {
    cache: PathBuf,
    run: PathBuf,
}

impl Places {
    fn new() -> Result<Self> {
        let cache = match (env::var_os("XDG_CACHE_HOME"), env::var_os("HOME")) {
            (Some(cache), _) if !cache.is_empty() => PathBuf::from(cache),
            (_, Some(home)) => Path::new(&home).join(".cache"),
            _ => bail!("there is no directory to cache in: set HOME or XDG_CACHE_HOME"),
        };
        let cache = cache.join("uv-buildkit/lab");
        let places = Places { run: cache.join("run"), cache };
        for directory in [places.tools(), places.images(), places.run.clone()] {
            fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        }
        if places.buildkit_host().len() > 100 {
            bail!("the path {} is too long for a socket: set XDG_CACHE_HOME to a shorter one", places.run.display());
        }
        Ok(places)
    }

    /// Held while the lab is set up or ended, so that two programs do not do it at once.
    fn lock(&self) -> Result<File> {
        let path = self.run.join("lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        Ok(file)
    }

    fn cache(&self) -> &Path {
        &self.cache
    }

    fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    fn images(&self) -> PathBuf {
        self.cache.join("images")
    }

    fn run(&self) -> &Path {
        &self.run
    }

    fn state(&self) -> PathBuf {
        self.run.join("state.json")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.log"))
    }

    fn docker_config(&self) -> PathBuf {
        self.run.join("docker-config")
    }

    fn buildkit_host(&self) -> String {
        format!("unix://{}", self.run.join("buildkitd.sock").display())
    }

    fn docker_host(&self) -> String {
        format!("unix://{}", self.run.join("docker.sock").display())
    }
}

/// Says on the terminal what the lab is doing.
fn report(what: Arguments<'_>) {
    eprintln!("lab: {what}");
}

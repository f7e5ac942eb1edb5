//! A lab on one machine: a real BuildKit, a registry with base images, buildx and a Docker engine.
//!
//! [`Lab::up`] sets everything up by itself, from Debian packages and Go modules, and caches what it built below the
//! XDG cache directory. It may be called as often as one likes: what runs is used again. What it started outlives the
//! program, and [`Lab::down`] ends it.
//!
//! What the machine already has is used instead of the lab's own: the buildkitd that `BUILDKIT_HOST` names, or a Docker
//! engine with a recent BuildKit and buildx. Then base images are the real ones, from the real registries, and the lab
//! adds its registry on the loopback for what is built. `UV_BUILDKIT_LAB=own` asks for the lab's own whatever there is.
//!
//! Everything listens on the loopback or on sockets in the lab's own directory.

mod book;
mod browser;
pub(crate) mod buildkit;
mod emulator;
mod engine;
mod existing;
mod frontend_image;
mod images;
mod lambda;
mod layout;
pub(crate) mod machine;
mod maturin;
mod places;
pub(crate) mod process;
mod registry;
mod report;
mod tools;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::{env, thread};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

pub use book::mdbook;
pub use browser::{Browser, browser};
pub use frontend_image::{Optimized, make_static, workspace};
pub use images::{PythonArchive, UV_VERSIONS};
pub use maturin::Maturin;
pub use process::{run_captured, run_shown};

use existing::Builder;
use images::StandIn;
use places::Places;
use process::Daemon;
use report::report;

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
    /// In the order in which they were started.
    daemons: Vec<Daemon>,
    builder: Builder,
    registry: String,
    /// The address of the Docker engine that starts images.
    engine: String,
}

impl Lab {
    /// The lab, started now unless it already runs. What an earlier one built is still there.
    pub fn up() -> Result<Lab> {
        Lab::up_with(|_| Ok(()))
    }

    /// The lab as [`Lab::up`] has it; when it is started now, without anything that an earlier one built. So tests do not
    /// depend on what ran before, and the disk holds the images of one run.
    pub fn up_empty() -> Result<Lab> {
        Lab::up_with(|places| {
            machine::unmount_below(places.run())?;
            places.empty()
        })
    }

    fn up_with(prepare: impl FnOnce(&Places) -> Result<()>) -> Result<Lab> {
        let places = Places::new()?;
        let _lock = places.lock()?;
        let builder = Builder::find(&places);
        if let Some(lab) = Lab::find(&places)? {
            if lab.state.builder != builder {
                bail!(
                    "the lab runs with another BuildKit ({:?}, not {builder:?}): end it with `cargo xtask lab down`",
                    lab.state.builder
                );
            }
            return Ok(lab);
        }
        if let Some(rest) = State::read(&places)? {
            rest.stop(&places)?;
        }
        prepare(&places)?;
        Lab::start(places, builder)
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

    fn start(places: Places, builder: Builder) -> Result<Lab> {
        // What takes long comes first, while nothing runs.
        let stand_ins = thread::scope(|scope| {
            // Go keeps the processors busy, and mmdebstrap the network.
            let images = scope.spawn(|| if builder == Builder::Own { images::usual(&places) } else { Ok(Vec::new()) });
            tools::install(&places, builder != Builder::Docker)?;
            images.join().unwrap_or_else(|_| bail!("the making of images panicked"))
        })?;

        let mut state =
            State { complete: false, daemons: Vec::new(), builder, registry: String::new(), engine: String::new() };
        if let Err(error) = state.start(&places, &stand_ins) {
            state.stop(&places)?;
            return Err(error);
        }
        let builder = match &state.builder {
            Builder::Own => places.buildkit_host(),
            Builder::Address(address) => address.clone(),
            Builder::Docker => "the BuildKit of the Docker engine".to_owned(),
        };
        report(format_args!("up: {builder} with the registry {}", state.registry));
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

    /// Whether base images are the lab's stand-ins; otherwise they are the real ones.
    pub fn has_stand_ins(&self) -> bool {
        self.state.builder == Builder::Own
    }

    /// Makes sure that the lab has an image to build from: the stand-ins with a compiler are made when asked for.
    pub fn require_image(&self, name: &str) -> Result<()> {
        if !self.has_stand_ins() {
            return Ok(());
        }
        let image = images::by_name(&self.places, name)?;
        registry::push(&self.places.program("crane"), &self.state.registry, &image.layout, &image.names)
    }

    /// An archive of a python, as uv fetches them to install one.
    pub fn python_archive(&self) -> Result<PythonArchive> {
        PythonArchive::make(&self.places)
    }

    /// `actionlint`, which says what is wrong with workflows of GitHub Actions; built when it is asked for.
    pub fn actionlint(&self) -> Result<Command> {
        let _lock = self.places.lock_images()?;
        tools::actionlint(&self.places).map(Command::new)
    }

    /// The path of a program that is `apk` for images of musl, where the real one cannot be had.
    pub fn apk(&self) -> Result<PathBuf> {
        let _lock = self.places.lock_images()?;
        tools::apk(&self.places)
    }

    /// The path of Docker Compose, for [`Lab::command`]; built when it is asked for, which takes minutes.
    pub fn compose(&self) -> Result<PathBuf> {
        let _lock = self.places.lock_images()?;
        tools::compose(&self.places)
    }

    /// The path of a program that runs programs for 64-bit arm; fetched when it is asked for.
    pub fn emulator(&self) -> Result<PathBuf> {
        let _lock = self.places.lock_images()?;
        emulator::of_arm(&self.places)
    }

    /// Builds the frontend of this working copy, pushes its image to the lab's registry, and gives back the reference
    /// for a `# syntax=` line.
    pub fn frontend_image(&self) -> Result<String> {
        frontend_image::push(self)?;
        Ok(self.frontend_reference())
    }

    /// The reference of the frontend's image in the lab, which [`Lab::frontend_image`] pushes.
    pub fn frontend_reference(&self) -> String {
        if self.has_stand_ins() {
            self.published_reference()
        } else {
            format!("{}/{}", self.registry(), frontend_image::NAME)
        }
    }

    /// The reference that users write in a `# syntax=` line. The lab's own BuildKit finds the image of this working copy
    /// by it; another needs `--build-context` to.
    pub fn published_reference(&self) -> String {
        format!("ghcr.io/{}", frontend_image::NAME)
    }

    /// Compiles the frontend of this working copy and gives back its path: the command-line program.
    pub fn frontend_program(&self) -> Result<PathBuf> {
        frontend_image::compile()
    }

    /// The variables with which any client finds the lab.
    pub fn env(&self) -> BTreeMap<String, String> {
        let programs = self.places.programs();
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::split_paths(&path).filter(|entry| *entry != programs);
        let path = env::join_paths([programs.clone()].into_iter().chain(path)).unwrap_or_default();
        let mut variables = vec![
            ("DOCKER_HOST", self.state.engine.clone()),
            ("PATH", path.display().to_string()),
            ("UV_BUILDKIT_LAB_BIN", programs.display().to_string()),
            ("UV_BUILDKIT_LAB_REGISTRY", self.state.registry.clone()),
        ];
        if let Some(address) = self.state.buildkit_host(&self.places) {
            variables.push(("BUILDKIT_HOST", address));
            variables.push(("BUILDX_BUILDER", engine::BUILDER.to_owned()));
            variables.push(("DOCKER_CONFIG", self.places.docker_config().display().to_string()));
        }
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A command with the lab's variables set.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.env());
        command
    }

    /// `docker …`, with the lab's engine.
    pub fn docker<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.command("docker");
        command.args(arguments);
        command
    }

    /// Fetches an image for `docker run --network=host`, again when its tag has moved. The lab's engine starts images
    /// exactly as their config says; it has no network but the host's.
    pub fn pull(&self, image: &str) -> Result<()> {
        run_captured(&mut self.docker(["pull", "--quiet", image])).map(drop)
    }

    /// `docker buildx …`, with the lab's BuildKit.
    pub fn buildx<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.docker(["buildx"]);
        command.args(arguments);
        command
    }

    /// `buildctl …`, with the lab's BuildKit.
    pub fn buildctl<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.command(self.places.program("buildctl"));
        command.args(arguments);
        command
    }

    /// `crane …`, which reads and writes images in the registry.
    pub fn crane<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = self.command(self.places.program("crane"));
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

    fn start(&mut self, places: &Places, stand_ins: &[StandIn]) -> Result<()> {
        let crane = places.program("crane");
        report(format_args!("starting the registry"));
        let (daemon, registry) = registry::start(&crane, &places.registry_root(), &places.log("registry"))?;
        self.registry = registry;
        self.add(places, daemon)?;
        thread::scope(|scope| {
            let push = |image: &StandIn| registry::push(&crane, &self.registry, &image.layout, &image.names);
            let pushes: Vec<_> = stand_ins.iter().map(|image| scope.spawn(move || push(image))).collect();
            pushes
                .into_iter()
                .try_for_each(|push| push.join().unwrap_or_else(|_| bail!("a push to the registry panicked")))
        })?;
        if self.builder == Builder::Own {
            self.add(
                places,
                buildkit::start(places, &places.program("buildkitd"), &places.program("buildctl"), &self.registry)?,
            )?;
        }
        self.engine = match existing::engine(places) {
            Some(address) => address,
            None => {
                self.add(places, engine::start(places)?)?;
                places.docker_host()
            }
        };
        if let Some(address) = self.buildkit_host(places) {
            engine::install_buildx(places, &places.program("buildx"), &address)?;
        }
        self.complete = true;
        self.write(places)
    }

    /// Takes note of a daemon at once, so that it is ended even when what comes next fails.
    fn add(&mut self, places: &Places, daemon: Daemon) -> Result<()> {
        self.daemons.push(daemon);
        self.write(places)
    }

    /// Where BuildKit answers, unless it is part of a Docker engine.
    fn buildkit_host(&self, places: &Places) -> Option<String> {
        match &self.builder {
            Builder::Own => Some(places.buildkit_host()),
            Builder::Address(address) => Some(address.clone()),
            Builder::Docker => None,
        }
    }

    fn write(&self, places: &Places) -> Result<()> {
        fs::write(places.state(), serde_json::to_string_pretty(self)?)
            .with_context(|| format!("cannot write {}", places.state().display()))
    }

    fn stop(&self, places: &Places) -> Result<()> {
        for daemon in self.daemons.iter().rev() {
            report(format_args!("stopping {}", daemon.name));
            daemon.stop()?;
        }
        machine::unmount_below(places.run())?;
        let _ = fs::remove_dir_all(places.scratch());
        if places.state().exists() {
            fs::remove_file(places.state()).with_context(|| format!("cannot delete {}", places.state().display()))?;
        }
        Ok(())
    }
}

/// maturin, which makes wheels of programs; installed when it is asked for. Nothing needs to run for it.
pub fn maturin() -> Result<Maturin> {
    let places = Places::new()?;
    let _lock = places.lock_images()?;
    Maturin::install(&places)
}

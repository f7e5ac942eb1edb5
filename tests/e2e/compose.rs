//! The example of a compose project, with Docker Compose itself: it starts, and `watch` brings edits into what runs.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use xtask::lab::run_captured;

use crate::Trials;
use crate::container::{self, PATIENCE};
use crate::stage::Stage;

/// Adds the test.
pub fn add(trials: &mut Trials) {
    trials.add("compose::watch", watch);
}

/// Edits of sources and of files are copied into containers, and one of a manifest makes another image.
fn watch(stage: &Stage) -> Result<()> {
    let project = Project::new(stage)?;
    project.run(&["up", "--build", "--detach", "--quiet-pull"])?;
    let front = || Ok(container::ask(project.port, "GET / HTTP/1.0\r\n\r\n").map_or_else(|_| String::new(), |it| it.1));
    let log = || project.run(&["logs", "--no-log-prefix", "worker"]);
    let image = || {
        let id = project.run(&["ps", "--all", "--quiet", "worker"])?;
        run_captured(&mut stage.lab().docker(["inspect", "--format={{.Image}}", id.trim()]))
    };
    project.wait_for("ACME sells something", front, |front| front.starts_with("Welcome to ACME\n"))?;
    project.wait_for("the worker's answer", log, |log| log.contains("ACME: 3.75 EUR, uid 0\n"))?;

    let mut watcher = project.watch()?;
    project.wait_for("that compose watches", || watcher.log(), |log| log.contains("Watch enabled"))?;
    project.edit("services/api/templates/index.txt", "Welcome to", "Hello from")?;
    project.wait_for("another template", front, |front| front.starts_with("Hello from ACME\n"))?;
    project.edit("services/worker/src/acme_worker/__init__.py", "uid {", "user {")?;
    project.wait_for("another source", log, |log| log.contains("ACME: 3.75 EUR, user 0\n"))?;
    let before = image()?;
    project.edit("services/worker/pyproject.toml", "acme-worker-version = ", "acme-worker-release = ")?;
    // While compose puts a container in the place of another there may be none.
    let now = || Ok(image().unwrap_or_default());
    project.wait_for("another image", now, |image| image.starts_with("sha256:") && *image != before)?;
    watcher.end()
}

/// A copy of the example, which is up until it is dropped.
struct Project<'a> {
    stage: &'a Stage,
    program: PathBuf,
    directory: PathBuf,
    port: u16,
}

impl<'a> Project<'a> {
    fn new(stage: &'a Stage) -> Result<Self> {
        let example = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/monorepo");
        let project = Self {
            stage,
            program: stage.lab().compose()?,
            directory: stage.copy(&example, "compose")?,
            port: container::free_port()?,
        };
        // The lab's engine has no network but the host's.
        let here = format!(
            "services:\n  api:\n    network_mode: host\n    ports: !reset []\n    environment: {{ PORT: \"{}\" }}\n  \
             worker:\n    network_mode: host\n",
            project.port
        );
        fs::write(project.directory.join("here.yaml"), here)?;
        Ok(project)
    }

    fn compose(&self) -> Command {
        let mut compose = self.stage.lab().command(&self.program);
        compose.arg(format!("--project-name=uv-buildkit-{}", self.stage.nonce().to_lowercase()));
        compose.args(["--file=compose.yaml", "--file=here.yaml", "--ansi=never", "--progress=plain"]);
        compose.current_dir(&self.directory).stdin(Stdio::null());
        compose
    }

    /// What a command prints.
    fn run(&self, arguments: &[&str]) -> Result<String> {
        run_captured(self.compose().args(arguments))
    }

    fn edit(&self, path: &str, from: &str, to: &str) -> Result<()> {
        let path = self.directory.join(path);
        let text = fs::read_to_string(&path)?;
        ensure!(text.contains(from), "no `{from}` in {}", path.display());
        Ok(fs::write(&path, text.replace(from, to))?)
    }

    fn watch(&self) -> Result<Watcher> {
        let log = self.directory.with_extension("log");
        let output = fs::File::create(&log)?;
        let mut compose = self.compose();
        compose.args(["watch", "--no-up"]).stdout(output.try_clone()?).stderr(output);
        Ok(Watcher { process: compose.spawn().context("cannot start compose")?, log })
    }

    /// Looks until what is seen is what is wanted.
    fn wait_for(
        &self,
        what: &str,
        see: impl Fn() -> Result<String>,
        is_wanted: impl Fn(&String) -> bool,
    ) -> Result<()> {
        let since = Instant::now();
        loop {
            let seen = see()?;
            if is_wanted(&seen) {
                return Ok(());
            }
            if since.elapsed() > PATIENCE {
                let log = fs::read_to_string(self.directory.with_extension("log")).unwrap_or_default();
                anyhow::bail!("no sign of {what}, but {seen:?}; compose watched:\n{log}");
            }
            thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Project<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.run(&["down", "--timeout=0", "--rmi=local", "--volumes"]) {
            eprintln!("cannot end the compose project: {error:#}");
        }
    }
}

/// `docker compose watch`
struct Watcher {
    process: Child,
    log: PathBuf,
}

impl Watcher {
    fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    fn end(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

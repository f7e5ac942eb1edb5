//! A directory where daemons live that belong to one task, such as the benchmark or a test, and their end.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::lab::machine::unmount_below;
use crate::lab::process::Daemon;

/// Where the daemons of a task live. Each leaves a note while it runs: those that an interrupted task left behind are ended
/// by the next in the same directory.
#[derive(Debug, Clone)]
pub struct Grounds {
    directory: PathBuf,
}

impl Grounds {
    /// Ends and deletes what an interrupted task left here.
    pub fn clear(directory: &Path) -> Result<Grounds> {
        let grounds = Grounds { directory: directory.to_owned() };
        for note in fs::read_dir(grounds.notes()).into_iter().flatten().flatten() {
            let text = fs::read_to_string(note.path())?;
            if let Ok(daemon) = serde_json::from_str::<Daemon>(&text) {
                daemon.stop()?;
            }
        }
        remove(directory)?;
        fs::create_dir_all(grounds.notes()).with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(grounds)
    }

    fn notes(&self) -> PathBuf {
        self.directory.join("daemons")
    }

    /// The file with what a daemon printed since it was started last.
    pub fn log(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.log"))
    }

    /// The path of a file or directory in here.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Starts a daemon that ends with the value.
    pub fn start(&self, name: &str, command: &mut Command, ready: impl Fn() -> bool) -> Result<Running> {
        let daemon = Daemon::start(name, command, &self.log(name), ready)?;
        let note = self.notes().join(name);
        let running = Running { daemon, note };
        fs::write(&running.note, serde_json::to_string(&running.daemon)?)?;
        Ok(running)
    }
}

/// A daemon that ends with its value.
#[derive(Debug)]
pub struct Running {
    daemon: Daemon,
    note: PathBuf,
}

impl Running {
    /// Ends it, gently first.
    pub fn stop(&self) -> Result<()> {
        self.daemon.stop()
    }

    /// Ends it at once, as a crash does.
    pub fn kill(&self) -> Result<()> {
        self.daemon.kill()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.daemon.stop() {
            Ok(()) => drop(fs::remove_file(&self.note)),
            // The note stays, for the next task here.
            Err(error) => eprintln!("{error:#}"),
        }
    }
}

/// Deletes a directory, with what is mounted in it.
pub fn remove(directory: &Path) -> Result<()> {
    unmount_below(directory)?;
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            bail!("cannot delete {}: {error}", directory.display())
        }
        _ => Ok(()),
    }
}

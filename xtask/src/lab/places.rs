//! Where the lab keeps its things: what it built, by version, and one directory of what runs.

use std::env;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// How directories begin that are being deleted.
const REST: &str = "rest-";

#[derive(Debug, Clone)]
pub struct Places {
    cache: PathBuf,
    run: PathBuf,
}

impl Places {
    pub fn new() -> Result<Self> {
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
    pub fn lock(&self) -> Result<File> {
        lock(&self.run.join("lock"))
    }

    /// Held while images are made, which takes minutes and keeps nobody from a lab that runs.
    pub fn lock_images(&self) -> Result<File> {
        lock(&self.images().join("lock"))
    }

    pub fn cache(&self) -> &Path {
        &self.cache
    }

    pub fn tools(&self) -> PathBuf {
        self.cache.join("tools")
    }

    pub fn images(&self) -> PathBuf {
        self.cache.join("images")
    }

    pub fn run(&self) -> &Path {
        &self.run
    }

    /// The programs of the lab that runs.
    pub fn programs(&self) -> PathBuf {
        self.run.join("bin")
    }

    /// The path of a program of the lab, or its name when the lab did not build it.
    pub fn program(&self, name: &str) -> PathBuf {
        let path = self.programs().join(name);
        if path.exists() { path } else { name.into() }
    }

    pub fn state(&self) -> PathBuf {
        self.run.join("state.json")
    }

    pub fn log(&self, name: &str) -> PathBuf {
        self.run.join(format!("{name}.log"))
    }

    /// For temporary files of the daemons; deleted when they have ended.
    pub fn scratch(&self) -> PathBuf {
        self.run.join("tmp")
    }

    /// What BuildKit built.
    pub fn buildkit_root(&self) -> PathBuf {
        self.run.join("buildkit")
    }

    /// The images and containers of the Docker engine.
    pub fn engine_root(&self) -> PathBuf {
        self.run.join("docker")
    }

    /// The images of the registry.
    pub fn registry_root(&self) -> PathBuf {
        self.run.join("registry")
    }

    /// Takes away what the daemons of an earlier lab kept. Nothing of it may be mounted. To delete so many files takes minutes, for which
    /// nobody waits: another process does it, with what an interrupted one left.
    pub fn empty(&self) -> Result<()> {
        let aside = tempfile::Builder::new().prefix(REST).tempdir_in(&self.run)?.keep();
        for root in [self.buildkit_root(), self.engine_root(), self.registry_root()] {
            let Some(name) = root.file_name() else { continue };
            match fs::rename(&root, aside.join(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot move {}", root.display()));
                }
                _ => {}
            }
        }
        let mut delete = Command::new("sh");
        delete.args(["-c", "rm -rf \"$@\" &", "sh"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        for entry in fs::read_dir(&self.run)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(REST) {
                delete.arg(entry.path());
            }
        }
        delete.process_group(0).status().context("cannot start sh").map(drop)
    }

    pub fn docker_config(&self) -> PathBuf {
        self.run.join("docker-config")
    }

    pub fn buildkit_host(&self) -> String {
        format!("unix://{}", self.run.join("buildkitd.sock").display())
    }

    pub fn docker_host(&self) -> String {
        format!("unix://{}", self.run.join("docker.sock").display())
    }
}

fn lock(path: &Path) -> Result<File> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

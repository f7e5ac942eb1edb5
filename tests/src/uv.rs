//! uv on this machine: it locks what has no lock, and says what is right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The version that is compared with: the one that images are built with unless a config says otherwise.
pub const VERSION: &str = "0.13.9";

static VENV: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// The virtual environment that holds uv, made in the user's cache directory on first use.
pub fn venv() -> Result<&'static Path> {
    let venv = VENV.get_or_init(|| provide().map_err(|error| format!("cannot install uv {VERSION}: {error:#}")));
    venv.as_deref().map_err(|error| anyhow::Error::msg(error.clone()))
}

/// uv, deaf to the settings of the machine, with the cache that all tests share.
pub fn command() -> Result<Command> {
    let mut command = Command::new(venv()?.join("bin/uv"));
    for name in std::env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("UV_")) {
            command.env_remove(name);
        }
    }
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"] {
        command.env(name, venv()?);
    }
    command.env_remove("VIRTUAL_ENV").env("UV_CACHE_DIR", cache()?.join("uv")).env("UV_PYTHON_DOWNLOADS", "never");
    Ok(command)
}

fn cache() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::home_dir().map(|home| home.join(".cache"))).context("no home directory")?;
    Ok(cache.join("uv-buildkit"))
}

fn provide() -> Result<PathBuf> {
    let parent = cache()?;
    let venv = parent.join(format!("uv-{VERSION}"));
    if !venv.is_dir() {
        fs::create_dir_all(&parent)?;
        // Moved into place when complete: two test runs may install at once.
        let partial = tempfile::tempdir_in(&parent)?;
        let made = partial.path().join("venv");
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&made))?;
        let requirement = format!("uv=={VERSION}");
        succeed(Command::new(made.join("bin/python")).args(["-m", "pip", "install", "--quiet", &requirement]))?;
        if let Err(error) = fs::rename(&made, &venv)
            && !venv.is_dir()
        {
            return Err(error.into());
        }
    }
    let version = succeed(Command::new(venv.join("bin/uv")).arg("--version"))?;
    if version.split_whitespace().nth(1) != Some(VERSION) {
        bail!("{} holds {version}", venv.display());
    }
    Ok(venv)
}

fn succeed(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

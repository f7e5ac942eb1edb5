//! uv on this machine: it locks what has no lock, and says what is right.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// The version that is compared with: the one that images are built with unless a config says otherwise.
pub const VERSION: &str = "0.13.9";

static VENV: OnceLock<Result<PathBuf, String>> = OnceLock::new();

static SEARCH_PATH: OnceLock<Result<OsString, String>> = OnceLock::new();

/// The virtual environment that holds uv, made in the user's cache directory on first use.
pub fn venv() -> Result<&'static Path> {
    let venv = VENV.get_or_init(|| provide().map_err(|error| format!("cannot install uv {VERSION}: {error:#}")));
    venv.as_deref().map_err(|error| anyhow::Error::msg(error.clone()))
}

/// uv, deaf to the settings of the machine, with the cache that all tests share.
pub fn command() -> Result<Command> {
    let mut command = Command::new(venv()?.join("bin/uv"));
    for name in env::vars_os().map(|(name, _)| name) {
        if name.to_str().is_some_and(|name| name.starts_with("UV_")) {
            command.env_remove(name);
        }
    }
    for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"] {
        command.env(name, venv()?);
    }
    let path = SEARCH_PATH.get_or_init(|| search_path().map_err(|error| format!("{error:#}")));
    command.env("PATH", path.as_deref().map_err(|error| anyhow::Error::msg(error.clone()))?);
    command.env_remove("VIRTUAL_ENV").env("UV_CACHE_DIR", cache()?.join("uv")).env("UV_PYTHON_DOWNLOADS", "never");
    Ok(command)
}

/// `PATH` with the machine's python in front. Where `python3` is a script that looks for a version, uv would run it every time:
/// it keeps what it knows of an interpreter, and nothing of such a script.
fn search_path() -> Result<OsString> {
    let python = succeed(Command::new("python3").args(["-Ic", "import sys; print(sys.executable)"]))?;
    let directory = Path::new(python.trim()).parent().map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(directory.into_iter().chain(env::split_paths(&path)))?)
}

fn cache() -> Result<PathBuf> {
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| env::home_dir().map(|home| home.join(".cache"))).context("no home directory")?;
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

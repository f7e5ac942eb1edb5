//! uv, asked whether a lock is up to date.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use uv_buildkit_tests::uv;

/// uv with a cache of its own and a python.
pub struct Oracle {
    home: PathBuf,
    python: Option<PathBuf>,
}

/// Where the corpus has its packages from.
pub const INDEX: &str = "https://index.example/simple";

/// What uv says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It would leave the lock as it is.
    Fresh,
    /// It would lock again.
    Stale,
    /// It refuses the manifests, or cannot run for this project.
    Unknown,
}

impl Oracle {
    pub fn new(home: &Path) -> Result<Self> {
        Ok(Self { home: home.to_owned(), python: newest_python() })
    }

    fn command(&self, directory: &Path) -> Result<Command> {
        let mut command = uv::command()?;
        command.current_dir(directory).env("UV_CACHE_DIR", self.home.join("cache"));
        if let Some(python) = &self.python {
            command.env("UV_PYTHON", python);
        }
        Ok(command)
    }

    /// Has uv lock a project that needs nothing of an index.
    pub fn lock(&self, directory: &Path) -> Result<()> {
        let output = self.command(directory)?.args(["lock", "--offline"]).output()?;
        ensure!(output.status.success(), "uv does not lock it: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Offline: to see that a lock is fresh, uv needs nothing but manifests. When it is not, uv says so before it looks for packages
    /// that it then cannot find.
    pub fn judge(&self, directory: &Path) -> Result<Verdict> {
        let mut command = self.command(directory)?;
        // The corpus has the hosts of its indexes replaced by one. A default that a manifest names would have to give way.
        let names_default = std::fs::read_to_string(directory.join("pyproject.toml"))?.contains("\ndefault = true");
        if std::fs::read_to_string(directory.join("uv.lock"))?.contains(INDEX) && !names_default {
            command.env("UV_DEFAULT_INDEX", INDEX);
        }
        verdict(command.args(["--verbose", "lock", "--check", "--offline"]))
    }

    /// The same of the lock of a script.
    pub fn judge_script(&self, directory: &Path, script: &str) -> Result<Verdict> {
        verdict(self.command(directory)?.args(["--verbose", "lock", "--check", "--offline", "--script", script]))
    }
}

fn verdict(command: &mut Command) -> Result<Verdict> {
    let mut uv = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    for line in BufReader::new(uv.stderr.take().context("stderr")?).lines() {
        let line = line?;
        if line.contains("despite existing lockfile") || line.contains("gnoring existing lockfile") {
            // It would go on and look for packages.
            uv.kill()?;
            uv.wait()?;
            return Ok(Verdict::Stale);
        }
    }
    Ok(if uv.wait()?.success() { Verdict::Fresh } else { Verdict::Unknown })
}

/// Workspaces ask for new ones.
fn newest_python() -> Option<PathBuf> {
    let home = std::env::home_dir()?;
    let installed = std::fs::read_dir(home.join(".pyenv/versions")).into_iter().flatten().flatten();
    let in_path = (9..=14).map(|minor| PathBuf::from(format!("python3.{minor}")));
    let candidates = in_path.chain(installed.map(|entry| entry.path().join("bin/python3")));
    let version = |python: &PathBuf| {
        let print = "import sys; print(sys.version_info[1], sys.executable)";
        let output = Command::new(python).args(["-c", print]).output().ok().filter(|output| output.status.success())?;
        let told = String::from_utf8(output.stdout).ok()?;
        let (minor, path) = told.trim().split_once(' ')?;
        Some((minor.parse::<u32>().ok()?, PathBuf::from(path)))
    };
    candidates.filter_map(|python| version(&python)).max().map(|(_, path)| path)
}

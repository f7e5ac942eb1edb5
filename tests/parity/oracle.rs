//! uv itself, asked what it would install.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::corpus::{Case, Workspace};
use crate::environment::Environment;

/// The uv that is compared with.
pub const UV_VERSION: &str = "0.13.9";

/// uv and the machine's python.
pub struct Oracle {
    uv: PathBuf,
    /// With pip.
    venv_python: PathBuf,
    /// Not in a virtual environment.
    pub python: PathBuf,
    /// uv's cache and home.
    home: PathBuf,
}

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Installed {
    /// Normalised name.
    pub name: String,
    /// Only of packages from an index: uv tells no version of others.
    pub version: Option<String>,
}

impl std::fmt::Display for Installed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(out, "{}=={version}", self.name),
            None => out.write_str(&self.name),
        }
    }
}

/// uv's answer, or the first line of why it gives none.
pub type Answer<T> = Result<T, String>;

/// Packages as `uv export` lists them, with their markers.
pub type Exported = Vec<(Installed, Option<String>)>;

impl Oracle {
    /// Finds uv in the cache, or installs it there from the package index that the machine is set up for.
    pub fn provide(home: &Path) -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| std::env::home_dir().map(|home| home.join(".cache")))
            .context("no home directory")?;
        let venv = cache.join(format!("uv-buildkit/uv-{UV_VERSION}"));
        if !venv.is_dir() {
            let parent = venv.parent().context("cache directory")?;
            fs::create_dir_all(parent)?;
            // Moved into place when complete: two test runs may install at once.
            let partial = tempfile::tempdir_in(parent)?;
            let made = partial.path().join("venv");
            succeed(Command::new("python3").args(["-m", "venv"]).arg(&made))?;
            let requirement = format!("uv=={UV_VERSION}");
            succeed(Command::new(made.join("bin/python")).args(["-m", "pip", "install", "--quiet", &requirement]))?;
            if let Err(error) = fs::rename(&made, &venv)
                && !venv.is_dir()
            {
                return Err(error.into());
            }
        }
        let venv_python = venv.join("bin/python");
        let base = succeed(Command::new(&venv_python).args(["-c", "import sys; print(sys._base_executable)"]))?;
        let python = PathBuf::from(String::from_utf8(base.stdout)?.trim());
        let oracle = Self { uv: venv.join("bin/uv"), venv_python, python, home: home.to_owned() };
        let version = String::from_utf8(succeed(oracle.uv().arg("--version"))?.stdout)?;
        if version.split_whitespace().nth(1) != Some(UV_VERSION) {
            bail!("{} is {version}", oracle.uv.display());
        }
        Ok(oracle)
    }

    /// uv, deaf to the settings of the machine.
    fn uv(&self) -> Command {
        let mut command = Command::new(&self.uv);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_str().is_some_and(|name| name.starts_with("UV_"))) {
            command.env_remove(name);
        }
        for name in ["HOME", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS"] {
            command.env(name, &self.home);
        }
        command
            .env_remove("VIRTUAL_ENV")
            .env("NO_PROXY", "127.0.0.1")
            .env("UV_CACHE_DIR", self.home.join("cache"))
            .env("UV_PYTHON_DOWNLOADS", "never");
        command
    }

    fn frozen(&self, verb: &str, workspace: &Workspace, case: &Case, double: &Path) -> Command {
        let mut command = self.uv();
        command
            .current_dir(&workspace.directory)
            .args([verb, "--frozen", "--no-default-groups", "--no-editable", "--python"])
            .arg(double)
            .args(&case.arguments);
        command
    }

    /// What `uv sync` would install into a new environment. Packages `without` are left out of it, though they are
    /// selected; `unbuilt` must have a wheel.
    pub fn sync(
        &self,
        workspace: &Workspace,
        case: &Case,
        double: &Path,
        without: &BTreeSet<&str>,
        unbuilt: Option<&str>,
    ) -> Result<Answer<BTreeSet<Installed>>> {
        let mut command = self.frozen("sync", workspace, case, double);
        command.args(["--offline", "--dry-run", "--output-format", "json"]);
        command.args(without.iter().flat_map(|name| ["--no-install-package", name]));
        command.args(unbuilt.iter().flat_map(|name| ["--no-build-package", name]));
        let output = command.output()?;
        if !output.status.success() {
            return Ok(Err(complaint(&output)));
        }
        let told: Value = serde_json::from_slice(&output.stdout).context("what `uv sync` tells")?;
        let changes = told["sync"]["changes"].as_array().context("no changes")?;
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let installed = changes
            .iter()
            .map(|change| Some(Installed { name: text(&change["name"])?, version: text(&change["version"]) }));
        Ok(Ok(installed.collect::<Option<_>>().context("a change without a name")?))
    }

    /// Locks projects that need nothing from an index.
    pub fn lock(&self, directory: &Path) -> Result<()> {
        succeed(self.uv().current_dir(directory).args(["lock", "--offline", "--quiet", "--python"]).arg(&self.python))
            .map(drop)
    }

    /// What `uv sync` tells that it would do in a directory.
    pub fn dry_run(&self, directory: &Path, arguments: &[&str]) -> Result<Value> {
        let mut command = self.uv();
        command.current_dir(directory).args(["sync", "--frozen", "--offline", "--dry-run", "--output-format", "json"]);
        let output = succeed(command.arg("--python").arg(&self.python).args(arguments))?;
        serde_json::from_slice(&output.stdout).context("what `uv sync` tells")
    }

    /// What `uv export` lists.
    pub fn export(&self, workspace: &Workspace, case: &Case, double: &Path) -> Result<Answer<Exported>> {
        let mut command = self.frozen("export", workspace, case, double);
        let output = command.args(["--offline", "--no-header", "--no-annotate", "--no-hashes"]).output()?;
        if !output.status.success() {
            return Ok(Err(complaint(&output)));
        }
        let directories: BTreeMap<&str, &str> = workspace
            .project
            .lock
            .packages
            .iter()
            .filter_map(|package| Some((package.source.project_dir()?, package.name.as_str())))
            .collect();
        let text = String::from_utf8(output.stdout)?;
        let lines = text.lines().map(|line| {
            let (requirement, marker) = match line.split_once(" ; ") {
                Some((requirement, marker)) => (requirement, Some(marker.to_owned())),
                None => (line, None),
            };
            let installed = if let Some((name, _)) = requirement.split_once(" @ ") {
                Installed { name: name.to_owned(), version: None }
            } else if let Some((name, version)) = requirement.split_once("==") {
                Installed { name: name.to_owned(), version: Some(version.to_owned()) }
            } else {
                let directory = requirement.strip_prefix("./").unwrap_or(requirement);
                let name = directories.get(directory).with_context(|| format!("`{line}` is not a package"))?;
                Installed { name: (*name).to_owned(), version: None }
            };
            Ok((installed, marker))
        });
        Ok(Ok(lines.collect::<Result<_>>()?))
    }

    /// The wheel file that each package of a real `uv sync` was made from. The lock must name a wheelhouse; packages
    /// `without` are left out.
    pub fn install(
        &self,
        workspace: &Workspace,
        case: &Case,
        double: &Path,
        without: &BTreeSet<&str>,
    ) -> Result<Answer<BTreeMap<String, String>>> {
        let venv = tempfile::tempdir_in(&self.home)?;
        let mut command = self.frozen("sync", workspace, case, double);
        command.args(["--no-install-local", "--no-build", "--quiet"]).env("UV_PROJECT_ENVIRONMENT", venv.path());
        command.args(without.iter().flat_map(|name| ["--no-install-package", name]));
        let output = command.output()?;
        if !output.status.success() {
            return Ok(Err(complaint(&output)));
        }
        let mut wheels = BTreeMap::new();
        for library in fs::read_dir(venv.path().join("lib"))? {
            for entry in fs::read_dir(library?.path().join("site-packages"))? {
                let entry = entry?;
                if let Ok(file) = fs::read_to_string(entry.path().join("wheel_file")) {
                    let metadata = fs::read_to_string(entry.path().join("METADATA"))?;
                    let name = metadata.lines().find_map(|line| line.strip_prefix("Name: ")).context("no name")?;
                    wheels.insert(normalised(name), file);
                }
            }
        }
        Ok(Ok(wheels))
    }

    /// Evaluates markers with `packaging`, not with uv's crates that the compiler uses.
    pub fn evaluate(&self, environment: &Environment, markers: &BTreeSet<String>) -> Result<BTreeMap<String, bool>> {
        let question = json!({ "environment": environment.marker_values(), "markers": markers });
        let mut child = Command::new(&self.venv_python)
            .args(["-c", include_str!("markers.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child.stdin.take().context("stdin")?.write_all(question.to_string().as_bytes())?;
        let output = child.wait_with_output()?;
        let verdicts: Vec<bool> = serde_json::from_slice(&output.stdout).context("what `packaging` says")?;
        Ok(markers.iter().cloned().zip(verdicts).collect())
    }
}

pub fn normalised(name: &str) -> String {
    let words: Vec<&str> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

fn succeed(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output)
}

/// The line that says what is wrong.
fn complaint(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    let marks = ["error: ", "× "];
    let line = text.lines().find(|line| marks.iter().any(|mark| line.trim_start().starts_with(mark)));
    line.unwrap_or(&text).trim().to_owned()
}

/// A complaint without the names in it, so that like ones can be counted.
pub fn class(complaint: &str) -> String {
    complaint
        .split('`')
        .enumerate()
        .map(|(at, part)| if at % 2 == 0 { part } else { "…" })
        .collect::<Vec<_>>()
        .join("`")
}

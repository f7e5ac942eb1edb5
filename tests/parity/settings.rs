//! Keys of `tool.uv` that say which groups and projects there are: what an image has with them is what `uv sync` installs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use uv_buildkit::diagnostic::{Diagnostics, SourceFile};
use uv_buildkit::lock::Source;
use uv_buildkit::lock::closure;
use uv_buildkit::project::{Files, Project};

use crate::environment::ENVIRONMENTS;
use crate::oracle::{Oracle, normalised};
use uv_buildkit::config::Request;

/// An application with two members below it, `guide` and `probe`.
struct Workspace {
    home: tempfile::TempDir,
    oracle: Oracle,
}

const BUILD_SYSTEM: &str = "[build-system]\nrequires = [\"uv_build\"]\nbuild-backend = \"uv_build\"\n";

impl Workspace {
    /// With more in the manifests of the application and of `probe`. It is locked.
    fn write(root: &str, probe: &str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let oracle = Oracle::provide(&home.path().join("uv"))?;
        let workspace = Self { home, oracle };
        let project = |name: &str, more: &str| {
            format!(
                "[project]\nname = \"{name}\"\nversion = \"1\"\nrequires-python = \">=3.11\"\n{more}\n{BUILD_SYSTEM}"
            )
        };
        let sources =
            "[tool.uv.workspace]\nmembers = [\"members/*\"]\n\n[tool.uv.sources]\nguide = { workspace = true }\n";
        workspace.add("pyproject.toml", &project("app", &format!("{root}\n{sources}")))?;
        workspace.add("members/guide/pyproject.toml", &project("guide", ""))?;
        workspace.add("members/probe/pyproject.toml", &project("probe", probe))?;
        workspace.oracle.lock(&workspace.directory())?;
        Ok(workspace)
    }

    fn directory(&self) -> PathBuf {
        self.home.path().join("workspace")
    }

    fn add(&self, path: &str, text: &str) -> Result<()> {
        let path = self.directory().join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        fs::write(&path, text).with_context(|| path.display().to_string())
    }

    /// As the compiler reads it.
    fn project(&self, target: &str) -> Result<Project> {
        let read =
            |name: &str| -> Result<_> { Ok(SourceFile::new(name, fs::read_to_string(self.directory().join(name))?)) };
        let files = Files {
            config: Some(SourceFile::new("uv.build.toml", format!("[targets.app]\npackage = \"app\"\n{target}"))),
            lock: read("uv.lock")?,
            manifest: Some(read("pyproject.toml")?),
            uv_toml: None,
            python_version: None,
            above: Vec::new(),
        };
        Project::parse(&files, &BTreeMap::new()).map_err(|errors| anyhow!(errors.render()))
    }

    /// What an image of the application has whose target says this.
    fn image(&self, target: &str) -> Result<BTreeSet<String>> {
        let said = |errors: Diagnostics| anyhow!(errors.render());
        let project = self.project(target)?;
        let target = project.target(&Request::Default, &BTreeMap::new()).map_err(said)?;
        let environment = ENVIRONMENTS[0].interpreter()?.environment()?;
        let closure = closure::select(&project.lock, &target.selection, &environment)
            .map_err(|error| anyhow!(Diagnostics::from(error).render()))?;
        let packages = closure.packages().map(|id| &project.lock.packages[id]);
        let real = packages.filter(|package| !matches!(package.source, Source::Virtual(_)));
        Ok(real.map(|package| package.name.to_string()).collect())
    }

    /// What `uv sync` would install with these arguments.
    fn synced(&self, arguments: &[&str]) -> Result<BTreeSet<String>> {
        let told = self.oracle.dry_run(&self.directory(), arguments)?;
        let changes = told["sync"]["changes"].as_array().context("no changes")?;
        let names = changes.iter().filter_map(|change| change["name"].as_str().map(normalised));
        Ok(names.collect())
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// They are for a checkout: an image has the groups that its target names, and those that are a default make no difference.
#[test]
fn default_groups() -> Result<()> {
    let groups = "[dependency-groups]\ndocs = [\"guide\"]\n\n[tool.uv]\ndefault-groups = [\"docs\"]\n";
    let workspace = Workspace::write(groups, "")?;
    ensure!(workspace.synced(&[])? == names(&["app", "guide"]), "uv has no default groups any more");
    for (target, arguments) in [("", &["--no-default-groups"][..]), ("groups = [\"docs\"]\n", &[])] {
        let (image, synced) = (workspace.image(target)?, workspace.synced(arguments)?);
        ensure!(image == synced, "with {target:?}: {image:?}, by uv {synced:?}");
    }
    Ok(())
}

/// What was the group `dev` before there were groups: it is still, and no part of an image that does not name it.
#[test]
fn dev_dependencies() -> Result<()> {
    let workspace = Workspace::write("[tool.uv]\ndev-dependencies = [\"guide\"]\n", "")?;
    ensure!(workspace.synced(&[])? == names(&["app", "guide"]), "uv does not know the key any more");
    for (target, arguments) in
        [("", &["--no-dev"][..]), ("groups = [\"dev\"]\n", &["--no-default-groups", "--group", "dev"])]
    {
        let (image, synced) = (workspace.image(target)?, workspace.synced(arguments)?);
        ensure!(image == synced, "with {target:?}: {image:?}, by uv {synced:?}");
    }
    Ok(())
}

/// A project that uv does not manage is no member, though it lies where members do. What depends on it by its path has it.
#[test]
fn managed() -> Result<()> {
    let is_member = |workspace: &Workspace| -> Result<[bool; 2]> {
        let ours = workspace.project("")?.target(&Request::Package("probe".to_owned()), &BTreeMap::new());
        let theirs = workspace.oracle.dry_run(&workspace.directory(), &["--package", "probe"]);
        Ok([ours.is_ok(), theirs.is_ok()])
    };
    ensure!(is_member(&Workspace::write("", "")?)? == [true, true]);
    let unmanaged = "\n[tool.uv]\nmanaged = false\n";
    ensure!(is_member(&Workspace::write("", unmanaged)?)? == [false, false]);
    let workspace = Workspace::write(
        "dependencies = [\"probe\"]\n\n[tool.uv.sources.probe]\npath = \"members/probe\"\n",
        unmanaged,
    )?;
    let (image, synced) = (workspace.image("")?, workspace.synced(&[])?);
    ensure!(image == synced && image.contains("probe"), "{image:?}, by uv {synced:?}");
    Ok(())
}

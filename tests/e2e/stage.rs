//! What all tests share: the lab, the frontend's image in it, and a directory for build contexts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use xtask::builder::Builder;
use xtask::grounds::Grounds;
use xtask::lab::{Lab, run_captured};

/// The syntax line's reference in the examples.
const RELEASED: &str = "ghcr.io/uv-buildkit/uv-buildkit:1";

/// Where tests take place.
pub struct Stage {
    /// A BuildKit that builds instead of the lab's. It ends before the directory that it is in.
    builder: OnceLock<Builder>,
    scene: Arc<Scene>,
}

/// What all stages share.
struct Scene {
    home: TempDir,
    props: OnceLock<Props>,
}

struct Props {
    lab: Lab,
    syntax: String,
}

impl Stage {
    /// An empty stage.
    pub fn new() -> Result<Self> {
        let home = tempfile::Builder::new().prefix("uv-buildkit-").tempdir()?;
        Ok(Self { builder: OnceLock::new(), scene: Arc::new(Scene { home, props: OnceLock::new() }) })
    }

    /// The same lab and directories, for tests that must not build where others do: see [`Stage::part`].
    pub fn apart(&self) -> Self {
        Self { builder: OnceLock::new(), scene: Arc::clone(&self.scene) }
    }

    /// Starts a BuildKit for this stage alone, unless it runs.
    pub fn part(&self) -> Result<()> {
        if self.builder.get().is_none() {
            let grounds = Grounds::clear(&self.directory("apart")?)?;
            let builder = Builder::start(self.lab(), &grounds, "buildkitd", self.lab().registry())?;
            // Tests that part take turns: none has set it meanwhile.
            let _ = self.builder.set(builder);
        }
        Ok(())
    }

    /// Which BuildKit builds, if not the lab's.
    pub fn builder(&self) -> Option<&Builder> {
        self.builder.get()
    }

    /// Finds the lab and makes the frontend's image, which takes minutes when the frontend was edited.
    pub fn require(&self) -> Result<()> {
        let lab = Lab::up().context("these tests need a BuildKit: `cargo xtask lab up`")?;
        let syntax = match std::env::var("UV_BUILDKIT_FRONTEND") {
            Ok(reference) => reference,
            Err(_) => pinned(&lab)?,
        };
        if self.scene.props.set(Props { lab, syntax }).is_err() {
            unreachable!("a stage is set once");
        }
        Ok(())
    }

    fn props(&self) -> &Props {
        self.scene.props.get().expect("tests run on a stage that was set")
    }

    /// The lab.
    pub fn lab(&self) -> &Lab {
        &self.props().lab
    }

    /// A command whose clients build where this stage does.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.lab().command(program);
        command.envs(self.builder().into_iter().flat_map(Builder::environment));
        command
    }

    /// The frontend's image, for a `# syntax=` line.
    pub fn syntax(&self) -> &str {
        &self.props().syntax
    }

    /// The same image where the lab's registry has it, for whoever is not sent there by mirrors.
    pub fn syntax_in_registry(&self) -> String {
        match self.syntax().split_once('/') {
            Some(("ghcr.io", path)) if self.lab().has_stand_ins() => format!("{}/{path}", self.lab().registry()),
            _ => self.syntax().to_owned(),
        }
    }

    /// A word that no other run has used: what it is part of cannot be cached.
    pub fn nonce(&self) -> String {
        let name = self.scene.home.path().file_name().unwrap_or_default().to_string_lossy();
        name.rsplit('-').next().unwrap_or_default().to_owned()
    }

    /// An empty directory of this name.
    pub fn directory(&self, name: &str) -> Result<PathBuf> {
        let directory = self.scene.home.path().join(name);
        ensure!(!directory.exists(), "two tests use the directory `{name}`");
        fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// A copy of a build context, with this frontend in its syntax lines.
    pub fn copy(&self, source: &Path, name: &str) -> Result<PathBuf> {
        let directory = self.directory(name)?;
        self.copy_into(source, &directory).with_context(|| format!("cannot copy {}", source.display()))?;
        Ok(directory)
    }

    fn copy_into(&self, source: &Path, target: &Path) -> Result<()> {
        for entry in fs::read_dir(source)? {
            let entry = entry?;
            let to = target.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                // An environment that someone made while working on an example.
                if entry.file_name() != ".venv" {
                    fs::create_dir(&to)?;
                    self.copy_into(&entry.path(), &to)?;
                }
            } else if entry.file_name() == "Dockerfile" || entry.file_name() == "uv.build.toml" {
                let text = fs::read_to_string(entry.path())?;
                let is_adapted = text.contains(self.syntax());
                fs::write(to, if is_adapted { text } else { text.replace(RELEASED, self.syntax()) })?;
            } else {
                fs::copy(entry.path(), to)?;
            }
        }
        Ok(())
    }
}

/// The image of the working copy by its digest, so that one run tests one frontend whoever pushes another meanwhile.
fn pinned(lab: &Lab) -> Result<String> {
    let reference = lab.frontend_image()?;
    let pushed = format!("{}/{}", lab.registry(), reference.split_once('/').context("a registry")?.1);
    let digest = run_captured(&mut lab.crane(["digest", &pushed]))?;
    Ok(format!("{reference}@{}", digest.trim()))
}

//! Build contexts that a test writes and edits.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::build::Build;
use crate::stage::Stage;

/// A directory with a project in it.
pub struct Context<'a> {
    stage: &'a Stage,
    /// Where it is.
    pub directory: PathBuf,
}

impl<'a> Context<'a> {
    /// A context with nothing but a stub that names the frontend.
    pub fn new(stage: &'a Stage, name: &str) -> Result<Self> {
        let context = Self { stage, directory: stage.directory(name)? };
        context.write("Dockerfile", format!("# syntax={}\n", stage.syntax()))?;
        Ok(context)
    }

    /// A copy of another context.
    pub fn copy(stage: &'a Stage, source: &Path, name: &str) -> Result<Self> {
        Ok(Self { stage, directory: stage.copy(source, name)? })
    }

    /// Writes a file, and the directories on the way to it.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) -> Result<()> {
        let path = self.directory.join(path);
        fs::create_dir_all(path.parent().context("a file")?)?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> Result<String> {
        let path = self.directory.join(path);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Replaces the only occurrence of a text in a file.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> Result<()> {
        let text = self.read(path)?;
        ensure!(text.matches(from).count() == 1, "`{from}` is not once in {path}:\n{text}");
        self.write(path, text.replace(from, to))
    }

    /// Deletes a file.
    pub fn remove(&self, path: &str) -> Result<()> {
        fs::remove_file(self.directory.join(path)).with_context(|| format!("cannot delete {path}"))
    }

    /// Locks with this machine's uv.
    pub fn lock(&self) -> Result<()> {
        run_captured(uv::command()?.args(["lock", "--quiet"]).current_dir(&self.directory)).map(drop)
    }

    /// A build of it.
    pub fn build(&self) -> Build<'a> {
        Build::of(self.stage, &self.directory)
    }
}

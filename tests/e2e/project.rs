//! Small projects that a test writes, packs and serves.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

/// `[build-system]` of a project that uv builds itself.
pub const UV_BUILD: &str = "requires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n";

/// The same by setuptools, of a version that shows in what is built.
pub const SETUPTOOLS: &str = "requires = [\"setuptools==80.9.0\"]\nbuild-backend = \"setuptools.build_meta\"\n";

/// A project of one module in a directory of its own.
pub struct Project {
    directory: PathBuf,
    name: String,
    version: String,
}

impl Project {
    /// Writes a project: its module says `source`.
    pub fn write(directory: &Path, name: &str, version: &str, build_system: &str, source: &str) -> Result<Self> {
        let project = Self { directory: directory.to_owned(), name: name.to_owned(), version: version.to_owned() };
        project.add(&format!("src/{}/__init__.py", name.replace('-', "_")), source)?;
        project.add(
            "pyproject.toml",
            &format!(
                "[project]\nname = \"{name}\"\nversion = \"{version}\"\nrequires-python = \">=3.11\"\n\n\
                 [build-system]\n{build_system}"
            ),
        )?;
        Ok(project)
    }

    /// Writes a file of it.
    pub fn add(&self, path: &str, text: &str) -> Result<()> {
        self.add_bytes(path, text.as_bytes())
    }

    /// Writes a file of it that is no text.
    pub fn add_bytes(&self, path: &str, content: &[u8]) -> Result<()> {
        let path = self.directory.join(path);
        fs::create_dir_all(path.parent().context("a file")?)?;
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Deletes a file of it.
    pub fn remove(&self, path: &str) -> Result<()> {
        fs::remove_file(self.directory.join(path)).with_context(|| format!("cannot remove {path}"))
    }

    /// Replaces a text in a file of it.
    pub fn edit(&self, path: &str, from: &str, to: &str) -> Result<()> {
        let text = fs::read_to_string(self.directory.join(path))?;
        ensure!(text.contains(from), "`{from}` is not in {path}");
        self.add(path, &text.replace(from, to))
    }

    /// Builds it: the wheel's name and content.
    pub fn wheel(&self) -> Result<(String, Vec<u8>)> {
        let output = tempfile::tempdir()?;
        let mut build = uv::command()?;
        build.args(["build", "--wheel", "--quiet", "--offline", "--out-dir"]).arg(output.path()).arg(&self.directory);
        run_captured(&mut build)?;
        let file = format!("{}-{}-py3-none-any.whl", self.name.replace('-', "_"), self.version);
        let wheel = fs::read(output.path().join(&file))?;
        Ok((file, wheel))
    }

    /// Packs it: the archive's name and content. No backend is asked, so that it can be of any.
    pub fn sdist(&self) -> Result<(String, Vec<u8>)> {
        let stem = format!("{}-{}", self.name.replace('-', "_"), self.version);
        let metadata =
            format!("Metadata-Version: 2.2\nName: {}\nVersion: {}\nRequires-Python: >=3.11\n", self.name, self.version);
        self.add("PKG-INFO", &metadata)?;
        let archive = self.archive(&stem)?;
        Ok((format!("{stem}.tar.gz"), archive))
    }

    /// Packs the directory as it is, under a top directory of this name.
    pub fn archive(&self, top: &str) -> Result<Vec<u8>> {
        let compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let mut archive = tar::Builder::new(compressed);
        archive.append_dir_all(top, &self.directory)?;
        Ok(archive.into_inner()?.finish()?)
    }
}

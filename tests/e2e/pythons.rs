//! Where uv finds a python to install: an archive of python-build-standalone, packed anew by the lab, which is served on this machine with
//! a list in uv's form.

use std::fs;
use std::path::Path;

use anyhow::Result;
use xtask::lab::PythonArchive;

use crate::server::Server;
use crate::stage::Stage;

/// Where uv looks for archives, as its own list has it.
const RELEASES: &str = "https://github.com/astral-sh/python-build-standalone/releases/download";

/// Path of the archive below that, or below what stands for it.
const FILE: &str = "20250317/cpython-install_only.tar.gz";

/// An archive that is served.
pub struct Pythons {
    archive: PythonArchive,
    server: Server,
}

impl Pythons {
    /// Serves it from a directory of this name.
    pub fn serve(stage: &Stage, name: &str) -> Result<Self> {
        let pythons = Self { archive: stage.lab().python_archive()?, server: Server::open(stage, name)? };
        let path = pythons.server.directory.join(FILE);
        fs::create_dir_all(path.with_file_name(""))?;
        fs::copy(&pythons.archive.path, path)?;
        fs::write(pythons.server.directory.join("pythons.json"), pythons.list())?;
        Ok(pythons)
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.archive.version
    }

    /// The list that has it where it is served.
    pub fn list(&self) -> String {
        self.list_with(&self.archive.sha256)
    }

    /// The same with another sha256.
    pub fn list_with(&self, sha256: &str) -> String {
        self.archive.list(&self.server.url(FILE), sha256).to_string()
    }

    /// The list that has it where uv's own has its archives: a mirror makes that this machine.
    pub fn list_of_releases(&self) -> String {
        self.archive.list(&format!("{RELEASES}/{FILE}"), &self.archive.sha256).to_string()
    }

    /// Where the list is.
    pub fn url(&self) -> String {
        self.server.url("pythons.json")
    }

    /// What is served, for another server.
    pub fn directory(&self) -> &Path {
        &self.server.directory
    }

    /// What takes the place of uv's own server.
    pub fn mirror(&self) -> String {
        self.server.url("")
    }

    /// Stops serving the archive; the list stays.
    pub fn forget(&self) -> Result<()> {
        Ok(fs::remove_file(self.server.directory.join(FILE))?)
    }
}

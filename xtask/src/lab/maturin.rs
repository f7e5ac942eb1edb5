//! maturin, which makes wheels of programs, and `wheel`, which changes their tags: wheels themselves, installed from the index.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::machine::python_with_pip;
use super::places::Places;
use super::process::run_logged;
use super::report::report;

/// As in `release.yml`.
const VERSION: &str = "1.16.0";
const WHEEL_VERSION: &str = "0.45.1";

/// Both programs.
pub struct Maturin {
    python: PathBuf,
    directory: PathBuf,
}

impl Maturin {
    /// Installs them now, unless they are there.
    pub fn install(places: &Places) -> Result<Self> {
        let log = places.log("tools");
        let python = python_with_pip(&log)?;
        let directory = places.tools().join(format!("maturin-{VERSION}-{WHEEL_VERSION}"));
        if !directory.is_dir() {
            report(format_args!("installing maturin {VERSION}"));
            let unfinished = places.tools().join("maturin.part");
            let _ = fs::remove_dir_all(&unfinished);
            let mut install = Command::new(&python);
            install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target"]);
            install.arg(&unfinished).args([format!("maturin=={VERSION}"), format!("wheel=={WHEEL_VERSION}")]);
            run_logged(&mut install, &log)?;
            // The rename comes last: a directory of that name always holds both.
            fs::rename(&unfinished, &directory)?;
        }
        Ok(Self { python, directory })
    }

    /// `maturin`
    pub fn maturin(&self) -> Command {
        Command::new(self.directory.join("bin/maturin"))
    }

    /// `wheel`
    pub fn wheel(&self) -> Command {
        let mut wheel = Command::new(&self.python);
        wheel.args(["-m", "wheel"]).env("PYTHONPATH", &self.directory);
        wheel
    }
}

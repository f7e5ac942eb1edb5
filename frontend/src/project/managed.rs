//! A python that uv installs into an image.

use crate::config::python::Downloads;
use crate::diagnostic::{Located, Span};
use crate::interpreter::{Interpreter, LibcName};
use crate::rootfs::PYTHONS;

/// A python that uv installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPython {
    /// What uv is asked for: `3.13`, `3.13.5`, `3.14t`.
    pub version: Located<String>,
    /// Where the config says so.
    pub provider: Span,
    /// Where archives are fetched, if not where uv has them from.
    pub mirror: Option<Located<String>>,
    /// Which there are, if not those that uv knows.
    pub downloads: Option<Located<Downloads>>,
}

impl ManagedPython {
    /// The file of the context that is read to install it.
    pub fn context_path(&self) -> Option<String> {
        match &self.downloads.as_ref()?.value {
            Downloads::File(path) => Some(path.clone()),
            Downloads::Url(_) => None,
        }
    }

    /// Path of the program of a python with these facts, as uv installs it (uv: `PythonInstallationKey`).
    pub fn executable(python: &Interpreter) -> String {
        let libc = match python.libc.name {
            LibcName::Glibc => "gnu",
            LibcName::Musl => "musl",
        };
        let (full, machine) = (python.shown_version(), &python.platform_machine);
        let short = python.short_version().unwrap_or_default();
        let (variant, threads) = if python.gil_disabled { ("+freethreaded", "t") } else { ("", "") };
        format!("{PYTHONS}/cpython-{full}{variant}-linux-{machine}-{libc}/bin/python{short}{threads}")
    }
}

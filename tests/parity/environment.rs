//! The pythons that locks are compared for, and their doubles for uv.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use uv_buildkit::interpreter::choice::Declared;
use uv_buildkit::interpreter::{Interpreter, Libc, LibcName};
use uv_buildkit::lock::Lock;

/// CPython on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Environment {
    python: &'static str,
    machine: &'static str,
    libc: &'static str,
    free_threaded: bool,
}

/// What is compared. A lock that does not admit the python is compared for [`NEWEST`] instead.
pub const ENVIRONMENTS: [Environment; 5] = [
    Environment::new("3.13.5", "x86_64", "glibc-2.36"),
    Environment::new("3.12.11", "aarch64", "glibc-2.36"),
    Environment::new("3.11.13", "x86_64", "glibc-2.17"),
    Environment::new("3.14.0", "x86_64", "musl-1.2"),
    Environment { free_threaded: true, ..Environment::new("3.14.0", "x86_64", "glibc-2.39") },
];

/// Stands in for pythons that are too old for a lock.
const NEWEST: &str = "3.14.0";

impl Environment {
    const fn new(python: &'static str, machine: &'static str, libc: &'static str) -> Self {
        Self { python, machine, libc, free_threaded: false }
    }

    /// This one, with a python that the lock admits.
    pub fn admitted_by(self, lock: &Lock) -> Self {
        let admits = |python: &str| {
            let specifiers = lock.requires_python.as_ref().map(|(specifiers, _)| specifiers);
            specifiers.is_none_or(|specifiers| python.parse().is_ok_and(|version| specifiers.contains(&version)))
        };
        if admits(self.python) { self } else { Self { python: NEWEST, ..self } }
    }

    /// For the table: `3.13.5 x86_64 glibc-2.36`.
    pub fn label(&self) -> String {
        let threads = if self.free_threaded { "t" } else { "" };
        format!("{}{threads} {} {}", self.python, self.machine, self.libc)
    }

    /// As the compiler sees it.
    pub fn interpreter(&self) -> Result<Interpreter> {
        let libc: Libc = self.libc.parse().map_err(anyhow::Error::msg)?;
        let declared = Interpreter::declared(&Declared::of(self.python), self.machine, libc, crate::oracle::UV_VERSION);
        Ok(Interpreter { gil_disabled: self.free_threaded, ..declared })
    }

    /// The marker variables, spelled out here so that the compiler's own are checked too.
    pub fn marker_values(&self) -> Value {
        let short = self.python.rsplit_once('.').map_or(self.python, |(short, _)| short);
        json!({
            "implementation_name": "cpython",
            "implementation_version": self.python,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": self.python,
            "python_version": short,
            "sys_platform": "linux",
        })
    }

    /// Puts an executable into `directory` that uv takes for this python. `python` is the real one behind it.
    pub fn double(&self, directory: &Path, python: &Path) -> Result<PathBuf> {
        let markers = self.marker_values();
        let interpreter = self.interpreter()?;
        let name = match interpreter.libc.name {
            LibcName::Glibc => "manylinux",
            LibcName::Musl => "musllinux",
        };
        let short = markers["python_version"].as_str().unwrap_or_default().to_owned();
        let facts = json!({
            "markers": markers,
            "os": { "name": name, "major": interpreter.libc.major, "minor": interpreter.libc.minor },
            "arch": self.machine,
            "gil_disabled": self.free_threaded,
            "library": if self.free_threaded { format!("{short}t") } else { short },
        });
        fs::create_dir_all(directory)?;
        fs::write(directory.join("facts.json"), facts.to_string())?;
        let double = directory.join("python3");
        fs::write(&double, format!("#!{}\n{}", python.display(), include_str!("interpreter_double.py")))?;
        fs::set_permissions(&double, fs::Permissions::from_mode(0o755)).context("double")?;
        Ok(double)
    }
}

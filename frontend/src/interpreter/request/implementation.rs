//! The pythons that uv knows by name.

use std::fmt;

/// The pythons that uv knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implementation {
    /// `cpython`, `cp`
    CPython,
    /// `pypy`, `pp`
    PyPy,
    /// `graalpy`, `gp`
    GraalPy,
    /// `pyodide`
    Pyodide,
}

/// Names of the pythons: the long and the short one.
pub const IMPLEMENTATIONS: [(Implementation, &str, Option<&str>); 4] = [
    (Implementation::CPython, "cpython", Some("cp")),
    (Implementation::PyPy, "pypy", Some("pp")),
    (Implementation::GraalPy, "graalpy", Some("gp")),
    (Implementation::Pyodide, "pyodide", None),
];

impl Implementation {
    /// As `sys.implementation.name` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CPython => "cpython",
            Self::PyPy => "pypy",
            Self::GraalPy => "graalpy",
            Self::Pyodide => "pyodide",
        }
    }
}

/// For people.
impl fmt::Display for Implementation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::CPython => "CPython",
            Self::PyPy => "PyPy",
            Self::GraalPy => "GraalPy",
            Self::Pyodide => "Pyodide",
        })
    }
}

//! The python of an image: the base's, or one that uv installs; whether it is the one that is asked for.

use super::Image;
use crate::config::python::Downloads;
use crate::config::table::Located;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpreter::{Interpreter, InterpreterError, LibcName};
use crate::project::{Project, Target};

/// Where uv installs pythons, each in a directory of its own. Files in it hold this path.
pub const PYTHONS: &str = "/opt/python";

/// Layers that such a python has.
pub(super) const LAYERS: usize = 2;

/// A python that uv installs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedPython {
    /// What uv is asked for: `3.13`, `3.13.5`.
    pub version: Located<String>,
    /// Where archives are fetched, if not where uv has them from.
    pub mirror: Option<Located<String>>,
    /// Which there are, if not those that uv knows.
    pub downloads: Option<Located<Downloads>>,
}

impl ManagedPython {
    /// That of a target, if it has one.
    pub fn of(target: &Target) -> Option<Self> {
        let (managed, version) = (target.managed.as_ref()?, target.python.clone()?);
        Some(Self { version, mirror: managed.mirror.clone(), downloads: managed.downloads.clone() })
    }

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
        let Interpreter { python_full_version: full, platform_machine: machine, .. } = python;
        let short = python.short_version().unwrap_or_default();
        format!("{PYTHONS}/cpython-{full}-linux-{machine}-{libc}/bin/python{short}")
    }
}

pub(super) fn interpreter_of<'image>(
    image: &'image Image,
    named: &Located<String>,
) -> Result<&'image Interpreter, Diagnostics> {
    image.interpreter.as_ref().ok_or_else(|| missing(named).into())
}

/// Of an image without a python.
pub fn missing(named: &Located<String>) -> Diagnostic {
    Diagnostic::new("python::missing", format!("`{}` has no python", named.value))
        .at(named.span.clone())
        .help("choose a base image with python, such as `python:3.13-slim-bookworm`")
        .help("or let uv install one: `[python]` with `provider = \"managed\"`")
}

pub(super) fn unusable_python(base: &Located<String>, error: &InterpreterError) -> Diagnostics {
    Diagnostic::new("python::unusable", format!("`{}`: {error}", base.value)).at(base.span.clone()).into()
}

/// Whether a python is the one that the config asks for and that the project was locked for.
pub(super) fn check(project: &Project, target: &Target, interpreter: &Interpreter) -> Result<(), Diagnostics> {
    let version = interpreter.version().map_err(|error| unusable_python(&target.base, &error))?;
    let full = &interpreter.python_full_version;
    let mut errors = Vec::new();
    if let Some(wanted) = &target.python
        && !is_of(interpreter, &wanted.value)
    {
        let error = match &target.managed {
            Some(_) => Diagnostic::new(
                "python::other_version",
                format!("python {} is asked for, but uv has installed python {full}", wanted.value),
            )
            .at(wanted.span.clone())
            .help("see what `python.downloads-json` has under that version"),
            None => Diagnostic::new(
                "python::other_version",
                format!("python {} is asked for, but `{}` has python {full}", wanted.value, target.base.value),
            )
            .at(wanted.span.clone())
            .at(target.base.span.clone())
            .help("choose a base image with that python, or change `python.version`")
            .help("or let uv install it: `[python]` with `provider = \"managed\"`"),
        };
        errors.push(error);
    }
    if let Some((specifiers, span)) = &project.lock.requires_python
        && !specifiers.contains(&version.only_release())
    {
        errors.push(match ManagedPython::of(target) {
            Some(managed) => outside_requires_python(&managed, full, &specifiers.to_string()).at(span.clone()),
            None => Diagnostic::new(
                "python::outside_requires_python",
                format!("python {full} of `{}` is outside `requires-python = \"{specifiers}\"`", target.base.value),
            )
            .at(target.base.span.clone())
            .at(span.clone())
            .help("choose a base image whose python satisfies it, or change `requires-python` and run `uv lock`"),
        });
    }
    Diagnostics::check(errors)
}

/// Whether a python is of a version as people ask for one: `3.13`, `3.13.5`, `3.13t`.
fn is_of(python: &Interpreter, wanted: &str) -> bool {
    let (version, is_free_threaded) = match wanted.strip_suffix('t') {
        Some(version) => (version, true),
        None => (wanted, false),
    };
    let full = &python.python_full_version;
    let is_version = full == version || full.starts_with(&format!("{version}."));
    is_version && (!is_free_threaded || python.gil_disabled)
}

/// Refuses what uv need not be asked for: a version of which the lock admits no patch.
pub fn check_request(project: &Project, managed: &ManagedPython) -> Result<(), Diagnostics> {
    let Some((specifiers, span)) = &project.lock.requires_python else { return Ok(()) };
    let wanted = managed.version.value.trim_end_matches('t');
    let patches: Vec<String> = match wanted.matches('.').count() {
        1 => (0..100).map(|patch| format!("{wanted}.{patch}")).collect(),
        _ => vec![wanted.to_owned()],
    };
    // Which of the versions that begin with one number is meant is uv's to say.
    let is_admitted = !wanted.contains('.')
        || patches.iter().any(|version| {
            version.parse::<uv_pep440::Version>().is_ok_and(|version| specifiers.contains(&version.only_release()))
        });
    match is_admitted {
        true => Ok(()),
        false => Err(outside_requires_python(managed, wanted, &specifiers.to_string()).at(span.clone()).into()),
    }
}

fn outside_requires_python(managed: &ManagedPython, version: &str, specifiers: &str) -> Diagnostic {
    Diagnostic::new(
        "python::outside_requires_python",
        format!("python {version} is asked for, which is outside `requires-python = \"{specifiers}\"`"),
    )
    .at(managed.version.span.clone())
    .help("choose another `python.version`, or change `requires-python` and run `uv lock`")
}

/// Members built elsewhere must fit the python that runs them.
pub(super) fn check_builder(target: &Target, base: &Interpreter, builder: &Interpreter) -> Result<(), Diagnostics> {
    let identity =
        |python: &Interpreter| (python.short_version().ok(), python.implementation_name.clone(), python.gil_disabled);
    if identity(base) == identity(builder) {
        return Ok(());
    }
    Err(Diagnostic::new(
        "python::builder_differs",
        format!("the builder has {}, but the base has {}", builder.describe(), base.describe()),
    )
    .at(target.builder.span.clone())
    .at(target.base.span.clone())
    .help("choose a `builder` with the same python as `base`")
    .into())
}

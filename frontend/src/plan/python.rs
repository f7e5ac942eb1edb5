//! The python of an image: the base's, or one that uv installs; whether it is the one that is asked for.

use uv_pep440::Version;

use super::outside::Image;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Span};
use crate::interpreter::choice::of_reference;
use crate::interpreter::request::{PythonRequest, Versions};
use crate::interpreter::{Interpreter, InterpreterError};
use crate::project::{ManagedPython, Project, Target};

/// Layers that such a python has.
pub(super) const LAYERS: usize = 2;

pub(super) fn interpreter_of<'image>(
    image: &'image Image,
    named: &Located<String>,
) -> Result<&'image Interpreter, Diagnostics> {
    image.interpreter.as_ref().ok_or_else(|| missing(named).into())
}

/// Of an image without a python.
pub fn missing(named: &Located<String>) -> Diagnostic {
    Diagnostic::new("python::missing", format!("`{}` has no Python", named.value))
        .at(named.span.clone())
        .help("choose a base image with Python, such as `python:3.13-slim-bookworm`")
        .help("or let uv install Python: `[python]` with `provider = \"managed\"`")
}

pub(super) fn unusable_python(base: &Located<String>, error: &InterpreterError) -> Diagnostics {
    Diagnostic::new("python::unusable", format!("`{}`: {error}", base.value)).at(base.span.clone()).into()
}

/// Whether a python is the one that is asked for and that the project was locked for.
pub(super) fn check(
    project: &Project,
    target: &Target,
    interpreter: &Interpreter,
    warnings: &mut Vec<Diagnostic>,
) -> Result<(), Diagnostics> {
    let version = interpreter.version().map_err(|error| unusable_python(&target.base, &error))?;
    let full = interpreter.shown_version();
    let mut errors = Vec::new();
    if let Some(wanted) = target.python.as_ref().filter(|wanted| !wanted.value.is_met_by(interpreter)) {
        let asked = format!("Python {} is requested", wanted.value);
        let properties = wanted.value.properties();
        let has = other(&wanted.value, interpreter);
        errors.push(match &target.managed {
            Some(_) => Diagnostic::new("python::other_version", format!("{asked}, but uv installed {has}"))
                .at(wanted.span.clone())
                .help("check the entry for that version in `python.downloads-json`"),
            None => {
                let error =
                    Diagnostic::new("python::other_version", format!("{asked}, but `{}` has {has}", target.base.value))
                        .at(wanted.span.clone());
                // Where the base is chosen by what is asked for, they have one place.
                let other_place = Some(&target.base.span).filter(|span| **span != wanted.span).cloned();
                let error = error.at_some(other_place);
                match properties.filter(|it| it.versions.admit(&version) && (it.machine.is_some() || it.libc.is_some()))
                {
                    Some(properties) => error.help(format!(
                        "write `{}` to leave the processor and the C library to the image",
                        properties.versions
                    )),
                    None => error
                        .help("choose a base image with that Python version, or change `python.version`")
                        .help("or let uv install it: `[python]` with `provider = \"managed\"`"),
                }
            }
        });
    }
    if let Some((specifiers, span)) = &project.lock.requires_python
        && !specifiers.contains(&version.only_release())
    {
        errors.push(match &target.managed {
            Some(managed) => outside_requires_python(managed, &full, &specifiers.to_string()).at(span.clone()),
            None => Diagnostic::new(
                "python::outside_requires_python",
                format!("Python {full} of `{}` does not satisfy `requires-python = \"{specifiers}\"`", target.base.value),
            )
            .at(target.base.span.clone())
            .at(span.clone())
            .help("choose a base image with a Python version that satisfies it, or change `requires-python` and run `uv lock`"),
        });
    }
    Diagnostics::check(errors)?;
    warn_of_pins(project, target, interpreter, warnings);
    Ok(())
}

/// What a python is called beside one that is asked for: with all that is known, where its version is not what is wrong.
fn other(wanted: &PythonRequest, interpreter: &Interpreter) -> String {
    let admits = |version: &Version| wanted.properties().is_some_and(|it| it.versions.admit(version));
    match interpreter.version() {
        Ok(version) if admits(&version) => interpreter.describe(),
        _ => format!("Python {}", interpreter.shown_version()),
    }
}

/// What `.python-version` asks for in vain: a base that the config names decides for itself.
fn warn_of_pins(project: &Project, target: &Target, interpreter: &Interpreter, warnings: &mut Vec<Diagnostic>) {
    let left_aside = |problem: String, span: &Span| Diagnostic::new("python::pin_left_aside", problem).at(span.clone());
    let is_overruled = project.flag.is_some() || target.python.is_some() && target.python != project.pin;
    if is_overruled {
        return;
    }
    for line in &project.unknown_pins {
        let problem = format!("`{}` is not a Python version that uv knows: uv ignores it, too", line.value);
        warnings.push(left_aside(problem, &line.span).help("write a version, such as `3.13`"));
    }
    // Of a base that is not looked at, nothing is known but what its tag says.
    let is_known = !interpreter.is_patch_guessed || of_reference(&target.base.value).is_some();
    if let Some(pin) = project.pin.as_ref().filter(|pin| is_known && !pin.value.is_met_by(interpreter)) {
        let has = other(&pin.value, interpreter);
        let problem =
            format!("`{}` requests Python {}, but `{}` has {has}", pin.span.file.name, pin.value, target.base.value);
        warnings.push(
            left_aside(problem, &pin.span)
                .at(target.base.span.clone())
                .help("choose a base image with that Python version, or remove `base` to use the pinned version")
                .help("or set the version for images: `[python]` with `version = \"…\"`"),
        );
    }
}

/// Refuses what uv need not be asked for: a version of which the lock admits no patch.
pub fn check_request(project: &Project, managed: &ManagedPython) -> Result<(), Diagnostics> {
    let Some((specifiers, span)) = &project.lock.requires_python else { return Ok(()) };
    let wanted = PythonRequest::parse(&managed.version.value);
    let Some(properties) = wanted.properties() else { return Ok(()) };
    let patches = match &properties.versions {
        Versions::Release(release) if release.len() == 2 => {
            (0..100).map(|patch| Version::new([release[0], release[1], patch])).collect()
        }
        versions => versions.only().map(|only| vec![only.only_release()]).unwrap_or_default(),
    };
    // Which of the versions that begin with one number is meant is uv's to say.
    match patches.is_empty() || patches.iter().any(|version| specifiers.contains(version)) {
        true => Ok(()),
        false => {
            let error = outside_requires_python(managed, &properties.versions.to_string(), &specifiers.to_string());
            Err(error.at(span.clone()).into())
        }
    }
}

fn outside_requires_python(managed: &ManagedPython, version: &str, specifiers: &str) -> Diagnostic {
    Diagnostic::new(
        "python::outside_requires_python",
        format!("the requested Python {version} does not satisfy `requires-python = \"{specifiers}\"`"),
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
        format!("the `builder` image has {}, but the `base` image has {}", builder.describe(), base.describe()),
    )
    .at(target.builder.span.clone())
    .at(target.base.span.clone())
    .help("choose a `builder` with the same Python as `base`")
    .into())
}

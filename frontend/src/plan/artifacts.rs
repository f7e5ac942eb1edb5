//! Which artifact of each third-party package is installed or built, and why one cannot be.

use super::direct_url;
use super::package::{Artifact, Form, Hash, Origin, Package};
use super::python::unusable_python;
use super::recipe::Recipe;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpreter::{Interpreter, Libc, LibcName};
use crate::lock::artifact::{Location, best_wheel, last_part, percent_decoded};
use crate::lock::closure::Closure;
use crate::lock::{GitSource, Package as LockedPackage, Source};
use crate::project::{Project, Target};

/// An artifact for every third-party package of the closure: a wheel, or what one is built from. Every package without one is
/// told, not only the first.
pub(super) fn choose(
    project: &Project,
    target: &Target,
    closure: &Closure,
    interpreter: &Interpreter,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Vec<Package>, Diagnostics> {
    let tags = interpreter.tags().map_err(|error| unusable_python(&target.base, &error))?;
    let mut packages = Vec::new();
    let mut errors = Vec::new();
    for id in closure.packages() {
        let package = &project.lock.packages[id];
        if !package.source.is_of_others() {
            continue;
        }
        let is_binary = project.settings.no_binary.place(&package.name).is_none();
        let chosen = match &package.source {
            Source::Git(git) => from_git(package, git),
            _ => match best_wheel(&package.wheels, &tags).filter(|_| is_binary) {
                Some(wheel) => located(package, &wheel.location, &wheel.file, Form::Wheel)
                    .and_then(|file| pinned(package, file, wheel.hash.as_deref(), wheel.size, warnings)),
                None => from_sdist(project, package, interpreter, warnings),
            },
        };
        let chosen = chosen.and_then(|artifact| {
            if artifact.form == Form::Wheel {
                return Ok((artifact, Recipe::default()));
            }
            check_build(package, project, true)?;
            Ok((artifact, Recipe::of(package, project, closure)?))
        });
        match chosen {
            Ok((artifact, recipe)) => packages.push(Package {
                name: package.name.to_string(),
                version: package.version.as_ref().map(ToString::to_string).unwrap_or_default(),
                artifact,
                index: package.source.index().map(ToOwned::to_owned),
                direct_url: direct_url::text(&package.source),
                recipe,
                network: project.config.as_ref().is_some_and(|config| config.has_network(&package.name)),
                span: package.span.clone(),
            }),
            Err(error) => errors.push(error),
        }
    }
    Diagnostics::check(errors)?;
    Ok(packages)
}

fn from_git(package: &LockedPackage, git: &GitSource) -> Result<Artifact, Diagnostic> {
    if git.lfs {
        let problem = format!("package `{}` needs Git LFS files, which BuildKit does not fetch", package.name);
        return Err(Diagnostic::new("lock::unsupported_source", problem)
            .at(package.span.clone())
            .help(format!(
                "use a version from an index, or build its wheel on a machine with git-lfs (`uv build --wheel`), put \
                 the wheel into the build context, and write `{} = {{ path = \"WHEEL\" }}` in `tool.uv.sources`",
                package.name
            ))
            .help("if its build does not need those files, remove `lfs = true` from its entry in `tool.uv.sources`"));
    }
    let origin = Origin::Git { url: git.url.clone(), commit: git.commit.clone() };
    let form = Form::Tree { subdirectory: git.subdirectory.clone() };
    Ok(Artifact { file: String::new(), form, origin, hash: None, size: None })
}

/// Whether the settings let a package be built; `with_backend` by a program other than uv.
pub(super) fn check_build(package: &LockedPackage, project: &Project, with_backend: bool) -> Result<(), Diagnostic> {
    let (name, settings) = (&package.name, &project.settings);
    // uv builds members of the workspace all the same.
    if let Some(place) = settings.no_build.place(name)
        && !project.lock.members.contains(name)
    {
        return Err(Diagnostic::new(
            "manifest::no_build",
            format!("`{name}` must be built from source, but `tool.uv` does not allow it"),
        )
        .at(place.clone())
        .at(package.span.clone())
        .help("use a version that has a wheel for this platform, or allow the build"));
    }
    if with_backend && let Some(place) = settings.no_build_isolation.place(name) {
        let problem = format!("`{name}` is set to be built without isolation, which is not supported");
        return Err(Diagnostic::new("manifest::no_build_isolation", problem)
            .at(place.clone())
            .at(package.span.clone())
            .help(format!(
                "declare its build requirements in `[tool.uv]` instead, in the application's versions: \
                 `extra-build-dependencies = {{ {name} = [{{ requirement = \"NAME\", match-runtime = true }}] }}`"
            )));
    }
    Ok(())
}

fn from_sdist(
    project: &Project,
    package: &LockedPackage,
    interpreter: &Interpreter,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Artifact, Diagnostic> {
    let sdist = package.sdist.as_ref().ok_or_else(|| match project.settings.no_binary.place(&package.name) {
        Some(place) if !package.wheels.is_empty() => {
            let problem = format!("`{}` has only wheels, but `tool.uv` does not allow them", package.name);
            Diagnostic::new("manifest::no_binary", problem)
                .at(place.clone())
                .at(package.span.clone())
                .help("use a version that has a source distribution, or allow its wheels")
        }
        _ => no_artifact(package, interpreter),
    })?;
    let subdirectory = match &package.source {
        Source::Url { subdirectory, .. } => subdirectory.clone(),
        _ => None,
    };
    let file = located(package, &sdist.location, &sdist.file, Form::Sdist { subdirectory })?;
    pinned(package, file, sdist.hash.as_deref(), sdist.size, warnings)
}

/// The artifact at a location of the lock, not pinned yet.
fn located(package: &LockedPackage, location: &Location, file: &str, form: Form) -> Result<Artifact, Diagnostic> {
    let origin = match (location, &package.source) {
        (Location::Url(url), _) | (Location::Source, Source::Url { url, .. }) => Origin::Url(url.clone()),
        (Location::IndexPath(path), Source::FlatRegistry(index)) => {
            Origin::Context(format!("{}/{path}", index.trim_end_matches('/')))
        }
        (Location::IndexPath(path), _) | (Location::Source, Source::Path(path)) => Origin::Context(path.clone()),
        (Location::Source, _) => {
            let problem = format!("package `{}` has an artifact without a location", package.name);
            return Err(Diagnostic::new("lock::unsupported_source", problem)
                .at(package.span.clone())
                .help("run `uv lock` to repair the lockfile"));
        }
    };
    if let Origin::Context(path) = &origin
        && (path.starts_with('/') || path.split('/').any(|part| part == ".."))
    {
        let problem = format!("`{}` is in `{path}`, outside the build context", package.name);
        return Err(Diagnostic::new("lock::outside_context", problem)
            .at(package.span.clone())
            .help("build from a directory that contains both the workspace and the file"));
    }
    let file = match (&origin, file) {
        (Origin::Url(at), "") => percent_decoded(last_part(at.as_str())),
        (Origin::Context(at), "") => last_part(at).to_owned(),
        (_, named) => named.to_owned(),
    };
    Ok(Artifact { file, form, origin, hash: None, size: None })
}

/// Hashes that BuildKit or a step can verify.
const ALGORITHMS: [&str; 3] = ["sha256", "sha384", "sha512"];

/// The artifact with what the lock says of its content.
fn pinned(
    package: &LockedPackage,
    artifact: Artifact,
    hash: Option<&str>,
    size: Option<u64>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Artifact, Diagnostic> {
    let hash = match hash {
        Some(hash) => match hash.split_once(':') {
            Some((algorithm, hex)) if ALGORITHMS.contains(&algorithm) => {
                Some(Hash { algorithm: algorithm.to_owned(), hex: hex.to_owned() })
            }
            _ => {
                let algorithm = hash.split(':').next().unwrap_or_default();
                let problem =
                    format!("package `{}` has only a {algorithm} hash, which cannot be verified", package.name);
                return Err(Diagnostic::new("lock::unsupported_hash", problem)
                    .at(package.span.clone())
                    .help("use an index that provides sha256 hashes, and run `uv lock`"));
            }
        },
        None => {
            // Files of the context are the user's own: nothing is downloaded.
            if matches!(artifact.origin, Origin::Url(_)) {
                let problem =
                    format!("`{}` has no hash in the lockfile: its download cannot be verified", package.name);
                warnings.push(
                    Diagnostic::new("lock::no_hash", problem)
                        .at(package.span.clone())
                        .help("use an index that provides hashes, and run `uv lock`"),
                );
            }
            None
        }
    };
    Ok(Artifact { hash, size, ..artifact })
}

/// How many wheels of a package a message lists.
const MAX_WHEELS: usize = 6;

fn no_artifact(package: &LockedPackage, interpreter: &Interpreter) -> Diagnostic {
    let version = package.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let name = &package.name;
    if package.wheels.is_empty() {
        let problem =
            format!("package `{name}`{version} has neither a wheel nor a source distribution in the lockfile");
        return Diagnostic::new("lock::no_wheel", problem)
            .at(package.span.clone())
            .help("use a version that has a wheel, or add a wheel of it to a flat index of your own");
    }
    let problem = format!("package `{name}`{version} has no wheel for {}", interpreter.describe());
    let files: Vec<String> = package.wheels.iter().take(MAX_WHEELS).map(|wheel| format!("`{}`", wheel.file)).collect();
    let more = match package.wheels.len().saturating_sub(MAX_WHEELS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let advice = match has_wheel_for_glibc(package, interpreter) {
        true => "it has a wheel for glibc: choose a base image with glibc, such as `python:3.13-slim-bookworm`",
        false => "choose a base image or platform for which it has a wheel, or another version of the package",
    };
    Diagnostic::new("lock::no_wheel", problem)
        .at(package.span.clone())
        .help(advice)
        .help(format!("the lockfile has {}{more}", files.join(", ")))
}

/// Whether a package that has no wheel for musl, such as Alpine's, has one for the same python on most other distributions.
fn has_wheel_for_glibc(package: &LockedPackage, interpreter: &Interpreter) -> bool {
    let libc = Libc { name: LibcName::Glibc, major: 2, minor: 36 };
    let elsewhere = Interpreter { libc, ..interpreter.clone() };
    interpreter.libc.name == LibcName::Musl
        && elsewhere.tags().is_ok_and(|tags| best_wheel(&package.wheels, &tags).is_some())
}

//! Which artifact of each third-party package is installed or built, and why one cannot be.

use super::{Artifact, Form, Origin, Package, unusable_python};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpreter::Interpreter;
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
        if package.source.project_dir().is_some() {
            continue;
        }
        let chosen = match &package.source {
            Source::Git(git) => from_git(package, git),
            _ => match best_wheel(&package.wheels, &tags) {
                Some(wheel) => located(package, &wheel.location, &wheel.file, Form::Wheel)
                    .and_then(|file| pinned(package, file, wheel.hash.as_deref(), wheel.size, warnings)),
                None => from_sdist(package, interpreter, warnings),
            },
        };
        match chosen {
            Ok(artifact) => packages.push(Package {
                name: package.name.to_string(),
                version: package.version.as_ref().map(ToString::to_string).unwrap_or_default(),
                artifact,
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
        let problem = format!("package `{}` needs files of git LFS, which cannot be fetched yet", package.name);
        return Err(Diagnostic::new("lock::unsupported_source", problem)
            .at(package.span.clone())
            .help("use a version that an index has"));
    }
    let origin = Origin::Git { url: git.url.clone(), commit: git.commit.clone() };
    let form = Form::Tree { subdirectory: git.subdirectory.clone() };
    Ok(Artifact { file: String::new(), form, origin, sha256: None, size: None })
}

fn from_sdist(
    package: &LockedPackage,
    interpreter: &Interpreter,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Artifact, Diagnostic> {
    let sdist = package.sdist.as_ref().ok_or_else(|| no_artifact(package, interpreter))?;
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
                .help("`uv lock` writes the lock anew"));
        }
    };
    if let Origin::Context(path) = &origin
        && (path.starts_with('/') || path.split('/').any(|part| part == ".."))
    {
        let problem = format!("`{}` lies in `{path}`, outside the build context", package.name);
        return Err(Diagnostic::new("lock::outside_context", problem)
            .at(package.span.clone())
            .help("build from a directory that holds both the workspace and the file"));
    }
    let file = match (&origin, file) {
        (Origin::Url(at) | Origin::Context(at), "") => percent_decoded(last_part(at)),
        (_, named) => named.to_owned(),
    };
    Ok(Artifact { file, form, origin, sha256: None, size: None })
}

/// The artifact with what the lock says of its content.
fn pinned(
    package: &LockedPackage,
    artifact: Artifact,
    hash: Option<&str>,
    size: Option<u64>,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Artifact, Diagnostic> {
    let sha256 = match hash {
        Some(hash) => match hash.strip_prefix("sha256:") {
            Some(hex) => Some(hex.to_owned()),
            None => {
                let algorithm = hash.split(':').next().unwrap_or_default();
                let problem =
                    format!("package `{}` is pinned by {algorithm}, which BuildKit cannot verify", package.name);
                return Err(Diagnostic::new("lock::unsupported_hash", problem)
                    .at(package.span.clone())
                    .help("lock with an index that tells sha256 hashes"));
            }
        },
        None => {
            // Files of the context are the user's own: nothing is downloaded.
            if matches!(artifact.origin, Origin::Url(_)) {
                let problem = format!("`{}` has no hash in the lock: its download cannot be verified", package.name);
                warnings.push(
                    Diagnostic::new("lock::no_hash", problem)
                        .at(package.span.clone())
                        .help("lock with an index that tells hashes"),
                );
            }
            None
        }
    };
    Ok(Artifact { sha256, size, ..artifact })
}

/// How many wheels of a package a message lists.
const MAX_WHEELS: usize = 6;

fn no_artifact(package: &LockedPackage, interpreter: &Interpreter) -> Diagnostic {
    let version = package.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let name = &package.name;
    if package.wheels.is_empty() {
        let problem = format!("package `{name}`{version} has neither a wheel nor a source distribution in the lock");
        return Diagnostic::new("lock::no_wheel", problem)
            .at(package.span.clone())
            .help("use a version that an index has as a wheel, or put a wheel of it into a flat index of your own");
    }
    let problem = format!("package `{name}`{version} has no wheel for {}", interpreter.describe());
    let files: Vec<String> = package.wheels.iter().take(MAX_WHEELS).map(|wheel| format!("`{}`", wheel.file)).collect();
    let more = match package.wheels.len().saturating_sub(MAX_WHEELS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Diagnostic::new("lock::no_wheel", problem)
        .at(package.span.clone())
        .help("choose a base image or platform that it has a wheel for, or another version of it")
        .help(format!("the lock has {}{more}", files.join(", ")))
}

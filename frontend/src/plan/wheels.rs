//! Which wheel of each third-party package is installed, and why one cannot be.

use super::{Artifact, Origin, Package, unusable_python};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpreter::Interpreter;
use crate::lock::artifact::{Location, best_wheel};
use crate::lock::closure::Closure;
use crate::lock::{Package as LockedPackage, Source};
use crate::project::{Project, Target};

/// A wheel for every package of an index in the closure. Every package without one is told, not only the first.
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
        let index = match &package.source {
            Source::Registry(_) => None,
            Source::FlatRegistry(directory) => Some(directory),
            other => {
                errors.push(unsupported(
                    package,
                    &format!("comes from a {} source, which cannot be built yet", other.kind()),
                ));
                continue;
            }
        };
        let Some(wheel) = best_wheel(&package.wheels, &tags) else {
            errors.push(no_wheel(package, interpreter));
            continue;
        };
        let origin = match (&wheel.location, index) {
            (Location::Url(url), _) => Origin::Url(url.clone()),
            (Location::IndexPath(path), Some(directory)) => {
                Origin::Context(format!("{}/{path}", directory.trim_end_matches('/')))
            }
            (Location::IndexPath(path), None) => Origin::Context(path.clone()),
            (Location::Source, _) => {
                errors.push(unsupported(package, "has a wheel without a location"));
                continue;
            }
        };
        if let Origin::Context(path) = &origin
            && (path.starts_with('/') || path.split('/').any(|part| part == ".."))
        {
            errors.push(
                Diagnostic::new(
                    "lock::outside_context",
                    format!("the wheel of `{}` lies in `{path}`, outside the build context", package.name),
                )
                .at(package.span.clone())
                .help("build from a directory that holds both the workspace and the index"),
            );
            continue;
        }
        let sha256 = match &wheel.hash {
            Some(hash) => match hash.strip_prefix("sha256:") {
                Some(hex) => Some(hex.to_owned()),
                None => {
                    let algorithm = hash.split(':').next().unwrap_or_default();
                    let problem =
                        format!("package `{}` is pinned by {algorithm}, which BuildKit cannot verify", package.name);
                    errors.push(
                        Diagnostic::new("lock::unsupported_hash", problem)
                            .at(package.span.clone())
                            .help("lock with an index that tells sha256 hashes"),
                    );
                    continue;
                }
            },
            None => {
                // Wheels of the context are the user's own files: nothing is downloaded.
                if matches!(origin, Origin::Url(_)) {
                    let problem =
                        format!("`{}` has no hash in the lock: its download cannot be verified", package.name);
                    warnings.push(
                        Diagnostic::new("lock::no_hash", problem)
                            .at(package.span.clone())
                            .help("lock with an index that tells hashes"),
                    );
                }
                None
            }
        };
        packages.push(Package {
            name: package.name.to_string(),
            version: package.version.as_ref().map(ToString::to_string).unwrap_or_default(),
            artifact: Artifact { file: wheel.file.clone(), origin, sha256, size: wheel.size },
            span: package.span.clone(),
        });
    }
    Diagnostics::check(errors)?;
    Ok(packages)
}

fn unsupported(package: &LockedPackage, problem: &str) -> Diagnostic {
    Diagnostic::new("lock::unsupported_source", format!("package `{}` {problem}", package.name))
        .at(package.span.clone())
        .help("use a version that an index has as a wheel")
}

/// How many wheels of a package a message lists.
const MAX_WHEELS: usize = 6;

fn no_wheel(package: &LockedPackage, interpreter: &Interpreter) -> Diagnostic {
    let version = package.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let name = &package.name;
    if package.wheels.is_empty() {
        let problem = match package.sdist {
            Some(_) => format!("package `{name}`{version} has only a source distribution, which cannot be built yet"),
            None => format!("package `{name}`{version} has neither a wheel nor a source distribution in the lock"),
        };
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
    let diagnostic = Diagnostic::new("lock::no_wheel", problem)
        .at(package.span.clone())
        .help("choose a base image or platform that it has a wheel for, or another version of it")
        .help(format!("the lock has {}{more}", files.join(", ")));
    match package.sdist {
        Some(_) => diagnostic.help("the lock has a source distribution, too, but those cannot be built yet"),
        None => diagnostic,
    }
}

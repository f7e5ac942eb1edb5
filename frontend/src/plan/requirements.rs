//! A requirements file with the hashes of the lock: what `uv export` writes, of one platform and so without markers.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::interpreter::Interpreter;
use crate::lock::closure::Closure;
use crate::lock::{Package, Source};
use crate::platform::Platform;
use crate::project::{Project, Target};

/// The text, which pip and uv read. Local projects are named in a comment only: a directory has no hash, and one requirement with a
/// hash demands them of all.
pub(super) fn text(
    project: &Project,
    target: &Target,
    closure: &Closure,
    platform: &Platform,
    interpreter: &Interpreter,
) -> String {
    let packages: Vec<&Package> = closure.packages().map(|id| &project.lock.packages[id]).collect();
    let (local, third_party): (Vec<&Package>, Vec<&Package>) =
        packages.into_iter().partition(|package| !package.source.is_of_others());
    let python = interpreter.short_version().unwrap_or_default();
    let mut text = format!(
        "# What `{}` installs on {platform} with python {python}, from {}.\n",
        target.name, project.lock.file.name
    );
    let local = local.iter().filter(|package| package.source.project_dir().is_some());
    let local: Vec<&str> = local.map(|package| package.name.as_str()).collect();
    if !local.is_empty() {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# Beside the projects of the workspace: {}.", local.join(", "));
    }
    for package in third_party {
        text += &requirement(package);
        for hash in hashes(package) {
            let _ = write!(text, " \\\n    --hash={hash}");
        }
        text.push('\n');
    }
    text
}

/// As uv spells it (uv: `RequirementsTxtExport`).
fn requirement(package: &Package) -> String {
    let name = &package.name;
    let fragment = |subdirectory: &Option<String>| {
        subdirectory.as_ref().map(|path| format!("#subdirectory={path}")).unwrap_or_default()
    };
    match &package.source {
        Source::Git(git) => format!("{name} @ git+{}@{}{}", git.url, git.commit, fragment(&git.subdirectory)),
        Source::Url { url, subdirectory } => format!("{name} @ {url}{}", fragment(subdirectory)),
        Source::Path(path)
        | Source::Directory(path)
        | Source::Editable(path)
        | Source::Virtual(path)
        | Source::Script(path) => format!("./{path}"),
        Source::Registry(_) | Source::FlatRegistry(_) => {
            let version = package.version.as_ref().map(ToString::to_string).unwrap_or_default();
            format!("{name}=={version}")
        }
    }
}

/// Those of all artifacts: another machine of the platform may take another wheel.
fn hashes(package: &Package) -> BTreeSet<&str> {
    let wheels = package.wheels.iter().filter_map(|wheel| wheel.hash.as_deref());
    wheels.chain(package.sdist.iter().filter_map(|sdist| sdist.hash.as_deref())).collect()
}

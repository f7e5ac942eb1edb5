//! Versions of local projects that are none of their manifests: those that the config gives.

use uv_normalize::PackageName;
use uv_pep440::Version;

use super::recipe::Recipe;
use crate::config::members::ALL;
use crate::diagnostic::Diagnostic;
use crate::lock::Package;
use crate::manifest::Manifest;
use crate::manifest::version::{VERSIONINGIT, VersionSource};
use crate::project::Project;

/// Environment variables by which build backends are told a version, so that they do not ask git: a build has no `.git`.
///
/// Of setuptools-scm, hatch-vcs (which asks for no name), pbr, pdm-backend, poetry-dynamic-versioning and uv-dynamic-versioning.
pub fn variables(package: &str) -> [String; 6] {
    let own = package.to_uppercase().replace('-', "_");
    [
        "SETUPTOOLS_SCM_PRETEND_VERSION".to_owned(),
        format!("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_{own}"),
        "PBR_VERSION".to_owned(),
        "PDM_BUILD_SCM_VERSION".to_owned(),
        "POETRY_DYNAMIC_VERSIONING_BYPASS".to_owned(),
        "UV_DYNAMIC_VERSIONING_BYPASS".to_owned(),
    ]
}

/// The version that a project is told when it is built, if it is told one. Without it, one that would ask git is refused.
pub(super) fn given(
    project: &Project,
    package: &Package,
    manifest: &Manifest,
    recipe: &Recipe,
) -> Result<Option<Version>, Diagnostic> {
    let name = &package.name;
    let members = project.config.iter().flat_map(|config| &config.members);
    let declared = |is_meant: &dyn Fn(&str) -> bool| {
        members.clone().filter(|member| is_meant(&member.name.value)).find_map(|member| member.version.as_ref())
    };
    let of_all = declared(&|other| other == ALL);
    let declared = declared(&|other| other.parse::<PackageName>().is_ok_and(|other| other == *name));
    match (&manifest.version, declared) {
        (VersionSource::Written(span), Some(version)) => Err(Diagnostic::new(
            "config::written_version",
            format!("`{name}` has a static version in its `pyproject.toml`, and cannot be built as version `{}`", version.value),
        )
        .at(version.span.clone())
        .at(span.clone())
        .help(format!(
            "remove `[members.{name}]`, or declare `dynamic = [\"version\"]` for a build backend that reads the version from git"
        ))),
        (VersionSource::Tags { span, tool: VERSIONINGIT }, _) => Err(asks_git(name, VERSIONINGIT)
            .at(span.clone())
            .help("set `default-version = \"…\"` in `[tool.versioningit]`: versioningit accepts a version in no other way")),
        (VersionSource::Tags { span, tool }, None) => {
            let is_told = variables(name.as_str()).iter().any(|variable| recipe.variables.contains_key(variable));
            if is_told {
                return Ok(None);
            }
            if let Some(version) = of_all {
                return Ok(Some(version.value.clone()));
            }
            Err(asks_git(name, tool)
                .at(span.clone())
                .help(format!("{DECLARE}`[members.{name}]` with {VERSION}"))
                .help("then build with `--build-arg VERSION=1.2.3`"))
        }
        (_, declared) => Ok(declared.map(|version| version.value.clone())),
    }
}

/// What to do about a project whose version nobody gives; the second is for both forms.
const DECLARE: &str = "declare it in `uv.build.toml`: ";
const VERSION: &str = "`version = \"${args.VERSION}\"`, and `[args]` with `VERSION = \"0.dev0\"`";

/// Says once what to do about several projects whose versions nobody gives: one key stands for all.
pub(super) fn advise(errors: &mut [Diagnostic]) {
    let is_open = |error: &&mut Diagnostic| error.help.first().is_some_and(|help| help.starts_with(DECLARE));
    let mut open: Vec<&mut Diagnostic> = errors.iter_mut().filter(is_open).collect();
    let [others @ .., last] = &mut open[..] else { return };
    if others.is_empty() {
        return;
    }
    others.iter_mut().for_each(|error| error.help.clear());
    last.help[0] = format!("declare one for all members in `uv.build.toml`: `[members.\"{ALL}\"]` with {VERSION}");
    last.help.push("to give a member another version, use `[members.NAME]`".to_owned());
}

/// The code of what is said of a project whose version nobody gives.
pub const FROM_GIT: &str = "manifest::version_from_git";

fn asks_git(name: &PackageName, tool: &str) -> Diagnostic {
    Diagnostic::new(
        FROM_GIT,
        format!("`{tool}` reads the version of `{name}` from git tags, which are not available in a build"),
    )
}

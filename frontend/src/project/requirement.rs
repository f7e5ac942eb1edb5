//! Requirements of builds that do not come from an index: `tool.uv.sources` is for them, too.

use std::collections::BTreeSet;

use uv_normalize::PackageName;
use uv_pep508::{Requirement, VerbatimUrl};

use super::parsed::Project;
use crate::diagnostic::Diagnostic;
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::manifest::declarations::{SourceKind, SourceTable};
use crate::marker;
use crate::paths::joined;

/// What a requirement of a build is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A requirement for uv, PEP 508.
    Requirement(String),
    /// A project of the lock.
    Project(PackageId),
}

/// What a requirement in the build system of the project `id` is.
pub fn need(project: &Project, id: PackageId, manifest: &Manifest, text: &str) -> Result<Need, Diagnostic> {
    let as_it_is = Need::Requirement(text.to_owned());
    let place = manifest.build_system.places.get(text).unwrap_or(&manifest.build_system.span);
    crate::manifest::requirement::check(text, place)?;
    let Some(requirement) = marker::requirement(text) else { return Ok(as_it_is) };
    if project.settings.no_sources.place(&requirement.name).is_some() {
        return Ok(as_it_is);
    }
    let directory = project.lock.packages[id].source.project_dir().unwrap_or(&project.lock.root);
    let Some((source, base)) = source_of(project, manifest, directory, &requirement.name) else { return Ok(as_it_is) };
    let refused = |what: &str| {
        let name = &project.lock.packages[id].name;
        Diagnostic::new(
            "manifest::build_source",
            format!("the build of `{name}` requires `{}` {what}", requirement.name),
        )
        .at(source.span.clone())
        .at(manifest.build_system.span.clone())
    };
    match &source.kind {
        // It is left to uv.
        SourceKind::Other => Ok(as_it_is),
        SourceKind::Workspace { .. } | SourceKind::OtherWorkspace { .. } => {
            match project.lock.member(&requirement.name) {
                Some(id) => Ok(Need::Project(id)),
                None => Err(refused("from the workspace, but the lockfile has no such member").help("run `uv lock`")),
            }
        }
        SourceKind::Path { path, .. } => {
            let path = joined(base, path);
            let mut packages = project.lock.packages.iter();
            match packages.position(|package| package.source.project_dir() == Some(path.as_str())) {
                Some(id) => Ok(Need::Project(id)),
                None => Err(refused(&format!("from `{path}`, but the lockfile has no such package"))
                    .help("make it a workspace member, and set its source to `{ workspace = true }`")),
            }
        }
        SourceKind::Git { url, reference, subdirectory } => {
            let reference = reference.as_ref().map(|reference| format!("@{reference}")).unwrap_or_default();
            Ok(Need::Requirement(direct(&requirement, &format!("git+{url}{reference}"), subdirectory.as_deref())))
        }
        SourceKind::Url { url, subdirectory } => {
            Ok(Need::Requirement(direct(&requirement, url, subdirectory.as_deref())))
        }
        SourceKind::Index(index) => Err(refused(&format!(
            "from the index `{index}`, but a build requirement cannot choose an index"
        ))
        .help("remove the source if another index has the package, or use a `url` source that points to a wheel")),
    }
}

/// The projects of the lock that a project is built with.
pub fn projects(project: &Project, id: PackageId, manifest: &Manifest) -> BTreeSet<PackageId> {
    let needs = manifest.build_system.requires.iter().map(|text| need(project, id, manifest, text));
    needs
        .filter_map(|need| match need {
            Ok(Need::Project(id)) => Some(id),
            Ok(Need::Requirement(_)) | Err(_) => None,
        })
        .collect()
}

/// The source of a package, of the project itself or of the workspace, and the directory that its paths are relative to. One that
/// is for a part of the environments or a part of the project is left to uv.
fn source_of<'project>(
    project: &'project Project,
    manifest: &'project Manifest,
    directory: &'project str,
    name: &PackageName,
) -> Option<(&'project SourceTable, &'project str)> {
    let root = project.manifest.as_ref().map(|manifest| (manifest, project.lock.root.as_str()));
    let configuration = root.and_then(|(root, _)| root.declarations.as_ref()?.configuration.as_ref());
    if configuration.is_some_and(|configuration| configuration.no_sources.has(name)) {
        return None;
    }
    let found = std::iter::once((manifest, directory)).chain(root).find_map(|(manifest, base)| {
        let tables = manifest.sources.get(name.as_str())?;
        Some((tables, base))
    });
    match found {
        Some((tables, base)) => match &tables[..] {
            [only] if only.marker.is_none() && only.extra.is_none() && only.group.is_none() => Some((only, base)),
            _ => None,
        },
        None => None,
    }
}

/// `NAME[EXTRAS] @ URL#subdirectory=… ; MARKER`
fn direct(requirement: &Requirement<VerbatimUrl>, url: &str, subdirectory: Option<&str>) -> String {
    let extras: Vec<&str> = requirement.extras.iter().map(AsRef::as_ref).collect();
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    let fragment = subdirectory.map(|path| format!("#subdirectory={path}")).unwrap_or_default();
    let marker = requirement.marker.contents().map(|marker| format!(" ; {marker}")).unwrap_or_default();
    format!("{}{extras} @ {url}{fragment}{marker}", requirement.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_direct_references() {
        let requirement = "Hatch_X[a]>=1 ; python_version >= '3.12'".parse().unwrap();
        let written = direct(&requirement, "git+https://git.example/x@v1", Some("py"));
        assert_eq!(
            written,
            "hatch-x[a] @ git+https://git.example/x@v1#subdirectory=py ; python_full_version >= '3.12'"
        );
    }

    #[test]
    fn built_without_sources() {
        use std::collections::BTreeMap;

        use crate::diagnostic::SourceFile;
        use crate::project::files::Files;

        let need_with = |settings: &str| {
            let manifest = format!(
                "[project]\nname = \"app\"\n[build-system]\nrequires = [\"twigs\"]\n[tool.uv.sources]\n\
                 twigs = {{ git = \"https://git.example/twigs\" }}\n[tool.uv]\n{settings}"
            );
            let lock = "version = 1\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = { editable = \".\" }\n";
            let files = Files {
                config: None,
                lock: SourceFile::new("uv.lock", lock),
                manifest: Some(SourceFile::new("pyproject.toml", manifest)),
                uv_toml: None,
                python_version: None,
                above: Vec::new(),
            };
            let project = Project::parse(&files, &BTreeMap::new()).unwrap();
            need(&project, 0, project.manifest.as_ref().unwrap(), "twigs").unwrap()
        };
        let of_an_index = Need::Requirement("twigs".to_owned());
        assert_ne!(need_with(""), of_an_index);
        assert_eq!(need_with("no-sources = true"), of_an_index);
        assert_eq!(need_with("no-sources-package = [\"Twigs\"]"), of_an_index);
        assert_ne!(need_with("no-sources-package = [\"nest\"]"), of_an_index);
    }
}

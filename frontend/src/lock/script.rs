//! Locks of scripts with inline metadata (PEP 723). Such a lock has no package for the script: it notes what the script requires. Here the
//! script becomes a package like others, so that a closure starts at it.

use std::collections::BTreeSet;

use super::package::PackageId;
use super::wire::{DependencyWire, LockWire, MetadataWire, PackageWire, RequirementWire, SourceWire, Text};
use crate::paths::script::package_name;
use crate::paths::{directory_of, file_in};

/// A script, as its lock has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// Its path in the context.
    pub path: String,
    /// The package that stands for it.
    pub root: PackageId,
}

/// The package that stands for a script. No other has its name, and nothing that the script requires.
pub(super) fn package<'a>(lock: &mut LockWire<'a>, script: &str) -> PackageWire<'a> {
    let requirements = std::mem::take(&mut lock.manifest.requirements);
    let mut name = package_name(script);
    let packages = lock.package.iter().map(|package| &**package.get_ref().name.get_ref());
    let named = requirements.iter().filter_map(|requirement| requirement.name.as_deref());
    let taken: BTreeSet<&str> = packages.chain(named).collect();
    while taken.contains(name.as_str()) {
        name += "-script";
    }
    PackageWire {
        name: toml::Spanned::new(0..0, Text::from(name)),
        version: None,
        source: SourceWire {
            script: Some(Text::from(file_in(directory_of(script), name_of(script)))),
            ..SourceWire::default()
        },
        dependencies: requirements.iter().flat_map(|requirement| edges(lock, requirement)).collect(),
        optional_dependencies: Default::default(),
        dev_dependencies: Default::default(),
        sdist: None,
        wheels: Vec::new(),
        metadata: MetadataWire { requires_dist: Some(requirements), ..MetadataWire::default() },
        default_groups: None,
        group_requires_python: Default::default(),
        resolution_markers: Vec::new(),
    }
}

fn name_of(script: &str) -> &str {
    script.rsplit('/').next().unwrap_or(script)
}

/// The packages of a requirement, each for the environments that it was locked for (uv: `Lock::find_by_markers`). One that is for no
/// environment need not be in the lock.
fn edges<'a>(lock: &LockWire<'a>, requirement: &RequirementWire<'a>) -> Vec<DependencyWire<'a>> {
    let Some(name) = &requirement.name else { return Vec::new() };
    let edge = |version: Option<Text<'a>>, source: Option<SourceWire<'a>>, marker: Option<Text<'a>>| DependencyWire {
        name: name.clone(),
        version,
        source,
        extra: requirement.extras.clone(),
        marker,
    };
    let packages = lock.package.iter().map(|package| package.get_ref());
    let of_packages: Vec<_> = packages
        .filter(|package| *package.name.get_ref() == *name)
        .map(|package| {
            let markers = [requirement.marker.as_ref().map(ToString::to_string), any_of(&package.resolution_markers)];
            let markers: Vec<String> = markers.into_iter().flatten().map(|marker| format!("({marker})")).collect();
            let marker = (!markers.is_empty()).then(|| Text::from(markers.join(" and ")));
            edge(package.version.clone(), Some(package.source.clone()), marker)
        })
        .collect();
    match of_packages.is_empty() && requirement.marker.is_none() {
        true => vec![edge(None, None, None)],
        false => of_packages,
    }
}

fn any_of(markers: &[Text<'_>]) -> Option<String> {
    let markers: Vec<String> = markers.iter().map(|marker| format!("({marker})")).collect();
    (!markers.is_empty()).then(|| markers.join(" or "))
}

#[cfg(test)]
mod tests {
    use crate::diagnostic::SourceFile;

    #[test]
    fn a_script_is_a_package_of_its_lock() {
        let text = r#"
version = 1
requires-python = ">=3.11"
[manifest]
requirements = [
    { name = "array", marker = "python_full_version < '3.12'", specifier = "<2" },
    { name = "array", marker = "python_full_version >= '3.12'", specifier = ">=2" },
    { name = "old", marker = "python_full_version < '3'" },
    { name = "report", extras = ["fast"] },
]
[[package]]
name = "array"
version = "1"
source = { registry = "https://index.example/simple" }
resolution-markers = ["python_full_version < '3.12'"]
[[package]]
name = "array"
version = "2"
source = { registry = "https://index.example/simple" }
resolution-markers = ["python_full_version >= '3.12' and sys_platform == 'linux'", "python_full_version >= '3.13'"]
[[package]]
name = "report"
version = "1"
source = { registry = "https://index.example/simple" }
"#;
        let lock = crate::lock::parse(&SourceFile::new("jobs/report.py.lock", text)).expect("a lock");
        let script = lock.script.clone().expect("a script");
        let root = &lock.packages[script.root];
        assert_eq!((script.path.as_str(), root.name.as_str()), ("jobs/report.py", "report-script"));
        let edge = |edge: &crate::lock::package::Dependency| {
            let package = &lock.packages[edge.package];
            format!("{} {} {:?}", package.name, package.version.as_ref().expect("one"), edge.extras)
        };
        let edges: Vec<String> = root.dependencies.iter().map(edge).collect();
        let expected = ["array 1 []", "array 2 []", "array 1 []", "array 2 []", "report 1 [ExtraName(\"fast\")]"];
        assert_eq!(edges, expected);
        assert!(lock.members.is_empty());
        let text = text.replace("name = \"report\"\nversion", "name = \"reports\"\nversion");
        let error = crate::lock::parse(&SourceFile::new("report.py.lock", text)).expect_err("a dangling edge");
        assert!(error.to_string().contains("dependency `report` is not in the lockfile"), "{error}");
    }
}

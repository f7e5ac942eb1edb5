//! Packages that a target must not have, and the ways on which packages come into one.

use super::layers::is_in;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::lock::closure::Closure;
use crate::lock::{Lock, PackageId};
use crate::project::{Project, Target};

/// Refuses what `deny` names, with the way on which it came.
pub(super) fn check(project: &Project, target: &Target, closure: &Closure) -> Result<(), Diagnostics> {
    let mut errors = Vec::new();
    for pattern in &target.deny {
        let denied = closure.packages().filter(|id| {
            let name = project.lock.packages[*id].name.as_str();
            is_in(name, std::iter::once(pattern.value.as_str()))
        });
        for id in denied {
            let package = &project.lock.packages[id];
            let way = describe(&project.lock, &closure.way(target.selection.root, id));
            errors.push(
                Diagnostic::new(
                    "config::denied",
                    format!("`{}` is in `deny`, but `{}` installs it", package.name, target.name),
                )
                .at(pattern.span.clone())
                .at(package.span.clone())
                .help(format!("dependency chain: {way}")),
            );
        }
    }
    Diagnostics::check(errors)
}

/// Every way on which packages of a name come into a target, by the last step: the shortest to each that needs it.
pub fn ways(lock: &Lock, root: PackageId, closure: &Closure, name: &str) -> Vec<String> {
    let mut ways = Vec::new();
    for id in closure.packages().filter(|id| lock.packages[*id].name.as_str() == name) {
        let needs = closure.edges.iter().filter(|(_, dependencies)| dependencies.contains(&id));
        let mut found: Vec<Vec<PackageId>> = needs
            .map(|(parent, _)| {
                let mut way = closure.way(root, *parent);
                way.push(id);
                way
            })
            .collect();
        if id == root {
            found.push(vec![root]);
        }
        found.sort_by_key(|way| (way.len(), way.clone()));
        ways.extend(found.iter().map(|way| describe(lock, way)));
    }
    ways
}

/// `api 1.0 -> httpx 0.28.1 -> idna 3.10`
fn describe(lock: &Lock, way: &[PackageId]) -> String {
    let names = way.iter().map(|id| {
        let package = &lock.packages[*id];
        match &package.version {
            Some(version) => format!("{} {version}", package.name),
            None => package.name.to_string(),
        }
    });
    names.collect::<Vec<_>>().join(" -> ")
}

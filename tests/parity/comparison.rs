//! One workspace, selected from by the compiler and by uv.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};
use uv_buildkit::diagnostic::Diagnostic;
use uv_buildkit::lock::Source;
use uv_buildkit::lock::artifact::best_wheel;
use uv_buildkit::lock::closure::{self, Closure};
use uv_platform_tags::Tags;

use crate::corpus::{Case, Workspace};
use crate::environment::Environment;
use crate::oracle::{Answer, Exported, Installed, Oracle, class};
use crate::report::Row;

/// What uv's complaints about conflicting extras or groups have in common.
const CONFLICT: &str = "conflict";

/// A workspace, and what `uv export` lists for each selection, which holds for all pythons.
pub struct Comparison<'run> {
    oracle: &'run Oracle,
    workspace: &'run Workspace,
    cases: Vec<Case>,
    exports: Vec<Answer<Exported>>,
}

impl<'run> Comparison<'run> {
    /// Exports every selection. `double` may be of any python that the lock admits.
    pub fn new(oracle: &'run Oracle, workspace: &'run Workspace, double: &Path) -> Result<Self> {
        let cases = workspace.cases()?;
        let exports = concurrently(&cases, |case| oracle.export(workspace, case, double))?;
        Ok(Self { oracle, workspace, cases, exports })
    }

    /// Compares every selection, and the wheel of every package that some selection reaches; of `choices` only, not of packages
    /// that have one wheel, for any platform.
    pub fn run(&self, environment: &Environment, double: &Path, choices: bool) -> Result<Row> {
        let lock = &self.workspace.project.lock;
        let markers = environment.interpreter()?.environment()?;
        let mut row = Row {
            workspace: self.workspace.name.clone(),
            environment: environment.label(),
            members: lock.members.len(),
            ..Row::default()
        };
        let ours: Vec<Result<Closure, Diagnostic>> =
            self.cases.iter().map(|case| closure::select(lock, &case.selection, &markers)).collect();
        let tags = environment.interpreter()?.tags()?;
        let asked: Vec<_> = self.cases.iter().zip(&ours).collect();
        let syncs = concurrently(&asked, |(case, ours)| {
            let without = ours.as_ref().map(|closure| self.without_artifact(closure, &tags)).unwrap_or_default();
            self.oracle.sync(self.workspace, case, double, &without, None)
        })?;
        let exports = self.evaluated_exports(environment)?;

        let mut agreed: Vec<(&Case, &Closure)> = Vec::new();
        for (((case, ours), sync), export) in self.cases.iter().zip(&ours).zip(&syncs).zip(&exports) {
            let place = format!("{} {}: {}", row.workspace, row.environment, case.shown());
            match (ours, sync) {
                (Ok(closure), Ok(theirs)) => {
                    row.selections += 1;
                    let installed = self.installed(closure);
                    let without = self.without_artifact(closure, &tags);
                    row.uninstallable += usize::from(!without.is_empty());
                    let available = installed.iter().filter(|package| !without.contains(package.name.as_str()));
                    if is_one_environment(theirs) {
                        agreed.push((case, closure));
                        row.differences.extend(difference(
                            &format!("{place}: sync"),
                            &available.cloned().collect(),
                            theirs,
                        ));
                    } else {
                        row.impossible += 1;
                    }
                    match export {
                        Ok(theirs) => {
                            row.differences.extend(difference(&format!("{place}: export"), &installed, theirs));
                        }
                        Err(complaint) => row.differences.push(format!("{place}: only `uv export` says {complaint}")),
                    }
                }
                (Err(diagnostic), Err(complaint)) if complaint.contains(CONFLICT) => {
                    row.selections += 1;
                    row.conflicts += 1;
                    if diagnostic.code != "lock::conflict" {
                        row.differences.push(format!("{place}: ours says {}", diagnostic.message));
                    }
                }
                (Ok(_), Err(complaint)) if complaint.contains(CONFLICT) => {
                    row.differences.push(format!("{place}: only uv says {complaint}"));
                }
                (Err(diagnostic), Ok(_)) => {
                    row.differences.push(format!("{place}: only ours says {}", diagnostic.message));
                }
                (_, Err(complaint)) => *row.refusals.entry(class(complaint)).or_default() += 1,
            }
        }
        self.compare_wheels(double, &tags, agreed, choices, &mut row)?;
        Ok(row)
    }

    /// Packages for which there is nothing to install: uv refuses a selection that has one, unless it is told to leave it out.
    /// That it refuses is checked once for each such package, with the wheels.
    fn without_artifact(&self, closure: &Closure, tags: &Tags) -> BTreeSet<&str> {
        let packages = closure.packages().map(|id| &self.workspace.project.lock.packages[id]);
        let indexed =
            packages.filter(|package| matches!(package.source, Source::Registry(_) | Source::FlatRegistry(_)));
        indexed
            .filter(|package| package.sdist.is_none() && best_wheel(&package.wheels, tags).is_none())
            .map(|package| package.name.as_str())
            .collect()
    }

    /// What the compiler would have installed.
    fn installed(&self, closure: &Closure) -> BTreeSet<Installed> {
        let packages = closure.packages().map(|id| &self.workspace.project.lock.packages[id]);
        let real = packages.filter(|package| !matches!(package.source, Source::Virtual(_)));
        real.map(|package| {
            let indexed = matches!(package.source, Source::Registry(_) | Source::FlatRegistry(_));
            let version = package.version.as_ref().filter(|_| indexed);
            Installed { name: package.name.to_string(), version: version.map(ToString::to_string) }
        })
        .collect()
    }

    /// The exports, without the packages whose marker does not hold.
    fn evaluated_exports(&self, environment: &Environment) -> Result<Vec<Answer<BTreeSet<Installed>>>> {
        let lines = self.exports.iter().flatten().flatten();
        let markers = lines.filter_map(|(_, marker)| marker.clone()).collect();
        let verdicts = self.oracle.evaluate(environment, &markers)?;
        let holds = |marker: &Option<String>| marker.as_ref().is_none_or(|marker| verdicts[marker]);
        let evaluated = |lines: &Exported| {
            lines.iter().filter(|(_, marker)| holds(marker)).map(|(package, _)| package.clone()).collect()
        };
        Ok(self.exports.iter().map(|export| export.as_ref().map(evaluated).map_err(Clone::clone)).collect())
    }

    /// Compares the wheel of every package that the selections reach, in as few of them as cover all.
    fn compare_wheels(
        &self,
        double: &Path,
        tags: &Tags,
        mut selections: Vec<(&Case, &Closure)>,
        choices: bool,
        row: &mut Row,
    ) -> Result<()> {
        let packages = &self.workspace.project.lock.packages;
        // Large selections first: few are needed then.
        selections.sort_by_key(|(_, closure)| std::cmp::Reverse(closure.edges.len()));
        let mut seen = BTreeSet::new();
        let mut installs: Vec<(&Case, BTreeMap<&str, &str>, BTreeSet<&str>)> = Vec::new();
        let mut missing: Vec<(&Case, &str, BTreeSet<&str>)> = Vec::new();
        for (case, closure) in selections {
            let mut chosen = BTreeMap::new();
            for id in closure.packages() {
                let package = &packages[id];
                if package.source.project_dir().is_some() || !seen.insert(id) {
                    continue;
                }
                match best_wheel(&package.wheels, tags) {
                    Some(wheel) if choices && package.wheels.len() == 1 && wheel.file.ends_with("-none-any.whl") => {}
                    Some(wheel) => {
                        chosen.insert(package.name.as_str(), wheel.file.as_str());
                    }
                    None => {
                        let mut others = self.without_artifact(closure, tags);
                        others.remove(package.name.as_str());
                        missing.push((case, package.name.as_str(), others));
                    }
                }
            }
            if !chosen.is_empty() {
                let names = closure.packages().map(|id| packages[id].name.as_str());
                let others = names.filter(|name| !chosen.contains_key(name)).collect();
                installs.push((case, chosen, others));
            }
        }

        let installed =
            concurrently(&installs, |(case, _, others)| self.oracle.install(self.workspace, case, double, others))?;
        for ((case, ours, _), theirs) in installs.iter().zip(installed) {
            let place = format!("{} {}: {}", row.workspace, row.environment, case.shown());
            match theirs {
                Ok(theirs) => {
                    row.wheels += ours.len();
                    for (name, file) in ours {
                        let theirs = theirs.get(*name).map(String::as_str);
                        if theirs != Some(file) {
                            row.differences.push(format!("{place}: {name}: ours {file}, uv {theirs:?}"));
                        }
                    }
                }
                Err(complaint) => row.differences.push(format!("{place}: no wheels: {complaint}")),
            }
        }

        // uv must have no wheel either of those that the compiler has none of.
        let answers = concurrently(&missing, |(case, name, others)| {
            self.oracle.sync(self.workspace, case, double, others, Some(name))
        })?;
        for ((case, name, _), answer) in missing.iter().zip(answers) {
            row.without_wheel += 1;
            if !matches!(&answer, Err(complaint) if complaint.contains(&format!("`{name}="))) {
                let place = format!("{} {}: {}", row.workspace, row.environment, case.shown());
                row.differences.push(format!("{place}: {name}: ours has no wheel, uv says {answer:?}"));
            }
        }
        Ok(())
    }
}

/// Whether it has one version of each package. uv evaluates the markers of a group's own dependencies before it knows which
/// extras they activate, and `uv sync` may then take both sides of a conflict, where `uv export` takes one.
fn is_one_environment(packages: &BTreeSet<Installed>) -> bool {
    packages.iter().map(|package| &package.name).collect::<BTreeSet<_>>().len() == packages.len()
}

/// What one has that the other has not.
fn difference(place: &str, ours: &BTreeSet<Installed>, theirs: &BTreeSet<Installed>) -> Option<String> {
    let shown = |packages: Vec<&Installed>| packages.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    (ours != theirs).then(|| {
        let only_ours = shown(ours.difference(theirs).collect());
        let only_theirs = shown(theirs.difference(ours).collect());
        format!("{place}: only ours [{only_ours}], only uv [{only_theirs}]")
    })
}

/// Runs one uv per core.
fn concurrently<Item: Sync, Output: Send>(
    items: &[Item],
    run: impl Fn(&Item) -> Result<Output> + Sync,
) -> Result<Vec<Output>> {
    let next = AtomicUsize::new(0);
    let outputs: Mutex<BTreeMap<usize, Result<Output>>> = Mutex::new(BTreeMap::new());
    let cores = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(at) else { break };
                    let output = run(item);
                    if let Ok(mut outputs) = outputs.lock() {
                        outputs.insert(at, output);
                    }
                }
            });
        }
    });
    outputs.into_inner().ok().context("a worker panicked")?.into_values().collect()
}

//! One workspace, selected from by the compiler and by uv.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result};
use uv_buildkit::diagnostic::Diagnostic;
use uv_buildkit::lock::artifact::best_wheel;
use uv_buildkit::lock::closure::{self, Closure};
use uv_buildkit::lock::{PackageId, Source};

use crate::corpus::{Case, Workspace};
use crate::environment::Environment;
use crate::oracle::{Answer, Exported, Installed, Oracle, class};
use crate::report::Row;

/// How uv's complaint about conflicting extras or groups reads.
const CONFLICT: &str = "incompatible with the conflicts";

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

    /// Compares every selection, and the wheel of every package that some selection reaches.
    pub fn run(&self, environment: &Environment, double: &Path) -> Result<Row> {
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
        let syncs = concurrently(&self.cases, |case| self.oracle.sync(self.workspace, case, double, &[]))?;
        let exports = self.evaluated_exports(environment)?;

        let mut agreed: Vec<(&Case, &Closure)> = Vec::new();
        for (((case, ours), sync), export) in self.cases.iter().zip(&ours).zip(&syncs).zip(&exports) {
            let place = format!("{} {}: {}", row.workspace, row.environment, case.shown());
            match (ours, sync) {
                (Ok(closure), Ok(theirs)) => {
                    row.selections += 1;
                    agreed.push((case, closure));
                    let installed = self.installed(closure);
                    row.differences.extend(difference(&format!("{place}: sync"), &installed, theirs));
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
        self.compare_wheels(environment, double, agreed, &mut row)?;
        Ok(row)
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

    /// Installs enough of the selections that every package is installed once.
    fn compare_wheels(
        &self,
        environment: &Environment,
        double: &Path,
        mut selections: Vec<(&Case, &Closure)>,
        row: &mut Row,
    ) -> Result<()> {
        let lock = &self.workspace.project.lock;
        let tags = environment.interpreter()?.tags()?;
        let third_party = |id: &PackageId| lock.packages[*id].source.project_dir().is_none();
        let reached: BTreeSet<PackageId> =
            selections.iter().flat_map(|(_, closure)| closure.packages()).filter(third_party).collect();
        let ours: BTreeMap<PackageId, Option<&str>> = reached
            .iter()
            .map(|id| (*id, best_wheel(&lock.packages[*id].wheels, &tags).map(|wheel| wheel.file.as_str())))
            .collect();

        // Large selections first: few are needed then.
        selections.sort_by_key(|(_, closure)| std::cmp::Reverse(closure.edges.len()));
        let mut rest = reached;
        let mut cover: Vec<(&Case, &Closure, BTreeSet<PackageId>)> = Vec::new();
        for (case, closure) in selections {
            let added: BTreeSet<PackageId> = closure.packages().filter(|id| rest.remove(id)).collect();
            if !added.is_empty() {
                cover.push((case, closure, added));
            }
        }
        let installs = concurrently(&cover, |(case, closure, _)| {
            let missing = closure.packages().filter(|id| ours.get(id) == Some(&None));
            let missing = missing.map(|id| lock.packages[id].name.as_str()).collect();
            self.oracle.install(self.workspace, case, double, &missing)
        })?;
        let mut unbuildable = Vec::new();
        for ((case, _, added), theirs) in cover.iter().zip(installs) {
            let place = format!("{} {}: {}", row.workspace, row.environment, case.shown());
            let theirs = match theirs {
                Ok(theirs) => theirs,
                Err(complaint) => {
                    row.differences.push(format!("{place}: no wheels: {complaint}"));
                    continue;
                }
            };
            for id in added {
                let name = lock.packages[*id].name.as_str();
                match (ours[id], theirs.get(name).map(String::as_str)) {
                    (None, _) => unbuildable.push((*case, name)),
                    (ours, theirs) if ours == theirs => row.wheels += 1,
                    (ours, theirs) => row.differences.push(format!("{place}: {name}: ours {ours:?}, uv {theirs:?}")),
                }
            }
        }
        // uv must have no wheel either of those that were left out.
        let refusals = concurrently(&unbuildable, |(case, name)| {
            self.oracle.sync(self.workspace, case, double, &["--no-build-package", name])
        })?;
        for ((_, name), refusal) in unbuildable.iter().zip(refusals) {
            match refusal {
                Err(complaint) if complaint.contains(&format!("`{name}=")) && complaint.contains("no-build") => {
                    row.without_wheel += 1;
                }
                other => {
                    let place = format!("{} {}", row.workspace, row.environment);
                    row.differences.push(format!("{place}: {name}: ours no wheel, uv {other:?}"));
                }
            }
        }
        Ok(())
    }
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

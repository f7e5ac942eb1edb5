//! `uv-buildkit affected`: compares the project as it is with what it was at a revision.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::arguments::SelectionArgs;
use super::error::CliError;
use super::git::{Blobs, git};
use super::tree::{Parsed, Tree};
use crate::affected::{Affected, Comparison, Report, because, read};
use crate::diagnostic::SourceFile;
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::project::Project;
use crate::surroundings::Surroundings;

/// Whom the changes since `base` concern, those that are not committed among them.
pub fn since(selection: &SelectionArgs, base: &str) -> Result<Report, CliError> {
    let directory = &selection.directory;
    let prefix = git(directory, &["rev-parse", "--show-prefix"])?.trim_end().to_owned();
    let commit = git(directory, &["rev-parse", "--verify", "--end-of-options", &format!("{base}^{{commit}}")])?;
    let commit = commit.trim_end();
    let files = changed(directory, commit)?;
    let blobs = RefCell::new(Blobs::open(directory)?);
    let of_commit = |name: &str| {
        let blob = blobs.borrow_mut().read(&format!("{commit}:{prefix}{name}"))?;
        Ok(blob.map(|blob| SourceFile::new(name, blob.text)))
    };
    let parsed = Parsed::default();
    let mut now = Tree::of_directory(selection, &parsed)?;
    let mut before = Tree::new(selection, &parsed, Box::new(of_commit))?;

    let target = |name: &String| (name.clone(), selection.of_target(name));
    let member = |name: &String| (name.clone(), selection.of_member(name));
    let (targets, members): (Vec<_>, Vec<_>) = match (&selection.target, &selection.package) {
        (Some(name), _) => (vec![target(name)], Vec::new()),
        (None, Some(name)) => (Vec::new(), vec![member(name)]),
        (None, None) => {
            let targets = now.target_names()?;
            (targets.iter().map(target).collect(), now.member_names()?.iter().map(member).collect())
        }
    };
    let all: Vec<&SelectionArgs> = targets.iter().chain(&members).map(|(_, selection)| selection).collect();
    selection.check_locks(&mut now, &all)?;
    let projects = projects(&all, &mut before, &mut now)?;
    let comparisons = projects.iter().map(|it| it.compare(&files)).collect();
    let mut since = Since { ignored: now.ignored()?, before, now, files: &files, comparisons };
    let is_of_a_member = selection.package.is_some();
    Ok(Report { targets: since.among(targets)?, members: since.among(members)?, is_of_a_member })
}

/// A project as it is, and as it was.
struct States {
    before: Option<Rc<Project>>,
    now: Rc<Project>,
    manifests: BTreeMap<PackageId, Manifest>,
    /// Paths of manifests that were others.
    altered: BTreeSet<String>,
    surroundings: Arc<Surroundings>,
}

impl States {
    fn compare<'a>(&'a self, files: &'a BTreeSet<String>) -> Comparison<'a> {
        Comparison::of(self.before.as_deref(), &self.now, &self.manifests, &self.altered, files, &self.surroundings)
    }
}

/// A project before and after, and those of its packages that are selected.
type Selected = (Option<Rc<Project>>, Rc<Project>, Vec<PackageId>);

/// The projects of all selections, with the manifests that these reach.
fn projects(selections: &[&SelectionArgs], before: &mut Tree<'_>, now: &mut Tree<'_>) -> Result<Vec<States>, CliError> {
    let mut found: Vec<Selected> = Vec::new();
    for selection in selections {
        let request = selection.request();
        let (was, is) = (known(before.project(&request))?, now.project(&request)?);
        let roots = is.roots(&request)?;
        match found.iter_mut().find(|(before, now, _)| is_one(before.as_ref(), was.as_ref()) && Rc::ptr_eq(now, &is)) {
            Some((.., known)) => known.extend(roots),
            None => found.push((was, is, roots)),
        }
    }
    let states = found.into_iter().map(|(was, is, roots)| {
        let manifests = now.manifests(&is, roots)?;
        let mut altered = BTreeSet::new();
        for path in is.lock.packages.iter().filter_map(|package| package.source.manifest()) {
            // What cannot be read is told by the plan, if there is one.
            let is_same = matches!((before.file(&path), now.file(&path)), (Ok(before), Ok(now)) if before == now);
            if !is_same {
                altered.insert(path);
            }
        }
        let surroundings = now.surroundings(&is);
        Ok(States { before: was, now: is, manifests, altered, surroundings })
    });
    states.collect()
}

fn is_one(one: Option<&Rc<Project>>, other: Option<&Rc<Project>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Rc::ptr_eq(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// What there was, if it was there and could be built.
fn known<T>(result: Result<T, CliError>) -> Result<Option<T>, CliError> {
    match result {
        Ok(known) => Ok(Some(known)),
        Err(CliError::Diagnostics(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Both states.
struct Since<'a> {
    before: Tree<'a>,
    now: Tree<'a>,
    files: &'a BTreeSet<String>,
    ignored: Vec<String>,
    comparisons: Vec<Comparison<'a>>,
}

impl Since<'_> {
    /// Those of the selections that are affected.
    fn among(&mut self, selections: Vec<(String, SelectionArgs)>) -> Result<Vec<Affected>, CliError> {
        let mut affected = Vec::new();
        for (name, selection) in selections {
            let because = self.because(&selection)?;
            if !because.is_empty() {
                affected.push(Affected { name, because });
            }
        }
        Ok(affected)
    }

    /// Why a selection is affected. It is planned only if it may be.
    fn because(&mut self, selection: &SelectionArgs) -> Result<Vec<String>, CliError> {
        let request = selection.request();
        let project = self.now.project(&request)?;
        let was = known(self.before.project(&request))?;
        // What is asked for by name is chosen without manifests.
        let target = project.target(&request, &BTreeMap::new())?;
        let target_before = match &was {
            Some(was) if Rc::ptr_eq(was, &project) => Some(target.clone()),
            Some(was) => was.target(&request, &BTreeMap::new()).ok(),
            None => None,
        };
        let roots = project.roots(&request)?;
        let is_of = |comparison: &&Comparison<'_>| comparison.is_of(was.as_deref(), &project);
        let comparison = self.comparisons.iter().find(is_of);
        let same_ignored = self.before.ignored()? == self.ignored;
        let may_differ =
            !same_ignored || comparison.is_none_or(|it| it.may_differ(&roots, target_before.as_ref(), &target));
        let may_read = comparison.is_none_or(|it| it.may_read(&roots, &target));
        if !may_differ && !may_read {
            return Ok(Vec::new());
        }
        let now = selection.choose(&mut self.now)?;
        if !may_differ {
            return Ok(read(&now.prepare(true)?.plan, self.files, &self.ignored));
        }
        let before = known(selection.choose(&mut self.before))?;
        let before = before.as_ref().and_then(|before| before.prepare(true).ok());
        Ok(because(before, now.prepare(true)?, self.files, &self.ignored))
    }
}

/// Paths that differ from those of a commit, relative to the directory; new files that git does not ignore among them.
fn changed(directory: &Path, commit: &str) -> Result<BTreeSet<String>, CliError> {
    let differing = git(directory, &["diff", "--name-only", "--no-renames", "--relative", "-z", commit, "--", "."])?;
    let new = git(directory, &["ls-files", "--others", "--exclude-standard", "-z", "--", "."])?;
    Ok(differing.split('\0').chain(new.split('\0')).filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

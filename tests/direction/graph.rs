//! The graph of a crate's files: an arrow for each file that a file imports from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::reader::{Form, read};

/// Files by the paths of their modules, such as `plan::layers`. The root of the crate is an empty text.
pub struct Graph {
    /// The directory with the root of the crate, from the repository.
    pub source: String,
    pub arrows: BTreeMap<String, BTreeMap<String, Arrow>>,
}

/// The first place where a file imports from another one.
#[derive(Clone, Debug)]
pub struct Arrow {
    pub line: usize,
    pub path: String,
}

impl Graph {
    pub fn of(repository: &Path, source: &str) -> Result<Self> {
        let mut texts = BTreeMap::new();
        collect(&repository.join(source), &[], &mut texts)?;
        Ok(Self { source: source.to_owned(), arrows: arrows(&texts) })
    }

    /// A crate of texts by the paths of their modules.
    pub fn of_texts(texts: &[(&str, &str)]) -> Self {
        let parts = |path: &str| path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let texts = texts.iter().map(|(path, text)| (parts(path), (*text).to_owned())).collect();
        Self { source: "src".to_owned(), arrows: arrows(&texts) }
    }

    pub fn file(&self, module: &str) -> String {
        let module = if module.is_empty() { "lib" } else { module };
        format!("{}/{}.rs", self.source, module.replace("::", "/"))
    }

    /// The circles: sets of files that all import each other, if only through others.
    pub fn circles(&self) -> Vec<BTreeSet<&str>> {
        let reached: BTreeMap<&str, BTreeSet<&str>> =
            self.arrows.keys().map(|file| (file.as_str(), self.reached_from(file))).collect();
        let mut circles: Vec<BTreeSet<&str>> = Vec::new();
        for (file, targets) in &reached {
            if !targets.contains(file) || circles.iter().any(|circle| circle.contains(file)) {
                continue;
            }
            let returns = |other: &&&str| reached.get(**other).is_some_and(|targets| targets.contains(file));
            circles.push(targets.iter().filter(returns).copied().collect());
        }
        circles
    }

    fn reached_from(&self, file: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next = vec![file];
        while let Some(file) = next.pop() {
            for target in self.arrows.get(file).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(target.as_str()) {
                    next.push(target);
                }
            }
        }
        reached
    }
}

/// The first part of the path of a module: a file or a folder right below the root.
pub fn top(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

fn collect(directory: &Path, module: &[String], texts: &mut BTreeMap<Vec<String>, String>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let stem =
            path.file_stem().and_then(|stem| stem.to_str()).context("the name of a file is not UTF-8")?.to_owned();
        let name: Vec<String> = module.iter().cloned().chain([stem]).collect();
        if path.is_dir() {
            collect(&path, &name, texts)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            match name.as_slice() {
                [name] if name == "lib" => texts.insert(Vec::new(), text),
                // A program of the crate: nothing imports from it.
                [name] if name == "main" => None,
                _ => texts.insert(name, text),
            };
        }
    }
    Ok(())
}

fn arrows(texts: &BTreeMap<Vec<String>, String>) -> BTreeMap<String, BTreeMap<String, Arrow>> {
    let readings: Vec<_> = texts.iter().map(|(module, text)| (module, read(text, module))).collect();
    let for_tests: BTreeSet<Vec<String>> = readings
        .iter()
        .flat_map(|(module, reading)| {
            reading.for_tests.iter().map(|name| [module.as_slice(), std::slice::from_ref(name)].concat())
        })
        .collect();
    let mut all = BTreeMap::new();
    for (module, reading) in readings.iter().filter(|(module, _)| !for_tests.contains(*module)) {
        let mut arrows: BTreeMap<String, Arrow> = BTreeMap::new();
        for import in &reading.imports {
            let known = (0..=import.path.len()).rev().filter_map(|length| import.path.get(..length));
            let Some(target) = { known }.find(|path| texts.contains_key(*path)) else { continue };
            if target == module.as_slice() || (import.form == Form::Use && target == import.path) {
                continue;
            }
            let arrow = Arrow { line: import.line, path: import.path.join("::") };
            let first = arrows.entry(target.join("::")).or_insert_with(|| arrow.clone());
            if arrow.line < first.line {
                *first = arrow;
            }
        }
        all.insert(module.join("::"), arrows);
    }
    all
}

//! Scripts with inline metadata that stand for themselves, as members do where no targets are declared.

use std::collections::{BTreeMap, BTreeSet};

use super::files::Files;
use super::parsed::Project;
use crate::config::kind::Kind;
use crate::config::{Config, Request, Settings};
use crate::diagnostic::{Diagnostic, Diagnostics, Located, SourceFile, Span, quoted};
use crate::lock::script::Script;
use crate::manifest::configuration::{is_uv_toml, of_file};
use crate::manifest::{self, Manifest, settings};
use crate::paths::joined;
use crate::paths::script::{lock_of, script_of, stem};

/// Tells the paths of the locks in a context that may be those of scripts.
pub type Find<'a, E> = dyn FnMut() -> Result<BTreeSet<String>, E> + 'a;

/// How deep locks of scripts are looked for.
pub const DEEPEST: usize = 4;

/// How the name of the lock of a python script ends.
pub const SUFFIX: &str = ".py.lock";

/// What is known of a context before a lock is chosen.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The config, if there is one.
    pub config: Option<&'a Config>,
    /// `uv.lock` at the root, if there is one.
    pub lock: Option<&'a SourceFile>,
    /// There is a `pyproject.toml` at the root.
    pub has_manifest: bool,
}

/// The lock of the script that a request means, if it means one: by its name, or by its path. Without a name it is the only one, in a
/// context that has no project. `None` where the config says what there is to build.
pub fn meant<E: From<Diagnostics>>(
    known: Known<'_>,
    request: &Request,
    find: &mut Find<'_, E>,
) -> Result<Option<String>, E> {
    match may_mean_one(known, request) {
        Meaning::None => Ok(None),
        Meaning::Path(path) => Ok(Some(lock_of(&path))),
        Meaning::Found => Ok(chosen(request, &find()?)?),
    }
}

/// What a request may mean, before it is known which scripts there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// No script.
    None,
    /// The script at this path.
    Path(String),
    /// One of those that there are.
    Found,
}

/// Whether a request may mean a script.
pub fn may_mean_one(known: Known<'_>, request: &Request) -> Meaning {
    let declares = known.config.is_some_and(|config| !config.targets.is_empty() || config.defaults.lock.is_some());
    match request {
        _ if declares => Meaning::None,
        Request::Package(_) => Meaning::None,
        Request::Target(name) if name.ends_with(".py") => Meaning::Path(joined(".", name)),
        Request::Target(name) => {
            let is_package = known.lock.is_some_and(|lock| lock.text.contains(&format!("name = \"{name}\"\n")));
            if is_package { Meaning::None } else { Meaning::Found }
        }
        Request::Default if known.lock.is_some() || known.has_manifest => Meaning::None,
        Request::Default => Meaning::Found,
    }
}

/// The lock of the script that a request means, of those that there are.
pub fn chosen(request: &Request, locks: &BTreeSet<String>) -> Result<Option<String>, Diagnostics> {
    let scripts: Vec<&str> = locks.iter().filter_map(|lock| script_of(lock)).collect();
    let is_meant = |script: &&str| match request {
        Request::Target(name) => stem(script) == name,
        Request::Default => true,
        Request::Package(_) => false,
    };
    let meant: Vec<&str> = scripts.into_iter().filter(is_meant).collect();
    match &meant[..] {
        [] => Ok(None),
        [only] => Ok(Some(lock_of(only))),
        several => Err(Diagnostic::new(
            "config::no_default_target",
            "the build context has several scripts that could be built",
        )
        .help("choose one with `--target`, or declare targets in `uv.build.toml`")
        .help(format!("scripts: {}", quoted(several)))
        .into()),
    }
}

/// Names of the scripts as targets: their stems, or their paths where two have the same stem.
pub fn names(locks: &BTreeSet<String>) -> Vec<String> {
    let scripts: Vec<&str> = locks.iter().filter_map(|lock| script_of(lock)).collect();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for script in &scripts {
        *count.entry(stem(script)).or_default() += 1;
    }
    let name = |script: &&str| if count[stem(script)] == 1 { stem(script) } else { script }.to_owned();
    scripts.iter().map(name).collect()
}

/// Whether a path may be that of the lock of a script: not one in a directory of tools, or too deep.
pub fn is_lock(path: &str) -> bool {
    let is_python = path.ends_with(SUFFIX) && path.rsplit('/').next() != Some(SUFFIX);
    is_python
        && path.matches('/').count() <= DEEPEST
        && path.rsplit_once('/').is_none_or(|(above, _)| may_hold_locks(above))
}

/// Whether locks of scripts are looked for in a directory.
pub fn may_hold_locks(directory: &str) -> bool {
    let is_foreign = |part: &str| {
        part.starts_with('.') && part != "." || ["node_modules", "site-packages", "__pycache__"].contains(&part)
    };
    !directory.split('/').any(is_foreign)
}

/// Reads the block of a script, and puts the settings in it together with those of the context's root, where uv runs (uv: `run` in
/// `crates/uv/src/lib.rs`).
pub(super) fn read(files: &Files, script: &str) -> Result<(Manifest, settings::Settings), Diagnostics> {
    let Some(file) = &files.manifest else {
        return Err(Diagnostic::new("script::missing", format!("there is no `{script}` in the build context"))
            .at(place(files, script))
            .help("check whether `.dockerignore` excludes it")
            .into());
    };
    let mut manifest = manifest::script::parse(file)?;
    let own = settings::parse(&manifest.file)?;
    let outside = files.uv_toml.iter().chain(&files.above).find(|file| of_file(file).is_some());
    if let Some(configuration) = manifest.declarations.as_mut().and_then(|declared| declared.configuration.as_mut()) {
        configuration.is_combined = outside.is_some();
    }
    let (indexes, others) = match outside {
        None => return Ok((manifest, own)),
        Some(file) if is_uv_toml(file) => {
            let none = manifest::Indexes::default();
            (manifest::indexes_beside(file, &none)?, settings::parse_beside(file, settings::Settings::default())?)
        }
        // uv passes over a manifest that it cannot read.
        Some(file) => match (manifest::indexes_above(file), settings::parse(file)) {
            (Ok(indexes), Ok(settings)) => (indexes, settings),
            _ => return Ok((manifest, own)),
        },
    };
    manifest.indexes = manifest.indexes.or(indexes);
    Ok((manifest, own.or(others)))
}

/// Where the config names a script; else its lock.
fn place(files: &Files, script: &str) -> Span {
    let named = files.config.as_ref().and_then(|config| {
        let start = config.text.find(&format!("\"{script}\""))?;
        Some(Span::new(config, start..start + script.len() + 2))
    });
    named.unwrap_or_else(|| Span::whole(&files.lock))
}

impl Project {
    /// The script that all of it is about, if it is no project.
    pub fn script(&self) -> Option<&Script> {
        self.lock.script.as_ref()
    }

    /// The script that a target has, and the place that names it; none where it leaves what a script requires alone.
    pub(super) fn script_of(&self, settings: &Settings, kind: Kind) -> Option<Located<String>> {
        let script = self.script().filter(|_| matches!(kind, Kind::Image | Kind::LambdaZip))?;
        let span = settings.script.as_ref().map(|named| named.span.clone());
        let span = span.or_else(|| Some(Span::whole(&self.manifest.as_ref()?.file)))?;
        Some(Located { value: script.path.clone(), span })
    }
}

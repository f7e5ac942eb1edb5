//! Files that a workspace needs to be built, written where there are none.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::arguments::SelectionArgs;
use super::error::CliError;
use super::listing;
use super::tree::{Parsed, Tree};
use crate::config;
use crate::config::Request;
use crate::diagnostic::{Diagnostics, SourceFile};
use crate::entry::{self, SYNTAX};
use crate::lock::{self, PackageId, Source};
use crate::manifest;
use crate::paths::script::{lock_of, script_of, stem};
use crate::paths::{directory_of, file_in};
use crate::plan::version::FROM_GIT;
use crate::private;
use crate::project::{Files, Project, Read, missing_lock};
use crate::service::Start;

/// What is never part of an image, and need not be looked at.
const IGNORED: &str = "\
# What no build reads.
**/.git
**/.venv
**/__pycache__
**/.mypy_cache
**/.pytest_cache
**/.ruff_cache
**/node_modules
# What `uv build` leaves. Other programs have a directory of this name for what an image needs.
**/dist/*.whl
**/dist/*.tar.gz
# What is kept private.
**/.env
**/.env.local
**/.env.*.local
**/.env.dev
**/.env.development
**/.env.prod
**/.env.production
**/.env.staging
**/.env.test
**/.git-credentials
**/.netrc
**/.pgpass
**/.pypirc
**/id_dsa
**/id_ecdsa
**/id_ed25519
**/id_rsa
";

/// What `docker buildx build` reads where no `-f` is given.
pub fn stub() -> String {
    format!("# syntax={SYNTAX}\n")
}

/// A target to declare.
struct Declared {
    name: String,
    /// The member that it is of, or the script.
    of: Of,
    /// Path of its lock, where that is not the root's.
    lock: Option<String>,
    /// It is no package: its files are copied.
    is_application: bool,
    /// Scripts that it brings.
    scripts: Vec<String>,
    /// It is the project at the root of its workspace.
    is_root: bool,
    /// Another member needs it.
    is_needed: bool,
}

/// What a target is made from.
enum Of {
    /// The member with this name.
    Package(String),
    /// The script at this path.
    Script(String),
}

impl Declared {
    /// A target of a script.
    fn of_script(path: &str, lock: &str) -> Self {
        Self {
            name: stem(path).to_owned(),
            of: Of::Script(path.to_owned()),
            lock: Some(lock.to_owned()),
            is_application: false,
            scripts: Vec::new(),
            is_root: false,
            is_needed: false,
        }
    }

    /// How much it is what is meant by the whole; the greatest is the default. The project at the root is, unless it is a library
    /// of others; then those that can be started.
    fn rank(&self) -> u8 {
        match (self.is_root, !self.scripts.is_empty(), self.is_needed) {
            (true, true, _) => 4,
            (true, false, false) => 3,
            (false, true, _) => 2,
            (true, false, true) => 1,
            (false, false, _) => 0,
        }
    }
}

/// Writes stub, config and ignore file for a workspace. Gives back a line on each file, and what to do next. What is there stays as
/// it is. A dry run shows the texts, and writes nothing.
pub fn write(selection: &SelectionArgs, is_dry: bool) -> Result<Vec<String>, CliError> {
    let directory = &selection.directory;
    let locks = locks(directory)?;
    let mut lines = Vec::new();
    // A config that is there is kept, whatever it says.
    let config = match directory.join(config::FILE_NAME).exists() {
        true => String::new(),
        false => {
            let targets = targets(selection, locks, &mut lines)?;
            lines.extend(unlocked(selection, &targets));
            let found = starts(selection, &targets, "");
            // What takes its version from git is planned once a config declares the version.
            match found.values().any(takes_version_from_git) {
                true => config_text(&targets, &starts(selection, &targets, VERSIONS), VERSIONS),
                false => config_text(&targets, &found, ""),
            }
        }
    };
    let made = config.clone();
    let files = [("Dockerfile", stub()), (config::FILE_NAME, config), (".dockerignore", IGNORED.to_owned())];
    for (name, text) in files {
        if !is_dry {
            lines.push(create(directory, name, &text)?);
        } else if directory.join(name).exists() {
            lines.push(format!("would keep {name}, which already exists"));
        } else {
            lines.push(format!("would write {name}:\n\n{text}"));
        }
    }
    if !is_dry {
        lines.extend(private_files(selection));
    }
    lines.push(format!("next: {}", next(selection, &made)?));
    Ok(lines)
}

/// The command that builds. A Dockerfile that is no stub would be built instead of the config.
fn next(selection: &SelectionArgs, config: &str) -> Result<String, CliError> {
    let is_of_others = selection.read("Dockerfile")?.is_some_and(|file| entry::classify(&file).is_err());
    let file = if is_of_others { " -f uv.build.toml" } else { "" };
    // Of several scripts none is the default.
    let written = config::parse(&SourceFile::new(config::FILE_NAME, config), &BTreeMap::new());
    let target = written.ok().filter(|config| config.default_target.is_none() && config.targets.len() > 1);
    let target = target.and_then(|config| Some(format!(" --target {}", config.targets.first()?.name.value)));
    Ok(format!("docker buildx build{file}{} .", target.unwrap_or_default()))
}

/// What each target starts, or why that is not clear.
type Starts = BTreeMap<String, Result<Option<Start>, Diagnostics>>;

/// Tables of a config for projects whose version is in git's tags.
const VERSIONS: &str = "
[args]
# Git's tags have the version, and a build does not see them: docker buildx build --build-arg VERSION=1.2.3
VERSION = \"0.dev0\"

[members.\"*\"]
version = \"${args.VERSION}\"
";

fn takes_version_from_git(start: &Result<Option<Start>, Diagnostics>) -> bool {
    start.as_ref().is_err_and(|errors| errors.iter().any(|error| error.code == FROM_GIT))
}

/// Finds it out with a config that has nothing but the targets, and `tables`.
fn starts(selection: &SelectionArgs, targets: &[Declared], tables: &str) -> Starts {
    let text = config_text(targets, &Starts::new(), tables);
    let parsed = Parsed::default();
    let read = |name: &str| match name == config::FILE_NAME {
        true => Ok(Some(SourceFile::new(config::FILE_NAME, text.as_str()))),
        false => selection.read(name),
    };
    let start = |name: &str| -> Result<Option<Start>, CliError> {
        let selection = SelectionArgs { target: Some(name.to_owned()), ..selection.clone() };
        let chosen = selection.choose_locked(&mut Tree::new(&selection, &parsed, Box::new(&read))?)?;
        Ok(chosen.prepare(true)?.plan.start.clone())
    };
    let found = targets.iter().map(|target| {
        let start = match start(&target.name) {
            Ok(start) => Ok(start),
            Err(CliError::Diagnostics(errors)) => Err(errors),
            // A build tells what is wrong.
            Err(_) => Ok(None),
        };
        (target.name.clone(), start)
    });
    found.collect()
}

/// What an ignore file that was there before does not leave out, though images are to have all around it.
fn private_files(selection: &SelectionArgs) -> BTreeSet<String> {
    let names = selection.target_names().unwrap_or_default();
    let of_target = |name: String| SelectionArgs { target: Some(name), ..selection.clone() }.compile(true).ok();
    let warnings = names.into_iter().filter_map(of_target).flat_map(|compiled| compiled.warnings);
    warnings.filter(private::is_about).map(|warning| format!("warning: {}", warning.message)).collect()
}

/// Paths of the locks that lie in the directory or below, the root's first.
fn locks(directory: &Path) -> Result<Vec<String>, CliError> {
    let mut locks = Vec::new();
    find_locks(directory, ".", &mut locks);
    locks.extend(listing::locks_of_scripts(directory));
    locks.sort_by_key(|path| (script_of(path).is_some(), path.matches('/').count(), path.clone()));
    if locks.is_empty() { Err(missing_lock(None, None, lock::FILE_NAME, None, None).into()) } else { Ok(locks) }
}

/// The targets of these locks. What is wrong with one that is not the root's is told.
fn targets(selection: &SelectionArgs, locks: Vec<String>, lines: &mut Vec<String>) -> Result<Vec<Declared>, CliError> {
    let read = &mut |name: &str| selection.read(name);
    let mut targets: Vec<Declared> = Vec::new();
    for path in locks {
        let is_root = path == lock::FILE_NAME;
        if let Some(script) = script_of(&path) {
            let mut target = Declared::of_script(script, &path);
            if targets.iter().any(|known| known.name == target.name) {
                target.name = script.trim_end_matches(".py").replace('/', "-");
            }
            targets.push(target);
            continue;
        }
        let members = match members(&path, read) {
            Ok(members) => members,
            Err(CliError::Diagnostics(errors)) if !is_root => {
                let reason = errors.to_string();
                lines.push(format!("left out {path}: {}", reason.lines().next().unwrap_or_default()));
                continue;
            }
            Err(error) => return Err(error),
        };
        for mut target in members {
            if targets.iter().any(|known| known.name == target.name) {
                target.name = format!("{}-{}", directory_of(&path).replace('/', "-"), target.name);
            }
            targets.push(Declared { lock: (!is_root).then(|| path.clone()), ..target });
        }
    }
    Ok(targets)
}

/// What one would build of a lock: the project at its root, the members with scripts, and those that no other member needs.
fn members(path: &str, read: &mut Read<'_, CliError>) -> Result<Vec<Declared>, CliError> {
    let Some(lock) = read(path)? else { return Ok(Vec::new()) };
    let project = Project::parse(&Files::beside(None, lock, read)?, &BTreeMap::new())?;
    let manifests = project.read_manifests(&Request::Default, read)?;
    let members: Vec<PackageId> = project.lock.members.iter().filter_map(|name| project.lock.member(name)).collect();
    let needed = |wanted: PackageId| {
        members.iter().filter(|id| **id != wanted).any(|id| project.lock.packages[*id].reaches(wanted))
    };
    let mut targets = Vec::new();
    for id in &members {
        let package = &project.lock.packages[*id];
        let name = package.name.to_string();
        let scripts: Vec<String> =
            manifests.get(id).map(|manifest| manifest.scripts.keys().cloned().collect()).unwrap_or_default();
        let is_root = package.source.project_dir() == Some(&project.lock.root);
        let is_needed = needed(*id);
        // The root of a workspace often only holds the tools of those who work on it.
        let is_empty = members.len() > 1 && package.dependencies.is_empty();
        let is_application = matches!(package.source, Source::Virtual(_));
        let holds_something = !is_application || !is_empty;
        // What samples and tests beside it need is what they are about.
        if !scripts.is_empty() || (holds_something && (is_root || !is_needed)) {
            let of = Of::Package(name.clone());
            targets.push(Declared { name, of, lock: None, is_application, scripts, is_root, is_needed });
        }
    }
    Ok(targets)
}

/// How deep locks are looked for: a repository of several workspaces keeps them near its root.
const MAX_DEPTH: usize = 4;

/// Adds the paths of locks below a directory. What cannot be read has none.
fn find_locks(directory: &Path, within: &str, locks: &mut Vec<String>) {
    let Ok(entries) = directory.read_dir() else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = file_in(within, &name);
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if name == lock::FILE_NAME && !is_directory {
            locks.push(path);
        } else if is_directory
            && !name.starts_with('.')
            && name != "node_modules"
            && path.matches('/').count() < MAX_DEPTH
            && !entry.path().join("pyvenv.cfg").exists()
        {
            find_locks(&entry.path(), &path, locks);
        }
    }
}

/// Writes a file where there is none, and says what it did.
pub fn create(directory: &Path, name: &str, text: &str) -> Result<String, CliError> {
    let path = directory.join(name);
    let written = OpenOptions::new().write(true).create_new(true).open(&path);
    match written.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => Ok(format!("wrote {name}")),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(format!("kept {name}, which already exists")),
        Err(error) => Err(CliError::Read { path, error }),
    }
}

fn config_text(targets: &[Declared], starts: &Starts, tables: &str) -> String {
    let mut text = format!("# syntax={SYNTAX}\n# Keys: `uv-buildkit schema`; what is built: `uv-buildkit plan`.\n");
    // Of the first lock, which is the root's if that has one; the first of equals.
    let lock = targets.first().map(|first| &first.lock);
    let of_lock = targets.iter().rev().filter(|target| Some(&target.lock) == lock);
    let is_of_project = |target: &&Declared| matches!(target.of, Of::Package(_));
    let default = of_lock.filter(is_of_project).max_by_key(|target| target.rank());
    if let (Some(default), 2..) = (default, targets.len()) {
        text += &format!("default-target = \"{}\"\n", default.name);
    }
    text += tables;
    for Declared { name, of, lock, is_application, is_root, scripts, .. } in targets {
        text += &format!("\n[targets.{}]\n", key(name));
        match of {
            Of::Script(script) => text += &format!("script = {script:?}\n"),
            Of::Package(package) => {
                text += &format!("package = \"{package}\"\n");
                text.extend(lock.iter().map(|lock| format!("lock = \"{lock}\"\n")));
            }
        }
        if *is_application {
            text += "# It has no `[build-system]`: its files are copied to /app, and belong to root.\n";
        }
        let writes = starts.get(name).and_then(|start| start.as_ref().ok()?.as_ref()?.writes.as_ref());
        match writes {
            Some(path) => {
                // It may be beside the module, or in the working directory.
                let beside = path
                    .rsplit_once('/')
                    .filter(|_| *is_application && *is_root)
                    .map(|(directory, _)| format!(", \"/app/{directory}\""));
                text += &format!(
                    "# `{path}` has data beside the sources: the user may write there.\nwritable = [\"/app\"{}]\n",
                    beside.unwrap_or_default()
                );
            }
            None if *is_application => {
                text += "# If it writes beside them, as with sqlite: writable = [\"/app\"]\n";
            }
            None => {}
        }
        match starts.get(name) {
            Some(Ok(Some(start))) => text += &start_text(start),
            Some(Err(errors)) => text += &unclear_text(errors),
            None | Some(Ok(None)) if matches!(of, Of::Script(_)) => {}
            None | Some(Ok(None)) if !scripts.is_empty() => text += &choice_text(scripts),
            None | Some(Ok(None)) => text += "# Set the command: cmd = [\"python\", \"-m\", \"MODULE\"]\n",
        }
    }
    text
}

/// A name as a key of TOML.
fn key(name: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || ['-', '_'].contains(&char);
    if name.chars().all(is_bare) { name.to_owned() } else { format!("{name:?}") }
}

/// A line for each script beside the targets that has inline metadata and no lock.
fn unlocked(selection: &SelectionArgs, targets: &[Declared]) -> Vec<String> {
    let of_scripts = targets.iter().filter_map(|target| match &target.of {
        Of::Script(path) => Some(directory_of(path)),
        Of::Package(_) => None,
    });
    let directories: BTreeSet<&str> = of_scripts.collect();
    let mut lines = Vec::new();
    for directory in directories {
        let entries = selection.directory.join(directory).read_dir().into_iter().flatten().flatten();
        let names = entries.map(|entry| file_in(directory, &entry.file_name().to_string_lossy()));
        let scripts: BTreeSet<String> = names.filter(|path| path.ends_with(".py")).collect();
        for path in scripts.into_iter().filter(|path| !selection.directory.join(lock_of(path)).exists()) {
            if selection.read(&path).is_ok_and(|file| file.is_some_and(|file| manifest::script::has_block(&file.text)))
            {
                lines.push(format!("left out {path}: it has no lockfile; run `uv lock --script {path}`"));
            }
        }
    }
    lines
}

/// What was found that a target starts, as keys. A script of the project is started without a word.
fn start_text(start: &Start) -> String {
    if start.is_script {
        return String::new();
    }
    let list = |words: &[String]| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
    let mut text = format!("# {}.\ncmd = [{}]\n", start.reason, list(&start.cmd));
    if !start.env.is_empty() {
        let entries: Vec<String> = start.env.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
        text += &format!("env = {{ {} }}\n", entries.join(", "));
    }
    text.extend(start.port.map(|port| format!("expose = [{port}]\n")));
    text
}

/// Which scripts there are, where none is the one that is meant.
fn choice_text(scripts: &[String]) -> String {
    let lines = scripts.iter().enumerate().map(|(index, script)| match index {
        0 => format!("# Say which of its scripts starts: cmd = [{script:?}]\n"),
        _ => format!("# or cmd = [{script:?}]\n"),
    });
    lines.collect()
}

/// Why it is not clear what a target starts, and what to write, as comments.
fn unclear_text(errors: &Diagnostics) -> String {
    let lines = errors.iter().flat_map(|error| std::iter::once(&error.message).chain(&error.help));
    lines.flat_map(|text| text.lines()).map(|line| format!("# {line}\n")).collect()
}

//! What a project starts where nobody said so: found in the names and texts of its files and in its lock, without running any of it.
//! Pure: it says which files it wants to read, and is given their texts.

mod applications;
mod data;
mod programs;
mod project;
mod servers;
mod source;
pub mod syntax;

use std::collections::{BTreeMap, BTreeSet};

use crate::ignore;
use crate::paths::file_in;
pub use data::beside;
use project::PORT;
pub use project::{Found, Modules, Project, Start};
pub use source::is_aside;
use source::{Source, below, depth, stem};
use syntax::Module;

/// Where a service listens, if nobody says another.
pub const DEFAULT_PORT: u16 = 8000;

/// More files are not read.
const MOST_FILES: usize = 64;

/// More of a file is not read.
pub const MOST_BYTES: u64 = 256 * 1024;

/// What modules are usually called that something is started from, beside `main` and `app`.
const USUAL: [&str; 26] = [
    "__init__",
    "__main__",
    "api",
    "application",
    "asgi",
    "bot",
    "cli",
    "dashboard",
    "demo",
    "entrypoint",
    "factory",
    "gui",
    "hello",
    "home",
    "index",
    "launch",
    "manage",
    "run",
    "serve",
    "server",
    "service",
    "start",
    "streamlit_app",
    "ui",
    "web",
    "wsgi",
];

/// The files to read of a project, of the paths of all that lies in its directory. The shallowest come first.
pub fn wanted<'a>(paths: impl IntoIterator<Item = &'a str>, directory: &str, left_out: &[String]) -> BTreeSet<String> {
    let start = if directory == "." { String::new() } else { format!("{directory}/") };
    let below = paths.into_iter().filter_map(|path| path.strip_prefix(&start));
    let mut found: Vec<(usize, bool, &str)> =
        below.filter_map(|path| Some((depth(path)?, !is_usual(path) && !data::is_usual(stem(path)), path))).collect();
    found.retain(|(depth, is_other, path)| {
        (*depth == 0 || !is_other) && ignore::leaves_out(left_out, &file_in(directory, path)).is_none()
    });
    found.sort_unstable();
    found.into_iter().take(MOST_FILES).map(|(_, _, path)| file_in(directory, path)).collect()
}

fn is_usual(path: &str) -> bool {
    let stem = stem(path).to_lowercase();
    // Streamlit's first page may begin with a picture, and `settings` tells which project of Django's a file is of.
    ["main", "app"].contains(&stem.as_str()) || USUAL.contains(&stem.as_str()) || stem.ends_with("home")
}

/// Whether there is a framework among packages whose applications are found.
pub fn has_frameworks<'a>(mut packages: impl Iterator<Item = &'a str>) -> bool {
    packages.any(applications::is_framework)
}

/// What a project starts.
pub fn find(project: &Project<'_>) -> Found {
    let sources = project.sources();
    let served = applications::find(project, &sources);
    let own = project.scripts.iter().find(|(name, _)| name.replace('_', "-").to_lowercase() == project.name);
    let only = project.scripts.iter().next().filter(|_| project.scripts.len() == 1);
    let start_of = |(name, _): (&String, &String)| Start {
        cmd: vec![name.clone()],
        env: BTreeMap::new(),
        port: None,
        reason: format!("`{name}` is the project's script"),
        is_script: true,
        writes: None,
    };
    let is_served = !matches!(served, Found::Nothing);
    match (own, only) {
        (Some(script), _) | (None, Some(script)) if !is_served || serves(script, &sources) => {
            Found::Start(start_of(script))
        }
        // A program of this name, and a service of which it knows nothing.
        (Some(script), _) => match served {
            Found::Start(served) => Found::Several(vec![served, start_of(script)]),
            Found::Several(all) => Found::Several(all.into_iter().chain([start_of(script)]).collect()),
            // Without a server it is the program that can be meant.
            Found::NoServer { .. } | Found::Nothing => Found::Start(start_of(script)),
        },
        (None, Some(script)) if matches!(served, Found::NoServer { .. }) => Found::Start(start_of(script)),
        _ if is_served => served,
        _ => programs::find(project, &sources),
    }
}

/// A command as a shell would take it.
pub fn shown(words: &[String]) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "_-./:=@%+,".contains(char);
    let shown = words.iter().map(|word| match !word.is_empty() && word.chars().all(is_plain) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// Names of functions that a service is run by.
const RUNNING: [&str; 11] = [
    "execute_from_command_line",
    "execv",
    "execvp",
    "launch",
    "run",
    "run_app",
    "run_forever",
    "run_simple",
    "serve",
    "serve_forever",
    "start_server",
];

/// Whether what a script calls starts a server itself. Of one that was not read that is thought.
fn serves((_, target): (&String, &String), sources: &[Source]) -> bool {
    let module = target.split(':').next().unwrap_or_default().trim();
    let Some(source) = sources.iter().find(|source| source.name == module) else { return true };
    source.module.called.iter().any(|name| RUNNING.contains(&name.rsplit('.').next().unwrap_or_default()))
}

impl Project<'_> {
    /// The modules that were read, as the image knows them.
    fn sources(&self) -> Vec<Source> {
        let modules = self.modules.iter().filter_map(|(path, file)| {
            let path = below(path, self.directory)?;
            // Others were read for what they say of data.
            depth(path).filter(|depth| *depth == 0 || is_usual(path))?;
            Some((path.to_owned(), Module::parse(&file.text)))
        });
        let modules: Vec<(String, Module)> = modules.collect();
        // Where modules call each other by `src.`, that is a package like others.
        let names_src = modules.iter().any(|(_, module)| module.uses("src"));
        let of = |(path, module): (String, Module)| {
            let (root, below) = match path.strip_prefix("src/") {
                Some(below) if self.is_package || !names_src => ("src", below),
                _ => ("", path.as_str()),
            };
            let is_in_package = root == "src" && below.contains('/') || self.names_package(below);
            let name = below.strip_suffix(".py").unwrap_or(below).replace('/', ".");
            let name = name.strip_suffix(".__init__").unwrap_or(&name).to_owned();
            let root = if self.is_package { "" } else { root }.to_owned();
            (!self.is_package || is_in_package).then_some(Source { path: path.clone(), name, root, module })
        };
        modules.into_iter().filter_map(of).collect()
    }

    /// Whether the wheel of the project has the directory that a module lies in: it is called like the project, or the manifest names it.
    fn names_package(&self, path: &str) -> bool {
        let Some((top, _)) = path.split_once('/') else { return false };
        top.replace('_', "-").to_lowercase() == self.name || self.manifest.contains(&format!("\"{top}\""))
    }

    fn has(&self, package: &str) -> bool {
        self.packages.contains(package)
    }

    /// A path of a file of the project, as it is seen from the working directory.
    fn start(&self, words: &[&str], root: &str, reason: String) -> Draft<'_> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        let draft = Draft { project: self, words, env: BTreeMap::new(), exports: Vec::new(), listens: false, reason };
        match root {
            "" => draft,
            root => draft.env("PYTHONPATH", &format!("{}/{root}", self.workdir.trim_end_matches('/'))),
        }
    }
}

/// A command that is put together.
struct Draft<'a> {
    project: &'a Project<'a>,
    words: Vec<String>,
    env: BTreeMap<String, String>,
    /// Variables that have the port under another name.
    exports: Vec<&'static str>,
    /// It listens at the port.
    listens: bool,
    reason: String,
}

impl Draft<'_> {
    fn words(mut self, words: &[&str]) -> Self {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// It reads the variable `PORT` itself, or has it in a word.
    fn listening(mut self) -> Self {
        self.listens = true;
        self
    }

    /// It reads the port from another variable.
    fn export(mut self, name: &'static str) -> Self {
        self.exports.push(name);
        self.listening()
    }

    /// The command. What is known when a container starts is filled in by a shell, if there is one.
    fn finish(self) -> Start {
        let Self { project, words, mut env, exports, listens, reason } = self;
        let port = project.port.to_string();
        if listens {
            env.insert("PORT".to_owned(), port.clone());
        }
        let needs_shell = !exports.is_empty() || words.iter().any(|word| word.contains(PORT));
        let cmd = if needs_shell && project.has_shell {
            let exports = exports.iter().map(|name| format!("export {name}=\"$PORT\"; "));
            let words = words.iter().map(|word| match word.contains(PORT) {
                true => word.replace(PORT, "$PORT"),
                false => shown(std::slice::from_ref(word)),
            });
            let line = exports.collect::<String>() + "exec " + &words.collect::<Vec<_>>().join(" ");
            vec!["sh".to_owned(), "-c".to_owned(), line]
        } else {
            env.extend(exports.iter().map(|name| ((*name).to_owned(), port.clone())));
            words.iter().map(|word| word.replace(PORT, &port)).collect()
        };
        Start { cmd, env, port: listens.then_some(project.port), reason, is_script: false, writes: None }
    }
}

#[cfg(test)]
mod tests;

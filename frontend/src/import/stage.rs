//! Stages of a Dockerfile: what the instructions of each leave, and those of the stages that it begins from.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::account::Accounts;
use super::sync::Sync;
use super::text::Text;

/// A stage at its end.
#[derive(Clone, Debug, Default)]
pub struct Stage {
    /// `AS name`.
    pub name: Option<String>,
    /// Where its `FROM` is.
    pub range: Range<usize>,
    /// All of it.
    pub extent: Range<usize>,
    /// The stage that it begins from.
    pub parent: Option<usize>,
    /// The image under it, or under the stages that it begins from.
    pub base: Text,
    /// `ENV`, with the place of each.
    pub env: BTreeMap<String, (Text, Range<usize>)>,
    /// `ARG`, those before the first `FROM` only where they are asked for.
    pub args: BTreeMap<String, Text>,
    /// `WORKDIR`, absolute.
    pub workdir: Option<Text>,
    /// `USER`, the last one.
    pub user: Option<(Text, Range<usize>)>,
    /// Users that were added.
    pub accounts: Accounts,
    /// Debian packages that were installed.
    pub packages: Vec<Text>,
    /// Those that were taken out again: something was built with them.
    pub removed: Vec<Text>,
    /// Packages of Alpine.
    pub added: Vec<Added>,
    /// What filled the environment, in order.
    pub syncs: Vec<Sync>,
    /// The image that uv was taken from.
    pub uv: Option<Text>,
    /// The version of a python that uv installs itself, where it does.
    pub managed_python: Option<Option<Text>>,
    /// Packages were installed into a plain directory, as AWS Lambda wants them.
    pub directory_layout: Option<Text>,
    /// Environments that `uv venv` made.
    pub environments: Vec<String>,
    /// Directories that were made, and those that were given to somebody.
    pub directories: Vec<Directory>,
    /// Directories that a `WORKDIR` made.
    pub workdirs: BTreeSet<String>,
    /// Directories that a `COPY --chown` made on the way to what it copies, and for whom.
    pub parents: Vec<(String, String)>,
    /// What a `RUN` sees of the context: the path there, and the path in the stage.
    pub binds: Vec<(String, String)>,
    /// Copies from the context.
    pub copies: Vec<Copy>,
    /// Copies from other stages.
    pub taken: Vec<Taken>,
    /// Commands that look like checks.
    pub checks: Vec<Check>,
    /// Commands that the compiler does not do by itself, and no key stands for.
    pub made: Vec<Made>,
    /// Scripts of the context that its `RUN`s started, and that were read.
    pub scripts: Vec<String>,
    /// How many commands its `RUN`s have.
    pub commands: usize,
    /// Directories that its `RUN`s find as they left them.
    pub caches: Vec<String>,
    /// A `RUN` of it was given a secret, or something else that is not carried over.
    pub is_incomplete: bool,
    /// It runs on the builder's platform.
    pub is_on_builder: bool,
    /// `SHELL`, which starts commands that are not lists.
    pub shell: Vec<String>,
    /// What starts in its containers.
    pub runtime: Runtime,
    /// `LABEL`.
    pub labels: BTreeMap<String, Text>,
    /// `EXPOSE`, as `PORT` or `PORT/PROTOCOL`.
    pub expose: Vec<Text>,
    /// `VOLUME`.
    pub volumes: Vec<Text>,
}

/// A package of Alpine.
#[derive(Clone, Debug)]
pub struct Added {
    /// Its name, and bounds of its version.
    pub name: Text,
    /// `--virtual`: by this name it is taken out.
    pub group: Option<String>,
    /// It was taken out again: something was built with it.
    pub is_deleted: bool,
}

/// A copy of a file or directory of the context.
#[derive(Clone, Debug)]
pub struct Copy {
    /// Path in the context; `.` is all of it.
    pub from: String,
    /// Absolute path in the image, of the copy itself.
    pub to: String,
    /// Where it is.
    pub range: Range<usize>,
    /// Where the path is.
    pub word: Range<usize>,
    /// `--chown`, with its place.
    pub owner: Option<(String, Range<usize>)>,
    /// Permission bits that it is given, as `0755`, with the place of what gives them.
    pub mode: Option<(String, Range<usize>)>,
}

impl Copy {
    /// Whether it puts all of the context into the working directory of a stage.
    pub fn is_all(&self, stage: &Stage) -> bool {
        self.from == "." && self.to == stage.absolute(".")
    }
}

/// A copy of a file or directory of another stage.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The stage.
    pub stage: usize,
    /// Absolute path there.
    pub from: String,
    /// Absolute path here.
    pub to: String,
    /// Where it is.
    pub range: Range<usize>,
    /// Where the path is.
    pub word: Range<usize>,
    /// `--chown`, with its place.
    pub owner: Option<(String, Range<usize>)>,
}

/// A directory that a command made, or gave to somebody.
#[derive(Clone, Debug)]
pub struct Directory {
    /// Absolute path.
    pub path: String,
    /// Whom it was given to, as `chown` takes it; absent where it was made.
    pub owner: Option<String>,
    /// Where the path is, of one that was made; else the command.
    pub range: Range<usize>,
}

/// A command that tests.
#[derive(Clone, Debug)]
pub struct Check {
    /// Its words.
    pub words: Vec<Text>,
    /// Where it is.
    pub range: Range<usize>,
}

/// A command that makes something.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its words, unless a shell has more to do than to start it, or commands before it changed what it finds.
    pub words: Option<Vec<Text>>,
    /// It changes modes of files, and nothing else.
    pub changes_modes: bool,
    /// Itself, in a message.
    pub shown: String,
    /// Where it is.
    pub range: Range<usize>,
}

/// `CMD`, `ENTRYPOINT`, `HEALTHCHECK`, `STOPSIGNAL`.
#[derive(Clone, Debug, Default)]
pub struct Runtime {
    /// As a list of words.
    pub cmd: Option<Vec<Text>>,
    /// `cmd` is that of the stage that this one begins from.
    pub cmd_is_inherited: bool,
    /// As a list of words.
    pub entrypoint: Option<Vec<Text>>,
    /// The last one.
    pub healthcheck: Option<Healthcheck>,
    /// A name or a number.
    pub stop_signal: Option<Text>,
}

/// `HEALTHCHECK`.
#[derive(Clone, Debug)]
pub struct Healthcheck {
    /// Times and the like by their key in a config.
    pub options: Vec<(&'static str, Text)>,
    /// As a list of words.
    pub cmd: Vec<Text>,
}

impl Healthcheck {
    /// Everything that it says.
    pub fn texts(&self) -> impl Iterator<Item = &Text> {
        self.options.iter().map(|(_, text)| text).chain(&self.cmd)
    }
}

/// Where images of AWS Lambda look for code.
pub const LAMBDA_TASK_ROOT: &str = "/var/task";

impl Stage {
    /// What its containers have of it, and a stage that only copies from it has not.
    pub fn of_containers(&self) -> impl Iterator<Item = &Text> {
        let runtime = &self.runtime;
        let healthcheck = runtime.healthcheck.iter().flat_map(Healthcheck::texts);
        let commands = runtime.cmd.iter().chain(&runtime.entrypoint).flatten();
        commands
            .chain(healthcheck)
            .chain(&runtime.stop_signal)
            .chain(self.labels.values())
            .chain(&self.expose)
            .chain(&self.volumes)
    }

    /// What a variable stands for here.
    pub fn lookup(&self, name: &str) -> Option<Text> {
        let set = self.env.get(name).map(|(text, _)| text.clone()).or_else(|| self.args.get(name).cloned());
        set.or_else(|| (name == "LAMBDA_TASK_ROOT" && self.is_for_lambda()).then(|| Text::from(LAMBDA_TASK_ROOT)))
    }

    /// Whether its base is one of AWS Lambda.
    pub fn is_for_lambda(&self) -> bool {
        self.base.shown().contains("lambda/python")
    }

    /// An absolute path, of one that is relative to the working directory.
    pub fn absolute(&self, path: &str) -> String {
        let directory = self.workdir.as_ref().map_or_else(|| "/".to_owned(), Text::shown);
        absolute(&directory, path)
    }

    /// Notes the directories that a copy to a path makes, as those of the owner of what is copied.
    pub fn note_parents(&mut self, path: &str, owner: &str) {
        let lies_in = |path: &str, directory: &str| {
            path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut at = path.trim_end_matches('/');
        while !at.is_empty() {
            let made = self.directories.iter().map(|directory| &directory.path).chain(&self.workdirs);
            let copied = self.copies.iter().map(|copy| &copy.to).chain(self.taken.iter().map(|taken| &taken.to));
            if made.chain(copied).any(|known| lies_in(known, at)) || self.parents.iter().any(|(known, _)| known == at) {
                break;
            }
            self.parents.push((at.to_owned(), owner.to_owned()));
            at = at.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
    }

    /// The path in the context that a path of this stage was copied from.
    pub fn origin(&self, path: &str) -> Option<String> {
        let copies = self.copies.iter().rev().map(|copy| (&copy.from, &copy.to));
        let binds = self.binds.iter().rev().map(|(from, to)| (from, to));
        binds.chain(copies).find_map(|(from, to)| {
            let within = match path.strip_prefix(to.trim_end_matches('/'))? {
                "" => return Some(from.clone()),
                rest => rest.strip_prefix('/')?,
            };
            let directory = from.trim_end_matches('/');
            Some(if directory == "." { within.to_owned() } else { format!("{directory}/{within}") })
        })
    }

    /// The program `python` of an environment, or another one of it, is known by its name here: the environment is in `PATH`.
    pub fn without_environment(&self, program: &Text) -> Text {
        let shown = program.shown();
        match shown.rsplit_once("/bin/") {
            Some((environment, name)) if self.is_environment(environment) && program.is_constant() => {
                Text::from(name).with_words_of(program)
            }
            _ => program.clone(),
        }
    }

    /// Whether a name or an uid is that of the user whom its containers run as.
    pub fn is_user(&self, name: &str) -> bool {
        let Some((user, _)) = &self.user else { return false };
        let (user, named) = (self.accounts.find(&user.shown()), self.accounts.find(name));
        user.name == named.name && user.uid == named.uid
    }

    /// Whether a directory is the one of an environment that uv fills.
    pub fn is_environment(&self, path: &str) -> bool {
        let named = ["UV_PROJECT_ENVIRONMENT", "VIRTUAL_ENV"].into_iter().filter_map(|name| self.env.get(name));
        path.ends_with(".venv")
            || path == "$VIRTUAL_ENV"
            || self.environments.iter().any(|environment| environment == path)
            || named.map(|(text, _)| self.absolute(&text.shown())).any(|named| named == path)
    }
}

/// An absolute path, of one that may be relative to a directory.
pub fn absolute(directory: &str, path: &str) -> String {
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{directory}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

//! A project, as far as it matters what it starts, and what is found in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diagnostic::SourceFile;

/// Texts of modules that were read, by their paths in the context.
pub type Modules = BTreeMap<String, Arc<SourceFile>>;

/// What stands for the port in a word of a command.
pub(super) const PORT: &str = "{PORT}";

/// A project, as far as it matters what it starts.
#[derive(Clone, Debug)]
pub struct Project<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its directory in the context.
    pub directory: &'a str,
    /// The image has it as a package, and not as the files of its directory.
    pub is_package: bool,
    /// The text of its manifest.
    pub manifest: &'a str,
    /// Its scripts, each with what it calls: `kiosk` is `kiosk.cli:main`. Only what is installed has some.
    pub scripts: &'a BTreeMap<String, String>,
    /// Names of all packages that the image has.
    pub packages: &'a BTreeSet<&'a str>,
    /// Modules that were read.
    pub modules: &'a Modules,
    /// Where the image has the files of its directory.
    pub workdir: &'a str,
    /// Where it is to listen.
    pub port: u16,
    /// The image has a shell.
    pub has_shell: bool,
}

/// What is started, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The command.
    pub cmd: Vec<String>,
    /// Variables of the image that it reads.
    pub env: BTreeMap<String, String>,
    /// Where it listens, if it does.
    pub port: Option<u16>,
    /// Why this is started: a clause.
    pub reason: String,
    /// It is a script of the project's, which nobody has to be told.
    pub is_script: bool,
    /// A module of it that has data beside the sources, if one has: the working directory, and the files of an application in it, belong to the user.
    pub writes: Option<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// One answer.
    Start(Start),
    /// Several that are as likely as each other.
    Several(Vec<Start>),
    /// An application that nothing of the lock can serve: why, and what would.
    NoServer {
        /// A sentence.
        problem: String,
        /// The package to add.
        package: &'static str,
    },
    /// Nothing.
    Nothing,
}

//! A git repository that a test makes.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What git runs with: no settings of whoever runs the tests.
const GIT: [(&str, &str); 6] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_AUTHOR_NAME", "A"),
    ("GIT_AUTHOR_EMAIL", "a@example.com"),
    ("GIT_COMMITTER_NAME", "A"),
    ("GIT_COMMITTER_EMAIL", "a@example.com"),
];

/// Deleted with its value.
pub struct Repository(tempfile::TempDir);

impl Repository {
    /// A directory that is none yet.
    pub fn of_nothing() -> Self {
        Self(tempfile::tempdir().expect("a directory for the repository"))
    }

    /// An empty one.
    pub fn new() -> Self {
        let repository = Self::of_nothing();
        repository.git(&["init", "--quiet"]);
        repository
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    fn git(&self, arguments: &[&str]) {
        let status = Command::new("git").arg("-C").arg(self.path()).args(arguments).envs(GIT).status();
        assert!(status.expect("git runs").success(), "git {arguments:?}");
    }

    /// Commits everything that is there.
    pub fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Runs `uv-buildkit` with these arguments, the last of which is a directory of the repository.
    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I, directory: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uv-buildkit"));
        command.args(arguments).arg(self.path().join(directory)).envs(GIT).output().expect("the program starts")
    }
}

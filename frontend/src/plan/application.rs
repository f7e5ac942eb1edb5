//! A project that is no package: an image has its files as they lie in its directory.

use crate::diagnostic::Span;
use crate::ignore;
use crate::paths::{file_in, lies_in};

/// The files of a project, and where the image has them.
#[derive(Clone, Debug)]
pub struct Application {
    /// The project.
    pub name: String,
    /// Its directory in the context; `.` is the context itself.
    pub directory: String,
    /// Directories of other projects and of indexes below it, relative to it: not part of it.
    pub nested: Vec<String>,
    /// Where the image has them.
    pub to: String,
    /// Where it is named: the target, or the project in the lock.
    pub span: Span,
}

/// What lies in the directory of a project and no program of its own reads: files of builds, of repositories and of tools, and what is
/// kept private. Beside these, [`ALWAYS_IGNORED`](crate::lower::context::ALWAYS_IGNORED) and what `.dockerignore` leaves out.
const LEFT_OUT: [&str; 45] = [
    // What builds read.
    "*.dockerignore",
    ".python-version",
    ".python-versions",
    "*.Dockerfile",
    "Dockerfile",
    "Dockerfile.*",
    "compose*.yaml",
    "compose*.yml",
    "docker-compose*.yaml",
    "docker-compose*.yml",
    "uv.build.toml",
    "uv.lock",
    // Variables and passwords: the names of which `private` warns elsewhere.
    "**/.env",
    "**/.env.*",
    "**/.git-credentials",
    "**/.netrc",
    "**/.pgpass",
    "**/.pypirc",
    "**/id_dsa",
    "**/id_ecdsa",
    "**/id_ecdsa_sk",
    "**/id_ed25519",
    "**/id_ed25519_sk",
    "**/id_rsa",
    // Repositories, and where they are looked after.
    "**/.gitattributes",
    "**/.gitignore",
    "**/.gitmodules",
    "**/.hg",
    "**/.hgignore",
    "**/.svn",
    ".github",
    ".gitlab",
    ".gitlab-ci.yml",
    ".pre-commit-config.yaml",
    // Other environments, and what tools leave.
    "**/.DS_Store",
    "**/.coverage",
    "**/.hypothesis",
    "**/.idea",
    "**/.ipynb_checkpoints",
    "**/.nox",
    "**/.tox",
    "**/.vscode",
    "**/htmlcov",
    "**/node_modules",
    "venv",
];

impl Application {
    /// Patterns of what it is without, relative to its directory.
    pub fn left_out(&self) -> Vec<String> {
        LEFT_OUT.iter().map(|pattern| (*pattern).to_owned()).chain(self.nested.iter().cloned()).collect()
    }

    /// The same, relative to the context.
    pub fn left_out_of_context(&self) -> Vec<String> {
        self.left_out().iter().map(|pattern| file_in(&self.directory, pattern)).collect()
    }

    /// Whether a file of the context is one of its own.
    pub fn holds(&self, path: &str) -> bool {
        let is_below = path != self.directory && lies_in(path, &self.directory);
        is_below && ignore::leaves_out(&self.left_out_of_context(), path).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    #[test]
    fn has_its_own_files_and_nothing_private() {
        let of = |directory: &str| Application {
            name: "api".to_owned(),
            directory: directory.to_owned(),
            nested: vec!["libs/core".to_owned()],
            to: "/app".to_owned(),
            span: Span::whole(&SourceFile::new("uv.lock", "")),
        };
        let root = of(".");
        for path in ["main.py", "templates/a.html", "libs/readme.md", ".streamlit/config.toml", "data/.gitkeep"] {
            assert!(root.holds(path), "{path}");
        }
        for path in [".env", "deploy/.env.prod", "libs/core/x.py", "uv.lock", "Dockerfile", "web/node_modules/a/b.js"] {
            assert!(!root.holds(path), "{path}");
        }
        let member = of("services/api");
        assert!(member.holds("services/api/main.py") && !member.holds("services/other/main.py"));
        assert!(!member.holds("services/api/.env") && !member.holds("services/api/libs/core/a.py"));
    }
}

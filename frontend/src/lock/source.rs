//! Where a package comes from.

use buildkit_llb::HttpUrl;

use super::artifact;
use super::reader::{Reader, UNTOUCHED};
use super::wire::PackageWire;
use crate::diagnostic::{Diagnostic, Span};
use crate::paths::{MANIFEST, directory_of, file_in, joined};

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// An index, by URL.
    Registry(String),
    /// A flat index in a directory of the workspace, by its path in the context.
    FlatRegistry(String),
    /// A commit of a git repository.
    Git(GitSource),
    /// A direct URL, and where in the archive the project lies.
    Url {
        /// Of a wheel or a source distribution.
        url: HttpUrl,
        /// Within the archive.
        subdirectory: Option<String>,
    },
    /// A local archive.
    Path(String),
    /// A local project, installed as a wheel; path in the context.
    Directory(String),
    /// A local project, editable by default; path in the context.
    Editable(String),
    /// A local project of which only the dependencies count; path in the context.
    Virtual(String),
    /// A script with inline metadata, of which the requirements count; its path in the context.
    Script(String),
}

/// `URL?rev=…&subdirectory=…#COMMIT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSource {
    /// Without query and fragment.
    pub url: String,
    /// 40 hexadecimal digits.
    pub commit: String,
    /// Where in the repository the project lies.
    pub subdirectory: Option<String>,
    /// What was asked for: a branch, a tag or a revision.
    pub requested: Option<String>,
    /// Files of git LFS are needed.
    pub lfs: bool,
}

impl GitSource {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (rest, commit) = text.split_once('#').ok_or("it has no commit")?;
        if commit.len() != 40 || !commit.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("what follows `#` is not a commit");
        }
        let (url, query) = rest.split_once('?').unwrap_or((rest, ""));
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| artifact::percent_decoded(value))
        };
        Ok(Self {
            url: url.to_owned(),
            commit: commit.to_owned(),
            subdirectory: parameter("subdirectory"),
            requested: parameter("rev").or_else(|| parameter("tag")).or_else(|| parameter("branch")),
            lfs: parameter("lfs").as_deref() == Some("true"),
        })
    }
}

impl Source {
    /// The directory of a local project.
    pub fn project_dir(&self) -> Option<&str> {
        match self {
            Self::Directory(path) | Self::Editable(path) | Self::Virtual(path) => Some(path),
            _ => None,
        }
    }

    /// Whether it is somebody else's: fetched or found, and installed as it is.
    pub fn is_of_others(&self) -> bool {
        self.project_dir().is_none() && !matches!(self, Self::Script(_))
    }

    /// The manifest of a local project, or the script itself.
    pub fn manifest(&self) -> Option<String> {
        match self {
            Self::Script(path) => Some(path.clone()),
            _ => self.project_dir().map(|directory| file_in(directory, MANIFEST)),
        }
    }

    /// The URL of the index that it comes from.
    pub fn index(&self) -> Option<&str> {
        match self {
            Self::Registry(url) => Some(url),
            _ => None,
        }
    }

    /// As the lock spells its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Registry(_) | Self::FlatRegistry(_) => "registry",
            Self::Git(_) => "git",
            Self::Url { .. } => "url",
            Self::Path(_) => "path",
            Self::Directory(_) => "directory",
            Self::Editable(_) => "editable",
            Self::Virtual(_) => "virtual",
            Self::Script(_) => "script",
        }
    }
}

/// A source at a path of the context.
type OfPath = fn(String) -> Source;

impl Reader<'_> {
    pub(super) fn source(&self, package: &PackageWire<'_>, span: &Span) -> Result<Source, Diagnostic> {
        let wire = &package.source;
        let name: &str = package.name.get_ref();
        if let Some(path) = &wire.script {
            return Ok(Source::Script(path.to_string()));
        }
        let in_context = |path: &str| {
            self.check_path(path, name, span)?;
            Ok(joined(directory_of(&self.file.name), path))
        };
        if let Some(at) = &wire.registry {
            return match at.contains("://") {
                true => self.index(at, name, span).map(|()| Source::Registry(at.to_string())),
                false => in_context(at).map(Source::FlatRegistry),
            };
        }
        if let Some(at) = &wire.git {
            return self.git(at, name, span).map(Source::Git);
        }
        if let Some(at) = &wire.url {
            let url = self.web_url(at, name, span)?;
            self.file_name(at, name, span)?;
            if let Some(subdirectory) = &wire.subdirectory {
                self.check_subdirectory(subdirectory, subdirectory, name, span)?;
            }
            return Ok(Source::Url { url, subdirectory: wire.subdirectory.as_ref().map(ToString::to_string) });
        }
        let kinds: [(_, OfPath); 4] = [
            (&wire.path, Source::Path),
            (&wire.directory, Source::Directory),
            (&wire.editable, Source::Editable),
            (&wire.virtual_, Source::Virtual),
        ];
        let local = kinds.into_iter().find_map(|(path, source)| Some((path.as_ref()?, source)));
        let (path, source) = local.ok_or_else(|| {
            let problem = format!("package `{name}` has an unknown kind of source");
            Diagnostic::new("lock::unknown_source", problem)
                .at(span.clone())
                .help("use a newer frontend image in the `# syntax=` line")
        })?;
        in_context(path).map(source)
    }

    fn git(&self, text: &str, name: &str, span: &Span) -> Result<GitSource, Diagnostic> {
        let git = GitSource::parse(text).map_err(|problem| self.invalid("git source", text, problem, span.clone()))?;
        if crate::passwords::is_in(&git.url) {
            let problem = format!("the URL of the git repository of package `{name}` contains a password");
            return Err(Diagnostic::new("lock::credentials", problem)
                .at(self.place(text, span))
                .help("remove it from the source of the package, and run `uv lock`: anyone could read it in the build graph")
                .help("pass the password to BuildKit with `--secret id=GIT_AUTH_TOKEN,env=VARIABLE`"));
        }
        if !git.url.contains("://") || !buildkit_llb::is_git_remote(&git.url) {
            let problem = format!("package `{name}` is in a git repository at `{}`, which is not supported", git.url);
            return Err(Diagnostic::new("lock::bad_url", problem)
                .at(self.place(text, span))
                .help("use a repository at `https://`, `ssh://`, `http://` or `git://`"));
        }
        if let Some(subdirectory) = &git.subdirectory {
            self.check_subdirectory(subdirectory, text, name, span)?;
        }
        Ok(git)
    }

    fn index(&self, text: &str, name: &str, span: &Span) -> Result<(), Diagnostic> {
        if crate::passwords::is_in(text) {
            let problem = format!("the URL of the index of package `{name}` contains a password");
            return Err(Diagnostic::new("lock::credentials", problem)
                .at(self.place(text, span))
                .help("remove it from `pyproject.toml`, and run `uv lock`: anyone could read it in the build graph")
                .help("pass the password to the build as a secret: `[indexes.NAME]` with `secret = \"ID\"`"));
        }
        HttpUrl::parse(text).map(|_| ()).map_err(|error| {
            let problem = format!("invalid index URL `{text}` for package `{name}`: {error}");
            Diagnostic::new("lock::bad_url", problem).at(self.place(text, span)).help(UNTOUCHED)
        })
    }
}

//! What of a lock leads out of it: URLs, names of files, hashes, and where in a source a project lies.
//!
//! A line of a lock can be written by anybody who opens a pull request, and few people read it. So nothing of it becomes a source of
//! BuildKit's, a path or an argument as it is.

use buildkit_llb::HttpUrl;

use super::artifact::{Location, Sdist, Wheel, last_part, percent_decoded};
use super::reader::{Reader, UNTOUCHED};
use super::wire::ArtifactWire;
use crate::diagnostic::{Diagnostic, Span};
use crate::passwords::has_credentials;
use crate::paths::joined;

/// The host by which BuildKit means the client of a build, not a server (BuildKit: `source/http/transport.go`).
const CLIENT: &str = "buildkit-session";

/// Hexadecimal digits of hashes.
const HASHES: [(&str, usize); 3] = [("sha256", 64), ("sha384", 96), ("sha512", 128)];

/// A file that the lock names, checked.
struct File {
    name: String,
    location: Location,
    hash: Option<String>,
}

impl Reader<'_> {
    /// The place of a text of the file; of one that has escapes in it, that of its package.
    pub(super) fn place(&self, text: &str, package: &Span) -> Span {
        self.file.place_of(text).unwrap_or_else(|| package.clone())
    }

    pub(super) fn wheel(&self, wire: &ArtifactWire<'_>, package: &str, span: &Span) -> Result<Wheel, Diagnostic> {
        let File { name, location, hash } = self.artifact(wire, package, span)?;
        Wheel::new(name, location, hash, wire.size)
            .map_err(|(name, error)| self.invalid("wheel", &name, error, span.clone()))
    }

    pub(super) fn sdist(&self, wire: &ArtifactWire<'_>, package: &str, span: &Span) -> Result<Sdist, Diagnostic> {
        let File { name, location, hash } = self.artifact(wire, package, span)?;
        Ok(Sdist { file: name, location, hash, size: wire.size })
    }

    fn artifact(&self, wire: &ArtifactWire<'_>, package: &str, span: &Span) -> Result<File, Diagnostic> {
        let (location, name) = if let Some(url) = &wire.url {
            let location = self.web_url(url, package, span)?;
            (Location::Url(location), self.file_name(url, package, span)?)
        } else if let Some(path) = &wire.path {
            self.check_path(path, package, span)?;
            (Location::IndexPath(path.to_string()), self.file_name(path, package, span)?)
        } else if let Some(name) = &wire.filename {
            (Location::Source, self.file_name(name, package, span)?)
        } else {
            (Location::Source, String::new())
        };
        if let Some(hash) = &wire.hash {
            self.check_hash(hash, package, span)?;
        }
        Ok(File { name, location, hash: wire.hash.as_ref().map(ToString::to_string) })
    }

    /// The URL of a file.
    pub(super) fn web_url(&self, text: &str, package: &str, span: &Span) -> Result<HttpUrl, Diagnostic> {
        let bad = |reason: &dyn std::fmt::Display| {
            let problem = format!("invalid file URL `{}` for package `{package}`: {reason}", text.escape_debug());
            Diagnostic::new("lock::bad_url", problem).at(self.place(text, span)).help(UNTOUCHED)
        };
        let credentials = || {
            let problem = format!(
                "the URL of package `{package}` contains credentials, which would be visible in the build graph"
            );
            Diagnostic::new("lock::credentials", problem).at(self.place(text, span)).help(
                "remove them from the source of the package, and run `uv lock`; pass them to the build as a secret",
            )
        };
        // A text that is no URL may hold them as well, and is shown.
        if crate::passwords::is_in(text) {
            return Err(credentials());
        }
        let url = HttpUrl::parse(text).map_err(|error| bad(&error))?;
        if has_credentials(url.as_url()) {
            return Err(credentials());
        }
        if url.host() == CLIENT {
            return Err(bad(&"BuildKit would take it from the client of the build, not from a server"));
        }
        Ok(url)
    }

    /// The name of a file at the end of a URL or path. A step finds the file by it.
    pub(super) fn file_name(&self, location: &str, package: &str, span: &Span) -> Result<String, Diagnostic> {
        let name = percent_decoded(last_part(location));
        let reason = match name.as_str() {
            "" => "it is empty",
            "." | ".." => "it is a directory",
            name if name.contains('/') => "it contains a `/`",
            name if name.contains(char::is_control) => "it contains a control character",
            _ => return Ok(name),
        };
        let problem = format!("`{}` is not a valid file name for package `{package}`: {reason}", name.escape_debug());
        Err(Diagnostic::new("lock::bad_file_name", problem).at(self.place(location, span)).help(UNTOUCHED))
    }

    /// Paths of the context are looked at where they are used; here they must be ones.
    pub(super) fn check_path(&self, path: &str, package: &str, span: &Span) -> Result<(), Diagnostic> {
        if !path.contains(char::is_control) {
            return Ok(());
        }
        let problem = format!("the path `{}` of package `{package}` contains a control character", path.escape_debug());
        Err(Diagnostic::new("lock::bad_path", problem).at(self.place(path, span)).help(UNTOUCHED))
    }

    /// Other algorithms are refused where a file is chosen that has no other hash.
    fn check_hash(&self, hash: &str, package: &str, span: &Span) -> Result<(), Diagnostic> {
        let (algorithm, hex) = hash.split_once(':').unwrap_or((hash, ""));
        let Some((_, digits)) = HASHES.iter().find(|(known, _)| *known == algorithm) else { return Ok(()) };
        if hex.len() == *digits && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Ok(());
        }
        let problem = format!(
            "`{}` is not a valid hash for package `{package}`: {algorithm} has {digits} lowercase hexadecimal digits",
            hash.escape_debug()
        );
        Err(Diagnostic::new("lock::bad_hash", problem).at(self.place(hash, span)).help(UNTOUCHED))
    }

    /// `text` is what is written, which has the directory in it.
    pub(super) fn check_subdirectory(
        &self,
        subdirectory: &str,
        text: &str,
        package: &str,
        span: &Span,
    ) -> Result<(), Diagnostic> {
        let is_outside = subdirectory.starts_with('/') || joined(".", subdirectory).split('/').next() == Some("..");
        if !is_outside && !subdirectory.contains(char::is_control) {
            return Ok(());
        }
        let problem =
            format!("the subdirectory `{}` of package `{package}` is outside its source", subdirectory.escape_debug());
        Err(Diagnostic::new("lock::outside_source", problem).at(self.place(text, span)).help(UNTOUCHED))
    }
}

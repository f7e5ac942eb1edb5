//! Directories of the client.

use crate::go::json_array;
use crate::metadata::Metadata;
use crate::source::{self, Attrs, strings};
use crate::vertex::Output;

/// A directory of the client. Mirrors `Local` in `client/llb/source.go`.
///
/// Unlike Go's, it has no unique id of its own when there is no session: the bytes are the same
/// each time. Give it the session that the frontend was started with.
///
/// ```
/// # use buildkit_llb::Local;
/// let manifests = Local::new("context").session("s").include(["**/pyproject.toml"]).build();
/// assert_eq!(manifests.index(), 0);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Local {
    name: String,
    attrs: Attrs,
    metadata: Metadata,
}

impl Local {
    /// The directory that the client knows by `name`.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), attrs: Attrs::default(), metadata: Metadata::default() }
    }

    /// The session of the client that has the directory.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.attrs.set("local.session", id);
        self
    }

    /// Takes only what matches one of the patterns.
    pub fn include<S: Into<String>>(self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.list("local.includepattern", patterns)
    }

    /// Leaves out what matches one of the patterns, in the syntax of `.dockerignore`.
    pub fn exclude<S: Into<String>>(self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.list("local.excludepatterns", patterns)
    }

    /// Takes only these paths, following symbolic links on the client.
    pub fn follow_paths<S: Into<String>>(self, paths: impl IntoIterator<Item = S>) -> Self {
        self.list("local.followpaths", paths)
    }

    /// Names the copy that the daemon keeps for the next transfer: use one hint for each
    /// distinct filter.
    pub fn shared_key_hint(mut self, hint: impl Into<String>) -> Self {
        self.attrs.set("local.sharedkeyhint", hint);
        self
    }

    /// Transfers all files anew instead of comparing their metadata.
    ///
    /// Mirrors `Differ(DiffNone, false)`.
    pub fn differ_none(mut self) -> Self {
        self.attrs.set("local.differ", "none");
        self
    }

    /// Transfers names and metadata only, and content for what matches one of `exceptions`.
    ///
    /// Mirrors `MetadataOnlyTransfer`.
    pub fn metadata_only<S: Into<String>>(mut self, exceptions: impl IntoIterator<Item = S>) -> Self {
        self.attrs.set("local.metadatatransfer", "true");
        self.list("local.metadatatransferexclude", exceptions)
    }

    /// Sets what is known about the op beside itself.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The directory.
    pub fn build(self) -> Output {
        let identifier = format!("local://{}", self.name);
        source::build(identifier, self.attrs, None, self.metadata, None)
    }

    fn list<S: Into<String>>(mut self, key: &str, items: impl IntoIterator<Item = S>) -> Self {
        let items = strings(items);
        let json = if items.is_empty() { String::new() } else { json_array(&items) };
        self.attrs.set(key, json);
        self
    }
}

//! Files that an image or a step has from the context or from a server.

use super::access::{Access, Download};
use crate::config::{FileConfig, FileSource};
use crate::diagnostic::{Located, Span};
use crate::paths::joined;
use crate::surroundings::{Entry, Surroundings};

/// A file, or a directory of the context, and where it goes.
#[derive(Clone, Debug)]
pub struct Copied {
    /// Where it comes from.
    pub source: CopySource,
    /// Absolute path.
    pub to: String,
    /// Its permission bits, and those of all that is in it, if they are not those that it has.
    pub mode: Option<u32>,
    /// User and group that it belongs to, if not root.
    pub ids: Option<(u32, u32)>,
    /// What of it python may import, and has bytecode.
    pub modules: Modules,
    /// Its place in the config.
    pub span: Span,
}

/// What of a file or directory python may import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modules {
    /// Nothing.
    None,
    /// The file itself.
    Itself,
    /// What lies in the directory, if it is one.
    Below,
}

impl Modules {
    /// What there is of modules at a path of the context. Of what nobody looked at, and of what a link leads to, nothing is known.
    pub(super) fn at(path: &str, surroundings: &Surroundings) -> Self {
        let path = joined(".", path);
        match surroundings.entry(&surroundings.resolved(&path)) {
            Some(Entry::Directory) if surroundings.has_modules(&path) == Some(false) => Self::None,
            Some(Entry::Directory) => Self::Below,
            Some(Entry::File) if path.ends_with(".py") => Self::Itself,
            None if path == "." && surroundings.has_modules(&path) != Some(false) => Self::Below,
            Some(Entry::File | Entry::Link(_)) | None => Self::None,
        }
    }
}

/// Where a file comes from.
#[derive(Clone, Debug)]
pub enum CopySource {
    /// Path in the context.
    Context(String),
    /// A file of a server.
    Url {
        /// How it is asked for.
        download: Download,
        /// Its sha256, 64 digits.
        sha256: String,
    },
    /// What another step left.
    Step {
        /// Its name.
        step: String,
        /// Where the image has it.
        path: String,
    },
    /// The program in the image of uv.
    Uv,
}

/// Where an image has uv, if it is to have it.
pub const UV: &str = "/usr/local/bin/uv";

impl Copied {
    /// uv, as the config asks for it at a place.
    pub(super) fn uv(span: &Span) -> Self {
        let to = UV.to_owned();
        Self { source: CopySource::Uv, to, mode: None, ids: None, modules: Modules::None, span: span.clone() }
    }

    /// What a config says, in an image whose user and group are `ids`.
    pub(super) fn of(config: &FileConfig, ids: (u32, u32), access: &Access) -> Self {
        let source = match &config.source {
            FileSource::Context(path) => CopySource::Context(path.value.clone()),
            FileSource::Url { url, sha256 } => {
                CopySource::Url { download: access.download(&url.value, None), sha256: sha256.clone() }
            }
            FileSource::Step { step, path } => CopySource::Step { step: step.value.clone(), path: path.value.clone() },
        };
        Self {
            source,
            to: config.to.value.clone(),
            mode: config.mode,
            ids: config.of_user.then_some(ids),
            modules: Modules::None,
            span: config.source.span().clone(),
        }
    }

    /// A script, which lies in a directory as it lies in the context.
    pub(super) fn script(script: &Located<String>, directory: &str) -> Self {
        Self {
            source: CopySource::Context(script.value.clone()),
            to: format!("{}/{}", directory.trim_end_matches('/'), script.value),
            mode: None,
            ids: None,
            // Python makes no bytecode of what it runs.
            modules: Modules::None,
            span: script.span.clone(),
        }
    }

    /// With bytecode of what of it python may import. What a server has is compiled by nobody.
    pub(super) fn with_bytecode(mut self, surroundings: &Surroundings) -> Self {
        if let CopySource::Context(path) = &self.source {
            self.modules = Modules::at(path, surroundings);
        }
        self
    }

    /// What is copied, for people: a path or a URL.
    pub fn from(&self) -> &str {
        match &self.source {
            CopySource::Context(path) | CopySource::Step { path, .. } => path,
            CopySource::Url { download, .. } => download.url.as_str(),
            CopySource::Uv => "uv",
        }
    }

    /// The step that left it, if one did.
    pub fn step(&self) -> Option<&str> {
        match &self.source {
            CopySource::Step { step, .. } => Some(step),
            CopySource::Context(_) | CopySource::Url { .. } | CopySource::Uv => None,
        }
    }

    /// Its path in the context, if it comes from there.
    pub fn context_path(&self) -> Option<&String> {
        match &self.source {
            CopySource::Context(path) => Some(path),
            CopySource::Url { .. } | CopySource::Step { .. } | CopySource::Uv => None,
        }
    }
}

//! Files that an image or a step has from the context or from a server.

use super::access::{Access, Download};
use crate::config::{FileConfig, FileSource};
use crate::diagnostic::Span;

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
    /// Its place in the config.
    pub span: Span,
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
        Self { source: CopySource::Uv, to: UV.to_owned(), mode: None, ids: None, span: span.clone() }
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
            span: config.source.span().clone(),
        }
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

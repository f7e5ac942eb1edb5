//! A file of an image or of a step, as the config names it.

use buildkit_llb::HttpUrl;

use crate::diagnostic::{Located, Span};

/// One entry of `files`, or of the `inputs` of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// Where it comes from.
    pub source: FileSource,
    /// Absolute path in the image.
    pub to: Located<String>,
    /// Its permission bits, and those of all that is in it, if they are not those that it has.
    pub mode: Option<u32>,
    /// It belongs to the user, not to root.
    pub of_user: bool,
}

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// Path in the context, file or directory.
    Context(Located<String>),
    /// A file of a server.
    Url {
        /// Where it is.
        url: Located<HttpUrl>,
        /// Its sha256, 64 digits.
        sha256: String,
    },
    /// What an earlier step left.
    Step {
        /// Its name.
        step: Located<String>,
        /// Where the image has it: an output of that step, or something in one.
        path: Located<String>,
    },
}

impl FileSource {
    /// Its place in the config.
    pub fn span(&self) -> &Span {
        match self {
            Self::Context(path) | Self::Step { path, .. } => &path.span,
            Self::Url { url, .. } => &url.span,
        }
    }
}

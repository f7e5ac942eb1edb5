//! Third-party packages as a plan has them: what is fetched, from where, and what it must be.

use buildkit_llb::HttpUrl;

use super::recipe::Recipe;
use crate::diagnostic::Span;

/// A package to be installed.
#[derive(Clone, Debug)]
pub struct Package {
    /// Normalised name.
    pub name: String,
    /// Version.
    pub version: String,
    /// The wheel, or what it is built from.
    pub artifact: Artifact,
    /// The URL of the index that it comes from.
    pub index: Option<String>,
    /// Its `direct_url.json`; absent when it comes from an index.
    pub direct_url: Option<String>,
    /// How it is built, if it is.
    pub recipe: Recipe,
    /// Its build has a network.
    pub network: bool,
    /// Its place in the lock.
    pub span: Span,
}

/// A wheel, or what one is built from, as it is fetched.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// File name; empty for a repository.
    pub file: String,
    /// What it is.
    pub form: Form,
    /// Where it lies.
    pub origin: Origin,
    /// Of its content; absent when the lock has none.
    pub hash: Option<Hash>,
    /// Bytes; absent when the lock has none.
    pub size: Option<u64>,
}

/// `sha256:…`, as the lock has it. Other algorithms than sha256 are none that BuildKit could verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hash {
    /// `sha256`, `sha384` or `sha512`, as python calls it.
    pub algorithm: String,
    /// Lower-case hexadecimal.
    pub hex: String,
}

impl std::fmt::Display for Hash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.algorithm, self.hex)
    }
}

/// What an artifact is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// To be installed as it is.
    Wheel,
    /// An archive that a wheel is built from.
    Sdist {
        /// Where in it the project lies.
        subdirectory: Option<String>,
    },
    /// A directory that a wheel is built from.
    Tree {
        /// Where in it the project lies.
        subdirectory: Option<String>,
    },
}

/// Where an artifact lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// At a URL.
    Url(HttpUrl),
    /// In the build context.
    Context(String),
    /// In a git repository.
    Git {
        /// As the lock has it.
        url: String,
        /// 40 hexadecimal digits.
        commit: String,
    },
}

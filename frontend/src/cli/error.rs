//! Why a command failed.

use std::io::ErrorKind;
use std::path::PathBuf;

use buildkit_llb::printable;
use buildkit_proto::{GatewayError, transport};

use crate::diagnostic::Diagnostics;
use crate::options::OptionsError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The project is at fault.
    #[error("{}", .0.render())]
    Diagnostics(#[from] Diagnostics),
    /// A file could not be read.
    #[error("{}: {error}", printable(&path.to_string_lossy()))]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Nowhere to write to.
    #[error("standard output: {0}")]
    Write(#[from] std::io::Error),
    /// A flag.
    #[error("{0}")]
    Usage(String),
    /// A line `# check=` that cannot be read.
    #[error("{0}")]
    Options(#[from] OptionsError),
    /// A graph that cannot be marshalled is a mistake of ours.
    #[error("this is a bug in uv-buildkit: {0}")]
    Llb(#[from] buildkit_llb::LlbError),
    /// No connection to BuildKit.
    #[error("{0}")]
    Transport(#[from] transport::TransportError),
    /// BuildKit did not take the result.
    #[error("{0}")]
    Gateway(#[from] GatewayError),
    /// A check has findings, which are told.
    #[error("{0}")]
    Found(&'static str),
    /// JSON that cannot be made is one, too.
    #[error("this is a bug in uv-buildkit: {0}")]
    Json(serde_json::Error),
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() { Self::Write(error.into()) } else { Self::Json(error) }
    }
}

impl CliError {
    /// Whether nobody reads the output any more, as when `head` has seen enough: that is no mistake.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write(error) if error.kind() == ErrorKind::BrokenPipe)
    }
}

//! Where an image has its packages.

use super::outside::Image;
use crate::config::kind::Kind;
use crate::config::layout::Layout;
use crate::project::Target;
use crate::rootfs::VENV;

/// Where packages are installed, and how they lie there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A virtual environment at [`VENV`].
    Venv,
    /// The same, which may be moved afterwards: scripts look for their python beside themselves.
    MovableVenv,
    /// A directory in which they lie side by side, as `uv pip install --target` puts them.
    Directory {
        /// Its absolute path.
        path: String,
        /// The base looks for modules there by itself.
        is_known: bool,
    },
}

/// The variable by which images of AWS Lambda tell where functions lie.
const TASK_ROOT: &str = "LAMBDA_TASK_ROOT";

/// Where Lambda has functions.
const DEFAULT_TASK_ROOT: &str = "/var/task";

impl Destination {
    /// That of a target over a base.
    pub(super) fn of(target: &Target, base: &Image) -> Self {
        let named = match (&target.layout, target.kind) {
            (Layout::Target(named), _) => named,
            (Layout::Venv, Kind::Venv) => return Self::MovableVenv,
            (Layout::Venv, _) => return Self::Venv,
        };
        let env = &base.config.env;
        let known = env.iter().find(|(name, path)| name == TASK_ROOT && path.starts_with('/'));
        let known = known.map(|(_, path)| path.trim_end_matches('/'));
        let path = named.as_deref().or(known).unwrap_or(DEFAULT_TASK_ROOT);
        Self::Directory { path: path.to_owned(), is_known: known == Some(path) }
    }

    /// The directory, if it is not an environment.
    pub fn directory(&self) -> Option<&str> {
        match self {
            Self::Venv | Self::MovableVenv => None,
            Self::Directory { path, .. } => Some(path),
        }
    }

    /// Absolute path of the environment or directory.
    pub fn path(&self) -> &str {
        match self {
            Self::Venv | Self::MovableVenv => VENV,
            Self::Directory { path, .. } => path,
        }
    }
}

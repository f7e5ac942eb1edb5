//! The files that a build starts from.

use std::sync::Arc;

use crate::diagnostic::SourceFile;

/// The files that a build starts from; all but the lock may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `uv.build.toml`.
    pub config: Option<Arc<SourceFile>>,
    /// `uv.lock`.
    pub lock: Arc<SourceFile>,
    /// `pyproject.toml` beside the lock.
    pub manifest: Option<Arc<SourceFile>>,
    /// `uv.toml` beside it, whose settings count instead of those of `tool.uv`.
    pub uv_toml: Option<Arc<SourceFile>>,
    /// `.python-version` beside the lock, or else `.python-versions`.
    pub python_version: Option<Arc<SourceFile>>,
    /// `uv.toml` and `pyproject.toml` of the directories above, the nearest first: `paths_above`.
    pub above: Vec<Arc<SourceFile>>,
}

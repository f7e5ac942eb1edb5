//! What the readers of the parts of a lock share.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diagnostic::SourceFile;
use crate::marker::Marker;

/// What to do about a line that uv does not write.
pub(super) const UNTOUCHED: &str =
    "uv does not write such a line: check who changed the lockfile, and run `uv lock` to repair it";

/// Turns wire types into checked ones.
pub(super) struct Reader<'file> {
    pub(super) file: &'file Arc<SourceFile>,
    /// Those that were parsed: a lock has thousands of edges, and says the same few things of them.
    pub(super) markers: RefCell<BTreeMap<String, Marker>>,
}

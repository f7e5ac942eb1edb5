//! What the comparisons of a lock with manifests share.

use std::collections::BTreeMap;

use uv_normalize::PackageName;

use super::requirement::PythonBounds;
use crate::diagnostic::{Diagnostic, Span};
use crate::lock::Lock;
use crate::manifest::configuration::NoSources;
use crate::manifest::declarations::Declarations;

/// A comparison and what it has found.
pub(super) struct Check<'a> {
    pub(super) lock: &'a Lock,
    pub(super) bounds: PythonBounds,
    pub(super) root: Option<&'a Declarations>,
    pub(super) required: Required<'a>,
    /// Manifests by directory.
    pub(super) known: BTreeMap<&'a str, Option<&'a Declarations>>,
    pub(super) no_sources: NoSources,
    pub(super) errors: Vec<Diagnostic>,
}

/// The members that sources name, whether a requirement needs them or not.
#[derive(Debug, Default)]
pub(super) struct Required<'a> {
    /// What the last of these sources says of `editable`, and its place.
    pub(super) named: BTreeMap<PackageName, (Option<bool>, &'a Span)>,
    /// Whether the sources of all members were read.
    pub(super) is_complete: bool,
}

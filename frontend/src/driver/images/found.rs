//! Images that were found.

use std::collections::BTreeMap;

use buildkit_llb::Output;

use crate::diagnostic::Diagnostic;
use crate::plan::{Image, Outside};
use crate::platform::Platform;

/// The images of a target.
#[derive(Clone)]
pub struct Images {
    /// As the compiler wants to know them.
    pub outside: Outside,
    /// Those that named contexts gave, by reference and platform.
    pub replaced: BTreeMap<(String, Platform), Output>,
    /// What is to be said of how steps run in them.
    pub warnings: Vec<Diagnostic>,
}

/// An image and its files.
pub(super) struct Found {
    pub(super) image: Image,
    pub(super) root: Output,
    pub(super) is_replaced: bool,
}

//! How a layer of packages came about.

use crate::plan::{Layer, Package, layers};

/// How a layer of packages came about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// One package.
    Own,
    /// Packages that belong together.
    Family,
    /// Small wheels.
    Shared,
}

impl Sharing {
    /// Of a layer.
    pub fn of(layer: &Layer, packages: &[Package]) -> Self {
        match packages {
            [only] if only.name == layer.name => Self::Own,
            _ if layers::is_of_small(&layer.name) => Self::Shared,
            _ => Self::Family,
        }
    }

    /// Its class in the style.
    pub fn class(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Family => "family",
            Self::Shared => "shared",
        }
    }
}

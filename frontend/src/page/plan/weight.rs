//! What packages weigh.

use super::super::{Bytes, Count};
use crate::plan::{Contents, Form, Layer, Package};

/// Compressed bytes, as far as they are known.
#[derive(Clone, Copy, Default)]
pub(super) struct Weight {
    pub(super) bytes: u64,
    /// How many packages have no size.
    pub(super) unknown: usize,
}

impl Weight {
    /// Of a wheel, if the lock has its size. A wheel that is built has another size than what it is built from.
    pub(super) fn of(package: &Package) -> Self {
        let size = package.artifact.size.filter(|_| package.artifact.form == Form::Wheel);
        Self { bytes: size.unwrap_or_default(), unknown: usize::from(size.is_none()) }
    }

    pub(super) fn of_all<'a>(packages: impl IntoIterator<Item = &'a Package>) -> Self {
        packages.into_iter().map(Self::of).fold(Self::default(), |sum, weight| Self {
            bytes: sum.bytes + weight.bytes,
            unknown: sum.unknown + weight.unknown,
        })
    }

    pub(super) fn of_layer(layer: &Layer) -> Option<Self> {
        match &layer.contents {
            Contents::ThirdParty(packages) => Some(Self::of_all(packages)),
            _ => None,
        }
    }

    /// For people.
    pub(super) fn shown(self) -> String {
        match self {
            Self { unknown: 0, bytes } => Bytes(bytes).to_string(),
            Self { bytes: 0, .. } => "size not known".to_owned(),
            Self { bytes, unknown } => format!("{} and {} of unknown size", Bytes(bytes), Count(unknown, "package")),
        }
    }
}

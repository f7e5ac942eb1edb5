//! Sources: where filesystems come from.

use std::collections::BTreeMap;

use crate::error::Problem;
use crate::metadata::Metadata;
use crate::platform::Platform;
use crate::vertex::{Output, Vertex};
use buildkit_proto::pb;

pub(crate) mod git;
pub(crate) mod http;
pub(crate) mod image;
pub(crate) mod image_ref;
pub(crate) mod local;
pub(crate) mod oci_layout;

/// The attributes of a source, in which an empty value is no attribute.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attrs(BTreeMap<String, String>);

impl Attrs {
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if value.is_empty() {
            self.0.remove(key);
        } else {
            self.0.insert(key.to_owned(), value);
        }
    }
}

/// Mirrors `NewSource` in `client/llb/source.go`.
pub(crate) fn build(
    identifier: String,
    attrs: Attrs,
    platform: Option<&Platform>,
    metadata: Metadata,
    fault: Option<Problem>,
) -> Output {
    let source = pb::SourceOp { identifier, attrs: attrs.0 };
    let kind = pb::op::Op::Source(source);
    Output::new(Vertex::build(kind, Vec::new(), platform, metadata, fault), 0)
}

/// Owned strings of anything that gives strings.
pub(crate) fn strings<S: Into<String>>(items: impl IntoIterator<Item = S>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}

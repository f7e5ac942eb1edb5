//! Images of an OCI layout that the client has.

use crate::metadata::Metadata;
use crate::platform::Platform;
use crate::source::{self, Attrs};
use crate::vertex::Output;

/// An image of an OCI layout on the client. Mirrors `OCILayout` in `client/llb/source.go`.
///
/// ```
/// # use buildkit_llb::OciLayout;
/// let digest = format!("sha256:{}", "0".repeat(64));
/// let image = OciLayout::new(format!("store@{digest}")).session("s").store("store").build();
/// assert_eq!(image.index(), 0);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct OciLayout {
    reference: String,
    platform: Option<Platform>,
    attrs: Attrs,
    metadata: Metadata,
}

impl OciLayout {
    /// The image of `reference`, which is taken as it is.
    pub fn new(reference: impl Into<String>) -> Self {
        Self { reference: reference.into(), platform: None, attrs: Attrs::default(), metadata: Metadata::default() }
    }

    /// Chooses from a multi-platform image.
    pub fn platform(mut self, platform: &Platform) -> Self {
        self.platform = Some(platform.clone());
        self
    }

    /// The session of the client that has the layout.
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.attrs.set("oci.session", id);
        self
    }

    /// The name under which the client offers the layout.
    pub fn store(mut self, id: impl Into<String>) -> Self {
        self.attrs.set("oci.store", id);
        self
    }

    /// Takes only the first `limit` layers.
    pub fn layer_limit(mut self, limit: u32) -> Self {
        self.attrs.set("oci.layerlimit", limit.to_string());
        self
    }

    /// Sets what is known about the op beside itself.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The image's root filesystem.
    pub fn build(self) -> Output {
        let identifier = format!("oci-layout://{}", self.reference);
        let platform = self.platform.as_ref();
        source::build(identifier, self.attrs, platform, self.metadata, None)
    }
}

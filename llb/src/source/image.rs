//! Images of a registry.

use crate::metadata::Metadata;
use crate::platform::Platform;
use crate::source::image_ref::normalize_image_ref;
use crate::source::{self, Attrs};
use crate::vertex::Output;

/// An image of a registry. Mirrors `Image` in `client/llb/source.go`.
///
/// ```
/// # use buildkit_llb::{Image, Platform};
/// let base = Image::new("python:3.13").platform(&Platform::new("linux", "amd64")).build();
/// assert!(base.vertex().op().platform.is_some());
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Image {
    reference: String,
    platform: Option<Platform>,
    attrs: Attrs,
    metadata: Metadata,
}

/// Whether to ask the registry for a newer image.
///
/// Mirrors `ResolveMode` in `client/llb/source.go`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ResolveMode {
    /// What the daemon does by default.
    #[default]
    Default,
    /// Always ask the registry.
    ForcePull,
    /// Prefer what the daemon has.
    PreferLocal,
}

impl Image {
    /// The image of `reference`, which is normalized: `python` is
    /// `docker.io/library/python:latest`.
    pub fn new(reference: impl Into<String>) -> Self {
        Self { reference: reference.into(), platform: None, attrs: Attrs::default(), metadata: Metadata::default() }
    }

    /// Chooses from a multi-platform image. Without it the worker's own platform is taken.
    pub fn platform(mut self, platform: &Platform) -> Self {
        self.platform = Some(platform.clone());
        self
    }

    /// Says whether to ask the registry. The default writes nothing.
    pub fn resolve_mode(mut self, mode: ResolveMode) -> Self {
        let mode = match mode {
            ResolveMode::Default => "",
            ResolveMode::ForcePull => "pull",
            ResolveMode::PreferLocal => "local",
        };
        self.attrs.set("image.resolvemode", mode);
        self
    }

    /// Marks a helper image, which is not shown as an image that the user asked for.
    ///
    /// Mirrors `MarkImageInternal`.
    pub fn internal(mut self) -> Self {
        self.attrs.set("image.recordtype", "internal");
        self
    }

    /// Takes only the first `limit` layers.
    pub fn layer_limit(mut self, limit: u32) -> Self {
        self.attrs.set("image.layerlimit", limit.to_string());
        self
    }

    /// The digest that the image must have.
    pub fn checksum(mut self, digest: impl Into<String>) -> Self {
        self.attrs.set("image.checksum", digest);
        self
    }

    /// Sets what is known about the op beside itself.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The image's root filesystem.
    pub fn build(self) -> Output {
        let (reference, fault) = match normalize_image_ref(&self.reference) {
            Ok(reference) => (reference, None),
            Err(problem) => (self.reference, Some(problem)),
        };
        let identifier = format!("docker-image://{reference}");
        let platform = self.platform.as_ref();
        source::build(identifier, self.attrs, platform, self.metadata, fault)
    }
}

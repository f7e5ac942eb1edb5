//! What a source is right now: the digest and config of an image, the commit of a git ref, the checksum of a URL.

use std::collections::BTreeMap;

use super::Gateway;
use crate::caps;
use crate::error::GatewayError;
use crate::{gateway_pb, pb, source_policy_pb};

const DOCKER_IMAGE: &str = "docker-image://";
const OCI_LAYOUT: &str = "oci-layout://";

/// BuildKit `solver/pb/attr.go`.
const ATTR_OCI_SESSION: &str = "oci.session";
const ATTR_OCI_STORE: &str = "oci.store";

/// BuildKit `client/llb/sourceresolver` `ResolverType`.
const RESOLVER_REGISTRY: i32 = 0;
const RESOLVER_OCI_LAYOUT: i32 = 1;

/// An image to look up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageRequest {
    /// A full reference, such as `docker.io/library/python:3.13-slim`.
    pub reference: String,
    /// The daemon's own platform if not given.
    pub platform: Option<pb::Platform>,
    pub resolve_mode: ResolveMode,
    /// The name of the step that the user sees.
    pub log_name: String,
    /// The reference is into an OCI layout that the client holds, not into a registry.
    pub oci_store: Option<OciStore>,
    pub source_policies: Vec<source_policy_pb::Policy>,
}

/// Whether a registry is asked for an image that the daemon has (opt `image-resolve-mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResolveMode {
    /// The daemon decides.
    #[default]
    Default,
    /// Always.
    Pull,
    /// Only for images that the daemon does not have.
    Local,
}

/// An OCI layout in a client's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciStore {
    pub session_id: String,
    pub store_id: String,
}

/// An image that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedImage {
    /// The reference to use from here on: a source policy may have put another in place of the one asked for.
    pub reference: String,
    /// Digest of the image, `sha256:…`.
    pub digest: String,
    /// The image config of the platform, JSON.
    pub config: Vec<u8>,
}

/// A source to look up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceRequest {
    pub source: pb::SourceOp,
    pub platform: Option<pb::Platform>,
    pub resolve_mode: ResolveMode,
    pub log_name: String,
    /// Do not fetch the config of an image.
    pub no_config: bool,
    /// Fetch the bytes of a git commit and tag.
    pub git_object: bool,
    pub source_policies: Vec<source_policy_pb::Policy>,
}

/// A source that was looked up. Which of `image`, `git` and `http` is there depends on `source`.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceMeta {
    /// The source to use from here on. A source policy may have put another in place of the one asked for, even one
    /// of another kind.
    pub source: pb::SourceOp,
    pub image: Option<ImageMeta>,
    pub git: Option<GitMeta>,
    pub http: Option<HttpMeta>,
}

/// An image that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageMeta {
    pub digest: String,
    pub config: Vec<u8>,
}

/// A git ref that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitMeta {
    /// What the ref points at: a commit, or an annotated tag.
    pub checksum: String,
    /// The full name, such as `refs/heads/main`.
    pub reference: String,
    /// The commit, if `checksum` is a tag.
    pub commit_checksum: String,
    /// Only with [`SourceRequest::git_object`].
    pub commit_object: Vec<u8>,
    /// Only with [`SourceRequest::git_object`], for an annotated tag.
    pub tag_object: Vec<u8>,
}

/// A URL that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpMeta {
    /// `sha256:…`
    pub checksum: String,
    pub filename: String,
    /// Seconds since the epoch.
    pub last_modified: Option<i64>,
}

impl Gateway {
    /// The digest and config of an image.
    ///
    /// A source policy can put a source in its place that is no image; that is an error here.
    /// [`Gateway::resolve_source`] tells which source it is.
    pub async fn resolve_image_config(&self, request: ImageRequest) -> Result<ResolvedImage, GatewayError> {
        if !self.caps().supports(caps::gateway::SOURCE_META_RESOLVER) {
            return self.resolve_image_config_only(request).await;
        }
        let asked = request.reference.clone();
        let meta = self.resolve_source(request.into_source_request()).await?;
        let identifier = meta.source.identifier;
        let Some(image) = meta.image else {
            return Err(not_an_image(&asked, &identifier));
        };
        let reference = without_scheme(&identifier).unwrap_or(&identifier).to_owned();
        Ok(ResolvedImage { reference, digest: image.digest, config: image.config })
    }

    /// What a source is right now.
    ///
    /// Without the capability `source.metaresolver` only images are looked up; other sources come back as they are.
    pub async fn resolve_source(&self, request: SourceRequest) -> Result<SourceMeta, GatewayError> {
        if !self.caps().supports(caps::gateway::SOURCE_META_RESOLVER) {
            return self.resolve_source_without_metadata(request).await;
        }
        let asked = request.source.clone();
        let response = self.client().resolve_source_meta(request.into_wire()).await?.into_inner();
        Ok(SourceMeta {
            source: response.source.unwrap_or(asked),
            image: response.image.map(|image| ImageMeta { digest: image.digest, config: image.config }),
            git: response.git.map(|git| GitMeta {
                checksum: git.checksum,
                reference: git.r#ref,
                commit_checksum: git.commit_checksum,
                commit_object: git.commit_object,
                tag_object: git.tag_object,
            }),
            http: response.http.map(|http| HttpMeta {
                checksum: http.checksum,
                filename: http.filename,
                last_modified: http.last_modified.map(|time| time.seconds),
            }),
        })
    }

    async fn resolve_source_without_metadata(&self, request: SourceRequest) -> Result<SourceMeta, GatewayError> {
        let mut source = request.source;
        let Some((scheme, reference)) = split_scheme(&source.identifier) else {
            return Ok(SourceMeta { source, image: None, git: None, http: None });
        };
        let oci_store = (scheme == OCI_LAYOUT).then(|| OciStore {
            session_id: source.attrs.get(ATTR_OCI_SESSION).cloned().unwrap_or_default(),
            store_id: source.attrs.get(ATTR_OCI_STORE).cloned().unwrap_or_default(),
        });
        let image = self
            .resolve_image_config_only(ImageRequest {
                reference: reference.to_owned(),
                platform: request.platform,
                resolve_mode: request.resolve_mode,
                log_name: request.log_name,
                oci_store,
                source_policies: request.source_policies,
            })
            .await?;
        source.identifier = format!("{scheme}{}", image.reference);
        let image = ImageMeta { digest: image.digest, config: image.config };
        Ok(SourceMeta { source, image: Some(image), git: None, http: None })
    }

    /// The call that `ResolveSourceMeta` replaced.
    async fn resolve_image_config_only(&self, request: ImageRequest) -> Result<ResolvedImage, GatewayError> {
        let (resolver_type, store) = match request.oci_store {
            Some(store) => (RESOLVER_OCI_LAYOUT, store),
            None => (RESOLVER_REGISTRY, OciStore { session_id: String::new(), store_id: String::new() }),
        };
        let wire = gateway_pb::ResolveImageConfigRequest {
            r#ref: request.reference.clone(),
            platform: request.platform,
            resolve_mode: request.resolve_mode.as_str().to_owned(),
            log_name: request.log_name,
            resolver_type,
            session_id: store.session_id,
            store_id: store.store_id,
            source_policies: request.source_policies,
        };
        let response = self.client().resolve_image_config(wire).await?.into_inner();
        // Daemons before v0.12 do not say which reference they used.
        let reference = if response.r#ref.is_empty() { request.reference } else { response.r#ref };
        Ok(ResolvedImage { reference, digest: response.digest, config: response.config })
    }
}

impl ResolveMode {
    /// The value of the opt `image-resolve-mode` (BuildKit `solver/pb/attr.go`).
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Pull => "pull",
            Self::Local => "local",
        }
    }

    /// The mode that the opt `image-resolve-mode` names.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "default" => Some(Self::Default),
            "pull" => Some(Self::Pull),
            "local" => Some(Self::Local),
            _ => None,
        }
    }
}

impl ImageRequest {
    fn into_source_request(self) -> SourceRequest {
        let (scheme, attrs) = match self.oci_store {
            None => (DOCKER_IMAGE, BTreeMap::new()),
            Some(store) => {
                let session = (ATTR_OCI_SESSION.to_owned(), store.session_id);
                (OCI_LAYOUT, BTreeMap::from([session, (ATTR_OCI_STORE.to_owned(), store.store_id)]))
            }
        };
        SourceRequest {
            source: pb::SourceOp { identifier: format!("{scheme}{}", self.reference), attrs },
            platform: self.platform,
            resolve_mode: self.resolve_mode,
            log_name: self.log_name,
            source_policies: self.source_policies,
            ..SourceRequest::default()
        }
    }
}

impl SourceRequest {
    fn into_wire(self) -> gateway_pb::ResolveSourceMetaRequest {
        let image = gateway_pb::ResolveSourceImageRequest {
            no_config: self.no_config,
            ..gateway_pb::ResolveSourceImageRequest::default()
        };
        gateway_pb::ResolveSourceMetaRequest {
            source: Some(self.source),
            platform: self.platform,
            log_name: self.log_name,
            resolve_mode: self.resolve_mode.as_str().to_owned(),
            git: self.git_object.then_some(gateway_pb::ResolveSourceGitRequest { return_object: true }),
            image: Some(image),
            http: None,
            source_policies: self.source_policies,
        }
    }
}

/// The words of BuildKit `util/imageutil` `ResolveToNonImageError`.
fn not_an_image(asked: &str, identifier: &str) -> GatewayError {
    GatewayError::new(format!("ref mutated by policy to non-image: {DOCKER_IMAGE}{asked} -> {identifier}"))
}

fn split_scheme(identifier: &str) -> Option<(&'static str, &str)> {
    [DOCKER_IMAGE, OCI_LAYOUT].into_iter().find_map(|scheme| Some((scheme, identifier.strip_prefix(scheme)?)))
}

fn without_scheme(identifier: &str) -> Option<&str> {
    split_scheme(identifier).map(|(_, reference)| reference)
}

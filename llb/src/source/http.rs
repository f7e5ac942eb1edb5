//! Files fetched over HTTP.

use crate::error::Problem;
use crate::metadata::Metadata;
use crate::source::image_ref::is_digest;
use crate::source::{self, Attrs};
use crate::vertex::Output;

/// One file behind a URL. Mirrors `HTTP` in `client/llb/source.go`.
///
/// With a checksum, BuildKit keys it by checksum and file name, not by URL, and needs no network
/// once it has the file.
///
/// ```
/// # use buildkit_llb::Http;
/// let wheel = Http::new("https://files.example/six-1.17.0-py2.py3-none-any.whl")
///     .filename("six-1.17.0-py2.py3-none-any.whl")
///     .mode(0o644)
///     .build();
/// assert!(wheel.digest().starts_with("sha256:"));
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Http {
    url: String,
    attrs: Attrs,
    metadata: Metadata,
    fault: Option<Problem>,
}

impl Http {
    /// The file behind `url`, with mode 0600, as root.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), attrs: Attrs::default(), metadata: Metadata::default(), fault: None }
    }

    /// The digest that the file must have, `sha256:<hex>`.
    pub fn checksum(mut self, digest: impl Into<String>) -> Self {
        let digest = digest.into();
        if !is_digest(&digest) {
            self.fault = Some(Problem::InvalidChecksum(digest.clone()));
        }
        self.attrs.set("http.checksum", digest);
        self
    }

    /// The name of the file in the resulting filesystem; by default from the response or URL.
    pub fn filename(mut self, name: impl Into<String>) -> Self {
        self.attrs.set("http.filename", name);
        self
    }

    /// The permission bits of the file.
    pub fn mode(mut self, mode: u32) -> Self {
        if mode & !0o777 != 0 {
            self.fault = Some(Problem::InvalidMode { path: self.url.clone(), mode, allowed: 0o777 });
        }
        let mode = if mode == 0 { String::new() } else { format!("0{mode:o}") };
        self.attrs.set("http.perm", mode);
        self
    }

    /// The owner of the file.
    pub fn uid(mut self, uid: u32) -> Self {
        self.attrs.set("http.uid", non_zero(uid));
        self
    }

    /// The group of the file.
    pub fn gid(mut self, gid: u32) -> Self {
        self.attrs.set("http.gid", non_zero(gid));
        self
    }

    /// The id of the secret that holds the whole `Authorization` header.
    pub fn auth_header_secret(mut self, id: impl Into<String>) -> Self {
        self.attrs.set("http.authheadersecret", id);
        self
    }

    /// The `Accept` header.
    pub fn accept(mut self, value: impl Into<String>) -> Self {
        self.attrs.set("http.header.accept", value);
        self
    }

    /// The `User-Agent` header.
    pub fn user_agent(mut self, value: impl Into<String>) -> Self {
        self.attrs.set("http.header.user-agent", value);
        self
    }

    /// Sets what is known about the op beside itself.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// A filesystem with the one file in it.
    pub fn build(self) -> Output {
        source::build(self.url, self.attrs, None, self.metadata, self.fault)
    }
}

fn non_zero(id: u32) -> String {
    if id == 0 { String::new() } else { id.to_string() }
}

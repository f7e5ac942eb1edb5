//! Files fetched over HTTP.

use std::fmt;

use url::{Origin, Url};

use crate::error::Problem;
use crate::metadata::Metadata;
use crate::source::image_ref::is_digest;
use crate::source::{self, Attrs};
use crate::vertex::Output;

/// A URL that BuildKit fetches over HTTP, and takes for nothing else.
///
/// BuildKit knows the kind of a source by what its identifier begins with: `docker-image://` is an image, which knows nothing of
/// checksums of files. So a URL is parsed before it can be an identifier, and what is sent is what was parsed.
///
/// ```
/// # use buildkit_llb::HttpUrl;
/// assert_eq!(HttpUrl::parse("HTTPS://Files.Example/a b")?.as_str(), "https://files.example/a%20b");
/// assert!(HttpUrl::parse("docker-image://files.example/a").is_err());
/// # Ok::<(), buildkit_llb::InvalidHttpUrl>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HttpUrl(Url);

/// Why a text is no [`HttpUrl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHttpUrl {
    /// It is a URL of something else.
    #[error("only `https://` and `http://` are supported")]
    Scheme,
    /// It is no URL.
    #[error("{0}")]
    Syntax(#[from] url::ParseError),
    /// There are characters in it which other programs read in other ways.
    #[error("it contains a `\\`, a control character, or a space at the start or end")]
    Ambiguous,
}

impl HttpUrl {
    /// Parses an `https` or `http` URL with a host.
    pub fn parse(text: &str) -> Result<Self, InvalidHttpUrl> {
        let is_ambiguous = |c: char| c.is_control() || c == '\\';
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(InvalidHttpUrl::Scheme);
        }
        // The standard of browsers drops some of these, and takes others for a `/`.
        if text.contains(is_ambiguous) || text.trim() != text {
            return Err(InvalidHttpUrl::Ambiguous);
        }
        Ok(Self(Url::parse(text)?))
    }

    /// As it is sent: parsed, and put together again.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Its host, without a port.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> Origin {
        self.0.origin()
    }

    /// Its parts.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// One file behind a URL. Mirrors `HTTP` in `client/llb/source.go`.
///
/// With a checksum, BuildKit keys it by checksum and file name, not by URL, and needs no network
/// once it has the file.
///
/// ```
/// # use buildkit_llb::{Http, HttpUrl};
/// let url = HttpUrl::parse("https://files.example/six-1.17.0-py2.py3-none-any.whl")?;
/// let wheel = Http::new(&url)
///     .filename("six-1.17.0-py2.py3-none-any.whl")
///     .mode(0o644)
///     .build();
/// assert!(wheel.digest().starts_with("sha256:"));
/// # Ok::<(), buildkit_llb::InvalidHttpUrl>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Http {
    url: HttpUrl,
    attrs: Attrs,
    metadata: Metadata,
    fault: Option<Problem>,
}

impl Http {
    /// The file behind `url`, with mode 0600, as root.
    pub fn new(url: &HttpUrl) -> Self {
        Self { url: url.clone(), attrs: Attrs::default(), metadata: Metadata::default(), fault: None }
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
            self.fault = Some(Problem::InvalidMode { path: self.url.to_string(), mode, allowed: 0o777 });
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
        source::build(self.url.to_string(), self.attrs, None, self.metadata, self.fault)
    }
}

fn non_zero(id: u32) -> String {
    if id == 0 { String::new() } else { id.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_else_is_fetched() {
        for text in [
            "docker-image://host/image:tag",
            "docker-image+blob://host/image",
            "oci-layout://host/image",
            "local://context",
            "git://host/repository",
            "file:///etc/passwd",
            "ftp://host/file",
            "data:text/plain,x",
            "ext::sh -c x",
            "//host/file",
            "host/file",
            "",
            "https:",
            "https://",
            "https:///",
            "https:host/file",
            "http:/host/file",
            " https://host/file",
            "https://host/file\n",
            "ht\ntps://host/file",
            "https://host\\@other/file",
            "https://host/\0",
            "https://host:99999/",
        ] {
            assert!(HttpUrl::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_sent_is_what_was_parsed() {
        for (text, sent) in [
            ("https://files.example/a/torch-2.1%2Bcpu.whl?x=y", "https://files.example/a/torch-2.1%2Bcpu.whl?x=y"),
            ("HTTP://Files.Example:80/a/../b", "http://files.example/b"),
            ("https://files.example:443", "https://files.example/"),
            ("https://127.1/x", "https://127.0.0.1/x"),
        ] {
            assert_eq!(HttpUrl::parse(text).unwrap().as_str(), sent);
        }
    }
}

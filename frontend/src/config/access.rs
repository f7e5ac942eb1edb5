//! How packages are asked for: `[indexes]`, `[mirrors]` and `[ca]`. A secret is named by its id, and its value never read here.

use std::collections::BTreeMap;

use buildkit_llb::HttpUrl;
use url::Host;

use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located, Span};
use crate::passwords::has_credentials;

/// What the config says of downloads.
#[derive(Clone, Debug, Default)]
pub struct AccessConfig {
    /// `[indexes.NAME]`, in file order.
    pub indexes: Vec<IndexConfig>,
    /// `[mirrors]`, by what they stand for.
    pub mirrors: Vec<Mirror>,
    /// `[ca]`
    pub ca: Option<Ca>,
}

/// One `[indexes.NAME]`.
#[derive(Clone, Debug)]
pub struct IndexConfig {
    /// That of a `[[tool.uv.index]]`.
    pub name: Located<String>,
    /// Id of the secret that holds the `Authorization` header for it.
    pub secret: Located<String>,
    /// Servers beside its own that have its files, and are sent the secret.
    pub files: Vec<Located<HttpUrl>>,
    /// Servers that have files of it for everybody, and are not sent the secret.
    pub public_files: Vec<Located<HttpUrl>>,
}

/// URLs that are asked elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// Start of the URLs, without `/` at its end.
    pub from: String,
    /// What takes its place, the same.
    pub to: String,
    /// Id of the secret that holds the `Authorization` header for it; absent where those of the indexes hold.
    pub secret: Option<Located<String>>,
}

/// Certificates of authorities that a network's own servers are signed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ca {
    /// Id of the secret that holds them.
    Secret(Located<String>),
    /// Path of the file in the context.
    File(Located<String>),
}

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Table<'_>) -> AccessConfig {
    let mut indexes = Vec::new();
    for (name, mut table) in reader.named_tables(root, "indexes") {
        let secret = read_secret(reader, &mut table, &format!("indexes.{}.secret", name.value));
        let files = read_servers(reader, &mut table, "files");
        for server in &files {
            require_private(reader, server.value.as_str(), &server.span, &name.value);
        }
        let public_files = read_servers(reader, &mut table, "public-files");
        reader.finish(&table);
        match secret {
            Some(secret) => indexes.push(IndexConfig { name, secret, files, public_files }),
            None => reader.errors.push(
                Diagnostic::new("config::missing_key", format!("`[indexes.{}]` needs a `secret`", name.value))
                    .at(name.span)
                    .help("write `secret = \"ID\"`, and build with `--secret id=ID,env=VARIABLE`"),
            ),
        }
    }
    AccessConfig { indexes, mirrors: read_mirrors(reader, root), ca: read_ca(reader, root) }
}

/// The id of a secret. A message does not repeat what is none: it may be a value.
fn read_secret(reader: &mut Reader<'_>, table: &mut Table<'_>, shown: &str) -> Option<Located<String>> {
    let secret = reader.string(table, "secret")?;
    check_secret_id(reader, &secret, shown);
    Some(secret)
}

/// Refuses what is not the id of a secret.
pub(super) fn check_secret_id(reader: &mut Reader<'_>, secret: &Located<String>, shown: &str) {
    let is_id = |char: char| char.is_ascii_alphanumeric() || ['_', '-', '.', '/'].contains(&char);
    if secret.value.is_empty() || !secret.value.chars().all(is_id) {
        let error = Diagnostic::new("config::bad_secret", format!("`{shown}` is not a valid secret id"))
            .at(secret.span.clone())
            .help("use letters, digits, `_`, `-`, `.` and `/`; pass the value to the build with `--secret id=ID,env=VARIABLE`");
        reader.errors.push(error);
    }
}

/// Servers: URLs without a path. A secret that a server has, all of it has.
fn read_servers(reader: &mut Reader<'_>, table: &mut Table<'_>, key: &'static str) -> Vec<Located<HttpUrl>> {
    let mut servers = Vec::new();
    for text in reader.strings(table, key).unwrap_or_default() {
        if !check_url(
            reader,
            &text.value,
            &text.span,
            "remove the password: the secret of the index is sent to this server",
        ) {
            continue;
        }
        let Ok(url) = HttpUrl::parse(&text.value) else { continue };
        let origin = url.origin().ascii_serialization();
        if url.as_str().trim_end_matches('/') != origin {
            let problem = format!("`{}` in `{key}` has more than a scheme, a host and a port", text.value);
            let error = Diagnostic::new("config::bad_url", problem).at(text.span.clone());
            reader.errors.push(error.help(format!("write only the scheme, host and port: `\"{origin}\"`")));
        }
        servers.push(Located { value: url, span: text.span });
    }
    servers
}

/// Whether what is sent there is seen by nobody on the way.
pub fn is_private(url: &HttpUrl) -> bool {
    let is_loopback = match url.as_url().host() {
        Some(Host::Domain(host)) => host == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.as_url().scheme() == "https" || is_loopback
}

/// Refuses to send a secret where everybody on the way reads it.
fn require_private(reader: &mut Reader<'_>, text: &str, span: &Span, whose: &str) {
    if HttpUrl::parse(text).is_ok_and(|url| !is_private(&url)) {
        let problem = format!("the secret of `{whose}` would be sent to `{text}` without encryption");
        let error = Diagnostic::new("config::plain_http", problem).at(span.clone());
        reader.errors.push(error.help("use `https://`: secrets are sent over `http://` only to this machine"));
    }
}

fn read_mirrors(reader: &mut Reader<'_>, root: &mut Table<'_>) -> Vec<Mirror> {
    let mut mirrors = Vec::new();
    for (from, value) in reader.strings_or_tables(root, "mirrors") {
        let (to, secret) = match value {
            Ok(to) => (Some(to), None),
            Err(mut table) => {
                let to = reader.string(&mut table, "url");
                let secret = read_secret(reader, &mut table, &format!("mirrors.\"{}\".secret", from.value));
                reader.finish(&table);
                if to.is_none() {
                    let error = Diagnostic::new("config::missing_key", "a mirror needs a `url`")
                        .at(from.span.clone())
                        .help("write `\"https://FROM/\" = { url = \"https://TO/\", secret = \"ID\" }`");
                    reader.errors.push(error);
                }
                (to, secret)
            }
        };
        let advice = "anyone can read it in the build graph: write `{ url = \"…\", secret = \"ID\" }`";
        if let (Some(to), true) = (to, check_url(reader, &from.value, &from.span, advice))
            && check_url(reader, &to.value, &to.span, advice)
        {
            if secret.is_some() {
                require_private(reader, &to.value, &to.span, &from.value);
            }
            // As URLs of files are, which are compared with it.
            let bare = |url: &str| {
                let parsed = HttpUrl::parse(url);
                parsed.as_ref().map_or(url, HttpUrl::as_str).trim_end_matches('/').to_owned()
            };
            mirrors.push(Mirror { from: bare(&from.value), to: bare(&to.value), secret });
        }
    }
    mirrors
}

/// It is put together with the rest of another URL, and all of that is readable in the graph.
fn check_url(reader: &mut Reader<'_>, text: &str, span: &Span, advice: &str) -> bool {
    let url = HttpUrl::parse(text);
    let error = match url.as_ref().map(HttpUrl::as_url) {
        _ if crate::passwords::is_in(text) => {
            Diagnostic::new("config::bad_url", "the URL of a server contains a password").help(advice)
        }
        Ok(url) if has_credentials(url) => {
            Diagnostic::new("config::bad_url", "the URL of a server contains credentials").help(advice)
        }
        Ok(url) if url.query().is_some() || url.fragment().is_some() => {
            Diagnostic::new("config::bad_url", format!("`{text}` must not have a query or a fragment"))
                .help("mirrors replace the start of URLs: end the URL before `?` or `#`")
        }
        Ok(_) => return true,
        Err(_) => Diagnostic::new("config::bad_url", format!("`{text}` is not a valid server URL"))
            .help("write the start of a URL, such as `https://HOST/PATH`"),
    };
    reader.errors.push(error.at(span.clone()));
    false
}

fn read_ca(reader: &mut Reader<'_>, root: &mut Table<'_>) -> Option<Ca> {
    let mut table = reader.table(root, "ca")?;
    let span = reader.span(table.range.clone());
    let secret = read_secret(reader, &mut table, "ca.secret");
    let file = reader.string(&mut table, "file");
    reader.finish(&table);
    match (secret, file) {
        (Some(secret), None) => Some(Ca::Secret(secret)),
        (None, Some(file)) => {
            if file.value.is_empty() || file.value.starts_with('/') || file.value.split('/').any(|part| part == "..") {
                let problem = format!("`{}` is outside the build context", file.value);
                let error = Diagnostic::new("config::outside_context", problem)
                    .at(file.span.clone())
                    .help("`file` must be relative to the root of the build context, without `..`");
                reader.errors.push(error);
            }
            Some(Ca::File(file))
        }
        (Some(_), Some(_)) | (None, None) => {
            let error = Diagnostic::new("config::missing_key", "`[ca]` needs either `secret` or `file`").at(span).help(
                "write `secret = \"ID\"` for a build secret, or `file = \"PATH\"` for a file in the build context",
            );
            reader.errors.push(error);
            None
        }
    }
}

impl AccessConfig {
    /// The mirror of a URL: of those whose start it has, the longest.
    pub fn mirror(&self, url: &str) -> Option<&Mirror> {
        let matching = self.mirrors.iter().filter(|mirror| rest(url, &mirror.from).is_some());
        matching.max_by_key(|mirror| mirror.from.len())
    }

    /// Where a file is asked for.
    pub fn mirrored_file(&self, url: &HttpUrl) -> HttpUrl {
        // What a mirror puts together is a URL: it begins as one, with a host.
        HttpUrl::parse(&self.mirrored(url.as_str())).unwrap_or_else(|_| url.clone())
    }

    /// Where a URL is asked.
    pub fn mirrored(&self, url: &str) -> String {
        let mirror = self.mirror(url).and_then(|mirror| Some(format!("{}{}", mirror.to, rest(url, &mirror.from)?)));
        mirror.unwrap_or_else(|| url.to_owned())
    }

    /// What is said of indexes, by their names.
    pub fn by_name(&self) -> BTreeMap<&str, &IndexConfig> {
        self.indexes.iter().map(|index| (index.name.value.as_str(), index)).collect()
    }
}

/// What follows the start of a URL, which ends where a part of its path ends.
fn rest<'url>(url: &'url str, start: &str) -> Option<&'url str> {
    url.strip_prefix(start).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_mirror_holds_for_whole_parts_of_a_path() {
        let mirror = |from: &str, to: &str| Mirror { from: from.to_owned(), to: to.to_owned(), secret: None };
        let mirrors = vec![
            mirror("https://files.example", "https://mirror.example"),
            mirror("https://files.example/torch", "https://torch.example/x"),
        ];
        let access = AccessConfig { mirrors, ..AccessConfig::default() };
        for (url, asked) in [
            ("https://files.example/a/b.whl", "https://mirror.example/a/b.whl"),
            ("https://files.example", "https://mirror.example"),
            ("https://files.example/torch/b.whl", "https://torch.example/x/b.whl"),
            ("https://files.example/torchvision/b.whl", "https://mirror.example/torchvision/b.whl"),
            ("https://files.example.org/b.whl", "https://files.example.org/b.whl"),
        ] {
            assert_eq!(access.mirrored(url), asked);
        }
    }
}

//! How packages are asked for: `[indexes]`, `[mirrors]` and `[ca]`. A secret is named by its id, and its value never read here.

use std::collections::BTreeMap;

use super::table::{Located, Reader, Table};
use crate::diagnostic::{Diagnostic, Span};

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
        reader.finish(&table);
        match secret {
            Some(secret) => indexes.push(IndexConfig { name, secret }),
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
        let error = Diagnostic::new("config::bad_secret", format!("`{shown}` is not the id of a secret"))
            .at(secret.span.clone())
            .help("an id has letters, digits, `_`, `-`, `.` and `/`; the value is given to the build: `--secret id=ID,env=VARIABLE`");
        reader.errors.push(error);
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
        if let (Some(to), true) = (to, check_url(reader, &from.value, &from.span))
            && check_url(reader, &to.value, &to.span)
        {
            let bare = |url: &str| url.trim_end_matches('/').to_owned();
            mirrors.push(Mirror { from: bare(&from.value), to: bare(&to.value), secret });
        }
    }
    mirrors
}

/// It is put together with the rest of another URL, and all of that is readable in the graph.
fn check_url(reader: &mut Reader<'_>, text: &str, span: &Span) -> bool {
    let url = url::Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    let error = match url {
        Some(url) if has_credentials(&url) => Diagnostic::new("config::bad_url", "a mirror's URL holds credentials")
            .help("everyone can read it in the build graph: write `{ url = \"…\", secret = \"ID\" }`"),
        Some(url) if url.query().is_some() || url.fragment().is_some() => {
            Diagnostic::new("config::bad_url", format!("`{text}` has more than a path"))
                .help("what follows a mirror's URL is the rest of that of a file: end it before `?` and `#`")
        }
        Some(_) => return true,
        None => Diagnostic::new("config::bad_url", format!("`{text}` is not the URL of a server"))
            .help("write the start of a URL: `https://HOST/PATH`"),
    };
    reader.errors.push(error.at(span.clone()));
    false
}

/// Whether a URL holds a user or a password.
pub fn has_credentials(url: &url::Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
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
                    .help("`file` is a path relative to the root of the context, without `..`");
                reader.errors.push(error);
            }
            Some(Ca::File(file))
        }
        (Some(_), Some(_)) | (None, None) => {
            let error = Diagnostic::new("config::missing_key", "`[ca]` needs a `secret` or a `file`, and not both")
                .at(span)
                .help(
                    "write `secret = \"ID\"` for a secret of the build, or `file = \"PATH\"` for a file of the context",
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

    /// Where a URL is asked.
    pub fn mirrored(&self, url: &str) -> String {
        let mirror = self.mirror(url).and_then(|mirror| Some(format!("{}{}", mirror.to, rest(url, &mirror.from)?)));
        mirror.unwrap_or_else(|| url.to_owned())
    }

    /// The secrets of indexes by their names.
    pub fn secrets(&self) -> BTreeMap<&str, &Located<String>> {
        self.indexes.iter().map(|index| (index.name.value.as_str(), &index.secret)).collect()
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

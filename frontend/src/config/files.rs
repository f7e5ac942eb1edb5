//! `files`, and what a step reads: files of the context or of a server, and where in an image they are.

use url::Url;

use super::access::has_credentials;
use super::path::{require_absolute, require_inside, require_lasting};
use super::table::{Located, Reader, Table};
use crate::diagnostic::{Diagnostic, Span};

/// One entry of `files`, or of the `inputs` of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileConfig {
    /// Where it comes from.
    pub source: FileSource,
    /// Absolute path in the image.
    pub to: Located<String>,
    /// Its permission bits, and those of all that is in it, if they are not those that it has.
    pub mode: Option<u32>,
    /// It belongs to the user, not to root.
    pub of_user: bool,
}

/// Where a file comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// Path in the context, file or directory.
    Context(Located<String>),
    /// A file of a server.
    Url {
        /// Where it is.
        url: Located<String>,
        /// Its sha256, 64 digits.
        sha256: String,
    },
}

impl FileSource {
    /// Its place in the config.
    pub fn span(&self) -> &Span {
        match self {
            Self::Context(path) => &path.span,
            Self::Url { url, .. } => &url.span,
        }
    }
}

/// `files` of a target.
pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Vec<FileConfig>> {
    read_entries(reader, table, "files", true)
}

/// `inputs` of a step: they belong to whom it runs as.
pub(super) fn read_inputs(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Vec<FileConfig> {
    read_entries(reader, table, "inputs", false).unwrap_or_default()
}

fn read_entries(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    has_owner: bool,
) -> Option<Vec<FileConfig>> {
    let tables = reader.tables(table, key)?;
    let mut files = Vec::new();
    for mut table in tables {
        let span = reader.span(table.range.clone());
        let from = reader.string(&mut table, "from");
        let url = reader.string(&mut table, "url");
        let sha256 = reader.string(&mut table, "sha256");
        let to = reader.string(&mut table, "to");
        let mode = read_mode(reader, &mut table);
        let owner = has_owner.then(|| reader.choice(&mut table, "owner", &["root", "user"])).flatten();
        reader.finish(&table);
        let (Some(to), true) = (to, from.is_some() || url.is_some()) else {
            let problem = format!("an entry of `{key}` needs `from` and `to`");
            let error = Diagnostic::new("config::missing_key", problem)
                .at(span)
                .help("write `{ from = \"PATH IN THE CONTEXT\", to = \"/PATH/IN/THE/IMAGE\" }`");
            reader.errors.push(error);
            continue;
        };
        require_absolute(reader, &to, &format!("{key}.to"));
        // A step's inputs are in no layer.
        if has_owner {
            require_lasting(reader, &to, "files.to");
        }
        let source = match (from, url) {
            (Some(from), None) => read_context_path(reader, from, sha256, key),
            (None, Some(url)) => read_url(reader, url, sha256),
            (Some(from), Some(url)) => {
                let problem = format!("an entry of `{key}` comes `from` the context or from a `url`");
                let error = Diagnostic::new("config::exclusive_keys", problem).at(url.span).at(from.span);
                reader.errors.push(error.help("write an entry for each"));
                None
            }
            (None, None) => None,
        };
        let of_user = owner.is_some_and(|owner| owner.value == "user");
        files.extend(source.map(|source| FileConfig { source, to, mode, of_user }));
    }
    Some(files)
}

fn read_context_path(
    reader: &mut Reader<'_>,
    from: Located<String>,
    sha256: Option<Located<String>>,
    key: &str,
) -> Option<FileSource> {
    if from.value.is_empty() {
        let error = Diagnostic::new("config::bad_path", format!("`{key}.from` is empty"))
            .at(from.span.clone())
            .help("write `.` for the whole context");
        reader.errors.push(error);
    }
    require_inside(reader, &from, "from");
    if let Some(sha256) = sha256 {
        let error = Diagnostic::new("config::exclusive_keys", "`sha256` is for what comes from a `url`");
        reader.errors.push(error.at(sha256.span).help("files of the context are what they are: take it out"));
    }
    Some(FileSource::Context(from))
}

/// A download without a hash would be whatever the server has when it is asked.
fn read_url(reader: &mut Reader<'_>, url: Located<String>, sha256: Option<Located<String>>) -> Option<FileSource> {
    let parsed = Url::parse(&url.value).ok().filter(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    match parsed {
        Some(parsed) if has_credentials(&parsed) => {
            let error = Diagnostic::new("config::bad_url", "the URL of a file holds credentials")
                .at(url.span.clone())
                .help("everyone can read it in the build graph: name the start of it in `[mirrors]`, with a `secret`");
            reader.errors.push(error);
        }
        Some(_) => {}
        None => {
            let error = Diagnostic::new("config::bad_url", format!("`{}` is not the URL of a file", url.value))
                .at(url.span.clone())
                .help("write `https://HOST/PATH`");
            reader.errors.push(error);
        }
    }
    let Some(sha256) = sha256 else {
        let error = Diagnostic::new("config::missing_key", "a file from a `url` needs its `sha256`")
            .at(url.span)
            .help(format!("`curl -fsSL '{}' | sha256sum` prints it", url.value));
        reader.errors.push(error);
        return None;
    };
    let hex = sha256.value.strip_prefix("sha256:").unwrap_or(&sha256.value).to_ascii_lowercase();
    if hex.len() != 64 || !hex.chars().all(|char| char.is_ascii_hexdigit()) {
        let error = Diagnostic::new("config::bad_hash", format!("`{}` is not a sha256", sha256.value))
            .at(sha256.span)
            .help("it has 64 hexadecimal digits");
        reader.errors.push(error);
    }
    Some(FileSource::Url { url, sha256: hex })
}

/// Permission bits of `"0755"`. Of a directory they are those of all that is in it, directories too: changes such as `u=rwX` are what
/// daemons do not announce that they know.
fn read_mode(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<u32> {
    let mode = reader.string(table, "mode")?;
    let text = mode.value.as_str();
    let bits = u32::from_str_radix(text, 8).ok().filter(|_| (3..=4).contains(&text.len()));
    if bits.is_none() {
        let error = Diagnostic::new("config::bad_mode", format!("`{text}` is not a mode"))
            .at(mode.span)
            .help("write its three or four octal digits: `\"0755\"`");
        reader.errors.push(error);
    }
    bits
}

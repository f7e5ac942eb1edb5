//! `[python]`: which python images have, and who brings it.

use buildkit_llb::HttpUrl;

use super::path::require_inside;
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located, Span};
use crate::interpreter::request::{Form, PythonRequest};
use crate::passwords::has_credentials;

/// What the config says of python.
#[derive(Clone, Debug, Default)]
pub struct PythonConfig {
    /// What is asked for.
    pub version: Option<Located<PythonRequest>>,
    /// How uv installs it; absent where the base has it.
    pub managed: Option<ManagedConfig>,
}

/// `provider = "managed"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedConfig {
    /// The place of that.
    pub span: Span,
    /// What takes the place of where uv fetches archives, without `/` at its end (`UV_PYTHON_INSTALL_MIRROR`).
    pub mirror: Option<Located<String>>,
    /// What takes the place of uv's own list of archives (`UV_PYTHON_DOWNLOADS_JSON_URL`).
    pub downloads: Option<Located<Downloads>>,
}

/// A list of archives of pythons, in uv's form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Downloads {
    /// At a URL.
    Url(String),
    /// A file of the context.
    File(String),
}

/// Who may bring it.
const PROVIDERS: [&str; 2] = ["image", "managed"];

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Table<'_>) -> PythonConfig {
    let Some(mut table) = reader.table(root, "python") else { return PythonConfig::default() };
    let version = reader.string(&mut table, "version").and_then(|version| read_version(reader, version));
    let provider = reader.string(&mut table, "provider").filter(|provider| check_provider(reader, provider));
    let mirror = reader.string(&mut table, "mirror").filter(|url| check_url(reader, url));
    let downloads = reader.string(&mut table, "downloads-json").and_then(|downloads| read_downloads(reader, downloads));
    reader.finish(&table);
    let managed = provider.filter(|provider| provider.value == PROVIDERS[1]);
    if managed.is_none() {
        let mirror = mirror.as_ref().map(|mirror| ("mirror", &mirror.span));
        let downloads = downloads.as_ref().map(|downloads| ("downloads-json", &downloads.span));
        for (key, span) in mirror.into_iter().chain(downloads) {
            let problem = format!("`python.{key}` has no effect, because Python comes from the base image");
            let error = Diagnostic::new("config::not_managed", problem)
                .at(span.clone())
                .help("to let uv install Python, add `provider = \"managed\"` to `[python]`");
            reader.errors.push(error);
        }
    }
    let managed = managed.map(|provider| ManagedConfig {
        span: provider.span,
        mirror: mirror.map(|mirror| mirror.map(|url| url.trim_end_matches('/').to_owned())),
        downloads,
    });
    PythonConfig { version, managed }
}

/// In any form that uv takes, as long as an image can have it.
fn read_version(reader: &mut Reader<'_>, text: Located<String>) -> Option<Located<PythonRequest>> {
    let request = text.map(|text| PythonRequest::parse(&text));
    match require_possible(&request) {
        Ok(()) => Some(request),
        Err(error) => {
            reader.errors.push(error);
            None
        }
    }
}

/// Characters of a request that its error repeats.
const MOST_SHOWN: usize = 100;

/// Refuses a python that no image can have.
pub fn require_possible(request: &Located<PythonRequest>) -> Result<(), Diagnostic> {
    let Some((reason, help)) = request.value.refusal() else { return Ok(()) };
    let code = match request.value.form {
        Form::Program | Form::TooLong => "config::bad_version",
        Form::Path | Form::Python(_) => "python::not_for_images",
    };
    let text = request.value.to_string();
    let shown: String = text.chars().take(MOST_SHOWN).collect();
    let rest = if shown.len() < text.len() { "…" } else { "" };
    let problem = format!("`{shown}{rest}` {reason}");
    Err(Diagnostic::new(code, problem).at(request.span.clone()).help(help))
}

fn check_provider(reader: &mut Reader<'_>, provider: &Located<String>) -> bool {
    let is_known = PROVIDERS.contains(&provider.value.as_str());
    if !is_known {
        let problem = format!("`python.provider` must be \"image\" or \"managed\", not \"{}\"", provider.value);
        let error = Diagnostic::new("config::bad_value", problem).at(provider.span.clone()).help(
            "use \"image\", the default, for the Python of the base image, or \"managed\" for a Python that uv installs",
        );
        reader.errors.push(error);
    }
    is_known
}

fn read_downloads(reader: &mut Reader<'_>, text: Located<String>) -> Option<Located<Downloads>> {
    if text.value.contains("://") {
        return check_url(reader, &text).then(|| text.map(Downloads::Url));
    }
    if text.value.is_empty() {
        let error = Diagnostic::new("config::bad_path", "`python.downloads-json` is empty")
            .at(text.span)
            .help("write a URL, or the path of a file in the build context");
        reader.errors.push(error);
        return None;
    }
    require_inside(reader, &text, "downloads-json");
    Some(text.map(Downloads::File))
}

/// All of it is readable in the build graph.
fn check_url(reader: &mut Reader<'_>, text: &Located<String>) -> bool {
    let url = HttpUrl::parse(&text.value);
    let has_password = crate::passwords::is_in(&text.value);
    let error = match url {
        url if has_password || url.as_ref().is_ok_and(|url| has_credentials(url.as_url())) => {
            Diagnostic::new("config::bad_url", "a URL in `[python]` contains credentials").help(
                "anyone can read them in the build graph: pass them to the build with `--secret id=netrc,src=FILE`",
            )
        }
        Ok(_) => return true,
        Err(_) => Diagnostic::new("config::bad_url", format!("`{}` is not a valid server URL", text.value))
            .help("write `https://HOST/PATH`"),
    };
    reader.errors.push(error.at(text.span.clone()));
    false
}

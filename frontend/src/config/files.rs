//! `files`, and what a step reads: files of the context or of a server, and where in an image they are.

use buildkit_llb::HttpUrl;

use super::file::{FileConfig, FileSource};
use super::path::{require_absolute, require_inside, require_lasting};
use super::step::StepConfig;
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};
use crate::passwords::has_credentials;

/// `files` of a target.
pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Vec<FileConfig>> {
    read_entries(reader, table, "files", None)
}

/// `inputs` of a step, to whom they belong as it runs; `earlier` are the steps above it.
pub(super) fn read_inputs(reader: &mut Reader<'_>, table: &mut Table<'_>, earlier: &[StepConfig]) -> Vec<FileConfig> {
    read_entries(reader, table, "inputs", Some(earlier)).unwrap_or_default()
}

fn read_entries(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &'static str,
    earlier: Option<&[StepConfig]>,
) -> Option<Vec<FileConfig>> {
    let tables = reader.tables(table, key)?;
    let mut files = Vec::new();
    for mut table in tables {
        let span = reader.span(table.range.clone());
        let before = reader.errors.len();
        let from = reader.string(&mut table, "from");
        let url = reader.string(&mut table, "url");
        let step = earlier.and_then(|earlier| Some((reader.string(&mut table, "step")?, earlier)));
        let sha256 = reader.string(&mut table, "sha256");
        let to = reader.string(&mut table, "to");
        let mode = read_mode(reader, &mut table);
        let owner = match earlier {
            None => reader.choice(&mut table, "owner", &["root", "user"]),
            Some(_) => None,
        };
        reader.finish(&table);
        let (Some(to), true) = (to, from.is_some() || url.is_some() || step.is_some()) else {
            // One of another type is told already.
            if reader.errors.len() > before && ["from", "to", "url", "step"].iter().any(|key| table.has(key)) {
                continue;
            }
            let problem = format!("an entry of `{key}` needs `from` and `to`");
            let error = Diagnostic::new("config::missing_key", problem)
                .at(span)
                .help("write `{ from = \"PATH IN THE CONTEXT\", to = \"/PATH/IN/THE/IMAGE\" }`");
            reader.errors.push(error);
            continue;
        };
        require_absolute(reader, &to, &format!("{key}.to"));
        // A step's inputs are in no layer.
        if earlier.is_none() {
            require_lasting(reader, &to, "files.to");
        }
        let source = match (step, from, url) {
            (None, Some(from), None) => {
                refuse_hash(reader, sha256, "remove it: files from the build context are not checked against a hash");
                read_context_path(reader, from, key)
            }
            (None, None, Some(url)) => read_url(reader, url, sha256),
            (Some((step, earlier)), from, None) => {
                refuse_hash(reader, sha256, "remove it: the hash of a step's output is not known in advance");
                read_output(reader, step, from, earlier)
            }
            (None, Some(from), Some(url)) => {
                let problem = format!("an entry of `{key}` cannot have both `from` and `url`");
                let error = Diagnostic::new("config::exclusive_keys", problem).at(url.span).at(from.span);
                reader.errors.push(error.help("use one entry for each"));
                None
            }
            (Some((step, _)), _, Some(url)) => {
                let problem = "an entry of `inputs` cannot have both `step` and `url`";
                let error = Diagnostic::new("config::exclusive_keys", problem).at(url.span).at(step.span);
                reader.errors.push(error.help("use one entry for each"));
                None
            }
            (None, None, None) => None,
        };
        let of_user = owner.is_some_and(|owner| owner.value == "user");
        files.extend(source.map(|source| FileConfig { source, to, mode, of_user }));
    }
    Some(files)
}

fn refuse_hash(reader: &mut Reader<'_>, sha256: Option<Located<String>>, help: &str) {
    if let Some(sha256) = sha256 {
        let error = Diagnostic::new("config::exclusive_keys", "`sha256` is only supported together with `url`");
        reader.errors.push(error.at(sha256.span).help(help));
    }
}

fn read_context_path(reader: &mut Reader<'_>, from: Located<String>, key: &str) -> Option<FileSource> {
    if from.value.is_empty() {
        let error = Diagnostic::new("config::bad_path", format!("`{key}.from` is empty"))
            .at(from.span.clone())
            .help("write `.` for the whole build context");
        reader.errors.push(error);
    }
    require_inside(reader, &from, "from");
    Some(FileSource::Context(from))
}

/// A path that an earlier step knows, by the place that the image has for it: `from` is an output of that step or lies in one, and need
/// not be said of a step with one output.
fn read_output(
    reader: &mut Reader<'_>,
    step: Located<String>,
    from: Option<Located<String>>,
    earlier: &[StepConfig],
) -> Option<FileSource> {
    let Some(of) = earlier.iter().find(|other| other.name.value == step.value) else {
        let error = Diagnostic::new("config::unknown_step", format!("no earlier step is named `{}`", step.value))
            .at(step.span)
            .did_you_mean(&step.value, earlier.iter().map(|other| other.name.value.as_str()))
            .help("steps run in order: put a step below the steps that it reads from");
        reader.errors.push(error);
        return None;
    };
    // That it has none was said of it.
    if of.outputs.is_empty() {
        return None;
    }
    if let Some(from) = &from {
        require_absolute(reader, from, "inputs.from");
    }
    match of.output(&step, from.as_ref()) {
        Ok(path) => Some(FileSource::Step { step, path }),
        Err(error) => {
            reader.errors.push(error);
            None
        }
    }
}

/// A download without a hash would be whatever the server has when it is asked.
fn read_url(reader: &mut Reader<'_>, url: Located<String>, sha256: Option<Located<String>>) -> Option<FileSource> {
    let has_password = crate::passwords::is_in(&url.value);
    let parsed = HttpUrl::parse(&url.value);
    match &parsed {
        Ok(parsed) if !has_password && !has_credentials(parsed.as_url()) => {}
        Err(_) if !has_password => {
            let error = Diagnostic::new("config::bad_url", format!("`{}` is not a valid URL of a file", url.value))
                .at(url.span.clone())
                .help("write `https://HOST/PATH`");
            reader.errors.push(error);
        }
        _ => {
            let error =
                Diagnostic::new("config::bad_url", "the URL of a file contains credentials").at(url.span.clone()).help(
                    "anyone can read them in the build graph: remove them, and add the start of the URL to \
                       `[mirrors]` with a `secret`",
                );
            reader.errors.push(error);
        }
    }
    let Some(sha256) = sha256 else {
        let error = Diagnostic::new("config::missing_key", "a file from a `url` needs its `sha256`")
            .at(url.span)
            .help(format!("to get the hash, run `curl -fsSL '{}' | sha256sum`", url.value));
        reader.errors.push(error);
        return None;
    };
    let hex = sha256.value.strip_prefix("sha256:").unwrap_or(&sha256.value).to_ascii_lowercase();
    if hex.len() != 64 || !hex.chars().all(|char| char.is_ascii_hexdigit()) {
        let error = Diagnostic::new("config::bad_hash", format!("`{}` is not a valid sha256 hash", sha256.value))
            .at(sha256.span)
            .help("a sha256 hash has 64 hexadecimal digits");
        reader.errors.push(error);
    }
    Some(FileSource::Url { url: Located { value: parsed.ok()?, span: url.span }, sha256: hex })
}

/// Permission bits of `"0755"`. Of a directory they are those of all that is in it, directories too: changes such as `u=rwX` are what
/// daemons do not announce that they know.
fn read_mode(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<u32> {
    let mode = reader.string(table, "mode")?;
    let text = mode.value.as_str();
    let bits = u32::from_str_radix(text, 8).ok().filter(|_| (3..=4).contains(&text.len()));
    if bits.is_none() {
        let error = Diagnostic::new("config::bad_mode", format!("`{text}` is not a valid file mode"))
            .at(mode.span)
            .help("write three or four octal digits, such as `\"0755\"`");
        reader.errors.push(error);
    }
    bits
}

//! The file that the client named: a stub that only carries the `# syntax=` line, a config, or something else.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// The image of this frontend, as the first line of a file names it.
pub const SYNTAX: &str = "ghcr.io/uv-buildkit/uv-buildkit:1";

/// What the file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    /// Comments and blank lines: the config, if there is one, is `uv.build.toml` at the root of the context.
    Stub,
    /// The config itself.
    Config(Arc<SourceFile>),
}

/// Tells what the file is. A Dockerfile is refused: its instructions would silently not be followed.
pub fn classify(file: &Arc<SourceFile>) -> Result<Entry, Diagnostic> {
    let mut offset = 0;
    let mut is_stub = true;
    for line in file.text.split_inclusive('\n') {
        let text = line.trim_start_matches('\u{feff}').trim();
        if !text.is_empty() && !text.starts_with('#') {
            is_stub = false;
            if is_instruction(text) {
                return Err(Diagnostic::new(
                    "entry::dockerfile",
                    format!("`{}` contains Dockerfile instructions, which this frontend does not support", file.name),
                )
                .at(Span::new(file, offset..offset + line.trim_end().len()))
                .help("keep only the `# syntax=` line in it, and describe the image in `uv.build.toml`")
                .help("or put the `# syntax=` line at the top of `uv.build.toml`, and build with `-f uv.build.toml`")
                .help("to convert a Dockerfile that follows uv's guide, run `uv-buildkit import`")
                .help("to build the Dockerfile itself, change its `# syntax=` line to `docker/dockerfile:1`"));
            }
        }
        offset += line.len();
    }
    Ok(if is_stub { Entry::Stub } else { Entry::Config(Arc::clone(file)) })
}

/// The value of a line `# NAME=VALUE` in the comments that a file starts with (dockerfile: `parser.DirectiveParser`).
pub fn directive(file: &SourceFile, name: &str) -> Option<String> {
    let comments = file.text.trim_start_matches('\u{feff}').lines().map_while(|line| line.trim().strip_prefix('#'));
    let mut pairs = comments.filter_map(|comment| comment.split_once('='));
    pairs.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// `FROM image` or `ARG name` in a Dockerfile's spelling; neither is TOML.
fn is_instruction(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
    let next = words.next();
    (keyword == "FROM" || keyword == "ARG") && next.is_some_and(|word| word != "=")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> String {
        match classify(&SourceFile::new("Dockerfile", text)) {
            Ok(entry) => format!("{entry:?}").split(['(', ' ']).next().unwrap().to_owned(),
            Err(error) => format!("{error}").lines().next().unwrap().to_owned(),
        }
    }

    #[test]
    fn reads_directives_at_the_top() {
        let check = |text: &str| directive(&SourceFile::new("uv.build.toml", text), "check");
        assert_eq!(check("# syntax=x\n# check = skip=a;error=true\n[args]\n").as_deref(), Some("skip=a;error=true"));
        assert_eq!(check("# syntax=x\n\n# check=skip=a\n"), None);
    }

    #[test]
    fn knows_a_stub_from_a_config_from_a_dockerfile() {
        assert_eq!(kind(""), "Stub");
        assert_eq!(kind("\u{feff}# syntax=x\n\n  # more\n"), "Stub");
        assert_eq!(kind("# syntax=x\n[targets.a]\n"), "Config");
        assert_eq!(kind("from = 1\n"), "Config");
        insta::assert_snapshot!(kind("# syntax=x\nfrom python:3.13\nRUN x\n"), @"Dockerfile:2:1: `Dockerfile` contains Dockerfile instructions, which this frontend does not support");
        insta::assert_snapshot!(kind("ARG V=1\nFROM python:$V\n"), @"Dockerfile:1:1: `Dockerfile` contains Dockerfile instructions, which this frontend does not support");
    }
}

//! Scripts with inline metadata (PEP 723): the block of comments in which a script says what it requires, as a manifest (uv:
//! `ScriptTag::parse`). Places are those in the script.

use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BuildSystem, Manifest};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, syntax_error};
use crate::paths::script::package_name;

/// The first line of a block, and the last.
const OPEN: &str = "# /// script";
const CLOSE: &str = "# ///";

/// Keys of a block that a manifest has in `[project]`.
const OF_PROJECT: [&str; 2] = ["dependencies", "requires-python"];

/// Reads the block of a script.
pub fn parse(file: &Arc<SourceFile>) -> Result<Manifest, Diagnostics> {
    let lines = block(file)?;
    let open = lines.start..lines.start + OPEN.len();
    let file = &SourceFile::with_toml(&*file.name, &*file.text, uncommented(&file.text, &lines));
    let document = DeTable::parse(file.toml()).map_err(|error| {
        let error = syntax_error(file, &error);
        let problem =
            error.message.replacen(&format!("`{}`", file.name), &format!("the script metadata of `{}`", file.name), 1);
        Diagnostic { message: problem, ..error }
    })?;
    let range = document.span();
    let mut table = document.into_inner();
    let mut project = DeTable::new();
    let text = |text: &str| DeValue::String(text.to_owned().into());
    project
        .insert(Spanned::new(open.clone(), "name".into()), Spanned::new(open.clone(), text(&package_name(&file.name))));
    for key in OF_PROJECT {
        project.extend(table.remove_entry(key));
    }
    table.insert(Spanned::new(open.clone(), "project".into()), Spanned::new(open.clone(), DeValue::Table(project)));
    let manifest = super::of_document(file, Spanned::new(range, table))?;
    // Nothing builds it.
    let build_system = BuildSystem { requires: Vec::new(), span: Span::new(file, open), ..manifest.build_system };
    Ok(Manifest { build_system, ..manifest })
}

/// Whether a text has the first line of a block.
pub fn has_block(text: &str) -> bool {
    opening(text).is_some()
}

/// Where the first line of a block starts.
fn opening(text: &str) -> Option<usize> {
    let start = text.find(OPEN)?;
    let is_start_of_line = start == 0 || text[..start].ends_with(['\n', '\r']);
    (is_start_of_line && text[start..].lines().next() == Some(OPEN)).then_some(start)
}

/// Bytes of a block, from its first line to its last. The last line that may end it does.
fn block(file: &Arc<SourceFile>) -> Result<Range<usize>, Diagnostic> {
    let text = file.text.as_str();
    let name = &file.name;
    let Some(start) = opening(text) else {
        return Err(Diagnostic::new(
            "script::no_metadata",
            format!("`{name}` has no `{OPEN}` block: it does not declare its dependencies"),
        )
        .at(Span::whole(file))
        .help(format!("add one: run `uv init --script {name}`, then `uv add --script {name} PACKAGE`")));
    };
    let mut end = start;
    let mut closed = None;
    for (index, line) in text[start..].split_inclusive('\n').enumerate() {
        let content = line.trim_end_matches('\n').trim_end_matches('\r');
        if !(content == "#" || content.starts_with("# ")) {
            break;
        }
        end += line.len();
        if index > 0 && content == CLOSE {
            closed = Some(end);
        }
    }
    let first = Span::new(file, start..start + OPEN.len());
    let Some(end) = closed else {
        return Err(Diagnostic::new(
            "script::open_metadata",
            format!("the `{OPEN}` block of `{name}` is not closed with `{CLOSE}`"),
        )
        .at(first)
        .help("every line of the block must start with `#`, including empty lines"));
    };
    if let Some(second) = opening(&text[end..]) {
        let second = Span::new(file, end + second..end + second + OPEN.len());
        return Err(Diagnostic::new("script::two_blocks", format!("`{name}` has two `{OPEN}` blocks"))
            .at(second)
            .at(first)
            .help("merge them into one"));
    }
    Ok(start..end)
}

/// The text of a block without `#`, at the places at which it stands in the script: all else is blank.
fn uncommented(text: &str, block: &Range<usize>) -> String {
    let blank = |text: &str| -> String { text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect() };
    let mut toml = blank(&text[..block.start]);
    for line in text[block.clone()].split_inclusive('\n') {
        match line.trim_end_matches(['\n', '\r']) {
            OPEN | CLOSE => toml += &blank(line),
            _ => {
                toml.push(' ');
                toml += &line[1..];
            }
        }
    }
    toml + &blank(&text[block.end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Manifest, String> {
        parse(&SourceFile::new("jobs/report.py", text)).map_err(|errors| errors.render())
    }

    #[test]
    fn reads_a_block_at_its_place() {
        let text = "#!/usr/bin/env -S uv run --script\n# ä\n# /// script\n# requires-python = \">=3.11\"\n# dependencies = [\n#   \"idna>=3\",\n# ]\n#\n\
                    # [[tool.uv.index]]\n# name = \"corp\"\n# url = \"https://index.example/simple\"\n# ///\nprint(\"# no more\")\n";
        let manifest = read(text).unwrap();
        let project = manifest.declarations.unwrap().project.unwrap();
        let python = project.requires_python.unwrap();
        assert_eq!(&text[python.span.range], "\">=3.11\"");
        let dependencies = project.dependencies.unwrap();
        assert_eq!(dependencies.value[0].span.to_string(), "jobs/report.py:6:5");
        assert_eq!(dependencies.value[0].value, "idna>=3");
        assert_eq!(manifest.indexes.named["corp"], "https://index.example/simple");
        assert_eq!(manifest.name.unwrap().as_str(), "report");
        assert!(manifest.build_system.requires.is_empty());
        let windows = text.replace('\n', "\r\n");
        assert_eq!(read(&windows).unwrap().indexes.named["corp"], "https://index.example/simple");
    }

    #[test]
    fn takes_the_lines_for_a_block_that_uv_does() {
        // The last line that may end it does.
        assert!(
            read("# /// script\n# dependencies = []\n# ///\n# text\n# ///\n")
                .is_err_and(|error| error.contains("toml"))
        );
        assert!(read("# /// script\n# ///\n").is_ok());
        assert!(read("# /// script\n# ///").is_ok());
        for (text, expected) in [
            ("import idna\n", "does not declare its dependencies"),
            (" # /// script\n# ///\n", "does not declare its dependencies"),
            ("# /// scripts\n# ///\n", "does not declare its dependencies"),
            ("# /// script\n# dependencies = []\n\n# ///\n", "is not closed"),
            ("# /// script\n#dependencies = []\n# ///\n", "is not closed"),
            ("# /// script\n# ///\n\n# /// script\n# ///\n", "has two"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.contains(expected), "{error}");
        }
    }
}

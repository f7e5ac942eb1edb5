//! The one diagnostic type: every refusal and warning of every pass, with the place it speaks of.
//!
//! Passes collect [`Diagnostic`]s and give them back as [`Diagnostics`]; the gateway turns them into BuildKit `Source`
//! details so that the client draws the excerpt, the command line draws it itself with [`Diagnostics::render`].

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A text file of the build context, shared by everything that points into it.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the root of the context, with `/`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Byte offset of the start of each line.
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// Wraps a text read from `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        let text = text.into();
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { name: name.into(), text, line_starts })
    }

    /// 1-based line and 1-based column (in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = self.line_starts[line - 1];
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    fn line(&self, line: usize) -> &str {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        self.text[start..end].trim_end_matches(['\n', '\r'])
    }
}

/// A byte range in a [`SourceFile`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The file pointed into.
    pub file: Arc<SourceFile>,
    /// Bytes, half open.
    pub range: Range<usize>,
}

impl Span {
    /// A span over `range` of `file`.
    pub fn new(file: &Arc<SourceFile>, range: Range<usize>) -> Self {
        Self { file: Arc::clone(file), range }
    }

    /// The first line of a file, for what concerns it as a whole.
    pub fn whole(file: &Arc<SourceFile>) -> Self {
        Self::new(file, 0..0)
    }

    /// 1-based first and last line.
    pub fn lines(&self) -> (usize, usize) {
        let first = self.file.position(self.range.start).0;
        let last = self.file.position(self.range.end.saturating_sub(1).max(self.range.start)).0;
        (first, last)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.file.position(self.range.start);
        write!(out, "{}:{line}:{column}", self.file.name)
    }
}

/// One refusal or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable identifier, `pass::mistake`.
    pub code: &'static str,
    /// A lower-case sentence without a final period that names the offending value.
    pub message: String,
    /// Where; the first is the primary place.
    pub spans: Vec<Span>,
    /// What to do about it, one suggestion each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic without a place yet.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), spans: Vec::new(), help: Vec::new() }
    }

    /// Adds a place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.spans.push(span);
        self
    }

    /// Adds a place when there is one.
    #[must_use]
    pub fn at_some(mut self, span: Option<Span>) -> Self {
        self.spans.extend(span);
        self
    }

    /// Adds a suggestion.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds "did you mean" when one of `known` is near `given`, and otherwise lists what is known.
    #[must_use]
    pub fn did_you_mean<'a>(self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known: Vec<&str> = known.into_iter().collect();
        known.sort_unstable();
        known.dedup();
        match nearest(given, &known) {
            Some(near) => self.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => self,
            None => self.help(format!("known: {}", quoted(&known))),
        }
    }

    /// Its message, each place with an excerpt and carets, and its help.
    pub fn excerpt(&self) -> String {
        let mut text = format!("{}\n", self.message);
        for span in &self.spans {
            let (line, column) = span.file.position(span.range.start);
            let source = span.file.line(line);
            let gutter = line.to_string().len();
            let rest = source.chars().count().saturating_sub(column - 1);
            let marked = span.file.text.get(span.range.clone()).and_then(|text| text.lines().next());
            let length = marked.map_or(0, |text| text.chars().count());
            let carets = "^".repeat(length.min(rest).max(1));
            text += &format!("{:gutter$}--> {span}\n", "");
            text += &format!("{line} | {source}\n{:gutter$} | {:pad$}{carets}\n", "", "", pad = column - 1);
        }
        for help in &self.help {
            text += &format!("help: {help}\n");
        }
        text
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = self.spans.first() {
            write!(out, "{span}: ")?;
        }
        write!(out, "{}", self.message)?;
        for help in &self.help {
            write!(out, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

/// One or more diagnostics that end a pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// The diagnostics, in the order in which they were found; never empty.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter()
    }

    /// `Err` with what was collected, or `Ok` when there is nothing.
    pub fn check(collected: Vec<Diagnostic>) -> Result<(), Self> {
        if collected.is_empty() { Ok(()) } else { Err(Self(collected)) }
    }

    /// Headline, place, excerpt with carets and help of each, for a terminal or a golden.
    pub fn render(&self) -> String {
        self.0.iter().map(render).collect::<Vec<_>>().join("\n")
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{diagnostic}")?;
        }
        Ok(())
    }
}

fn render(diagnostic: &Diagnostic) -> String {
    format!("error[{}]: {}", diagnostic.code, diagnostic.excerpt())
}

/// The known name nearest to what was given, when it is near enough to be a slip of the pen.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(given, name), *name))
        .filter(|(distance, name)| *distance <= (given.len().max(name.len()) / 3).max(1))
        .min()
        .map(|(_, name)| name)
}

/// As many names as a line of help shows: the keys of a target are all among them.
const MAX_QUOTED: usize = 24;

/// `` `a`, `b`, `c` ``, cut after [`MAX_QUOTED`].
pub fn quoted(names: &[&str]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_QUOTED).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > MAX_QUOTED { format!(" and {} more", names.len() - MAX_QUOTED) } else { String::new() };
    shown.join(", ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_the_place() {
        let file = SourceFile::new("uv.build.toml", "[targets.api]\npakage = \"api\"\n");
        let diagnostic = Diagnostic::new("config::unknown_key", "unknown key `pakage` in `[targets.api]`")
            .at(Span::new(&file, 14..20))
            .did_you_mean("pakage", ["package", "extras"]);
        insta::assert_snapshot!(Diagnostics::from(diagnostic).render(), @r#"
        error[config::unknown_key]: unknown key `pakage` in `[targets.api]`
         --> uv.build.toml:2:1
        2 | pakage = "api"
          | ^^^^^^
        help: did you mean `package`?
        "#);
    }

    #[test]
    fn positions_count_characters() {
        let file = SourceFile::new("f", "é = 1\nab");
        assert_eq!(file.position(file.text.find('=').unwrap()), (1, 3));
        assert_eq!(file.position(file.text.len()), (2, 3));
        assert_eq!(file.position(9999), (2, 3));
    }
}

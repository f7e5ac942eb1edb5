//! The one diagnostic type: every refusal and warning of every pass, with the place it speaks of.
//!
//! Passes collect [`Diagnostic`]s and give them back as [`Diagnostics`]; the gateway turns them into BuildKit `Source`
//! details so that the client draws the excerpt, the command line draws it itself with [`Diagnostics::render`].

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use buildkit_llb::{printable, printable_in_place};

use crate::passwords;

/// A text file of the build context, shared by everything that points into it.
#[derive(PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the root of the context, with `/`.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// What of it is TOML, where that is not all: as long as the text, and blank elsewhere.
    toml: Option<String>,
    /// Byte offset of the start of each line.
    line_starts: Vec<usize>,
}

impl SourceFile {
    /// Wraps a text read from `name`.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Arc<Self> {
        Self::of(name.into(), text.into(), None)
    }

    /// The same of a text in which some TOML lies, at the places at which it has it.
    pub fn with_toml(name: impl Into<String>, text: impl Into<String>, toml: String) -> Arc<Self> {
        Self::of(name.into(), text.into(), Some(toml))
    }

    fn of(name: String, text: String, toml: Option<String>) -> Arc<Self> {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Arc::new(Self { name, text, toml, line_starts })
    }

    /// What of it is TOML: all, unless it is a script.
    pub fn toml(&self) -> &str {
        self.toml.as_deref().unwrap_or(&self.text)
    }

    /// 1-based line and 1-based column (in characters) of a byte offset.
    pub fn position(&self, offset: usize) -> (usize, usize) {
        let offset = offset.min(self.text.len());
        let line = self.line_of(offset);
        let start = self.line_starts[line - 1];
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    /// 1-based line of a byte offset.
    fn line_of(&self, offset: usize) -> usize {
        let offset = offset.min(self.text.len());
        self.line_starts.partition_point(|start| *start <= offset)
    }

    fn line(&self, line: usize) -> &str {
        &self.text[self.line_range(line)]
    }

    /// The place of a part of the text; none of a text that lies elsewhere.
    pub fn place_of(self: &Arc<Self>, part: &str) -> Option<Span> {
        let start = part.as_ptr().addr().checked_sub(self.text.as_ptr().addr())?;
        let end = start.checked_add(part.len())?;
        (end <= self.text.len()).then(|| Span::new(self, start..end))
    }

    /// Bytes of a line, by its 1-based number, without its end; none of a line that there is not.
    pub fn line_range(&self, line: usize) -> Range<usize> {
        let Some(start) = line.checked_sub(1).and_then(|index| self.line_starts.get(index)) else { return 0..0 };
        let end = self.line_starts.get(line).copied().unwrap_or(self.text.len());
        *start..*start + self.text[*start..end].trim_end_matches(['\n', '\r']).len()
    }

    /// The text as far as clients show it with places in it, since a lock can have megabytes and messages have a limit: lines
    /// near none of them are empty, so that line numbers hold, and what comes after the last is left out. The more places there
    /// are, the less is kept around each. `None` when even the ends of the lines are too many.
    pub fn excerpt<'a>(&self, spans: impl IntoIterator<Item = &'a Span>) -> Option<String> {
        let places: BTreeSet<(usize, usize)> = spans.into_iter().map(Span::lines).collect();
        let mut kept = KEPT.iter().map(|(margin, longest)| self.lines_near(&places, *margin, *longest));
        kept.find(|text| text.len() <= LONGEST_EXCERPT)
    }

    /// The lines near places, as far as they are not longer than `longest`.
    fn lines_near(&self, places: &BTreeSet<(usize, usize)>, margin: usize, longest: usize) -> String {
        let near: BTreeSet<usize> =
            places.iter().flat_map(|(first, last)| first.saturating_sub(margin)..=last + margin).collect();
        let last = near.last().map_or(0, |last| self.line_starts.len().min(*last));
        let mut text = String::new();
        for line in 1..=last {
            // The end of a text is a line as well, if an empty one.
            if line > 1 {
                text.push('\n');
            }
            if near.contains(&line) {
                // It is in the graph and its provenance as well.
                text += &printable_in_place(&shortened(&passwords::hide(self.line(line)), longest));
            }
        }
        text
    }
}

/// Its name: a lock has megabytes.
impl fmt::Debug for SourceFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name)
    }
}

/// Lines around a place that an excerpt has, and bytes of each: as many as clients show, or less where there are many places.
/// At the least it is the line itself, which in a lock names the package.
const KEPT: [(usize, usize); 4] = [(4, LONGEST_LINE), (4, 160), (1, 160), (0, 80)];

/// Lines of a place: of one that has more, those at its start.
const MOST_LINES: usize = 16;

/// Bytes of a line of an excerpt.
const LONGEST_LINE: usize = 4096;

/// Bytes of an excerpt, with the ends of the lines that are empty.
const LONGEST_EXCERPT: usize = 1 << 20;

/// Bytes of a message: it may quote what is in a file.
const LONGEST_MESSAGE: usize = 4096;

/// A text, or the start of one that is longer.
fn shortened(text: &str, longest: usize) -> Cow<'_, str> {
    match text.len() > longest {
        true => format!("{}…", &text[..text.floor_char_boundary(longest)]).into(),
        false => text.into(),
    }
}

/// A byte range in a [`SourceFile`].
#[derive(Clone, PartialEq, Eq)]
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

    /// 1-based first and last line. A place can be all of a long file: then these are its first lines.
    pub fn lines(&self) -> (usize, usize) {
        let first = self.file.line_of(self.range.start);
        let last = self.file.line_of(self.range.end.saturating_sub(1).max(self.range.start));
        (first, last.min(first + MOST_LINES))
    }
}

impl Span {
    /// The text of its first line as it is shown, and which bytes of that are the place.
    fn drawn(&self, line: usize) -> (Cow<'_, str>, Range<usize>) {
        let (source, range) = (self.file.line(line), self.file.line_range(line));
        if source.len() > LONGEST_LINE {
            return ("…".into(), 0.."…".len());
        }
        let shown = passwords::hide(source);
        let at = |offset: usize| {
            let offset = offset.clamp(range.start, range.end) - range.start;
            shown.floor_char_boundary(passwords::offset_when_hidden(source, offset))
        };
        let marked = at(self.range.start)..at(self.range.end);
        (shown, marked)
    }
}

/// The file's name: what is written there is equal to what is written elsewhere, see [`crate::affected`].
impl fmt::Debug for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?}", self.file)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (line, column) = self.file.position(self.range.start);
        write!(out, "{}:{line}:{column}", printable(&self.file.name))
    }
}

/// A value and the bytes of the file that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl<T> Located<T> {
    /// The same place with another value.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: convert(self.value), span: self.span }
    }
}

/// One refusal or warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable identifier, `pass::mistake`.
    pub code: &'static str,
    /// A lower-case sentence without a final period that names the offending value, as terminals may have it.
    pub message: String,
    /// Where; the first is the primary place.
    pub spans: Vec<Span>,
    /// What to do about it, one suggestion each.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// A diagnostic without a place yet.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        let message = passwords::hide(&message.into()).into_owned();
        let message = shortened(&printable(&message), LONGEST_MESSAGE).into_owned();
        Self { code, message, spans: Vec::new(), help: Vec::new() }
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
        let help = passwords::hide(&help.into()).into_owned();
        self.help.push(shortened(&printable(&help), LONGEST_MESSAGE).into_owned());
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
            let (line, _) = span.file.position(span.range.start);
            let (source, marked) = span.drawn(line);
            let gutter = line.to_string().len();
            let (before, under) = (source[..marked.start].chars().count(), source[marked].chars().count());
            let carets = "^".repeat(under.max(1));
            let source = printable_in_place(&source);
            text += &format!("{:gutter$}--> {span}\n", "");
            text += &format!("{line} | {source}\n{:gutter$} | {:before$}{carets}\n", "", "");
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

/// A diagnostic for text that is not TOML.
pub fn syntax_error(file: &Arc<SourceFile>, error: &toml::de::Error) -> Diagnostic {
    let span = Span::new(file, error.span().unwrap_or(0..0));
    Diagnostic::new("toml::syntax", format!("`{}` is not valid TOML: {}", file.name, error.message())).at(span)
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

    /// Those that are told, and how many more there are: a file can have thousands of mistakes.
    pub fn told(&self) -> (&[Diagnostic], usize) {
        let told = &self.0[..self.0.len().min(MOST_TOLD)];
        (told, self.0.len() - told.len())
    }

    /// Headline, place, excerpt with carets and help of each, for a terminal or a golden.
    pub fn render(&self) -> String {
        let (told, more) = self.told();
        let mut texts: Vec<String> = told.iter().map(render).collect();
        texts.extend((more > 0).then(|| format!("and {more} more\n")));
        texts.join("\n")
    }
}

/// Diagnostics that are told of one run.
const MOST_TOLD: usize = 50;

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (told, more) = self.told();
        for (index, diagnostic) in told.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(out, "{separator}{diagnostic}")?;
        }
        if more > 0 { write!(out, "\nand {more} more") } else { Ok(()) }
    }
}

fn render(diagnostic: &Diagnostic) -> String {
    format!("error[{}]: {}", diagnostic.code, diagnostic.excerpt())
}

/// Bytes of names that are compared, and how many are: the comparison of two takes as long as their lengths multiplied.
const LONGEST_NAME: usize = 128;
const MOST_COMPARED: usize = 1024;

/// The known name nearest to what was given, when it is near enough to be a slip of the pen.
fn nearest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    if given.len() > LONGEST_NAME {
        return None;
    }
    let is_as_long = |name: &&&str| name.len().abs_diff(given.len()) <= (given.len().max(name.len()) / 3).max(1);
    known
        .iter()
        .filter(is_as_long)
        .take(MOST_COMPARED)
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
    fn keeps_of_a_long_file_what_is_shown() {
        let lines: String = (1..=50_000).map(|line| format!("# line {line}\n")).collect();
        let file = SourceFile::new("uv.lock", lines.clone() + &"x".repeat(1_000_000));
        let at = |text: &str| {
            let start = file.text.find(text).unwrap();
            Span::new(&file, start..start + text.len())
        };
        let excerpt = file.excerpt([&at("line 40000\n")]).unwrap();
        assert_eq!(excerpt.lines().nth(39_999), Some("# line 40000"));
        assert_eq!(excerpt.lines().last(), Some("# line 40004"));
        assert!(excerpt.len() < 41_000, "{}", excerpt.len());
        assert!(file.excerpt([&at("xx")]).unwrap().len() < 60_000);
        assert_eq!(Span::new(&file, 0..lines.len()).lines(), (1, 1 + MOST_LINES));
        // The lock of five thousand packages: each has its line.
        let package =
            |index: usize| format!("[[package]]\nname = \"p{index:04}\"\nwheels = [\n{}\n]\n", "x".repeat(900));
        let lock = SourceFile::new("uv.lock", (0..5_000).map(package).collect::<String>());
        let name = |index: usize| {
            let start = lock.text.find(&format!("\"p{index:04}\"")).unwrap();
            Span::new(&lock, start..start + 7)
        };
        let names: Vec<Span> = (0..5_000).map(name).collect();
        let excerpt = lock.excerpt(&names).unwrap();
        assert!(excerpt.len() <= LONGEST_EXCERPT, "{}", excerpt.len());
        assert_eq!(excerpt.lines().nth(names[4_999].lines().0 - 1), Some("name = \"p4999\""));
        let blank = SourceFile::new("uv.lock", "\n".repeat(LONGEST_EXCERPT + 10));
        assert_eq!(blank.excerpt([&Span::new(&blank, blank.text.len() - 1..blank.text.len())]), None);
    }

    #[test]
    fn thousands_of_mistakes_are_not_all_told() {
        let long = Diagnostic::new("lock::stale", "é".repeat(10_000));
        let many = Diagnostics(vec![long; 1_000]);
        for text in [many.to_string(), many.render()] {
            assert!(text.contains("\nand 950 more") && text.len() < 60 * LONGEST_MESSAGE, "{}", text.len());
        }
    }

    #[test]
    fn positions_count_characters() {
        let file = SourceFile::new("f", "é = 1\nab");
        assert_eq!(file.position(file.text.find('=').unwrap()), (1, 3));
        assert_eq!(file.position(file.text.len()), (2, 3));
        assert_eq!(file.position(9999), (2, 3));
    }
}

//! What the readers of instructions share: the text of a Dockerfile, its [`Stage`]s, and what became of each of its words.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use parse_dockerfile as dockerfile;

use super::ledger::{Fate, Ledger};
use super::stage::Stage;
use super::surroundings::Surroundings;
use super::text::Text;
use super::value::Value;
use super::variables::is_of_steps;
use super::words::{self, Word, shown};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// Reads instructions.
pub struct Reader<'a> {
    /// The Dockerfile.
    pub file: &'a Arc<SourceFile>,
    /// What lies around it.
    pub surroundings: &'a Surroundings<'a>,
    /// What continues a line.
    pub escape: char,
    /// Stages that were read.
    pub stages: Vec<Stage>,
    /// What nothing stands for.
    pub warnings: Vec<Diagnostic>,
    /// What became of each word.
    pub ledger: Ledger,
    /// Variables of the build, with the place of each.
    pub(super) args: Vec<(String, Range<usize>)>,
    /// Warnings that were given.
    pub(super) told: BTreeSet<(usize, usize, String)>,
    /// Bytes that variables and stages may still stand for.
    pub(super) room: Cell<usize>,
}

/// Variables of a build that BuildKit sets itself (dockerfile: "Automatic platform ARGs", "Predefined ARGs").
const OF_BUILDS: [&str; 16] = [
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "BUILDKIT_INLINE_CACHE",
    "SOURCE_DATE_EPOCH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "FTP_PROXY",
    "ALL_PROXY",
];

impl Reader<'_> {
    /// What a variable stands for in a stage, as long as there is room for it.
    pub fn look_up(&self, stage: &Stage, name: &str) -> Option<Text> {
        let text = stage.lookup(name)?;
        self.takes(text.len()).then_some(text)
    }

    pub(super) fn takes(&self, bytes: usize) -> bool {
        self.room.set(self.room.get().saturating_sub(bytes));
        self.room.get() > 0
    }

    /// Says what is not carried over, and what to do about it.
    pub fn left_out(&mut self, range: &Range<usize>, what: impl Into<String>, help: &str) {
        self.warn("import::left_out", range, format!("not carried over: {}", what.into()), help);
    }

    /// Says what is another thing now.
    pub fn differs(&mut self, range: &Range<usize>, what: impl Into<String>, help: &str) {
        self.warn("import::differs", range, what.into(), help);
    }

    /// The image is the same without these words.
    pub fn implied(&mut self, range: &Range<usize>) {
        self.ledger.settle(range, Fate::Implied);
    }

    /// The image is the same without the words that a text is made of.
    pub fn replaced<'text>(&mut self, texts: impl IntoIterator<Item = &'text Text>) {
        texts.into_iter().flat_map(Text::origins).for_each(|range| self.ledger.settle(range, Fate::Implied));
    }

    /// A config says these words.
    pub fn written(&mut self, range: &Range<usize>) {
        self.ledger.settle(range, Fate::Written);
    }

    /// A config has this value.
    pub fn write(&mut self, value: &Value) {
        let ledger = &mut self.ledger;
        value.texts(&mut |text| text.origins().iter().for_each(|range| ledger.settle(range, Fate::Written)));
    }

    /// Warns of every word that nothing else accounts for.
    pub fn tell_the_rest(&mut self) {
        for place in self.ledger.open_places() {
            let words: Vec<&str> = self.text(&place).split_whitespace().filter(|word| *word != "\\").collect();
            let what = shown(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
            self.left_out(&place, what, "");
        }
    }

    /// What a variable of the build says matters where it is used, and that is accounted for there. One that nothing names is for
    /// the programs of commands.
    pub(super) fn settle_args(&mut self) {
        for (name, range) in std::mem::take(&mut self.args) {
            let is_used = self.file.text.match_indices(&name).any(|(at, _)| {
                let before = &self.file.text[..at];
                let after = self.file.text[at + name.len()..].chars().next();
                let is_whole = after.is_none_or(|char| !(char.is_ascii_alphanumeric() || char == '_'));
                is_whole && (before.ends_with('$') || before.ends_with("${"))
            });
            if is_used || OF_BUILDS.contains(&&*name) || is_of_steps(&name) {
                self.implied(&range);
            } else {
                let what = format!("`ARG {name}`, which nothing in this file uses");
                self.left_out(
                    &range,
                    what,
                    "if the build of the project reads it, add it to `env` in `[members.NAME]`",
                );
            }
        }
    }

    pub(super) fn warn(&mut self, code: &'static str, range: &Range<usize>, what: String, help: &str) {
        self.ledger.settle(range, Fate::Told);
        let mut warning = Diagnostic::new(code, what).at(Span::new(self.file, range.clone()));
        if !help.is_empty() {
            warning = warning.help(help);
        }
        if self.told.insert((range.start, range.end, warning.message.clone())) {
            self.warnings.push(warning);
        }
    }

    /// What the Dockerfile says there.
    pub fn text(&self, range: &Range<usize>) -> &str {
        self.file.text.get(range.clone()).unwrap_or_default()
    }

    pub(super) fn words(&self, range: &Range<usize>, stage: &Stage) -> Vec<Word> {
        let characters = words::continued(&self.file.text, range.clone(), self.escape);
        words::words(&characters, &|name| self.look_up(stage, name))
    }

    /// A word with its variables filled in.
    pub fn expand(&self, text: &dockerfile::UnescapedString<'_>, stage: &Stage) -> Text {
        words::whole(&characters_of(text), &|name| self.look_up(stage, name))
    }

    /// `NAME=value …`, or `NAME value` with all that follows.
    pub(super) fn pairs(&self, range: &Range<usize>, stage: &Stage) -> Vec<(String, Text, Range<usize>)> {
        let words = self.words(range, stage);
        if let Some(first) = words.first().filter(|first| first.text.split_once('=').is_none()) {
            let rest = first.range.end..range.end;
            let characters = words::continued(&self.file.text, rest, self.escape);
            let blanks = characters.iter().take_while(|(_, char)| char.is_whitespace()).count();
            let value = words::whole(&characters[blanks..], &|name| self.look_up(stage, name));
            return vec![(first.shown(), value.at(range.clone()), range.clone())];
        }
        let pairs = words.into_iter().filter_map(|word| {
            let (name, value) = word.text.split_once('=')?;
            Some((name.shown(), value, word.range))
        });
        pairs.collect()
    }

    /// The stage with this name or number.
    pub fn find(&self, name: &str) -> Option<usize> {
        let wanted = name.to_lowercase();
        let named = self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(&wanted));
        named.or_else(|| name.parse().ok().filter(|number| *number < self.stages.len()))
    }
}

/// The characters of a string with their places, as far as nothing in it was escaped.
pub(super) fn characters_of(text: &dockerfile::UnescapedString<'_>) -> words::Characters {
    let place = |at: usize| (text.span.start + at).min(text.span.end.saturating_sub(1));
    text.value.char_indices().map(|(at, char)| (place(at), char)).collect()
}

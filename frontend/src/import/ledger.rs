//! What becomes of each word of a Dockerfile: the config says it, the compiler does it without being asked, or a warning names it.
//!
//! Every word is entered before anything is read. Whoever understands one settles it; what is left in the end is a warning of its own
//! ([`super::reader::Reader::tell_the_rest`]). So a word that nobody thought of is told, and none is lost without a word.

use std::ops::Range;

use parse_dockerfile::{Dockerfile, Instruction};

use super::{document, words};

/// What became of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nobody has said yet.
    Open,
    /// The image is the same without it: the compiler does what it says, a later instruction replaces it, or it leaves nothing.
    Implied,
    /// A warning is about it.
    Told,
    /// The config says it.
    Written,
}

/// The words of a Dockerfile, in their order.
#[derive(Debug, Default)]
pub struct Ledger {
    tokens: Vec<Token>,
}

#[derive(Debug)]
struct Token {
    range: Range<usize>,
    /// The instruction that it is an argument of.
    instruction: usize,
    fate: Fate,
}

impl Ledger {
    /// Enters the words of every instruction. `text` is the file itself, with all that the parser does not read.
    pub fn open(text: &str, parsed: &Dockerfile<'_>, escape: char) -> Self {
        let starts: Vec<Range<usize>> = parsed.instructions.iter().map(keyword).collect();
        let mut tokens = Vec::new();
        for (index, instruction) in parsed.instructions.iter().enumerate() {
            let end = starts.get(index + 1).map_or(text.len(), |next| next.start);
            let arguments = starts[index].end..end.max(starts[index].end);
            let mut ranges = arguments_of(instruction, &words::continued(text, arguments, escape));
            // The parser does not see these.
            let is_of_one = |range: &Range<usize>| {
                ["[", "]"].iter().any(|end| text[range.clone()].contains(end))
                    || text[range.clone()].eq_ignore_ascii_case("ENTRYPOINT")
            };
            ranges.retain(|range| !(is_of_one(range) && document::is_empty_entrypoint(line_of(text, range.start))));
            tokens.extend(ranges.into_iter().map(|range| Token { range, instruction: index, fate: Fate::Open }));
        }
        Self { tokens }
    }

    /// Settles the words that a range touches. What was written or told stays so.
    pub fn settle(&mut self, range: &Range<usize>, fate: Fate) {
        let first = self.tokens.partition_point(|token| token.range.end <= range.start);
        for token in self.tokens[first..].iter_mut().take_while(|token| token.range.start < range.end) {
            token.fate = token.fate.max(fate);
        }
    }

    /// Whether nobody settled any word in a range.
    pub fn is_open(&self, range: &Range<usize>) -> bool {
        let first = self.tokens.partition_point(|token| token.range.end <= range.start);
        self.tokens[first..]
            .iter()
            .take_while(|token| token.range.start < range.end)
            .all(|token| token.fate == Fate::Open)
    }

    /// Places that nobody settled: words of an instruction that follow each other are one.
    pub fn open_places(&self) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        let mut last = None;
        for (index, token) in self.tokens.iter().enumerate() {
            if token.fate != Fate::Open {
                continue;
            }
            match places.last_mut() {
                Some(place) if last == Some((index, token.instruction)) => place.end = token.range.end,
                _ => places.push(token.range.clone()),
            }
            last = Some((index + 1, token.instruction));
        }
        places
    }

    /// How many words the config says, how many go without saying, and how many are told.
    pub fn count(&self) -> Counts {
        let of = |fate| self.tokens.iter().filter(|token| token.fate == fate).count();
        Counts { written: of(Fate::Written), implied: of(Fate::Implied), told: of(Fate::Told), open: of(Fate::Open) }
    }
}

/// How many words of a Dockerfile came to each end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The config says them.
    pub written: usize,
    /// The image is the same without them.
    pub implied: usize,
    /// A warning is about them.
    pub told: usize,
    /// None of these; there are none once a file is read.
    pub open: usize,
}

/// Where the name of an instruction stands.
pub fn keyword(instruction: &Instruction<'_>) -> Range<usize> {
    match instruction {
        Instruction::Add(read) => read.add.span.clone(),
        Instruction::Arg(read) => read.arg.span.clone(),
        Instruction::Cmd(read) => read.cmd.span.clone(),
        Instruction::Copy(read) => read.copy.span.clone(),
        Instruction::Entrypoint(read) => read.entrypoint.span.clone(),
        Instruction::Env(read) => read.env.span.clone(),
        Instruction::Expose(read) => read.expose.span.clone(),
        Instruction::From(read) => read.from.span.clone(),
        Instruction::Healthcheck(read) => read.healthcheck.span.clone(),
        Instruction::Label(read) => read.label.span.clone(),
        Instruction::Maintainer(read) => read.maintainer.span.clone(),
        Instruction::Onbuild(read) => read.onbuild.span.clone(),
        Instruction::Run(read) => read.run.span.clone(),
        Instruction::Shell(read) => read.shell.span.clone(),
        Instruction::Stopsignal(read) => read.stopsignal.span.clone(),
        Instruction::User(read) => read.user.span.clone(),
        Instruction::Volume(read) => read.volume.span.clone(),
        Instruction::Workdir(read) => read.workdir.span.clone(),
        _ => 0..0,
    }
}

/// The places of the words after the name of an instruction.
fn arguments_of(instruction: &Instruction<'_>, characters: &[(usize, char)]) -> Vec<Range<usize>> {
    let plain = |characters: &[(usize, char)]| -> Vec<Range<usize>> {
        words::words(characters, &|_| None).into_iter().map(|word| word.range).collect()
    };
    let takes_flags = matches!(
        instruction,
        Instruction::Run(_)
            | Instruction::Copy(_)
            | Instruction::Add(_)
            | Instruction::From(_)
            | Instruction::Healthcheck(_)
    );
    let mut ranges = Vec::new();
    let mut rest = characters;
    while takes_flags && starts_with(rest, "--") {
        rest = skip(rest, |char| char.is_whitespace());
        let after = skip(rest, |char| !char.is_whitespace());
        ranges.extend(plain(&rest[..rest.len() - after.len()]));
        rest = after;
    }
    let runs = match instruction {
        Instruction::Run(_) | Instruction::Cmd(_) | Instruction::Entrypoint(_) => true,
        Instruction::Healthcheck(_) => {
            // `CMD`, or `NONE`.
            rest = skip(rest, |char| char.is_whitespace());
            let after = skip(rest, |char| !char.is_whitespace());
            if !starts_with(after, "") {
                ranges.extend(plain(rest));
            }
            rest = after;
            true
        }
        _ => false,
    };
    if let Some(strings) = strings(rest) {
        ranges.extend(strings);
    } else if runs {
        ranges.extend(words::places(rest));
    } else {
        let is_from = matches!(instruction, Instruction::From(_));
        let mut found = plain(rest);
        // `AS` itself says nothing.
        if is_from && found.len() == 3 {
            found.remove(1);
        }
        if matches!(instruction, Instruction::Copy(_) | Instruction::Add(_)) {
            found = without_names_of_documents(rest, found);
        }
        ranges.extend(found);
    }
    ranges
}

/// The line around a byte, without blanks.
fn line_of(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    text[start..].lines().next().unwrap_or_default().trim()
}

/// Without `<<NAME`, and the name at the end of the document.
fn without_names_of_documents(characters: &[(usize, char)], words: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let written = |range: &Range<usize>| -> String {
        let within = characters.iter().filter(|(at, _)| range.contains(at));
        within.map(|(_, char)| *char).filter(|char| !"\"'".contains(*char)).collect()
    };
    let mut names: Vec<String> = Vec::new();
    let mut kept = Vec::new();
    for word in words {
        let text = written(&word);
        match text.strip_prefix("<<") {
            Some(name) => names.push(name.trim_start_matches('-').to_owned()),
            None if names.contains(&text) => {}
            None => kept.push(word),
        }
    }
    kept
}

fn skip(characters: &[(usize, char)], is_skipped: impl Fn(char) -> bool) -> &[(usize, char)] {
    let count = characters.iter().take_while(|(_, char)| is_skipped(*char)).count();
    &characters[count..]
}

/// Whether there is something that begins so, after blanks.
fn starts_with(characters: &[(usize, char)], start: &str) -> bool {
    let rest = skip(characters, char::is_whitespace);
    !rest.is_empty()
        && start.chars().enumerate().all(|(at, char)| rest.get(at).is_some_and(|(_, found)| *found == char))
}

/// The strings of a JSON array, if it is one.
fn strings(characters: &[(usize, char)]) -> Option<Vec<Range<usize>>> {
    let text: String = characters.iter().map(|(_, char)| *char).collect();
    let _: Vec<String> = serde_json::from_str(text.trim()).ok()?;
    let mut strings = Vec::new();
    let mut start = None;
    let mut is_escaped = false;
    for (at, char) in characters {
        match (start, char) {
            (None, '"') => start = Some(*at),
            (Some(_), _) if std::mem::take(&mut is_escaped) => {}
            (Some(_), '\\') => is_escaped = true,
            (Some(from), '"') => {
                strings.push(from..at + 1);
                start = None;
            }
            _ => {}
        }
    }
    Some(strings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(text: &str) -> Vec<&str> {
        let masked = crate::import::document::masked(text);
        let parsed = parse_dockerfile::parse(&masked).unwrap();
        Ledger::open(text, &parsed, '\\').tokens.iter().map(|token| &text[token.range.clone()]).collect()
    }

    #[test]
    fn every_word_of_an_instruction_is_entered() {
        assert_eq!(
            entered("FROM --platform=a b AS c\n# no word\nENV A=1 \\\n  B=\"2 3\"\n"),
            ["--platform=a", "b", "c", "A=1", "B=\"2 3\""]
        );
        assert_eq!(
            entered(
                "FROM a\nRUN --mount=type=ssh if [ -f b ]; then c --d='e f' > g; fi && h | i\nCMD [\"j\", \"k,\\\"l\"]\n"
            ),
            ["a", "--mount=type=ssh", "[", "-f", "b", "]", "c", "--d='e f'", "g", "h", "i", "\"j\"", "\"k,\\\"l\""]
        );
        assert_eq!(
            entered("FROM a\nHEALTHCHECK --retries=2 CMD b c\nHEALTHCHECK NONE\n"),
            ["a", "--retries=2", "b", "c", "NONE"]
        );
        assert_eq!(entered("FROM a\nENTRYPOINT []\nCOPY <<END /b\nc\nEND\n"), ["a", "/b", "c"]);
        assert_eq!(entered("FROM a\nRUN <<END\nb c\nEND\nRUN cat <<X > d\ne\nX\n"), ["a", "b", "c", "cat", "d", "e"]);
    }

    #[test]
    fn words_that_nobody_settles_are_one_place() {
        let text = "FROM a\nRUN b c d e\nRUN f\n";
        let parsed = parse_dockerfile::parse(text).unwrap();
        let mut ledger = Ledger::open(text, &parsed, '\\');
        let at = |word: &str| text.find(word).map_or(0..0, |at| at..at + word.len());
        ledger.settle(&at("a\n"), Fate::Implied);
        ledger.settle(&at("c"), Fate::Told);
        let open: Vec<&str> = ledger.open_places().into_iter().map(|place| &text[place]).collect();
        assert_eq!(open, ["b", "d e", "f"]);
        assert_eq!(ledger.count(), Counts { written: 0, implied: 1, told: 1, open: 4 });
    }
}

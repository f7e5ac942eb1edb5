//! Words and commands, as a shell and as BuildKit tell them apart (dockerfile: `shell.Lex`), each with its place in the file.

use std::ops::Range;

use super::text::Text;

/// A word, without its quotes and with its variables filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// What it says.
    pub text: Text,
    /// Where, in the Dockerfile.
    pub range: Range<usize>,
}

impl Word {
    /// [`Text::shown`].
    pub fn shown(&self) -> String {
        self.text.shown()
    }
}

/// A simple command of a script.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Its words, the name of the program first.
    pub words: Vec<Word>,
    /// `NAME=value` in front of it.
    pub assignments: Vec<Word>,
    /// It need not run: it stands in a branch, a loop, or after `||`.
    pub is_conditional: bool,
    /// Its input or output is a file or another command.
    pub is_redirected: bool,
    /// These files.
    pub redirects: Vec<Word>,
}

impl Command {
    /// Where it is.
    pub fn range(&self) -> Range<usize> {
        let words = || self.assignments.iter().chain(&self.words).chain(&self.redirects).map(|word| &word.range);
        let start = words().map(|range| range.start).min().unwrap_or_default();
        start..words().map(|range| range.end).max().unwrap_or(start)
    }

    /// Where its words are, without what stands in front of them and files.
    pub fn words_range(&self) -> Range<usize> {
        let start = self.words.first().map_or(0, |word| word.range.start);
        start..self.words.last().map_or(start, |word| word.range.end)
    }

    /// The texts of its words.
    pub fn shown(&self) -> Vec<String> {
        self.words.iter().map(Word::shown).collect()
    }
}

/// What is known of a variable; nothing, when it is left to a shell.
pub type Lookup<'a> = dyn Fn(&str) -> Option<Text> + 'a;

/// Characters with their places, after lines that continue have been joined.
pub type Characters = Vec<(usize, char)>;

/// The characters of a range of a Dockerfile: an escape at the end of a line continues it, and comments and empty lines in between
/// are no part of it (dockerfile: `parser.trimContinuationCharacter`).
pub fn continued(file: &str, range: Range<usize>, escape: char) -> Characters {
    let mut characters = Characters::new();
    let mut start = range.start;
    for line in file.get(range.clone()).unwrap_or_default().split_inclusive('\n') {
        let at = start;
        start += line.len();
        let is_first = at == range.start;
        let text = line.trim_end_matches(['\n', '\r']);
        if !is_first && (text.trim().is_empty() || text.trim_start().starts_with('#')) {
            continue;
        }
        let content = text.trim_end_matches([' ', '\t']).strip_suffix(escape);
        let ends = content.is_none();
        characters.extend(content.unwrap_or(text).char_indices().map(|(offset, char)| (at + offset, char)));
        if ends && line.ends_with('\n') {
            characters.push((at + text.len(), '\n'));
        }
    }
    characters
}

/// The characters of a script in a here-document, in which the shell continues lines.
pub fn script(file: &str, range: Range<usize>) -> Characters {
    let text = file.get(range.clone()).unwrap_or_default();
    text.char_indices().map(|(offset, char)| (range.start + offset, char)).collect()
}

/// The words of an instruction that is no command: blanks part them.
pub fn words(characters: &[(usize, char)], lookup: &Lookup<'_>) -> Vec<Word> {
    let mut lexer = Lexer { characters, at: 0, lookup, is_shell: false, depth: 0 };
    let mut words = Vec::new();
    while let Some(char) = lexer.peek() {
        if char.is_whitespace() {
            lexer.next();
        } else {
            words.push(lexer.word());
        }
    }
    words
}

/// What stands there as one word, blanks and all.
pub fn whole(characters: &[(usize, char)], lookup: &Lookup<'_>) -> Text {
    let text = Lexer { characters, at: 0, lookup, is_shell: false, depth: 0 }.whole();
    match (characters.first(), characters.last()) {
        (Some((start, _)), Some((end, char))) => text.at(*start..end + char.len_utf8()),
        _ => text,
    }
}

/// The places of the words of a script, but for those that only join commands, and for the names of here-documents.
pub fn places(characters: &[(usize, char)]) -> Vec<Range<usize>> {
    let mut lexer = Lexer { characters, at: 0, lookup: &|_| None, is_shell: true, depth: 0 };
    let mut places = Vec::new();
    let mut documents: Vec<String> = Vec::new();
    let (mut is_start, mut is_document) = (true, false);
    loop {
        let before = lexer.at;
        match lexer.token() {
            None => return places,
            Some(Token::Operator(_)) => (is_start, is_document) = (true, false),
            Some(Token::Redirect) => {
                let written: String = characters[before..lexer.at].iter().map(|(_, char)| *char).collect();
                is_document = written.trim().trim_end_matches('-').ends_with("<<") && !written.contains("<<<");
            }
            Some(Token::Word(word)) => {
                let shown = word.shown();
                if std::mem::take(&mut is_document) {
                    documents.push(shown);
                } else if !(documents.contains(&shown) || is_start && KEYWORDS.iter().any(|(name, _)| *name == shown)) {
                    is_start = false;
                    places.push(word.range);
                }
            }
        }
    }
}

/// Words after which a command begins, and how many constructs they open.
const KEYWORDS: [(&str, i32); 17] = [
    ("if", 1),
    ("then", 0),
    ("elif", 0),
    ("else", 0),
    ("fi", -1),
    ("for", 1),
    ("while", 1),
    ("until", 1),
    ("do", 0),
    ("done", -1),
    ("case", 1),
    ("esac", -1),
    ("{", 0),
    ("}", 0),
    ("!", 0),
    ("time", 0),
    ("exec", 0),
];

/// The commands of a script, in their order, those in branches and loops among them.
pub fn commands(characters: &[(usize, char)], lookup: &Lookup<'_>) -> Vec<Command> {
    let mut lexer = Lexer { characters, at: 0, lookup, is_shell: true, depth: 0 };
    let mut commands = Vec::new();
    let mut command = Command::default();
    let (mut depth, mut is_alternative, mut skips_word, mut skips_list) = (0, false, false, false);
    loop {
        let token = lexer.token();
        let separates = matches!(&token, None | Some(Token::Operator(_)));
        if let Some(Token::Word(word)) = token {
            if std::mem::take(&mut skips_word) {
                command.redirects.push(word);
                continue;
            }
            if skips_list {
                continue;
            }
            let shown = word.shown();
            let keyword = KEYWORDS.iter().find(|(name, _)| command.words.is_empty() && shown == *name);
            match keyword {
                Some((name, opens)) => {
                    depth += opens;
                    // What it goes over is no command.
                    skips_list = ["for", "case"].contains(name);
                }
                None if command.words.is_empty() && is_assignment(&shown) => command.assignments.push(word),
                None => command.words.push(word),
            }
            continue;
        }
        if let Some(Token::Redirect) = token {
            command.is_redirected = true;
            skips_word = true;
            continue;
        }
        if separates {
            let piped = matches!(&token, Some(Token::Operator("|")));
            let mut ended = std::mem::take(&mut command);
            ended.is_conditional = depth > 0 || is_alternative;
            ended.is_redirected |= piped;
            command.is_redirected = piped;
            is_alternative = matches!(&token, Some(Token::Operator("||"))) || (is_alternative && piped);
            (skips_word, skips_list) = (false, false);
            if !ended.words.is_empty() || !ended.assignments.is_empty() {
                commands.push(ended);
            }
        }
        if token.is_none() {
            return commands;
        }
    }
}

fn is_assignment(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty()
        && !name.starts_with(|char: char| char.is_ascii_digit())
        && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_')
}

enum Token {
    Word(Word),
    Operator(&'static str),
    /// `<`, `>`, `>>`, `2>&1` and the like; a word follows unless it is a number of an open file.
    Redirect,
}

struct Lexer<'a> {
    characters: &'a [(usize, char)],
    at: usize,
    lookup: &'a Lookup<'a>,
    is_shell: bool,
    /// Braces around this text.
    depth: usize,
}

/// Variables within variables that are looked into; whoever has more is not understood.
const MAX_DEPTH: usize = 16;

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).map(|(_, char)| *char)
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn next_if(&mut self, is_wanted: impl FnOnce(char) -> bool) -> Option<char> {
        self.peek().filter(|char| is_wanted(*char))?;
        self.next()
    }

    fn token(&mut self) -> Option<Token> {
        loop {
            match self.peek()? {
                '\n' | ';' | '(' | ')' => {
                    self.next();
                    return Some(Token::Operator(";"));
                }
                '&' => {
                    self.next();
                    if self.next_if(|char| char == '>').is_some() {
                        return Some(Token::Redirect);
                    }
                    return Some(Token::Operator(if self.next_if(|char| char == '&').is_some() { "&&" } else { ";" }));
                }
                '|' => {
                    self.next();
                    return Some(Token::Operator(if self.next_if(|char| char == '|').is_some() { "||" } else { "|" }));
                }
                '<' | '>' => {
                    while self.next_if(|char| "<>&|-".contains(char)).is_some() {}
                    return Some(Token::Redirect);
                }
                '#' => while self.next_if(|char| char != '\n').is_some() {},
                char if char.is_whitespace() => drop(self.next()),
                _ => {
                    let word = self.word();
                    // The number in `2>file`.
                    let is_number = word.shown().chars().all(|char| char.is_ascii_digit());
                    if is_number && self.peek().is_some_and(|char| "<>".contains(char)) {
                        continue;
                    }
                    return Some(Token::Word(word));
                }
            }
        }
    }

    /// The word that begins here. It takes a character at least, so that whoever asks for words comes to an end.
    fn word(&mut self) -> Word {
        let start = self.characters.get(self.at).map_or(0, |(at, _)| *at);
        let mut text = Text::default();
        let is_shell = self.is_shell;
        while let Some(char) = self.next_if(|char| !(char.is_whitespace() || is_shell && ";()&|<>".contains(char))) {
            match char {
                '\'' => {
                    while let Some(char) = self.next().filter(|char| *char != '\'') {
                        text.push(char);
                    }
                }
                '"' => self.double_quoted(&mut text),
                '\\' => match self.next() {
                    Some('\n') if is_shell => {}
                    Some(char) => text.push(char),
                    None => text.push('\\'),
                },
                '$' => text.extend(self.variable()),
                '`' if is_shell => text.extend(self.until('`', "`")),
                char => text.push(char),
            }
        }
        let end = self.at.checked_sub(1).and_then(|last| self.characters.get(last));
        let range = start..end.map_or(start, |(at, char)| at + char.len_utf8());
        Word { text: text.at(range.clone()), range }
    }

    /// What stands before the next double quote.
    fn double_quoted(&mut self, text: &mut Text) {
        while let Some(char) = self.next() {
            match char {
                '"' => return,
                '\\' => match self.next() {
                    Some('\n') if self.is_shell => {}
                    Some(char) => {
                        if !"\"\\$`".contains(char) {
                            text.push('\\');
                        }
                        text.push(char);
                    }
                    None => text.push('\\'),
                },
                '$' => text.extend(self.variable()),
                '`' if self.is_shell => text.extend(self.until('`', "`")),
                char => text.push(char),
            }
        }
    }

    /// What the `$` before this stands for.
    fn variable(&mut self) -> Text {
        match self.peek() {
            Some('{') => {
                self.next();
                self.braced()
            }
            Some('(') if self.is_shell => {
                self.next();
                self.until(')', "$(")
            }
            Some(char) if char.is_ascii_alphabetic() || char == '_' => {
                let name = self.name();
                (self.lookup)(&name).unwrap_or_else(|| Text::shell(&format!("${name}")))
            }
            Some(char) if char.is_ascii_digit() || "@*#?$!-".contains(char) => {
                self.next();
                Text::shell(&format!("${char}"))
            }
            _ => Text::from("$"),
        }
    }

    fn name(&mut self) -> String {
        std::iter::from_fn(|| self.next_if(|char| char.is_ascii_alphanumeric() || char == '_')).collect()
    }

    /// `${NAME}`, `${NAME:-word}`, `${NAME:+word}`; what else there is only a shell understands.
    fn braced(&mut self) -> Text {
        let name = self.name();
        let start = self.at;
        let mut depth = 1;
        let mut end = self.characters.len();
        while let Some(char) = self.next() {
            depth += i32::from(char == '{') - i32::from(char == '}');
            if depth == 0 {
                end = self.at - 1;
                break;
            }
        }
        let inner = &self.characters[start..end];
        let rest: String = inner.iter().map(|(_, char)| *char).collect();
        let value = (self.lookup)(&name).filter(|_| !name.is_empty());
        let written = || Text::shell(&format!("${{{name}{rest}}}"));
        let (has_colon, operator) = match rest.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, rest.as_str()),
        };
        let is_set = value.as_ref().is_some_and(|value| !has_colon || !value.shown().is_empty());
        let word = &inner[inner.len().min(1 + usize::from(has_colon))..];
        // A variable that nothing sets may come with the base, or with the container.
        match (operator.chars().next(), value) {
            _ if self.depth == MAX_DEPTH => written(),
            (None, Some(value)) if !has_colon => value,
            (Some('-' | '?'), Some(value)) if is_set => value,
            (Some('-'), Some(value)) => self.default(&value, self.nested(word)),
            (Some('+'), Some(_)) if is_set => self.nested(word),
            (Some('+'), Some(_)) => Text::default(),
            _ => written(),
        }
    }

    /// `${NAME:-word}` where nothing sets the variable: that of an arg is what the arg is when none is given.
    fn default(&self, value: &Text, word: Text) -> Text {
        match value.as_arg() {
            Some((name, "")) if word.is_constant() => {
                Text::arg(name, &word.shown()).with_words_of(value).with_words_of(&word)
            }
            _ => word,
        }
    }

    /// The word within `${NAME:-word}`.
    fn nested(&self, characters: &[(usize, char)]) -> Text {
        Lexer { characters, at: 0, lookup: self.lookup, is_shell: false, depth: self.depth + 1 }.whole()
    }

    /// All that is left, blanks and all.
    fn whole(&mut self) -> Text {
        let mut text = Text::default();
        while let Some(char) = self.peek() {
            if char.is_whitespace() {
                text.push(char);
                self.next();
            } else {
                text.extend(self.word().text);
            }
        }
        text
    }

    /// What a shell would run, up to an end; inner ones are counted.
    fn until(&mut self, end: char, opened: &str) -> Text {
        let mut written = opened.to_owned();
        let mut depth = 1;
        while let Some(char) = self.next() {
            written.push(char);
            depth += i32::from(end == ')' && char == '(') - i32::from(char == end);
            if depth == 0 {
                break;
            }
        }
        Text::shell(&written)
    }
}

/// A command in a message, cut where it gets long.
pub fn shown(words: &[String]) -> String {
    let text = words.join(" ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Option<Text> {
        match name {
            "V" => Some(Text::arg("V", "3.13")),
            "HOME" => Some(Text::from("/home/app")),
            "EMPTY" => Some(Text::default()),
            _ => None,
        }
    }

    fn of_instruction(text: &str) -> Vec<String> {
        words(&continued(text, 0..text.len(), '\\'), &lookup).iter().map(|word| word.text.config()).collect()
    }

    fn of_script(text: &str) -> Vec<String> {
        let commands = commands(&continued(text, 0..text.len(), '\\'), &lookup);
        let marks = |command: &Command| match (command.is_conditional, command.is_redirected) {
            (true, _) => "? ",
            (_, true) => "> ",
            _ => "",
        };
        commands.iter().map(|command| format!("{}{}", marks(command), command.shown().join("|"))).collect()
    }

    #[test]
    fn words_have_quotes_and_variables() {
        assert_eq!(
            of_instruction(r#"A="x y" B='$V' C=${V}.1 D=\$V E=a\ b"#),
            ["A=x y", "B=$V", "C=${args.V}.1", "D=$V", "E=a b"]
        );
        assert_eq!(
            of_instruction("${W:-d} ${EMPTY:-d} ${EMPTY-d} ${V:+set} ${V:-d}"),
            ["${W:-d}", "d", "", "set", "${args.V}"]
        );
        assert_eq!(of_instruction("a \\\n  # note\n\n  b\\\nc"), ["a", "bc"]);
        assert_eq!(of_instruction("'open \"$"), ["open \"$"]);
    }

    #[test]
    fn words_know_where_they_are() {
        let text = "ENV A=1 \\\n    B=\"two words\" C";
        let ranges: Vec<&str> = words(&continued(text, 4..text.len(), '\\'), &lookup)
            .iter()
            .map(|word| &text[word.range.clone()])
            .collect();
        assert_eq!(ranges, ["A=1", "B=\"two words\"", "C"]);
    }

    #[test]
    fn scripts_are_commands() {
        assert_eq!(
            of_script("a b && c; d || e f | g > out 2>&1\nh $(i j) `k`"),
            ["a|b", "c", "d", "? e|f", "? g", "h|$(i j)|`k`"]
        );
        assert_eq!(
            of_script("if [ \"$V\" = 3.13 ]; then uv sync; else uv sync --no-dev; fi; end"),
            ["? [|3.13|=|3.13|]", "? uv|sync", "? uv|sync|--no-dev", "end"]
        );
        assert_eq!(of_script("for a in b c; do d $a; done; e"), ["? d|$a", "e"]);
        assert_eq!(of_script("A=1 exec run \\\n --flag # no"), ["run|--flag"]);
    }
}

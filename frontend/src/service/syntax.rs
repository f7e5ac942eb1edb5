//! What a module of python says at its top level, read and never run: which names it imports, defines and gives values to. A reader of
//! tokens, not of the grammar: what it does not understand it passes over, as if it were not there.

use std::collections::BTreeMap;

/// What is known of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Names of the module, and what was imported as them: `FastAPI` is `fastapi.FastAPI`.
    pub imports: BTreeMap<String, String>,
    /// Names that are given the result of a call, in order, each with what is called, as it is written: `app` is `fastapi.FastAPI`.
    pub calls: Vec<(String, String)>,
    /// Functions, in order.
    pub functions: Vec<Function>,
    /// It does something of its own when it is started as a program.
    pub is_program: bool,
    /// Names that are called anywhere, as they are written: `uvicorn.run`.
    pub called: Vec<String>,
    /// Texts anywhere in it.
    pub texts: Vec<String>,
}

/// A function of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// It can be called without arguments.
    pub takes_nothing: bool,
}

/// A word, a text or a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Text(String),
    Sign(char),
}

/// A line of the grammar, which may be several of the file.
struct Line {
    is_indented: bool,
    tokens: Vec<Token>,
}

impl Module {
    /// Reads a module.
    pub fn parse(text: &str) -> Self {
        let mut module = Self::default();
        // What stands in `try` or `if` at the top level is as good as at the top level: imports, above all.
        for line in lines(text) {
            module.everywhere(&line.tokens);
            let name = |index: usize| match line.tokens.get(index) {
                Some(Token::Name(name)) => name.as_str(),
                _ => "",
            };
            match (name(0), line.is_indented) {
                ("import", _) => module.import(&line.tokens[1..]),
                ("from", _) => module.import_from(&line.tokens[1..]),
                (_, true) => {}
                ("def", _) => module.define(&line.tokens[1..]),
                ("async", _) if name(1) == "def" => module.define(&line.tokens[2..]),
                ("if", _) => module.is_program |= name(1) == "__name__",
                _ => module.assign(&line.tokens),
            }
        }
        module
    }

    /// What a dotted name of the module stands for, by its imports.
    pub fn resolve(&self, name: &str) -> String {
        let (first, rest) = name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let first = self.imports.get(first).map_or(first, String::as_str);
        rest.map_or_else(|| first.to_owned(), |rest| format!("{first}.{rest}"))
    }

    /// Whether it imports a package, or something of it.
    pub fn uses(&self, package: &str) -> bool {
        let is_of = |name: &String| name.split('.').next() == Some(package);
        self.imports.values().any(is_of)
    }

    fn everywhere(&mut self, tokens: &[Token]) {
        for (index, token) in tokens.iter().enumerate() {
            match token {
                Token::Text(text) => self.texts.push(text.clone()),
                Token::Sign('(') => {
                    // Names with dots between them; a word before these, as `return`, is no part of it.
                    let mut start = index;
                    while let [.., Token::Name(_)] = &tokens[..start] {
                        start -= 1;
                        match &tokens[..start] {
                            [.., Token::Name(_), Token::Sign('.')] => start -= 1,
                            _ => break,
                        }
                    }
                    let name = dotted(&tokens[start..index]).0;
                    self.called.extend((!name.is_empty()).then_some(name));
                }
                _ => {}
            }
        }
    }

    /// `a, b.c as d`
    fn import(&mut self, tokens: &[Token]) {
        for part in tokens.split(|token| *token == Token::Sign(',')) {
            let (name, rest) = dotted(part);
            match rest {
                [Token::Name(word), Token::Name(alias)] if word == "as" => {
                    self.imports.insert(alias.clone(), name);
                }
                [] if !name.is_empty() => {
                    let first = name.split('.').next().unwrap_or_default().to_owned();
                    self.imports.insert(first.clone(), first);
                }
                _ => {}
            }
        }
    }

    /// `a.b import (c, d as e)`; of what is relative the dots stay.
    fn import_from(&mut self, tokens: &[Token]) {
        let Some(at) = tokens.iter().position(|token| *token == Token::Name("import".to_owned())) else { return };
        let from: String = tokens[..at]
            .iter()
            .map(|token| match token {
                Token::Name(name) => name.clone(),
                Token::Sign(sign) => sign.to_string(),
                Token::Text(_) => String::new(),
            })
            .collect();
        let is_sign = |token: &Token| matches!(token, Token::Sign('(' | ')'));
        let names: Vec<Token> = tokens[at + 1..].iter().filter(|token| !is_sign(token)).cloned().collect();
        let between = if from.ends_with('.') { "" } else { "." };
        for part in names.split(|token| *token == Token::Sign(',')) {
            match part {
                [Token::Name(name)] => {
                    self.imports.insert(name.clone(), format!("{from}{between}{name}"));
                }
                [Token::Name(name), Token::Name(word), Token::Name(alias)] if word == "as" => {
                    self.imports.insert(alias.clone(), format!("{from}{between}{name}"));
                }
                _ => {}
            }
        }
    }

    /// `name(arguments)`
    fn define(&mut self, tokens: &[Token]) {
        let [Token::Name(name), Token::Sign('('), rest @ ..] = tokens else { return };
        let mut depth = 1;
        let (mut takes_nothing, mut has_default, mut is_empty) = (true, true, true);
        for token in rest {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                Token::Sign(',') if depth == 1 => {
                    takes_nothing &= has_default;
                    (has_default, is_empty) = (true, true);
                    continue;
                }
                Token::Sign('=') if depth == 1 => has_default = true,
                // `*`, `*args` and `**options` need no value, and neither does `/`.
                Token::Sign('*' | '/') if depth == 1 && is_empty => {}
                Token::Name(_) if depth == 1 && is_empty => has_default = false,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            is_empty = false;
        }
        takes_nothing &= has_default;
        self.functions.push(Function { name: name.clone(), takes_nothing });
    }

    /// `name = called(…)`, `name: type = called(…)`, also of `a = b = called(…)`.
    fn assign(&mut self, tokens: &[Token]) {
        let mut names = Vec::new();
        let mut rest = tokens;
        while let [Token::Name(name), after @ ..] = rest {
            rest = match after {
                [Token::Sign('='), Token::Sign('='), ..] => return,
                [Token::Sign('='), value @ ..] => value,
                [Token::Sign(':'), ..] => {
                    let Some(at) = after.iter().position(|token| *token == Token::Sign('=')) else { return };
                    &after[at + 1..]
                }
                _ => break,
            };
            names.push(name);
        }
        let (called, after) = dotted(rest);
        let is_call = !called.is_empty() && after.first() == Some(&Token::Sign('('));
        // `server = app.server`
        let is_attribute = called.contains('.') && after.is_empty();
        for name in names.into_iter().filter(|_| is_call || is_attribute) {
            let called = if is_call { called.clone() } else { format!("={called}") };
            self.calls.push((name.clone(), called));
        }
    }
}

/// A dotted name at the start, and what comes after it.
fn dotted(tokens: &[Token]) -> (String, &[Token]) {
    let mut name = String::new();
    let mut rest = tokens;
    while let [Token::Name(part), after @ ..] = rest {
        name += part;
        match after {
            [Token::Sign('.'), Token::Name(_), ..] => {
                name.push('.');
                rest = &after[1..];
            }
            _ => return (name, after),
        }
    }
    (name, rest)
}

fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut scanner = Scanner { rest: text.trim_start_matches('\u{feff}') };
    let mut line = Line { is_indented: false, tokens: Vec::new() };
    let mut depth = 0_usize;
    let mut is_start = true;
    while let Some(char) = scanner.peek() {
        if is_start && depth == 0 {
            line.is_indented = matches!(char, ' ' | '\t');
            is_start = false;
        }
        match char {
            '\n' | '\r' => {
                scanner.skip();
                if depth == 0 {
                    if !line.tokens.is_empty() {
                        lines.push(line);
                    }
                    line = Line { is_indented: false, tokens: Vec::new() };
                    is_start = true;
                }
            }
            '#' => scanner.skip_while(|char| char != '\n'),
            '\\' => {
                scanner.skip();
                scanner.skip_while(|char| char == '\r');
                if scanner.peek() == Some('\n') {
                    scanner.skip();
                }
            }
            ';' if depth == 0 => {
                scanner.skip();
                let is_indented = line.is_indented;
                if !line.tokens.is_empty() {
                    lines.push(line);
                }
                line = Line { is_indented, tokens: Vec::new() };
            }
            '"' | '\'' => line.tokens.push(Token::Text(scanner.text(false, false))),
            _ if char.is_whitespace() => scanner.skip(),
            _ if is_of_name(char) => {
                let name = scanner.take_while(is_of_name);
                let is_prefix = name.len() <= 2 && name.chars().all(|char| "rRbBuUfFtT".contains(char));
                if is_prefix && matches!(scanner.peek(), Some('"' | '\'')) {
                    let has = |wanted: &str| name.to_lowercase().contains(|char| wanted.contains(char));
                    line.tokens.push(Token::Text(scanner.text(has("r"), has("ft"))));
                } else {
                    line.tokens.push(Token::Name(name.to_owned()));
                }
            }
            _ => {
                match char {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                line.tokens.push(Token::Sign(char));
                scanner.skip();
            }
        }
    }
    if !line.tokens.is_empty() {
        lines.push(line);
    }
    lines
}

fn is_of_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn skip(&mut self) {
        let mut chars = self.rest.chars();
        chars.next();
        self.rest = chars.as_str();
    }

    fn skip_while(&mut self, is_wanted: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(is_wanted);
    }

    fn take_while(&mut self, is_wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|char| !is_wanted(char)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// A text from its first quote on. One that does not end ends with its line, or with the file.
    fn text(&mut self, is_raw: bool, is_formatted: bool) -> String {
        let quote = self.peek().unwrap_or('"');
        let triple = quote.to_string().repeat(3);
        let is_triple = self.rest.starts_with(&triple);
        let end = if is_triple { triple.as_str() } else { &triple[..1] };
        self.rest = &self.rest[end.len()..];
        let mut text = String::new();
        let mut depth = 0_usize;
        while let Some(char) = self.peek() {
            if depth == 0 && self.rest.starts_with(end) {
                self.rest = &self.rest[end.len()..];
                break;
            }
            match char {
                '\n' if !is_triple && depth == 0 => break,
                '\\' if depth == 0 => {
                    text.push(char);
                    self.skip();
                    if let Some(escaped) = self.peek() {
                        if !is_raw && matches!(escaped, '"' | '\'' | '\\') {
                            text.pop();
                        }
                        text.push(escaped);
                        self.skip();
                    }
                    continue;
                }
                '{' if is_formatted && depth == 0 && self.rest.starts_with("{{") => self.skip(),
                '{' if is_formatted => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                // A text in a replacement may have the same quotes, from python 3.12 on; before that it has others.
                '"' | '\'' if depth > 0 => {
                    self.text(false, false);
                    continue;
                }
                _ => {}
            }
            text.push(char);
            self.skip();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_stands_at_the_top_level() {
        let module = Module::parse(
            r#""""app = FastAPI() in a text"""
import os, uvicorn as server
import xml.dom
from fastapi import (
    FastAPI,  # a comment with app = FastAPI(
    APIRouter as Router,
)
from .routes import home
try:
    import orjson
except ImportError:
    orjson = None

settings: "Settings" = Settings()
app = application = FastAPI(
    title=f"a {'x' if 1 else "y"} )",
    docs_url=None,
); other = \
    Router()

def create_app(config=None, *, debug: bool = False) -> FastAPI:
    inner = FastAPI()
    return inner

async def needs(one, two=2): ...

if __name__ == "__main__":
    server.run("main:app", host='0.0.0.0')
    return await one.two.three()
"#,
        );
        let calls: Vec<(&str, &str)> = module.calls.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        assert_eq!(
            calls,
            [("settings", "Settings"), ("app", "FastAPI"), ("application", "FastAPI"), ("other", "Router")]
        );
        assert_eq!(module.resolve("FastAPI"), "fastapi.FastAPI");
        assert_eq!(module.resolve("Router"), "fastapi.APIRouter");
        assert_eq!(module.resolve("home"), ".routes.home");
        assert_eq!(module.resolve("server.run"), "uvicorn.run");
        assert!(module.uses("orjson") && module.uses("xml") && !module.uses("flask"));
        assert!(module.is_program);
        assert!(module.called.contains(&"server.run".to_owned()));
        assert!(module.called.contains(&"one.two.three".to_owned()), "{:?}", module.called);
        assert!(module.texts.contains(&"main:app".to_owned()));
        let functions: Vec<(&str, bool)> =
            module.functions.iter().map(|function| (function.name.as_str(), function.takes_nothing)).collect();
        assert_eq!(functions, [("create_app", true), ("needs", false)]);
    }

    #[test]
    fn comparisons_and_attributes_are_no_calls() {
        let module = Module::parse("app == FastAPI()\nserver = app.server\nx = y\napp.state = State()\nz = f()()\n");
        assert_eq!(module.calls, [("server".to_owned(), "=app.server".to_owned()), ("z".to_owned(), "f".to_owned())]);
    }

    #[test]
    fn nothing_is_too_broken_to_be_read() {
        for text in
            ["\"", "'''", "f\"{\"", "(((", "\\", "def (", "from import", "import", "x: =", "a = b.", "é = 'ü'\\"]
        {
            Module::parse(text);
        }
    }
}

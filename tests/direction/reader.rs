//! What a Rust file imports: its `use` lines, and the paths in its types and expressions.

use std::collections::BTreeMap;

/// A path of the crate that a file names.
#[derive(Debug, PartialEq, Eq)]
pub struct Import {
    pub line: usize,
    /// From the root of the crate, without `crate`.
    pub path: Vec<String>,
    pub form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `use a::b;` only gives a name to `a::b`, if that is a module. The paths that start with the name count.
    Use,
    /// `pub use`
    Export,
    /// A path in a type or an expression.
    Path,
}

/// What a file says about its module. Code for tests does not count.
#[derive(Debug, Default)]
pub struct Reading {
    pub imports: Vec<Import>,
    /// The modules that the file declares for tests only.
    pub for_tests: Vec<String>,
}

/// Reads the file of a module, whose path starts at the root of the crate.
pub fn read(text: &str, module: &[String]) -> Reading {
    let tokens = tokens(text);
    let mut reading = Reading::default();
    let kept = without_tests(&tokens, &mut reading.for_tests);
    let mut scopes = vec![(0, module.to_vec())];
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut paths = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    while let Some(token) = kept.get(at) {
        let word = |offset: usize| kept.get(at + offset).map_or("", |token| token.text.as_str());
        let here = scopes.last().map_or(module, |(_, path)| path);
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if scopes.len() > 1 && scopes.last().is_some_and(|(opened, _)| *opened > depth) {
                    scopes.pop();
                }
            }
            "mod" if word(2) == ";" => {
                names.insert(word(1).to_owned(), child(here, word(1)));
            }
            "mod" if word(2) == "{" => {
                let inner = child(here, word(1));
                names.insert(word(1).to_owned(), inner.clone());
                scopes.push((depth + 1, inner));
            }
            "use" if word(1) != "<" => {
                let form = if is_public(kept.get(..at).unwrap_or_default()) { Form::Export } else { Form::Use };
                let mut found = Vec::new();
                at = tree(&kept, at + 1, &[], &mut found);
                for (line, path, name) in found {
                    if let Some(path) = absolute(&path, here).or_else(|| expanded(&path, &names)) {
                        names.insert(name, path.clone());
                        reading.imports.push(Import { line, path, form });
                    }
                }
                continue;
            }
            // `pub(in crate::a)` imports nothing.
            text if is_word(text) && !matches!(before(&kept, at), "::" | "." | "in" | "mod") => {
                let (path, next) = chain(&kept, at);
                if path.len() > 1 {
                    paths.push((token.line, path, here.to_vec()));
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    // After all `use` lines, because a name may be used above its line.
    for (line, path, here) in paths {
        if let Some(path) = absolute(&path, &here).or_else(|| expanded(&path, &names)) {
            reading.imports.push(Import { line, path, form: Form::Path });
        }
    }
    reading
}

struct Token {
    line: usize,
    text: String,
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn child(module: &[String], name: &str) -> Vec<String> {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

fn before(tokens: &[&Token], at: usize) -> &'static str {
    let back = |by: usize| at.checked_sub(by).and_then(|at| tokens.get(at)).map_or("", |token| token.text.as_str());
    match back(1) {
        "in" if back(2) != "(" => "",
        text => ["::", ".", "in", "mod"].into_iter().find(|word| *word == text).unwrap_or(""),
    }
}

/// Whether the tokens before an item end with `pub` or `pub(…)`.
fn is_public(tokens: &[&Token]) -> bool {
    let mut before = tokens.iter().rev().map(|token| token.text.as_str());
    match before.next() {
        Some("pub") => true,
        Some(")") => before.find(|text| matches!(*text, "pub" | ";" | "}" | "{")) == Some("pub"),
        _ => false,
    }
}

/// `a::b::c`, and where it ends.
fn chain(tokens: &[&Token], start: usize) -> (Vec<String>, usize) {
    let mut path = Vec::new();
    let mut at = start;
    while let Some(token) = tokens.get(at).filter(|token| is_word(&token.text)) {
        path.push(token.text.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token.text != "::") {
            break;
        }
        at += 1;
    }
    (path, at)
}

/// The leaves of a tree of `use`: line, path, name.
fn tree(tokens: &[&Token], start: usize, above: &[String], found: &mut Vec<(usize, Vec<String>, String)>) -> usize {
    let (more, mut at) = chain(tokens, start);
    let line = tokens.get(start).map_or(0, |token| token.line);
    let mut path = [above, &more].concat();
    match tokens.get(at).map(|token| token.text.as_str()) {
        Some("{") => {
            at += 1;
            while tokens.get(at).is_some_and(|token| token.text != "}") {
                at = tree(tokens, at, &path, found);
                if tokens.get(at).is_some_and(|token| token.text == ",") {
                    at += 1;
                }
            }
            return at + 1;
        }
        Some("*") => {
            path.push("*".to_owned());
            at += 1;
        }
        _ => {}
    }
    // `a::{self}` is `a`.
    if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
        path.pop();
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if tokens.get(at).is_some_and(|token| token.text == "as") {
        name = tokens.get(at + 1).map(|token| token.text.clone()).unwrap_or_default();
        at += 2;
    }
    found.push((line, path, name));
    at
}

/// A path that starts with `crate`, `self` or `super`, from the root of the crate.
fn absolute(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    for part in path {
        match part.as_str() {
            "crate" | "self" => {}
            "super" => {
                base.pop();
            }
            part => base.push(part.to_owned()),
        }
    }
    Some(base)
}

/// A path that starts with a name that the file has imported or declared.
fn expanded(path: &[String], names: &BTreeMap<String, Vec<String>>) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    Some([names.get(first)?.as_slice(), rest].concat())
}

/// The tokens without items behind `#[cfg(test)]`.
fn without_tests<'t>(tokens: &'t [Token], for_tests: &mut Vec<String>) -> Vec<&'t Token> {
    const ATTRIBUTE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let next = tokens.get(at..at + ATTRIBUTE.len()).unwrap_or_default();
        if !next.iter().map(|token| token.text.as_str()).eq(ATTRIBUTE) {
            kept.push(token);
            at += 1;
            continue;
        }
        at += ATTRIBUTE.len();
        let start = at;
        let mut open = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.text.as_str() {
                "{" | "(" | "[" => open += 1,
                ")" | "]" => open -= 1,
                "}" => {
                    open -= 1;
                    if open == 0 {
                        break;
                    }
                }
                ";" if open == 0 => break,
                _ => {}
            }
        }
        if let Some([keyword, name, end]) = tokens.get(start..at)
            && keyword.text == "mod"
            && end.text == ";"
        {
            for_tests.push(name.text.clone());
        }
    }
    kept
}

/// Words, `::` and single signs; no comments, texts, characters and lifetimes.
fn tokens(text: &str) -> Vec<Token> {
    let signs: Vec<char> = text.chars().collect();
    let sign = |at: usize| signs.get(at).copied().unwrap_or('\0');
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < signs.len() {
        let start = at;
        let mut word = None;
        match (sign(at), sign(at + 1)) {
            ('/', '/') => {
                while at < signs.len() && sign(at) != '\n' {
                    at += 1;
                }
            }
            ('/', '*') => {
                let mut open = 0;
                loop {
                    match (sign(at), sign(at + 1)) {
                        ('/', '*') => open += 1,
                        ('*', '/') => open -= 1,
                        _ => {
                            at += 1;
                            if at >= signs.len() {
                                break;
                            }
                            continue;
                        }
                    }
                    at += 2;
                    if open == 0 {
                        break;
                    }
                }
            }
            ('"', _) => at = end_of_text(&signs, at + 1),
            ('\'', '\\') => {
                at += 3;
                while at < signs.len() && sign(at) != '\'' {
                    at += 1;
                }
                at += 1;
            }
            ('\'', _) if sign(at + 2) == '\'' => at += 3,
            // A lifetime.
            ('\'', _) => {
                at += 1;
                while sign(at).is_alphanumeric() || sign(at) == '_' {
                    at += 1;
                }
            }
            (':', ':') => {
                at += 2;
                word = Some("::".to_owned());
            }
            (first, _) if first.is_alphanumeric() || first == '_' => {
                while sign(at).is_alphanumeric() || sign(at) == '_' {
                    at += 1;
                }
                let found: String = signs.get(start..at).unwrap_or_default().iter().collect();
                let hashes = (at..).take_while(|at| sign(*at) == '#').count();
                match found.as_str() {
                    "r" | "br" | "cr" if sign(at + hashes) == '"' => at = end_of_raw_text(&signs, at, hashes),
                    _ => word = Some(found),
                }
            }
            (space, _) if space.is_whitespace() => at += 1,
            (other, _) => {
                at += 1;
                word = Some(other.to_string());
            }
        }
        tokens.extend(word.map(|text| Token { line, text }));
        line += signs.get(start..at).unwrap_or_default().iter().filter(|sign| **sign == '\n').count();
    }
    tokens
}

fn end_of_text(signs: &[char], mut at: usize) -> usize {
    while let Some(sign) = signs.get(at) {
        at += match sign {
            '\\' => 2,
            '"' => return at + 1,
            _ => 1,
        };
    }
    at
}

fn end_of_raw_text(signs: &[char], start: usize, hashes: usize) -> usize {
    let mut at = start + hashes + 1;
    while let Some(sign) = signs.get(at) {
        let behind = signs.get(at + 1..at + 1 + hashes);
        at += 1;
        if *sign == '"' && behind.is_some_and(|behind| behind.iter().all(|sign| *sign == '#')) {
            return at + hashes;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let module = ["plan".to_owned(), "layers".to_owned()];
        let imports = read(text, &module).imports;
        imports.iter().map(|import| format!("{} {}", import.line, import.path.join("::"))).collect()
    }

    #[test]
    fn use_lines() {
        assert_eq!(paths("use crate::config::Located;"), ["1 config::Located"]);
        assert_eq!(paths("use std::fmt;\nuse serde::{Serialize, de};"), [""; 0]);
        assert_eq!(
            paths("use crate::{\n    lock::{self, Package as Locked},\n    paths,\n};"),
            ["2 lock", "2 lock::Package", "3 paths"]
        );
        assert_eq!(paths("use super::super::lock::*;"), ["1 lock::*"]);
        assert_eq!(
            paths("use super::Layer;\nuse self::bucket::Bucket;"),
            ["1 plan::Layer", "2 plan::layers::bucket::Bucket"]
        );
        assert_eq!(paths("mod bucket;\npub use bucket::Bucket;"), ["2 plan::layers::bucket::Bucket"]);
    }

    #[test]
    fn exports() {
        let form = |text| read(text, &[]).imports.first().map(|import| import.form);
        assert_eq!(form("use crate::a::B;"), Some(Form::Use));
        assert_eq!(form("pub use crate::a::B;"), Some(Form::Export));
        assert_eq!(form("pub(crate) use crate::a::B;"), Some(Form::Export));
        assert_eq!(form("fn f() {}\nuse crate::a::B;"), Some(Form::Use));
        assert_eq!(form("pub fn f(b: crate::a::B) {}"), Some(Form::Path));
    }

    #[test]
    fn paths_in_types_and_expressions() {
        assert_eq!(paths("fn f(a: &crate::lock::Lock) -> u8 { super::g() }"), ["1 lock::Lock", "1 plan::g"]);
        assert_eq!(paths("fn f() { lock::parse() }\nuse crate::lock;"), ["2 lock", "1 lock::parse"]);
        assert_eq!(paths("use crate::lock as l;\nfn f() { l::parse::<u8>() }"), ["1 lock", "2 lock::parse"]);
        assert_eq!(paths("mod bucket;\nfn f() { bucket::g(std::mem::take()) }"), ["2 plan::layers::bucket::g"]);
        assert_eq!(paths("pub(in crate::plan) fn f(self) -> impl Sized + use<'_> { self.super_ }"), [""; 0]);
        assert_eq!(paths("mod a { fn f() { super::g() } }\nfn h() { super::g() }"), ["1 plan::layers::g", "2 plan::g"]);
    }

    #[test]
    fn loops_are_no_visibility() {
        assert_eq!(paths("fn f() { for a in crate::a::b() {} }"), ["1 a::b"]);
    }

    #[test]
    fn what_is_no_code_does_not_count() {
        assert_eq!(paths("// use crate::a::B;\n/* /* crate::a */ crate::b */ fn f() {}"), [""; 0]);
        assert_eq!(paths("const A: &str = \"crate::a \\\" crate::b\"; const B: &str = r#\"crate::c\" \"#;"), [""; 0]);
        assert_eq!(paths("fn f<'a>(a: &'a str) { g('\"', '\\'', b'\"'); crate::a::b('\"') }"), ["1 a::b"]);
    }

    #[test]
    fn tests_do_not_count() {
        let text = "#[cfg(test)]\nmod tests {\n    use crate::a::B;\n    fn f() { {} }\n}\nuse crate::c::D;";
        assert_eq!(paths(text), ["6 c::D"]);
        assert_eq!(paths("#[cfg(test)]\nuse crate::a::B;\nuse crate::c::D;"), ["3 c::D"]);
        assert_eq!(read("#[cfg(test)]\nmod tests;\nmod more;", &[]).for_tests, ["tests"]);
    }
}

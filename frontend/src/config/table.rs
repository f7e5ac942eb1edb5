//! Reading a TOML table key by key: each getter remembers its key, so that [`Reader::finish`] can refuse the others.

mod habits;
mod interpolation;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Diagnostic, Located, SourceFile, Span};
use habits::{ADVICE, FOREIGN_KEYS, needs_a_shell, shape};
use interpolation::{OPEN, interpolate};

/// A table that is being read.
pub struct Table<'doc> {
    /// As a header would spell it: `targets.api.user`; empty for the root.
    path: String,
    entries: &'doc DeTable<'doc>,
    /// Of the header or the inline table.
    pub range: Range<usize>,
    known: Vec<&'static str>,
}

/// A value that is a string or, with more to say, a table.
pub type ShortOrLong<'doc> = Result<Located<String>, Table<'doc>>;

impl<'doc> Table<'doc> {
    /// The root table of a document.
    pub fn root(document: &'doc Spanned<DeTable<'doc>>) -> Self {
        Self { path: String::new(), entries: document.get_ref(), range: document.span(), known: Vec::new() }
    }

    fn get(&mut self, key: &'static str) -> Option<&'doc Spanned<DeValue<'doc>>> {
        self.known.push(key);
        self.entries.get(key)
    }

    /// Whether it has a key, of whatever type.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Whether a table lies under a key.
    pub fn is_table(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|value| value.get_ref().as_table().is_some())
    }

    fn child_path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { joined(&self.path, key) }
    }
}

/// Collects the mistakes made in one file and fills in `${args.NAME}`.
pub struct Reader<'file> {
    file: &'file Arc<SourceFile>,
    /// Build args with their values, for interpolation.
    pub args: BTreeMap<String, String>,
    /// Bytes of all strings that args were filled into.
    filled: usize,
    /// What was found wrong so far.
    pub errors: Vec<Diagnostic>,
}

/// Bytes that all strings with args may have together: each may have an arg that is as long as a config.
const MOST_FILLED: usize = 4 << 20;

impl<'file> Reader<'file> {
    /// A reader of `file` that knows no args yet.
    pub fn new(file: &'file Arc<SourceFile>) -> Self {
        Self { file, args: BTreeMap::new(), filled: 0, errors: Vec::new() }
    }

    /// A span in the file being read.
    pub fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    fn wrong_type(&mut self, path: &str, wanted: &str, value: &Spanned<DeValue<'_>>) {
        let mut diagnostic = Diagnostic::new(
            "config::wrong_type",
            format!("`{path}` must be {wanted}, not {}", article(value.get_ref().type_str())),
        )
        .at(self.span(value.span()));
        match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) if wanted == "a string" => {
                let text = self.file.text.get(value.span()).unwrap_or_default();
                diagnostic = diagnostic.help(format!("put it in quotes: `\"{text}\"`"));
            }
            DeValue::String(text) if wanted == "an array of strings" && needs_a_shell(text) => {
                diagnostic = diagnostic.help(format!("for a shell, write `[\"sh\", \"-c\", {text:?}]`"));
            }
            DeValue::String(text) if wanted == "an array of strings" => {
                let words: Vec<String> = text.split_whitespace().map(|word| format!("\"{word}\"")).collect();
                diagnostic = diagnostic.help(format!("write `[{}]`", words.join(", ")));
            }
            value => {
                if let Some(shape) = shape(path, value) {
                    diagnostic = diagnostic.help(format!("write `{shape}`"));
                }
            }
        }
        self.errors.push(diagnostic);
    }

    /// A string with its args filled in.
    pub fn string(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<Located<String>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        self.string_value(&path, value)
    }

    fn string_value(&mut self, path: &str, value: &Spanned<DeValue<'_>>) -> Option<Located<String>> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong_type(path, "a string", value);
            return None;
        };
        let span = self.span(value.span());
        if !text.contains(OPEN) {
            return Some(Located { value: text.to_owned(), span });
        }
        match interpolate(text, &self.args, MOST_FILLED - self.filled) {
            Ok(None) => {
                let problem = format!(
                    "`{path}` makes the config larger than {} MB once its args are filled in",
                    MOST_FILLED >> 20
                );
                let error = Diagnostic::new("config::too_large", problem).at(span);
                // Once is enough.
                if self.filled < MOST_FILLED {
                    self.errors.push(error.help("use fewer or shorter args"));
                }
                self.filled = MOST_FILLED;
                None
            }
            Ok(Some(value)) => {
                self.filled += value.len();
                Some(Located { value, span })
            }
            Err(unknown) => {
                let declared: Vec<&str> = self.args.keys().map(String::as_str).collect();
                let mut diagnostic =
                    Diagnostic::new("config::unknown_arg", format!("unknown arg `{unknown}` in `{path}`"))
                        .at(span)
                        .did_you_mean(&unknown, declared.iter().copied());
                if path.starts_with("args.") {
                    diagnostic = diagnostic.help("an arg cannot refer to another arg: write its value");
                } else if declared.is_empty() {
                    diagnostic = diagnostic.help(format!("add `{unknown} = \"…\"` to `[args]`"));
                }
                self.errors.push(diagnostic);
                None
            }
        }
    }

    /// The items of an array, unless they are too many.
    fn array<'doc>(
        &mut self,
        path: &str,
        wanted: &str,
        value: &'doc Spanned<DeValue<'doc>>,
    ) -> Option<&'doc [Spanned<DeValue<'doc>>]> {
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(path, wanted, value);
            return None;
        };
        if array.len() > MOST_ITEMS {
            let problem = format!("`{path}` has {} items, but the limit is {MOST_ITEMS}", array.len());
            self.errors.push(Diagnostic::new("config::too_large", problem).at(self.span(value.span())));
            return None;
        }
        Some(&**array)
    }

    /// An array of strings.
    pub fn strings(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<Vec<Located<String>>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        let array = self.array(&path, "an array of strings", value)?;
        Some(array.iter().filter_map(|item| self.string_value(&path, item)).collect())
    }

    /// An array of arrays of strings.
    pub fn string_lists(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<Vec<Located<Vec<String>>>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        let wanted = "an array of arrays of strings";
        let array = self.array(&path, wanted, value)?;
        let mut lists = Vec::new();
        for item in array.iter() {
            let Some(list) = item.get_ref().as_array() else {
                self.wrong_type(&path, wanted, item);
                continue;
            };
            let texts = list.iter().filter_map(|item| self.string_value(&path, item));
            let value = texts.map(|text| text.value).collect();
            lists.push(Located { value, span: self.span(item.span()) });
        }
        Some(lists)
    }

    /// One command, an array of words, or an array of commands.
    pub fn commands(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<Vec<Located<Vec<String>>>> {
        let is_word = |item: &Spanned<DeValue<'_>>| item.get_ref().is_str();
        let value = table.entries.get(key);
        let is_one = |value: &Spanned<DeValue<'_>>| match value.get_ref().as_array() {
            Some(items) => items.iter().any(is_word),
            None => is_word(value),
        };
        let Some(span) = value.filter(|value| is_one(value)).map(|value| self.span(value.span())) else {
            return self.string_lists(table, key);
        };
        let words = self.strings(table, key)?;
        Some(vec![Located { value: words.into_iter().map(|word| word.value).collect(), span }])
    }

    /// One of a few words.
    pub fn choice(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
        words: &[&'static str],
    ) -> Option<Located<&'static str>> {
        let text = self.string(table, key)?;
        if let Some(word) = words.iter().find(|word| **word == text.value) {
            return Some(text.map(|_| *word));
        }
        let shown: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let problem = format!("`{}` must be {}, not \"{}\"", table.child_path(key), shown.join(" or "), text.value);
        let error = Diagnostic::new("config::bad_value", problem).at(text.span);
        self.errors.push(error.did_you_mean(&text.value, words.iter().copied()));
        None
    }

    /// An array whose items have a short form.
    pub fn array_of_strings_or_tables<'doc>(
        &mut self,
        table: &mut Table<'doc>,
        key: &'static str,
    ) -> Option<Vec<ShortOrLong<'doc>>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        let array = self.array(&path, "an array of strings or tables", value)?;
        Some(array.iter().filter_map(|item| self.short_or_long(path.clone(), item)).collect())
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<bool> {
        self.flag(table, key).map(|flag| flag.value)
    }

    /// The same with its place.
    pub fn flag(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<Located<bool>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.wrong_type(&path, "`true` or `false`", value);
        }
        boolean.map(|boolean| Located { value: boolean, span: self.span(value.span()) })
    }

    /// An integer between 0 and `max`.
    pub fn integer(&mut self, table: &mut Table<'_>, key: &'static str, max: u32) -> Option<Located<u32>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        self.integer_value(&path, value, max)
    }

    fn integer_value(&mut self, path: &str, value: &Spanned<DeValue<'_>>, max: u32) -> Option<Located<u32>> {
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|number| u32::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok());
        match number {
            Some(number) if number <= max => Some(Located { value: number, span: self.span(value.span()) }),
            _ if value.get_ref().is_integer() => {
                let text = self.file.text.get(value.span()).unwrap_or_default();
                let problem = format!("`{path}` must be a number from 0 to {max}, not `{text}`");
                self.errors.push(Diagnostic::new("config::out_of_range", problem).at(self.span(value.span())));
                None
            }
            _ => {
                self.wrong_type(path, &format!("a number from 0 to {max}"), value);
                None
            }
        }
    }

    /// An array of port numbers, `8080` or `"8080/udp"`, as `PORT/PROTOCOL`.
    pub fn ports(&mut self, table: &mut Table<'_>, key: &'static str) -> Option<Vec<Located<String>>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        let array = self.array(&path, "an array of ports", value)?;
        let mut ports = Vec::new();
        for item in array.iter() {
            if let Some(number) = item.get_ref().as_integer() {
                match number.as_str().parse::<u16>() {
                    Ok(number) if number > 0 => {
                        ports.push(Located { value: format!("{number}/tcp"), span: self.span(item.span()) });
                    }
                    _ => self.bad_port(number.as_str(), self.span(item.span())),
                }
                continue;
            }
            if !item.get_ref().is_str() {
                self.wrong_type(&path, "an array of ports", item);
                continue;
            }
            let Some(text) = self.string_value(&path, item) else { continue };
            let (number, protocol) = text.value.split_once('/').unwrap_or((&text.value, "tcp"));
            let is_port = number.parse::<u16>().is_ok_and(|number| number > 0);
            if is_port && ["tcp", "udp", "sctp"].contains(&protocol) {
                let port = format!("{number}/{protocol}");
                ports.push(text.map(|_| port));
            } else {
                self.bad_port(&text.value, text.span);
            }
        }
        Some(ports)
    }

    fn bad_port(&mut self, text: &str, span: Span) {
        let diagnostic = Diagnostic::new("config::bad_port", format!("`{text}` is not a valid port"))
            .at(span)
            .help("write `8080` or `\"8080/udp\"`, with a number from 1 to 65535");
        self.errors.push(diagnostic);
    }

    /// A table of strings: `env`, `labels`.
    pub fn string_map(
        &mut self,
        table: &mut Table<'_>,
        key: &'static str,
    ) -> Option<BTreeMap<String, Located<String>>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong_type(&path, "a table of strings", value);
            return None;
        };
        Some(
            entries
                .iter()
                .filter_map(|(name, value)| {
                    let name = name.get_ref().to_string();
                    self.string_value(&joined(&path, &name), value).map(|text| (name, text))
                })
                .collect(),
        )
    }

    /// A sub-table.
    pub fn table<'doc>(&mut self, table: &mut Table<'doc>, key: &'static str) -> Option<Table<'doc>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        self.table_value(path, value)
    }

    fn table_value<'doc>(&mut self, path: String, value: &'doc Spanned<DeValue<'doc>>) -> Option<Table<'doc>> {
        let Some(entries) = value.get_ref().as_table() else {
            self.wrong_type(&path, "a table", value);
            return None;
        };
        Some(Table { path, entries, range: value.span(), known: Vec::new() })
    }

    /// An array of tables.
    pub fn tables<'doc>(&mut self, table: &mut Table<'doc>, key: &'static str) -> Option<Vec<Table<'doc>>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        let array = self.array(&path, "an array of tables", value)?;
        Some(array.iter().filter_map(|item| self.table_value(path.clone(), item)).collect())
    }

    /// The sub-tables of a table whose keys are names of the user's choice, in file order: (name, its span, table).
    pub fn named_tables<'doc>(
        &mut self,
        table: &mut Table<'doc>,
        key: &'static str,
    ) -> Vec<(Located<String>, Table<'doc>)> {
        let Some(parent) = self.table(table, key) else { return Vec::new() };
        let mut named: Vec<_> = parent
            .entries
            .iter()
            .filter_map(|(name, value)| {
                let located = Located { value: name.get_ref().to_string(), span: self.span(name.span()) };
                self.table_value(joined(&parent.path, &located.value), value).map(|table| (located, table))
            })
            .collect();
        named.sort_by_key(|(name, _)| name.span.range.start);
        named
    }

    /// A table whose keys are texts of the user's choice and whose values have a short form, in file order.
    pub fn strings_or_tables<'doc>(
        &mut self,
        table: &mut Table<'doc>,
        key: &'static str,
    ) -> Vec<(Located<String>, ShortOrLong<'doc>)> {
        let Some(parent) = self.table(table, key) else { return Vec::new() };
        let mut entries: Vec<_> = parent
            .entries
            .iter()
            .filter_map(|(name, value)| {
                let located = Located { value: name.get_ref().to_string(), span: self.span(name.span()) };
                let path = joined(&parent.path, &format!("{:?}", located.value));
                self.short_or_long(path, value).map(|value| (located, value))
            })
            .collect();
        entries.sort_by_key(|(name, _)| name.span.range.start);
        entries
    }

    /// Either a string or a table, for keys that have a short form.
    pub fn string_or_table<'doc>(&mut self, table: &mut Table<'doc>, key: &'static str) -> Option<ShortOrLong<'doc>> {
        let value = table.get(key)?;
        let path = table.child_path(key);
        self.short_or_long(path, value)
    }

    fn short_or_long<'doc>(&mut self, path: String, value: &'doc Spanned<DeValue<'doc>>) -> Option<ShortOrLong<'doc>> {
        if value.get_ref().is_str() {
            return self.string_value(&path, value).map(Ok);
        }
        if value.get_ref().is_table() {
            return self.table_value(path, value).map(Err);
        }
        self.wrong_type(&path, "a string or a table", value);
        None
    }

    /// The keys of a table, known or not, where they are written.
    pub fn keys(&self, table: &Table<'_>) -> Vec<Located<String>> {
        let keys = table.entries.keys();
        keys.map(|key| Located { value: key.get_ref().to_string(), span: self.span(key.span()) }).collect()
    }

    /// Refuses every key that no getter asked for.
    pub fn finish(&mut self, table: &Table<'_>) {
        let place = if table.path.is_empty() { "the config".to_owned() } else { format!("`[{}]`", table.path) };
        for key in table.entries.keys() {
            let name = key.get_ref().as_ref();
            if table.known.contains(&name) || self.errors.len() > MOST_UNKNOWN {
                continue;
            }
            let diagnostic = Diagnostic::new("config::unknown_key", format!("unknown key `{name}` in {place}"))
                .at(self.span(key.span()));
            let ours = FOREIGN_KEYS.iter().find(|(foreign, ours)| *foreign == name && table.known.contains(ours));
            let is_of_target = table.path.starts_with("targets.") || table.path == "defaults";
            let advice = ADVICE.iter().find(|(foreign, _)| *foreign == name && is_of_target);
            self.errors.push(match (ours, advice) {
                (Some((_, ours)), _) => diagnostic.help(format!("did you mean `{ours}`?")),
                (None, Some((_, advice))) => diagnostic.help(*advice),
                (None, None) => diagnostic.did_you_mean(name, table.known.iter().copied()),
            });
        }
    }
}

/// `PATH.KEY`, for people: keys may be as long as the file.
fn joined(path: &str, key: &str) -> String {
    let shown = &key[..key.floor_char_boundary(LONGEST_KEY)];
    let more = if shown.len() < key.len() { "…" } else { "" };
    format!("{path}.{shown}{more}")
}

/// Items that an array may have: they become layers, steps and mounts, of which BuildKit and a container take fewer.
const MOST_ITEMS: usize = 1_000;

/// Bytes of a key that are shown with its path.
const LONGEST_KEY: usize = 256;

/// As many unknown keys are told: a file can have thousands.
const MOST_UNKNOWN: usize = 100;

fn article(type_name: &str) -> String {
    let article = if type_name.starts_with(['a', 'i']) { "an" } else { "a" };
    format!("{article} {type_name}")
}

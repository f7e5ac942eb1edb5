//! The text of a config: keys with their values, as TOML.

use buildkit_llb::is_command;
use std::collections::BTreeMap;
use std::fmt::Write;

use super::text::Text;

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string.
    Text(Text),
    /// An array of strings.
    List(Vec<Text>),
    /// An array of commands.
    Lists(Vec<Vec<Text>>),
    /// A number.
    Number(u32),
    /// `true` or `false`.
    Boolean(bool),
    /// Ports: numbers where they are.
    Ports(Vec<Text>),
    /// An inline table.
    Table(Vec<(String, Value)>),
    /// An array of them.
    Tables(Vec<Vec<(String, Value)>>),
}

impl Value {
    /// A string without variables.
    pub fn text(text: &str) -> Self {
        Self::Text(Text::from(text))
    }

    /// As TOML, on one line.
    pub fn toml(&self) -> String {
        let array = |items: Vec<String>| format!("[{}]", items.join(", "));
        match self {
            Self::Text(text) => string(&text.config()),
            Self::List(texts) => array(texts.iter().map(|text| string(&text.config())).collect()),
            Self::Lists(lists) => array(lists.iter().map(|texts| Self::List(texts.clone()).toml()).collect()),
            Self::Number(number) => number.to_string(),
            Self::Boolean(boolean) => boolean.to_string(),
            Self::Ports(ports) => array(ports.iter().map(port).collect()),
            Self::Table(entries) => table(entries),
            Self::Tables(tables) => array(tables.iter().map(|entries| table(entries)).collect()),
        }
    }

    /// Adds the args in it, with their defaults.
    pub fn args(&self, args: &mut BTreeMap<String, String>) {
        self.texts(&mut |text| text.args(args));
    }

    /// Visits every text in it.
    pub fn texts(&self, visit: &mut impl FnMut(&Text)) {
        match self {
            Self::Text(text) => visit(text),
            Self::List(texts) | Self::Ports(texts) => texts.iter().for_each(visit),
            Self::Lists(lists) => lists.iter().flatten().for_each(visit),
            Self::Number(_) | Self::Boolean(_) => {}
            Self::Table(entries) => entries.iter().for_each(|(_, value)| value.texts(visit)),
            Self::Tables(tables) => tables.iter().flatten().for_each(|(_, value)| value.texts(visit)),
        }
    }
}

fn port(port: &Text) -> String {
    let text = port.config();
    match text.strip_suffix("/tcp").unwrap_or(&text).parse::<u16>() {
        Ok(number) => number.to_string(),
        Err(_) => string(&text),
    }
}

fn table(entries: &[(String, Value)]) -> String {
    let entries: Vec<String> =
        entries.iter().map(|(name, value)| format!("{} = {}", key(name), value.toml())).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// A key, in quotes where it needs them.
pub fn key(name: &str) -> String {
    let is_bare = |char: char| char.is_ascii_alphanumeric() || char == '-' || char == '_';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { string(name) }
}

/// A basic string.
fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            char if is_command(char) => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04X}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_as_they_were() {
        for text in ["plain", "a \"quote\" \\ and\n\t\u{7f}\u{85}\u{1}", "é"] {
            let toml = format!("{} = {}", key(text), string(text));
            let read: toml::Table = toml::from_str(&toml).unwrap();
            assert_eq!(read.get(text).and_then(toml::Value::as_str), Some(text), "{toml}");
        }
    }

    #[test]
    fn values_are_on_one_line() {
        let entries = vec![
            ("cmd".to_owned(), Value::List(vec![Text::from("a"), Text::arg("B", "b")])),
            ("x y".to_owned(), Value::Number(1)),
        ];
        assert_eq!(Value::Table(entries).toml(), r#"{ cmd = ["a", "${args.B}"], "x y" = 1 }"#);
        assert_eq!(
            Value::Ports(vec![Text::from("80"), Text::from("53/udp"), Text::arg("P", "1")]).toml(),
            r#"[80, "53/udp", "${args.P}"]"#
        );
    }
}

//! Text with variables in it, as a Dockerfile writes it and as a config does.

use std::collections::BTreeMap;
use std::ops::Range;

/// A text in parts, which knows the words of the Dockerfile that it is made of.
#[derive(Clone, Debug, Default)]
pub struct Text {
    parts: Vec<Part>,
    origins: Vec<Range<usize>>,
}

/// Equal is what says the same, wherever it was written.
impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for Text {}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    /// A build arg, and the value it has when none is given.
    Arg {
        name: String,
        default: String,
    },
    /// What only a shell knows: `$HOME`, `$(date)`. As it was written.
    Shell(String),
}

impl Text {
    /// The value of a build arg.
    pub fn arg(name: &str, default: &str) -> Self {
        Self::of(vec![Part::Arg { name: name.to_owned(), default: default.to_owned() }])
    }

    /// What a shell has to say.
    pub fn shell(written: &str) -> Self {
        Self::of(vec![Part::Shell(written.to_owned())])
    }

    fn of(parts: Vec<Part>) -> Self {
        Self { parts, origins: Vec::new() }
    }

    /// Notes a word that it is made of.
    #[must_use]
    pub fn at(mut self, range: Range<usize>) -> Self {
        self.origins.push(range);
        self
    }

    /// Notes the words that another text is made of.
    #[must_use]
    pub fn from_words_of(mut self, other: &Text) -> Self {
        self.origins.extend(other.origins.iter().cloned());
        self
    }

    /// The same, where it was read from a copy: only the place of what it is the value of is known. Words of variables stay.
    #[must_use]
    pub fn elsewhere(mut self, range: &Range<usize>) -> Self {
        self.origins.pop();
        self.at(range.clone())
    }

    /// The words of the Dockerfile that it is made of.
    pub fn origins(&self) -> &[Range<usize>] {
        &self.origins
    }

    /// Appends a character that stands for itself.
    pub fn push(&mut self, char: char) {
        match self.parts.last_mut() {
            Some(Part::Literal(text)) => text.push(char),
            _ => self.parts.push(Part::Literal(char.to_string())),
        }
    }

    /// Appends another text.
    pub fn extend(&mut self, other: Text) {
        for part in other.parts {
            match part {
                Part::Literal(text) => text.chars().for_each(|char| self.push(char)),
                part => self.parts.push(part),
            }
        }
        self.origins.extend(other.origins);
    }

    /// With args at their defaults, and what a shell would say as it was written.
    pub fn shown(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) | Part::Shell(text) => text.as_str(),
            Part::Arg { default, .. } => default.as_str(),
        });
        parts.collect()
    }

    /// Bytes of it, and some for each part and for each place.
    pub fn len(&self) -> usize {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) | Part::Shell(text) => text.len(),
            Part::Arg { name, default } => name.len() + default.len(),
        });
        parts.map(|bytes| bytes + 16).sum::<usize>() + 16 * self.origins.len()
    }

    /// Nothing of it is left to a shell.
    pub fn is_known(&self) -> bool {
        !self.parts.iter().any(|part| matches!(part, Part::Shell(_)))
    }

    /// It is the same whatever args are given.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// The build arg that it is, and nothing beside it.
    pub fn as_arg(&self) -> Option<(&str, &str)> {
        match &self.parts[..] {
            [Part::Arg { name, default }] => Some((name, default)),
            _ => None,
        }
    }

    /// As a string of a config, where `${args.NAME}` is an arg.
    pub fn config(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Literal(text) | Part::Shell(text) => text.replace("${args.", "$${args."),
            Part::Arg { name, .. } => format!("${{args.{name}}}"),
        });
        parts.collect()
    }

    /// Adds the args in it, with their defaults.
    pub fn args(&self, args: &mut BTreeMap<String, String>) {
        for part in &self.parts {
            if let Part::Arg { name, default } = part {
                let known = args.entry(name.clone()).or_default();
                if known.is_empty() {
                    known.clone_from(default);
                }
            }
        }
    }

    /// The text before and after the first such character that stands for itself.
    pub fn split_once(&self, at: char) -> Option<(Text, Text)> {
        let index = self.parts.iter().position(|part| matches!(part, Part::Literal(text) if text.contains(at)))?;
        let Part::Literal(text) = &self.parts[index] else { return None };
        let (before, after) = text.split_once(at)?;
        let mut head = Self::of(self.parts[..index].to_vec()).from_words_of(self);
        head.extend(Self::from(before));
        let mut tail = Self::from(after).from_words_of(self);
        tail.extend(Self::of(self.parts[index + 1..].to_vec()));
        Some((head, tail))
    }

    /// The rest of a text that begins with this one.
    pub fn strip_prefix(&self, prefix: &str) -> Option<Text> {
        let Some(Part::Literal(text)) = self.parts.first() else { return None };
        let mut rest = Self::from(text.strip_prefix(prefix)?).from_words_of(self);
        rest.extend(Self::of(self.parts[1..].to_vec()));
        Some(rest)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::default() } else { Self::of(vec![Part::Literal(text.to_owned())]) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn args_are_named_in_a_config_and_have_their_defaults_elsewhere() {
        let mut text = Text::from("python:");
        text.extend(Text::arg("V", "3.13"));
        text.extend(Text::from("-slim ${args.X}"));
        assert_eq!(text.config(), "python:${args.V}-slim $${args.X}");
        assert_eq!(text.shown(), "python:3.13-slim ${args.X}");
        assert_eq!(
            text.split_once('-').map(|(head, tail)| (head.config(), tail.shown())),
            Some(("python:${args.V}".to_owned(), "slim ${args.X}".to_owned()))
        );
        assert!(text.is_known() && !text.is_constant() && !Text::shell("$X").is_known());
    }
}

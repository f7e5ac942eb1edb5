//! Text with variables in it, as a Dockerfile writes it and as a config does.

use std::collections::BTreeMap;

/// A text in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<Part>);

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
        Self(vec![Part::Arg { name: name.to_owned(), default: default.to_owned() }])
    }

    /// What a shell has to say.
    pub fn shell(written: &str) -> Self {
        Self(vec![Part::Shell(written.to_owned())])
    }

    /// Appends a character that stands for itself.
    pub fn push(&mut self, char: char) {
        match self.0.last_mut() {
            Some(Part::Literal(text)) => text.push(char),
            _ => self.0.push(Part::Literal(char.to_string())),
        }
    }

    /// Appends another text.
    pub fn extend(&mut self, other: Text) {
        for part in other.0 {
            match part {
                Part::Literal(text) => text.chars().for_each(|char| self.push(char)),
                part => self.0.push(part),
            }
        }
    }

    /// With args at their defaults, and what a shell would say as it was written.
    pub fn shown(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) | Part::Shell(text) => text.as_str(),
            Part::Arg { default, .. } => default.as_str(),
        });
        parts.collect()
    }

    /// Bytes of it, and some for each part.
    pub fn len(&self) -> usize {
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) | Part::Shell(text) => text.len(),
            Part::Arg { name, default } => name.len() + default.len(),
        });
        parts.map(|bytes| bytes + 16).sum()
    }

    /// Nothing of it is left to a shell.
    pub fn is_known(&self) -> bool {
        !self.0.iter().any(|part| matches!(part, Part::Shell(_)))
    }

    /// It is the same whatever args are given.
    pub fn is_constant(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// As a string of a config, where `${args.NAME}` is an arg.
    pub fn config(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Literal(text) | Part::Shell(text) => text.replace("${args.", "$${args."),
            Part::Arg { name, .. } => format!("${{args.{name}}}"),
        });
        parts.collect()
    }

    /// Adds the args in it, with their defaults.
    pub fn args(&self, args: &mut BTreeMap<String, String>) {
        for part in &self.0 {
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
        let index = self.0.iter().position(|part| matches!(part, Part::Literal(text) if text.contains(at)))?;
        let Part::Literal(text) = &self.0[index] else { return None };
        let (before, after) = text.split_once(at)?;
        let mut head = Self(self.0[..index].to_vec());
        head.extend(Self::from(before));
        let mut tail = Self::from(after);
        tail.extend(Self(self.0[index + 1..].to_vec()));
        Some((head, tail))
    }

    /// The rest of a text that begins with this one.
    pub fn strip_prefix(&self, prefix: &str) -> Option<Text> {
        let Some(Part::Literal(text)) = self.0.first() else { return None };
        let mut rest = Self::from(text.strip_prefix(prefix)?);
        rest.extend(Self(self.0[1..].to_vec()));
        Some(rest)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        if text.is_empty() { Self::default() } else { Self(vec![Part::Literal(text.to_owned())]) }
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

//! Text for terminals and logs.

use std::borrow::Cow;

/// A text on one line, without what terminals and logs take for a command: control characters, ends of lines, and those that turn
/// the direction of what follows. They are written as TOML and JSON write them, `\u001b`.
///
/// What comes from a file of the user's, or from a client, goes through here before anybody is shown it. A line that begins with
/// `::error` is a command to some build services, and an escape character is one to a terminal.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            char if is_command(char) => shown.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => shown.push(char),
        }
    }
    Cow::Owned(shown)
}

/// A line of a file, as [`printable`], with one character for each: what points into it still points to the same place.
pub fn printable_in_place(line: &str) -> Cow<'_, str> {
    let shown = |char| match char {
        '\t' => ' ',
        char if is_command(char) => char::REPLACEMENT_CHARACTER,
        char => char,
    };
    if line.contains(is_command) { Cow::Owned(line.chars().map(shown).collect()) } else { Cow::Borrowed(line) }
}

/// A JSON document, as [`printable`]: the same document, in which such characters are escapes. JSON escapes those below a space, and
/// needs no escape for the others.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |char| is_command(char) && char != '\n';
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for char in json.chars() {
        if is_escaped(char) {
            shown.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            shown.push(char);
        }
    }
    Cow::Owned(shown)
}

/// Whether a character does something instead of being shown.
pub fn is_command(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_written_out() {
        assert_eq!(printable("plain é ☺ `x`"), "plain é ☺ `x`");
        assert_eq!(
            printable("a\n::error::b\r\u{1b}[2J\tc\u{9b}\u{7f}\0"),
            "a\\n::error::b\\r\\u001b[2J\\tc\\u009b\\u007f\\u0000"
        );
        assert_eq!(printable("\u{2028}\u{202e}\u{2066}\u{200f}"), "\\u2028\\u202e\\u2066\\u200f");
        assert_eq!(
            printable_json("{\n \"a\u{7f}\": \"\\u001b\u{202e}\"\n}"),
            "{\n \"a\\u007f\": \"\\u001b\\u202e\"\n}"
        );
        assert_eq!(printable_in_place("\ta\u{1b}b\u{202e}"), " a\u{fffd}b\u{fffd}");
    }
}

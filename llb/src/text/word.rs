//! Strings as words, such that different strings are different words.

use std::fmt::Write as _;

use crate::go::json_array;

/// The string itself if it is plain, else in quotes.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@+,*~=&?#".contains(c);
    // An input without a name is `#` and its number.
    if !text.is_empty() && !text.starts_with('#') && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

/// As [`word`], but one that a `=` can follow.
pub(crate) fn key(text: &str) -> String {
    if text.contains('=') { quoted(text) } else { word(text) }
}

/// The string as a Rust literal.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

/// Strings in brackets.
pub(crate) fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| quoted(item)).collect();
    format!("[{}]", items.join(", "))
}

/// The items of a JSON array of strings, if it has any and is written as Go writes it.
pub(crate) fn json_list(text: &str) -> Option<Vec<String>> {
    let items: Vec<String> = serde_json::from_str(text).ok()?;
    (!items.is_empty() && json_array(&items) == text).then_some(items)
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

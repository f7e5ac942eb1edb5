//! A report as a page for a browser: one file, which needs no server, no network and no script to be read. Pure.
//!
//! The details of every tile are in the page as text, and a tile is a link to its details. So the page works without its script, which
//! adds the search and the arrow keys. There is no data for the script: all texts are escaped in one way, by [`Text`].

pub mod history;
pub mod plan;

use std::fmt::{self, Display, Formatter};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_llb::printable;
use sha2::{Digest as _, Sha256};

/// The page around what is shown.
const FRAME: &str = include_str!("page/frame.html");

/// How all pages look.
const LOOK: &str = include_str!("page/look.css");

/// The parts of a page. `body` is HTML; what is of files in it went through [`Text`].
struct Page<'a> {
    title: String,
    style: String,
    /// Empty if it has none.
    script: &'a str,
    body: String,
}

impl Page<'_> {
    /// The file. Its policy lets a browser load nothing, and run and apply only what is named by its hash.
    fn html(&self) -> String {
        let style = format!("{LOOK}{}", self.style);
        let (of_script, script) = match self.script {
            "" => ("none".to_owned(), String::new()),
            script => (hash(script), format!("<script>{script}</script>\n")),
        };
        let policy = format!(
            "default-src 'none'; img-src data:; style-src '{}'; script-src '{of_script}'; base-uri 'none'; form-action 'none'",
            hash(&style),
        );
        let title = Text(&self.title).to_string();
        filled(
            FRAME,
            &[
                ("policy", &policy),
                ("title", &title),
                ("style", &style),
                ("body", &self.body),
                ("script", &script),
                ("version", env!("CARGO_PKG_VERSION")),
            ],
        )
    }
}

/// As a policy names a style or script.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

/// A template with its places, `{{name}}`, filled. What is filled in has no places.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = String::with_capacity(template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>());
    let mut parts = template.split("{{");
    text.extend(parts.next());
    for part in parts {
        let (name, rest) = part.split_once("}}").unwrap_or((part, ""));
        text.extend(values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value));
        text.push_str(rest);
    }
    text
}

/// A text of a file, as text or as the value of an attribute in quotes.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        for char in printable(self.0).chars() {
            match char {
                '&' => out.write_str("&amp;")?,
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '"' => out.write_str("&quot;")?,
                '\'' => out.write_str("&#39;")?,
                char => write!(out, "{char}")?,
            }
        }
        Ok(())
    }
}

/// Bytes for people, with three digits.
struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(bytes) = *self;
        let scaled = |out: &mut Formatter<'_>, unit: u64, name: &str| {
            // Rounded to tenths: 99.96 is 100.
            let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
            match tenths {
                ..1000 => write!(out, "{}.{} {name}", tenths / 10, tenths % 10),
                _ => write!(out, "{} {name}", (tenths + 5) / 10),
            }
        };
        match bytes {
            ..1_000 => write!(out, "{bytes} bytes"),
            1_000..1_000_000 => scaled(out, 1_000, "kB"),
            1_000_000..1_000_000_000 => scaled(out, 1_000_000, "MB"),
            _ => scaled(out, 1_000_000_000, "GB"),
        }
    }
}

/// A number of things, with their name in singular or plural.
struct Count<'a>(usize, &'a str);

impl Display for Count<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(count, name) = *self;
        write!(out, "{count} {name}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_files_are_no_markup() {
        let hostile = "</script><img src=x onerror='a()'> & \"b\" \u{1b}[2J\n";
        assert_eq!(
            Text(hostile).to_string(),
            "&lt;/script&gt;&lt;img src=x onerror=&#39;a()&#39;&gt; &amp; &quot;b&quot; \\u001b[2J\\n"
        );
    }

    #[test]
    fn places_are_filled_once() {
        assert_eq!(filled("a {{b}} c {{d}}{{e}}.", &[("b", "{{d}}"), ("d", "1")]), "a {{d}} c 1.");
    }

    #[test]
    fn bytes_have_three_digits() {
        let shown = [0, 999, 1_000, 54_321, 999_949, 999_960, 99_960_000, 447_000_000, 2_345_000_000]
            .map(|bytes| Bytes(bytes).to_string());
        assert_eq!(
            shown,
            ["0 bytes", "999 bytes", "1.0 kB", "54.3 kB", "1000 kB", "1000 kB", "100 MB", "447 MB", "2.3 GB"]
        );
    }

    #[test]
    fn scripts_and_styles_end_where_they_should() {
        for text in [LOOK, plan::STYLE, plan::SCRIPT, history::STYLE] {
            assert!(!text.contains("</"), "{text}");
        }
    }
}

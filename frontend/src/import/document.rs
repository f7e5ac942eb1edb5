//! What Docker reads and the parser does not: here-documents that do not begin a command (`RUN cat <<END > file`), and the empty
//! `ENTRYPOINT []` of uv's guide, which only takes the base's away, as any command does here.

use std::borrow::Cow;

/// The same text with blanks in place of these, byte for byte, so that all places stay what they are.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut is_run = false;
    let mut ends: Vec<(String, bool)> = Vec::new();
    let mut continues = false;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if let (Some((end, strips)), false) = (ends.first(), continues) {
            let candidate = if *strips { content.trim_start_matches('\t') } else { content };
            let is_end = candidate == end;
            masked.extend(std::iter::repeat_n(' ', content.len()));
            masked.push_str(&line[content.len()..]);
            if is_end {
                ends.remove(0);
            }
            continue;
        }
        let words = content.trim_start();
        if !continues && is_empty_entrypoint(words) {
            masked.extend(std::iter::repeat_n(' ', content.len()));
            masked.push_str(&line[content.len()..]);
            continue;
        }
        if !continues {
            is_run = words.get(..4).is_some_and(|word| word.eq_ignore_ascii_case("run ")) && !begins(&words[4..]);
        }
        if is_run && !words.starts_with('#') {
            ends.extend(documents(content));
        }
        masked.push_str(line);
        continues = content.trim_end().ends_with('\\') || (continues && (words.is_empty() || words.starts_with('#')));
    }
    if masked == text { Cow::Borrowed(text) } else { Cow::Owned(masked) }
}

/// Whether a line is `ENTRYPOINT []`.
pub fn is_empty_entrypoint(words: &str) -> bool {
    const KEYWORD: &str = "ENTRYPOINT";
    let is_keyword = words.get(..KEYWORD.len()).is_some_and(|word| word.eq_ignore_ascii_case(KEYWORD));
    let rest: String = words.chars().skip(KEYWORD.len()).filter(|char| !char.is_whitespace()).collect();
    is_keyword && rest == "[]"
}

/// Whether what is run begins with a document.
fn begins(arguments: &str) -> bool {
    let mut words = arguments.split_whitespace();
    words.find(|word| !word.starts_with("--")).is_some_and(|word| word.starts_with("<<"))
}

/// What ends the documents of a line, and whether tabs may stand before it.
fn documents(line: &str) -> Vec<(String, bool)> {
    let mut ends = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("<<") {
        rest = &rest[at + 2..];
        if let Some(string) = rest.strip_prefix('<') {
            rest = string;
            continue;
        }
        let (word, strips) = rest.strip_prefix('-').map_or((rest, false), |word| (word, true));
        let word = word.trim_start_matches(['"', '\'']);
        let end: String = word.chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '_').collect();
        if end.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_') {
            ends.push((end, strips));
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_become_blanks() {
        let text = "FROM a\nRUN cat <<END > x \\\n  && b <<-'E'\nCOPY é\nEND\n\tE\nRUN c\n";
        let masked = masked(text);
        assert_eq!(masked, "FROM a\nRUN cat <<END > x \\\n  && b <<-'E'\n       \n   \n  \nRUN c\n");
        assert_eq!(masked.len(), text.len());
    }

    #[test]
    fn an_empty_entrypoint_is_nothing() {
        assert_eq!(masked("FROM a\nentrypoint [ ]\r\nCMD b"), "FROM a\n              \r\nCMD b");
    }

    #[test]
    fn what_the_parser_knows_stays() {
        for text in ["RUN --mount=type=cache,target=/c <<END\nx\nEND\n", "COPY <<END /x\nRUN y\nEND\n", "RUN x <<< y\n"]
        {
            assert_eq!(masked(text), text);
        }
    }
}

//! `.dockerignore` (moby/patternmatcher: `ignorefile.ReadAll`).

mod glob;

use std::collections::BTreeSet;

use glob::Glob;

/// The patterns of an ignore file, as BuildKit's local source takes them: comments and blank lines left out, `!` kept, slashes
/// at the front and the end taken off. Of equal patterns only the last one counts: what an earlier one says, that one says again.
pub fn parse(text: &str) -> Vec<String> {
    let all: Vec<String> = patterns(text).map(|(_, pattern)| pattern).collect();
    let mut seen = BTreeSet::new();
    let mut is_last: Vec<bool> = all.iter().rev().map(|pattern| seen.insert(pattern)).collect();
    is_last.reverse();
    all.into_iter().zip(is_last).filter_map(|(pattern, is_last)| is_last.then_some(pattern)).collect()
}

/// The last line that is this pattern, by its 1-based number.
pub fn line_of(text: &str, pattern: &str) -> Option<usize> {
    patterns(text).filter(|(_, other)| other == pattern).map(|(line, _)| line).last()
}

/// The patterns, with the 1-based numbers of their lines.
fn patterns(text: &str) -> impl Iterator<Item = (usize, String)> {
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate();
    lines
        // Only a `#` in the first column starts a comment.
        .filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())
        .map(|(index, line)| {
            let line = line.trim();
            let (mark, path) = match line.strip_prefix('!') {
                Some(path) => ("!", path.trim()),
                None => ("", line),
            };
            (index + 1, format!("{mark}{}", clean(path)))
        })
        .filter(|(_, pattern)| !pattern.is_empty() && pattern != "!")
}

/// The shortest equal path without slashes around it.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Bytes of a pattern that is compared with paths, which have no more than 4,096.
const LONGEST: usize = 16 << 10;

/// The pattern that leaves a whole directory or file out of the context, if one does. A pattern speaks of what it matches and of
/// all below it; the last one that matches decides (moby/patternmatcher: `MatchesOrParentMatches`). What has a part that is taken
/// in again is not left out.
pub fn leaves_out<'a>(patterns: &'a [String], path: &str) -> Option<&'a str> {
    let depth = path.split('/').count();
    let mut decisive = None;
    for pattern in patterns {
        let (is_exception, glob) = match pattern.strip_prefix('!') {
            Some(glob) => (true, glob),
            None => (false, pattern.as_str()),
        };
        // It would change nothing, or is longer than any path.
        if glob.len() > LONGEST || is_exception != decisive.is_some() {
            continue;
        }
        let matches_above = glob::begin_alike(glob, path) && Glob::new(glob).matches_or_parent_matches(path);
        if is_exception && (matches_above || may_match_below(glob, path, depth)) {
            decisive = None;
        } else if !is_exception && matches_above {
            decisive = Some(pattern.as_str());
        }
    }
    decisive
}

/// Whether a pattern may match something in a directory: its part that is as deep matches the directory.
fn may_match_below(glob: &str, directory: &str, depth: usize) -> bool {
    if glob.contains("**") {
        return true;
    }
    let mut slashes = glob.match_indices('/').map(|(at, _)| at);
    slashes.nth(depth - 1).is_some_and(|end| is_match(&glob[..end], directory))
}

/// Whether a pattern matches a path, and not only a directory that it lies in.
pub fn is_match(pattern: &str, path: &str) -> bool {
    Glob::new(pattern).matches(path)
}

#[cfg(test)]
mod tests {
    #[test]
    fn knows_what_is_left_out() {
        let check = |text: &str, path: &str| super::leaves_out(&super::parse(text), path).map(ToOwned::to_owned);
        for text in ["a", "a/b", "**/b", "*", "a/[a-c]", "?/b", "!a\na/b", "a\n!a/bc", "a\n!ab", "a/**", "*/*", "**/a"]
        {
            assert!(check(text, "a/b").is_some(), "{text:?}");
        }
        for text in ["", "b", "a/b/c", "a/bc", "a\n!a", "a\n!a/b/c", "a\n!**/c", "*\n!a", "a/[^b]", "**/c", "a\n!*/b"] {
            assert_eq!(check(text, "a/b"), None, "{text:?}");
        }
    }

    #[test]
    fn reads_patterns() {
        let text = "# comment\n\n /node_modules/ \n!/docs/./README.md\n**/*.log\n #not-a-comment\na/../b\n";
        assert_eq!(super::line_of(text, "node_modules"), Some(3));
        assert_eq!(super::line_of(text, "b"), Some(7));
        assert_eq!(super::parse("*\n!a\n*\n!a\nb"), ["*", "!a", "b"]);
        assert_eq!(super::parse("!a\n*\n!a\n*"), ["!a", "*"]);
        assert_eq!(super::parse(text), ["node_modules", "!docs/README.md", "**/*.log", "#not-a-comment", "b"]);
    }
}

//! `.dockerignore` (moby/patternmatcher: `ignorefile.ReadAll`).

/// The patterns of an ignore file, as BuildKit's local source takes them: comments and blank lines left out, `!` kept, slashes
/// at the front and the end taken off.
pub fn parse(text: &str) -> Vec<String> {
    patterns(text).map(|(_, pattern)| pattern).collect()
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

/// The pattern that leaves a whole directory or file out of the context, if one does. A pattern speaks of what it matches and of
/// all below it; the last one that matches decides (moby/patternmatcher: `MatchesOrParentMatches`). What has a part that is taken
/// in again is not left out.
pub fn leaves_out<'a>(patterns: &'a [String], path: &str) -> Option<&'a str> {
    let path: Vec<&str> = path.split('/').collect();
    let mut decisive = None;
    for pattern in patterns {
        let (is_exception, glob) = match pattern.strip_prefix('!') {
            Some(glob) => (true, glob),
            None => (false, pattern.as_str()),
        };
        let glob: Vec<&str> = glob.split('/').collect();
        let matches_above = (1..=path.len()).any(|length| matches(&glob, &path[..length]));
        // The part of the exception that is as deep as the path.
        let matches_below = glob.contains(&"**") || (glob.len() > path.len() && matches(&glob[..path.len()], &path));
        if is_exception && (matches_above || matches_below) {
            decisive = None;
        } else if !is_exception && matches_above {
            decisive = Some(pattern.as_str());
        }
    }
    decisive
}

/// Whether a pattern matches a path, and not only a directory that it lies in.
pub fn is_match(pattern: &str, path: &str) -> bool {
    matches(&pattern.split('/').collect::<Vec<_>>(), &path.split('/').collect::<Vec<_>>())
}

/// Whether a pattern, part by part, matches a path; `**` stands for any number of parts.
fn matches(glob: &[&str], path: &[&str]) -> bool {
    match (glob, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => (0..=path.len()).any(|skipped| matches(rest, &path[skipped..])),
        ([part, rest @ ..], [name, below @ ..]) => matches_part(part, name) && matches(rest, below),
        _ => false,
    }
}

/// Whether a part of a pattern matches a name: `*` stands for any text, `?` for a character, `[a-z]` for one of several.
fn matches_part(glob: &str, name: &str) -> bool {
    let Some(first) = glob.chars().next() else { return name.is_empty() };
    let rest = &glob[first.len_utf8()..];
    let after_character = |rest: &str, admits: &dyn Fn(char) -> bool| {
        let next = name.chars().next().filter(|char| admits(*char));
        next.is_some_and(|char| matches_part(rest, &name[char.len_utf8()..]))
    };
    match first {
        '*' => name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches_part(rest, &name[at..])),
        '?' => after_character(rest, &|_| true),
        '[' => match rest.split_once(']') {
            Some((class, rest)) => after_character(rest, &|char| in_class(class, char)),
            None => false,
        },
        '\\' if !rest.is_empty() => {
            let escaped = rest.chars().next();
            after_character(&rest[escaped.map_or(0, char::len_utf8)..], &|char| Some(char) == escaped)
        }
        first => after_character(rest, &|char| char == first),
    }
}

/// `a-z` or `^abc`
fn in_class(class: &str, char: char) -> bool {
    let (is_negated, class) = class.strip_prefix('^').map_or((false, class), |class| (true, class));
    let members: Vec<char> = class.chars().collect();
    let mut found = members.contains(&char);
    for range in members.windows(3).filter(|range| range[1] == '-') {
        found |= (range[0]..=range[2]).contains(&char);
    }
    found != is_negated
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
        assert_eq!(super::parse(text), ["node_modules", "!docs/README.md", "**/*.log", "#not-a-comment", "b"]);
    }
}

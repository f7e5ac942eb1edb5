//! A pattern of an ignore file, as BuildKit reads it (moby/patternmatcher: `compile`, which makes a regular expression of it).
//!
//! A path is read once, character by character, with all places of the pattern that it may have reached: the time grows with
//! the pattern and the path, however many stars there are. Nothing goes back to try again.

use std::iter::Peekable;
use std::str::Chars;

/// A place of a pattern.
#[derive(Debug, PartialEq)]
enum Step {
    /// This character.
    Exactly(char),
    /// `?`: a character that is no slash.
    InName,
    /// `*`: any number of those.
    Name,
    /// `[a-z]`, `[^a-z]`: a character of these ranges, or of none of them.
    Class { is_negated: bool, ranges: Vec<(char, char)> },
    /// `**` before something: nothing, or what the next step takes.
    Skippable,
    /// After [`Step::Skippable`]: anything that ends with a slash.
    Directories,
    /// `**` at the end: anything.
    Anything,
    /// What cannot be read, and so matches nothing: `[` without its end.
    Never,
}

/// Whether a path begins with what stands before the first special character of a pattern, and has in it what stands after the last. If
/// not, the pattern matches neither the path nor a directory that it lies in: of thousands of patterns, most are not read any further.
pub(super) fn begin_alike(pattern: &str, path: &str) -> bool {
    let Some(first) = pattern.find(is_special) else { return path.starts_with(pattern) };
    let last = pattern.rfind(is_special).map_or(0, |last| last + 1);
    path.starts_with(&pattern[..first]) && path.contains(pattern[last..].trim_start_matches('/'))
}

/// A pattern, ready to be compared with paths.
#[derive(Debug)]
pub(super) struct Glob {
    steps: Vec<Step>,
}

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        // Without a special character before it, the last `**` stands for what is below a directory.
        let mut steps = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(char) = rest.next() {
            match char {
                '*' if rest.next_if_eq(&'*').is_some() => {
                    let has_slash = rest.next_if_eq(&'/').is_some();
                    match rest.clone().next() {
                        None => steps.push(Step::Anything),
                        // `**file` alone ends with it, wherever it begins: in a name, too.
                        Some(_) if steps.is_empty() && !has_slash && !rest.clone().any(is_special) => {
                            steps.push(Step::Anything);
                        }
                        // Twice says no more than once.
                        Some(_) if steps.last() == Some(&Step::Directories) => {}
                        Some(_) => steps.extend([Step::Skippable, Step::Directories]),
                    }
                }
                '*' if steps.last() == Some(&Step::Name) => {}
                '*' => steps.push(Step::Name),
                '?' => steps.push(Step::InName),
                '[' => steps.push(class(&mut rest).unwrap_or(Step::Never)),
                '\\' => steps.push(rest.next().map_or(Step::Never, Step::Exactly)),
                char => steps.push(Step::Exactly(char)),
            }
        }
        Self { steps }
    }

    /// Whether it matches all of a path.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.reached(path, false)
    }

    /// Whether it matches a path or a directory that this lies in.
    pub(super) fn matches_or_parent_matches(&self, path: &str) -> bool {
        self.reached(path, true)
    }

    /// Whether the end of the pattern is reached at the end of the path or, with `above`, at that of a directory.
    fn reached(&self, path: &str, above: bool) -> bool {
        let mut places = Places::new(self.steps.len());
        self.enter(&mut places, 0);
        for char in path.chars() {
            if above && char == '/' && places.has(self.steps.len()) {
                return true;
            }
            let now = places.next();
            if now.is_empty() {
                return false;
            }
            for at in now {
                match &self.steps.get(at) {
                    Some(Step::Exactly(wanted)) if *wanted == char => self.enter(&mut places, at + 1),
                    Some(Step::InName) if char != '/' => self.enter(&mut places, at + 1),
                    Some(Step::Name) if char != '/' => self.enter(&mut places, at),
                    Some(Step::Class { is_negated, ranges }) => {
                        let is_in = ranges.iter().any(|(first, last)| (*first..=*last).contains(&char));
                        if is_in != *is_negated {
                            self.enter(&mut places, at + 1);
                        }
                    }
                    Some(Step::Directories) => {
                        self.enter(&mut places, at);
                        if char == '/' {
                            self.enter(&mut places, at + 1);
                        }
                    }
                    Some(Step::Anything) => self.enter(&mut places, at),
                    _ => {}
                }
            }
        }
        places.has(self.steps.len())
    }

    /// Notes a place, and those that are reached from it without a character.
    fn enter(&self, places: &mut Places, mut at: usize) {
        while places.insert(at) {
            match self.steps.get(at) {
                Some(Step::Skippable) => {
                    places.insert(at + 1);
                    at += 2;
                }
                Some(Step::Name | Step::Anything) => at += 1,
                _ => break,
            }
        }
    }
}

/// Places of a pattern, each once.
struct Places {
    list: Vec<usize>,
    /// The round in which a place was noted last.
    noted: Vec<usize>,
    round: usize,
}

impl Places {
    fn new(length: usize) -> Self {
        Self { list: Vec::new(), noted: vec![0; length + 1], round: 1 }
    }

    fn insert(&mut self, at: usize) -> bool {
        let is_new = std::mem::replace(&mut self.noted[at], self.round) != self.round;
        if is_new {
            self.list.push(at);
        }
        is_new
    }

    fn has(&self, at: usize) -> bool {
        self.noted[at] == self.round
    }

    /// Those that were noted; from here on there are none.
    fn next(&mut self) -> Vec<usize> {
        self.round += 1;
        std::mem::take(&mut self.list)
    }
}

fn is_special(char: char) -> bool {
    "*?[]\\".contains(char)
}

/// What stands between `[` and `]`, in the words of Go's `filepath.Match`; `None` for what that refuses.
fn class(rest: &mut Peekable<Chars<'_>>) -> Option<Step> {
    let is_negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            return Some(Step::Class { is_negated, ranges });
        }
        let first = member(rest)?;
        let last = if rest.next_if_eq(&'-').is_some() { member(rest)? } else { first };
        ranges.push((first, last));
    }
}

fn member(rest: &mut Peekable<Chars<'_>>) -> Option<char> {
    match rest.next()? {
        '-' | ']' => None,
        '\\' => rest.next(),
        char => Some(char),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of moby/patternmatcher's own tests: patterns, a path, and whether they match all of it.
    #[test]
    fn as_buildkit_reads_them() {
        let same = [
            ("**", "file dir/file"),
            ("**/", "file dir/file"),
            ("**/**", "dir/file"),
            ("dir/**", "dir/file dir/dir2/file"),
            ("**/dir", "dir"),
            ("**/dir2/*", "dir/dir2/file"),
            ("**/dir2/**", "dir/dir2/dir3/file"),
            ("**file", "file dir/file dir/dir/file dir/a-file"),
            ("**/file", "dir/file dir/dir/file"),
            ("**/file*", "dir/dir/file dir/dir/file.txt"),
            ("**/file*txt", "dir/dir/file.txt"),
            ("**/file*.txt", "dir/dir/file.txt"),
            ("**/file*.txt*", "dir/dir/file.txt"),
            ("**/**/*.txt", "dir/dir/file.txt file.txt"),
            ("**/*.txt", "file.txt"),
            ("a**/*.txt", "a/file.txt a/dir/file.txt a/dir/dir/file.txt"),
            ("a/*.txt", "a/file.txt"),
            ("a/*.txt**", "a/file.txt"),
            ("a[b-d]e", "ace"),
            ("a[^b-d]e", "aze a/e"),
            (".*", ".foo"),
            ("abc.def", "abc.def"),
            ("abc?def", "abcZdef"),
            ("**/foo/bar", "foo/bar dir/foo/bar dir/dir2/foo/bar"),
            ("abc/**", "abc/def abc/def/ghi"),
            ("**/.foo", ".foo"),
            ("a(b)c/def", "a(b)c/def"),
            ("a.|)$(}+{bc", "a.|)$(}+{bc"),
            ("dist/*.whl", "dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl"),
            ("a\\*b", "a*b"),
            ("a\\\\", "a\\"),
            ("*", "abc"),
            ("*c", "abc"),
            ("a*", "a abc"),
            ("a*/b", "abc/b"),
            ("a*b*c*d*e*/f", "axbxcxdxe/f axbxcxdxexxx/f"),
            ("a*b?c*x", "abxbbxdbxebxczzx"),
            ("ab[c]", "abc"),
            ("ab[^e-g]", "abc"),
            ("a?b", "a☺b"),
            ("a[^a]b", "a☺b"),
            ("[a-ζ]*", "α"),
            ("[\\]a]", "]"),
            ("[\\-]", "-"),
            ("[x\\-]", "x -"),
            ("*x", "xxx"),
        ];
        let other = [
            ("**/dir", "dir/file"),
            ("**/**/*.txt2", "dir/dir/file.txt"),
            ("a/*.txt", "a/dir/file.txt"),
            ("a[b-d]e", "ae aae"),
            (".*", "foo"),
            ("abc.def", "abcdef abcZdef"),
            ("abc?def", "abcdef"),
            ("abc/**", "abc"),
            ("**/.foo", "bar.foo"),
            ("a(b)c/def", "a(b)c/xyz"),
            ("a\\*b", "ab"),
            ("a*/b", "a/c/b"),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f axbxcxdxexxx/fff"),
            ("a*b?c*x", "abxbbxdbxebxczzy"),
            ("ab[e-g]", "abc"),
            ("ab[^c]", "abc"),
            ("a???b", "a☺b"),
            ("*[a-ζ]", "A"),
            ("a?b", "a/b"),
            ("a*b", "a/b"),
            // Those that it refuses match nothing.
            ("[]a]", "] a"),
            ("[-]", "-"),
            ("[x-]", "x -"),
            ("[a-b-c]", "a"),
            ("[", "a ["),
            ("[^bc", "a"),
            ("a[", "a ab a["),
            ("\\", "a \\"),
        ];
        for (cases, expected) in [(&same[..], true), (&other[..], false)] {
            for (pattern, paths) in cases {
                for path in paths.split(' ') {
                    assert_eq!(Glob::new(pattern).matches(path), expected, "{pattern} {path}");
                }
            }
        }
    }

    #[test]
    fn a_directory_is_matched_with_what_lies_in_it() {
        for (pattern, path) in [("a", "a/b/c"), ("**/b", "a/b/c"), ("a/*", "a/b/c"), ("**/dir2/*", "dir/dir2/file/x")] {
            assert!(Glob::new(pattern).matches_or_parent_matches(path), "{pattern} {path}");
        }
        for (pattern, path) in [("a/b/c/d", "a/b/c"), ("b", "a/b/c"), ("*/c", "a/b/c")] {
            assert!(!Glob::new(pattern).matches_or_parent_matches(path), "{pattern} {path}");
        }
    }

    /// A matcher that goes back to try again would not end in the life of a machine.
    #[test]
    fn many_stars_are_read_once() {
        let path = "a".repeat(4_000);
        for piece in ["*a", "**/a", "*", "**", "**/", "?*", "**/*", "[a]*"] {
            assert!(!Glob::new(&format!("{}b", piece.repeat(1_000))).matches(&path), "{piece}");
        }
        assert!(Glob::new(&"*a".repeat(1_000)).matches(&path));
    }
}

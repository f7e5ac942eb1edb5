//! `.dockerignore` (moby/patternmatcher: `ignorefile.ReadAll`).

/// The patterns of an ignore file, as BuildKit's local source takes them: comments and blank lines left out, `!` kept, slashes
/// at the front and the end taken off.
pub fn parse(text: &str) -> Vec<String> {
    text.trim_start_matches('\u{feff}')
        .lines()
        // Only a `#` in the first column starts a comment.
        .filter(|line| !line.starts_with('#'))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (mark, path) = match line.strip_prefix('!') {
                Some(path) => ("!", path.trim()),
                None => ("", line),
            };
            format!("{mark}{}", clean(path))
        })
        .filter(|pattern| !pattern.is_empty() && pattern != "!")
        .collect()
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

#[cfg(test)]
mod tests {
    #[test]
    fn reads_patterns() {
        let text = "# comment\n\n /node_modules/ \n!/docs/./README.md\n**/*.log\n #not-a-comment\na/../b\n";
        assert_eq!(super::parse(text), ["node_modules", "!docs/README.md", "**/*.log", "#not-a-comment", "b"]);
    }
}

//! Small functions of Go's standard library that op bytes depend on.

/// The shortest equal path. Mirrors Go's `path.Clean`.
pub(crate) fn clean_path(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&last) if last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// The cleaned path under `/`. Mirrors `path.Join("/", path)`.
pub(crate) fn absolute_path(path: &str) -> String {
    clean_path(&format!("/{path}"))
}

/// The cleaned path under `/`, with a trailing `/` or `/.` kept: it decides what a copy means.
///
/// Mirrors `normalizePath` in `client/llb/fileop.go` with `keepSlash`.
pub(crate) fn absolute_destination(path: &str) -> String {
    let mut cleaned = absolute_path(path);
    if path.ends_with('/') && !cleaned.ends_with('/') {
        cleaned.push('/');
    } else if path.ends_with("/.") {
        if cleaned != "/" {
            cleaned.push('/');
        }
        cleaned.push('.');
    }
    cleaned
}

/// A JSON array of strings. Mirrors Go's `json.Marshal`, which escapes HTML's special characters.
pub(crate) fn json_array<S: AsRef<str>>(items: &[S]) -> String {
    let items: Vec<&str> = items.iter().map(AsRef::as_ref).collect();
    // An array of strings always has a JSON form.
    let json = serde_json::to_string(&items).unwrap_or_default();
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_go_does() {
        for (path, expected) in [
            ("", "."),
            ("a//b/./c/", "a/b/c"),
            ("/../a", "/a"),
            ("../a", "../a"),
            ("a/../..", ".."),
            ("/a/../../b", "/b"),
            ("/", "/"),
        ] {
            assert_eq!(clean_path(path), expected, "{path}");
        }
        for (path, expected) in
            [("", "/"), ("a", "/a"), ("a/", "/a/"), ("/a/.", "/a/."), ("/.", "/."), ("/", "/"), ("/a/..", "/")]
        {
            assert_eq!(absolute_destination(path), expected, "{path}");
        }
    }

    #[test]
    fn json_is_escaped_as_go_does() {
        assert_eq!(json_array(&["a<b>&\"\\", "\u{2028}\n\u{1}é"]), r#"["a\u003cb\u003e\u0026\"\\","\u2028\n\u0001é"]"#);
    }
}

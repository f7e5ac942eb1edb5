//! Paths in the build context, with `/` and relative to its root, which is `.`; names of files that uv reads.

pub mod script;

/// The lock of a project.
pub const LOCK: &str = "uv.lock";

/// The file beside the manifest in which uv may have its settings.
pub const UV_TOML: &str = "uv.toml";

/// The manifest of a project.
pub const MANIFEST: &str = "pyproject.toml";

/// A path as seen from the root, of one that is relative to a directory. What begins with `..` then is outside of the context;
/// absolute paths stay as they are.
pub fn joined(directory: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// The directory that a file lies in.
pub fn directory_of(file: &str) -> &str {
    file.rsplit_once('/').map_or(".", |(directory, _)| directory)
}

/// A file in a directory.
pub fn file_in(directory: &str, file: &str) -> String {
    if directory == "." { file.to_owned() } else { format!("{directory}/{file}") }
}

/// The directories above one, the nearest first, up to the root of the context. None of what lies outside of it.
pub fn ancestors(directory: &str) -> impl Iterator<Item = &str> {
    let is_inside = !directory.starts_with('/') && directory.split('/').all(|part| part != "..");
    let first = (is_inside && directory != ".").then(|| directory_of(directory));
    std::iter::successors(first, |directory| (*directory != ".").then(|| directory_of(directory)))
}

/// Whether a path of the context is another one, or below it.
pub fn lies_in(path: &str, directory: &str) -> bool {
    match directory {
        "." => !path.starts_with('/') && path != ".." && !path.starts_with("../"),
        _ => path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_paths() {
        assert_eq!(joined("members/a", "../b"), "members/b");
        assert_eq!(joined(".", "./b/"), "b");
        assert_eq!(joined("a", ".."), ".");
        assert_eq!(joined("a", "../../b"), "../b");
        assert_eq!(joined("a", "/b"), "/b");
    }

    #[test]
    fn knows_what_lies_above() {
        assert_eq!(ancestors("a/b/c").collect::<Vec<_>>(), ["a/b", "a", "."]);
        assert_eq!(ancestors(".").count(), 0);
        assert_eq!(ancestors("../a").count(), 0);
    }

    #[test]
    fn knows_where_files_lie() {
        assert_eq!(directory_of("uv.lock"), ".");
        assert_eq!(directory_of("services/api/uv.lock"), "services/api");
        assert_eq!(file_in(directory_of("services/api/uv.lock"), "pyproject.toml"), "services/api/pyproject.toml");
    }
}

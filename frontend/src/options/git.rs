//! References to git repositories, as clients write them for a build context (BuildKit: `frontend/dockerfile/dfgitutil`).

use super::boolean::boolean;

/// A repository and what of it is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitReference {
    /// The repository, without query and fragment.
    pub remote: String,
    /// Branch, tag or commit; empty for the default branch.
    pub reference: String,
    /// Directory in it; empty for its root.
    pub subdirectory: String,
    /// The commit that the reference must have.
    pub checksum: String,
    /// `.git` stays.
    pub keep_git_dir: bool,
    /// Submodules are left out.
    pub skip_submodules: bool,
    /// Files have the time of the commit.
    pub mtime_commit: bool,
    /// The commit is fetched without asking what the reference is.
    pub fetch_by_commit: bool,
}

impl GitReference {
    /// Parses `https://HOST/NAME.git`, `git://…`, `ssh://…`, `USER@HOST:PATH` or `github.com/…`, with `?ref=…` or
    /// `#REF:DIRECTORY`. None for what is no repository, such as the URL of an archive; an error for one with a mistake in it.
    pub fn parse(text: &str) -> Option<Result<Self, String>> {
        let (whole, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (remote, query) = whole.split_once('?').unwrap_or((whole, ""));
        let is_repository = match remote.split_once("://") {
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "http" | "https" => rest.ends_with(".git"),
                "git" | "ssh" => true,
                _ => false,
            },
            None => remote.starts_with("github.com/") || is_scp_style(remote),
        };
        is_repository.then(|| Self::with_options(remote, query, fragment))
    }

    fn with_options(remote: &str, query: &str, fragment: &str) -> Result<Self, String> {
        let (reference, subdirectory) = fragment.split_once(':').unwrap_or((fragment, ""));
        let mut git = Self {
            remote: remote.to_owned(),
            reference: reference.to_owned(),
            subdirectory: subdirectory.trim_matches('/').to_owned(),
            ..Self::default()
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let flag = || if value.is_empty() { Some(true) } else { boolean(value) };
            let flag = || flag().ok_or_else(|| format!("`{key}={value}` is neither true nor false"));
            match key {
                "ref" => set(&mut git.reference, key, value)?,
                "tag" => set(&mut git.reference, key, &with_prefix("refs/tags/", value))?,
                "branch" => set(&mut git.reference, key, &with_prefix("refs/heads/", value))?,
                "subdir" => set(&mut git.subdirectory, key, value.trim_matches('/'))?,
                "checksum" | "commit" => set(&mut git.checksum, key, value)?,
                "keep-git-dir" => git.keep_git_dir = flag()?,
                "submodules" => git.skip_submodules = !flag()?,
                "fetch-by-commit" => git.fetch_by_commit = flag()?,
                "mtime" if ["checkout", "commit"].contains(&value) => git.mtime_commit = value == "commit",
                _ => return Err(format!("`{pair}` is not an option of a git context")),
            }
        }
        Ok(git)
    }
}

fn set(field: &mut String, key: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Err(format!("`{key}` has no value"));
    }
    if !field.is_empty() && field != value {
        return Err(format!("`{field}` and `{key}={value}` contradict each other"));
    }
    value.clone_into(field);
    Ok(())
}

fn with_prefix(prefix: &str, name: &str) -> String {
    if name.is_empty() || name.starts_with(prefix) { name.to_owned() } else { format!("{prefix}{name}") }
}

/// `git@HOST:PATH`
fn is_scp_style(text: &str) -> bool {
    let word = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let parts = text.split_once('@').and_then(|(user, rest)| Some((user, rest.split_once(':')?)));
    parts.is_some_and(|(user, (host, path))| word(user) && word(host) && !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<GitReference, String> {
        GitReference::parse(text).unwrap_or_else(|| Err("no repository".to_owned()))
    }

    #[test]
    fn tells_repositories_from_archives_and_directories() {
        for text in [
            "https://git.example/a.git",
            "http://git.example/a.git#main",
            "https://git.example/a.git?ref=v1",
            "git://git.example/a",
            "ssh://git@git.example/a",
            "git@git.example:a/b",
            "github.com/a/b",
        ] {
            assert!(GitReference::parse(text).is_some(), "{text}");
        }
        for text in ["https://git.example/a.tar.gz", "https://git.example/a", "./a.git", "a", "ftp://git.example/a.git"]
        {
            assert!(GitReference::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn reads_fragments_and_queries() {
        let git = |reference: &str, subdirectory: &str| GitReference {
            remote: "https://git.example/a.git".to_owned(),
            reference: reference.to_owned(),
            subdirectory: subdirectory.to_owned(),
            ..GitReference::default()
        };
        assert_eq!(parse("https://git.example/a.git"), Ok(git("", "")));
        assert_eq!(parse("https://git.example/a.git#v1:sub/dir/"), Ok(git("v1", "sub/dir")));
        assert_eq!(parse("https://git.example/a.git#:sub"), Ok(git("", "sub")));
        assert_eq!(parse("https://git.example/a.git?branch=b&subdir=sub"), Ok(git("refs/heads/b", "sub")));
        let all = parse(
            "https://git.example/a.git?tag=t&commit=c&keep-git-dir&submodules=false&mtime=commit&fetch-by-commit=1",
        );
        assert_eq!(
            all,
            Ok(GitReference {
                checksum: "c".to_owned(),
                keep_git_dir: true,
                skip_submodules: true,
                mtime_commit: true,
                fetch_by_commit: true,
                ..git("refs/tags/t", "")
            })
        );
        for query in ["ref", "ref=a&tag=b", "mtime=now", "depth=1", "submodules=perhaps"] {
            assert!(parse(&format!("https://git.example/a.git?{query}")).is_err(), "{query}");
        }
    }
}

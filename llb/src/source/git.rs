//! Git repositories.

use crate::error::Problem;
use crate::go::absolute_path;
use crate::metadata::Metadata;
use crate::source::{self, Attrs};
use crate::vertex::Output;

/// The working tree of a git repository. Mirrors `Git` in `client/llb/source.go`.
///
/// Go's client asks an SSH host for its keys when none are given; this one does no IO: give them
/// with [`Git::known_ssh_hosts`].
///
/// ```
/// # use buildkit_llb::Git;
/// let tree = Git::new("https://github.com/pallets/flask.git", "3.1.0").subdir("src").build();
/// assert_eq!(tree.index(), 0);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Git {
    url: String,
    reference: String,
    subdir: String,
    known_ssh_hosts: String,
    ssh_sock: String,
    attrs: Attrs,
    metadata: Metadata,
}

impl Git {
    /// The repository at `url` (`https://`, `http://`, `ssh://`, `git://`, `user@host:path` or a
    /// bare host and path), at a branch, tag or commit; an empty reference is the default branch.
    ///
    /// The secrets `GIT_AUTH_TOKEN` and `GIT_AUTH_HEADER` are used when the client has them.
    pub fn new(url: impl Into<String>, reference: impl Into<String>) -> Self {
        let mut attrs = Attrs::default();
        attrs.set("git.authtokensecret", "GIT_AUTH_TOKEN");
        attrs.set("git.authheadersecret", "GIT_AUTH_HEADER");
        Self {
            url: url.into(),
            reference: reference.into(),
            subdir: String::new(),
            known_ssh_hosts: String::new(),
            ssh_sock: String::new(),
            attrs,
            metadata: Metadata::default(),
        }
    }

    /// Takes only this directory of the tree.
    pub fn subdir(mut self, directory: impl Into<String>) -> Self {
        self.subdir = directory.into();
        self
    }

    /// The commit that the reference must resolve to.
    pub fn checksum(mut self, commit: impl Into<String>) -> Self {
        self.attrs.set("git.checksum", commit);
        self
    }

    /// Keeps the `.git` directory.
    pub fn keep_git_dir(mut self) -> Self {
        self.attrs.set("git.keepgitdir", "true");
        self
    }

    /// Leaves submodules out.
    pub fn skip_submodules(mut self) -> Self {
        self.attrs.set("git.skipsubmodules", "true");
        self
    }

    /// Gives all files the time of the commit.
    ///
    /// Mirrors `GitMTimeCommit`.
    pub fn mtime_commit(mut self) -> Self {
        self.attrs.set("git.mtime", "commit");
        self
    }

    /// Fetches the commit of [`Git::checksum`] without asking the remote for the reference.
    pub fn fetch_by_commit(mut self) -> Self {
        self.attrs.set("git.fetchbycommit", "true");
        self
    }

    /// The id of the secret that holds a token.
    pub fn auth_token_secret(mut self, id: impl Into<String>) -> Self {
        self.attrs.set("git.authtokensecret", id);
        self
    }

    /// The id of the secret that holds the whole `Authorization` header.
    pub fn auth_header_secret(mut self, id: impl Into<String>) -> Self {
        self.attrs.set("git.authheadersecret", id);
        self
    }

    /// Adds lines of a `known_hosts` file. They count only for an SSH remote.
    pub fn known_ssh_hosts(mut self, lines: impl AsRef<str>) -> Self {
        let lines = lines.as_ref();
        self.known_ssh_hosts += lines.strip_suffix('\n').unwrap_or(lines);
        self.known_ssh_hosts.push('\n');
        self
    }

    /// The id of the SSH agent, `default` if not given. It counts only for an SSH remote.
    pub fn mount_ssh_sock(mut self, id: impl Into<String>) -> Self {
        self.ssh_sock = id.into();
        self
    }

    /// Sets what is known about the op beside itself.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The working tree.
    pub fn build(self) -> Output {
        let mut attrs = self.attrs;
        let (identifier, fault) = match parse_remote(&self.url) {
            Some(remote) => {
                attrs.set("git.fullurl", remote.url);
                if remote.is_ssh {
                    attrs.set("git.knownsshhosts", self.known_ssh_hosts);
                    let sock = if self.ssh_sock.is_empty() { "default".to_owned() } else { self.ssh_sock };
                    attrs.set("git.mountsshsock", sock);
                }
                (remote.identifier, None)
            }
            None => (self.url.clone(), Some(Problem::InvalidGitRemote(self.url))),
        };
        let is_option = self.reference.starts_with('-');
        let fault = fault.or_else(|| is_option.then(|| Problem::InvalidGitReference(self.reference.clone())));
        let subdir = absolute_path(&self.subdir);
        let subdir = subdir.trim_start_matches('/');
        let fragment = match (self.reference.as_str(), subdir) {
            ("", "") => String::new(),
            (reference, "") => format!("#{reference}"),
            (reference, subdir) => format!("#{reference}:{subdir}"),
        };
        let identifier = format!("git://{identifier}{fragment}");
        source::build(identifier, attrs, None, self.metadata, fault)
    }
}

/// Whether a text names a repository that [`Git`] can fetch.
pub fn is_git_remote(url: &str) -> bool {
    parse_remote(url).is_some()
}

/// A git remote: what to fetch, and what names it whatever the protocol.
struct Remote {
    url: String,
    /// Host and path.
    identifier: String,
    is_ssh: bool,
}

/// Mirrors `ParseURL` in `util/gitutil/git_url.go` and the start of `Git`.
fn parse_remote(url: &str) -> Option<Remote> {
    match url.split_once("://") {
        Some((scheme, rest)) => parse_url(scheme, rest),
        None => parse_scp_style(url).or_else(|| parse_url("https", url)),
    }
}

fn parse_url(scheme: &str, rest: &str) -> Option<Remote> {
    let scheme = scheme.to_lowercase();
    if !matches!(scheme.as_str(), "http" | "https" | "ssh" | "git") {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, String::new()),
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // ssh would take either for an option.
    if host.is_empty() || host.starts_with('-') || authority.starts_with('-') || !is_plain(rest) {
        return None;
    }
    let path = absolute_path(&percent_decode(&path)?);
    Some(Remote { url: format!("{scheme}://{rest}"), identifier: format!("{host}{path}"), is_ssh: scheme == "ssh" })
}

/// `user@host:path`. Mirrors `util/sshutil/scpurl.go`.
fn parse_scp_style(url: &str) -> Option<Remote> {
    let (user, rest) = url.split_once('@')?;
    let (host, path) = rest.split_once(':')?;
    let word = |text: &str, extra: &[char]| {
        let ok = |c: char| c.is_ascii_alphanumeric() || extra.contains(&c);
        !text.is_empty() && text.chars().all(ok)
    };
    if !word(user, &['-', '_']) || !word(host, &['-', '.']) || user.starts_with('-') || host.starts_with('-') {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    Some(Remote {
        url: format!("{user}@{host}:{path}"),
        identifier: format!("{host}{}", absolute_path(path)),
        is_ssh: true,
    })
}

/// Whether Go's `url.Parse` followed by `String` leaves the text as it is.
fn is_plain(text: &str) -> bool {
    let ok = |c: char| c.is_ascii_alphanumeric() || "-._~/:@!$&'()*+,;=%[]".contains(c);
    text.chars().all(ok)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let hex = [bytes.next()?, bytes.next()?];
            let hex = std::str::from_utf8(&hex).ok()?;
            decoded.push(u8::from_str_radix(hex, 16).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use buildkit_proto::pb;

    fn check(git: Git, identifier: &str, full_url: &str) {
        let output = git.build();
        let Some(pb::op::Op::Source(source)) = &output.vertex().op().op else {
            panic!("not a source");
        };
        assert_eq!(source.identifier, identifier);
        assert_eq!(source.attrs["git.fullurl"], full_url);
    }

    #[test]
    fn the_identifier_is_the_same_for_all_protocols() {
        for url in [
            "https://github.com/a/b.git",
            "ssh://git@github.com/a/b.git",
            "https://user:secret@github.com/a/b.git?x=y#z",
            "git@github.com:a/b.git",
            "git@github.com:/a/b.git",
            "github.com/a/b.git",
        ] {
            let remote = parse_remote(url).unwrap();
            assert_eq!(remote.identifier, "github.com/a/b.git", "{url}");
        }
    }

    #[test]
    fn reference_and_subdirectory_are_the_fragment() {
        let url = "https://h/a%20b";
        check(Git::new(url, ""), "git://h/a b", url);
        check(Git::new(url, "v1"), "git://h/a b#v1", url);
        check(Git::new(url, "v1").subdir("./x/../y/"), "git://h/a b#v1:y", url);
        check(Git::new(url, "").subdir("y"), "git://h/a b#:y", url);
        check(Git::new("h/x#f", "r"), "git://h/x#r", "https://h/x");
    }

    #[test]
    fn other_protocols_are_refused() {
        for url in [
            "ftp://h/x",
            "file:///x",
            "ext::sh -c x",
            "-oProxyCommand=x",
            "--upload-pack=x",
            "ssh://-oProxyCommand=x/y",
            "ssh://-oProxyCommand=x@h/y",
            "-o@h:x",
            "git@-o:x",
            "https://",
            "",
            "https://h/a b",
            "https://h/%zz",
        ] {
            assert!(parse_remote(url).is_none(), "{url}");
        }
    }
}

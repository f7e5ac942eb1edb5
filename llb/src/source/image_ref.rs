//! The full form of an image reference.

use crate::error::Problem;

/// The full form of an image reference: `python` is `docker.io/library/python:latest`, and
/// `python:3@sha256:…` keeps its tag.
///
/// Mirrors `ParseNormalizedNamed` and `TagNameOnly` of `distribution/reference`.
pub fn normalize_image_ref(reference: &str) -> Result<String, Problem> {
    let invalid = |reason| Problem::InvalidImageRef { reference: reference.to_owned(), reason };
    let (domain, remainder) = split_domain(reference);
    let (rest, digest) = match remainder.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (remainder.as_str(), None),
    };
    let (path, tag) = match rest.rsplit_once(':') {
        Some((path, tag)) => (path, Some(tag)),
        None => (rest, None),
    };
    if !is_domain(&domain) {
        return Err(invalid("the registry is not a host name"));
    }
    if path.chars().any(|c| c.is_ascii_uppercase()) {
        return Err(invalid("the repository must be lower case"));
    }
    if !path.split('/').all(is_path_component) {
        return Err(invalid("the repository is not a valid name in lowercase"));
    }
    if !tag.is_none_or(is_tag) {
        return Err(invalid("the tag is not valid"));
    }
    if !digest.is_none_or(is_digest) {
        return Err(invalid("the digest is not `algorithm:hex`"));
    }
    if domain.len() + 1 + path.len() > 255 {
        return Err(invalid("the repository is longer than 255 characters"));
    }
    let mut full = format!("{domain}/{path}");
    match (tag, digest) {
        (Some(tag), _) => full.push_str(&format!(":{tag}")),
        (None, None) => full.push_str(":latest"),
        (None, Some(_)) => {}
    }
    if let Some(digest) = digest {
        full.push_str(&format!("@{digest}"));
    }
    Ok(full)
}

/// Mirrors `splitDockerDomain` of `distribution/reference`.
fn split_domain(reference: &str) -> (String, String) {
    let (domain, remainder) = match reference.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase()) =>
        {
            (first, rest)
        }
        _ => ("docker.io", reference),
    };
    let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
    if domain == "docker.io" && !remainder.contains('/') {
        return (domain.to_owned(), format!("library/{remainder}"));
    }
    (domain.to_owned(), remainder.to_owned())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let is_ip6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_ok = match is_ip6 {
        Some(ip) => !ip.is_empty() && ip.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        }),
    };
    let port_ok = |port: &str| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    host_ok && port.is_none_or(port_ok)
}

/// Words of lower-case letters and digits, joined by `.`, `_`, `__` or hyphens.
fn is_path_component(component: &str) -> bool {
    let mut separator = String::new();
    let mut has_word = false;
    for c in component.chars() {
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            let joins = matches!(separator.as_str(), "." | "_" | "__") || separator.chars().all(|c| c == '-');
            if !joins || (!has_word && !separator.is_empty()) {
                return false;
            }
            separator.clear();
            has_word = true;
        } else if matches!(c, '.' | '_' | '-') {
            separator.push(c);
        } else {
            return false;
        }
    }
    has_word && separator.is_empty()
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

/// Mirrors `Validate` of `opencontainers/go-digest` for its three algorithms.
pub(crate) fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_normalized() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (reference, expected) in [
            ("python", "docker.io/library/python:latest"),
            ("python:3.13-slim", "docker.io/library/python:3.13-slim"),
            ("astral/uv", "docker.io/astral/uv:latest"),
            ("index.docker.io/python", "docker.io/library/python:latest"),
            ("ghcr.io/astral-sh/uv:0.9", "ghcr.io/astral-sh/uv:0.9"),
            ("localhost/x", "localhost/x:latest"),
            ("localhost:5000/a__b/c-d", "localhost:5000/a__b/c-d:latest"),
            ("[::1]:5000/x:y", "[::1]:5000/x:y"),
        ] {
            assert_eq!(normalize_image_ref(reference).unwrap(), expected);
        }
        assert_eq!(
            normalize_image_ref(&format!("python@{digest}")).unwrap(),
            format!("docker.io/library/python@{digest}")
        );
        assert_eq!(
            normalize_image_ref(&format!("python:3@{digest}")).unwrap(),
            format!("docker.io/library/python:3@{digest}")
        );
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for reference in
            ["", "Python", "a//b", "/a", "a/", "a:", "a@sha256:12", "-a", "a_", "a..b", "a b", "x.y:z/a", "a:-b"]
        {
            assert!(normalize_image_ref(reference).is_err(), "{reference}");
        }
    }
}

//! Passwords in URLs: whether a text has one, and how it is shown without it.
//!
//! Whatever reads a URL asks here, and every message and excerpt goes through here: a text that is refused for its password is shown
//! without it. Names of users alone are no passwords: `ssh://git@…` needs one, and so do keyrings.

use std::borrow::Cow;
use std::ops::Range;

/// What is shown in the place of a password.
const HIDDEN: &str = "****";

/// How far from its start a URL is looked through for the end of a password.
const LONGEST: usize = 256;

/// Whether there is a password in a URL of a text: the text may be a URL, a requirement, or a line of a file.
pub fn is_in(text: &str) -> bool {
    next(text, 0).is_some()
}

/// The text without its passwords.
pub fn hide(text: &str) -> Cow<'_, str> {
    let ranges = ranges(text);
    if ranges.is_empty() {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for range in ranges {
        shown += &text[end..range.start];
        shown += HIDDEN;
        end = range.end;
    }
    (shown + &text[end..]).into()
}

/// Where a byte of a text is when its passwords are hidden.
pub fn offset_when_hidden(text: &str, offset: usize) -> usize {
    let before = ranges(text).into_iter().take_while(|range| range.start < offset);
    before.fold(offset, |shown, range| {
        // In a password, it is at the start of what stands there.
        let hidden = if range.end <= offset { HIDDEN.len() } else { 0 };
        shown - (range.end.min(offset) - range.start) + hidden
    })
}

/// Whether a URL holds a user or a password.
pub fn has_credentials(url: &url::Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Bytes of the passwords in a text.
fn ranges(text: &str) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    while let Some(range) = next(text, ranges.last().map_or(0, |range| range.end)) {
        ranges.push(range);
    }
    ranges
}

/// The first password that begins at or after a byte.
fn next(text: &str, from: usize) -> Option<Range<usize>> {
    let mut start = from;
    while let Some(colon) = text[start..].find(':').map(|at| start + at) {
        let rest = &text[colon + 1..];
        let slashes = rest.len() - rest.trim_start_matches(['/', '\\']).len();
        start = colon + 1 + slashes;
        // Browsers and uv do not need the slashes after the schemes that they know.
        if slashes < 2 && !is_after_a_web_scheme(&text[..colon]) {
            continue;
        }
        let rest = &text[start..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '\\' | '?' | '#' | '"' | '`' | '<' | '>'));
        let authority = &rest[..end.unwrap_or(rest.len())];
        let password = in_authority(authority).or_else(|| in_broken_authority(authority, rest));
        if let Some(password) = password {
            return Some(start + password.start..start + password.end);
        }
        start += authority.len();
    }
    None
}

fn is_after_a_web_scheme(before: &str) -> bool {
    let scheme = before.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    ["http", "https", "ftp", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// `USER:PASSWORD@HOST`
fn in_authority(authority: &str) -> Option<Range<usize>> {
    let at = authority.rfind('@')?;
    let colon = authority[..at].find(':')?;
    (colon + 1 < at).then_some(colon + 1..at)
}

/// A password with a `/`, `?` or `#` that is not encoded: what reads the URL takes it for a port, refuses it, and may show it.
fn in_broken_authority(authority: &str, rest: &str) -> Option<Range<usize>> {
    let (_, port) = authority.rsplit_once(':').filter(|(host, _)| !host.starts_with('['))?;
    if authority.contains('@') || port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let near = &rest[..rest.floor_char_boundary(LONGEST)];
    let near = &near[..near.find(|c: char| c.is_whitespace() || matches!(c, '"' | '`')).unwrap_or(near.len())];
    let at = near.rfind('@')?;
    Some(near.find(':')? + 1..at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_found_and_hidden() {
        for (text, shown) in [
            ("https://otter:sesame@host/x", "https://otter:****@host/x"),
            ("https://:sesame@host", "https://:****@host"),
            ("name @ git+https://otter:se:s@me@host/x@v1 ; extra", "name @ git+https://otter:****@host/x@v1 ; extra"),
            ("ssh://git:sesame@host/x", "ssh://git:****@host/x"),
            ("name@https:otter:sesame@host", "name@https:otter:****@host"),
            ("HTTP:\\\\otter:sesame@host", "HTTP:\\\\otter:****@host"),
            ("[\"https://a:b@c\", \"https://d:e@f\"]", "[\"https://a:****@c\", \"https://d:****@f\"]"),
            ("https://otter:ses/ame@host/x", "https://otter:****@host/x"),
            ("https://otter:ses#ame@host/x", "https://otter:****@host/x"),
            ("curl 'https://otter:sesame@host/x' | sha256sum", "curl 'https://otter:****@host/x' | sha256sum"),
        ] {
            assert!(is_in(text), "{text}");
            assert_eq!(hide(text), shown);
        }
    }

    #[test]
    fn what_is_no_password_is_not_hidden() {
        for text in [
            "https://host:8080/x@v1",
            "https://otter@host/x",
            "https://otter:@host/x",
            "ssh://git@host:22/x",
            "git@host:team/x",
            "https://[::1]:80/x@y",
            "docker-image://host:5000/image:tag@sha256:00",
            "name @ https://host/x.whl#sha256=00",
            "python:3.13 USER:PASSWORD@HOST",
            "c: a@b",
            "",
        ] {
            assert!(!is_in(text), "{text}");
            assert_eq!(hide(text), text);
        }
    }

    #[test]
    fn places_move_with_what_is_hidden() {
        let text = "x https://otter:sesame@host y";
        let shown = hide(text);
        let at = |text: &str, part: &str| text.find(part).unwrap();
        for part in ["x", "https", "@host", "y"] {
            assert_eq!(offset_when_hidden(text, at(text, part)), at(&shown, part), "{part}");
        }
        assert_eq!(offset_when_hidden(text, at(text, "same")), at(&shown, HIDDEN));
    }

    #[test]
    fn long_texts_take_no_longer_than_their_length_says() {
        for part in ["://", "http:a", "://a:b", ":", "https://a:b/"] {
            let text = part.repeat(300_000);
            assert_eq!(hide(&text), text);
        }
    }
}

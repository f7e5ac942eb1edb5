//! `${args.NAME}` in the texts of a config.

use std::collections::BTreeMap;

/// How an arg begins.
pub const OPEN: &str = "${args.";

/// Replaces `${args.NAME}`; `$${args.NAME}` stands for the text itself. Any other `$` is left alone, so that a command may
/// hold shell syntax. The error is the unknown name; what is longer than `most` is not made.
pub fn interpolate(text: &str, args: &BTreeMap<String, String>, most: usize) -> Result<Option<String>, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(OPEN) {
        let after = &rest[at + OPEN.len()..];
        let Some(end) = after.find('}') else { break };
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str(&rest[at..at + OPEN.len() + end + 1]);
        } else {
            out.push_str(&rest[..at]);
            out.push_str(args.get(&after[..end]).ok_or_else(|| after[..end].to_owned())?);
        }
        rest = &after[end + 1..];
        if out.len() + rest.len() > most {
            return Ok(None);
        }
    }
    out.push_str(rest);
    Ok(Some(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_in_args() {
        let interpolate = |text: &str, args: &BTreeMap<String, String>| {
            interpolate(text, args, 1_000).map(|filled| filled.expect("a short text"))
        };
        let args = BTreeMap::from([("V".to_owned(), "3.13".to_owned())]);
        assert_eq!(interpolate("python:${args.V}-slim", &args).unwrap(), "python:3.13-slim");
        assert_eq!(
            interpolate("$${args.V} $PORT ${HOME} ${args.V", &args).unwrap(),
            "${args.V} $PORT ${HOME} ${args.V"
        );
        assert_eq!(interpolate("${args.W}", &args).unwrap_err(), "W");
    }
}

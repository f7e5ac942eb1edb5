//! Words of commands that are written as for a shell: there is none, and the program sees them as they are.

use crate::diagnostic::{Diagnostic, Located};

/// Programs that fill in variables themselves.
const SHELLS: [&str; 8] = ["sh", "ash", "bash", "busybox", "dash", "ksh", "zsh", "envsubst"];

/// One warning for each word of a command with a variable in it, unless a shell is started.
pub(super) fn check(words: &[Located<String>], warnings: &mut Vec<Diagnostic>) {
    let is_shell = |word: &Located<String>| SHELLS.contains(&word.value.rsplit('/').next().unwrap_or_default());
    if words.iter().any(is_shell) {
        return;
    }
    for word in words {
        let Some(name) = variable(&word.value) else { continue };
        let problem = format!("`{}` is passed to the program as is: no shell expands `{name}`", word.value);
        warnings.push(
            Diagnostic::new("config::unexpanded_variable", problem)
                .at(word.span.clone())
                .help(format!("let the program read `{name}` from its environment"))
                .help("or start a shell, if the base has one: `[\"sh\", \"-c\", \"exec PROGRAM $VARIABLE\"]`"),
        );
    }
}

/// The name in the first `$NAME` or `${NAME…}` of a text.
fn variable(text: &str) -> Option<&str> {
    let is_start = |char: char| char.is_ascii_alphabetic() || char == '_';
    text.match_indices('$').find_map(|(at, _)| {
        let after = &text[at + 1..];
        let name = after.strip_prefix('{').unwrap_or(after);
        let end = name.find(|char: char| !(is_start(char) || char.is_ascii_digit())).unwrap_or(name.len());
        name.starts_with(is_start).then(|| &name[..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_variables() {
        let found = ["--port=$PORT", "${PORT:-80}", "0.0.0.0:${PORT}"].map(variable);
        assert_eq!(found, [Some("PORT"); 3]);
        assert_eq!(["^[a-z]+$", "$5", "a$", "${}", "cost"].map(variable), [None; 5]);
    }
}

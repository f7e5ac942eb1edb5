//! The command line of python: what it starts.

/// What python runs.
#[derive(Debug, PartialEq)]
pub(super) enum Runs<'a> {
    Module(&'a str),
    File(&'a str),
    /// Its own prompt, or code that it is given.
    Something,
}

impl<'a> Runs<'a> {
    /// Options may stand together, as in `-Ic`, and have their value in the same word (python: `getopt.c`).
    pub(super) fn of(arguments: &'a [String]) -> Self {
        let mut rest = arguments;
        while let [first, after @ ..] = rest {
            rest = after;
            let Some(options) = first.strip_prefix('-') else { return Self::File(first) };
            if options.starts_with('-') {
                let takes_value = options == "-check-hash-based-pycs";
                rest = after.get(usize::from(takes_value)..).unwrap_or_default();
                continue;
            }
            if options.is_empty() {
                break;
            }
            let Some(at) = options.find(['c', 'm', 'W', 'X']) else { continue };
            match (options[at..].split_at(1), after.first()) {
                (("m", ""), Some(module)) => return Self::Module(module),
                (("m", module), _) if !module.is_empty() => return Self::Module(module),
                (("W" | "X", ""), _) => rest = after.get(1..).unwrap_or_default(),
                (("W" | "X", _), _) => {}
                _ => break,
            }
        }
        Self::Something
    }
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn knows_what_python_runs() {
        let check = |line: &str| {
            let words: Vec<String> = line.split(' ').map(ToOwned::to_owned).collect();
            format!("{:?}", Runs::of(&words))
        };
        for line in [
            "main.py",
            "-u main.py",
            "-X dev main.py",
            "-Xdev -W error main.py",
            "-OO --check-hash-based-pycs never main.py",
        ] {
            assert_eq!(check(line), "File(\"main.py\")", "{line}");
        }
        for line in ["-m web", "-Im web", "-mweb", "-u -X dev -m web main.py"] {
            assert_eq!(check(line), "Module(\"web\")", "{line}");
        }
        for line in ["-c code", "-Ic code", "-Iccode", "-", "-u", "--version", "-m"] {
            assert_eq!(check(line), "Something", "{line}");
        }
    }
}

//! Commands of uv and pip: what fills an environment, and what is in it beside the lock.

use super::reader::Reader;
use super::run::one;
use super::stage::Stage;
use super::sync::Sync;
use super::text::Text;
use super::words::{Command, Word, shown};

/// Options of `uv run` that a value follows.
const WITH_VALUE: [&str; 14] = [
    "--package",
    "--python",
    "-p",
    "--extra",
    "--group",
    "--with",
    "--with-editable",
    "--env-file",
    "--directory",
    "--project",
    "--no-group",
    "--only-group",
    "--with-requirements",
    "--config-file",
];

/// Options of `uv run` that mean nothing where the environment is there and does not change.
const OF_NO_CONCERN: [&str; 18] = [
    "--no-sync",
    "--frozen",
    "--locked",
    "--no-dev",
    "--no-default-groups",
    "--no-editable",
    "--offline",
    "--no-cache",
    "-n",
    "--no-progress",
    "--no-env-file",
    "--quiet",
    "-q",
    "--exact",
    "--inexact",
    "--active",
    "--compile-bytecode",
    "--no-python-downloads",
];

/// What `uv run` would run: the environment is in `PATH`, and uv is not in the image. Its options that would change what runs stay
/// unsettled, and so are told.
pub fn without_uv(reader: &mut Reader<'_>, words: Vec<Text>) -> Vec<Text> {
    let shown: Vec<String> = words.iter().map(Text::shown).collect();
    let is_uv = |word: &String| word == "uv" || word.ends_with("/uv");
    if !(shown.first().is_some_and(is_uv) && shown.get(1).is_some_and(|word| word == "run")) {
        return words;
    }
    reader.replaced(&words[..2]);
    let mut at = 2;
    let mut is_module = false;
    while let Some(option) = shown.get(at).filter(|word| word.starts_with('-')) {
        let word = &words[at];
        at += 1;
        match option.as_str() {
            "--" | "-s" | "--script" => {
                reader.replaced([word]);
                break;
            }
            "-m" | "--module" => {
                reader.replaced([word]);
                is_module = true;
                break;
            }
            option if WITH_VALUE.contains(&option) => at += 1,
            option if OF_NO_CONCERN.contains(&option) => reader.replaced([word]),
            _ => {}
        }
    }
    let rest = words.get(at..).unwrap_or_default();
    let is_script = shown.get(at).is_some_and(|word| word.ends_with(".py"));
    let before: &[&str] = match (is_module, is_script) {
        (true, _) => &["python", "-m"],
        (false, true) => &["python"],
        (false, false) => &[],
    };
    before.iter().map(|word| Text::from(*word)).chain(rest.iter().cloned()).collect()
}

/// A script of a shell without `uv run` in front of its commands. Where an option says more, it stays as it is.
pub fn without_uv_in(script: &str) -> String {
    let mut kept = String::new();
    let mut rest = script;
    while let Some((at, after)) = next_call(rest) {
        kept += &rest[..at];
        match program_of(after) {
            Some((before, after)) => {
                kept += before;
                rest = after;
            }
            None => {
                kept += &rest[at..rest.len() - after.len()];
                rest = after;
            }
        }
    }
    kept + rest
}

/// Where `uv run` begins as a command, and what comes after it.
fn next_call(script: &str) -> Option<(usize, &str)> {
    let mut from = 0;
    loop {
        let at = from + script[from..].find("uv")?;
        let is_start =
            script[..at].chars().next_back().is_none_or(|char| char.is_whitespace() || ";&|(!".contains(char));
        let after = script[at + 2..].trim_start_matches([' ', '\t']);
        if let Some(after) = after.strip_prefix("run")
            && is_start
            && script[at + 2..].starts_with([' ', '\t'])
            && after.starts_with([' ', '\t'])
        {
            return Some((at, after));
        }
        from = at + 2;
    }
}

/// What starts in place of `uv run`, and what it is followed by; nothing where an option is not understood.
fn program_of(after: &str) -> Option<(&'static str, &str)> {
    let mut rest = after.trim_start_matches([' ', '\t']);
    loop {
        let (word, after) = rest.split_at(rest.find(char::is_whitespace).unwrap_or(rest.len()));
        let following = after.trim_start_matches([' ', '\t']);
        match word {
            "--" | "-s" | "--script" => {
                return Some((if is_module_file(following) { "python " } else { "" }, following));
            }
            "-m" | "--module" => return Some(("python -m ", following)),
            word if OF_NO_CONCERN.contains(&word) => rest = following,
            word if word.starts_with('-') || word.is_empty() => return None,
            _ => return Some((if is_module_file(rest) { "python " } else { "" }, rest)),
        }
    }
}

fn is_module_file(rest: &str) -> bool {
    rest.split_whitespace().next().is_some_and(|word| word.ends_with(".py"))
}

/// Whether a script of a shell starts uv.
pub fn calls_uv(script: &str) -> bool {
    let lines = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut words = lines.flat_map(|line| line.split(|char: char| char.is_whitespace() || ";&|()`\"'$".contains(char)));
    words.any(|word| matches!(word.rsplit('/').next(), Some("uv" | "uvx")))
}

/// `pip`, after its name.
pub fn pip(reader: &mut Reader<'_>, command: &Command, arguments: &[String]) {
    let range = command.range();
    match arguments.first().map(String::as_str) {
        Some("install") => {}
        // They look.
        Some("list" | "check" | "show" | "freeze" | "cache" | "--version") => return reader.implied(&range),
        _ => return reader.left_out(&range, shown(&command.shown()), ""),
    }
    let is_tool = |word: &String| {
        let name = word.split(['=', '>', '<', '~', '[']).next().unwrap_or_default();
        word.starts_with('-') || ["uv", "pip", "setuptools", "wheel"].contains(&name)
    };
    if arguments[1..].iter().all(is_tool) {
        return reader.implied(&range);
    }
    reader.left_out(
        &range,
        format!("{}: images contain only packages in the lockfile", shown(&command.shown())),
        "add it to the project with `uv add`",
    );
}

/// Options of `uv` itself that a value follows, before its command.
const GLOBAL_WITH_VALUE: [&str; 8] = [
    "--directory",
    "--project",
    "--cache-dir",
    "--config-file",
    "--color",
    "--python-preference",
    "--allow-insecure-host",
    "--python-fetch",
];

/// Options whose value a key stands for.
const VALUES_FOLLOW: [&str; 10] = [
    "--package",
    "--extra",
    "--group",
    "--only-group",
    "--no-group",
    "--no-extra",
    "--directory",
    "--project",
    "--python",
    "-p",
];

/// Options that are the value of a build arg: of these, a config has the default. A shell splits the value into words.
fn with_options_of_args(reader: &mut Reader<'_>, words: &[Word]) -> Vec<Word> {
    let mut split = Vec::new();
    for word in words {
        let default = word.text.as_arg().map(|(_, default)| default.to_owned());
        let is_value = split.last().is_some_and(|before: &Word| VALUES_FOLLOW.contains(&&*before.shown()));
        let is_options = |default: &String| default.trim().is_empty() || default.trim_start().starts_with('-');
        match default.filter(is_options).filter(|_| !is_value) {
            Some(default) => {
                let name = reader.text(&word.range).to_owned();
                let what = match default.trim() {
                    "" => format!("`{name}` is empty here, whatever a build gives it"),
                    default => format!("`{name}` is `{default}` here, whatever a build gives it"),
                };
                reader.differs(&word.range, what, "declare a target for each value: `[targets.NAME]` with `inherits`");
                split.extend(
                    default
                        .split_whitespace()
                        .map(|option| Word { text: Text::from(option), range: word.range.clone() }),
                );
            }
            None => split.push(word.clone()),
        }
    }
    split
}

/// `uv`. `directory` is where it runs.
pub fn uv(reader: &mut Reader<'_>, command: &Command, directory: &str, stage: &mut Stage) {
    let (mut at, mut project) = (1, None);
    while let Some(word) = command.words.get(at).filter(|word| word.shown().starts_with('-')) {
        let text = word.shown();
        let (option, value) = text.split_once('=').map_or((&*text, None), |(option, value)| (option, Some(value)));
        at += 1;
        let takes_next = GLOBAL_WITH_VALUE.contains(&option) && value.is_none();
        let value = value.map(ToOwned::to_owned).or_else(|| command.words.get(at).map(Word::shown));
        at += usize::from(takes_next);
        if ["--directory", "--project"].contains(&option) {
            project = value;
        }
    }
    let Some(name) = command.words.get(at).map(Word::shown) else { return reader.implied(&command.range()) };
    let arguments = &command.words[at + 1..];
    let range = command.range();
    match name.as_str() {
        "sync" | "export" => {
            reader.implied(&command.words_range());
            let arguments = with_options_of_args(reader, arguments);
            let (mut sync, strange) = Sync::read(command, &arguments, &stage.base.shown());
            for place in strange {
                let word = reader.text(&place).to_owned();
                reader.left_out(&place, format!("`{word}` of `uv {name}`"), "");
            }
            let project = sync.directory.as_ref().map(Text::shown).or(project).unwrap_or_default();
            let found = project_at(reader, stage, &super::stage::absolute(directory, &project));
            let named = Text::from(project.as_str());
            sync.directory =
                found.map(|path| Text::from(path.as_str())).or_else(|| (!project.is_empty()).then_some(named));
            sync.settle(command, &stage.env);
            stage.syncs.push(sync);
        }
        "pip" => uv_pip(reader, command, arguments, directory, stage),
        "python" if arguments.first().is_some_and(|word| word.shown() == "install") => {
            reader.implied(&range);
            let version = arguments[1..].iter().find(|word| !word.shown().starts_with('-') && word.text.is_known());
            stage.managed_python = Some(version.map(|word| word.text.clone()));
        }
        "run" => {
            let texts = command.words.iter().map(|word| word.text.clone()).collect();
            let inner = without_uv(reader, texts).into_iter().map(|text| {
                let range = text.origins().first().cloned().unwrap_or_else(|| range.clone());
                Word { text, range }
            });
            let inner = Command { words: inner.collect(), ..command.clone() };
            one(reader, &inner, directory, stage);
        }
        "venv" => {
            reader.implied(&range);
            let path = arguments.iter().map(Word::shown).find(|word| word.starts_with('/') && !word.contains("python"));
            stage.environments.extend(path);
        }
        "cache" | "python" | "version" | "self" | "help" | "tree" | "--version" => reader.implied(&range),
        "lock" if arguments.iter().all(|word| ["--check", "--locked", "--offline"].contains(&&*word.shown())) => {
            reader.implied(&range);
        }
        _ => reader.left_out(&range, shown(&command.shown()), ""),
    }
}

/// The directory of the context that has the project which uv finds from a directory of a stage.
fn project_at(reader: &Reader<'_>, stage: &Stage, directory: &str) -> Option<String> {
    let mut at = Some(directory);
    while let Some(directory) = at {
        let manifest = stage.origin(&format!("{}/pyproject.toml", directory.trim_end_matches('/')));
        if let Some(manifest) = manifest {
            let is_there = (reader.surroundings.is_directory)(&manifest) == Some(false);
            if is_there || reader.surroundings.project.is_none() {
                return Some(manifest.strip_suffix("pyproject.toml")?.trim_end_matches('/').to_owned());
            }
        }
        at = directory.rsplit_once('/').map(|(parent, _)| parent);
    }
    None
}

fn uv_pip(reader: &mut Reader<'_>, command: &Command, arguments: &[Word], directory: &str, stage: &mut Stage) {
    let words: Vec<String> = arguments.iter().map(Word::shown).collect();
    let range = command.range();
    match words.first().map(String::as_str) {
        Some("install" | "sync") => {}
        Some("list" | "check" | "show" | "freeze" | "tree") => return reader.implied(&range),
        _ => return reader.left_out(&range, shown(&command.shown()), ""),
    }
    let target = words.iter().position(|word| word == "--target" || word == "-t").and_then(|at| arguments.get(at + 1));
    let joined = arguments.iter().find_map(|word| word.text.strip_prefix("--target="));
    if let Some(directory) = joined.or_else(|| target.map(|word| word.text.clone())) {
        stage.directory_layout = Some(directory);
    }
    let is_target = |at: usize| at > 0 && ["--target", "-t", "--prefix", "--python", "-p"].contains(&&*words[at - 1]);
    let project = words.iter().enumerate().find(|(at, word)| is_local(word) && !is_target(*at)).map(|(_, word)| word);
    let of_manifest = words.iter().any(|word| word.rsplit('/').next() == Some("pyproject.toml"));
    let is_exported = words.iter().any(|word| word.ends_with(".txt") || word == "-");
    if project.is_some() || of_manifest {
        reader.implied(&command.words_range());
        // It installs what the project requires, and no group; in the versions of the day.
        reader.differs(
            &range,
            format!("{} resolves versions when it runs; here they come from the lockfile", shown(&command.shown())),
            "",
        );
        let path = project.map_or(".", |project| project.split('[').next().unwrap_or("."));
        let extras = project.and_then(|project| project.split_once('[')?.1.strip_suffix(']'));
        let extras = extras.into_iter().flat_map(|extras| extras.split(',')).map(|extra| Text::from(extra.trim()));
        let found = project_at(reader, stage, &super::stage::absolute(directory, path));
        stage.syncs.push(Sync {
            range,
            extras: extras.collect(),
            is_production: true,
            is_not_editable: !words.iter().any(|word| word == "-e" || word == "--editable"),
            is_for_dependencies: project.is_none(),
            directory: found.map(|path| Text::from(path.as_str())),
            ..Sync::default()
        });
    } else if arguments[1..].iter().all(|word| is_required(reader, &word.shown())) {
        reader.implied(&range);
    } else if stage.syncs.is_empty() || !is_exported {
        reader.left_out(
            &range,
            format!("{}: images contain only packages in the lockfile", shown(&command.shown())),
            "add it to the project with `uv add`",
        );
    } else {
        reader.implied(&range);
    }
}

/// Whether what is installed is there anyway: an option that says nothing of it, or the name of what the project requires.
fn is_required(reader: &Reader<'_>, word: &str) -> bool {
    if ["--system", "--no-cache", "--no-cache-dir", "--quiet", "-q"].contains(&word) {
        return true;
    }
    let is_required = |name: uv_normalize::PackageName| {
        let project = reader.surroundings.project?;
        let root = reader.surroundings.member(None)?;
        Some(root.dependencies.iter().any(|edge| project.lock.packages[edge.package].name == name))
    };
    word.parse().ok().and_then(is_required).unwrap_or(false)
}

/// Whether a requirement is a directory: `.`, `./api`, `.[extra]`, `/app`.
fn is_local(word: &str) -> bool {
    let path = word.split('[').next().unwrap_or_default();
    path == "."
        || path.starts_with("./")
        || (path.starts_with('/') && !path.ends_with(".txt") && !path.ends_with(".whl"))
}

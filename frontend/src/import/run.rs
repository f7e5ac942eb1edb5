//! `RUN`, `CMD` and whatever else holds commands: which of them the compiler does by itself, which a key stands for, and which
//! nothing does.

use std::ops::Range;

use parse_dockerfile::{self as dockerfile, RunInstruction};

use super::reader::Reader;
use super::stage::{Added, Check, Made, Stage};
use super::sync::Sync;
use super::text::Text;
use super::words::{self, Command, Word};
use crate::config::system::Manager;

/// What a container starts, as a list of words.
pub fn program(reader: &mut Reader<'_>, command: &dockerfile::Command<'_>, stage: &Stage) -> Vec<Text> {
    let words = match command {
        dockerfile::Command::Exec(words) => words.value.iter().map(|word| Text::from(word.value.as_ref())).collect(),
        dockerfile::Command::Shell(text) => {
            let characters = words::continued(&reader.file.text, text.span.clone(), reader.escape);
            // Variables are those of the container, which whoever starts it may set.
            let commands = words::commands(&characters, &|_| None);
            match plain(&commands) {
                Some(words) => words,
                None => {
                    let script: String = characters.iter().map(|(_, char)| *char).collect();
                    let script = script.trim();
                    if script.contains("uv run") {
                        let range = text.span.clone();
                        reader.differs(
                            &range,
                            "this runs `uv`, which the image does not have",
                            "take `uv run` out of it: the environment is in `PATH`",
                        );
                    }
                    let shell = reader.shell().iter().map(|word| Text::from(word.as_str()));
                    shell.chain([Text::from(script)]).collect()
                }
            }
        }
        _ => Vec::new(),
    };
    let mut words = without_uv(words);
    if let Some(first) = words.first_mut() {
        *first = stage.without_environment(first);
    }
    words
}

/// The words of a script that needs no shell.
fn plain(commands: &[Command]) -> Option<Vec<Text>> {
    let [Command { words, assignments, is_conditional: false, is_redirected: false }] = commands else { return None };
    let needs_shell = |word: &Word| !word.text.is_known() || word.shown().contains(['*', '?', '[', '~']);
    let is_plain = assignments.is_empty() && !words.iter().any(needs_shell);
    is_plain.then(|| words.iter().map(|word| word.text.clone()).collect())
}

/// Options of `uv run` that a value follows.
const WITH_VALUE: [&str; 12] = [
    "--package",
    "--python",
    "-p",
    "--extra",
    "--group",
    "--with",
    "--env-file",
    "--directory",
    "--project",
    "--no-group",
    "--only-group",
    "--with-requirements",
];

/// What `uv run` would run: the environment is in `PATH`, and uv is not in the image.
fn without_uv(words: Vec<Text>) -> Vec<Text> {
    let shown: Vec<String> = words.iter().map(Text::shown).collect();
    let is_uv = |word: &String| word == "uv" || word.ends_with("/uv");
    if !(shown.first().is_some_and(is_uv) && shown.get(1).is_some_and(|word| word == "run")) {
        return words;
    }
    let mut at = 2;
    let mut is_module = false;
    while let Some(option) = shown.get(at).filter(|word| word.starts_with('-')) {
        at += 1;
        match option.as_str() {
            "--" => break,
            "-m" | "--module" => {
                is_module = true;
                break;
            }
            option if WITH_VALUE.contains(&option) => at += 1,
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

/// Reads a `RUN`.
pub fn run(reader: &mut Reader<'_>, run: &RunInstruction<'_>, stage: &mut Stage) {
    for flag in &run.options {
        let value = flag.value.as_ref().map(|value| value.value.to_string()).unwrap_or_default();
        match flag.name.value.as_ref() {
            "mount" => mount(reader, &value, &flag.span(), stage),
            other => {
                stage.is_incomplete = true;
                reader.left_out(&flag.span(), format!("`--{other}` of `RUN`"), "");
            }
        }
    }
    let commands = match &run.arguments {
        dockerfile::Command::Exec(words) => {
            let words =
                words.value.iter().map(|word| Word { text: Text::from(word.value.as_ref()), range: word.span.clone() });
            vec![Command { words: words.collect(), ..Command::default() }]
        }
        dockerfile::Command::Shell(text) => {
            let characters = match run.here_docs.first() {
                Some(document) => words::script(&reader.file.text, document.span.clone()),
                None => words::continued(&reader.file.text, text.span.clone(), reader.escape),
            };
            words::commands(&characters, &|name| reader.look_up(stage, name))
        }
        _ => Vec::new(),
    };
    all(reader, &commands, stage);
}

fn mount(reader: &mut Reader<'_>, value: &str, range: &Range<usize>, stage: &mut Stage) {
    let fields: Vec<(&str, &str)> =
        value.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
    let field = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    match field("type").unwrap_or("bind") {
        "secret" => {
            let id = field("id").unwrap_or_default();
            stage.is_incomplete = true;
            reader.left_out(
                range,
                format!("the secret `{id}`"),
                "if an index asks for it: `[indexes.NAME]` with `secret = \"ID\"`",
            );
        }
        "ssh" => {
            stage.is_incomplete = true;
            reader.left_out(range, "an agent of `ssh`", "BuildKit fetches git sources itself, with a secret by host")
        }
        "cache" => {
            let path = field("target").or(field("dst")).or(field("destination")).unwrap_or_default();
            if path.starts_with('/') && !path.contains('$') && !stage.caches.iter().any(|known| known == path) {
                stage.caches.push(path.to_owned());
            }
        }
        _ => {
            if let Some(image) = field("from").filter(|image| image.contains("astral-sh/uv")) {
                stage.uv = Some(Text::from(image));
            }
        }
    }
}

/// Reads the commands of a script.
fn all(reader: &mut Reader<'_>, commands: &[Command], stage: &mut Stage) {
    let mut is_installer = false;
    let mut is_changed = false;
    for command in commands {
        let words = command.shown();
        let made = stage.made.len();
        stage.commands += 1;
        // `curl … | sh`, with which uv is installed.
        let is_shell_of_it = is_installer && matches!(words.first().map(String::as_str), Some("sh" | "bash"));
        is_installer = words.iter().any(|word| word.contains("astral.sh/uv"));
        if !is_installer && !is_shell_of_it {
            one(reader, command, &words, stage);
        }
        if is_changed {
            stage.made[made..].iter_mut().for_each(|made| made.words = None);
        }
        let program = words.first().map_or("", String::as_str);
        is_changed |= command.is_conditional || program.is_empty() || CHANGES.contains(&program);
    }
}

/// Commands that change what those after them find.
const CHANGES: [&str; 7] = ["cd", "export", "unset", "source", ".", "umask", "eval"];

/// Programs that leave nothing in an image that would be missed, or that only look.
const IDLE: [&str; 22] = [
    "set", "true", ":", "test", "[", "[[", "cd", "export", "umask", "ls", "which", "command", "ldconfig", "hash",
    "pwd", "printf", "sleep", "unset", "source", ".", "exit", "wait",
];

/// Programs that test, and leave nothing that an image needs.
const CHECKS: [&str; 14] = [
    "pytest",
    "ruff",
    "mypy",
    "pyright",
    "basedpyright",
    "ty",
    "coverage",
    "black",
    "isort",
    "flake8",
    "pylint",
    "bandit",
    "tox",
    "nox",
];

/// Where what `rm` removes is never in an image that is made here.
const CACHES: [&str; 9] = [
    "/var/lib/apt",
    "/var/cache",
    "/etc/apt",
    "/tmp",
    "/root/.cache",
    "/var/log",
    "/usr/share/doc",
    "/usr/share/man",
    ".venv",
];

fn one(reader: &mut Reader<'_>, command: &Command, words: &[String], stage: &mut Stage) {
    let Some(program) = words.first() else { return };
    let name = program.rsplit('/').next().unwrap_or(program);
    let range = command.range();
    let arguments = &words[1..];
    let flags = |wanted: &str| arguments.iter().any(|word| word == wanted);
    match name {
        "sudo" | "env" => {
            let inner = Command { words: command.words[1..].to_vec(), ..command.clone() };
            one(reader, &inner, &words[1..], stage);
        }
        "sh" | "bash" if flags("-c") => {
            let script = arguments.iter().position(|word| word == "-c").and_then(|at| arguments.get(at + 1));
            let characters: words::Characters =
                script.into_iter().flat_map(|script| script.chars()).map(|char| (range.start, char)).collect();
            let inner = words::commands(&characters, &|name| reader.look_up(stage, name));
            all(reader, &inner, stage);
        }
        "uv" => uv(reader, command, stage),
        "apt-get" | "apt" | "aptitude" => apt(reader, command, words, stage),
        "apk" => apk(reader, command, stage),
        "pip" | "pip3" => pip(reader, command, arguments),
        "python" | "python3" => match (arguments.first().map(String::as_str), arguments.get(1).map(String::as_str)) {
            (Some("-m"), Some("pip")) => pip(reader, command, &arguments[2..]),
            (Some("-m"), Some("compileall" | "venv" | "ensurepip")) | (Some("--version" | "-V"), _) => {}
            (Some("-m"), Some(module)) if CHECKS.contains(&module) || module == "unittest" => check(command, stage),
            _ => unknown(reader, command, words, stage),
        },
        name if CHECKS.contains(&name) => check(command, stage),
        name if IDLE.contains(&name) && !command.is_redirected => {}
        "echo" | "cat" if !command.is_redirected => {}
        // Settings of apt, with which the guide keeps its cache.
        "echo" if reader.text(&range_to_end(reader, &range)).contains("/etc/apt/") => {}
        "rm" if arguments.iter().any(|word| CACHES.iter().any(|cache| word.contains(cache))) => {}
        // The cache of apk, by the way of its documentation.
        "ln" if flags("/etc/apk/cache") => {}
        "mv" | "ln" | "cp" | "chmod"
            if arguments.iter().any(|word| word.ends_with("/uv") || word.ends_with("/uvx")) => {}
        "mkdir" | "install" => {
            let made: Vec<&String> = arguments.iter().filter(|word| word.starts_with('/')).collect();
            let workdir = stage.absolute(".");
            if made.is_empty() || made.iter().any(|path| *path != "/app" && **path != workdir) {
                reader.left_out(&range, shown(words), "directories that the user may write are named in `volumes`");
            }
        }
        "chown" | "chgrp" => {
            reader.differs(
                &range,
                format!("files belong to root, who may change them, and the user reads them: {}", shown(words)),
                "directories that the user may write are named in `volumes`",
            );
        }
        _ if stage.accounts.add(words) => {}
        _ => unknown(reader, command, words, stage),
    }
}

/// What follows a command on its line: where it writes to.
fn range_to_end(reader: &Reader<'_>, range: &Range<usize>) -> Range<usize> {
    let rest = reader.file.text.get(range.end..).unwrap_or_default();
    range.start..range.end + rest.find(['\n', ';']).unwrap_or(rest.len())
}

/// It makes something, for all that is known of it.
fn unknown(reader: &Reader<'_>, command: &Command, words: &[String], stage: &mut Stage) {
    let range = command.range();
    let mut plain = plain(std::slice::from_ref(command));
    if let Some(first) = plain.as_mut().and_then(|words| words.first_mut()) {
        *first = stage.without_environment(first);
    }
    let shown = if command.is_redirected {
        let text = reader.text(&range_to_end(reader, &range));
        shown(&[text.split("&&").next().unwrap_or(text).trim_end_matches([' ', '\\']).to_owned()])
    } else {
        shown(words)
    };
    stage.made.push(Made { words: plain, shown, range });
}

/// A command in a message, cut where it gets long.
fn shown(words: &[String]) -> String {
    let text = words.join(" ");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

fn check(command: &Command, stage: &mut Stage) {
    let words = command.words.iter().map(|word| word.text.clone()).collect();
    stage.checks.push(Check { words, range: command.range() });
}

fn apt(reader: &mut Reader<'_>, command: &Command, words: &[String], stage: &mut Stage) {
    if !words.iter().any(|word| word == "install") {
        return;
    }
    let mut is_value = false;
    for word in command.words.iter().skip_while(|word| word.shown() != "install").skip(1) {
        let text = word.shown();
        if std::mem::take(&mut is_value) {
            continue;
        }
        if text.starts_with('-') {
            is_value = ["-t", "-o", "-c", "--target-release", "--option"].contains(&text.as_str());
        } else if !word.text.is_known() || text.contains(['*', '?', '/']) {
            reader.left_out(&word.range, format!("the package `{text}`"), "write its name, or `NAME=VERSION`");
        } else if !text.is_empty() && !stage.packages.contains(&word.text) {
            stage.packages.push(word.text.clone());
        }
    }
}

/// Options of apk that a value follows.
const APK_WITH_VALUE: [&str; 13] = [
    "-p",
    "--root",
    "-t",
    "--virtual",
    "-X",
    "--repository",
    "--arch",
    "--cache-dir",
    "--cache-max-age",
    "--keys-dir",
    "--progress-fd",
    "--repositories-file",
    "--wait",
];

fn apk(reader: &mut Reader<'_>, command: &Command, stage: &mut Stage) {
    let (mut names, mut group) = (Vec::new(), None);
    let mut words = command.words.iter().skip(1);
    while let Some(word) = words.next() {
        let text = word.shown();
        let (option, value) = match text.split_once('=') {
            Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
            _ => (text.as_str(), None),
        };
        if APK_WITH_VALUE.contains(&option) {
            let value = value.or_else(|| words.next().map(Word::shown)).unwrap_or_default();
            match option {
                "-t" | "--virtual" => group = Some(value),
                "-X" | "--repository" => reader.left_out(
                    &word.range,
                    format!("the repository `{value}`"),
                    "packages come from where the image looks for them: make a `base` with it in `/etc/apk/repositories`",
                ),
                _ => {}
            }
        } else if !text.starts_with('-') {
            names.push(word);
        }
    }
    let Some((applet, names)) = names.split_first() else { return };
    match applet.shown().as_str() {
        "add" => {
            for word in names {
                let text = word.shown();
                if !word.text.is_known() || word.text.is_constant() && !Manager::Apk.takes(&text) {
                    reader.left_out(&word.range, format!("the package `{text}`"), "write its name, or `NAME=VERSION`");
                } else if !stage.added.iter().any(|added| added.name == word.text) {
                    stage.added.push(Added { name: word.text.clone(), group: group.clone(), is_deleted: false });
                }
            }
        }
        "del" => {
            let deleted: Vec<String> = names.iter().map(|word| word.shown()).collect();
            for added in &mut stage.added {
                let is_of_group = added.group.as_ref().is_some_and(|group| deleted.contains(group));
                added.is_deleted |= is_of_group || deleted.contains(&added.name.shown());
            }
        }
        _ => {}
    }
}

fn pip(reader: &mut Reader<'_>, command: &Command, arguments: &[String]) {
    if arguments.first().is_none_or(|word| word != "install") {
        return;
    }
    let is_tool = |word: &String| {
        let name = word.split(['=', '>', '<', '~', '[']).next().unwrap_or_default();
        word.starts_with('-') || ["uv", "pip", "setuptools", "wheel"].contains(&name)
    };
    if !arguments[1..].iter().all(is_tool) {
        reader.left_out(
            &command.range(),
            format!("{}: images hold what the lock has", shown(&command.shown())),
            "add it to the project with `uv add`",
        );
    }
}

fn uv(reader: &mut Reader<'_>, command: &Command, stage: &mut Stage) {
    let Some(at) = command.words.iter().skip(1).position(|word| !word.shown().starts_with('-')) else { return };
    let (name, arguments) = (command.words[at + 1].shown(), &command.words[at + 2..]);
    let range = command.range();
    match name.as_str() {
        "sync" | "export" => {
            let (sync, strange) = Sync::read(command, arguments);
            for word in strange {
                reader.left_out(&word.range, format!("`{}` of `uv {name}`", word.shown()), "");
            }
            stage.syncs.push(sync);
        }
        "pip" => uv_pip(reader, command, arguments, stage),
        "python" if arguments.first().is_some_and(|word| word.shown() == "install") => {
            let version = arguments[1..].iter().find(|word| !word.shown().starts_with('-') && word.text.is_known());
            stage.managed_python = Some(version.map(|word| word.text.clone()));
        }
        "run" => {
            let texts = command.words.iter().map(|word| word.text.clone()).collect();
            let inner = without_uv(texts).into_iter().map(|text| Word { text, range: range.clone() });
            let inner = Command { words: inner.collect(), ..command.clone() };
            one(reader, &inner, &inner.shown(), stage);
        }
        "venv" | "lock" | "cache" | "python" | "version" | "self" | "help" | "tree" => {}
        _ => reader.left_out(&range, shown(&command.shown()), ""),
    }
}

fn uv_pip(reader: &mut Reader<'_>, command: &Command, arguments: &[Word], stage: &mut Stage) {
    let words: Vec<String> = arguments.iter().map(Word::shown).collect();
    if !matches!(words.first().map(String::as_str), Some("install" | "sync")) {
        return;
    }
    let range = command.range();
    let target = words.iter().position(|word| word == "--target" || word == "-t").and_then(|at| arguments.get(at + 1));
    let joined = arguments.iter().find_map(|word| word.text.strip_prefix("--target="));
    if let Some(directory) = joined.or_else(|| target.map(|word| word.text.clone())) {
        stage.directory_layout = Some(directory);
    }
    let is_project = |word: &String| word == "." || word.starts_with(".[") || word == "./";
    let is_exported = words.iter().any(|word| word.ends_with(".txt") || word == "-");
    if words.iter().any(is_project) {
        stage.syncs.push(Sync { range, ..Sync::default() });
    } else if stage.syncs.is_empty() || !is_exported {
        reader.left_out(
            &range,
            format!("{}: images hold what the lock has", shown(&command.shown())),
            "add it to the project with `uv add`",
        );
    }
}

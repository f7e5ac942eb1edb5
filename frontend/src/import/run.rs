//! `RUN`, `CMD` and whatever else holds commands: which of them the compiler does by itself, which a key stands for, and which
//! nothing does.

use std::ops::Range;

use parse_dockerfile::{self as dockerfile, RunInstruction};

use super::packages::{apk, apt};
use super::reader::Reader;
use super::runtime::is_of_uv;
use super::stage::{Check, Copy, Directory, Made, Stage, absolute};
use super::text::Text;
use super::uv::{pip, uv, without_uv, without_uv_in};
use super::variables::is_of_steps;
use super::words::{self, Command, Word, shown};

/// What a container starts, as a list of words.
pub fn program(reader: &mut Reader<'_>, command: &dockerfile::Command<'_>, stage: &Stage) -> Vec<Text> {
    let words = match command {
        dockerfile::Command::Exec(words) => {
            words.value.iter().map(|word| Text::from(word.value.as_ref()).at(word.span.clone())).collect()
        }
        dockerfile::Command::Shell(text) => {
            let characters = words::continued(&reader.file.text, text.span.clone(), reader.escape);
            // Variables are those of the container, which whoever starts it may set.
            let commands = words::commands(&characters, &|_| None);
            match plain(&commands) {
                Some(words) => words,
                None => {
                    let script: String = characters.iter().map(|(_, char)| *char).collect();
                    let script = without_uv_in(script.trim());
                    let shell = stage.shell.iter().map(|word| Text::from(word.as_str()));
                    shell.chain([Text::from(script.as_str()).at(text.span.clone())]).collect()
                }
            }
        }
        _ => Vec::new(),
    };
    let mut words = without_uv(reader, words);
    if let [shell, option, script, ..] = &mut words[..]
        && ["sh", "bash", "/bin/sh", "/bin/bash"].contains(&&*shell.shown())
        && option.shown().ends_with('c')
        && script.is_constant()
    {
        *script = Text::from(without_uv_in(&script.shown()).as_str()).with_words_of(script);
    }
    if let Some(first) = words.first_mut() {
        *first = stage.without_environment(first);
    }
    words
}

/// The words of a script that needs no shell.
fn plain(commands: &[Command]) -> Option<Vec<Text>> {
    let [Command { words, assignments, is_conditional: false, is_redirected: false, .. }] = commands else {
        return None;
    };
    let needs_shell = |word: &Word| !word.text.is_known() || word.shown().contains(['*', '?', '[', '~']);
    let is_plain = assignments.is_empty() && !words.iter().any(needs_shell);
    is_plain.then(|| words.iter().map(|word| word.text.clone()).collect())
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
        dockerfile::Command::Shell(text) => match run.here_docs.first() {
            Some(document) if !is_for_a_shell(&document.value) => {
                // Another program reads it, the one that its first line names.
                let made = Made {
                    words: None,
                    changes_modes: false,
                    shown: "a script in a here-document".to_owned(),
                    range: document.span.clone(),
                };
                stage.made.push(made);
                stage.commands += 1;
                return;
            }
            Some(document) => {
                let characters = words::script(&reader.file.text, document.span.clone());
                words::commands(&characters, &|name| reader.look_up(stage, name))
            }
            None => {
                let characters = words::continued(&reader.file.text, text.span.clone(), reader.escape);
                words::commands(&characters, &|name| reader.look_up(stage, name))
            }
        },
        _ => Vec::new(),
    };
    all(reader, &commands, stage);
}

/// Whether a shell reads a script: it begins with no name of a program, or with that of one.
fn is_for_a_shell(script: &str) -> bool {
    let Some(program) = script.trim_start().strip_prefix("#!") else { return true };
    let words = program.lines().next().unwrap_or_default().split_whitespace();
    let name = words.map(|word| word.rsplit('/').next().unwrap_or(word)).find(|word| *word != "env");
    name.is_some_and(|name| ["sh", "bash", "dash", "ash"].contains(&name))
}

fn mount(reader: &mut Reader<'_>, value: &str, range: &Range<usize>, stage: &mut Stage) {
    let fields: Vec<(&str, &str)> =
        value.split(',').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
    let field = |names: &[&str]| fields.iter().find(|(key, _)| names.contains(key)).map(|(_, value)| *value);
    let target = field(&["target", "dst", "destination"]).unwrap_or_default();
    match field(&["type"]).unwrap_or("bind") {
        "secret" => {
            let id = field(&["id"]).unwrap_or_default();
            stage.is_incomplete = true;
            reader.left_out(
                range,
                format!("the secret `{id}`"),
                "if an index needs it, write `[indexes.NAME]` with `secret = \"ID\"`",
            );
        }
        "ssh" => {
            stage.is_incomplete = true;
            reader.left_out(range, "an SSH agent", "BuildKit fetches git sources itself, with a secret for each host")
        }
        "cache" => {
            // Steps keep caches of their own.
            reader.implied(range);
            if target.starts_with('/') && !target.contains('$') && !stage.caches.iter().any(|known| known == target) {
                stage.caches.push(target.to_owned());
            }
        }
        "tmpfs" => reader.implied(range),
        "bind" => match field(&["from"]) {
            Some(image) if image.contains("astral-sh/uv") || image.contains("astral/uv") => {
                reader.implied(range);
                stage.uv = Some(Text::from(image));
            }
            Some(name) if reader.find(name).is_some_and(|other| is_of_uv(&reader.stages[other])) => {
                reader.implied(range);
                stage.uv = reader.find(name).map(|other| reader.stages[other].base.clone());
            }
            Some(_) => {
                stage.is_incomplete = true;
                reader.left_out(range, "files of another stage or image, as a mount", "use `inputs` of a step");
            }
            None => {
                let source = field(&["source", "src"]).unwrap_or(".");
                let source = absolute("/", source).trim_start_matches('/').to_owned();
                let is_of_projects = super::sources::is_of_projects(&source) || source.is_empty();
                if is_of_projects || reader.surroundings.is_installed(&source) {
                    // What builds of the project read is theirs already.
                    reader.implied(range);
                    stage.is_incomplete |= !is_of_projects;
                } else {
                    stage.is_incomplete = true;
                    let help = "add it to `inputs` of a step, or of `[members.NAME]`";
                    reader.left_out(range, format!("`{source}`, as a mount"), help);
                }
                let source = if source.is_empty() { ".".to_owned() } else { source };
                stage.binds.push((source, stage.absolute(target)));
            }
        },
        _ => {
            stage.is_incomplete = true;
            reader.left_out(range, "this mount", "");
        }
    }
}

/// Reads the commands of a script.
fn all(reader: &mut Reader<'_>, commands: &[Command], stage: &mut Stage) {
    all_in(reader, commands, &stage.absolute("."), stage);
}

/// The same, begun in a directory.
fn all_in(reader: &mut Reader<'_>, commands: &[Command], directory: &str, stage: &mut Stage) {
    let mut is_installer = false;
    let mut is_changed = false;
    let mut directory = directory.to_owned();
    for command in commands {
        let words = command.shown();
        let made = stage.made.len();
        stage.commands += 1;
        settle_assignments(reader, &command.assignments);
        // `curl … | sh`, with which uv is installed.
        let is_shell_of_it = is_installer && matches!(words.first().map(String::as_str), Some("sh" | "bash"));
        is_installer = words.iter().any(|word| word.contains("astral.sh/uv"));
        if is_installer || is_shell_of_it {
            reader.implied(&command.range());
        } else {
            one(reader, command, &directory, stage);
        }
        if let [program, path] = &words[..]
            && program == "cd"
            && !command.is_conditional
        {
            directory = absolute(&directory, path);
        }
        if is_changed {
            stage.made[made..].iter_mut().for_each(|made| made.words = None);
        }
        let program = words.first().map_or("", String::as_str);
        is_changed |= command.is_conditional || program.is_empty() || CHANGES.contains(&program);
    }
}

/// `NAME=value` in front of a command.
fn settle_assignments(reader: &mut Reader<'_>, assignments: &[Word]) {
    for assignment in assignments {
        let name = assignment.text.split_once('=').map(|(name, _)| name.shown()).unwrap_or_default();
        if is_of_steps(&name) {
            reader.implied(&assignment.range);
        }
    }
}

/// Commands that change what those after them find.
const CHANGES: [&str; 7] = ["cd", "export", "unset", "source", ".", "umask", "eval"];

/// Programs that leave nothing in an image that would be missed, or that only look.
const IDLE: [&str; 20] = [
    "set", "true", ":", "test", "[", "[[", "cd", "umask", "ls", "which", "command", "ldconfig", "hash", "pwd",
    "printf", "sleep", "unset", "exit", "wait", "type",
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
const CACHES: [&str; 10] = [
    "/var/lib/apt",
    "/var/apt",
    "/var/cache",
    "/etc/apt",
    "/tmp",
    "/root/.cache",
    "/var/log",
    "/usr/share/doc",
    "/usr/share/man",
    ".venv",
];

/// Where systems, and the installers of uv, have programs; one that lies elsewhere is somebody's own.
const SYSTEM_DIRECTORIES: [&str; 8] = [
    "/usr/bin",
    "/bin",
    "/usr/local/bin",
    "/usr/sbin",
    "/sbin",
    "/usr/local/sbin",
    "/root/.local/bin",
    "/root/.cargo/bin",
];

/// Reads a command that runs in a directory of a stage.
pub fn one(reader: &mut Reader<'_>, command: &Command, directory: &str, stage: &mut Stage) {
    let words = &command.shown()[..];
    let Some(program) = words.first() else { return };
    let name = match program.rsplit_once('/') {
        Some((directory, name)) if SYSTEM_DIRECTORIES.contains(&directory) => name,
        _ => program,
    };
    let range = command.range();
    let arguments = &words[1..];
    let flags = |wanted: &str| arguments.iter().any(|word| word == wanted);
    match name {
        "sudo" | "env" => {
            let rest = command.words[1..].iter();
            let is_assignment = |word: &&Word| name == "env" && word.text.split_once('=').is_some();
            let assignments: Vec<Word> = rest.clone().take_while(is_assignment).cloned().collect();
            let words: Vec<Word> = rest.skip(assignments.len()).cloned().collect();
            if words.first().is_none_or(|word| word.shown().starts_with('-')) {
                return unknown(reader, command, stage);
            }
            reader.implied(&command.words[0].range);
            settle_assignments(reader, &assignments);
            let inner = Command { words, assignments, ..command.clone() };
            one(reader, &inner, directory, stage);
        }
        "sh" | "bash" if flags("-c") => {
            let script = arguments.iter().position(|word| word == "-c").and_then(|at| arguments.get(at + 1));
            inner(reader, script.map_or("", String::as_str), &range, directory, stage);
        }
        "uv" => uv(reader, command, directory, stage),
        "apt-get" | "apt" | "aptitude" => apt(reader, command, stage),
        "apk" => apk(reader, command, stage),
        "pip" | "pip3" => pip(reader, command, arguments),
        "python" | "python3" => match (arguments.first().map(String::as_str), arguments.get(1).map(String::as_str)) {
            (Some("-m"), Some("pip")) => pip(reader, command, &arguments[2..]),
            (Some("-m"), Some("compileall" | "venv" | "ensurepip")) | (Some("--version" | "-V"), _) => {
                reader.implied(&range);
            }
            (Some("-m"), Some(module)) if CHECKS.contains(&module) || module == "unittest" => check(command, stage),
            _ => unknown(reader, command, stage),
        },
        name if CHECKS.contains(&name) => check(command, stage),
        _ if script(reader, command, directory, stage) => {}
        name if IDLE.contains(&name) && !command.is_redirected => reader.implied(&range),
        "[" | "[[" | "test" => reader.implied(&range),
        "export" if arguments.iter().all(|word| is_of_steps(word.split('=').next().unwrap_or_default())) => {
            reader.implied(&range);
        }
        "." | "source" if arguments.iter().all(|word| word.ends_with("/activate")) => reader.implied(&range),
        "echo" | "cat" if !command.is_redirected => reader.implied(&range),
        // Settings of apt, with which the guide keeps its cache.
        "echo" if command.redirects.iter().any(|word| word.shown().starts_with("/etc/apt/")) => {
            reader.implied(&range);
        }
        "rm" if paths(arguments).all(|word| CACHES.iter().any(|cache| word.contains(cache))) => reader.implied(&range),
        // The cache of apk, by the way of its documentation.
        "ln" if flags("/etc/apk/cache") => reader.implied(&range),
        "mv" | "ln" | "cp" | "chmod"
            if paths(arguments).any(|word| word.ends_with("/uv") || word.ends_with("/uvx")) =>
        {
            reader.implied(&range);
        }
        "mkdir" => {
            for word in command.words[1..].iter().filter(|word| is_path(&word.shown())) {
                let path = absolute(directory, &word.shown());
                let range = word.range.clone();
                stage.directories.push(Directory { path, owner: None, range });
            }
            reader.implied(&command.words[0].range);
            options(command).for_each(|word| reader.implied(&word.range));
        }
        "chown" | "chgrp" => owned(reader, command, directory, stage),
        "chmod" => modes(reader, command, directory, stage),
        "useradd" | "adduser" | "groupadd" | "addgroup" | "usermod" | "passwd" | "chpasswd"
            if stage.accounts.add(words) =>
        {
            reader.implied(&range);
        }
        _ => unknown(reader, command, stage),
    }
}

/// Reads a script of the context that a command starts, without arguments. Others, and those that another program reads, it does not.
fn script(reader: &mut Reader<'_>, command: &Command, directory: &str, stage: &mut Stage) -> bool {
    let words = command.shown();
    let path = match &words[..] {
        [path] if path.contains('/') => path,
        [shell, path] if ["sh", "bash"].contains(&shell.as_str()) => path,
        _ => return false,
    };
    let path = absolute(directory, path);
    let Some(text) = stage.origin(&path).and_then(|origin| (reader.surroundings.read)(&origin)) else { return false };
    // One that starts itself would have no end.
    if !is_for_a_shell(&text) || !text.contains("uv ") || stage.scripts.contains(&path) {
        return false;
    }
    stage.scripts.push(path);
    inner(reader, &text, &command.range(), directory, stage);
    true
}

/// Reads the commands of a script that stands elsewhere: its words have the place of what starts it.
fn inner(reader: &mut Reader<'_>, script: &str, range: &Range<usize>, directory: &str, stage: &mut Stage) {
    let characters: words::Characters = script.chars().map(|char| (range.start, char)).collect();
    let mut inner = words::commands(&characters, &|name| reader.look_up(stage, name));
    for command in &mut inner {
        let words = command.words.iter_mut().chain(&mut command.assignments).chain(&mut command.redirects);
        words.for_each(|word| {
            word.range = range.clone();
            word.text = word.text.clone().elsewhere(range);
        });
    }
    all_in(reader, &inner, directory, stage);
}

fn is_path(word: &str) -> bool {
    !word.starts_with('-') && !word.chars().all(|char| char.is_ascii_digit())
}

/// What of a command's words is no option.
fn paths(arguments: &[String]) -> impl Iterator<Item = &String> {
    arguments.iter().filter(|word| is_path(word))
}

fn options(command: &Command) -> impl Iterator<Item = &Word> {
    command.words[1..].iter().filter(|word| !is_path(&word.shown()))
}

/// `chown OWNER PATH…`: a directory that was made is writable then.
fn owned(reader: &mut Reader<'_>, command: &Command, directory: &str, stage: &mut Stage) {
    let mut words = command.words[1..].iter().filter(|word| !word.shown().starts_with('-'));
    let Some(owner) = words.next().map(Word::shown) else { return };
    reader.implied(&command.words[0].range);
    command.words[1..].iter().filter(|word| word.shown().starts_with('-')).for_each(|word| reader.implied(&word.range));
    for word in words {
        let path = absolute(directory, &word.shown());
        stage.directories.push(Directory { path, owner: Some(owner.clone()), range: command.range() });
    }
}

/// `chmod MODE PATH…` of files that were copied: a copy of the file alone has the mode.
fn modes(reader: &mut Reader<'_>, command: &Command, directory: &str, stage: &mut Stage) {
    let mut words = command.words[1..].iter().filter(|word| !word.shown().starts_with('-'));
    let mode = words.next().and_then(|word| super::copies::permissions(&word.shown()));
    let paths: Vec<(&Word, String)> = words.map(|word| (word, absolute(directory, &word.shown()))).collect();
    let origins: Option<Vec<String>> = paths.iter().map(|(_, path)| stage.origin(path)).collect();
    let (Some(mode), Some(origins), false) = (mode, origins, command.is_conditional) else {
        return unknown(reader, command, stage);
    };
    let is_file = |origin: &String| (reader.surroundings.is_directory)(origin) == Some(false);
    if paths.is_empty() || !origins.iter().all(is_file) {
        return unknown(reader, command, stage);
    }
    let place = command.words[0].range.start..paths[0].0.range.start;
    for ((word, to), from) in paths.into_iter().zip(origins) {
        match stage.copies.iter_mut().rfind(|copy| copy.to == to && copy.from == from) {
            Some(copy) => {
                reader.implied(&word.range);
                copy.mode = Some((mode.clone(), place.clone()));
            }
            None => {
                let owner =
                    stage.copies.iter().rfind(|copy| to.starts_with(&copy.to)).and_then(|copy| copy.owner.clone());
                let (range, word) = (command.range(), word.range.clone());
                stage.copies.push(Copy { from, to, range, word, owner, mode: Some((mode.clone(), place.clone())) });
            }
        }
    }
}

/// It makes something, for all that is known of it.
fn unknown(reader: &Reader<'_>, command: &Command, stage: &mut Stage) {
    let range = command.range();
    let mut plain = plain(std::slice::from_ref(command));
    if let Some(first) = plain.as_mut().and_then(|words| words.first_mut()) {
        *first = stage.without_environment(first);
    }
    let shown = if command.is_redirected {
        shown(
            &reader
                .text(&range)
                .split_whitespace()
                .filter(|word| *word != "\\")
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>(),
        )
    } else {
        shown(&command.shown())
    };
    let changes_modes = command.words.first().is_some_and(|program| program.shown() == "chmod");
    stage.made.push(Made { words: plain, changes_modes, shown, range });
}

fn check(command: &Command, stage: &mut Stage) {
    let words = command.words.iter().map(|word| word.text.clone()).collect();
    stage.checks.push(Check { words, range: command.range() });
}

//! The instructions of a Dockerfile, one after the other: what each does to the stage that it is in.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use parse_dockerfile as dockerfile;
use parse_dockerfile::{HealthcheckArguments, Instruction, JsonOrStringArray};

use super::account::Accounts;
use super::ledger::{Ledger, keyword};
use super::reader::{Reader, characters_of};
use super::stage::{Healthcheck, Runtime, Stage};
use super::surroundings::Surroundings;
use super::text::Text;
use super::words::{self};
use super::{document, run};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// Words that a Dockerfile may have: some are compared with all others.
const MOST_WORDS: usize = 5000;

/// Bytes that a Dockerfile may have: those that people write have some thousand.
const LONGEST: usize = 128 << 10;

/// Bytes that all its variables stand for, and all stages that go on from another: each can double what the one before it has.
const MOST: usize = 8 << 20;

/// Reads a Dockerfile.
pub fn read<'a>(file: &'a Arc<SourceFile>, surroundings: &'a Surroundings<'a>) -> Result<Reader<'a>, Diagnostic> {
    let too_large = |what: &str| {
        Diagnostic::new("import::too_large", what).at(Span::whole(file)).help("write `uv.build.toml` by hand")
    };
    if file.text.len() > LONGEST {
        return Err(too_large(&format!("`{}` has more than {} kB", file.name, LONGEST >> 10)));
    }
    let is_comment = |line: &&str| line.trim_start().starts_with('#');
    let words = file.text.lines().filter(|line| !is_comment(line)).flat_map(str::split_whitespace);
    if words.take(MOST_WORDS + 1).count() > MOST_WORDS {
        return Err(too_large(&format!("`{}` has more than {MOST_WORDS} words", file.name)));
    }
    let text = document::masked(&file.text);
    let parsed = dockerfile::parse(&text).map_err(|error| {
        let line = file.line_range(error.line());
        Diagnostic::new("import::syntax", format!("`{}` is not a valid Dockerfile: {error:#}", file.name))
            .at(Span::new(file, line))
    })?;
    let escape = parsed.parser_directives.escape.as_ref().map_or('\\', |directive| directive.value.value);
    let ledger = Ledger::open(&file.text, &parsed, escape);
    let mut reader = Reader {
        file,
        surroundings,
        escape,
        stages: Vec::new(),
        warnings: Vec::new(),
        ledger,
        args: Vec::new(),
        told: BTreeSet::new(),
        room: Cell::new(MOST),
    };
    let mut global = BTreeMap::new();
    for arg in parsed.global_args() {
        reader.read_arg(&arg.arguments.span, &mut global, &BTreeMap::new());
    }
    let starts: Vec<usize> = parsed.stages().map(|stage| stage.from.from.span.start).collect();
    for (index, stage) in parsed.stages().enumerate() {
        let mut read = reader.begin(stage.from, &global);
        read.extent = starts[index]..starts.get(index + 1).copied().unwrap_or(file.text.len());
        for instruction in stage.instructions {
            reader.instruction(instruction, &mut read, &global);
        }
        reader.stages.push(read);
        if reader.room.get() == 0 {
            return Err(too_large(&format!(
                "`{}` is larger than {} MB once its variables are filled in",
                file.name,
                MOST >> 20
            )));
        }
    }
    reader.settle_args();
    Ok(reader)
}

impl Reader<'_> {
    /// `ARG`: those without a default have that of the file's beginning.
    fn read_arg(&mut self, range: &Range<usize>, args: &mut BTreeMap<String, Text>, global: &BTreeMap<String, Text>) {
        // All words of one instruction see what was there before it.
        let scope = Stage { args: std::mem::take(args), ..Stage::default() };
        let words = self.words(range, &scope);
        *args = scope.args;
        for word in words {
            let (name, default) = match word.text.split_once('=') {
                Some((name, default)) => (name.shown(), default.shown()),
                None => {
                    let name = word.shown();
                    let inherited = global.get(&name).map(Text::shown).unwrap_or_default();
                    (name, inherited)
                }
            };
            args.insert(name.clone(), Text::arg(&name, &default).at(word.range.clone()));
            self.args.push((name, word.range));
        }
    }

    fn begin(&mut self, from: &dockerfile::FromInstruction<'_>, global: &BTreeMap<String, Text>) -> Stage {
        // Nothing but what the file's beginning sets has a value here.
        let known = |name: &str| Some(global.get(name).cloned().unwrap_or_default());
        let image = words::whole(&characters_of(&from.image), &known);
        if let Some((_, name)) = &from.as_ {
            self.implied(&name.span);
        }
        let name = from.as_.as_ref().map(|(_, name)| name.value.to_lowercase());
        let range = from.from.span.start..from.image.span.end;
        let mut is_on_builder = false;
        for flag in &from.options {
            let value = flag.value.as_ref().map(|value| value.value.as_ref()).unwrap_or_default();
            is_on_builder |= flag.name.value == "platform" && value.contains("BUILDPLATFORM");
            self.implied(&flag.span());
            if flag.name.value != "platform" || !value.contains("BUILDPLATFORM") && !value.contains("TARGETPLATFORM") {
                self.left_out(
                    &flag.span(),
                    format!("`--{}` of `FROM`", flag.name.value),
                    "pass `--platform` to `docker buildx build`",
                );
            }
        }
        match self.find(&image.shown()) {
            Some(parent) => {
                self.implied(&from.image.span);
                let size = format!("{:?}", self.stages[parent]).len();
                let stage = if self.takes(size) { self.stages[parent].clone() } else { Stage::default() };
                let runtime = Runtime { cmd_is_inherited: true, ..stage.runtime };
                Stage { name, range, parent: Some(parent), checks: Vec::new(), made: Vec::new(), runtime, ..stage }
            }
            None => {
                let accounts = Accounts::of_image(&image.shown());
                let shell = ["/bin/sh", "-c"].map(str::to_owned).to_vec();
                Stage { name, range, base: image, is_on_builder, accounts, shell, ..Stage::default() }
            }
        }
    }

    fn instruction(&mut self, instruction: &Instruction<'_>, stage: &mut Stage, global: &BTreeMap<String, Text>) {
        match instruction {
            Instruction::Arg(arg) => {
                let mut args = std::mem::take(&mut stage.args);
                self.read_arg(&arg.arguments.span, &mut args, global);
                stage.args = args;
            }
            Instruction::Env(env) => {
                for (name, value, range) in self.pairs(&env.arguments.span, stage) {
                    if let Some((_, replaced)) = stage.env.insert(name, (value, range)) {
                        self.implied(&replaced);
                    }
                }
            }
            Instruction::Label(label) => {
                for (name, value, range) in self.pairs(&label.arguments.span, stage) {
                    self.replaced(&stage.labels.insert(name, value.at(range)));
                }
            }
            Instruction::Maintainer(maintainer) => {
                let name = Text::from(maintainer.name.value.as_ref()).at(maintainer.name.span.clone());
                self.replaced(&stage.labels.insert("maintainer".to_owned(), name));
            }
            Instruction::Workdir(workdir) => {
                let path = self.expand(&workdir.arguments, stage);
                // Every path that is relative to it says what it says.
                self.replaced([&path]);
                stage.workdir = Some(match path.is_constant() {
                    true => Text::from(stage.absolute(&path.shown()).as_str()).with_words_of(&path),
                    false => path,
                });
                let path = stage.absolute(".");
                stage.workdirs.insert(path);
            }
            Instruction::User(user) => {
                let range = user.user.span.start..user.arguments.span.end;
                if let Some((_, replaced)) = stage.user.replace((self.expand(&user.arguments, stage), range)) {
                    self.implied(&replaced);
                }
            }
            Instruction::Expose(expose) => {
                let ports: Vec<Text> = expose.arguments.iter().map(|port| self.expand(port, stage)).collect();
                for (port, written) in ports.into_iter().zip(&expose.arguments) {
                    self.expose(port, &written.span, stage);
                }
            }
            Instruction::Volume(volume) => {
                let paths: Vec<Text> = match &volume.arguments {
                    JsonOrStringArray::Json(paths) => paths.value.iter().map(|path| self.expand(path, stage)).collect(),
                    JsonOrStringArray::String(paths) => paths.iter().map(|path| self.expand(path, stage)).collect(),
                };
                for path in paths {
                    match stage.volumes.contains(&path) {
                        true => self.replaced([&path]),
                        false => stage.volumes.push(path),
                    }
                }
            }
            Instruction::Stopsignal(signal) => {
                let signal = self.expand(&signal.arguments, stage);
                self.replaced(&stage.runtime.stop_signal.replace(signal));
            }
            Instruction::Cmd(cmd) => {
                let cmd = run::program(self, &cmd.arguments, stage);
                stage.runtime.cmd_is_inherited = false;
                self.replaced(stage.runtime.cmd.replace(cmd).iter().flatten());
            }
            Instruction::Entrypoint(entrypoint) => {
                let entrypoint = run::program(self, &entrypoint.arguments, stage);
                self.replaced(stage.runtime.entrypoint.replace(entrypoint).iter().flatten());
                // That of the image below belongs to another program (dockerfile: `dispatchEntrypoint`).
                if stage.runtime.cmd_is_inherited {
                    self.replaced(stage.runtime.cmd.take().iter().flatten());
                }
            }
            Instruction::Healthcheck(healthcheck) => self.healthcheck(healthcheck, stage),
            Instruction::Shell(shell) => {
                stage.shell = shell.arguments.iter().map(|word| word.value.to_string()).collect();
                let program = stage.shell.first().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
                let range = shell.shell.span.start..shell.arguments.last().map_or(0, |word| word.span.end);
                // Commands that need one are started by it, in `cmd` and the like.
                if ["sh", "bash", "ash", "dash"].contains(&program) {
                    self.implied(&range);
                } else {
                    self.left_out(&range, "`SHELL`", "write the program and its script as a list of strings");
                }
            }
            Instruction::Run(run) => run::run(self, run, stage),
            Instruction::Copy(copy) => {
                self.copy(&copy.options, &copy.src, &copy.dest, copy.copy.span.start, stage);
            }
            Instruction::Add(add) => self.copy(&add.options, &add.src, &add.dest, add.add.span.start, stage),
            Instruction::Onbuild(onbuild) => {
                let range = onbuild.onbuild.span.start..self.end_of(&keyword(&onbuild.instruction));
                self.left_out(&range, "`ONBUILD`", "write it in the build of the other image");
            }
            _ => {}
        }
    }

    /// Where a line ends that begins with an instruction.
    fn end_of(&self, keyword: &Range<usize>) -> usize {
        let characters = words::continued(&self.file.text, keyword.start..self.file.text.len(), self.escape);
        let last = characters.iter().take_while(|(_, char)| *char != '\n').last();
        last.map_or(keyword.end, |(at, char)| at + char.len_utf8())
    }

    fn expose(&mut self, port: Text, range: &Range<usize>, stage: &mut Stage) {
        let shown = port.shown();
        let (number, protocol) = shown.split_once('/').unwrap_or((&shown, "tcp"));
        let (first, last) = number.split_once('-').unwrap_or((number, number));
        let bounds = (first.parse::<u16>(), last.parse::<u16>());
        match bounds {
            (Ok(first), Ok(last)) if first > 0 && first == last => stage.expose.push(port),
            (Ok(first), Ok(last)) if first > 0 && first < last && last - first < 100 => {
                let suffix = if protocol == "tcp" { String::new() } else { format!("/{protocol}") };
                let ports = (first..=last).map(|port| Text::from(format!("{port}{suffix}").as_str()));
                stage.expose.extend(ports.map(|number| number.with_words_of(&port)));
            }
            _ => self.left_out(range, format!("`{shown}` of `EXPOSE`"), "write the number of a port"),
        }
    }

    fn healthcheck(&mut self, healthcheck: &dockerfile::HealthcheckInstruction<'_>, stage: &mut Stage) {
        let HealthcheckArguments::Cmd { arguments, .. } = &healthcheck.arguments else {
            let range = healthcheck.healthcheck.span.start..self.end_of(&healthcheck.healthcheck.span);
            match stage.runtime.healthcheck.take() {
                Some(replaced) => {
                    self.replaced(replaced.texts());
                    self.implied(&range);
                }
                None => self.left_out(&range, "`HEALTHCHECK NONE`", "the health check of the base image stays"),
            }
            return;
        };
        let mut options = Vec::new();
        for flag in &healthcheck.options {
            const KEYS: [&str; 5] = ["interval", "timeout", "start-period", "start-interval", "retries"];
            let key = KEYS.into_iter().find(|key| *key == flag.name.value);
            let value = flag.value.as_ref().map(|value| self.expand(value, stage));
            match (key, value) {
                (Some(key), Some(value)) => options.push((key, value.at(flag.span()))),
                _ => self.left_out(&flag.span(), format!("`--{}` of `HEALTHCHECK`", flag.name.value), ""),
            }
        }
        let cmd = run::program(self, arguments, stage);
        let replaced = stage.runtime.healthcheck.replace(Healthcheck { options, cmd });
        self.replaced(replaced.iter().flat_map(Healthcheck::texts));
    }
}

//! A Dockerfile, instruction by instruction: text in, [`Stage`]s out, with a warning for each instruction that nothing stands for.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use parse_dockerfile as dockerfile;
use parse_dockerfile::{Flag, HealthcheckArguments, Instruction, JsonOrStringArray, Source};

use super::stage::{Copy, Healthcheck, Stage, Taken};
use super::text::Text;
use super::words::{self, Word};
use super::{Surroundings, document, run};
use crate::diagnostic::{Diagnostic, SourceFile, Span};

/// Reads instructions.
pub struct Reader<'a> {
    /// The Dockerfile.
    pub file: &'a Arc<SourceFile>,
    /// What lies around it.
    pub surroundings: &'a Surroundings<'a>,
    /// What continues a line.
    pub escape: char,
    /// Stages that were read.
    pub stages: Vec<Stage>,
    /// What nothing stands for.
    pub warnings: Vec<Diagnostic>,
    shell: Vec<String>,
    told: BTreeSet<(usize, usize, String)>,
    /// Bytes that variables and stages may still stand for.
    room: Cell<usize>,
}

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
    let text = document::masked(&file.text);
    let parsed = dockerfile::parse(&text).map_err(|error| {
        let line = file.line_range(error.line());
        Diagnostic::new("import::syntax", format!("`{}` is not a Dockerfile: {error:#}", file.name))
            .at(Span::new(file, line))
    })?;
    let escape = parsed.parser_directives.escape.as_ref().map_or('\\', |directive| directive.value.value);
    let mut reader = Reader {
        file,
        surroundings,
        escape,
        stages: Vec::new(),
        warnings: Vec::new(),
        shell: Vec::new(),
        told: BTreeSet::new(),
        room: Cell::new(MOST),
    };
    let mut global = BTreeMap::new();
    for arg in parsed.global_args() {
        reader.read_arg(&arg.arguments.span, &mut global, &BTreeMap::new());
    }
    for stage in parsed.stages() {
        reader.shell = ["/bin/sh", "-c"].map(str::to_owned).to_vec();
        let mut read = reader.begin(stage.from, &global);
        for instruction in stage.instructions {
            reader.instruction(instruction, &mut read, &global);
        }
        reader.stages.push(read);
        if reader.room.get() == 0 {
            return Err(too_large(&format!("what `{}` says is longer than {} MB with its variables", file.name, MOST >> 20)));
        }
    }
    Ok(reader)
}

impl Reader<'_> {
    /// What a variable stands for in a stage, as long as there is room for it.
    pub fn look_up(&self, stage: &Stage, name: &str) -> Option<Text> {
        let text = stage.lookup(name)?;
        self.takes(text.len()).then_some(text)
    }

    fn takes(&self, bytes: usize) -> bool {
        self.room.set(self.room.get().saturating_sub(bytes));
        self.room.get() > 0
    }

    /// Says what is not carried over, and what to do about it.
    pub fn left_out(&mut self, range: &Range<usize>, what: impl Into<String>, help: &str) {
        self.warn("import::left_out", range, format!("not carried over: {}", what.into()), help);
    }

    /// Says what is another thing now.
    pub fn differs(&mut self, range: &Range<usize>, what: impl Into<String>, help: &str) {
        self.warn("import::differs", range, what.into(), help);
    }

    fn warn(&mut self, code: &'static str, range: &Range<usize>, what: String, help: &str) {
        let mut warning = Diagnostic::new(code, what).at(Span::new(self.file, range.clone()));
        if !help.is_empty() {
            warning = warning.help(help);
        }
        if self.told.insert((range.start, range.end, warning.message.clone())) {
            self.warnings.push(warning);
        }
    }

    /// What the Dockerfile says there.
    pub fn text(&self, range: &Range<usize>) -> &str {
        self.file.text.get(range.clone()).unwrap_or_default()
    }

    fn words(&self, range: &Range<usize>, stage: &Stage) -> Vec<Word> {
        let characters = words::continued(&self.file.text, range.clone(), self.escape);
        words::words(&characters, &|name| self.look_up(stage, name))
    }

    /// A word with its variables filled in.
    fn expand(&self, text: &dockerfile::UnescapedString<'_>, stage: &Stage) -> Text {
        let characters: words::Characters = text.value.char_indices().collect();
        words::whole(&characters, &|name| self.look_up(stage, name))
    }

    /// `NAME=value …`, or `NAME value` with all that follows.
    fn pairs(&self, range: &Range<usize>, stage: &Stage) -> Vec<(String, Text, Range<usize>)> {
        let words = self.words(range, stage);
        if let Some(first) = words.first().filter(|first| first.text.split_once('=').is_none()) {
            let rest = first.range.end..range.end;
            let characters = words::continued(&self.file.text, rest, self.escape);
            let blanks = characters.iter().take_while(|(_, char)| char.is_whitespace()).count();
            let value = words::whole(&characters[blanks..], &|name| self.look_up(stage, name));
            return vec![(first.shown(), value, range.clone())];
        }
        let pairs = words.into_iter().filter_map(|word| {
            let (name, value) = word.text.split_once('=')?;
            Some((name.shown(), value, word.range))
        });
        pairs.collect()
    }

    /// `ARG`: those without a default have that of the file's beginning.
    fn read_arg(&self, range: &Range<usize>, args: &mut BTreeMap<String, Text>, global: &BTreeMap<String, Text>) {
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
            args.insert(name.clone(), Text::arg(&name, &default));
        }
    }

    fn begin(&mut self, from: &dockerfile::FromInstruction<'_>, global: &BTreeMap<String, Text>) -> Stage {
        let scope = Stage { args: global.clone(), ..Stage::default() };
        let image = self.expand(&from.image, &scope);
        let name = from.as_.as_ref().map(|(_, name)| name.value.to_lowercase());
        let range = from.from.span.start..from.image.span.end;
        let mut is_on_builder = false;
        for flag in &from.options {
            let value = flag.value.as_ref().map(|value| value.value.as_ref()).unwrap_or_default();
            is_on_builder |= flag.name.value == "platform" && value.contains("BUILDPLATFORM");
            if flag.name.value != "platform" || !value.contains("BUILDPLATFORM") && !value.contains("TARGETPLATFORM") {
                self.left_out(
                    &flag.span(),
                    format!("`--{}` of `FROM`", flag.name.value),
                    "say `--platform` to `docker buildx build`",
                );
            }
        }
        match self.find(&image.shown()) {
            Some(parent) => {
                let size = format!("{:?}", self.stages[parent]).len();
                let stage = if self.takes(size) { self.stages[parent].clone() } else { Stage::default() };
                Stage { name, range, parent: Some(parent), checks: Vec::new(), made: Vec::new(), ..stage }
            }
            None => Stage { name, range, base: image, is_on_builder, ..Stage::default() },
        }
    }

    /// The stage with this name or number.
    fn find(&self, name: &str) -> Option<usize> {
        let wanted = name.to_lowercase();
        let named = self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(&wanted));
        named.or_else(|| name.parse().ok().filter(|number| *number < self.stages.len()))
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
                    stage.env.insert(name, (value, range));
                }
            }
            Instruction::Label(label) => {
                let pairs = self.pairs(&label.arguments.span, stage);
                stage.labels.extend(pairs.into_iter().map(|(name, value, _)| (name, value)));
            }
            Instruction::Maintainer(maintainer) => {
                stage.labels.insert("maintainer".to_owned(), Text::from(maintainer.name.value.as_ref()));
            }
            Instruction::Workdir(workdir) => {
                let path = self.expand(&workdir.arguments, stage);
                stage.workdir = Some(match path.is_constant() {
                    true => Text::from(stage.absolute(&path.shown()).as_str()),
                    false => path,
                });
            }
            Instruction::User(user) => {
                stage.user = Some((self.expand(&user.arguments, stage), user.user.span.start..user.arguments.span.end));
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
                stage
                    .volumes
                    .extend(paths.into_iter().filter(|path| !stage.volumes.contains(path)).collect::<Vec<_>>());
            }
            Instruction::Stopsignal(signal) => {
                stage.runtime.stop_signal = Some(self.expand(&signal.arguments, stage));
            }
            Instruction::Cmd(cmd) => stage.runtime.cmd = Some(run::program(self, &cmd.arguments, stage)),
            Instruction::Entrypoint(entrypoint) => {
                stage.runtime.entrypoint = Some(run::program(self, &entrypoint.arguments, stage));
                // The one before belongs to another program (dockerfile: `dispatchEntrypoint`).
                stage.runtime.cmd = None;
            }
            Instruction::Healthcheck(healthcheck) => self.healthcheck(healthcheck, stage),
            Instruction::Shell(shell) => {
                self.shell = shell.arguments.iter().map(|word| word.value.to_string()).collect();
            }
            Instruction::Run(run) => run::run(self, run, stage),
            Instruction::Copy(copy) => {
                self.copy(&copy.options, &copy.src, &copy.dest, copy.copy.span.start, stage);
            }
            Instruction::Add(add) => self.copy(&add.options, &add.src, &add.dest, add.add.span.start, stage),
            Instruction::Onbuild(onbuild) => {
                self.left_out(&onbuild.onbuild.span, "`ONBUILD`", "write it where the other image is built");
            }
            _ => {}
        }
    }

    /// The shell of commands that are not lists.
    pub fn shell(&self) -> &[String] {
        &self.shell
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
                stage.expose.extend((first..=last).map(|port| Text::from(format!("{port}{suffix}").as_str())));
            }
            _ => self.left_out(range, format!("`{shown}` of `EXPOSE`"), "write the number of a port"),
        }
    }

    fn healthcheck(&mut self, healthcheck: &dockerfile::HealthcheckInstruction<'_>, stage: &mut Stage) {
        let HealthcheckArguments::Cmd { arguments, .. } = &healthcheck.arguments else {
            if stage.runtime.healthcheck.take().is_none() {
                self.left_out(&healthcheck.healthcheck.span, "`HEALTHCHECK NONE`", "the base's own one stays");
            }
            return;
        };
        let mut options = Vec::new();
        for flag in &healthcheck.options {
            const KEYS: [&str; 5] = ["interval", "timeout", "start-period", "start-interval", "retries"];
            let key = KEYS.into_iter().find(|key| *key == flag.name.value);
            let value = flag.value.as_ref().map(|value| self.expand(value, stage));
            match (key, value) {
                (Some(key), Some(value)) => options.push((key, value)),
                _ => self.left_out(&flag.span(), format!("`--{}` of `HEALTHCHECK`", flag.name.value), ""),
            }
        }
        let cmd = run::program(self, arguments, stage);
        stage.runtime.healthcheck = Some(Healthcheck { options, cmd });
    }

    fn copy(
        &mut self,
        options: &[Flag<'_>],
        sources: &[Source<'_>],
        destination: &dockerfile::UnescapedString<'_>,
        start: usize,
        stage: &mut Stage,
    ) {
        let range = start..destination.span.end;
        let mut place = None;
        for flag in options {
            let value = flag.value.as_ref().map(|value| self.expand(value, stage).shown()).unwrap_or_default();
            match flag.name.value.as_ref() {
                "from" => place = Some(value),
                // What is copied belongs to root and can be read by all; links are what layers are made of.
                "chown" | "link" | "keep-git-dir" | "checksum" | "parents" => {}
                "chmod" => {
                    self.left_out(&flag.span(), "`--chmod`", "files keep the mode that they have in the context")
                }
                other => self.left_out(&flag.span(), format!("`--{other}`"), ""),
            }
        }
        let to = self.expand(destination, stage).shown();
        let mut paths = Vec::new();
        for source in sources {
            match source {
                Source::Path(path) => paths.push(self.expand(path, stage).shown()),
                Source::HereDoc(document) => {
                    self.left_out(
                        &document.span,
                        "a file that is written here",
                        "put it into the context, and name it in `files`",
                    );
                }
                _ => {}
            }
        }
        let is_into = to.ends_with('/') || to == "." || paths.len() > 1;
        let to = stage.absolute(&to);
        let lands = |path: &str, is_directory: bool| {
            let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path);
            if is_directory || !is_into { to.clone() } else { super::stage::absolute(&to, name) }
        };
        match place {
            None => {
                for path in paths {
                    if path.contains("://") || path.ends_with(".git") {
                        self.left_out(
                            &range,
                            format!("`{path}`, which is fetched"),
                            "put what it holds into the context, and name it in `files`",
                        );
                        continue;
                    }
                    let from = super::stage::absolute("/", &path).trim_start_matches('/').to_owned();
                    let from = if from.is_empty() { ".".to_owned() } else { from };
                    let to = lands(&from, self.surroundings.is_directory(&from));
                    stage.copies.push(Copy { from, to, range: range.clone() });
                }
            }
            Some(place) => self.copy_from(&place, &paths, lands, &range, stage),
        }
    }

    fn copy_from(
        &mut self,
        place: &str,
        paths: &[String],
        lands: impl Fn(&str, bool) -> String,
        range: &Range<usize>,
        stage: &mut Stage,
    ) {
        let is_uv = |path: &String| ["uv", "uvx"].contains(&path.rsplit('/').next().unwrap_or_default());
        match self.find(place) {
            Some(from) => {
                let other = self.stages[from].clone();
                for path in paths {
                    // What other stages have are directories, but for programs.
                    let path = super::stage::absolute("/", path);
                    let is_program = path.contains("/bin/");
                    let to = lands(&path, !is_program);
                    if other.origin(&path).is_none() && is_uv(&path) {
                        stage.uv = stage.uv.take().or(other.uv.clone());
                        continue;
                    }
                    stage.taken.push(Taken { stage: from, from: path, to, range: range.clone() });
                }
            }
            None if !paths.is_empty() && paths.iter().all(is_uv) => stage.uv = Some(Text::from(place)),
            None => {
                self.left_out(range, format!("files of the image `{place}`"), "a base that has them can stand for it");
            }
        }
    }
}

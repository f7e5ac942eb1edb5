//! `steps`: commands that make directories of an image while it is put together.

use std::collections::BTreeSet;

use super::access::check_secret_id;
use super::env::read_env;
use super::file::FileSource;
use super::files;
use super::path::{lies_in, plain, require_absolute, require_lasting};
use super::reference;
use super::step::{OutputConfig, Place, SecretConfig, ShownAs, StepConfig};
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located, Span};
use crate::rootfs::VENV;

/// Commands of the steps of a target: each is a container that waits for the one before.
const MOST_COMMANDS: usize = 1_000;

/// Where a secret is that says nothing of it, as in a Dockerfile.
const SECRETS: &str = "/run/secrets";

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Vec<StepConfig>> {
    let tables = reader.tables(table, "steps")?;
    let mut commands = 0;
    let mut steps: Vec<StepConfig> = Vec::new();
    for mut table in tables {
        let step = read_step(reader, &mut table, &steps);
        reader.finish(&table);
        let Some(step) = step else { continue };
        if let Some(other) = steps.iter().find(|other| other.name.value == step.name.value) {
            let error = Diagnostic::new("config::same_name", format!("two steps have the name `{}`", step.name.value))
                .at(step.name.span.clone())
                .at(other.name.span.clone())
                .help("set `name = \"…\"`; a step without a name is named after its program");
            reader.errors.push(error);
        }
        commands += step.run.len();
        if commands > MOST_COMMANDS {
            let problem = format!("the steps of a target run more than {MOST_COMMANDS} commands");
            reader.errors.push(Diagnostic::new("config::too_large", problem).at(step.name.span));
            return None;
        }
        steps.push(step);
    }
    Some(steps)
}

fn read_step(reader: &mut Reader<'_>, table: &mut Table<'_>, earlier: &[StepConfig]) -> Option<StepConfig> {
    let span = reader.span(table.range.clone());
    let before = reader.errors.len();
    let name = read_name(reader, table);
    let run = reader.commands(table, "run").unwrap_or_default();
    let place = read_place(reader, table);
    let inputs = files::read_inputs(reader, table, earlier);
    let outputs = read_outputs(reader, table, &place);
    let step = StepConfig {
        // Said below, if there is none.
        name: name.clone().unwrap_or_else(|| named_after_its_program(&run, &span)),
        env: read_env(reader, table),
        workdir: read_workdir(reader, table),
        network: reader.boolean(table, "network").unwrap_or(false),
        secrets: read_secrets(reader, table),
        caches: read_caches(reader, table),
        as_user: reader.choice(table, "owner", &["root", "user"]).is_some_and(|owner| owner.value == "user"),
        run,
        place,
        inputs,
        outputs,
    };
    if step.run.is_empty() {
        // What is no command is told already.
        if table.has("run") && reader.errors.len() > before {
            return None;
        }
        let error = Diagnostic::new("config::missing_key", "a step needs a command to `run`")
            .at(span.clone())
            .help("write `run = [\"PROGRAM\", \"ARGUMENT\"]`; the command runs without a shell");
        reader.errors.push(error);
        return None;
    }
    for command in step.run.iter().filter(|command| command.value.is_empty()) {
        let error = Diagnostic::new("config::empty_command", "an entry of `run` is an empty command")
            .at(command.span.clone())
            .help("write `run = [[\"PROGRAM\", \"ARGUMENT\"], …]`; commands run without a shell");
        reader.errors.push(error);
    }
    check_mounts(reader, &step);
    check_order(reader, &step, earlier);
    if step.outputs.is_empty() {
        let problem = format!("the step `{}` needs `outputs`", step.name.value);
        let error = Diagnostic::new("config::missing_key", problem)
            .at(span)
            .help("write `outputs = [\"/app/static\"]`, with the directories to keep; anything else that the step writes is dropped");
        reader.errors.push(error);
    }
    Some(step)
}

/// What comes before the install cannot read what comes after it.
fn check_order(reader: &mut Reader<'_>, step: &StepConfig, earlier: &[StepConfig]) {
    if step.place != Place::Before {
        return;
    }
    for (name, source) in step.steps_read() {
        if earlier.iter().any(|other| other.name.value == name && other.needs_install(earlier)) {
            let problem = format!(
                "`{}` runs before packages are installed, and cannot read from `{name}`, which runs after",
                step.name.value
            );
            let error = Diagnostic::new("config::bad_order", problem)
                .at(source.span().clone())
                .help("remove `when = \"before\"`, or set an `image` for the step to run in");
            reader.errors.push(error);
        }
    }
}

/// Two things cannot be at one path.
fn check_mounts(reader: &mut Reader<'_>, step: &StepConfig) {
    let secrets = step.secrets.iter().filter_map(|secret| match &secret.shown {
        ShownAs::File(path) => Some(path.as_str()),
        ShownAs::Variable(_) => None,
    });
    let caches = step.caches.iter().map(String::as_str);
    let outputs = step.outputs.iter().map(|output| output.from.as_str());
    let mut known = BTreeSet::new();
    for path in outputs.chain(caches).chain(secrets) {
        if !known.insert(path.trim_end_matches('/')) {
            let problem = format!("the step `{}` uses the path `{path}` twice", step.name.value);
            let error = Diagnostic::new("config::same_path", problem).at(step.name.span.clone());
            reader.errors.push(error.help("outputs, caches and secrets need different paths"));
        }
    }
}

/// It is a part of the names of caches, and what `--no-cache-filter` takes.
fn read_name(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<String>> {
    let name = reader.string(table, "name")?;
    let is_plain = |char: char| char.is_ascii_alphanumeric() || ['_', '-', '.'].contains(&char);
    if name.value.is_empty() || !name.value.chars().all(is_plain) {
        let error = Diagnostic::new("config::bad_name", format!("`{}` is not a valid step name", name.value))
            .at(name.span.clone())
            .help("use letters, digits, `_`, `-` and `.`");
        reader.errors.push(error);
    }
    Some(name)
}

fn named_after_its_program(run: &[Located<Vec<String>>], span: &Span) -> Located<String> {
    let program = run.first().and_then(|command| command.value.first());
    let name = program.map_or("step", |program| program.rsplit('/').next().unwrap_or(program));
    Located { value: name.to_owned(), span: run.first().map_or_else(|| span.clone(), |command| command.span.clone()) }
}

fn read_place(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Place {
    let when = reader.choice(table, "when", &["before", "after"]);
    let platform = reader.choice(table, "platform", &["image", "builder"]);
    match (reference::read(reader, table, "image"), when, platform) {
        (Some(image), when, platform) => {
            if let Some(when) = when {
                let error =
                    Diagnostic::new("config::exclusive_keys", "`when` is not supported for a step with an `image`")
                        .at(when.span)
                        .help("remove `when`: no packages are installed in that image");
                reader.errors.push(error);
            }
            Place::Image { image, on_builder: platform.is_some_and(|platform| platform.value == "builder") }
        }
        (None, when, platform) => {
            if let Some(platform) = platform {
                let problem = "`platform` is only supported for a step with an `image`";
                let error = Diagnostic::new("config::exclusive_keys", problem)
                    .at(platform.span)
                    .help("remove `platform`: a step without an `image` runs on the platform of the target");
                reader.errors.push(error);
            }
            if when.is_some_and(|when| when.value == "before") { Place::Before } else { Place::After }
        }
    }
}

/// Each is empty when the step starts, so that what is kept is what the step left there.
fn read_outputs(reader: &mut Reader<'_>, table: &mut Table<'_>, place: &Place) -> Vec<OutputConfig> {
    let mut outputs: Vec<(OutputConfig, Span)> = Vec::new();
    for entry in reader.array_of_strings_or_tables(table, "outputs").unwrap_or_default() {
        let (from, to) = match entry {
            Ok(path) => (path.clone(), path),
            Err(mut table) => {
                let (from, to) = (reader.string(&mut table, "from"), reader.string(&mut table, "to"));
                reader.finish(&table);
                let (Some(from), Some(to)) = (from, to) else {
                    let error = Diagnostic::new("config::missing_key", "an entry of `outputs` needs `from` and `to`")
                        .at(reader.span(table.range.clone()))
                        .help("write `{ from = \"/PATH/IN/THE/STEP\", to = \"/PATH/IN/THE/IMAGE\" }`, or one path for both");
                    reader.errors.push(error);
                    continue;
                };
                (from, to)
            }
        };
        require_absolute(reader, &from, "outputs");
        if to.span != from.span {
            require_absolute(reader, &to, "outputs");
        }
        require_lasting(reader, &to, "outputs");
        let (span, output) = (from.span.clone(), OutputConfig { from: plain(&from.value), to: plain(&to.value) });
        check_output(reader, &output, place, &outputs, &span);
        outputs.push((output, span));
    }
    outputs.into_iter().map(|(output, _)| output).collect()
}

fn check_output(
    reader: &mut Reader<'_>,
    output: &OutputConfig,
    place: &Place,
    others: &[(OutputConfig, Span)],
    span: &Span,
) {
    let OutputConfig { from, to } = output;
    if from == "/" || to == "/" {
        let error = Diagnostic::new("config::bad_output", "the root directory cannot be an output")
            .at(span.clone())
            .help("list the directories to keep in the image");
        reader.errors.push(error);
    } else if *place == Place::After && lies_in(VENV, from) {
        let error =
            Diagnostic::new("config::bad_output", format!("the output `{from}` contains the virtual environment"))
                .at(span.clone())
                .help("an output is empty when its step starts: use a directory that contains nothing else");
        reader.errors.push(error);
    }
    for (other, other_span) in others {
        let overlap = |a: &str, b: &str| lies_in(a, b) || lies_in(b, a);
        if overlap(from, &other.from) || overlap(to, &other.to) {
            let error =
                Diagnostic::new("config::bad_output", format!("the outputs `{from}` and `{}` overlap", other.from))
                    .at(span.clone())
                    .at(other_span.clone())
                    .help("use their common parent directory, or two separate directories");
            reader.errors.push(error);
        }
    }
}

fn read_workdir(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<String> {
    let workdir = reader.string(table, "workdir")?;
    require_absolute(reader, &workdir, "workdir");
    Some(workdir.value)
}

fn read_caches(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Vec<String> {
    let caches = reader.strings(table, "caches").unwrap_or_default();
    for cache in &caches {
        require_absolute(reader, cache, "caches");
    }
    caches.into_iter().map(|cache| plain(&cache.value)).collect()
}

fn read_secrets(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Vec<SecretConfig> {
    let mut secrets = Vec::new();
    for entry in reader.array_of_strings_or_tables(table, "secrets").unwrap_or_default() {
        let secret = match entry {
            Ok(id) => {
                check_secret_id(reader, &id, "secrets");
                SecretConfig { shown: ShownAs::file(&id.value), id: id.value, is_required: true }
            }
            Err(mut table) => {
                let span = reader.span(table.range.clone());
                let id = reader.string(&mut table, "id");
                let target = reader.string(&mut table, "target");
                let variable = reader.string(&mut table, "env");
                let is_required = reader.boolean(&mut table, "required").unwrap_or(true);
                reader.finish(&table);
                let Some(id) = id else {
                    let error = Diagnostic::new("config::missing_key", "an entry of `secrets` needs an `id`")
                        .at(span)
                        .help("write `\"ID\"`, or `{ id = \"ID\", env = \"VARIABLE\" }`");
                    reader.errors.push(error);
                    continue;
                };
                check_secret_id(reader, &id, "secrets.id");
                if let Some(target) = &target {
                    require_absolute(reader, target, "secrets.target");
                }
                let shown = match (target, variable) {
                    (None, None) => ShownAs::file(&id.value),
                    (Some(target), None) => ShownAs::File(target.value),
                    (None, Some(variable)) => ShownAs::Variable(variable.value),
                    (Some(target), Some(variable)) => {
                        let problem = "an entry of `secrets` cannot have both `target` and `env`";
                        let error =
                            Diagnostic::new("config::exclusive_keys", problem).at(variable.span).at(target.span);
                        reader.errors.push(error.help("use one entry for each"));
                        continue;
                    }
                };
                SecretConfig { id: id.value, shown, is_required }
            }
        };
        secrets.push(secret);
    }
    secrets
}

impl StepConfig {
    /// Names of the steps that it reads from, and what it reads.
    pub fn steps_read(&self) -> impl Iterator<Item = (&str, &FileSource)> {
        self.inputs.iter().filter_map(|input| match &input.source {
            FileSource::Step { step, .. } => Some((step.value.as_str(), &input.source)),
            FileSource::Context(_) | FileSource::Url { .. } => None,
        })
    }

    /// Where the image has an output of the step, or something in one: `from` is its path in the step, and need not be said of a step with
    /// one output. `step` is where it is named.
    pub fn output(
        &self,
        step: &Located<String>,
        from: Option<&Located<String>>,
    ) -> Result<Located<String>, Diagnostic> {
        let from = match (from, &self.outputs[..]) {
            (Some(from), _) => from.clone(),
            (None, [only]) => Located { value: only.from.clone(), span: step.span.clone() },
            (None, outputs) => {
                let problem = format!("the step `{}` has several outputs", step.value);
                let first = outputs.first().map_or("/PATH", |output| &output.from);
                return Err(Diagnostic::new("config::missing_key", problem)
                    .at(step.span.clone())
                    .help(format!("choose one, such as `from = \"{first}\"`")));
            }
        };
        let path = plain(&from.value);
        let Some(output) = self.outputs.iter().find(|output| lies_in(&path, &output.from)) else {
            let problem = format!("`{}` is not in any output of the step `{}`", from.value, step.value);
            return Err(Diagnostic::new("config::unknown_output", problem)
                .at(from.span)
                .did_you_mean(&path, self.outputs.iter().map(|output| output.from.as_str())));
        };
        Ok(from.map(|_| format!("{}{}", output.to, &path[output.from.len()..])))
    }

    /// Whether it runs in what is installed, or reads what a step leaves that does. `steps` are those above it, at least.
    pub fn needs_install(&self, steps: &[Self]) -> bool {
        let reads_such = || {
            self.steps_read().any(|(name, _)| {
                let above = steps.iter().position(|step| step.name.value == name);
                above.is_some_and(|index| steps[index].needs_install(&steps[..index]))
            })
        };
        match self.place {
            Place::Before => false,
            Place::After => true,
            Place::Image { .. } => reads_such(),
        }
    }
}

impl ShownAs {
    fn file(id: &str) -> Self {
        Self::File(format!("{SECRETS}/{id}"))
    }
}

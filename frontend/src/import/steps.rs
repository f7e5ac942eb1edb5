//! Commands that make directories which an image has: as steps, where it is certain what they read and what they leave.
//!
//! A Dockerfile tells what a stage is to leave only by the directories that another one copies from it. What fills a directory of the image
//! itself nobody can see, and is left to people.

use std::collections::BTreeMap;

use super::reader::Reader;
use super::runtime::is_of_uv;
use super::sources::is_environment;
use super::stage::{Copy, Stage, Taken};
use super::text::Text;
use super::value::Value;

/// What to do about a command that is not carried over.
pub const WRITE_A_STEP: &str =
    "if the image needs what it creates, add it to `steps`, with the directories that it fills as `outputs`";

/// Keys of a step.
pub type Step = Vec<(String, Value)>;

/// The steps of the target that is made from a stage, and the stages that they stand for. `environment` are the stages that have the
/// target's environment.
pub fn steps(reader: &Reader<'_>, index: usize, environment: &[usize]) -> Steps {
    let mut taken: BTreeMap<usize, Vec<&Taken>> = BTreeMap::new();
    for one in reader.stages[index].taken.iter().filter(|one| !is_environment(&reader.stages[one.stage], &one.from)) {
        taken.entry(one.stage).or_default().push(one);
    }
    let image = &reader.stages[index];
    let mut steps = Steps::default();
    for (stage, taken) in taken {
        match step(reader, stage, image, &taken, environment.contains(&stage)) {
            Ok(step) => {
                steps.made_by.push(stage);
                steps.steps.push(step);
            }
            Err(reason) => steps.hindrances.push((stage, reason)),
        }
    }
    steps
}

/// What stands for the stages that a target takes directories from.
#[derive(Default)]
pub struct Steps {
    /// Stages that a step stands for.
    pub made_by: Vec<usize>,
    /// These steps.
    pub steps: Vec<Step>,
    /// The others, and what no step does that they do.
    pub hindrances: Vec<(usize, &'static str)>,
}

/// The step that stands for a stage, in an image of its own or in the one that is made.
fn step(
    reader: &Reader<'_>,
    index: usize,
    image: &Stage,
    taken: &[&Taken],
    is_in_image: bool,
) -> Result<Step, &'static str> {
    let stage = &reader.stages[index];
    let is_root = stage.user.as_ref().is_none_or(|(user, _)| ["root", "0"].contains(&user.shown().as_str()));
    if stage.made.is_empty() {
        return Err("it runs no command that creates files");
    }
    if stage.is_incomplete {
        return Err("one of its commands has a mount or an option that is not carried over");
    }
    if !is_root {
        return Err("it does not run as root");
    }
    let run = stage.made.iter().map(|made| made.words.clone()).collect::<Option<Vec<_>>>();
    let run = run.ok_or("one of its commands needs a shell")?;
    let is_runnable = if is_in_image { runs_in(reader, stage, image, &run) } else { runs_alone(stage) };
    if !is_runnable {
        return Err("its commands need more than an image and files of the context");
    }
    let outputs =
        outputs(reader, stage, taken).ok_or("what is copied from it is not a directory that only its commands fill")?;
    let text = |path: &str| Value::Text(Text::from(path));
    let pair = |from: &str, to: &str| vec![("from".to_owned(), text(from)), ("to".to_owned(), text(to))];
    let inputs = inputs(stage).ok_or("it copies files by a pattern")?;
    let inputs: Vec<Step> = inputs.iter().map(|copy| pair(&copy.from, &copy.to)).collect();
    let mut keys = Vec::new();
    let mut add = |key: &str, value: Option<Value>| keys.extend(value.map(|value| (key.to_owned(), value)));
    add("name", stage.name.as_deref().map(text));
    if !is_in_image {
        add("image", Some(Value::Text(stage.base.clone())));
        add("platform", stage.is_on_builder.then(|| text("builder")));
    }
    add("inputs", (!inputs.is_empty()).then_some(Value::Tables(inputs)));
    add("run", Some(Value::Lists(run)));
    add("workdir", stage.workdir.clone().map(Value::Text));
    add("outputs", Some(Value::Tables(outputs.iter().map(|(from, to)| pair(from, to)).collect())));
    let env = env(stage, image, is_in_image).ok_or("one of its variables depends on its base")?;
    add("env", (!env.is_empty()).then_some(Value::Table(env)));
    // As every `RUN` has.
    add("network", Some(Value::Boolean(true)));
    let caches: Vec<Text> = stage.caches.iter().map(|path| Text::from(path.as_str())).collect();
    add("caches", (!is_in_image && !caches.is_empty()).then_some(Value::List(caches)));
    Ok(keys)
}

/// Whether a stage is an image, files of the context and commands, and nothing else.
fn runs_alone(stage: &Stage) -> bool {
    stage.parent.is_none()
        && stage.base.is_known()
        && !is_of_uv(stage)
        && stage.made.len() == stage.commands
        && stage.taken.is_empty()
        && stage.uv.is_none()
        && stage.workdir.as_ref().is_none_or(Text::is_known)
}

/// Whether what a stage runs finds the same in the image, where it runs in the environment that this stage filled.
fn runs_in(reader: &Reader<'_>, stage: &Stage, image: &Stage, run: &[Vec<Text>]) -> bool {
    let is_python =
        |words: &Vec<Text>| words.first().is_some_and(|word| ["python", "python3"].contains(&&*word.shown()));
    let mut parent = stage.parent;
    while let Some(at) = parent {
        if !reader.stages[at].made.is_empty() {
            return false;
        }
        parent = reader.stages[at].parent;
    }
    run.iter().all(is_python)
        && stage.directory_layout.is_none()
        && stage.packages.iter().all(|package| image.packages.contains(package))
        && stage.added.iter().all(|added| image.added.iter().any(|other| other.name == added.name && !other.is_deleted))
        && stage.taken.iter().all(|taken| is_environment(&reader.stages[taken.stage], &taken.from))
        && stage.workdir.as_ref().is_none_or(Text::is_known)
}

/// Where the stage leaves each directory that is copied from it, and where the image has it: directories that hold nothing else.
fn outputs(reader: &Reader<'_>, stage: &Stage, taken: &[&Taken]) -> Option<Vec<(String, String)>> {
    let workdir = stage.absolute(".");
    let lies_in = |path: &str, directory: &str| {
        path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_output = |taken: &&Taken| {
        let name = taken.from.rsplit('/').next().unwrap_or_default();
        let is_in_context = |path: String| (reader.surroundings.is_directory)(&path).is_some();
        let holds = |path: &str| lies_in(path, &taken.from);
        !name.trim_start_matches('.').contains('.')
            && !taken.from.contains(['$', '*', '?', '['])
            && !taken.to.contains('$')
            && !holds(&workdir)
            && !stage.copies.iter().any(|copy| holds(&copy.to))
            && !stage.origin(&taken.from).is_some_and(is_in_context)
    };
    if !taken.iter().all(is_output) {
        return None;
    }
    Some(taken.iter().map(|taken| (taken.from.clone(), taken.to.clone())).collect())
}

/// What a stage has of the context. What a later copy brings as well is not named twice.
fn inputs(stage: &Stage) -> Option<Vec<Copy>> {
    let copies = &stage.copies;
    let is_covered = |(at, copy): (usize, &Copy)| {
        copies[at + 1..].iter().any(|later| {
            let within = if later.from == "." {
                Some(copy.from.as_str())
            } else {
                copy.from.strip_prefix(&format!("{}/", later.from))
            };
            let name = within.map(|within| super::stage::absolute(&later.to, within));
            name.is_some_and(|name| name == copy.to)
        })
    };
    let kept: Vec<Copy> =
        copies.iter().enumerate().filter(|copy| !is_covered(*copy)).map(|(_, copy)| copy.clone()).collect();
    let is_plain = |copy: &Copy| !copy.from.contains(['*', '?', '[', '$']) && !copy.to.contains('$');
    kept.iter().all(is_plain).then_some(kept)
}

/// The variables of the stage, but for those that the image has, too; nothing, where one is not known.
fn env(stage: &Stage, image: &Stage, is_in_image: bool) -> Option<Vec<(String, Value)>> {
    let is_here = |name: &str, value: &Text| {
        let is_for_uv = name.starts_with("UV_") || name == "PATH" || name.starts_with("PYTHON");
        is_in_image && (is_for_uv || image.env.get(name).is_some_and(|(known, _)| known == value))
    };
    let env = stage.env.iter().filter(|(name, (value, _))| !is_here(name, value));
    env.map(|(name, (value, _))| value.is_known().then(|| (name.clone(), Value::Text(value.clone())))).collect()
}

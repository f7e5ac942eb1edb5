//! Stages in, the targets of a config out: which stages are built by someone, and what of the lock each holds.

use std::collections::BTreeSet;
use std::ops::Range;

use super::filling::{Filling, Shared};
use super::members::{for_builds, of_members, writable};
use super::reader::Reader;
use super::runtime;
use super::sources::{self, Installed};
use super::stage::{Healthcheck, Stage};
use super::steps::{self, Steps};
use super::sync::Sync;
use super::system::{added, images, packages};
use super::text::Text;
use super::uv;
use super::value::Value;
use crate::lock::Source;

/// A `[targets.NAME]`.
#[derive(Clone, Debug)]
pub struct Target {
    /// The stage that it is made from.
    pub stage: usize,
    /// Its name.
    pub name: String,
    /// Its keys, in the order in which they are written.
    pub keys: Vec<(&'static str, Value)>,
}

/// The targets, in the order of their stages, and what they share.
pub fn targets(reader: &mut Reader<'_>) -> (Vec<Target>, Shared) {
    let mut shared = Shared::default();
    let mut targets: Vec<Target> = Vec::new();
    // Stages that became steps.
    let mut used = BTreeSet::new();
    for index in built(reader) {
        let Some(filling) = filling(reader, index) else {
            let range = reader.stages[index].extent.clone();
            reader.left_out(&range, "this stage installs nothing from the lockfile", "");
            continue;
        };
        if !shared.has_stale_lock && filling.is_frozen(reader) && reader.surroundings.has_stale_lock() {
            shared.has_stale_lock = true;
            let what = "`uv.lock` is stale: `--frozen` installs from it all the same, and so does the config";
            reader.differs(&filling.sync.range, what, "run `uv lock`, and take `check = \"off\"` out");
        }
        let target = target(reader, index, &filling, (&mut shared, &mut used), &targets);
        let check = check(reader, index, &filling, &target);
        targets.push(target);
        if let Some(check) = check {
            if let Some(image) = targets.last_mut() {
                image.keys.push(("requires", Value::List(vec![Text::from(check.name.as_str())])));
            }
            targets.push(check);
        }
    }
    for index in 0..reader.stages.len() {
        let stage = reader.stages[index].clone();
        if used.contains(&index) {
            // A step says all of it.
            if !shared.building.contains(&index) {
                reader.implied(&stage.extent);
            }
            continue;
        }
        if let Some(reason) = shared.hindrances.get(&index) {
            let name = stage.name.clone().unwrap_or_else(|| index.to_string());
            reader.left_out(&stage.extent, format!("the stage `{name}`: {reason}"), steps::WRITE_A_STEP);
        }
        for made in stage.made {
            if made.changes_modes && gives_environment_alone(reader, index) {
                reader.implied(&made.range);
                continue;
            }
            reader.left_out(&made.range, made.shown, steps::WRITE_A_STEP);
        }
        if runtime::is_of_uv(&reader.stages[index]) {
            reader.implied(&stage.extent);
        }
    }
    // What only the containers of a stage have is nothing to those that copy from it.
    let only_taken: Vec<usize> = (0..reader.stages.len())
        .filter(|index| !targets.iter().any(|target| is_or_comes_from(reader, target.stage, *index)))
        .collect();
    for stage in only_taken {
        let stage = reader.stages[stage].clone();
        reader.replaced(stage.of_containers());
        stage.user.iter().for_each(|(_, range)| reader.implied(range));
    }
    (targets, shared)
}

/// Whether other stages take an environment from a stage, and nothing else.
fn gives_environment_alone(reader: &Reader<'_>, stage: usize) -> bool {
    let is_parent = reader.stages.iter().any(|other| other.parent == Some(stage));
    let mut taken = reader.stages.iter().flat_map(|other| &other.taken).filter(|taken| taken.stage == stage).peekable();
    !is_parent
        && taken.peek().is_some()
        && taken.all(|taken| sources::is_environment(&reader.stages[stage], &taken.from))
}

/// Whether a stage is another one, or begins from it.
fn is_or_comes_from(reader: &Reader<'_>, stage: usize, other: usize) -> bool {
    let mut at = Some(stage);
    while let Some(stage) = at {
        if stage == other {
            return true;
        }
        at = reader.stages[stage].parent;
    }
    false
}

/// Stages that someone builds: the last one, those that no other uses, and those with a command that others only begin from.
fn built(reader: &Reader<'_>) -> Vec<usize> {
    let stages = &reader.stages;
    let parents: BTreeSet<usize> = stages.iter().filter_map(|stage| stage.parent).collect();
    let taken: BTreeSet<usize> = stages.iter().flat_map(|stage| &stage.taken).map(|taken| taken.stage).collect();
    let is_built = |index: &usize| {
        let has_command = stages[*index].runtime.cmd.is_some() || stages[*index].runtime.entrypoint.is_some();
        let is_used = taken.contains(index) || (parents.contains(index) && !has_command);
        *index + 1 == stages.len() || !(is_used || runtime::is_of_uv(&stages[*index]))
    };
    (0..stages.len()).filter(is_built).collect()
}

/// The stages that the environment of a stage comes from, it itself last.
fn sources_of(reader: &Reader<'_>, index: usize) -> Vec<usize> {
    let mut sources = Vec::new();
    for taken in &reader.stages[index].taken {
        // A stage takes from earlier ones only, so this comes to an end.
        if taken.stage < index && sources::holds_environment(&reader.stages[taken.stage], &taken.from) {
            sources.extend(sources_of(reader, taken.stage));
        }
    }
    sources.push(index);
    let mut seen = BTreeSet::new();
    sources.retain(|source| seen.insert(*source));
    sources
}

fn filling(reader: &mut Reader<'_>, index: usize) -> Option<Filling> {
    let stages = sources_of(reader, index);
    let syncs: Vec<Sync> = stages.iter().flat_map(|stage| reader.stages[*stage].syncs.clone()).collect();
    let mut sync = syncs.last()?.clone();
    if sync.is_conditional {
        let production = syncs.iter().rfind(|sync| sync.is_conditional && sync.is_production);
        sync = production.cloned().unwrap_or(sync);
        reader.differs(
            &sync.range.clone(),
            "this step chooses which packages are installed",
            "declare a target for each choice: `[targets.NAME]` with `inherits` and `groups`",
        );
    }
    let (package, lock) = package(reader, index, &syncs);
    let surroundings = reader.surroundings;
    let name = package.as_ref().map(Text::shown);
    let member = if lock.is_none() { surroundings.member(name.as_deref()) } else { None };
    let (mut extras, mut groups) = (sync.extras.clone(), sync.groups.clone());
    match member {
        Some(member) => {
            if sync.has_all_extras {
                extras = member.extras.keys().map(|extra| Text::from(extra.as_str())).collect();
            }
            if sync.has_all_groups {
                groups = member.groups.keys().map(|group| Text::from(group.as_str())).collect();
            } else if !sync.is_production {
                groups.extend(surroundings.default_groups(member).iter().map(|group| Text::from(group.as_str())));
            }
        }
        None => {
            if sync.has_all_extras || sync.has_all_groups {
                reader.left_out(
                    &sync.range.clone(),
                    "`--all-extras` and `--all-groups`",
                    "list them: `extras = [\"…\"]`, `groups = [\"…\"]`",
                );
            }
            if !sync.is_production && groups.is_empty() {
                reader.differs(
                    &sync.range.clone(),
                    "this installs the group `dev`, if it exists",
                    "to keep it, write `groups = [\"dev\"]`",
                );
            }
        }
    }
    groups.retain(|group| !sync.without.contains(group));
    extras.retain(|extra| !sync.without_extras.contains(extra));
    let unique = |texts: &mut Vec<Text>| {
        let mut seen: Vec<Text> = Vec::new();
        texts.retain(|text| {
            !seen.contains(text) && {
                seen.push(text.clone());
                true
            }
        });
    };
    unique(&mut extras);
    unique(&mut groups);
    Some(Filling { sync, package, lock, extras, groups, stages })
}

/// The member that is installed, and the lock it is in where that is not the root's.
fn package(reader: &mut Reader<'_>, index: usize, syncs: &[Sync]) -> (Option<Text>, Option<Text>) {
    if let Some(sync) = syncs.iter().rfind(|sync| sync.package.is_some()) {
        return (sync.package.clone(), None);
    }
    let surroundings = reader.surroundings;
    let named = syncs.iter().rev().find_map(|sync| sync.directory.as_ref());
    let directory = named.map(Text::shown);
    let directory = directory.as_deref().map(|path| path.trim_start_matches("./").trim_end_matches('/'));
    if let (Some(directory), Some(named)) = (directory.filter(|path| !path.is_empty() && *path != "."), named) {
        if let Some(member) = surroundings.member_in(directory) {
            return (Some(Text::from(member).with_words_of(named)), None);
        }
        let lock = format!("{directory}/uv.lock");
        // Without a project around it, what a command names is all that is known.
        if (surroundings.is_directory)(&lock) == Some(false)
            || surroundings.project.is_none() && !directory.starts_with('/')
        {
            return (None, Some(Text::from(lock.as_str()).with_words_of(named)));
        }
    }
    if surroundings.project.is_none() || surroundings.root().is_some() {
        return (None, None);
    }
    let runtime = &reader.stages[index].runtime;
    let program = runtime.entrypoint.iter().chain(&runtime.cmd).find_map(|words| words.first()).map(Text::shown);
    let member = program.and_then(|program| surroundings.member_of_script(&program));
    let member = member.map(Text::from);
    if member.is_none() {
        let range = syncs.last().map_or(0..0, |sync| sync.range.clone());
        reader.left_out(
            &range,
            "which member is built: the workspace root is not a project",
            "write `package = \"MEMBER\"` into the target",
        );
    }
    (member, None)
}

fn target(
    reader: &mut Reader<'_>,
    index: usize,
    filling: &Filling,
    (shared, used): (&mut Shared, &mut BTreeSet<usize>),
    before: &[Target],
) -> Target {
    let stage = reader.stages[index].clone();
    let surroundings = reader.surroundings;
    let package = filling.package.as_ref().map(Text::shown);
    let of_lock = filling.lock.as_ref().map(Text::shown);
    let of_lock = of_lock.and_then(|lock| Some(lock.strip_suffix("/uv.lock")?.rsplit('/').next()?.to_owned()));
    let name = stage.name.clone().or_else(|| package.clone().filter(|name| !name.is_empty())).or(of_lock);
    let name = name.or_else(|| surroundings.root().map(ToOwned::to_owned)).unwrap_or_else(|| "app".to_owned());
    let name = if before.iter().any(|target| target.name == name) { format!("{name}-{index}") } else { name };

    let is_package =
        surroundings.member(package.as_deref()).is_none_or(|member| !matches!(member.source, Source::Virtual(_)));
    let is_check = !stage.checks.is_empty() && stage.runtime.cmd.is_none() && stage.runtime.entrypoint.is_none();
    let is_made_here = filling.stages.len() == 1;
    // What uv installs is a link to the sources. A wheel has the same modules, unless a list leaves some out.
    let is_link = is_made_here && !filling.sync.is_not_editable && is_package;
    let lists_modules = surroundings.manifest(package.as_deref()).is_some_and(|it| it.build_system.lists_modules);
    let is_editable = is_check || is_link && (!filling.groups.is_empty() || lists_modules);

    let mut keys: Vec<(&'static str, Value)> = Vec::new();
    let mut add = |key: &'static str, value: Option<Value>| keys.extend(value.map(|value| (key, value)));
    let list = |texts: &[Text]| (!texts.is_empty()).then(|| Value::List(texts.to_vec()));
    add("package", filling.package.clone().map(Value::Text));
    add("lock", filling.lock.clone().map(Value::Text));
    add("extras", list(&filling.extras));
    add("groups", list(&filling.groups));
    add("editable", is_editable.then_some(Value::Boolean(true)));
    let images = images(reader, &stage, filling, shared);
    add("base", Some(Value::Text(images.base)));
    add("builder", images.builder.map(Value::Text));
    add("layout", filling.stages.iter().find_map(|index| layout(&reader.stages[*index])));
    let (apt, build_apt) = packages(reader, &stage, filling, shared);
    let (apk, build_apk) = added(reader, &stage, filling);
    add("apt", list(&apt));
    add("apk", list(&apk));
    add("build-apt", list(&build_apt));
    add("build-apk", list(&build_apk));
    if !is_check {
        add("user", runtime::user(reader, &stage));
    }
    if !is_check && stage.workdir.is_none() && !stage.is_for_lambda() {
        relative_words(&stage).for_each(|range| {
            let what = "this is relative to the directory of the base, since the Dockerfile has no `WORKDIR`; here it is relative to `/app`";
            reader.differs(range, what, "write an absolute path, or `workdir`");
        });
    }
    let workdir = stage.workdir.clone().filter(|path| path.shown() != "/app" && !is_check);
    // All that the working directory has is where the links lead, and containers start there.
    let has_all = is_editable && is_root(reader, filling) && stage.copies.iter().any(|copy| copy.is_all(&stage));
    match workdir {
        Some(workdir) if has_all => workdir.origins().iter().for_each(|range| reader.implied(range)),
        workdir => add("workdir", workdir.map(Value::Text)),
    }
    let env = runtime::env(reader, &stage);
    add("env", (!env.is_empty()).then_some(Value::Table(env)));
    let starts = !is_check && calls_uv(reader, &stage);
    add("uv", starts.then_some(Value::Boolean(true)));
    add("entrypoint", stage.runtime.entrypoint.as_deref().and_then(list));
    add("cmd", stage.runtime.cmd.as_deref().and_then(list).or_else(|| idle(&stage, is_check)));
    if is_check {
        let commands = stage.checks.iter().map(|check| check.words.clone()).collect();
        add("run", Some(Value::Lists(commands)));
    }
    add("expose", (!stage.expose.is_empty()).then(|| Value::Ports(stage.expose.clone())));
    add("healthcheck", stage.runtime.healthcheck.as_ref().map(healthcheck));
    let numbers = stage.runtime.healthcheck.iter().flat_map(|check| &check.options);
    numbers.flat_map(|(_, text)| text.origins()).for_each(|range| reader.written(range));
    add("stop-signal", stage.runtime.stop_signal.clone().map(Value::Text));
    add("volumes", list(&stage.volumes));
    let mut writable = writable(reader, &stage);
    writable.retain(|path| {
        let is_volume = stage.volumes.iter().any(|volume| volume.shown() == path.shown());
        if is_volume {
            reader.replaced([path]);
        }
        !is_volume
    });
    if !is_check && (!is_editable || stage.user.is_some()) {
        add("writable", list(&writable));
    }
    let labels: Vec<_> = stage.labels.iter().map(|(name, text)| (name.clone(), Value::Text(text.clone()))).collect();
    add("labels", (!labels.is_empty()).then_some(Value::Table(labels)));
    let installed = Installed {
        package: package.as_deref(),
        is_for_dependencies: filling.is_for_dependencies(reader),
        is_editable,
        is_root: is_root(reader, filling),
    };
    let Steps { made_by, steps, hindrances } = steps::steps(reader, index, &filling.stages);
    let files = sources::files(reader, index, &installed, &made_by);
    // Without a build system it is so anyway, unless `files` name something of the context.
    let is_said = files.has_sources && (is_package || !files.entries.is_empty());
    add("sources", is_said.then_some(Value::Boolean(true)));
    add("files", (!files.entries.is_empty()).then_some(Value::Tables(files.entries)));
    add("steps", (!steps.is_empty()).then_some(Value::Tables(steps)));
    of_members(reader, filling, &made_by, shared);
    let is_building = |stage: &usize| filling.stages.contains(stage);
    for stage in made_by.iter().filter(|stage| is_building(stage)) {
        // Its commands, variables and inputs are those of the step.
        let stage = reader.stages[*stage].clone();
        let made = stage.made.iter().map(|made| &made.range);
        let env = stage.env.values().map(|(_, range)| range);
        let copies = stage.copies.iter().map(|copy| &copy.word);
        made.chain(env).chain(copies).for_each(|range| reader.written(range));
    }
    shared.hindrances.extend(hindrances.into_iter().filter(|(stage, _)| !is_building(stage)));
    shared.building.extend(&filling.stages);
    used.extend(made_by);
    for_builds(reader, filling);
    keys.iter().for_each(|(_, value)| reader.write(value));
    inherit(reader, index, &name, keys, before)
}

/// The places of the words of a stage's command that look like relative paths.
fn relative_words(stage: &Stage) -> impl Iterator<Item = &Range<usize>> {
    let is_relative = |word: &&Text| {
        let word = word.shown();
        let is_path = word.contains('/') || word.ends_with(".py") || word.ends_with(".sh");
        is_path && !word.starts_with(['/', '-', '$']) && !word.contains([' ', ':', '='])
    };
    let words = stage.runtime.entrypoint.iter().chain(&stage.runtime.cmd).flatten();
    words.filter(is_relative).flat_map(Text::origins)
}

/// Scripts that are read of those that an image starts.
const MOST_SCRIPTS: usize = 16;

/// Whether what a container starts calls uv: the command itself, a script of the context, or one that such a script names.
fn calls_uv(reader: &Reader<'_>, stage: &Stage) -> bool {
    let words: Vec<String> =
        stage.runtime.entrypoint.iter().chain(&stage.runtime.cmd).flatten().map(Text::shown).collect();
    if words.iter().any(|word| uv::calls_uv(word)) {
        return true;
    }
    let mut wanted: Vec<String> = words;
    let mut read = BTreeSet::new();
    while let Some(word) = wanted.pop() {
        let path = stage.absolute(&word);
        let is_script = word.contains('/') || word.ends_with(".sh");
        if !is_script || read.len() == MOST_SCRIPTS || !read.insert(path.clone()) {
            continue;
        }
        let origin = origin(reader, stage, &path);
        let Some(text) = origin.and_then(|origin| (reader.surroundings.read)(&origin)) else { continue };
        if !text.starts_with("#!") && !word.ends_with(".sh") {
            continue;
        }
        if uv::calls_uv(&text) {
            return true;
        }
        wanted.extend(text.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';']).to_owned()));
    }
    false
}

/// The path in the context of a file of an image, through the stages that it was copied from.
fn origin(reader: &Reader<'_>, stage: &Stage, path: &str) -> Option<String> {
    stage.origin(path).or_else(|| {
        stage.taken.iter().rev().find_map(|taken| {
            let within = path.strip_prefix(taken.to.trim_end_matches('/'))?;
            // A stage takes from earlier ones only, so this comes to an end.
            origin(reader, reader.stages.get(taken.stage)?, &format!("{}{within}", taken.from.trim_end_matches('/')))
        })
    })
}

/// A command of no words, where the Dockerfile leaves it to those who start containers: its base starts a shell or a python.
fn idle(stage: &Stage, is_check: bool) -> Option<Value> {
    let is_said = stage.runtime.cmd.is_some() || stage.runtime.entrypoint.is_some();
    let base = runtime::split(&stage.base).base.shown();
    let name = base.split(['@', ':']).next().unwrap_or_default();
    let name = name.trim_start_matches("docker.io/").trim_start_matches("library/");
    let is_idle = ["python", "debian", "ubuntu", "alpine"].contains(&name);
    (is_idle && !is_said && !is_check && stage.directory_layout.is_none()).then(|| Value::List(Vec::new()))
}

/// Whether what is installed is the project at the root of the context.
fn is_root(reader: &Reader<'_>, filling: &Filling) -> bool {
    let package = filling.package.as_ref().map(Text::shown);
    let member = reader.surroundings.member(package.as_deref());
    filling.lock.is_none() && member.is_some_and(|member| member.source.project_dir() == Some("."))
}

fn healthcheck(healthcheck: &Healthcheck) -> Value {
    let mut entries = vec![("cmd".to_owned(), Value::List(healthcheck.cmd.clone()))];
    for (key, text) in &healthcheck.options {
        let number = text.shown().parse().ok().filter(|_| *key == "retries" && text.is_constant());
        entries.push(((*key).to_owned(), number.map_or(Value::Text(text.clone()), Value::Number)));
    }
    Value::Table(entries)
}

/// Leaves out what the target of a stage that this one begins from says as well.
fn inherit(
    reader: &Reader<'_>,
    index: usize,
    name: &str,
    keys: Vec<(&'static str, Value)>,
    before: &[Target],
) -> Target {
    let mut parent = reader.stages[index].parent;
    while let Some(at) = parent {
        if let Some(target) = before.iter().find(|target| target.stage == at) {
            let of_parent = |key: &str| target.keys.iter().find(|(known, _)| *known == key).map(|(_, value)| value);
            // What the parent has and this one has not would come along.
            let is_less =
                target.keys.iter().any(|(key, _)| !keys.iter().any(|(own, _)| own == key) && *key != "requires");
            if is_less {
                break;
            }
            let own = keys.into_iter().filter(|(key, value)| of_parent(key) != Some(value));
            let inherits = ("inherits", Value::text(&target.name));
            return Target {
                stage: index,
                name: name.to_owned(),
                keys: std::iter::once(inherits).chain(own).collect(),
            };
        }
        parent = reader.stages[at].parent;
    }
    Target { stage: index, name: name.to_owned(), keys }
}

/// `layout`, where packages are installed into a plain directory.
fn layout(stage: &Stage) -> Option<Value> {
    let directory = stage.directory_layout.as_ref()?;
    // Where AWS Lambda looks is known.
    Some(match directory.shown() == "/var/task" {
        true => Value::text("target"),
        false => Value::Table(vec![("target".to_owned(), Value::Text(directory.clone()))]),
    })
}

/// Checks that run where the environment of an image is made become a target of their own, which the image requires.
fn check(reader: &mut Reader<'_>, index: usize, filling: &Filling, target: &Target) -> Option<Target> {
    if target.keys.iter().any(|(key, _)| *key == "run") {
        return None;
    }
    let checks: Vec<_> = filling.stages.iter().flat_map(|stage| reader.stages[*stage].checks.clone()).collect();
    let first = checks.first()?;
    let syncs = filling.stages.iter().flat_map(|stage| &reader.stages[*stage].syncs);
    let before: Vec<&Sync> = syncs.filter(|sync| sync.range.start < first.range.start).collect();
    let mut groups: Vec<Text> = before.last().map(|sync| sync.groups.clone()).unwrap_or_default();
    let name = filling.package.as_ref().map(Text::shown);
    if let (Some(member), false) =
        (reader.surroundings.member(name.as_deref()), before.last().is_some_and(|sync| sync.is_production))
    {
        groups.extend(reader.surroundings.default_groups(member).iter().map(|group| Text::from(group.as_str())));
    }
    let mut keys = vec![("inherits", Value::text(&target.name))];
    keys.extend((!groups.is_empty()).then_some(("groups", Value::List(groups))));
    keys.push(("editable", Value::Boolean(true)));
    checks.iter().for_each(|check| reader.written(&check.range));
    keys.push(("run", Value::Lists(checks.into_iter().map(|check| check.words).collect())));
    Some(Target { stage: index, name: format!("{}-test", target.name), keys })
}

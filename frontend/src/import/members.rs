//! What stages say of the builds of members, and of directories that the user may write.

use super::filling::{Filling, Shared};
use super::reader::Reader;
use super::runtime::{self, is_version};
use super::sources::is_of_projects;
use super::stage::Stage;
use super::text::Text;
use super::value::Value;
use super::variables::is_of_steps;
use crate::config::members::ALL;
use crate::lock::Source;

/// Variables of an interpreter, and of uv that starts one: what a build makes is the same with them.
const OF_INTERPRETERS: [&str; 7] = [
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONFAULTHANDLER",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONUTF8",
    "UV_PYTHON",
];

/// Notes the variables of the stages that build: versions, and what build backends read.
/// `steps` are stages that a step stands for, with their variables.
pub fn of_members(reader: &mut Reader<'_>, filling: &Filling, steps: &[usize], shared: &mut Shared) {
    let surroundings = reader.surroundings;
    let package = filling.package.as_ref().map(Text::shown);
    let member = if filling.lock.is_none() { surroundings.member(package.as_deref()) } else { None };
    let member = member.filter(|member| !matches!(member.source, Source::Virtual(_)));
    let member = member.map(|member| member.name.to_string());
    let last = filling.stages.last().copied();
    let builds_nothing = filling.lock.is_none() && surroundings.builds_nothing();
    for index in &filling.stages {
        let stage = reader.stages[*index].clone();
        for (name, (value, range)) in &stage.env {
            if is_version(name) {
                let named = name.strip_prefix("SETUPTOOLS_SCM_PRETEND_VERSION_FOR_");
                let named = named.map(|name| name.to_lowercase().replace('_', "-"));
                let whose = named.or_else(|| member.clone()).unwrap_or_else(|| ALL.to_owned());
                version(reader, (whose, value, range), shared);
                continue;
            }
            if Some(*index) == last || steps.contains(index) {
                continue;
            }
            match name.as_str() {
                "PATH" => runtime::path(reader, &stage, &value.shown(), range),
                name if is_of_steps(name) || OF_INTERPRETERS.contains(&name) => {
                    reader.implied(range);
                }
                // What the image has as well is said there, and what starts with it is about indexes and the like.
                _ if name.starts_with("UV_") => runtime::of_uv(reader, name, range),
                _ if !value.is_known() => {
                    reader.left_out(range, format!("`{name}` of a stage that builds"), "");
                }
                _ => match &member {
                    Some(member) => {
                        let keys = shared.members.entry(member.clone()).or_default();
                        let value = Value::Text(value.clone());
                        reader.write(&value);
                        match keys.iter_mut().find(|(key, _)| key == "env") {
                            Some((_, Value::Table(entries))) => {
                                if !entries.iter().any(|(known, _)| known == name) {
                                    entries.push((name.clone(), value));
                                }
                            }
                            _ => keys.push(("env".to_owned(), Value::Table(vec![(name.clone(), value)]))),
                        }
                    }
                    None if builds_nothing => reader.implied(range),
                    None => {
                        let help = "if the build of a member reads it, add it to `env` in `[members.NAME]`";
                        reader.left_out(range, format!("`{name}` of a stage that builds"), help);
                    }
                },
            }
        }
    }
}

fn version(
    reader: &mut Reader<'_>,
    (whose, value, range): (String, &Text, &std::ops::Range<usize>),
    shared: &mut Shared,
) {
    let is_bypass = value.shown().parse::<uv_pep440::Version>().is_err();
    if is_bypass || !value.is_known() {
        let help =
            "write `version = \"${args.VERSION}\"` into `[members.NAME]`, and `VERSION = \"0.dev0\"` into `[args]`";
        return reader.left_out(range, format!("the version `{}`", value.shown()), help);
    }
    let value = Value::Text(value.clone());
    reader.write(&value);
    reader.written(range);
    let keys = shared.members.entry(whose).or_default();
    keys.retain(|(key, _)| key != "version");
    keys.insert(0, ("version".to_owned(), value));
}

/// What the stages before the last copy is for builds, which see what they read of the context anyway.
pub fn for_builds(reader: &mut Reader<'_>, filling: &Filling) {
    let Some((_, others)) = filling.stages.split_last() else { return };
    for index in others {
        let stage = reader.stages[*index].clone();
        for copy in &stage.copies {
            let name = copy.from.rsplit('/').next().unwrap_or(&copy.from);
            let is_known = copy.from == "."
                || is_of_projects(&copy.from)
                || ["README.md", "README.rst", "LICENSE"].contains(&name)
                || reader.surroundings.is_installed(&copy.from)
                || copy.from == "src";
            copy.owner.iter().for_each(|(_, flag)| reader.implied(flag));
            if is_known || filling.lock.is_none() && reader.surroundings.builds_nothing() {
                reader.implied(&copy.word);
            } else if reader.ledger.is_open(&copy.word) {
                let what = format!("`{}`, in a stage that builds", copy.from);
                reader.left_out(
                    &copy.range,
                    what,
                    "if the build of a member reads it, add it to `inputs` in `[members.NAME]`",
                );
            }
        }
        stage.directories.iter().for_each(|directory| reader.implied(&directory.range));
        for taken in &stage.taken {
            if super::sources::is_environment(&reader.stages[taken.stage], &taken.from) {
                reader.implied(&taken.word);
                taken.owner.iter().for_each(|(_, flag)| reader.implied(flag));
            }
        }
    }
}

/// Directories that a stage makes and gives to its user.
pub fn writable(reader: &mut Reader<'_>, stage: &Stage) -> Vec<Text> {
    let workdir = stage.absolute(".");
    let mut writable: Vec<Text> = Vec::new();
    let is_above =
        |path: &str, other: &str| other == path || other.starts_with(&format!("{}/", path.trim_end_matches('/')));
    let holds_sources = |path: &str| {
        is_above(path, &workdir) || is_above(path, "/app") || stage.copies.iter().any(|copy| is_above(path, &copy.to))
    };
    for directory in &stage.directories {
        let Some(owner) = &directory.owner else { continue };
        let name = owner.split(':').next().unwrap_or(owner);
        let is_users =
            stage.is_user(name) || (name.is_empty() || ["0", "root"].contains(&name)) && stage.user.is_some();
        let made: Vec<_> = stage
            .directories
            .iter()
            .filter(|made| made.owner.is_none() && is_above(&directory.path, &made.path))
            .collect();
        let is_home = stage.user.as_ref().is_some_and(|(user, _)| {
            let account = stage.accounts.find(&user.shown());
            directory.path == account.home.unwrap_or_else(|| format!("/home/{}", account.name))
        });
        if is_home {
            reader.implied(&directory.range);
        } else if !is_users || directory.path.contains(['$', '*']) {
            reader.left_out(&directory.range, "files owned by someone other than root and the user", "");
        } else if holds_sources(&directory.path) {
            let what = format!("the files in `{}` belong to root, and the user can only read them", directory.path);
            let is_below =
                is_above(&workdir, &directory.path) && workdir != "/" && !stage.is_environment(&directory.path);
            let what = if is_below { format!("{what}; the directory itself belongs to the user") } else { what };
            reader.differs(&directory.range, what, "list directories that the user writes to in `writable`");
            let text = Text::from(directory.path.as_str()).at(directory.range.clone());
            if is_below && !writable.contains(&text) {
                writable.push(text);
            }
        } else {
            for path in std::iter::once(directory.path.as_str()).chain(made.iter().map(|made| made.path.as_str())) {
                let text = Text::from(path).at(directory.range.clone());
                if !writable.contains(&text) {
                    writable.push(text);
                }
            }
            made.iter().for_each(|made| reader.written(&made.range));
        }
    }
    for directory in stage.directories.iter().filter(|directory| directory.owner.is_none()) {
        let is_volume = stage.volumes.iter().any(|volume| volume.shown() == directory.path);
        let is_made_anyway = is_volume
            || holds_sources(&directory.path)
            || writable.iter().any(|path| is_above(&directory.path, &path.shown()));
        if is_made_anyway {
            reader.implied(&directory.range);
        } else if stage.user.is_none() {
            // Its owner is root, who does not run here.
            writable.push(Text::from(directory.path.as_str()).at(directory.range.clone()));
        } else if reader.ledger.is_open(&directory.range) {
            let what = format!("the empty directory `{}`", directory.path);
            reader.left_out(&directory.range, what, "`writable` creates directories that the user can write to");
        }
    }
    // Root writes beside the sources.
    let lies_there = |to: &String| is_above(&workdir, to) && workdir != "/";
    let copies = stage.copies.iter().filter(|copy| !super::sources::is_of_projects(&copy.from)).map(|copy| &copy.to);
    let taken = stage.taken.iter().filter(|taken| !stage.is_environment(&taken.to)).map(|taken| &taken.to);
    let text = Text::from(workdir.as_str());
    let is_made_for_user = stage.parents.iter().any(|(path, owner)| *path == workdir && stage.is_user(owner));
    if is_made_for_user && !writable.contains(&text) {
        writable.push(text.clone());
    }
    if stage.user.is_none() && copies.chain(taken).any(lies_there) && !writable.contains(&text) {
        writable.push(text);
    }
    writable
}

//! Which copies of a Dockerfile the image needs: not those of what is installed, nor those of manifests.

use std::ops::Range;

use super::copies::KEPT;
use super::reader::Reader;
use super::stage::{Copy, Stage, Taken};
use super::text::Text;
use super::value::Value;
use crate::lock;
use crate::rootfs::APP_DIR;

/// Files that are for uv, wherever they go.
const OF_PROJECTS: [&str; 7] =
    ["pyproject.toml", "uv.lock", ".python-version", ".python-versions", "uv.toml", "requirements.txt", "Dockerfile"];

/// Patterns that name such files.
const PATTERNS_OF_PROJECTS: [&str; 5] = ["pyproject.toml*", "uv.lock*", "*.toml", "*.lock", "README*"];

/// Files that a build reads where they lie beside the manifest. Elsewhere they are for those who have the image.
const BESIDE_A_MANIFEST: [&str; 2] = ["README.md", "README.rst"];

/// What to do where the image lacks files.
const BESIDE: &str = "list other files that the application reads in `files`";

/// A copy that the image of a stage has.
struct Source {
    from: String,
    to: String,
    /// Of the instruction.
    range: Range<usize>,
    /// Of the path.
    word: Range<usize>,
    owner: Option<(String, Range<usize>)>,
    mode: Option<(String, Range<usize>)>,
}

/// What is installed of the project.
pub struct Installed<'a> {
    /// Name of the member; none for the root's project.
    pub package: Option<&'a str>,
    /// Nothing of the workspace is.
    pub is_for_dependencies: bool,
    /// Sources are in the image.
    pub is_editable: bool,
    /// It is the project at the root, whose directory is all of the context.
    pub is_root: bool,
}

/// What stands for the copies of a stage.
#[derive(Default)]
pub struct Files {
    /// Entries of `files`.
    pub entries: Vec<Vec<(String, Value)>>,
    /// `sources`: all of the project lies in the working directory.
    pub has_sources: bool,
}

/// What stands for the copies of a stage, but for those of stages that became steps.
pub fn files(reader: &mut Reader<'_>, index: usize, installed: &Installed<'_>, steps: &[usize]) -> Files {
    let stage = reader.stages[index].clone();
    let copies = copies(reader, &stage, steps);
    let mut projects: Vec<String> = vec![stage.absolute(".")];
    let manifests = copies.iter().filter(|copy| is_of_projects(&copy.from));
    projects.extend(manifests.map(|copy| directory(&copy.from, &copy.to).to_owned()));
    // Without a `WORKDIR`, it is `/app` here.
    let is_default = |to: &str| stage.workdir.is_none() && to == APP_DIR;
    let is_all = |copy: &Source| copy.from == "." && (copy.to == stage.absolute(".") || is_default(&copy.to));
    let has_sources = installed.is_root && !installed.is_editable && copies.iter().any(is_all);
    let mut files = Files { has_sources, ..Files::default() };
    for copy in copies {
        if has_sources && is_all(&copy) {
            if copy.to == "/" {
                let what = "the project's files are in `/app`, and not in `/`";
                reader.differs(&copy.range, what, "write paths below `/app` into the command");
            }
            reader.written(&copy.word);
            copy.mode.iter().for_each(|(_, flag)| reader.left_out(flag, "`--chmod`", KEPT));
            copy.owner.iter().for_each(|(owner, flag)| {
                if belongs_to_user(reader, &stage, owner, flag) {
                    let what = "the project's files belong to root, and the user can only read them";
                    reader.differs(flag, what, "list directories that the user writes to in `writable`");
                }
            });
            continue;
        }
        let is_of_a_project = projects.iter().any(|project| project == directory(&copy.from, &copy.to));
        let is_for_builds = is_of_a_project && BESIDE_A_MANIFEST.contains(&last(&copy.from));
        let is_among_sources = has_sources && is_of_projects(&copy.from);
        if is_for_builds || is_among_sources || !is_needed(reader, &copy.from, &copy.range, installed) {
            reader.implied(&copy.word);
            copy.owner.iter().chain(&copy.mode).for_each(|(_, flag)| reader.implied(flag));
            continue;
        }
        let text = |path: &str| Value::Text(Text::from(path).at(copy.word.clone()));
        let mut entry = vec![("from".to_owned(), text(&copy.from)), ("to".to_owned(), text(&copy.to))];
        if let Some((owner, flag)) = &copy.owner
            && belongs_to_user(reader, &stage, owner, flag)
        {
            let value = Value::Text(Text::from("user").at(flag.clone()));
            entry.push(("owner".to_owned(), value));
        }
        if let Some((mode, place)) = &copy.mode {
            entry.push(("mode".to_owned(), Value::Text(Text::from(mode.as_str()).at(place.clone()))));
            reader.written(place);
        }
        reader.written(&copy.word);
        if !files.entries.contains(&entry) {
            files.entries.push(entry);
        }
    }
    files
}

/// The copies of a stage, and those of the stages that it takes directories from.
fn copies(reader: &mut Reader<'_>, stage: &Stage, steps: &[usize]) -> Vec<Source> {
    let mut copies: Vec<Source> = Vec::new();
    for copy in stage.copies.clone() {
        let Copy { from, to, range, word, owner, mode } = copy;
        copies.push(Source { from, to, range, word, owner, mode });
    }
    for taken in stage.taken.clone() {
        let other = reader.stages[taken.stage].clone();
        let Taken { from, to, range, word, owner, .. } = taken;
        let flag = owner.as_ref().map(|(_, flag)| flag.clone());
        if is_environment(&other, &from) {
            // It belongs to root, and the user reads it.
            reader.implied(&word);
            flag.iter().for_each(|flag| reader.implied(flag));
            continue;
        }
        if steps.contains(&taken.stage) {
            reader.written(&word);
            flag.iter().for_each(|flag| {
                reader.differs(
                    flag,
                    "the outputs of a step belong to root",
                    "list directories that the user writes to in `writable`",
                );
            });
            continue;
        }
        let is_in_context = |path: &String| (reader.surroundings.is_directory)(path).is_some();
        match other.origin(&from).filter(|origin| other.made.is_empty() || is_in_context(origin)) {
            Some(origin) => {
                copies.push(Source {
                    from: origin,
                    to: to.clone(),
                    range: range.clone(),
                    word,
                    owner: owner.clone(),
                    mode: None,
                });
                // Files of it that were given a mode.
                for copy in other.copies.iter().filter(|copy| copy.mode.is_some()) {
                    let Some(within) = below(&from, &copy.to).filter(|within| !within.is_empty()) else { continue };
                    let to = super::stage::absolute(&to, within);
                    let (range, word, mode) = (range.clone(), copy.word.clone(), copy.mode.clone());
                    copies.push(Source { from: copy.from.clone(), to, range, word, owner: owner.clone(), mode });
                }
            }
            None if holds_environment(&other, &from) => {
                reader.implied(&word);
                flag.iter().for_each(|flag| reader.implied(flag));
                for copy in &other.copies {
                    if let Some(within) = below(&from, &copy.to) {
                        let to = super::stage::absolute(&to, within);
                        let (range, word) = (range.clone(), copy.word.clone());
                        let (owner, mode) = (owner.clone(), copy.mode.clone());
                        copies.push(Source { from: copy.from.clone(), to, range, word, owner, mode });
                    }
                }
            }
            None => {
                let what = format!("`{from}` from another stage");
                reader.left_out(&range, what, "put it into the build context, and copy it with `files`");
            }
        }
    }
    copies
}

/// The path within a directory, relative to it.
fn below<'path>(directory: &str, path: &'path str) -> Option<&'path str> {
    let rest = path.strip_prefix(directory.trim_end_matches('/'))?;
    if rest.is_empty() { Some("") } else { rest.strip_prefix('/') }
}

/// Whether `--chown` gives a copy to the user of the image.
fn belongs_to_user(reader: &mut Reader<'_>, stage: &Stage, owner: &str, flag: &Range<usize>) -> bool {
    let name = owner.split(':').next().unwrap_or(owner);
    if stage.is_user(name) {
        return true;
    }
    match name {
        "root" | "0" => reader.implied(flag),
        _ => reader.differs(
            flag,
            format!("these files belong to root, not to `{owner}`"),
            "to give them to the user, write `owner = \"user\"`",
        ),
    }
    false
}

/// Whether a file is for uv, by its name.
pub fn is_of_projects(path: &str) -> bool {
    OF_PROJECTS.contains(&last(path)) || PATTERNS_OF_PROJECTS.contains(&last(path))
}

/// The directory of a file of the context, as an absolute path.
fn directory_of(path: &str) -> String {
    super::stage::absolute("/", &format!("{path}/.."))
}

/// Whether a path of a stage is, or has in it, what uv made there.
pub fn holds_environment(stage: &Stage, path: &str) -> bool {
    is_environment(stage, path) || path == "/" || path == stage.absolute(".")
}

/// Whether a path of a stage is what uv made there, and nothing else.
pub fn is_environment(stage: &Stage, path: &str) -> bool {
    let of_python = stage.env.get("UV_PYTHON_INSTALL_DIR").map(|(text, _)| text.shown());
    let of_layout = stage.directory_layout.as_ref().map(|text| stage.absolute(&text.shown()));
    stage.is_environment(path)
        || path.contains("/site-packages")
        || path.starts_with("/usr/local/bin")
        || path.contains("/share/uv/python")
        || of_python.is_some_and(|python| path == stage.absolute(&python))
        || of_layout.is_some_and(|directory| path == directory)
}

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The directory that a file is copied to, under whatever name.
fn directory<'to>(from: &str, to: &'to str) -> &'to str {
    let is_directory = to.ends_with('/') || last(from).is_empty();
    if is_directory { to.trim_end_matches('/') } else { to.rsplit_once('/').map_or(to, |(directory, _)| directory) }
}

fn is_needed(reader: &mut Reader<'_>, from: &str, range: &Range<usize>, installed: &Installed<'_>) -> bool {
    let surroundings = reader.surroundings;
    let name = last(from);
    let member = surroundings.member(installed.package);
    let is_installed = match member {
        Some(member) => !installed.is_for_dependencies && !matches!(member.source, lock::Source::Virtual(_)),
        None => !installed.is_for_dependencies,
    };
    if is_of_projects(from) {
        // Frameworks read settings there, where the project is no package but files beside it.
        let directory = member.and_then(|member| member.source.project_dir()).unwrap_or(".");
        return !is_installed
            && name == "pyproject.toml"
            && super::stage::absolute("/", directory) == directory_of(from);
    }
    if from.contains(['*', '?', '[']) {
        reader.left_out(range, format!("`{from}`"), "name each file or directory in `files`");
        return false;
    }
    if !is_installed {
        return true;
    }
    if from == "." {
        let (what, help) = match installed {
            Installed { is_editable: true, is_root: true, .. } => (
                "the image has the files of the project in `/src`, where containers start",
                "paths that begin with another directory lead to `/src` now",
            ),
            Installed { is_editable: true, .. } => {
                ("the image has the sources of members below `/src`, and no other files of the build context", BESIDE)
            }
            _ => ("the image has members as installed wheels, and no source tree", BESIDE),
        };
        reader.differs(range, what, help);
        return false;
    }
    match surroundings.project {
        Some(_) => !surroundings.is_installed(from),
        None => from != "src" && !from.starts_with("src/"),
    }
}

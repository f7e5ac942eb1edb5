//! Which copies of a Dockerfile the image needs: not those of what is installed, nor those of manifests.

use std::ops::Range;

use super::reader::Reader;
use super::stage::Stage;
use super::text::Text;
use super::value::Value;
use crate::lock::Source;

/// Files that are for uv, wherever they go.
const OF_PROJECTS: [&str; 7] =
    ["pyproject.toml", "uv.lock", ".python-version", ".python-versions", "uv.toml", "requirements.txt", "Dockerfile"];

/// Files that a build reads where they lie beside the manifest. Elsewhere they are for whoever has the image.
const BESIDE_A_MANIFEST: [&str; 3] = ["README.md", "README.rst", "LICENSE"];

/// What is installed of the project.
pub struct Installed<'a> {
    /// Name of the member; none for the root's project.
    pub package: Option<&'a str>,
    /// Nothing of the workspace is.
    pub is_for_dependencies: bool,
    /// Sources are in the image.
    pub is_editable: bool,
}

/// The entries of `files` that stand for the copies of a stage, but for those of stages that became steps.
pub fn files(
    reader: &mut Reader<'_>,
    index: usize,
    installed: &Installed<'_>,
    steps: &[usize],
) -> Vec<Vec<(String, Value)>> {
    let stage = reader.stages[index].clone();
    let mut copies: Vec<(String, String, Range<usize>)> = Vec::new();
    for copy in &stage.copies {
        copies.push((copy.from.clone(), copy.to.clone(), copy.range.clone()));
    }
    for taken in &stage.taken {
        let other = &reader.stages[taken.stage];
        if is_environment(other, &taken.from) || steps.contains(&taken.stage) {
            continue;
        }
        match other.origin(&taken.from) {
            Some(origin) => copies.push((origin, taken.to.clone(), taken.range.clone())),
            None if holds_environment(other, &taken.from) => {}
            None => {
                let what = format!("`{}` of another stage", taken.from);
                reader.left_out(&taken.range, what, "put it into the context, and name it in `files`");
            }
        }
    }
    let mut projects: Vec<String> = vec![stage.absolute(".")];
    let manifests = copies.iter().filter(|(from, ..)| OF_PROJECTS.contains(&last(from)));
    projects.extend(manifests.map(|(from, to, _)| directory(from, to).to_owned()));
    let mut files = Vec::new();
    for (from, to, range) in copies {
        let is_of_a_project = projects.iter().any(|project| project == directory(&from, &to));
        if is_of_a_project && BESIDE_A_MANIFEST.contains(&last(&from)) {
            continue;
        }
        if !is_needed(reader, &from, &range, installed) {
            continue;
        }
        let entry =
            vec![("from".to_owned(), Value::text(&from)), ("to".to_owned(), Value::Text(Text::from(to.as_str())))];
        if !files.contains(&entry) {
            files.push(entry);
        }
    }
    files
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
    if OF_PROJECTS.contains(&name) || installed.is_editable {
        return false;
    }
    if from.contains(['*', '?', '[']) {
        let is_of_projects = ["pyproject.toml*", "uv.lock*", "*.toml", "*.lock", "README*"].contains(&name);
        if !is_of_projects {
            reader.left_out(range, format!("`{from}`"), "name each file or directory in `files`");
        }
        return false;
    }
    let member = surroundings.member(installed.package);
    let is_installed = match member {
        Some(member) => !installed.is_for_dependencies && !matches!(member.source, Source::Virtual(_)),
        None => !installed.is_for_dependencies,
    };
    if !is_installed {
        return true;
    }
    if from == "." {
        reader.differs(
            range,
            "the image has members as wheels in its environment, and no tree of sources",
            "name files that the application reads beside them in `files`",
        );
        return false;
    }
    match surroundings.project {
        Some(_) => !surroundings.is_installed(from),
        None => from != "src" && !from.starts_with("src/"),
    }
}

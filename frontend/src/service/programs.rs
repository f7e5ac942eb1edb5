//! Programs that are started as they are.

use super::project::{Found, Project, Start};
use super::source::Source;

/// What files are called that are programs, the most likely first.
const NAMES: [&str; 12] =
    ["main", "app", "__main__", "server", "serve", "run", "start", "bot", "worker", "hello", "cli", "index"];

/// A file at the top of the project's directory, or the package itself.
pub(super) fn find(project: &Project<'_>, sources: &[Source]) -> Found {
    if project.is_package {
        let package = |source: &&Source| source.stem() == "__main__" && source.depth() == 1;
        let mains: Vec<&Source> = sources.iter().filter(package).collect();
        return match &mains[..] {
            [only] => {
                let name = only.name.trim_end_matches(".__main__");
                let reason = format!("the package has `{}`", only.path);
                Found::Start(project.start(&["python", "-m", name], "", reason).finish())
            }
            _ => Found::Nothing,
        };
    }
    let top: Vec<&Source> =
        sources.iter().filter(|source| source.depth() == 0 && source.stem() != "__init__").collect();
    let start = |source: &&Source| -> Start {
        let reason = match &top[..] {
            [_] => format!("`{}` is the only module", source.path),
            _ => format!("among the modules, `{}` looks like a program by its name and content", source.path),
        };
        project.start(&["python", &source.path], &source.root, reason).finish()
    };
    let named = |name: &str| top.iter().copied().find(|source| source.stem() == name);
    let rivals: Vec<&Source> = ["main", "app"].into_iter().filter_map(named).collect();
    let programs = |sources: &[&'_ Source]| sources.iter().filter(|source| source.module.is_program).count();
    let likely: Vec<&Source> = match &rivals[..] {
        [] => {
            let usual: Vec<&Source> = NAMES.into_iter().filter_map(named).collect();
            let written: Vec<&Source> = top.iter().copied().filter(|source| source.module.is_program).collect();
            match (&usual[..], &written[..], &top[..]) {
                ([first, ..], ..) => vec![*first],
                ([], [only], _) | ([], [], [only]) => vec![*only],
                ([], several, _) => several.to_vec(),
            }
        }
        [only] => vec![*only],
        // One that imports the other, or that alone is written like a program.
        several => {
            let imports =
                |one: &Source| several.iter().any(|other| one.path != other.path && one.module.uses(&other.name));
            let importing: Vec<&Source> = several.iter().copied().filter(|source| imports(source)).collect();
            match (&importing[..], programs(several)) {
                ([only], _) => vec![*only],
                (_, 1) => several.iter().copied().filter(|source| source.module.is_program).collect(),
                (_, 0) => vec![several[0]],
                _ => several.to_vec(),
            }
        }
    };
    match &likely[..] {
        [] => Found::Nothing,
        [only] => Found::Start(start(only)),
        several => Found::Several(several.iter().map(start).collect()),
    }
}

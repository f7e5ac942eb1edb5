//! What a build of a plan leaves, if not an image: files for `docker buildx build --output`.

use super::contents::{Contents, Layer, Member};
use super::destination::Destination;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::{Project, Target};

/// What a build leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Product {
    /// The layers over the base.
    Image,
    /// The wheels of the local projects.
    Wheels,
    /// The environment alone.
    Venv,
    /// A zip of this name with what lies in the directory.
    Zip(String),
    /// `requirements.txt` with this text.
    Requirements(String),
}

impl Product {
    /// In a sentence, before `of TARGET`.
    pub fn description(&self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Wheels => "wheels",
            Self::Venv => "environment",
            Self::Zip(_) => "archive",
            Self::Requirements(_) => "requirements",
        }
    }
}

/// `NAME.zip`: a target may have a name that no file can have.
pub(super) fn zip_name(target: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || ['-', '_', '.'].contains(&char);
    let name: String = target.chars().map(|char| if is_plain(char) { char } else { '_' }).collect();
    format!("{name}.zip")
}

/// A layer for each local project: the wheel of each is built in a step of its own.
pub(super) fn wheels(project: &Project, target: &Target, members: Vec<Member>) -> Result<Vec<Layer>, Diagnostics> {
    if members.is_empty() {
        let name = &project.lock.packages[target.selection.root].name;
        return Err(Diagnostic::new(
            "plan::no_wheels",
            format!(
                "there are no wheels for `{name}`: it is not a package, and needs no workspace member that is a package"
            ),
        )
        .at_some(target.span.clone())
        .help("add a `[build-system]` to its `pyproject.toml` and run `uv lock`, or choose another kind")
        .into());
    }
    let layers = members
        .into_iter()
        .map(|member| Layer { name: member.name.clone(), contents: Contents::Members(vec![member]) });
    Ok(layers.collect())
}

/// Refuses files of the context that would not be in a zip.
pub(super) fn check_files(target: &Target, destination: &Destination) -> Result<(), Diagnostics> {
    let directory = destination.path();
    let is_in =
        |path: &str| path.strip_prefix(directory).is_some_and(|below| below.is_empty() || below.starts_with('/'));
    let outside = target.files.iter().filter(|file| !is_in(&file.to.value));
    let errors = outside.map(|file| {
        Diagnostic::new(
            "config::outside_zip",
            format!("`{}` would not be in the zip, which only contains `{directory}`", file.to.value),
        )
        .at(file.to.span.clone())
        .help(format!("write a path below `{directory}`, or `files = []`"))
    });
    Diagnostics::check(errors.collect())
}

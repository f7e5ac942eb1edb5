//! `uv-buildkit import`: reads a Dockerfile and what lies around it, and shows or writes the config that stands for it.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::SelectionArgs;
use super::error::CliError;
use super::init::{create, stub};
use super::input;
use crate::config;
use crate::config::Request;
use crate::diagnostic::SourceFile;
use crate::ignore;
use crate::import::{Imported, Surroundings, import};
use crate::lock;
use crate::project::{Files, Project};

/// Which Dockerfile.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The Dockerfile.
    #[arg(default_value = "Dockerfile")]
    dockerfile: PathBuf,
    /// The build context. Default: the nearest directory above the Dockerfile that has a `uv.lock`.
    #[arg(long, value_name = "DIR")]
    context: Option<PathBuf>,
    /// Write `uv.build.toml` into the build context, and a `Dockerfile` that names the frontend if there is none. Existing files are kept.
    #[arg(long)]
    write: bool,
}

/// A config, and what was written of it.
pub struct Outcome {
    /// Text of the config.
    pub imported: Imported,
    /// A line on each file that was to be written; none when nothing was.
    pub written: Vec<String>,
}

/// Makes a config of a Dockerfile.
pub fn run(arguments: &ImportArgs) -> Result<Outcome, CliError> {
    let path = &arguments.dockerfile;
    let text = match input::bytes(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(CliError::Usage(format!("there is no file `{}`", path.display())));
        }
        Err(error) => return Err(CliError::Read { path: path.clone(), error }),
    };
    let context = arguments.context.clone().unwrap_or_else(|| context_of(path));
    let selection = SelectionArgs::of(context.clone());
    let read = &mut |name: &str| selection.read(name);
    let project = match read(lock::FILE_NAME)? {
        Some(lock) => Some(Project::parse(&Files::beside(None, lock, read)?, &BTreeMap::new())?),
        None => None,
    };
    let manifests = match &project {
        Some(project) => project.read_manifests(&Request::Default, read)?,
        None => BTreeMap::new(),
    };
    // What is left out of the context is not there.
    let ignored = ignored(&selection, path)?;
    let is_directory = |path: &str| {
        let is_left_out = ignore::leaves_out(&ignored, path).is_some();
        let found = (!is_left_out).then(|| std::fs::metadata(context.join(path)).ok()).flatten();
        found.map(|found| found.is_dir())
    };
    let read = |path: &str| selection.read(path).ok().flatten().map(|file| file.text.clone());
    let surroundings =
        Surroundings { project: project.as_ref(), manifests: &manifests, is_directory: &is_directory, read: &read };
    let imported = import(&SourceFile::new(path.display().to_string(), text), &surroundings)?;
    let mut written = Vec::new();
    if arguments.write {
        written.push(create(&context, config::FILE_NAME, &imported.config)?);
        written.push(create(&context, "Dockerfile", &stub())?);
    }
    Ok(Outcome { imported, written })
}

/// Patterns of what the context is without, for a Dockerfile.
fn ignored(selection: &SelectionArgs, dockerfile: &Path) -> Result<Vec<String>, CliError> {
    let own = dockerfile.strip_prefix(&selection.directory).unwrap_or(dockerfile);
    let own = format!("{}.dockerignore", own.display());
    let file = match selection.read(&own)? {
        Some(file) => Some(file),
        None => selection.read(".dockerignore")?,
    };
    Ok(file.map(|file| ignore::parse(&file.text)).unwrap_or_default())
}

/// The nearest directory above a file that has a lock; its own, where none has.
fn context_of(dockerfile: &Path) -> PathBuf {
    let own = dockerfile.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Without a root, `..` has no end to come to.
    let Ok(absolute) = own.canonicalize() else { return own.to_owned() };
    let above = absolute.ancestors().enumerate().find(|(_, directory)| directory.join(lock::FILE_NAME).exists());
    let levels = above.map_or(0, |(levels, _)| levels);
    (0..levels).fold(own.to_owned(), |directory, _| directory.join(".."))
}

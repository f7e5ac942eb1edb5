//! Reading the client's files: the few that decide what is built, in two round trips; one more for a lock that the config
//! names, and for each generation of projects that others are built with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::Input;
use uv_normalize::PackageName;

use super::contexts::{Contexts, DEFAULT_FILENAME, Place};
use super::failure::Failure;
use super::files::{read, read_for};
use super::listing;
use crate::config::{self, Config, Request};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::entry::{self, Entry};
use crate::ignore;
use crate::lock::{self, PackageId};
use crate::manifest::{self, Manifest};
use crate::paths::script::lock_of;
use crate::paths::{directory_of, file_in};
use crate::project::script::{self, Known, Meaning};
use crate::project::{Files, PYTHON_VERSION, PYTHON_VERSIONS, Paths, Project, missing_lock};
use crate::stale::vicinity;

/// What the first round trip brings.
pub struct EntryFiles {
    /// The files that the compiler starts from.
    pub files: Files,
    /// Patterns of the ignore file.
    pub ignore: Vec<String>,
    /// The ignore file.
    pub ignore_file: Option<Arc<SourceFile>>,
    /// The project whose manifest lies beside the file that `-f` names, if that is not the root's.
    pub beside: Option<PackageName>,
    /// What the `# check=` line of the config, or of the stub, says.
    pub check: Option<String>,
}

/// Files of the context that are looked at in any case.
const ROOT_FILES: [&str; 7] = [
    lock::FILE_NAME,
    manifest::FILE_NAME,
    manifest::UV_TOML,
    config::FILE_NAME,
    PYTHON_VERSION,
    PYTHON_VERSIONS,
    ".dockerignore",
];

/// Reads what is needed to know what else is needed. The two places are asked side by side.
pub async fn entry_files(contexts: &Contexts<'_>, request: &Request) -> Result<EntryFiles, Failure> {
    let filename = contexts.filename.as_str();
    let own_ignore = format!("{filename}.dockerignore");
    let definition_name = format!("[internal] load build definition from {filename}");
    // A client sends the file from the directory that it lies in, under its bare name.
    let [manifest_beside, config_beside] =
        [manifest::FILE_NAME, config::FILE_NAME].map(|name| file_in(directory_of(filename), name));
    let names: BTreeSet<&str> = [filename, &own_ignore, &manifest_beside, &config_beside].into();
    let names = Vec::from_iter(names);
    let (mut beside, mut root) = futures::try_join!(
        read(contexts, &contexts.definition, &names, &definition_name),
        read(contexts, &contexts.context, &ROOT_FILES, "[internal] load project files"),
    )?;
    let named = beside.remove(filename);
    let beside_manifest = beside.remove(&manifest_beside);
    let is_elsewhere =
        beside_manifest.as_ref().map(|file| &file.text) != root.get(manifest::FILE_NAME).map(|file| &file.text);
    let own = beside_manifest.filter(|_| is_elsewhere).and_then(|file| manifest::parse(&file).ok()?.name);
    let config_beside = beside.remove(&config_beside).filter(|_| own.is_some());
    let check = named.as_ref().and_then(|file| entry::directive(file, "check"));
    let config = match named.as_ref().map(entry::classify).transpose()? {
        Some(Entry::Config(file)) => Some(file),
        Some(Entry::Stub) => config_beside.or_else(|| root.remove(config::FILE_NAME)),
        None if [DEFAULT_FILENAME, config::FILE_NAME].contains(&filename) => root.remove(config::FILE_NAME),
        None => {
            return Err(Diagnostic::new("entry::missing", format!("there is no file `{}`", filename))
                .help("pass the config with `-f`, or remove `-f` to use `uv.build.toml` of the build context")
                .into());
        }
    };
    let check = check.or_else(|| config.as_ref().and_then(|file| entry::directive(file, "check")));
    let parsed = config.as_ref().map(|file| config::parse(file, &contexts.options.build_args())).transpose()?;
    let named_lock = parsed.as_ref().and_then(|config: &Config| config.lock_of(request));
    let known = Known {
        config: parsed.as_ref(),
        lock: root.get(lock::FILE_NAME).map(|file| &**file),
        has_manifest: root.contains_key(manifest::FILE_NAME),
    };
    let script = match script::may_mean_one(known, request) {
        Meaning::None => None,
        Meaning::Path(path) => Some(lock_of(&path)),
        Meaning::Found => script::chosen(request, &listing::locks_of_scripts(contexts).await?)?,
    };
    let lock_path = script.as_deref().or(named_lock.map(|lock| lock.value.as_str())).unwrap_or(lock::FILE_NAME);
    let paths = Paths::of(lock_path);
    if lock_path != lock::FILE_NAME {
        let mut names = vec![lock_path];
        names.extend(paths.all().filter(|path| !ROOT_FILES.contains(path)));
        let label = format!("[internal] load {lock_path} and what lies beside it");
        root.extend(read(contexts, &contexts.context, &names, &label).await?);
    }
    let Some(lock) = root.remove(lock_path) else {
        let manifest = root.get(manifest::FILE_NAME).and_then(|file| manifest::parse(file).ok());
        let directory = contexts.options.get("vcs:localdir:context");
        let place = config.as_ref().or(named.as_ref());
        return Err(missing_lock(place, named_lock, lock_path, manifest.as_ref(), directory).into());
    };
    // What is not sent by a client is not filtered for it.
    let ignore = match &contexts.context {
        Place::Local { .. } => beside.remove(&own_ignore).or_else(|| root.remove(".dockerignore")),
        Place::Graph(_) => None,
    };
    Ok(EntryFiles {
        files: paths.files(config, lock, &root),
        ignore: ignore.as_ref().map(|file| ignore::parse(&file.text)).unwrap_or_default(),
        ignore_file: ignore,
        beside: own,
        check,
    })
}

/// The manifests of local projects, and those of the directories above them, by directory.
type Manifests = (BTreeMap<PackageId, Manifest>, BTreeMap<String, Option<Manifest>>);

/// Reads the manifests of the local projects that the requested target can reach; of those in `elsewhere`, by name, there. Beside
/// them those of the directories above, if there are any.
pub async fn manifests(
    contexts: &Contexts<'_>,
    project: &Project,
    request: &Request,
    elsewhere: &BTreeMap<String, (Place, Input)>,
) -> Result<Manifests, Failure> {
    let (mut manifests, mut above) = Manifests::default();
    let mut asked = BTreeSet::new();
    // Once, but for projects that others are built with.
    loop {
        let paths = project.manifest_paths(request, &manifests)?;
        let new: BTreeMap<_, _> = paths.into_iter().filter(|(id, _)| asked.insert(*id)).collect();
        if new.is_empty() {
            return Ok((manifests, above));
        }
        let (read, read_above) = read_manifests(contexts, project, &new, elsewhere).await?;
        manifests.extend(read);
        above.extend(read_above);
    }
}

/// Those of `paths` that there are.
async fn read_manifests(
    contexts: &Contexts<'_>,
    project: &Project,
    paths: &BTreeMap<PackageId, String>,
    elsewhere: &BTreeMap<String, (Place, Input)>,
) -> Result<Manifests, Failure> {
    let mut manifests = BTreeMap::new();
    let mut wanted = Vec::new();
    for (id, path) in paths {
        let name = project.lock.packages[*id].name.as_str();
        match (elsewhere.get(name), &project.manifest) {
            (Some((place, _)), _) => {
                let label = format!("[context {name}] load {}", manifest::FILE_NAME);
                if let Some(file) =
                    read(contexts, place, &[manifest::FILE_NAME], &label).await?.get(manifest::FILE_NAME)
                {
                    manifests.insert(*id, manifest::parse(file)?);
                }
            }
            // The root's has been read.
            (None, Some(root)) if *path == root.file.name => {
                manifests.insert(*id, root.clone());
            }
            _ => wanted.push((*id, path.as_str())),
        }
    }
    let above = vicinity::paths_above(project, paths.values().map(String::as_str));
    if wanted.is_empty() && above.is_empty() {
        return Ok((manifests, BTreeMap::new()));
    }
    let mut names: Vec<&str> = wanted.iter().map(|(_, path)| *path).collect();
    names.extend(above.iter().map(String::as_str).filter(|path| !paths.values().any(|known| known == path)));
    let span = |path: &str| {
        let (id, _) = wanted.iter().find(|(_, wanted)| *wanted == path)?;
        Some(project.lock.packages[*id].span.clone())
    };
    let label = "[internal] load manifests of members";
    let files = read_for(contexts, &contexts.context, &names, label, span).await?;
    for (id, path) in wanted {
        if let Some(file) = files.get(path) {
            manifests.insert(id, manifest::parse(file)?);
        }
    }
    Ok((manifests, vicinity::parse(above.iter().filter_map(|path| files.get(path)))))
}

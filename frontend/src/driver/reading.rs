//! Reading the client's files: the few that decide what is built, in two round trips.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_llb::{Local, Metadata};
use buildkit_proto::Gateway;
use futures::future::{join_all, try_join_all};

use super::failure::Failure;
use super::solve;
use crate::cli::missing_lock;
use crate::config;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::entry::{self, Entry};
use crate::ignore;
use crate::lock::{self, PackageId};
use crate::manifest::{self, Manifest};
use crate::options::Options;
use crate::project::{Files, Project, Request};

/// The client's directories.
pub struct Context<'a> {
    gateway: &'a Gateway,
    options: &'a Options,
    /// Name of the file that the client names with `-f`, within its directory.
    filename: &'a str,
}

/// What the first round trip brings.
pub struct EntryFiles {
    /// The files that the compiler starts from.
    pub files: Files,
    /// Patterns of the ignore file.
    pub ignore: Vec<String>,
    /// What the `# check=` line of the config, or of the stub, says.
    pub check: Option<String>,
}

/// What the client means when it names no file.
const DEFAULT_FILENAME: &str = "Dockerfile";

/// Files of the context that are looked at in any case.
const ROOT_FILES: [&str; 5] =
    [lock::FILE_NAME, manifest::FILE_NAME, config::FILE_NAME, ".python-version", ".dockerignore"];

impl<'a> Context<'a> {
    /// A context that comes from a directory of the client's.
    pub fn new(gateway: &'a Gateway, options: &'a Options) -> Result<Self, Failure> {
        if let Some(remote) = options.get("context") {
            return Err(Diagnostic::new(
                "context::remote",
                format!("the build context `{remote}` is not a local directory"),
            )
            .help("clone it and build from the directory: remote contexts are not supported yet")
            .into());
        }
        Ok(Self { gateway, options, filename: options.get("filename").unwrap_or(DEFAULT_FILENAME) })
    }

    /// Reads what is needed to know what else is needed. The client's two directories are asked side by side.
    pub async fn entry_files(&self) -> Result<EntryFiles, Failure> {
        let own_ignore = format!("{}.dockerignore", self.filename);
        let definition_name = format!("[internal] load build definition from {}", self.filename);
        let beside = [self.filename, own_ignore.as_str()];
        let key = self.options.get("dockerfilekey").unwrap_or("dockerfile");
        let (mut beside, mut root) = futures::try_join!(
            self.read(key, &beside, &definition_name),
            self.read("context", &ROOT_FILES, "[internal] load project files"),
        )?;
        let named = beside.remove(self.filename);
        let check = named.as_ref().and_then(|file| entry::directive(file, "check"));
        let config = match named.as_ref().map(entry::classify).transpose()? {
            Some(Entry::Config(file)) => Some(file),
            Some(Entry::Stub) => root.remove(config::FILE_NAME),
            None if [DEFAULT_FILENAME, config::FILE_NAME].contains(&self.filename) => root.remove(config::FILE_NAME),
            None => {
                return Err(Diagnostic::new("entry::missing", format!("there is no file `{}`", self.filename))
                    .help("name the config with `-f`, or leave `-f` out to use `uv.build.toml` of the context")
                    .into());
            }
        };
        let check = check.or_else(|| config.as_ref().and_then(|file| entry::directive(file, "check")));
        let Some(lock) = root.remove(lock::FILE_NAME) else {
            return Err(missing_lock(config.as_ref().or(named.as_ref())).into());
        };
        let ignore = beside.remove(&own_ignore).or_else(|| root.remove(".dockerignore"));
        Ok(EntryFiles {
            files: Files {
                config,
                lock,
                manifest: root.remove(manifest::FILE_NAME),
                python_version: root.remove(".python-version"),
            },
            ignore: ignore.map(|file| ignore::parse(&file.text)).unwrap_or_default(),
            check,
        })
    }

    /// Reads the manifests of the local projects that the requested target can reach.
    pub async fn manifests(
        &self,
        project: &Project,
        request: &Request,
    ) -> Result<BTreeMap<PackageId, Manifest>, Failure> {
        let paths = project.manifest_paths(request)?;
        let mut manifests = BTreeMap::new();
        let mut wanted = Vec::new();
        for (id, path) in &paths {
            // The root's has been read.
            match &project.manifest {
                Some(root) if path == manifest::FILE_NAME => {
                    manifests.insert(*id, root.clone());
                }
                _ => wanted.push(path.as_str()),
            }
        }
        if wanted.is_empty() {
            return Ok(manifests);
        }
        let files = self.read("context", &wanted, "[internal] load manifests of members").await?;
        for (id, path) in &paths {
            if let Some(file) = files.get(path) {
                manifests.insert(*id, manifest::parse(file)?);
            }
        }
        Ok(manifests)
    }

    /// The texts of those of `paths` that exist in a directory of the client's; nothing else is transferred.
    async fn read(
        &self,
        directory: &str,
        paths: &[&str],
        name: &str,
    ) -> Result<BTreeMap<String, Arc<SourceFile>>, Failure> {
        let local = Local::new(directory)
            .session(self.options.local_session(directory))
            .follow_paths(paths.iter().copied())
            .shared_key_hint(name)
            // Edits that keep size and time are seen, too.
            .differ_none()
            .metadata(Metadata::named(name))
            .build();
        let definition = buildkit_llb::marshal(&local)?.into_pb();
        let Some(reference) = solve(self.gateway, definition, Vec::new()).await? else {
            return Ok(BTreeMap::new());
        };
        // Listing first tells an absent file from one that cannot be read.
        let mut directories: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in paths {
            let (parent, file) = path.rsplit_once('/').unwrap_or((".", path));
            directories.entry(parent).or_default().push(file);
        }
        let listings = join_all(directories.iter().map(|(parent, files)| {
            let reference = &reference;
            async move {
                let present = self.gateway.read_dir(reference, parent, "").await.unwrap_or_default();
                let present = move |file: &str| present.iter().any(|entry| entry.path == file);
                files
                    .iter()
                    .filter(|file| present(file))
                    .map(|file| if *parent == "." { (*file).to_owned() } else { format!("{parent}/{file}") })
                    .collect::<Vec<_>>()
            }
        }))
        .await;
        let texts = listings.into_iter().flatten().map(|path| {
            let reference = &reference;
            async move {
                let bytes = self.gateway.read_file(reference, &path, None).await?;
                match String::from_utf8(bytes) {
                    Ok(text) => Ok((path.clone(), SourceFile::new(path, text))),
                    Err(_) => {
                        Err(Failure::from(Diagnostic::new("context::not_utf8", format!("`{path}` is not UTF-8 text"))))
                    }
                }
            }
        });
        Ok(try_join_all(texts).await?.into_iter().collect())
    }
}

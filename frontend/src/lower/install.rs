//! Artifacts: fetched by hash, wheels among them installed offline into an output that holds nothing else.

use std::collections::BTreeMap;

use buildkit_llb::{Bind, Exec, Git, Input, Metadata, Network, Output, ProgressGroup, Tmpfs};

use serde::Serialize;

use super::build::BACKEND;
use super::site::{Ground, Site};
use super::{Lowering, access};
use crate::manifest::Indexes;
use crate::plan::destination::Destination;
use crate::plan::recipe::Recipe;
use crate::plan::{Artifact, Backend, Form, Hash, Origin, Package};
use crate::rootfs::VENV;

impl Lowering<'_> {
    /// An image with an environment without packages, made by its python, and with bytecode for that python.
    pub(super) fn ground(&self, image: &Ground) -> Ground {
        let exec = self.exec_in(Bind::new("/", &image.root), image, &["venv", &image.python]);
        let exec = match self.plan.destination {
            Destination::MovableVenv => self.installing(exec),
            Destination::Venv | Destination::Directory { .. } => exec,
        };
        let other = self.plan.host.as_ref().filter(|_| self.is_foreign(image));
        let exec = match other.and_then(|host| host.other_python(&self.plan.interpreter)) {
            Some(_) => exec.env("UV_BUILDKIT_PYTHON", self.plan.interpreter.shown_version()),
            None => exec,
        };
        let vertex = exec
            .network(Network::None)
            .mount(Tmpfs::new("/app"))
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new("/out", Input::Scratch))
            .metadata(self.metadata(self.shared_name(&format!("create {VENV}")), None))
            .build();
        Ground { root: vertex.output("/"), venv: vertex.output("/out").into(), ..image.clone() }
    }

    /// The same with bytecode of what build backends import. Of a managed python all of its standard library has bytecode.
    pub(super) fn prepared(&self, image: &Ground) -> Ground {
        if image.managed.is_some() {
            return image.clone();
        }
        let vertex = self
            .exec_in(Bind::new("/", &image.root), image, &["prepare"])
            .network(Network::None)
            .mount(Tmpfs::new("/tmp"))
            .metadata(self.metadata(self.shared_name("prepare for builds"), None))
            .build();
        Ground { root: vertex.output("/"), ..image.clone() }
    }

    /// Build requirements, resolved once for all members that declare the same set.
    pub(super) fn backend(&self, site: &Site, backend: &Backend) -> Output {
        // Nothing is looked for where nothing is required: a backend may lie in the project itself.
        let is_empty = backend.requires.is_empty() && backend.projects.is_empty();
        let indexes = if is_empty { Vec::new() } else { self.plan.indexes.arguments() };
        let exec = self.requirements(&site.builder, &["backend", &site.builder.python], &indexes);
        let exec = with_data(with_data(exec, "REQUIRES", &backend.requires), "CONSTRAINTS", &backend.constraints);
        let exec = if is_empty { exec } else { self.with_resolution(exec) };
        let exec = backend.projects.iter().fold(exec, |exec, member| {
            exec.mount(Bind::new(format!("/built/{}", member.name), self.requirement(site, member)).readonly())
        });
        exec.mount(Bind::new(BACKEND, Input::Scratch))
            .metadata(
                self.metadata(self.shared_name(&format!("install build backend {}", backend.names().join(", "))), None),
            )
            .build()
            .output(BACKEND)
    }

    /// Mounts the flat indexes of the context where the arguments to uv say.
    pub(super) fn index_mounts(&self, exec: Exec) -> Exec {
        self.plan.indexes.directories.iter().fold(exec, |exec, directory| {
            let index = Bind::new(Indexes::mount_path(directory), &self.context).selector(format!("/{directory}"));
            exec.mount(index.readonly())
        })
    }

    /// One layer of wheels.
    pub(super) fn install(&self, packages: &[Package], prefix: &str, name: String) -> Output {
        let requirements: Vec<String> =
            packages.iter().map(|package| format!("{}=={}", package.name, package.version)).collect();
        let arguments: Vec<&str> = std::iter::once("install").chain(requirements.iter().map(String::as_str)).collect();
        let group = ProgressGroup {
            id: format!("fetch {prefix}"),
            name: match packages {
                [only] => format!("{prefix} fetch {} {}", only.name, only.version),
                several => format!("{prefix} fetch {} wheels", several.len()),
            },
            weak: false,
        };
        let is_built = packages.iter().any(|package| package.artifact.form != Form::Wheel);
        let ground = &if is_built { self.native() } else { &self.host }.runtime;
        let wheel_path = |package: &Package| format!("/wheels/{}", self.wheel_name(package, ground));
        let mut exec = self.install_step(ground, &arguments);
        let mut metadata = self.metadata(name, None);
        for package in packages {
            metadata = metadata.at_all(self.sources.location(&package.span));
            let wheel = match package.artifact.form {
                Form::Wheel => {
                    let (wheel, path) = self.artifact(package, Some(&group));
                    Bind::new(wheel_path(package), wheel).selector(path)
                }
                // How the wheel will be called is not known before it is built.
                Form::Sdist { .. } | Form::Tree { .. } => {
                    Bind::new(format!("/built/{}", package.name), self.build(package, prefix))
                }
            };
            exec = exec.mount(wheel.readonly());
        }
        let wheels = packages.iter().filter(|package| package.artifact.form == Form::Wheel);
        let unverified: Vec<_> = wheels.filter_map(|package| unverified(package, wheel_path(package))).collect();
        let notes = packages.iter().map(|package| {
            let recipe = (package.artifact.form != Form::Wheel).then_some(&package.recipe);
            (package.name.as_str(), self.notes(package.direct_url.as_deref(), recipe))
        });
        let notes: Notes<'_> = notes.filter(|(_, files)| !files.is_empty()).collect();
        let exec = with_data(with_data(exec, "VERIFY", &unverified), "NOTES", &notes);
        exec.metadata(metadata).build().output("/out")
    }

    /// A step that installs wheels, as they are mounted, into an empty output.
    pub(super) fn install_step(&self, ground: &Ground, arguments: &[&str]) -> Exec {
        let exec = self.exec(ground, arguments).network(Network::None).mount(Tmpfs::new("/tmp"));
        let exec = match self.plan.destination.directory() {
            None => exec.mount(Bind::new(VENV, ground.venv.clone()).selector(VENV).readonly()),
            Some(_) => exec,
        };
        self.installing(exec).mount(Bind::new("/out", Input::Scratch))
    }

    /// Tells a step where the image has packages, if that is no environment, or one that is moved.
    pub(super) fn installing(&self, exec: Exec) -> Exec {
        match &self.plan.destination {
            Destination::Venv => exec,
            Destination::MovableVenv => exec.env("UV_BUILDKIT_MOVABLE", "1"),
            Destination::Directory { path, .. } => exec.env("UV_BUILDKIT_DIRECTORY", path),
        }
    }

    /// Where a package came from and, if it was built, how. In a directory nobody looks for it: no later `uv sync` is meant.
    pub(super) fn notes(&self, direct_url: Option<&str>, recipe: Option<&Recipe>) -> BTreeMap<&'static str, String> {
        if self.plan.destination.directory().is_some() {
            return BTreeMap::new();
        }
        let files = [
            ("direct_url.json", direct_url.map(ToOwned::to_owned)),
            ("uv_build.json", recipe.and_then(Recipe::record)),
        ];
        files.into_iter().filter_map(|(file, text)| Some((file, text?))).collect()
    }

    /// What a step calls a wheel. uv would refuse one that is not for where the step runs, and its option `--python-platform` knows
    /// few platforms, and no C library newer than itself; which wheel fits the image was decided in the plan.
    fn wheel_name(&self, package: &Package, ground: &Ground) -> String {
        let file = &package.artifact.file;
        let parts: Vec<&str> = file.splitn(3, '-').collect();
        match parts[..] {
            [name, version, tags] if self.is_foreign(ground) && !tags.ends_with("-none-any.whl") => {
                format!("{name}-{version}-py3-none-any.whl")
            }
            _ => file.clone(),
        }
    }

    /// The vertex that holds an artifact, and the path of the artifact in it.
    pub(super) fn artifact(&self, package: &Package, group: Option<&ProgressGroup>) -> (Output, String) {
        let Artifact { file, origin, .. } = &package.artifact;
        let location = self.sources.location(&package.span);
        // The layers made from artifacts travel with a cache; the artifacts would double it.
        let metadata = |name: String| Metadata::named(name).export_cache(false).at_all(location);
        match origin {
            Origin::Context(path) => (self.context.clone(), format!("/{path}")),
            Origin::Url(url) => {
                let metadata = metadata(format!("fetch {file}"));
                let metadata = match group {
                    Some(group) => metadata.progress_group(group.clone()),
                    None => metadata,
                };
                let download = self.plan.access.download(url, package.index.as_deref());
                (access::fetch(package, &download).metadata(metadata).build(), format!("/{file}"))
            }
            Origin::Git { url, commit } => {
                let metadata = metadata(format!("fetch {} at {}", package.name, &commit[..12]));
                (Git::new(url, commit).metadata(metadata).build(), "/".to_owned())
            }
        }
    }
}

/// Whether BuildKit can verify a hash.
pub(super) fn is_buildkits(hash: &Hash) -> bool {
    hash.algorithm == "sha256"
}

/// A file that a step is to verify: its path, what the user calls it, its hash. None where BuildKit verifies it when it is
/// fetched.
pub(super) fn unverified(package: &Package, path: String) -> Option<[String; 3]> {
    let Artifact { file, origin, hash: Some(hash), .. } = &package.artifact else { return None };
    let shown = match origin {
        Origin::Url(_) if is_buildkits(hash) => return None,
        Origin::Git { .. } => return None,
        Origin::Url(_) => file,
        Origin::Context(path) => path,
    };
    Some([path, shown.clone(), hash.to_string()])
}

/// Texts of files that a step is to write beside the metadata of what it installs, by package and file name.
pub(super) type Notes<'plan> = BTreeMap<&'plan str, BTreeMap<&'static str, String>>;

/// Gives a step data that is no part of its command line, which clients show when it fails.
pub(super) fn with_data(exec: Exec, name: &str, data: &impl Serialize) -> Exec {
    match serde_json::to_string(data) {
        Ok(text) if text != "[]" && text != "{}" => exec.env(format!("UV_BUILDKIT_{name}"), text),
        Ok(_) | Err(_) => exec,
    }
}

//! Wheels: fetched by hash, installed offline into an output that holds nothing else.

use buildkit_llb::{Bind, Http, Input, Metadata, Network, Output, ProgressGroup, Tmpfs};

use super::Lowering;
use crate::plan::{Artifact, Backend, Origin, Package, VENV};

impl Lowering<'_> {
    /// The environment without packages, made by the python of `root`.
    pub(super) fn empty_venv(&self, root: &Output, env: &[(String, String)], python: &str) -> Output {
        self.exec(root, python, env, &["venv", python])
            .network(Network::None)
            .mount(Tmpfs::new("/app"))
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new("/out", Input::Scratch))
            .metadata(self.metadata(self.shared_name(&format!("create {VENV}")), None))
            .build()
            .output("/out")
    }

    /// Build requirements, resolved once for all members that declare the same set. The only step that needs an index.
    pub(super) fn backend(&self, backend: &Backend) -> Output {
        let python = self.plan.builder_python.as_str();
        let find_links = |directory: &String| format!("/src/{directory}");
        let directories: Vec<String> = backend.indexes.directories.iter().map(find_links).collect();
        let mut arguments = vec!["backend", python];
        arguments.extend(backend.indexes.args.iter().map(String::as_str));
        for directory in &directories {
            arguments.extend(["--find-links", directory]);
        }
        arguments.extend(backend.requires.iter().map(String::as_str));
        let mut exec = self.exec(&self.builder, python, &self.options.builder_env, &arguments);
        for directory in &backend.indexes.directories {
            let index = Bind::new(format!("/src/{directory}"), &self.context).selector(format!("/{directory}"));
            exec = exec.mount(index.readonly());
        }
        exec.mount(Tmpfs::new("/tmp"))
            .mount(Bind::new(super::member::BACKEND, Input::Scratch))
            .metadata(
                self.metadata(
                    self.shared_name(&format!("install build backend {}", backend.requires.join(", "))),
                    None,
                ),
            )
            .build()
            .output(super::member::BACKEND)
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
        let mut exec = self
            .exec(&self.base, &self.plan.interpreter.executable, &self.options.base_env, &arguments)
            .network(Network::None)
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new(VENV, &self.venv).selector(VENV).readonly())
            .mount(Bind::new("/out", Input::Scratch));
        let mut metadata = self.metadata(name, None);
        for package in packages {
            let Artifact { file, .. } = &package.artifact;
            let (wheel, path) = self.wheel(package, &group);
            exec = exec.mount(Bind::new(format!("/wheels/{file}"), wheel).selector(path).readonly());
            metadata = metadata.at_all(self.sources.location(&package.span));
        }
        exec.metadata(metadata).build().output("/out")
    }

    /// The vertex that holds a wheel, and the path of the wheel in it.
    fn wheel(&self, package: &Package, group: &ProgressGroup) -> (Output, String) {
        let Artifact { file, origin, sha256, .. } = &package.artifact;
        match origin {
            Origin::Context(path) => (self.context.clone(), format!("/{path}")),
            Origin::Url(url) => {
                let metadata = Metadata::named(format!("fetch {file}"))
                    .progress_group(group.clone())
                    // The layers made from wheels travel with a cache; the wheels would double it.
                    .export_cache(false)
                    .at_all(self.sources.location(&package.span));
                let http = Http::new(url).filename(file).mode(0o644).metadata(metadata);
                let http = match sha256 {
                    Some(hex) => http.checksum(format!("sha256:{hex}")),
                    None => http,
                };
                (http.build(), format!("/{file}"))
            }
        }
    }
}

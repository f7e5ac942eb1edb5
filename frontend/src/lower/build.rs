//! Third-party packages that are no wheel yet: built into one. What is asked of indexes and what runs a build backend are steps apart,
//! so that a backend sees no secret, and what it leaves is nobody's but its own wheel.

use buildkit_llb::{Bind, Exec, Input, Network, Output, Tmpfs};

use super::Lowering;
use super::install::{unverified, with_data};
use super::site::Ground;
use crate::plan::recipe::Recipe;
use crate::plan::{Form, Package, version};
use crate::rootfs::VENV;

/// Where a build finds what it is to build.
const SOURCE: &str = "/src";

/// Where a step finds what the backend asked for, or the wheel that it made.
const ASKED: &str = "/asked";

/// Where the build of a project keeps what makes the next one faster: what compilers made, and a copy of the sources. Backends match the path
/// of a project with ignore files, and use none that matches it: no part of the path is a name that ignore files have.
pub(super) const CACHE: &str = "/opt/uv-buildkit/kept";

/// Where a build writes; the same holds for its name.
pub(super) const SCRATCH: &str = "/opt/uv-buildkit/made";

/// Where build requirements are mounted; an environment knows its own path.
pub(super) const BACKEND: &str = "/opt/uv-buildkit/backend";

/// A package to be built, as its steps have it.
struct Source<'plan> {
    package: &'plan Package,
    output: Output,
    selector: String,
    path: String,
    subdirectory: &'plan str,
}

impl Lowering<'_> {
    /// A directory with the wheel of a package, by four steps. The first and the third have a network and the secrets of indexes, and run
    /// nothing of the package: they install what it requires, then what its backend asked for beside. The second and the fourth run the
    /// backend, and have neither. No step has a cache: what a build leaves reaches no other.
    pub(super) fn build(&self, package: &Package, prefix: &str) -> Output {
        let (output, selector) = self.artifact(package, None);
        let file = &package.artifact.file;
        let (path, subdirectory) = match &package.artifact.form {
            Form::Tree { subdirectory } => (SOURCE.to_owned(), subdirectory.as_deref()),
            Form::Sdist { subdirectory } => (format!("{SOURCE}/{file}"), subdirectory.as_deref()),
            Form::Wheel => (format!("{SOURCE}/{file}"), None),
        };
        let source = Source { package, output, selector, path, subdirectory: subdirectory.unwrap_or_default() };
        let Package { name, version, .. } = package;
        let metadata = |text: String| self.metadata(text, Some(name)).at_all(self.sources.location(&package.span));
        let builder = &self.native().builder;

        let indexes = self.plan.indexes.arguments();
        let python = builder.python.as_str();
        let words = ["requirements", &source.path, source.subdirectory, python];
        let unverified: Vec<_> = unverified(package, source.path.clone()).into_iter().collect();
        let exec = self
            .requirements(builder, &words, &indexes)
            .mount(source.mount())
            .mount(Bind::new(BACKEND, Input::Scratch));
        let exec = with_data(with_data(exec, "VERIFY", &unverified), "REQUIRES", &package.recipe.extra_requires);
        let exec = self.of_package(exec, package);
        let required = exec
            .metadata(metadata(format!("{prefix} install what {name} {version} is built with")))
            .build()
            .output(BACKEND);

        let exec = self.backend_of(&source, "build", builder).mount(Bind::new(BACKEND, &required).readonly());
        let built = exec.metadata(metadata(format!("{prefix} build {name} {version}"))).build().output("/out");

        let exec = self
            .requirements(builder, &["more", python], &indexes)
            .mount(Bind::new(ASKED, &built).readonly())
            .mount(Bind::new(BACKEND, &required));
        let exec = self.of_package(exec, package);
        let more = exec
            .metadata(metadata(format!("{prefix} install what the backend of {name} {version} asks for")))
            .build()
            .output(BACKEND);

        let exec = self
            .backend_of(&source, "finish", builder)
            .mount(Bind::new(BACKEND, &more).readonly())
            .mount(Bind::new(ASKED, &built).readonly());
        exec.metadata(metadata(format!("{prefix} finish the wheel of {name} {version}"))).build().output("/out")
    }

    /// A step that asks indexes for build requirements.
    pub(super) fn requirements(&self, builder: &Ground, words: &[&str], indexes: &[String]) -> Exec {
        let arguments: Vec<&str> = words.iter().copied().chain(indexes.iter().map(String::as_str)).collect();
        let exec = self.exec(builder, &arguments);
        self.index_mounts(self.log_in(self.online(exec))).mount(Tmpfs::new("/tmp"))
    }

    /// How build requirements of a package are looked for.
    fn of_package(&self, exec: Exec, package: &Package) -> Exec {
        let exec = with_data(exec, "EXPECTED", &[&package.name, &package.version]);
        self.with_resolution(with_data(exec, "CONSTRAINTS", &package.recipe.constraints))
    }

    /// A step that runs the backend of a package.
    fn backend_of(&self, source: &Source<'_>, command: &str, builder: &Ground) -> Exec {
        let Source { package, path, subdirectory, .. } = source;
        let Package { name, version, recipe, .. } = package;
        let exec = self.exec(builder, &[command, path, subdirectory]);
        let exec = exec
            .mount(source.mount())
            // On disk, not in memory: sources and native builds can be large.
            .mount(Bind::new(SCRATCH, Input::Scratch).no_output())
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new(VENV, builder.venv.clone()).selector(VENV).readonly())
            .mount(Bind::new("/out", Input::Scratch));
        let exec = self.connected(exec, package.network);
        let exec = with_data(with_data(exec, "EXPECTED", &[name, version]), "CONFIG", &recipe.config);
        let exec = with_recipe(self.for_image(exec, builder), name, recipe);
        match package.artifact.form {
            // The lock has the version that the tags gave.
            Form::Tree { .. } => with_version(exec, name, version),
            Form::Sdist { .. } | Form::Wheel => exec,
        }
    }

    /// Gives a build a network, or none.
    pub(super) fn connected(&self, exec: Exec, network: bool) -> Exec {
        if network { self.online(exec).env("UV_BUILDKIT_ONLINE", "1") } else { exec.network(Network::None) }
    }

    /// How uv looks for build requirements, as far as nothing is locked.
    pub(super) fn with_resolution(&self, exec: Exec) -> Exec {
        match self.plan.resolution.uv_toml() {
            Some(text) => exec.env("UV_BUILDKIT_UV_TOML", text),
            None => exec,
        }
    }

    /// Tells a step that builds a wheel for the image where the image runs, if that is not where the step does: what it builds must
    /// be for every platform then.
    pub(super) fn for_image(&self, exec: Exec, ground: &Ground) -> Exec {
        match self.is_foreign(ground) {
            true => exec.env("UV_BUILDKIT_FOREIGN", self.plan.platform.to_string()),
            false => exec,
        }
    }
}

impl Source<'_> {
    fn mount(&self) -> Bind {
        Bind::new(&self.path, self.output.clone()).selector(&self.selector).readonly()
    }
}

/// Tells the backend a version that it would else ask git's tags for: a step has files of a commit, and no history. That is
/// nothing to other backends.
pub(super) fn with_version(exec: Exec, package: &str, version: &str) -> Exec {
    exec.envs(version::variables(package).map(|name| (name, version.to_owned())))
}

/// Tells a step how the package is built that it builds.
pub(super) fn with_recipe(exec: Exec, package: &str, recipe: &Recipe) -> Exec {
    let exec = exec.envs(recipe.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    match recipe.uv_toml(package) {
        Some(text) => exec.env("UV_BUILDKIT_UV_TOML", text),
        None => exec,
    }
}

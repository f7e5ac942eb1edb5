//! Third-party packages that are no wheel yet: built, each in a step and with a cache of its own, into one.

use buildkit_llb::{Bind, Cache, CacheSharing, Exec, Input, Output, Tmpfs};

use sha2::{Digest, Sha256};

use super::Lowering;
use super::install::{unverified, with_data};
use super::site::Ground;
use crate::manifest::resolution::Resolution;
use crate::plan::recipe::Recipe;
use crate::plan::{Artifact, Form, Origin, Package, Platform, VENV, version};

/// Where a build finds what it is to build.
const SOURCE: &str = "/src";

/// Where a build keeps what makes the next one faster: uv's cache, those of compilers, and a copy of the sources. Backends match the path of a
/// project with ignore files, and use none that matches it: no part of the path is a name that ignore files have.
pub(super) const CACHE: &str = "/opt/uv-buildkit/kept";

/// Where a build writes; the same holds for its name.
pub(super) const SCRATCH: &str = "/opt/uv-buildkit/made";

impl Lowering<'_> {
    /// A directory with the wheel of a package.
    ///
    /// The step has a network: build requirements are not in a lock, uv resolves them when it builds. The cache is named after
    /// the package, what it is made from, and what makes its content unfit for others; two packages never wait for each other.
    pub(super) fn build(&self, package: &Package, prefix: &str) -> Output {
        let name = format!("{prefix} build {} {}", package.name, package.version);
        let builder = &self.native().builder;
        let Artifact { file, form, .. } = &package.artifact;
        let (source, selector) = self.artifact(package, None);
        let (path, subdirectory) = match form {
            Form::Tree { subdirectory } => (SOURCE.to_owned(), subdirectory),
            Form::Sdist { subdirectory } => (format!("{SOURCE}/{file}"), subdirectory),
            Form::Wheel => (format!("{SOURCE}/{file}"), &None),
        };
        let indexes = self.plan.indexes.arguments();
        let subdirectory = subdirectory.as_deref().unwrap_or_default();
        let arguments = ["build", &path, subdirectory].into_iter().chain(indexes.iter().map(String::as_str));
        let arguments: Vec<&str> = arguments.collect();
        let exec = self
            .exec(builder, &arguments)
            .mount(Bind::new(&path, source).selector(selector).readonly())
            .mount(Bind::new(SCRATCH, Input::Scratch).no_output())
            .mount(
                Cache::new(CACHE, self.cache_id(&package.name, &self.identity(package), &builder.platform))
                    .sharing(CacheSharing::Locked),
            )
            .mount(Tmpfs::new("/tmp"))
            .mount(Bind::new(VENV, builder.venv.clone()).selector(VENV).readonly())
            .mount(Bind::new("/out", Input::Scratch));
        let unverified: Vec<_> = unverified(package, path).into_iter().collect();
        let exec = with_data(self.index_mounts(self.log_in(self.online(exec))), "VERIFY", &unverified);
        let exec = with_data(exec, "EXPECTED", &[&package.name, &package.version]);
        let exec = match package.recipe.extra_requires.is_empty() {
            true => exec,
            false => with_data(exec, "BY_NAME", &true),
        };
        let exec = self.for_image(exec, builder);
        let exec = with_recipe(exec, &package.name, &package.recipe, Some(&self.plan.resolution));
        let exec = match form {
            // The lock has the version that the tags gave.
            Form::Tree { .. } => with_version(exec, &package.name, &package.version),
            Form::Sdist { .. } | Form::Wheel => exec,
        };
        let metadata = self.metadata(name, Some(&package.name)).at_all(self.sources.location(&package.span));
        exec.metadata(metadata).build().output("/out")
    }

    /// Tells a step that builds a wheel for the image where the image runs, if that is not where the step does: what it builds must
    /// be for every platform then.
    pub(super) fn for_image(&self, exec: Exec, ground: &Ground) -> Exec {
        match self.is_foreign(ground) {
            true => exec.env("UV_BUILDKIT_FOREIGN", self.plan.platform.to_string()),
            false => exec,
        }
    }

    /// What tells a package from others of its name: its hash, or where it comes from.
    fn identity(&self, package: &Package) -> String {
        match (&package.artifact.hash, &package.artifact.origin) {
            (Some(hash), _) => hash.to_string(),
            (None, Origin::Url(url)) => url.clone(),
            (None, Origin::Git { url, commit }) => format!("{url} {commit}"),
            (None, Origin::Context(path)) => format!("{path} {}", self.plan.workspace),
        }
    }

    /// `NAMESPACE/uv-buildkit-NAME-cpython313-linux-amd64-uv0.13-1a2b3c4d5e6f`: others of that name, which are another thing, have
    /// another `identity`, and never see what this one leaves.
    pub(super) fn cache_id(&self, package: &str, identity: &str, platform: &Platform) -> String {
        let namespace = self.options.cache_namespace.as_deref().map(|name| format!("{name}/")).unwrap_or_default();
        let python = &self.plan.interpreter;
        let version = python.short_version().unwrap_or_default().replace('.', "");
        let threads = if python.gil_disabled { "t" } else { "" };
        let python = format!("{}{version}{threads}", python.implementation_name);
        let platform = platform.to_string().replace('/', "-");
        // A cache that another version of uv wrote may be refused.
        let uv: Vec<&str> = self.plan.interpreter.uv.split('.').take(2).collect();
        let identity: String = Sha256::digest(identity)[..6].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{namespace}uv-buildkit-{package}-{python}-{platform}-uv{}-{identity}", uv.join("."))
    }
}

/// Tells the backend a version that it would else ask git's tags for: a step has files of a commit, and no history. That is
/// nothing to other backends.
pub(super) fn with_version(exec: Exec, package: &str, version: &str) -> Exec {
    exec.envs(version::variables(package).map(|name| (name, version.to_owned())))
}

/// Tells a step how the package is built that it builds; with a `resolution`, what it requires is looked for by the way.
pub(super) fn with_recipe(exec: Exec, package: &str, recipe: &Recipe, resolution: Option<&Resolution>) -> Exec {
    let exec = exec.envs(recipe.variables.iter().map(|(name, value)| (name.clone(), value.clone())));
    match recipe.uv_toml(package, resolution) {
        Some(text) => exec.env("UV_BUILDKIT_UV_TOML", text),
        None => exec,
    }
}

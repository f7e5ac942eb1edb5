//! The files of a build put together: config, lock and manifests, and the targets that they define.

pub mod requirement;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uv_normalize::PackageName;

use crate::config::check::CheckConfig;
use crate::config::table::Located;
use crate::config::{self, Config, FileConfig, Healthcheck, LayersConfig, Settings, TargetConfig, UserConfig};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span, quoted};
use crate::lock::closure::Selection;
use crate::lock::{self, Lock, PackageId};
use crate::manifest::{self, Manifest};
use crate::paths::file_in;
use crate::plan;

/// The files that a build starts from; all but the lock may be absent.
#[derive(Debug)]
pub struct Files {
    /// `uv.build.toml`.
    pub config: Option<Arc<SourceFile>>,
    /// `uv.lock`.
    pub lock: Arc<SourceFile>,
    /// `pyproject.toml` beside the lock.
    pub manifest: Option<Arc<SourceFile>>,
    /// `.python-version` beside the lock.
    pub python_version: Option<Arc<SourceFile>>,
}

/// The parsed files.
#[derive(Debug)]
pub struct Project {
    /// The config, if there is one.
    pub config: Option<Config>,
    /// The lock.
    pub lock: Lock,
    /// The workspace root's manifest.
    pub manifest: Option<Manifest>,
    /// How it says that packages are built.
    pub settings: manifest::settings::Settings,
    python_version: Option<Located<String>>,
}

/// What is built: a target's settings with every default filled in, checked against the lock.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name; a member's when it was not declared.
    pub name: String,
    /// The place of its declaration.
    pub span: Option<Span>,
    /// What of the lock it installs.
    pub selection: Selection,
    /// Members are installed as links to their sources.
    pub editable: bool,
    /// What it runs, if it is a check, and the checks that it requires.
    pub check: CheckConfig,
    /// Image under the result.
    pub base: Located<String>,
    /// Image in which members are built.
    pub builder: Located<String>,
    /// Packages of the base's distribution in the result.
    pub apt: Vec<Located<String>>,
    /// The same for the image in which members are built.
    pub build_apt: Vec<Located<String>>,
    /// Image that holds uv.
    pub uv: Located<String>,
    /// The python that was asked for, as a version prefix: `3.13`.
    pub python: Option<Located<String>>,
    /// Image `Cmd`, when it is given.
    pub cmd: Option<Vec<String>>,
    /// Image `Entrypoint`, when it is given.
    pub entrypoint: Option<Vec<String>>,
    /// Image `Env`, over the base's.
    pub env: BTreeMap<String, String>,
    /// Image `WorkingDir`.
    pub workdir: String,
    /// Who runs.
    pub user: UserConfig,
    /// The place of that user in the config.
    pub user_span: Option<Span>,
    /// Image `Healthcheck`, when it is given.
    pub healthcheck: Option<Healthcheck>,
    /// Image `StopSignal`, when it is given.
    pub stop_signal: Option<String>,
    /// Directories that belong to the user, and image `Volumes`.
    pub volumes: BTreeSet<String>,
    /// Image `ExposedPorts`.
    pub expose: BTreeSet<String>,
    /// Image `Labels`, over the base's.
    pub labels: BTreeMap<String, String>,
    /// Files of the context that the image holds.
    pub files: Vec<FileConfig>,
    /// Packages that it must not have: names, or prefixes that end in `*`.
    pub deny: Vec<Located<String>>,
    /// Bounds of its layers.
    pub layers: LayersConfig,
}

impl Target {
    /// What tells which images it is made of, and which python they must have.
    pub fn images(&self) -> impl Eq {
        let values = [Some(&self.base), Some(&self.builder), Some(&self.uv), self.python.as_ref()];
        values.map(|named| named.map(|named| named.value.clone()))
    }
}

/// Which target is wanted.
#[derive(Clone, Debug, Default)]
pub enum Request {
    /// The declared default, or the only one there is.
    #[default]
    Default,
    /// The one with this name.
    Target(String),
    /// A member, with the config's defaults, whatever targets are declared.
    Package(String),
}

/// The image that uv is taken from unless the config names another.
pub const DEFAULT_UV_IMAGE: &str = "ghcr.io/astral-sh/uv:0.13.9";

/// Where applications live.
pub const APP_DIR: &str = "/app";

/// The pythons that a default base image is chosen from, by preference.
const DEFAULT_PYTHONS: [&str; 5] = ["3.13", "3.14", "3.12", "3.11", "3.10"];

impl Project {
    /// Parses the files; `build_args` override the config's args.
    pub fn parse(files: &Files, build_args: &BTreeMap<String, String>) -> Result<Self, Diagnostics> {
        let config = files.config.as_ref().map(|file| config::parse(file, build_args)).transpose()?;
        let manifest = files.manifest.as_ref().map(manifest::parse).transpose()?;
        let settings = files.manifest.as_ref().map(manifest::settings::parse).transpose()?.unwrap_or_default();
        let lock = lock::parse(&files.lock)?;
        let python_version = files.python_version.as_ref().and_then(python_version);
        let project = Self { config, lock, manifest, settings, python_version };
        project.check_members()?;
        Ok(project)
    }

    /// What is said of members is said of local projects that there are. Those of other locks are not known here.
    fn check_members(&self) -> Result<(), Diagnostics> {
        if !self.declared().iter().all(|target| self.has_lock_of(target)) {
            return Ok(());
        }
        let members = self.config.iter().flat_map(|config| &config.members);
        let is_known = |name: &str| {
            name.parse::<PackageName>().is_ok_and(|name| self.local_names().any(|known| known == name.as_str()))
        };
        let unknown = members.filter(|member| !is_known(&member.name.value)).map(|member| {
            let problem = format!("`{}` is not a member of the workspace", member.name.value);
            Diagnostic::new("config::unknown_member", problem)
                .at(member.name.span.clone())
                .did_you_mean(&member.name.value, self.local_names())
        });
        Diagnostics::check(unknown.collect())
    }

    /// Names of the local projects.
    pub fn local_names(&self) -> impl Iterator<Item = &str> {
        let local = self.lock.packages.iter().filter(|package| package.source.project_dir().is_some());
        local.map(|package| package.name.as_str())
    }

    /// Whether the config declares targets, so that members do not stand for themselves.
    pub fn declares_targets(&self) -> bool {
        !self.declared().is_empty()
    }

    /// The targets that the config declares; empty when members stand for themselves.
    fn declared(&self) -> &[TargetConfig] {
        self.config.as_ref().map_or(&[], |config| &config.targets)
    }

    /// Paths of the manifests without which the build of a target cannot be planned: those of every local project that it can
    /// reach; of all members when targets are not declared, since the ones with scripts are targets then. What builds need is
    /// said in `manifests`, those that are known: with each of them, there may be more.
    pub fn manifest_paths(
        &self,
        request: &Request,
        manifests: &BTreeMap<PackageId, Manifest>,
    ) -> Result<BTreeMap<PackageId, String>, Diagnostics> {
        let members = || self.lock.members.iter().filter_map(|name| self.lock.member(name)).collect();
        let roots: Vec<PackageId> = match request {
            Request::Package(name) => vec![self.member(name, None)?],
            _ if self.declared().is_empty() => members(),
            // Any member may have named them.
            _ if self.names_foreign_indexes() => members(),
            _ => {
                let target = self.choose_declared(request)?;
                let checks = self.required_checks(&target.check)?;
                std::iter::once(target).chain(checks).map(|target| self.package_of(target)).collect::<Result<_, _>>()?
            }
        };
        let mut paths = BTreeMap::new();
        for id in self.reached(roots, manifests) {
            if let Some(dir) = self.lock.packages[id].source.project_dir() {
                paths.insert(id, manifest_path(&self.lock, id, dir)?);
            }
        }
        Ok(paths)
    }

    /// Whether the config names an index that the root's manifest does not.
    fn names_foreign_indexes(&self) -> bool {
        let named = self.manifest.as_ref().map(|root| &root.indexes.named);
        let mut indexes = self.config.iter().flat_map(|config| &config.access.indexes);
        indexes.any(|index| named.is_none_or(|named| !named.contains_key(&index.name.value)))
    }

    /// The packages that others lead to, with any extra and group, in any environment, and when they are built.
    pub fn reached(&self, roots: Vec<PackageId>, manifests: &BTreeMap<PackageId, Manifest>) -> BTreeSet<PackageId> {
        let mut reached: BTreeSet<PackageId> = BTreeSet::new();
        let mut queue = roots;
        while let Some(id) = queue.pop() {
            if reached.insert(id) {
                let package = &self.lock.packages[id];
                let tables = package.extras.values().chain(package.groups.values()).chain([&package.dependencies]);
                queue.extend(tables.flatten().map(|dependency| dependency.package));
                let manifest = manifests.get(&id);
                queue.extend(manifest.into_iter().flat_map(|manifest| requirement::projects(self, id, manifest)));
            }
        }
        reached
    }

    /// The target to build: the one requested, the declared default, or the only one there is.
    pub fn target(&self, request: &Request, manifests: &BTreeMap<PackageId, Manifest>) -> Result<Target, Diagnostics> {
        let package = match request {
            Request::Package(name) => self.member(name, None)?,
            _ if self.declared().is_empty() => self.choose_member(request, manifests)?,
            _ => {
                let target = self.choose_declared(request)?;
                self.required_checks(&target.check)?;
                let package = self.package_of(target)?;
                let span = Some(target.name.span.clone());
                return self.resolve(&target.name.value, span, &target.settings, &target.check, package);
            }
        };
        let defaults = self.config.as_ref().map(|config| config.defaults.clone()).unwrap_or_default();
        self.resolve(self.lock.packages[package].name.as_str(), None, &defaults, &CheckConfig::default(), package)
    }

    /// Names of all targets: the declared ones in file order, else the members with scripts.
    pub fn target_names(&self, manifests: &BTreeMap<PackageId, Manifest>) -> Vec<String> {
        if self.declared().is_empty() {
            return self.members_with_scripts(manifests).iter().map(ToString::to_string).collect();
        }
        self.declared().iter().map(|target| target.name.value.clone()).collect()
    }

    /// Names of the targets that run something instead of being images.
    pub fn check_names(&self) -> impl Iterator<Item = &str> {
        let checks = self.declared().iter().filter(|target| !target.check.run.is_empty());
        checks.map(|target| target.name.value.as_str())
    }

    fn choose_declared(&self, request: &Request) -> Result<&TargetConfig, Diagnostics> {
        let declared = self.declared();
        let requested = if let Request::Target(name) = request { Some(name.as_str()) } else { None };
        let names: Vec<&str> = declared.iter().map(|target| target.name.value.as_str()).collect();
        let default =
            self.config.as_ref().and_then(|config| config.default_target.as_ref()).map(|name| name.value.as_str());
        let file = self.config.as_ref().map(|config| Span::whole(&config.file));
        let Some(wanted) = requested.or(default).or(if let [only] = names[..] { Some(only) } else { None }) else {
            return Err(Diagnostic::new(
                "config::no_default_target",
                "there are several targets and none is the default",
            )
            .at_some(file)
            .help(format!("choose one with `--target`, or write `default-target = \"{}\"`", names[0]))
            .help(format!("targets: {}", quoted(&names)))
            .into());
        };
        declared.iter().find(|target| target.name.value == wanted).ok_or_else(|| {
            Diagnostic::new("config::unknown_target", format!("unknown target `{wanted}`"))
                .at_some(file)
                .did_you_mean(wanted, names)
                .into()
        })
    }

    /// The lock of a declared target, when it is not the one of this project.
    pub fn other_lock(&self, name: &str) -> Option<&str> {
        let target = self.declared().iter().find(|target| target.name.value == name)?;
        let lock = target.settings.lock.as_ref().map_or(lock::FILE_NAME, |lock| &lock.value);
        (!self.has_lock_of(target)).then_some(lock)
    }

    /// Whether a declared target is made from the lock of this project.
    fn has_lock_of(&self, target: &TargetConfig) -> bool {
        target.settings.lock.as_ref().map_or(lock::FILE_NAME, |lock| &lock.value) == self.lock.file.name
    }

    /// The targets that must pass before another is built.
    fn required_checks(&self, check: &CheckConfig) -> Result<Vec<&TargetConfig>, Diagnostics> {
        let mut targets = Vec::new();
        let mut errors = Vec::new();
        for required in &check.requires {
            let names = self.declared().iter().map(|target| target.name.value.as_str());
            match self.declared().iter().find(|target| target.name.value == required.value) {
                Some(target) if target.check.run.is_empty() => errors.push(
                    Diagnostic::new("config::not_a_check", format!("target `{}` runs nothing", required.value))
                        .at(required.span.clone())
                        .at(target.name.span.clone())
                        .help("only targets with `run` can be required"),
                ),
                Some(target) if !self.has_lock_of(target) => errors.push(
                    Diagnostic::new(
                        "config::other_lock",
                        format!("target `{}` is made from another lock", required.value),
                    )
                    .at(required.span.clone())
                    .at(target
                        .settings
                        .lock
                        .as_ref()
                        .map_or_else(|| target.name.span.clone(), |lock| lock.span.clone()))
                    .help("what is required must have the same `lock`"),
                ),
                Some(target) => targets.push(target),
                None => errors.push(
                    Diagnostic::new("config::unknown_target", format!("unknown target `{}`", required.value))
                        .at(required.span.clone())
                        .did_you_mean(&required.value, names),
                ),
            }
        }
        Diagnostics::check(errors)?;
        Ok(targets)
    }

    fn members_with_scripts(&self, manifests: &BTreeMap<PackageId, Manifest>) -> Vec<&PackageName> {
        self.lock
            .members
            .iter()
            .filter(|name| {
                let manifest = self.lock.member(name).and_then(|id| manifests.get(&id));
                manifest.is_some_and(|manifest| !manifest.scripts.is_empty())
            })
            .collect()
    }

    fn choose_member(
        &self,
        request: &Request,
        manifests: &BTreeMap<PackageId, Manifest>,
    ) -> Result<PackageId, Diagnostics> {
        if let Request::Target(wanted) = request {
            return self.member(wanted, None);
        }
        let with_scripts = self.members_with_scripts(manifests);
        let all: Vec<&PackageName> = self.lock.members.iter().collect();
        match (&with_scripts[..], &all[..]) {
            ([only], _) | ([], [only]) => self.member(only.as_str(), None),
            (several, _) => {
                let names = if several.is_empty() { &all } else { several };
                let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
                let problem = "the workspace has several members that could be built";
                Err(Diagnostic::new("config::no_default_target", problem)
                    .at(Span::whole(&self.lock.file))
                    .help("choose one with `--target`, or declare targets in `uv.build.toml`")
                    .help(format!("members: {}", quoted(&names)))
                    .into())
            }
        }
    }

    /// The member with this name; `span` is where it is named.
    fn member(&self, name: &str, span: Option<&Span>) -> Result<PackageId, Diagnostics> {
        let parsed = name.parse::<PackageName>().ok().filter(|name| self.lock.members.contains(name));
        parsed.and_then(|name| self.lock.member(&name)).ok_or_else(|| {
            Diagnostic::new("config::unknown_member", format!("`{name}` is not a member of the workspace"))
                .at(span.cloned().unwrap_or_else(|| Span::whole(&self.lock.file)))
                .did_you_mean(name, self.lock.members.iter().map(PackageName::as_str))
                .into()
        })
    }

    /// The member that a declared target installs; the root project when it names none.
    fn package_of(&self, target: &TargetConfig) -> Result<PackageId, Diagnostics> {
        if let Some(package) = &target.settings.package {
            return self.member(&package.value, Some(&package.span));
        }
        let root = self.manifest.as_ref().and_then(|manifest| manifest.name.as_ref());
        let only = if self.lock.members.len() == 1 { self.lock.members.first() } else { None };
        root.or(only).and_then(|name| self.lock.member(name)).ok_or_else(|| {
            Diagnostic::new(
                "config::no_package",
                format!("target `{}` names no package, and the workspace root is not one", target.name.value),
            )
            .at(target.name.span.clone())
            .help("add `package = \"MEMBER\"`")
            .help(format!(
                "members: {}",
                quoted(&self.lock.members.iter().map(PackageName::as_str).collect::<Vec<_>>())
            ))
            .into()
        })
    }

    fn resolve(
        &self,
        name: &str,
        span: Option<Span>,
        settings: &Settings,
        check: &CheckConfig,
        root: PackageId,
    ) -> Result<Target, Diagnostics> {
        let package = &self.lock.packages[root];
        let mut errors = Vec::new();
        let extras = checked_names(&settings.extras, &package.extras, "extra", &package.name, &mut errors);
        let groups = checked_names(&settings.groups, &package.groups, "group", &package.name, &mut errors);
        Diagnostics::check(errors)?;

        let requested = self.config.as_ref().and_then(|config| config.python_version.clone());
        let base = match &settings.base {
            Some(base) => base.clone(),
            None => self.default_base(requested.as_ref())?,
        };
        // A base of the user's choice decides for itself: only what the config says binds it.
        let python = requested.or_else(|| settings.base.is_none().then(|| self.python_version.clone()).flatten());
        let default_uv = || Located { value: DEFAULT_UV_IMAGE.to_owned(), span: self.root_span() };
        let strings = |list: &Option<Vec<Located<String>>>| {
            list.as_ref().map(|list| list.iter().map(|item| item.value.clone()).collect::<Vec<_>>())
        };
        let values = |map: &BTreeMap<String, Located<String>>| {
            map.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect()
        };
        let default_user = UserConfig {
            name: "app".to_owned(),
            uid: config::DEFAULT_ID,
            gid: config::DEFAULT_ID,
            home: "/home/app".to_owned(),
        };
        let editable = settings.editable.unwrap_or(false);
        let workdir = match package.source.project_dir() {
            Some(directory) if editable => plan::source_path(directory),
            _ => APP_DIR.to_owned(),
        };
        Ok(Target {
            name: name.to_owned(),
            span: span.clone(),
            selection: Selection { root, extras, groups },
            editable,
            check: check.clone(),
            builder: settings.builder.clone().unwrap_or_else(|| base.clone()),
            base,
            apt: settings.apt.clone().unwrap_or_default(),
            build_apt: settings.build_apt.clone().unwrap_or_default(),
            uv: self.config.as_ref().and_then(|config| config.uv_image.clone()).unwrap_or_else(default_uv),
            python,
            cmd: strings(&settings.cmd),
            entrypoint: strings(&settings.entrypoint),
            env: values(&settings.env),
            workdir: settings.workdir.as_ref().map_or(workdir, |workdir| workdir.value.clone()),
            user: settings.user.as_ref().map_or(default_user, |user| user.value.clone()),
            // The default user has no place of its own: the target is where another one is named.
            user_span: settings.user.as_ref().map(|user| user.span.clone()).or_else(|| span.clone()),
            healthcheck: settings.healthcheck.clone(),
            stop_signal: settings.stop_signal.as_ref().map(|signal| signal.value.clone()),
            volumes: strings(&settings.volumes).unwrap_or_default().into_iter().collect(),
            expose: strings(&settings.expose).unwrap_or_default().into_iter().collect(),
            labels: values(&settings.labels),
            files: settings.files.clone().unwrap_or_default(),
            deny: settings.deny.clone().unwrap_or_default(),
            layers: settings.layers.clone().unwrap_or_default(),
        })
    }

    fn root_span(&self) -> Span {
        Span::whole(self.config.as_ref().map_or(&self.lock.file, |config| &config.file))
    }

    /// `python:VERSION-slim-bookworm`, the version from the config, `.python-version` or `requires-python`.
    fn default_base(&self, requested: Option<&Located<String>>) -> Result<Located<String>, Diagnostics> {
        let image = |version: &str| format!("python:{version}-slim-bookworm");
        if let Some(version) = requested.or(self.python_version.as_ref()) {
            return Ok(version.clone().map(|version| image(&version)));
        }
        let Some((specifiers, span)) = &self.lock.requires_python else {
            return Ok(Located { value: image(DEFAULT_PYTHONS[0]), span: self.root_span() });
        };
        // The newest patch of a minor version is what the image's tag means; compare as if it were very new.
        let admitted = DEFAULT_PYTHONS
            .iter()
            .find(|minor| format!("{minor}.99").parse().is_ok_and(|version| specifiers.contains(&version)));
        match admitted {
            Some(version) => Ok(Located { value: image(version), span: span.clone() }),
            None => Err(Diagnostic::new(
                "python::no_default",
                format!("no default python satisfies `requires-python = \"{specifiers}\"`"),
            )
            .at(span.clone())
            .help("write `[python]` with `version = \"…\"`, or `base = \"…\"` for the target")
            .into()),
        }
    }
}

/// The version that `.python-version` asks for; other requests than versions (`pypy`, paths) are not for an image.
fn python_version(file: &Arc<SourceFile>) -> Option<Located<String>> {
    let line = file.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let version = line.strip_prefix("cpython-").or_else(|| line.strip_prefix("cpython@")).unwrap_or(line);
    let is_version = version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_version.then(|| Located { value: version.to_owned(), span: Span::whole(file) })
}

/// The names of extras or groups that a target asks for, each checked against the member.
fn checked_names<N: std::str::FromStr + Ord + AsRef<str>, T>(
    wanted: &Option<Vec<Located<String>>>,
    known: &BTreeMap<N, T>,
    kind: &str,
    package: &PackageName,
    errors: &mut Vec<Diagnostic>,
) -> BTreeSet<N> {
    let mut names = BTreeSet::new();
    for name in wanted.iter().flatten() {
        match name.value.parse::<N>() {
            Ok(parsed) if known.contains_key(&parsed) => {
                names.insert(parsed);
            }
            _ => {
                let problem = format!("`{package}` has no {kind} `{}`", name.value);
                let error = Diagnostic::new(unknown_name_code(kind), problem).at(name.span.clone());
                errors.push(if known.is_empty() {
                    error.help("its own `pyproject.toml` declares none; that of the workspace root does not count")
                } else {
                    error.did_you_mean(&name.value, known.keys().map(AsRef::as_ref))
                });
            }
        }
    }
    names
}

fn unknown_name_code(kind: &str) -> &'static str {
    if kind == "extra" { "config::unknown_extra" } else { "config::unknown_group" }
}

/// Path of a local project's manifest, relative to the root of the context.
fn manifest_path(lock: &Lock, id: PackageId, dir: &str) -> Result<String, Diagnostic> {
    let package = &lock.packages[id];
    if dir.starts_with('/') || dir.split('/').any(|part| part == "..") {
        return Err(Diagnostic::new(
            "lock::outside_context",
            format!("`{}` lies in `{dir}`, outside the build context", package.name),
        )
        .at(package.span.clone())
        .help("build from the directory that holds it, or make it a member of the workspace"));
    }
    Ok(file_in(dir, manifest::FILE_NAME))
}

//! The files of a build put together: config, lock and manifests, and the targets that they define.

mod files;
mod managed;
mod parsed;
mod python;
mod reading;
pub mod requirement;
pub mod script;
mod target;
pub mod uv;

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::PackageName;

use crate::config::check::CheckConfig;
use crate::config::kind::Kind;
use crate::config::members::{ALL, MemberConfig};
use crate::config::{self, Request, TargetConfig};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, quoted};
use crate::lock::{self, PackageId, Source};
use crate::manifest::configuration::{is_uv_toml, of_file};
use crate::manifest::{self, Manifest};
use crate::paths::script::{script_of, stem};
pub use files::Files;
pub use managed::ManagedPython;
pub use parsed::Project;
pub use python::{PYTHON_VERSION, PYTHON_VERSIONS};
use reading::manifest_path;
pub use reading::{Paths, Read, missing_lock};
pub use target::Target;

impl Project {
    /// Parses the files; `build_args` override the config's args.
    pub fn parse(files: &Files, build_args: &BTreeMap<String, String>) -> Result<Self, Diagnostics> {
        let config = files.config.as_ref().map(|file| config::parse(file, build_args)).transpose()?;
        let (manifest, settings) = match script_of(&files.lock.name) {
            Some(script) => {
                let (manifest, settings) = script::read(files, script)?;
                (Some(manifest), settings)
            }
            None => match files.manifest.as_ref().map(manifest::parse).transpose()? {
                Some(mut manifest) => {
                    let settings = settings(files, &mut manifest)?;
                    (Some(manifest), settings)
                }
                None => Default::default(),
            },
        };
        let lock = lock::parse(&files.lock)?;
        let (pin, unknown_pins) = files.python_version.as_ref().map(python::pinned).unwrap_or_default();
        let pin = pin.filter(|pin| lock.script.is_none() || python::is_possible(&pin.value, &lock));
        let project = Self { config, lock, manifest, settings, flag: None, pin, unknown_pins };
        project.check_members()?;
        Ok(project)
    }

    /// Whether the lock is compared with the manifests.
    pub fn checks_lock(&self) -> bool {
        self.config.as_ref().is_none_or(|config| config.lock_check.has(&self.lock.file.name))
    }

    /// How to build from a stale lock all the same.
    pub fn check_off(&self) -> String {
        let several = self.config.as_ref().is_some_and(|config| config.locks().len() > 1);
        let value = match several {
            true => format!("{{ \"{}\" = \"off\" }}", self.lock.file.name),
            false => "\"off\"".to_owned(),
        };
        format!("to build from the lockfile as it is, write `[lock]` with `check = {value}` in `uv.build.toml`")
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
        let unknown =
            members.filter(|member| member.name.value != ALL && !is_known(&member.name.value)).map(|member| {
                let problem = format!("`{}` is not a member of the workspace", member.name.value);
                Diagnostic::new("config::unknown_member", problem)
                    .at(member.name.span.clone())
                    .did_you_mean(&member.name.value, self.local_names())
            });
        let packages = self.config.iter().flat_map(|config| &config.packages);
        let foreign = || self.lock.packages.iter().filter(|package| package.source.is_of_others());
        let is_foreign =
            |name: &str| name.parse::<PackageName>().is_ok_and(|name| foreign().any(|known| known.name == name));
        let unlocked = packages.filter(|package| !is_foreign(&package.name.value)).map(|package| {
            let name = &package.name.value;
            let error = |problem| Diagnostic::new("config::unknown_package", problem).at(package.name.span.clone());
            match is_known(name) {
                true => error(format!("`{name}` is a project of the workspace, not a third-party package"))
                    .help(format!("use `[members.{name}]` instead")),
                false => error(format!("`{name}` is not a package in `{}`", self.lock.file.name))
                    .did_you_mean(name, foreign().map(|package| package.name.as_str())),
            }
        });
        Diagnostics::check(unknown.chain(unlocked).collect())
    }

    /// What the config says of a local project.
    pub fn config_of(&self, id: PackageId) -> Option<&MemberConfig> {
        let name = &self.lock.packages[id].name;
        let mut members = self.config.iter().flat_map(|config| &config.members);
        members.find(|member| member.name.value.parse::<PackageName>().is_ok_and(|other| other == *name))
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
        let mut paths = BTreeMap::new();
        for id in self.reached(self.roots(request)?, manifests) {
            match &self.lock.packages[id].source {
                Source::Script(path) => drop(paths.insert(id, path.clone())),
                source => {
                    if let Some(dir) = source.project_dir() {
                        paths.insert(id, manifest_path(&self.lock, id, dir)?);
                    }
                }
            }
        }
        Ok(paths)
    }

    /// The local projects from which on a request reaches what must be known of it.
    pub fn roots(&self, request: &Request) -> Result<Vec<PackageId>, Diagnostics> {
        if let Some(script) = self.script() {
            return Ok(vec![script.root]);
        }
        let members = || self.lock.members.iter().filter_map(|name| self.lock.member(name)).collect();
        match request {
            Request::Package(name) => Ok(vec![self.member(name, None)?]),
            _ if self.declared().is_empty() => Ok(members()),
            // Any member may have named them.
            _ if self.names_foreign_indexes() => Ok(members()),
            _ => {
                let target = self.choose_declared(request)?;
                let checks = self.required_checks(&target.check)?;
                std::iter::once(target).chain(checks).map(|target| self.package_of(target)).collect()
            }
        }
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
                queue.extend(package.edges().map(|dependency| dependency.package));
                let manifest = manifests.get(&id);
                queue.extend(manifest.into_iter().flat_map(|manifest| requirement::projects(self, id, manifest)));
            }
        }
        reached
    }

    /// The target to build: the one requested, the declared default, or the only one there is.
    pub fn target(&self, request: &Request, manifests: &BTreeMap<PackageId, Manifest>) -> Result<Target, Diagnostics> {
        let package = match (request, self.script()) {
            (Request::Package(name), _) => self.member(name, None)?,
            (_, Some(script)) if self.declared().is_empty() => script.root,
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
        let name = self.script().map_or(self.lock.packages[package].name.as_str(), |script| stem(&script.path));
        self.resolve(name, None, &defaults, &CheckConfig::default(), package)
    }

    /// What is asked for by a file that lies beside the manifest of a project: that project, if it is a member, or the one target of it.
    pub fn request_beside(&self, name: &PackageName) -> Request {
        let is_root = self.manifest.as_ref().and_then(|root| root.name.as_ref()) == Some(name);
        if is_root || !self.lock.members.contains(name) {
            return Request::Default;
        }
        let declared = self.declared();
        let is_of = |target: &&TargetConfig| {
            target
                .settings
                .package
                .as_ref()
                .is_some_and(|package| package.value.parse().is_ok_and(|of: PackageName| of == *name))
        };
        let mut of_member = declared.iter().filter(is_of);
        match (declared.is_empty(), of_member.next(), of_member.next()) {
            (true, ..) => Request::Target(name.to_string()),
            (false, Some(only), None) => Request::Target(only.name.value.clone()),
            (false, ..) => Request::Default,
        }
    }

    /// Names of all targets: the declared ones in file order, else the members that stand for themselves.
    pub fn target_names(&self, manifests: &BTreeMap<PackageId, Manifest>) -> Vec<String> {
        if let (Some(script), true) = (self.script(), self.declared().is_empty()) {
            return vec![stem(&script.path).to_owned()];
        }
        if self.declared().is_empty() {
            return self.own_targets(manifests).iter().map(ToString::to_string).collect();
        }
        self.declared().iter().map(|target| target.name.value.clone()).collect()
    }

    /// Names of the targets that run something instead of being images.
    pub fn check_names(&self) -> impl Iterator<Item = &str> {
        let checks = self.declared().iter().filter(|target| !target.check.run.is_empty());
        checks.map(|target| target.name.value.as_str())
    }

    /// Names of the targets that are files instead of images.
    pub fn artifact_names(&self) -> impl Iterator<Item = &str> {
        let is_image =
            |target: &TargetConfig| target.settings.kind.as_ref().is_none_or(|kind| kind.value == Kind::Image);
        let artifacts = self.declared().iter().filter(move |target| !is_image(target));
        artifacts.map(|target| target.name.value.as_str())
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
                "there are several targets, but no default target",
            )
            .at_some(file)
            .help(format!("choose one with `--target`, or write `default-target = \"{}\"`", names[0]))
            .help(format!("targets: {}", quoted(&names)))
            .into());
        };
        declared.iter().find(|target| target.name.value == wanted).ok_or_else(|| {
            let unknown = Diagnostic::new("config::unknown_target", format!("unknown target `{wanted}`"))
                .at_some(file)
                .did_you_mean(wanted, names);
            match self.lock.members.iter().any(|member| member.as_str() == wanted) {
                true => unknown.help(format!(
                    "`{wanted}` is a member, and a config has to declare it: add `[targets.{wanted}]` and \
                     `package = \"{wanted}\"`"
                )),
                false => unknown,
            }
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
                    Diagnostic::new("config::not_a_check", format!("target `{}` is not a check", required.value))
                        .at(required.span.clone())
                        .at(target.name.span.clone())
                        .help("only targets with `run` can be required"),
                ),
                Some(target) if !self.has_lock_of(target) => errors.push(
                    Diagnostic::new("config::other_lock", format!("target `{}` uses another lockfile", required.value))
                        .at(required.span.clone())
                        .at(target
                            .settings
                            .lock
                            .as_ref()
                            .map_or_else(|| target.name.span.clone(), |lock| lock.span.clone()))
                        .help("a target and the checks that it requires must have the same `lock`"),
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

    /// The members that stand for themselves: those with scripts, and those that are applications and no packages; or the only one that
    /// there is.
    fn own_targets(&self, manifests: &BTreeMap<PackageId, Manifest>) -> Vec<&PackageName> {
        let is_started = |name: &&PackageName| {
            let Some(id) = self.lock.member(name) else { return false };
            let package = &self.lock.packages[id];
            match &package.source {
                // The root of a workspace often only holds the tools of those who work on it.
                Source::Virtual(directory) => *directory != self.lock.root || !package.dependencies.is_empty(),
                _ => manifests.get(&id).is_some_and(|manifest| !manifest.scripts.is_empty()),
            }
        };
        let started: Vec<&PackageName> = self.lock.members.iter().filter(is_started).collect();
        match (&started[..], self.lock.members.len()) {
            ([], 1) => self.lock.members.iter().collect(),
            _ => started,
        }
    }

    fn choose_member(
        &self,
        request: &Request,
        manifests: &BTreeMap<PackageId, Manifest>,
    ) -> Result<PackageId, Diagnostics> {
        if let Request::Target(wanted) = request {
            return self.member(wanted, None);
        }
        self.require_members()?;
        let own = self.own_targets(manifests);
        match &own[..] {
            [only] => self.member(only.as_str(), None),
            several => {
                let all: Vec<&PackageName> = self.lock.members.iter().collect();
                let names = if several.is_empty() { &all[..] } else { several };
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

    /// A workspace may have been locked before it had a member.
    fn require_members(&self) -> Result<(), Diagnostic> {
        if !self.lock.members.is_empty() {
            return Ok(());
        }
        let problem = format!("`{}` has no project: there is nothing to build", self.lock.file.name);
        Err(Diagnostic::new("lock::empty", problem).at(Span::whole(&self.lock.file)).help(format!(
            "add a `[project]` table, or list members in `[tool.uv.workspace]`, then {}",
            self.lock.relock()
        )))
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

    /// The member that a declared target installs; the root project when it names none, or else the member of the same name.
    fn package_of(&self, target: &TargetConfig) -> Result<PackageId, Diagnostics> {
        if let Some(script) = self.script() {
            return Ok(script.root);
        }
        if let Some(package) = &target.settings.package {
            return self.member(&package.value, Some(&package.span));
        }
        self.require_members()?;
        let root = self.manifest.as_ref().and_then(|manifest| manifest.name.as_ref());
        let only = if self.lock.members.len() == 1 { self.lock.members.first() } else { None };
        // In a workspace without a project at its root, a name is enough.
        let same = self.lock.members.iter().find(|member| member.as_str() == target.name.value);
        root.or(only).or(same).and_then(|name| self.lock.member(name)).ok_or_else(|| {
            Diagnostic::new(
                "config::no_package",
                format!("target `{}` has no `package`, and the workspace root is not a package", target.name.value),
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
}

/// The settings of the file that uv has them from: `uv.toml` beside the manifest, `tool.uv` in it, or the nearest of those above
/// (uv: `FilesystemOptions::find`). Puts those that the lock was made from, and the indexes, into the manifest.
fn settings(files: &Files, manifest: &mut Manifest) -> Result<manifest::settings::Settings, Diagnostics> {
    let own = manifest::settings::parse(&manifest.file)?;
    let beside = files.uv_toml.as_ref().and_then(|file| Some((file, of_file(file)?)));
    let has_own = of_file(&manifest.file).is_some();
    let above = || files.above.iter().find_map(|file| Some((file, of_file(file)?)));
    let found = beside.or_else(|| if has_own { None } else { above() });
    let is_elsewhere = found.is_some();
    let configuration = found.as_ref().map(|(_, configuration)| configuration.clone());
    if let Some(declarations) = &mut manifest.declarations
        && (is_elsewhere || declarations.configuration.is_none())
    {
        declarations.configuration = Some(configuration.unwrap_or_default());
    }
    match found {
        Some((file, _)) if is_uv_toml(file) => {
            manifest.indexes = manifest::indexes_beside(file, &manifest.indexes)?;
            manifest::settings::parse_beside(file, own)
        }
        // uv passes over a manifest above that it cannot read.
        Some((file, _)) => match (manifest::indexes_above(file), manifest::settings::parse(file)) {
            (Ok(indexes), Ok(mut settings)) => {
                manifest.indexes = indexes;
                settings.constraints = own.constraints;
                Ok(settings)
            }
            _ => Ok(own),
        },
        None => Ok(own),
    }
}

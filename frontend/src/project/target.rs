//! A target with every default filled in, checked against the lock.

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::PackageName;

use super::managed::ManagedPython;
use super::parsed::Project;
use super::python::Python;
use super::uv::default_image;
use crate::config::check::CheckConfig;
use crate::config::kind::Kind;
use crate::config::layout::Layout;
use crate::config::members::InputConfig;
use crate::config::sbom::Sbom;
use crate::config::step::Place;
use crate::config::{FileConfig, FileSource, Healthcheck, LabelSource, LayersConfig, Settings, StepConfig, UserConfig};
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Span};
use crate::interpreter::request::PythonRequest;
use crate::lock::closure::Selection;
use crate::lock::{PackageId, Source};
use crate::rootfs::{APP_DIR, source_path};

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
    /// What a build of it leaves.
    pub kind: Kind,
    /// How the packages lie in it.
    pub layout: Layout,
    /// What it runs, if it is a check, and the checks that it requires.
    pub check: CheckConfig,
    /// Image under the result.
    pub base: Located<String>,
    /// Image in which members are built.
    pub builder: Located<String>,
    /// Packages of the base's distribution in the result, where that is Debian or made from it.
    pub apt: Vec<Located<String>>,
    /// Where it is Alpine.
    pub apk: Vec<Located<String>>,
    /// The same as `apt` for the image in which members are built.
    pub build_apt: Vec<Located<String>>,
    /// The same as `apk` for that image.
    pub build_apk: Vec<Located<String>>,
    /// Image that holds uv.
    pub uv: Located<String>,
    /// The python that is asked for.
    pub python: Option<Located<PythonRequest>>,
    /// How uv installs it; absent where the base has it.
    pub managed: Option<ManagedPython>,
    /// Image `Cmd`, when it is given.
    pub cmd: Option<Vec<String>>,
    /// Image `Entrypoint`, when it is given.
    pub entrypoint: Option<Vec<String>>,
    /// The words of both, as they are written.
    pub words: Vec<Located<String>>,
    /// Where it says that an init is the first process, before entrypoint and command.
    pub init: Option<Span>,
    /// Image `Env`, over the base's.
    pub env: BTreeMap<String, String>,
    /// Image `WorkingDir`; where packages are when it is not given.
    pub workdir: Option<String>,
    /// Who runs; whom the base names when it is not given.
    pub user: Option<UserConfig>,
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
    /// Where labels come from that nobody wrote.
    pub labels_from: Vec<LabelSource>,
    /// Those that the client's checkout gives.
    pub git_labels: BTreeMap<String, String>,
    /// Files of the context that the image holds.
    pub files: Vec<FileConfig>,
    /// The script that it is made from, which the image has in its working directory.
    pub script: Option<Located<String>>,
    /// The directory of the project, whose files the image has in its working directory.
    pub sources: Option<String>,
    /// Directories that the user may write to.
    pub writable: BTreeSet<String>,
    /// Where it says that uv is a part of the image.
    pub has_uv: Option<Span>,
    /// Commands that make directories of the image.
    pub steps: Vec<StepConfig>,
    /// Of a target that is no image, those that builds of members read from, and those that these read from.
    pub feeding: Vec<StepConfig>,
    /// Packages that it must not have: names, or prefixes that end in `*`.
    pub deny: Vec<Located<String>>,
    /// Bytes on disk that it may have.
    pub max_image_size: Option<Located<u64>>,
    /// Bounds of its layers.
    pub layers: LayersConfig,
    /// Where its bills of materials come from.
    pub sbom: Sbom,
}

impl Target {
    /// Whether it is to be found out what an image of it starts.
    pub fn seeks_command(&self) -> bool {
        let is_said = self.cmd.is_some() || self.entrypoint.as_ref().is_some_and(|words| !words.is_empty());
        let is_image = self.kind == Kind::Image && self.check.run.is_empty();
        !is_said && is_image
    }

    /// What tells which images it is made of, and which python they must have.
    pub fn images(&self) -> impl Eq {
        let of_steps: Vec<_> = self.images_of_steps().map(|(image, on_builder)| (&image.value, on_builder)).collect();
        let values = [&self.base, &self.builder, &self.uv].map(|named| &named.value);
        format!("{values:?} {of_steps:?} {:?} {:?}", self.python.as_ref().map(|python| &python.value), self.managed)
    }

    /// The images that steps run in, and whether in those of the builder's platform.
    pub fn images_of_steps(&self) -> impl Iterator<Item = (&Located<String>, bool)> {
        self.steps.iter().chain(&self.feeding).filter_map(|step| match &step.place {
            Place::Image { image, on_builder } => Some((image, *on_builder)),
            Place::Before | Place::After => None,
        })
    }
}

impl Project {
    /// A target of the package `root`.
    pub(super) fn resolve(
        &self,
        name: &str,
        span: Option<Span>,
        settings: &Settings,
        check: &CheckConfig,
        root: PackageId,
    ) -> Result<Target, Diagnostics> {
        let kind = settings.kind.as_ref().map(|kind| kind.value).unwrap_or_default();
        let feeding = if kind == Kind::Image { Vec::new() } else { self.feeding(settings) };
        let settings = &kind.own(settings);
        let package = &self.lock.packages[root];
        let mut errors = Vec::new();
        let extras = checked_names(&settings.extras, &package.extras, "extra", &package.name, &mut errors);
        let groups = checked_names(&settings.groups, &package.groups, "group", &package.name, &mut errors);
        let editable = settings.editable.unwrap_or(false);
        let layout = settings.layout.as_ref().map(|layout| layout.value.clone()).unwrap_or_default();
        let layout = match (kind, layout) {
            (Kind::LambdaZip, Layout::Venv) => Layout::Target(None),
            (_, layout) => layout,
        };
        let in_venv = layout == Layout::Venv;
        if let (Some(layout), true, false) = (&settings.layout, editable, in_venv) {
            let problem = "`editable` needs a virtual environment, but `layout` is a directory";
            errors.push(
                Diagnostic::new("config::editable_layout", problem)
                    .at(layout.span.clone())
                    .at_some(span.clone())
                    .help("write `editable = false`, or `layout = \"venv\"`"),
            );
        }
        Diagnostics::check(errors)?;

        let selection = Selection { root, extras, groups };
        let Python { request: python, managed, base } = self.python(settings, kind, &selection)?;
        let required = self.settings.required_version.as_ref().map(|required| &required.value);
        let default_uv = || Located { value: default_image(required), span: self.root_span() };
        let strings = |list: &Option<Vec<Located<String>>>| {
            list.as_ref().map(|list| list.iter().map(|item| item.value.clone()).collect::<Vec<_>>())
        };
        let values = |map: &BTreeMap<String, Located<String>>| {
            map.iter().map(|(name, text)| (name.clone(), text.value.clone())).collect()
        };
        let default_user = (kind == Kind::Image && in_venv).then(UserConfig::default);
        let init = settings.init.as_ref().filter(|init| init.value);
        let workdir = match package.source.project_dir() {
            Some(directory) if editable => Some(source_path(directory)),
            _ => (kind == Kind::Image && in_venv).then(|| APP_DIR.to_owned()),
        };
        Ok(Target {
            name: name.to_owned(),
            span: span.clone(),
            selection,
            editable,
            kind,
            layout,
            check: check.clone(),
            builder: settings.builder.clone().unwrap_or_else(|| base.clone()),
            base,
            apt: settings.apt.clone().unwrap_or_default(),
            apk: settings.apk.clone().unwrap_or_default(),
            build_apt: settings.build_apt.clone().unwrap_or_default(),
            build_apk: settings.build_apk.clone().unwrap_or_default(),
            uv: self.config.as_ref().and_then(|config| config.uv_image.clone()).unwrap_or_else(default_uv),
            python,
            managed,
            cmd: strings(&settings.cmd),
            entrypoint: strings(&settings.entrypoint),
            words: [&settings.entrypoint, &settings.cmd].into_iter().flatten().flatten().cloned().collect(),
            init: init.map(|init| init.span.clone()),
            env: values(&settings.env),
            workdir: settings.workdir.as_ref().map(|workdir| workdir.value.clone()).or(workdir),
            // Where such directories are usual, the platform chooses who runs.
            user: settings.user.as_ref().map(|user| user.value.clone()).or(default_user),
            // The default user has no place of its own: the target is where another one is named.
            user_span: settings.user.as_ref().map(|user| user.span.clone()).or_else(|| span.clone()),
            healthcheck: settings.healthcheck.clone(),
            stop_signal: settings.stop_signal.as_ref().map(|signal| signal.value.clone()),
            volumes: strings(&settings.volumes).unwrap_or_default().into_iter().collect(),
            expose: strings(&settings.expose).unwrap_or_default().into_iter().collect(),
            labels: values(&settings.labels),
            labels_from: settings.labels_from.clone().unwrap_or_else(|| vec![LabelSource::Project]),
            git_labels: BTreeMap::new(),
            files: settings.files.clone().unwrap_or_default(),
            script: self.script_of(settings, kind),
            sources: sources(settings, kind, &package.source),
            writable: strings(&settings.writable).unwrap_or_default().into_iter().collect(),
            has_uv: settings.uv.as_ref().filter(|uv| uv.value && in_venv).map(|uv| uv.span.clone()),
            steps: settings.steps.clone().unwrap_or_default(),
            feeding,
            deny: settings.deny.clone().unwrap_or_default(),
            max_image_size: settings.max_image_size.clone(),
            layers: settings.layers.clone().unwrap_or_default(),
            sbom: settings.sbom.unwrap_or_default(),
        })
    }

    /// The steps that `[members]` names, and those that these read from.
    fn feeding(&self, settings: &Settings) -> Vec<StepConfig> {
        let inputs = self.config.iter().flat_map(|config| &config.members).flat_map(|member| &member.inputs);
        let mut wanted: BTreeSet<&str> = inputs
            .filter_map(|input| match input {
                InputConfig::Step { step, .. } => Some(step.value.as_str()),
                InputConfig::Path(_) => None,
            })
            .collect();
        let steps = settings.steps.as_deref().unwrap_or_default();
        // A step reads from those above it.
        for step in steps.iter().rev() {
            if wanted.contains(step.name.value.as_str()) {
                wanted.extend(step.steps_read().map(|(name, _)| name));
            }
        }
        steps.iter().filter(|step| wanted.contains(step.name.value.as_str())).cloned().collect()
    }

    /// What is said of a project as a whole is said there.
    pub(super) fn root_span(&self) -> Span {
        Span::whole(self.config.as_ref().map_or(&self.lock.file, |config| &config.file))
    }
}

/// The directory of which an image has all files: that of a project that is no package, unless the config says which it has.
fn sources(settings: &Settings, kind: Kind, source: &Source) -> Option<String> {
    if !matches!(kind, Kind::Image | Kind::LambdaZip) {
        return None;
    }
    let is_of_context = |file: &FileConfig| matches!(file.source, FileSource::Context(_));
    let is_package = !matches!(source, Source::Virtual(_));
    let names_some = settings.files.iter().flatten().any(is_of_context);
    let is_default = !is_package && !names_some && settings.editable != Some(true);
    let directory = source.project_dir().filter(|_| settings.sources.unwrap_or(is_default));
    directory.map(ToOwned::to_owned)
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
                    error.help("its own `pyproject.toml` declares none; the `pyproject.toml` of the workspace root does not count")
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

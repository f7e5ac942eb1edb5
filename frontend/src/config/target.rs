//! One target's keys, and `[defaults]`, whose keys they are as well.

use std::collections::BTreeMap;

use super::check::CheckConfig;
use super::files::{self, FileConfig};
use super::kind::{self, Kind};
use super::labels::{self, LabelSource};
use super::layers::{self, LayersConfig};
use super::layout::{self, Layout};
use super::path::require_absolute;
use super::runtime::{self, Healthcheck};
use super::sbom::{self, Sbom};
use super::steps::{self, StepConfig};
use super::system::{self, Manager};
use super::table::{Reader, Table};
use super::user::{self, UserConfig};
use super::{lock, reference, script, size};
use crate::diagnostic::{Diagnostic, Located};

/// One `[targets.NAME]`.
#[derive(Clone, Debug)]
pub struct TargetConfig {
    /// Its name and the place of its header.
    pub name: Located<String>,
    /// Its keys.
    pub settings: Settings,
    /// What it runs, if it is a check, and the checks that it requires.
    pub check: CheckConfig,
}

/// The keys of a target, each absent unless written by it, by what it inherits or by `[defaults]`.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Target whose keys hold where this one writes none.
    pub(super) inherits: Option<Located<String>>,
    /// Workspace member to install.
    pub package: Option<Located<String>>,
    /// The script that it is made from, if that is no project.
    pub script: Option<Located<String>>,
    /// The lock that it is made from.
    pub lock: Option<Located<String>>,
    /// Extras of that member.
    pub extras: Option<Vec<Located<String>>>,
    /// Dependency groups of that member.
    pub groups: Option<Vec<Located<String>>>,
    /// Members are installed as links to their sources, which the image holds.
    pub editable: Option<bool>,
    /// What a build of it leaves.
    pub kind: Option<Located<Kind>>,
    /// How the packages lie in it.
    pub layout: Option<Located<Layout>>,
    /// Image under the result.
    pub base: Option<Located<String>>,
    /// Image in which members are built.
    pub builder: Option<Located<String>>,
    /// Packages of the base's distribution that the image holds, where that is Debian or made from it.
    pub apt: Option<Vec<Located<String>>>,
    /// Where it is Alpine.
    pub apk: Option<Vec<Located<String>>>,
    /// The same as `apt` for the image in which members are built.
    pub build_apt: Option<Vec<Located<String>>>,
    /// The same as `apk` for that image.
    pub build_apk: Option<Vec<Located<String>>>,
    /// Image `Cmd`.
    pub cmd: Option<Vec<Located<String>>>,
    /// Image `Entrypoint`.
    pub entrypoint: Option<Vec<Located<String>>>,
    /// An init is the first process.
    pub init: Option<Located<bool>>,
    /// Image `Env`, over the base's.
    pub env: BTreeMap<String, Located<String>>,
    /// Image `WorkingDir`.
    pub workdir: Option<Located<String>>,
    /// Who runs.
    pub user: Option<Located<UserConfig>>,
    /// Image `Healthcheck`.
    pub healthcheck: Option<Healthcheck>,
    /// Image `StopSignal`.
    pub stop_signal: Option<Located<String>>,
    /// Directories of the user, and image `Volumes`.
    pub volumes: Option<Vec<Located<String>>>,
    /// Image `ExposedPorts`, as `PORT/PROTOCOL`.
    pub expose: Option<Vec<Located<String>>>,
    /// Image `Labels`, over the base's.
    pub labels: BTreeMap<String, Located<String>>,
    /// Where labels come from that nobody wrote.
    pub labels_from: Option<Vec<LabelSource>>,
    /// Files of the context that the image holds.
    pub files: Option<Vec<FileConfig>>,
    /// The files of the project itself lie in the working directory.
    pub sources: Option<bool>,
    /// Directories that the user may write to.
    pub writable: Option<Vec<Located<String>>>,
    /// uv is a part of the image.
    pub uv: Option<Located<bool>>,
    /// Commands that make directories of the image.
    pub steps: Option<Vec<StepConfig>>,
    /// Packages that the image must not have: names, or prefixes that end in `*`.
    pub deny: Option<Vec<Located<String>>>,
    /// Bytes on disk that the image may have.
    pub max_image_size: Option<Located<u64>>,
    /// Bounds of the layers.
    pub layers: Option<LayersConfig>,
    /// Where bills of materials come from.
    pub sbom: Option<Sbom>,
}

/// Reads the keys; `[defaults]` has fewer.
pub(super) fn read(reader: &mut Reader<'_>, mut table: Table<'_>, is_target: bool) -> Settings {
    let table = &mut table;
    let mut settings = Settings {
        lock: lock::read_path(reader, table),
        extras: reader.strings(table, "extras"),
        groups: reader.strings(table, "groups"),
        editable: reader.boolean(table, "editable"),
        kind: kind::read(reader, table),
        layout: layout::read(reader, table),
        base: reference::read(reader, table, "base"),
        builder: reference::read(reader, table, "builder"),
        apt: system::read(reader, table, "apt", Manager::Apt),
        apk: system::read(reader, table, "apk", Manager::Apk),
        build_apt: system::read(reader, table, "build-apt", Manager::Apt),
        build_apk: system::read(reader, table, "build-apk", Manager::Apk),
        cmd: reader.strings(table, "cmd"),
        entrypoint: reader.strings(table, "entrypoint"),
        init: reader.flag(table, "init"),
        env: read_env(reader, table),
        workdir: reader.string(table, "workdir"),
        user: user::read(reader, table),
        healthcheck: runtime::read_healthcheck(reader, table),
        stop_signal: runtime::read_stop_signal(reader, table),
        volumes: runtime::read_directories(reader, table, "volumes"),
        expose: reader.ports(table, "expose"),
        labels: reader.string_map(table, "labels").unwrap_or_default(),
        labels_from: labels::read_sources(reader, table),
        files: files::read(reader, table),
        sources: reader.boolean(table, "sources"),
        writable: runtime::read_directories(reader, table, "writable"),
        uv: reader.flag(table, "uv"),
        steps: steps::read(reader, table),
        deny: reader.strings(table, "deny"),
        max_image_size: size::read(reader, table, "max-image-size"),
        layers: layers::read(reader, table),
        sbom: sbom::read(reader, table),
        ..Settings::default()
    };
    if is_target {
        settings.package = reader.string(table, "package");
        settings.script = script::read(reader, table);
        settings.inherits = reader.string(table, "inherits");
    }
    if let Some(workdir) = &settings.workdir {
        require_absolute(reader, workdir, "workdir");
    }
    reader.finish(table);
    settings.with_lock_of_script()
}

/// Variables of an image or a step.
pub(super) fn read_env(reader: &mut Reader<'_>, table: &mut Table<'_>) -> BTreeMap<String, Located<String>> {
    let env = reader.string_map(table, "env").unwrap_or_default();
    for (name, value) in &env {
        if name.is_empty() || name.contains(['=', '\0']) {
            let error =
                Diagnostic::new("config::bad_env", format!("`{name}` is not a valid environment variable name"))
                    .at(value.span.clone())
                    .help("write `env = { NAME = \"value\" }`");
            reader.errors.push(error);
        }
    }
    env
}

/// Whether a target has this name; an error with `code` if not.
pub(super) fn check_name(
    name: &Located<String>,
    targets: &[TargetConfig],
    code: &'static str,
    errors: &mut Vec<Diagnostic>,
) -> bool {
    let known = targets.iter().any(|target| target.name.value == name.value);
    if !known {
        errors.push(
            Diagnostic::new(code, format!("unknown target `{}`", name.value))
                .at(name.span.clone())
                .did_you_mean(&name.value, targets.iter().map(|target| target.name.value.as_str())),
        );
    }
    known
}

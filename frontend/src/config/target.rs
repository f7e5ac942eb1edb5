//! One target's keys, and `[defaults]`, whose keys they are as well.

use super::env::read_env;
use super::files;
use super::kind::{self};
use super::labels::{self};
use super::layers::{self};
use super::layout::{self};
use super::path::require_absolute;
use super::runtime::{self};
use super::sbom::{self};
use super::settings::{Settings, TargetConfig};
use super::steps;
use super::system::{self, Manager};
use super::table::{Reader, Table};
use super::user::{self};
use super::{lock, reference, script, size};
use crate::diagnostic::{Diagnostic, Located};

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

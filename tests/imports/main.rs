//! Dockerfiles and the configs that stand for them. Every directory under `tests/imports/cases/` is one: a `Dockerfile`, a file
//! `workspace` with the name of the example that it builds (or the project itself in `project/`), the `uv.build.toml` that comes
//! of it, and `warnings.txt`, which is what the user is told.
//!
//! `UPDATE_MESSAGES=1 cargo test -p uv-buildkit-tests --test imports` writes both anew; read the diff of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use libtest_mimic::{Arguments, Trial};
use uv_buildkit::config;
use uv_buildkit::diagnostic::{Diagnostics, SourceFile};
use uv_buildkit::import::{Surroundings, import};
use uv_buildkit_tests::checkout::{Checkout, Selection};

fn main() -> Result<ExitCode> {
    let mut trials = Vec::new();
    for entry in fs::read_dir(root().join("imports/cases"))? {
        let case = entry?.path();
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        trials.push(Trial::test(name, move || check(&case).map_err(|error| format!("{error:#}").into())));
    }
    trials.sort_by(|a, b| a.name().cmp(b.name()));
    Ok(libtest_mimic::run(&Arguments::from_args(), trials).exit_code())
}

/// Directory of this crate.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the project of a case lies, if it has one.
fn project(case: &Path) -> Option<PathBuf> {
    match fs::read_to_string(case.join("workspace")) {
        Ok(name) => Some(root().join("../examples").join(name.trim())),
        Err(_) => Some(case.join("project")).filter(|project| project.exists()),
    }
}

fn check(case: &Path) -> Result<()> {
    let text = fs::read_to_string(case.join("Dockerfile"))?;
    let directory = project(case);
    let checkout = directory
        .as_deref()
        .map(Checkout::read)
        .transpose()?
        .map(|checkout| checkout.without("uv.build.toml").without("Dockerfile"));
    let checkout = checkout.map(|checkout| with_files_of(case, checkout)).transpose()?;
    let (parsed, manifests) = match &checkout {
        Some(checkout) => {
            let (project, manifests) = checkout.project().map_err(|errors| anyhow!("{}", errors.render()))?;
            (Some(project), manifests)
        }
        None => (None, BTreeMap::new()),
    };
    let is_directory = |path: &str| Some(fs::metadata(directory.as_ref()?.join(path)).ok()?.is_dir());
    let read = |path: &str| fs::read_to_string(directory.as_ref()?.join(path)).ok();
    let surroundings =
        Surroundings { project: parsed.as_ref(), manifests: &manifests, is_directory: &is_directory, read: &read };
    let (config, told) = match import(&SourceFile::new("Dockerfile", text), &surroundings) {
        Ok(imported) => {
            let told = match Diagnostics::check(imported.warnings) {
                Err(warnings) => warnings.render().replace("error[", "warning["),
                Ok(()) => String::new(),
            };
            (imported.config, told)
        }
        Err(errors) => (String::new(), errors.render()),
    };
    compare(&case.join("uv.build.toml"), &config)?;
    compare(&case.join("warnings.txt"), &told)?;
    if !config.is_empty() {
        builds(&config, checkout)?;
    }
    Ok(())
}

/// A project with the files that a case has beside its Dockerfile and what is expected of it.
fn with_files_of(case: &Path, mut checkout: Checkout) -> Result<Checkout> {
    for entry in fs::read_dir(case)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_of_the_case = ["Dockerfile", "uv.build.toml", "warnings.txt", "workspace"].contains(&name.as_str());
        if entry.file_type()?.is_file() && !is_of_the_case {
            checkout = checkout.with(name, fs::read_to_string(entry.path())?);
        }
    }
    Ok(checkout)
}

/// What is written is read again, and every target of it compiles.
fn builds(config: &str, checkout: Option<Checkout>) -> Result<()> {
    let file: Arc<SourceFile> = SourceFile::new(config::FILE_NAME, config);
    let parsed = config::parse(&file, &BTreeMap::new()).map_err(|errors| anyhow!("{}", errors.render()))?;
    ensure!(!parsed.targets.is_empty(), "there is no target");
    let Some(checkout) = checkout else { return Ok(()) };
    let checkout = checkout.with(config::FILE_NAME, config);
    for target in &parsed.targets {
        let mut selection = Selection::target(&target.name.value);
        // No image is at hand that would tell.
        if target.settings.apk.is_some() || target.settings.build_apk.is_some() {
            selection.libc = "musl-1.2".parse().map_err(anyhow::Error::msg)?;
        }
        let compiled = checkout.compile(&selection);
        compiled.map_err(|errors| anyhow!("target `{}`: {}", target.name.value, errors.render()))?;
    }
    Ok(())
}

fn compare(path: &Path, actual: &str) -> Result<()> {
    if std::env::var_os("UPDATE_MESSAGES").is_some() {
        return match actual.is_empty() && !path.exists() {
            true => Ok(()),
            false => fs::write(path, actual).with_context(|| format!("cannot write {}", path.display())),
        };
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    ensure!(actual == expected, "the text changed\n--- {}\n{expected}\n+++ now\n{actual}", path.display());
    Ok(())
}

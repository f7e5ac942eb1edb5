//! How a package is built, beside what it says itself: the settings of `tool.uv`, as a step takes them.

use std::collections::BTreeMap;

use serde::Serialize;
use uv_normalize::PackageName;

use crate::diagnostic::Diagnostic;
use crate::lock::closure::Closure;
use crate::lock::{Lock, Package, Source};
use crate::manifest::settings::{Config, ExtraRequirement};
use crate::marker;
use crate::project::Project;

/// Settings of the build of one package.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Recipe {
    /// What the build backend is given.
    pub config: Config,
    /// Requirements beside those that the package declares, PEP 508.
    pub extra_requires: Vec<String>,
    /// Bounds of all build requirements, PEP 508.
    pub constraints: Vec<String>,
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
}

/// `uv.toml`
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct UvToml<'recipe> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    build_constraint_dependencies: &'recipe [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config_settings: &'recipe Config,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_build_dependencies: BTreeMap<&'recipe str, &'recipe [String]>,
}

/// `uv_build.json` (uv: `BuildInfo`).
#[derive(Serialize)]
struct Record<'recipe> {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    config_settings: &'recipe Config,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_build_variables: &'recipe BTreeMap<String, String>,
}

impl Recipe {
    /// The recipe of a package of the closure.
    pub fn of(package: &Package, project: &Project, closure: &Closure) -> Result<Self, Diagnostic> {
        let settings = &project.settings;
        let extra = settings.extra_requires(&package.name).iter();
        Ok(Self {
            config: settings.config(&package.name),
            extra_requires: extra
                .map(|extra| requirement(extra, package, &project.lock, closure))
                .collect::<Result<_, _>>()?,
            constraints: settings.constraints.clone(),
            variables: settings.variables(&package.name),
        })
    }

    /// What a build by uv is configured with, which finds its requirements there; none when it is as uv does by itself.
    pub fn uv_toml(&self, name: &str) -> Option<String> {
        let extra = (!self.extra_requires.is_empty()).then_some((name, self.extra_requires.as_slice()));
        let toml = UvToml {
            build_constraint_dependencies: &self.constraints,
            config_settings: &self.config,
            extra_build_dependencies: extra.into_iter().collect(),
        };
        // As a value: what is no table comes first then.
        let value = toml::Value::try_from(&toml).ok()?;
        toml::to_string(&value).ok().filter(|text| !text.is_empty())
    }

    /// What uv notes of the build beside the package's metadata. Of extra requirements it notes where they were resolved: that
    /// is not known here, and nothing is noted.
    pub fn record(&self) -> Option<String> {
        let record = Record { config_settings: &self.config, extra_build_variables: &self.variables };
        self.extra_requires.is_empty().then(|| serde_json::to_string(&record).ok()).flatten()
    }
}

/// A requirement of a build of `package`, of the version in the closure if it must match.
fn requirement(
    extra: &ExtraRequirement,
    package: &Package,
    lock: &Lock,
    closure: &Closure,
) -> Result<String, Diagnostic> {
    if !extra.match_runtime {
        return Ok(extra.text.clone());
    }
    let unmatched = |reason: &str| {
        Diagnostic::new(
            "manifest::match_runtime",
            format!(
                "the build of `{}` needs `{}` in the version of the application, {reason}",
                package.name, extra.text
            ),
        )
        .at(extra.span.clone())
        .help("add it to the dependencies, or replace `match-runtime` with the version that the build needs")
    };
    let parsed = marker::requirement(&extra.text).ok_or_else(|| unmatched("but this is not a valid requirement"))?;
    let name: &PackageName = &parsed.name;
    let found = closure.packages().map(|id| &lock.packages[id]).find(|locked| locked.name == *name);
    match found.map(|found| (&found.source, &found.version)) {
        Some((Source::Registry(_) | Source::FlatRegistry(_), Some(version))) => {
            let extras: Vec<&str> = parsed.extras.iter().map(AsRef::as_ref).collect();
            let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
            Ok(format!("{name}{extras}=={version}"))
        }
        Some((source, _)) => Err(unmatched(&format!("but the application has it from a {} source", source.kind()))),
        None => Err(unmatched("but the application does not depend on it")),
    }
}

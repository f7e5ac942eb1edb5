//! `tool.uv` keys of the workspace root, or those of its `uv.toml`, that say how packages are built, or that they may not be (uv:
//! `settings.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use uv_normalize::PackageName;
use uv_pep440::{Version, VersionSpecifier, VersionSpecifiers};

use super::exclude_newer::{Cutoff, ExcludeNewer};
use super::requirement;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, SourceFile, Span, syntax_error};

/// The settings. The default is that of uv.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `no-binary`, `no-binary-package`: packages whose wheels are not used.
    pub no_binary: Packages,
    /// `no-build`, `no-build-package`: packages that must not be built.
    pub no_build: Packages,
    /// `no-build-isolation`, `no-build-isolation-package`: packages to be built in the project's environment.
    pub no_build_isolation: Packages,
    /// `build-constraint-dependencies`, PEP 508.
    pub constraints: Vec<String>,
    /// `exclude-newer`, `exclude-newer-package`
    pub exclude_newer: ExcludeNewer,
    /// `index-strategy`
    pub index_strategy: Option<String>,
    /// `no-sources`, `no-sources-package`: packages whose sources do not count.
    pub no_sources: Packages,
    /// `required-version`: the uvs that may be used.
    pub required_version: Option<Located<VersionSpecifiers>>,
    /// `python-install-mirror`
    pub python_mirror: Option<Located<String>>,
    /// `python-downloads-json-url`: a URL, or the path of a file.
    pub python_downloads: Option<Located<String>>,
    /// Settings that have no effect on an image, though they say what happens to it, and what has instead.
    pub left_aside: Vec<Located<(&'static str, &'static str)>>,
    /// `config-settings`
    config: Config,
    /// `config-settings-package`
    config_package: BTreeMap<PackageName, Config>,
    /// `extra-build-dependencies`
    extra_requires: BTreeMap<PackageName, Vec<ExtraRequirement>>,
    /// `extra-build-variables`
    variables: BTreeMap<PackageName, BTreeMap<String, String>>,
}

/// Settings that a build backend is given (PEP 517), by name.
pub type Config = BTreeMap<String, Values>;

/// One value, or several.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// `key = "value"`
    One(String),
    /// `key = ["value", "value"]`
    Several(Vec<String>),
}

impl Values {
    /// All of them.
    pub fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Several(values) => values,
        }
    }
}

/// A requirement of a build that the project does not declare itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraRequirement {
    /// PEP 508.
    pub text: String,
    /// Its place.
    pub span: Span,
    /// The version must be that of the environment that the result is installed in.
    pub match_runtime: bool,
}

/// Packages that a setting is for.
#[derive(Clone, Debug, Default)]
pub struct Packages {
    /// Where it is set for all.
    all: Option<Span>,
    /// Where it is set for one.
    named: BTreeMap<PackageName, Span>,
}

impl Packages {
    /// Whether the setting is for all packages.
    pub fn is_for_all(&self) -> bool {
        self.all.is_some()
    }

    /// These, and those of another file.
    fn or(mut self, other: Self) -> Self {
        self.all = self.all.or(other.all);
        for (name, place) in other.named {
            self.named.entry(name).or_insert(place);
        }
        self
    }

    /// Those that the setting names.
    pub fn names(&self) -> impl Iterator<Item = &PackageName> {
        self.named.keys()
    }

    /// The place that says so, if the setting is for this package.
    pub fn place(&self, name: &PackageName) -> Option<&Span> {
        self.all.as_ref().or_else(|| self.named.get(name))
    }
}

impl Settings {
    /// What a package's backend is given. uv puts the package's own values before those of all (uv: `ConfigSettings::merge`).
    pub fn config(&self, name: &PackageName) -> Config {
        let mut config = self.config_package.get(name).cloned().unwrap_or_default();
        for (key, general) in &self.config {
            let values = match config.get(key) {
                Some(own) => Values::Several(own.all().iter().chain(general.all()).cloned().collect()),
                None => general.clone(),
            };
            config.insert(key.clone(), values);
        }
        config
    }

    /// These settings, and those of another file where they say nothing (uv: `Combine`).
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        let Self { config, config_package, extra_requires, variables, .. } = other;
        for (key, values) in config {
            self.config.entry(key).or_insert(values);
        }
        for (package, values) in config_package {
            self.config_package.entry(package).or_insert(values);
        }
        for (package, requires) in extra_requires {
            self.extra_requires.entry(package).or_insert(requires);
        }
        for (package, values) in variables {
            self.variables.entry(package).or_insert(values);
        }
        Self {
            no_binary: self.no_binary.or(other.no_binary),
            no_build: self.no_build.or(other.no_build),
            no_build_isolation: self.no_build_isolation.or(other.no_build_isolation),
            no_sources: self.no_sources.or(other.no_sources),
            exclude_newer: self.exclude_newer.or(other.exclude_newer),
            index_strategy: self.index_strategy.or(other.index_strategy),
            required_version: self.required_version.or(other.required_version),
            python_mirror: self.python_mirror.or(other.python_mirror),
            python_downloads: self.python_downloads.or(other.python_downloads),
            left_aside: self.left_aside.into_iter().chain(other.left_aside).collect(),
            ..self
        }
    }

    /// What a build of a package needs that the package does not say.
    pub fn extra_requires(&self, name: &PackageName) -> &[ExtraRequirement] {
        self.extra_requires.get(name).map_or(&[], Vec::as_slice)
    }

    /// Environment variables of a build of a package.
    pub fn variables(&self, name: &PackageName) -> BTreeMap<String, String> {
        self.variables.get(name).cloned().unwrap_or_default()
    }
}

/// The keys as they are written.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct SettingsWire {
    no_binary: Option<Spanned<bool>>,
    no_binary_package: Vec<Spanned<String>>,
    no_build: Option<Spanned<bool>>,
    no_build_package: Vec<Spanned<String>>,
    no_build_isolation: Option<Spanned<bool>>,
    no_build_isolation_package: Vec<Spanned<String>>,
    build_constraint_dependencies: Vec<Spanned<ConstraintWire>>,
    exclude_newer: Option<Cutoff>,
    exclude_newer_package: BTreeMap<String, Cutoff>,
    index_strategy: Option<String>,
    no_sources: Option<Spanned<bool>>,
    no_sources_package: Vec<Spanned<String>>,
    python_install_mirror: Option<Spanned<String>>,
    python_downloads_json_url: Option<Spanned<String>>,
    index: Vec<IndexWire>,
    offline: Option<Spanned<bool>>,
    require_build_hashes: Option<Spanned<bool>>,
    http_proxy: Option<Spanned<toml::Value>>,
    https_proxy: Option<Spanned<toml::Value>>,
    no_proxy: Option<Spanned<toml::Value>>,
    allow_insecure_host: Option<Spanned<toml::Value>>,
    required_version: Option<Spanned<String>>,
    config_settings: Config,
    config_settings_package: BTreeMap<Spanned<String>, Config>,
    extra_build_dependencies: BTreeMap<Spanned<String>, Vec<Spanned<ExtraRequirementWire>>>,
    extra_build_variables: BTreeMap<Spanned<String>, BTreeMap<String, String>>,
}

/// What an index says that is not told to uv in a step.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct IndexWire {
    exclude_newer: Option<Spanned<toml::Value>>,
    exclude_newer_package: Option<Spanned<toml::Value>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ConstraintWire {
    Plain(String),
    Table { requirement: String },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ExtraRequirementWire {
    Plain(String),
    #[serde(rename_all = "kebab-case")]
    Table {
        requirement: String,
        #[serde(default)]
        match_runtime: bool,
    },
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ManifestWire {
    tool: ToolWire,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolWire {
    uv: SettingsWire,
}

/// Reads the settings in a workspace root's manifest.
pub fn parse(file: &Arc<SourceFile>) -> Result<Settings, Diagnostics> {
    let wire: ManifestWire = toml::from_str(file.toml()).map_err(|error| syntax_error(file, &error))?;
    Ok(wire.tool.uv.checked(file)?)
}

/// Reads the settings in a `uv.toml` beside that manifest: uv then takes no notice of those in the manifest, but for constraints,
/// which it takes from nowhere else.
pub fn parse_beside(file: &Arc<SourceFile>, manifest: Settings) -> Result<Settings, Diagnostics> {
    let wire: SettingsWire = toml::from_str(&file.text).map_err(|error| syntax_error(file, &error))?;
    Ok(Settings { constraints: manifest.constraints, ..wire.checked(file)? })
}

impl SettingsWire {
    fn checked(self, file: &Arc<SourceFile>) -> Result<Settings, Diagnostic> {
        let name = |text: &Spanned<String>| package_name(file, text);
        let packages = |all: Option<Spanned<bool>>, named: Vec<Spanned<String>>| -> Result<Packages, Diagnostic> {
            let all = all.filter(|all| *all.get_ref()).map(|all| Span::new(file, all.span()));
            let named = named.iter().map(|text| Ok((name(text)?, Span::new(file, text.span()))));
            Ok(Packages { all, named: named.collect::<Result<_, Diagnostic>>()? })
        };
        let left_aside = self.left_aside(file);
        let located = |text: Spanned<String>| {
            let span = Span::new(file, text.span());
            Located { value: text.into_inner(), span }
        };
        Ok(Settings {
            no_binary: packages(self.no_binary, self.no_binary_package)?,
            no_build: packages(self.no_build, self.no_build_package)?,
            no_build_isolation: packages(self.no_build_isolation, self.no_build_isolation_package)?,
            no_sources: packages(self.no_sources, self.no_sources_package)?,
            constraints: self
                .build_constraint_dependencies
                .into_iter()
                .map(|wire| {
                    let span = Span::new(file, wire.span());
                    let text = wire.into_inner().text();
                    requirement::check(&text, &span).map(|()| text)
                })
                .collect::<Result<_, Diagnostic>>()?,
            exclude_newer: ExcludeNewer::new(self.exclude_newer, self.exclude_newer_package),
            index_strategy: self.index_strategy,
            required_version: self.required_version.map(|text| required_version(located(text))).transpose()?,
            python_mirror: self.python_install_mirror.map(located),
            python_downloads: self.python_downloads_json_url.map(located),
            left_aside,
            config: self.config_settings,
            config_package: self
                .config_settings_package
                .into_iter()
                .map(|(package, config)| Ok((name(&package)?, config)))
                .collect::<Result<_, Diagnostic>>()?,
            extra_requires: self
                .extra_build_dependencies
                .into_iter()
                .map(|(package, wires)| {
                    Ok((
                        name(&package)?,
                        wires.into_iter().map(|wire| extra_requirement(file, wire)).collect::<Result<_, _>>()?,
                    ))
                })
                .collect::<Result<_, Diagnostic>>()?,
            variables: self
                .extra_build_variables
                .into_iter()
                .map(|(package, variables)| Ok((name(&package)?, variables)))
                .collect::<Result<_, Diagnostic>>()?,
        })
    }
}

impl ConstraintWire {
    fn text(self) -> String {
        match self {
            Self::Plain(text) | Self::Table { requirement: text } => text,
        }
    }
}

impl SettingsWire {
    /// What is set and has no effect.
    fn left_aside(&self, file: &Arc<SourceFile>) -> Vec<Located<(&'static str, &'static str)>> {
        let is_on = |value: &Option<Spanned<bool>>| value.as_ref().filter(|it| *it.get_ref()).map(Spanned::span);
        let span = |value: &Option<Spanned<toml::Value>>| value.as_ref().map(Spanned::span);
        let mut found = vec![
            ("offline", OFFLINE, is_on(&self.offline)),
            ("require-build-hashes", HASHES, is_on(&self.require_build_hashes)),
            ("http-proxy", PROXY, span(&self.http_proxy)),
            ("https-proxy", PROXY, span(&self.https_proxy)),
            ("no-proxy", PROXY, span(&self.no_proxy)),
            ("allow-insecure-host", INSECURE, span(&self.allow_insecure_host)),
        ];
        for index in &self.index {
            found.push(("exclude-newer", OF_INDEX, span(&index.exclude_newer)));
            found.push(("exclude-newer-package", OF_INDEX, span(&index.exclude_newer_package)));
        }
        let located = found
            .into_iter()
            .filter_map(|(key, help, range)| Some(Located { value: (key, help), span: Span::new(file, range?) }));
        located.collect()
    }
}

const OFFLINE: &str =
    "BuildKit fetches the files that the lockfile pins, and steps that resolve build requirements have network access";
const HASHES: &str = "pin build requirements with `build-constraint-dependencies`: their hashes are not checked";
const PROXY: &str =
    "pass the proxy to the build: `--build-arg HTTPS_PROXY=…`; BuildKit's own downloads use the proxy of its daemon";
const INSECURE: &str = "trust the certificate authority of the host: `[ca]` with `file = \"…\"`";
const OF_INDEX: &str = "set `exclude-newer` for all indexes, or `exclude-newer-package` for packages, in `tool.uv`";

/// A version without an operator is that version.
fn required_version(text: Located<String>) -> Result<Located<VersionSpecifiers>, Diagnostic> {
    let Located { value, span } = text;
    let exact = value.parse::<Version>().map(|version| VersionSpecifier::equals_version(version).into());
    match exact.or_else(|_| value.parse()) {
        Ok(value) => Ok(Located { value, span }),
        Err(_) => Err(Diagnostic::new("manifest::required_version", format!("`{value}` is not a valid uv version"))
            .at(span)
            .help("write `>=0.13`, or `==0.13.9` for one version only")),
    }
}

fn extra_requirement(
    file: &Arc<SourceFile>,
    wire: Spanned<ExtraRequirementWire>,
) -> Result<ExtraRequirement, Diagnostic> {
    let span = Span::new(file, wire.span());
    let (text, match_runtime) = match wire.into_inner() {
        ExtraRequirementWire::Plain(text) => (text, false),
        ExtraRequirementWire::Table { requirement, match_runtime } => (requirement, match_runtime),
    };
    requirement::check(&text, &span)?;
    Ok(ExtraRequirement { text, span, match_runtime })
}

fn package_name(file: &Arc<SourceFile>, text: &Spanned<String>) -> Result<PackageName, Diagnostic> {
    text.get_ref().parse().map_err(|_| {
        Diagnostic::new("manifest::name", format!("`{}` is not a valid package name", text.get_ref()))
            .at(Span::new(file, text.span()))
            .help("use letters, digits, `-`, `_` and `.`, and start and end with a letter or digit")
    })
}

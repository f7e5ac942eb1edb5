//! `tool.uv` keys of the workspace root, or those of its `uv.toml`, that say how packages are built, or that they may not be (uv:
//! `settings.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use toml::Spanned;
use uv_normalize::PackageName;

use crate::config::syntax_error;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};

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
    build_constraint_dependencies: Vec<String>,
    config_settings: Config,
    config_settings_package: BTreeMap<Spanned<String>, Config>,
    extra_build_dependencies: BTreeMap<Spanned<String>, Vec<Spanned<ExtraRequirementWire>>>,
    extra_build_variables: BTreeMap<Spanned<String>, BTreeMap<String, String>>,
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
    let wire: ManifestWire = toml::from_str(&file.text).map_err(|error| syntax_error(file, &error))?;
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
        Ok(Settings {
            no_binary: packages(self.no_binary, self.no_binary_package)?,
            no_build: packages(self.no_build, self.no_build_package)?,
            no_build_isolation: packages(self.no_build_isolation, self.no_build_isolation_package)?,
            constraints: self.build_constraint_dependencies,
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
                    Ok((name(&package)?, wires.into_iter().map(|wire| extra_requirement(file, wire)).collect()))
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

fn extra_requirement(file: &Arc<SourceFile>, wire: Spanned<ExtraRequirementWire>) -> ExtraRequirement {
    let span = Span::new(file, wire.span());
    let (text, match_runtime) = match wire.into_inner() {
        ExtraRequirementWire::Plain(text) => (text, false),
        ExtraRequirementWire::Table { requirement, match_runtime } => (requirement, match_runtime),
    };
    ExtraRequirement { text, span, match_runtime }
}

fn package_name(file: &Arc<SourceFile>, text: &Spanned<String>) -> Result<PackageName, Diagnostic> {
    text.get_ref().parse().map_err(|_| {
        Diagnostic::new("manifest::name", format!("`{}` is not a package name", text.get_ref()))
            .at(Span::new(file, text.span()))
            .help("use letters, digits, `-`, `_` and `.`, with a letter or a digit at both ends")
    })
}

//! `[members.NAME]`: what is said of workspace members, whichever targets they are part of.

use std::collections::BTreeMap;
use std::str::FromStr;

use uv_pep440::Version;

use super::env::read_env;
use super::path::{require_absolute, require_inside};
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};
use crate::paths::joined;

/// The name that stands for all members.
pub const ALL: &str = "*";

/// One `[members.NAME]`.
#[derive(Clone, Debug)]
pub struct MemberConfig {
    /// The member, as it is written, and the place of that.
    pub name: Located<String>,
    /// What its build backend takes for the version instead of asking git.
    pub version: Option<Located<Version>>,
    /// What its build reads beside its own directory.
    pub inputs: Vec<InputConfig>,
    /// Variables of its build.
    pub env: BTreeMap<String, Located<String>>,
    /// Whether its build has a network; absent where that is for its backend to say.
    pub network: Option<bool>,
}

/// One entry of `inputs`.
#[derive(Clone, Debug)]
pub enum InputConfig {
    /// A file or directory of the context, which lies at its own path in the build.
    Path(Located<String>),
    /// What a step of the target leaves.
    Step {
        /// Its name.
        step: Located<String>,
        /// An output of the step, or something in one, by its path in the step; absent where the step has one output.
        from: Option<Located<String>>,
        /// Where the build finds it, as a path of the context.
        to: Located<String>,
    },
}

impl InputConfig {
    /// The path of the context, if it is one.
    pub fn path(&self) -> Option<&Located<String>> {
        match self {
            Self::Path(path) => Some(path),
            Self::Step { .. } => None,
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, root: &mut Table<'_>) -> Vec<MemberConfig> {
    let tables = reader.named_tables(root, "members");
    let members = tables.into_iter().map(|(name, mut table)| {
        for key in reader.keys(&table).into_iter().filter(|_| name.value == ALL) {
            if ["inputs", "env", "network"].contains(&key.value.as_str()) {
                let problem = format!("`{}` cannot be set for all members at once", key.value);
                let error = Diagnostic::new("config::not_for_all_members", problem)
                    .at(key.span)
                    .help(format!("move it to `[members.NAME]`; `[members.\"{ALL}\"]` can only have a `version`"));
                reader.errors.push(error);
            }
        }
        let version = read_version(reader, &mut table);
        let inputs = read_inputs(reader, &mut table);
        let env = read_env(reader, &mut table);
        let network = reader.boolean(&mut table, "network");
        reader.finish(&table);
        MemberConfig { name, version, inputs, env, network }
    });
    members.collect()
}

/// One `[packages.NAME]`.
#[derive(Clone, Debug)]
pub struct PackageConfig {
    /// The package, as it is written, and the place of that.
    pub name: Located<String>,
    /// Whether its build has a network.
    pub network: bool,
}

pub(super) fn read_packages(reader: &mut Reader<'_>, root: &mut Table<'_>) -> Vec<PackageConfig> {
    let tables = reader.named_tables(root, "packages");
    let packages = tables.into_iter().map(|(name, mut table)| {
        let network = reader.boolean(&mut table, "network").unwrap_or_default();
        reader.finish(&table);
        PackageConfig { name, network }
    });
    packages.collect()
}

fn read_inputs(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Vec<InputConfig> {
    let mut inputs = Vec::new();
    for entry in reader.array_of_strings_or_tables(table, "inputs").unwrap_or_default() {
        match entry {
            Ok(path) => inputs.push(InputConfig::Path(context_path(reader, path, "inputs"))),
            Err(mut table) => {
                let [step, from, to] = ["step", "from", "to"].map(|key| reader.string(&mut table, key));
                reader.finish(&table);
                let (Some(step), Some(to)) = (step, to) else {
                    let error = Diagnostic::new("config::missing_key", "an entry of `inputs` needs `step` and `to`")
                        .at(reader.span(table.range.clone()))
                        .help("write `{ step = \"STEP\", from = \"/OUTPUT/OF/THE/STEP\", to = \"PATH/IN/THE/WORKSPACE\" }`")
                        .help("for a file or directory of the workspace, write only its path as a string: it stays in the same place");
                    reader.errors.push(error);
                    continue;
                };
                if let Some(from) = &from {
                    require_absolute(reader, from, "inputs.from");
                }
                let to = context_path(reader, to, "inputs.to");
                if to.value == "." {
                    let error = Diagnostic::new("config::bad_path", "`inputs.to` cannot be the whole workspace")
                        .at(to.span.clone())
                        .help("write the directory in which the build looks for the files");
                    reader.errors.push(error);
                }
                inputs.push(InputConfig::Step { step, from, to });
            }
        }
    }
    inputs
}

fn context_path(reader: &mut Reader<'_>, path: Located<String>, key: &str) -> Located<String> {
    require_inside(reader, &path, key);
    path.map(|path| joined(".", &path))
}

/// Equal versions become one text (PEP 440: normalisation), so that the key of a build does not know how one was written.
fn read_version(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<Version>> {
    let text = reader.string(table, "version")?;
    match Version::from_str(&text.value) {
        Ok(version) => Some(text.map(|_| version)),
        Err(_) => {
            let error = Diagnostic::new("config::bad_version", format!("`{}` is not a valid version", text.value))
                .at(text.span)
                .help("write a PEP 440 version, such as `1.2.3`, `1.2.3rc1` or `1.2.3.dev4+abc`");
            reader.errors.push(error);
            None
        }
    }
}

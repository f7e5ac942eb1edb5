//! The commands of uv that fill an environment, and what of the lock they put into it.

use super::words::{Command, Word};
use std::ops::Range;

use super::text::Text;

/// One `uv sync` or `uv export`.
#[derive(Clone, Debug, Default)]
pub struct Sync {
    /// `--package`.
    pub package: Option<Text>,
    /// `--extra`.
    pub extras: Vec<Text>,
    /// `--all-extras`.
    pub has_all_extras: bool,
    /// `--group`, `--only-group` and `--only-dev`.
    pub groups: Vec<Text>,
    /// `--all-groups`.
    pub has_all_groups: bool,
    /// Default groups are left out: `--no-dev`, `--no-default-groups`.
    pub is_production: bool,
    /// `--no-group`.
    pub without: Vec<Text>,
    /// `--no-editable`.
    pub is_not_editable: bool,
    /// Nothing of the workspace is installed: `--no-install-project`, `--no-install-workspace`.
    pub is_for_dependencies: bool,
    /// `--directory` or `--project`.
    pub directory: Option<Text>,
    /// It runs on some condition of the step.
    pub is_conditional: bool,
    /// Where it is.
    pub range: Range<usize>,
}

/// Options of `uv` that a value follows and that say nothing of what is installed, or how.
const OF_NO_CONCERN: [&str; 27] = [
    "--python",
    "-p",
    "--cache-dir",
    "--link-mode",
    "--config-file",
    "--config-setting",
    "-C",
    "--color",
    "--output-file",
    "-o",
    "--format",
    "--refresh-package",
    "--reinstall-package",
    "--upgrade-package",
    "-P",
    "--keyring-provider",
    "--allow-insecure-host",
    "--index-strategy",
    "--resolution",
    "--prerelease",
    "--fork-strategy",
    "--exclude-newer",
    "--no-build-isolation-package",
    "--no-build-package",
    "--no-binary-package",
    "--no-extra",
    "--env-file",
];

/// Flags without a value that say nothing of what is installed in an image.
const FLAGS: [&str; 33] = [
    "--locked",
    "--frozen",
    "--exact",
    "--inexact",
    "--no-cache",
    "-n",
    "--compile-bytecode",
    "--compile",
    "--no-progress",
    "--quiet",
    "-q",
    "--verbose",
    "-v",
    "-qq",
    "-vv",
    "--offline",
    "--no-config",
    "--active",
    "--managed-python",
    "--no-managed-python",
    "--no-python-downloads",
    "--native-tls",
    "--no-sources",
    "--no-build-isolation",
    "--no-build",
    "--no-binary",
    "--reinstall",
    "--refresh",
    "--no-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-local",
    "--no-color",
];

/// Options of `uv` with a value that change what is installed, and that no key stands for.
const UNKNOWN_WITH_VALUE: [&str; 12] = [
    "--index",
    "--default-index",
    "--index-url",
    "-i",
    "--extra-index-url",
    "--find-links",
    "-f",
    "--python-platform",
    "--no-install-package",
    "--no-emit-package",
    "--prune",
    "--script",
];

impl Sync {
    /// Reads the options after `uv sync` or `uv export`. Gives back those that nothing stands for as well.
    pub fn read<'a>(command: &Command, words: &'a [Word]) -> (Self, Vec<&'a Word>) {
        let mut sync = Self { range: command.range(), is_conditional: command.is_conditional, ..Self::default() };
        let mut strange = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let split = word.text.split_once('=').filter(|(name, _)| name.shown().starts_with("--"));
            let (name, mut value) = match split {
                Some((name, value)) => (name.shown(), Some(value)),
                None => (word.shown(), None),
            };
            let mut value = || value.take().or_else(|| rest.next().map(|word| word.text.clone()));
            match name.as_str() {
                "--package" => sync.package = value(),
                "--extra" => sync.extras.extend(value()),
                "--all-extras" => sync.has_all_extras = true,
                "--group" => sync.groups.extend(value()),
                "--only-group" => {
                    sync.groups.extend(value());
                    strange.push(word);
                }
                "--only-dev" => {
                    sync.groups.push(Text::from("dev"));
                    strange.push(word);
                }
                "--dev" => sync.groups.push(Text::from("dev")),
                "--all-groups" => sync.has_all_groups = true,
                "--no-dev" | "--no-default-groups" => sync.is_production = true,
                "--no-group" => sync.without.extend(value()),
                "--no-editable" => sync.is_not_editable = true,
                "--no-install-project"
                | "--no-install-workspace"
                | "--no-install-local"
                | "--no-emit-project"
                | "--no-emit-workspace" => sync.is_for_dependencies = true,
                "--directory" | "--project" => sync.directory = value(),
                name if OF_NO_CONCERN.contains(&name) => drop(value()),
                name if UNKNOWN_WITH_VALUE.contains(&name) => {
                    drop(value());
                    strange.push(word);
                }
                name if FLAGS.contains(&name) => {}
                _ => strange.push(word),
            }
        }
        (sync, strange)
    }
}

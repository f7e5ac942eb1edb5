//! The commands of uv that fill an environment, and what of the lock they put into it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::text::Text;
use super::words::{Command, Word};

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
    /// `--no-extra`.
    pub without_extras: Vec<Text>,
    /// `--no-editable`.
    pub is_not_editable: bool,
    /// `--frozen`: it does not compare the lock with the manifests.
    pub is_frozen: bool,
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
const OF_NO_CONCERN: [&str; 18] = [
    "--cache-dir",
    "--link-mode",
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
    "--no-build-package",
];

/// Flags without a value that say nothing of what is installed in an image.
const FLAGS: [&str; 27] = [
    "--locked",
    "--exact",
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
    "--active",
    "--managed-python",
    "--no-managed-python",
    "--no-python-downloads",
    "--native-tls",
    "--no-build",
    "--reinstall",
    "--refresh",
    "--no-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-local",
    "--no-color",
];

/// Options of `uv` with a value that change what is installed, and that no key stands for.
const UNKNOWN_WITH_VALUE: [&str; 19] = [
    "--config-file",
    "--config-setting",
    "-C",
    "--config-settings-package",
    "--no-build-isolation-package",
    "--no-binary-package",
    "--env-file",
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
    /// Reads the options after `uv sync` or `uv export`, in a stage on an image. Gives back the places of those that nothing stands
    /// for as well.
    pub fn read(command: &Command, words: &[Word], base: &str) -> (Self, Vec<Range<usize>>) {
        let mut sync = Self { range: command.range(), is_conditional: command.is_conditional, ..Self::default() };
        let mut strange = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let split = word.text.split_once('=').filter(|(name, _)| name.shown().starts_with("--"));
            let (name, mut value) = match split {
                Some((name, value)) => (name.shown(), Some(value)),
                None => (word.shown(), None),
            };
            let mut place = word.range.clone();
            let mut value = || {
                let next = || rest.next().map(|next| (next.text.clone(), next.range.end));
                let (value, end) = value.take().map(|value| (value, place.end)).or_else(next)?;
                place.end = end;
                Some(value)
            };
            match name.as_str() {
                "--package" => sync.package = value(),
                "--extra" => sync.extras.extend(value()),
                "--all-extras" => sync.has_all_extras = true,
                "--group" => sync.groups.extend(value()),
                "--only-group" => {
                    sync.groups.extend(value());
                    strange.push(place);
                }
                "--only-dev" => {
                    sync.groups.push(Text::from("dev"));
                    strange.push(place);
                }
                "--dev" => sync.groups.push(Text::from("dev")),
                "--all-groups" => sync.has_all_groups = true,
                "--no-dev" | "--no-default-groups" => sync.is_production = true,
                "--no-group" => sync.without.extend(value()),
                "--no-extra" => sync.without_extras.extend(value()),
                "--no-editable" => sync.is_not_editable = true,
                "--frozen" => sync.is_frozen = true,
                "--no-install-project"
                | "--no-install-workspace"
                | "--no-install-local"
                | "--no-emit-project"
                | "--no-emit-workspace" => sync.is_for_dependencies = true,
                "--directory" | "--project" => sync.directory = value(),
                "--python" | "-p" => {
                    // The python is that of the image.
                    let named = value().map(|value| value.shown()).unwrap_or_default();
                    if !(named.starts_with(['/', '$']) || base.contains(&named)) {
                        strange.push(place);
                    }
                }
                name if OF_NO_CONCERN.contains(&name) => drop(value()),
                name if UNKNOWN_WITH_VALUE.contains(&name) => {
                    drop(value());
                    strange.push(place);
                }
                name if FLAGS.contains(&name) => {}
                _ => strange.push(place),
            }
        }
        (sync, strange)
    }

    /// Takes in what variables say, those in front of the command before those of the stage.
    pub fn settle(&mut self, command: &Command, env: &BTreeMap<String, (Text, Range<usize>)>) {
        let is_set = |name: &str| {
            let own = command.assignments.iter().rev().filter_map(|word| word.text.split_once('='));
            let own = own.map(|(key, value)| (key.shown(), value.shown())).find(|(key, _)| key == name);
            let of_stage = || env.get(name).map(|(value, _)| value.shown());
            own.map(|(_, value)| value).or_else(of_stage).is_some_and(|value| ["1", "true"].contains(&&*value))
        };
        self.is_production |= is_set("UV_NO_DEV") || is_set("UV_NO_DEFAULT_GROUPS");
        self.is_not_editable |= is_set("UV_NO_EDITABLE");
        self.is_frozen |= is_set("UV_FROZEN");
    }
}

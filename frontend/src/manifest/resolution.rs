//! How uv looks for build requirements, beside where: settings that a lock does not hold, since build requirements are in none.

use serde::Serialize;

use super::exclude_newer::ExcludeNewer;
use super::settings::Settings;

/// Settings of uv's, as its `uv.toml` has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Resolution {
    #[serde(skip_serializing_if = "Option::is_none")]
    index_strategy: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    no_binary: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    no_binary_package: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    no_build: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    no_build_package: Vec<String>,
    #[serde(flatten)]
    exclude_newer: ExcludeNewer,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Resolution {
    /// What the settings say, and the lock: a day is a time in the zone of whoever locked, and only the lock tells which.
    pub fn new(settings: &Settings, lock: &ExcludeNewer) -> Self {
        let names = |packages: &super::settings::Packages| packages.names().map(ToString::to_string).collect();
        let exclude_newer = if *lock == ExcludeNewer::default() { &settings.exclude_newer } else { lock };
        Self {
            index_strategy: settings.index_strategy.clone(),
            no_binary: settings.no_binary.is_for_all(),
            no_binary_package: names(&settings.no_binary),
            no_build: settings.no_build.is_for_all(),
            no_build_package: names(&settings.no_build),
            exclude_newer: exclude_newer.clone(),
        }
    }

    /// The `uv.toml`; nothing when it is as uv does by itself.
    pub fn uv_toml(&self) -> Option<String> {
        toml::to_string(self).ok().filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_lock(text: &str) -> String {
        let options: toml::Table = toml::from_str(text).unwrap();
        let lock = ExcludeNewer::of_lock(|key| options.get(key));
        Resolution::new(&Settings::default(), &lock).uv_toml().unwrap_or_default()
    }

    #[test]
    fn a_span_is_the_same_every_day() {
        let lock = r#"
            exclude-newer = "0001-01-01T00:00:00Z"
            exclude-newer-span = "P7D"
            [exclude-newer-package]
            idna = "2025-06-02T00:00:00Z"
            setuptools = { timestamp = "0001-01-01T00:00:00Z", span = "P30D" }
            wheel = false
        "#;
        let expected = "exclude-newer = \"P7D\"\n\n[exclude-newer-package]\nidna = \"2025-06-02T00:00:00Z\"\nsetuptools = \"P30D\"\nwheel = false\n";
        assert_eq!(of_lock(lock), expected);
        // Older uvs wrote when that was.
        let lock = "exclude-newer = \"2025-12-01T00:00:00Z\"\nexclude-newer-span = \"P7D\"";
        assert_eq!(of_lock(lock), "exclude-newer = \"2025-12-01T00:00:00Z\"\n");
        assert_eq!(of_lock("resolution-mode = \"lowest\""), "");
    }

    #[test]
    fn what_the_manifest_says_counts_where_the_lock_says_nothing() {
        let manifest = r#"
            [tool.uv]
            exclude-newer = "2025-06-01T00:00:00Z"
            exclude-newer-package = { wheel = false }
            index-strategy = "unsafe-best-match"
            no-binary-package = ["setuptools"]
        "#;
        let settings =
            super::super::settings::parse(&crate::diagnostic::SourceFile::new("pyproject.toml", manifest)).unwrap();
        let expected = "index-strategy = \"unsafe-best-match\"\nno-binary-package = [\"setuptools\"]\nexclude-newer = \"2025-06-01T00:00:00Z\"\n\n[exclude-newer-package]\nwheel = false\n";
        assert_eq!(Resolution::new(&settings, &ExcludeNewer::default()).uv_toml().unwrap(), expected);
    }
}

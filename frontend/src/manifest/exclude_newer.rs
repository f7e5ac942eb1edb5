//! `exclude-newer`: until when packages may have been published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Files that an index got later do not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExcludeNewer {
    #[serde(skip_serializing_if = "Option::is_none")]
    exclude_newer: Option<Cutoff>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exclude_newer_package: BTreeMap<String, Cutoff>,
}

/// Until when.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cutoff {
    /// A time, or how long ago: the latter is counted from when a step runs, and is no other text the next day.
    Time(String),
    /// `false`: whenever.
    Never(bool),
}

impl ExcludeNewer {
    /// What is said of all packages, and of some.
    pub fn new(all: Option<Cutoff>, packages: BTreeMap<String, Cutoff>) -> Self {
        Self { exclude_newer: all, exclude_newer_package: packages }
    }

    /// These, and those of another file.
    pub fn or(mut self, other: Self) -> Self {
        for (package, cutoff) in other.exclude_newer_package {
            self.exclude_newer_package.entry(package).or_insert(cutoff);
        }
        Self { exclude_newer: self.exclude_newer.or(other.exclude_newer), ..self }
    }

    /// What `[options]` of a lock says. Beside how long ago it was meant to be, newer uvs write a time long past, and older ones the
    /// time that it was.
    pub fn of_lock<'lock>(option: impl Fn(&str) -> Option<&'lock toml::Value>) -> Self {
        let text = |value: Option<&toml::Value>| value.and_then(toml::Value::as_str).map(ToOwned::to_owned);
        let cutoff = |time: Option<String>, span: Option<String>| {
            let time = time.filter(|time| span.is_none() || !time.starts_with("0001-"));
            time.or(span).map(Cutoff::Time)
        };
        let packages = option("exclude-newer-package").and_then(toml::Value::as_table);
        let packages = packages.into_iter().flatten().filter_map(|(name, value)| {
            let cutoff = match value {
                toml::Value::Boolean(value) => Some(Cutoff::Never(*value)),
                toml::Value::Table(table) => cutoff(text(table.get("timestamp")), text(table.get("span"))),
                value => cutoff(text(Some(value)), None),
            };
            Some((name.clone(), cutoff?))
        });
        Self {
            exclude_newer: cutoff(text(option("exclude-newer")), text(option("exclude-newer-span"))),
            exclude_newer_package: packages.collect(),
        }
    }
}

//! Settings of the resolution as a whole, and what is said of groups as a whole. Of a setting that is not written nothing is said:
//! uv may have been told by its environment.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::{SignedDuration, Span as Period, Timestamp};
use uv_normalize::GroupName;
use uv_pep440::VersionSpecifiers;

use super::check::Check;
use crate::diagnostic::Located;
use crate::lock::Package;
use crate::manifest::configuration::Configuration;
use crate::manifest::declarations::{Declarations, GroupItem};

/// From this revision on uv notes default groups, and which pythons a group is for.
const NOTES_GROUPS: u32 = 5;

impl Check<'_> {
    /// `resolution`, `prerelease`, `fork-strategy` and `exclude-newer`.
    pub(super) fn options(&mut self, configuration: &Configuration) {
        if !configuration.is_known {
            return;
        }
        let noted = |key: &str| self.lock.settings.options.get(key).and_then(|value| value.as_str());
        let mut wrong = Vec::new();
        for (name, Located { value, span }) in &configuration.options {
            let default = match *name {
                "resolution-mode" => "highest",
                "prerelease-mode" => "if-necessary-or-explicit",
                "fork-strategy" => "requires-python",
                _ => {
                    if is_stricter(value, noted("exclude-newer"), noted("exclude-newer-span")) == Some(true) {
                        wrong.push((format!("it was made with an `exclude-newer` other than `{value}`"), span.clone()));
                    }
                    continue;
                }
            };
            let locked = noted(name).unwrap_or(default);
            if locked != value {
                wrong.push((format!("it was made with the {} `{locked}`", name.replace('-', " ")), span.clone()));
            }
        }
        wrong.into_iter().for_each(|(message, span)| self.report(message, span));
    }

    /// `default-groups` of a member.
    pub(super) fn default_groups(&mut self, package: &Package, own: &Declarations) {
        self.compare_default_groups(package.name.as_str(), package.metadata.default_groups.as_ref(), own);
    }

    /// Those of a root that is not a project.
    pub(super) fn root_groups(&mut self, root: &Declarations) {
        if root.project.is_none() {
            self.compare_default_groups(super::WORKSPACE, self.lock.settings.default_groups.as_ref(), root);
        }
    }

    fn compare_default_groups(&mut self, owner: &str, noted: Option<&toml::Value>, own: &Declarations) {
        if self.lock.revision < NOTES_GROUPS {
            return;
        }
        let declared = own.default_groups.as_ref();
        let span = declared.map(|groups| &groups.span).or(own.start());
        let (Some(locked), Some(declared)) = (default_groups(noted), default_groups(declared.map(|it| &it.value)))
        else {
            return;
        };
        if locked != declared
            && let Some(span) = span
        {
            self.report(format!("`{owner}` was locked with other `default-groups`"), span.clone());
        }
    }

    /// `requires-python` of the groups of a member.
    pub(super) fn group_pythons(&mut self, package: &Package, own: &Declarations) {
        let is_of_none = own.narrowed_groups.is_empty() && package.metadata.group_pythons.is_empty();
        if self.lock.revision < NOTES_GROUPS || is_of_none || own.groups.len() > MOST_GROUPS {
            return;
        }
        let included = included(own);
        for (name, group) in &own.groups {
            let Ok(name) = name.parse::<GroupName>() else { continue };
            let Some(declared) = pythons(own, &included, &name, &mut BTreeSet::new()) else { continue };
            let noted = package.metadata.group_pythons.get(name.as_str()).map_or("", String::as_str);
            let Ok(noted) = noted.parse::<VersionSpecifiers>() else { continue };
            if declared != noted.iter().map(ToString::to_string).collect() {
                let message = format!("`{}:{name}` was locked for other Python versions", package.name);
                self.report(message, group.span.clone());
            }
        }
    }
}

/// What groups are the default. `None` for forms that are not known here.
fn default_groups(value: Option<&toml::Value>) -> Option<Vec<String>> {
    match value {
        None => Some(vec!["dev".to_owned()]),
        Some(toml::Value::String(word)) => Some(vec![format!("({word})")]),
        Some(toml::Value::Array(names)) => {
            names.iter().map(|name| Some(name.as_str()?.parse::<GroupName>().ok()?.to_string())).collect()
        }
        Some(_) => None,
    }
}

/// Groups of a manifest that are compared: each may include all others.
const MOST_GROUPS: usize = 500;

/// What each group includes; nothing for a group that includes what is no name.
fn included(own: &Declarations) -> BTreeMap<GroupName, Option<Vec<GroupName>>> {
    let of = |list: &[GroupItem]| {
        let names = list.iter().filter_map(|item| match item {
            GroupItem::Include(other) => Some(other.parse().ok()),
            GroupItem::Requirement(_) => None,
        });
        names.collect()
    };
    own.groups.iter().filter_map(|(name, list)| Some((name.parse().ok()?, of(&list.value)))).collect()
}

/// The specifiers of a group and of those that it includes.
fn pythons(
    own: &Declarations,
    included: &BTreeMap<GroupName, Option<Vec<GroupName>>>,
    group: &GroupName,
    seen: &mut BTreeSet<GroupName>,
) -> Option<BTreeSet<String>> {
    let mut specifiers: BTreeSet<String> =
        own.narrowed_groups.get(group).into_iter().flat_map(|it| it.iter().map(ToString::to_string)).collect();
    if seen.insert(group.clone()) {
        for other in included.get(group)?.as_ref()? {
            specifiers.extend(pythons(own, included, other, seen)?);
        }
    }
    Some(specifiers)
}

/// Whether a moment, a day, or so many days ago, makes uv lock again: what is earlier than that of the lock does, and what is told in
/// another way. `None` where that cannot be told.
fn is_stricter(text: &str, noted: Option<&str>, noted_period: Option<&str>) -> Option<bool> {
    let locked = match noted {
        Some(noted) => Some(noted.parse::<Timestamp>().ok()?),
        None => None,
    };
    let is_earlier = |moment: Timestamp| noted_period.is_some() || locked.is_none_or(|locked| moment < locked);
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(is_earlier(moment));
    }
    if let Ok(day) = text.parse::<Date>() {
        // It lasts until midnight, wherever that was.
        let midnight = day.tomorrow().ok()?.to_datetime(Time::midnight());
        let midnight = Offset::UTC.to_timestamp(midnight).ok()?;
        return Some(is_earlier(midnight.checked_add(SignedDuration::from_hours(15)).ok()?));
    }
    let period = text.parse::<Period>().ok()?;
    let Some(noted) = noted_period else { return Some(true) };
    Some(period.fieldwise() != noted.parse::<Period>().ok()?.fieldwise())
}

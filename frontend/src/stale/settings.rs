//! What the workspace root says for all of it.

use std::collections::BTreeSet;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use uv_normalize::{ExtraName, PackageName};
use uv_pep440::{Version, VersionSpecifiers};
use uv_pep508::{VerbatimUrl, VersionOrUrl};

use super::WORKSPACE;
use super::check::Check;
use super::home::{Home, Root};
use super::lowering::{Scope, Table};
use super::requirement::Requirement;
use crate::diagnostic::Located;
use crate::lock::Lock;
use crate::manifest::configuration::Configuration;
use crate::manifest::declarations::Declarations;
use crate::marker;

impl<'a> Check<'a> {
    /// Lists of requirements, the groups of a root that is not a project, and what is said of packages of others.
    pub(super) fn settings(&mut self, root: &'a Declarations) {
        let (lock, bounds, no_sources) = (self.lock, self.bounds.clone(), self.no_sources.clone());
        let home = Home::Workspace(Root { own: root, directory: &lock.root, is_of_lock: true });
        let directory = &lock.root;
        let scope = Scope { lock, bounds: &bounds, name: None, directory, own: root, home, no_sources: &no_sources };
        let settings = [
            ("tool.uv.constraint-dependencies", &root.constraints, &lock.settings.constraints),
            ("tool.uv.override-dependencies", &root.overrides, &lock.settings.overrides),
            ("tool.uv.build-constraint-dependencies", &root.build_constraints, &lock.settings.build_constraints),
        ];
        for (key, list, noted) in settings {
            let Some(mut noted) = self.noted(noted) else { continue };
            // Of packages that are not locked, newer uvs note nothing, and what never holds does not count.
            let counts =
                |requirement: &Requirement| is_locked(lock, &requirement.name) && !requirement.marker.is_false();
            noted.retain(counts);
            let written = list.as_ref().map_or(&[][..], |list| &list.value);
            let Some(place) = list.as_ref().map(|list| &list.span).or(root.start()) else { continue };
            let Some(mut required) = scope.list(written, Table::Always) else { continue };
            required.retain(|lowered| counts(&lowered.requirement));
            self.compare(key, &required, noted, place);
        }
        if root.project.is_none()
            && let Some(groups) = scope.groups()
        {
            let noted = lock.settings.groups.iter().map(|(name, list)| (name.as_str(), list.as_slice())).collect();
            self.compare_groups(WORKSPACE, &groups, &noted, root);
        }
        self.excludes(root);
    }

    /// `exclude-dependencies`, which uv reads in no other file. What would exclude nothing from the lock as it is does not count,
    /// unless the lock has it.
    fn excludes(&mut self, root: &Declarations) {
        let lock = self.lock;
        let written = root.excludes.as_ref().map_or(&[][..], |list| &list.value);
        let declared = written.iter().map(|item| Some((exclusions(&item.value)?, &item.span)));
        let Some(declared) = declared.collect::<Option<Vec<_>>>() else { return };
        let noted = self.lock.settings.excludes.iter().map(exclusions).collect::<Option<Vec<_>>>();
        let Some(noted) = noted.map(|noted| noted.into_iter().flatten().collect::<BTreeSet<_>>()) else { return };
        for (exclusions, span) in &declared {
            for new in exclusions.difference(&noted).filter(|new| new.names().all(|name| is_locked(lock, name))) {
                self.report(format!("it was made without the exclusion of {new}"), (*span).clone());
            }
        }
        let declared: BTreeSet<Exclusion> = declared.into_iter().flat_map(|(exclusions, _)| exclusions).collect();
        let Some(place) = root.excludes.as_ref().map(|list| &list.span).or(root.start()) else { return };
        for old in noted.difference(&declared) {
            self.report(format!("it was made with the exclusion of {old}, which is no longer set"), place.clone());
        }
    }

    /// `dependency-metadata`; that of packages which are not locked does not count, unless the lock has some.
    pub(super) fn static_metadata(&mut self, root: &Declarations, configuration: &Configuration) {
        if !configuration.is_known {
            return;
        }
        let list = &configuration.metadata;
        let written = list.as_ref().map_or(&[][..], |list| &list.value);
        let declared = written.iter().map(|Located { value, span }| Some((StaticMetadata::read(value)?, span)));
        let Some(declared) = declared.collect::<Option<Vec<_>>>() else { return };
        let noted = self.lock.settings.dependency_metadata.iter().map(StaticMetadata::read);
        let Some(noted) = noted.collect::<Option<Vec<_>>>() else { return };
        let mut told = BTreeSet::new();
        for (new, span) in declared.iter().filter(|(new, _)| !noted.contains(new)) {
            let had_other = noted.iter().any(|old| old.name == new.name);
            if !had_other && !is_locked(self.lock, &new.name) {
                continue;
            }
            let how = if had_other { "with other" } else { "without" };
            self.report(format!("it was made {how} `dependency-metadata` of `{}`", new.name), (*span).clone());
            told.insert(&new.name);
        }
        let Some(place) = list.as_ref().map(|list| &list.span).or(root.start()) else { return };
        let is_gone = |old: &&StaticMetadata| declared.iter().all(|(new, _)| new != *old);
        for old in noted.iter().filter(is_gone).filter(|old| !told.contains(&old.name)) {
            let message = format!("it was made with `dependency-metadata` of `{}`, which is no longer set", old.name);
            self.report(message, place.clone());
        }
    }
}

fn is_locked(lock: &Lock, name: &PackageName) -> bool {
    lock.named(name).next().is_some()
}

/// A package that is left out: wherever it is asked for, or where one other does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Exclusion {
    name: PackageName,
    of: Option<(PackageName, Option<Version>)>,
}

impl Exclusion {
    fn names(&self) -> impl Iterator<Item = &PackageName> {
        std::iter::once(&self.name).chain(self.of.iter().map(|(of, _)| of))
    }
}

/// For people.
impl std::fmt::Display for Exclusion {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "`{}`", self.name)?;
        match &self.of {
            Some((of, Some(version))) => write!(out, " from `{of}` {version}"),
            Some((of, None)) => write!(out, " from `{of}`"),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum ExclusionWire {
    Everywhere(PackageName),
    Of { package: ExcluderWire, dependencies: Vec<PackageName> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExcluderWire {
    name: PackageName,
    version: Option<Version>,
}

/// What an item excludes. `None` for forms that are not known here.
fn exclusions(item: &toml::Value) -> Option<BTreeSet<Exclusion>> {
    Some(match item.clone().try_into().ok()? {
        ExclusionWire::Everywhere(name) => BTreeSet::from([Exclusion { name, of: None }]),
        ExclusionWire::Of { package, dependencies } => {
            let of = Some((package.name, package.version));
            dependencies.into_iter().map(|name| Exclusion { name, of: of.clone() }).collect()
        }
    })
}

/// What uv believes of a package instead of asking for its metadata (uv: `StaticMetadata`). The order of lists counts, as it does
/// for uv.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct StaticMetadata {
    name: PackageName,
    version: Option<Version>,
    #[serde(default, deserialize_with = "requirements")]
    requires_dist: Vec<uv_pep508::Requirement<VerbatimUrl>>,
    requires_python: Option<VersionSpecifiers>,
    #[serde(default, alias = "provides-extra")]
    provides_extras: Vec<ExtraName>,
}

fn requirements<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<uv_pep508::Requirement<VerbatimUrl>>, D::Error> {
    let texts = Vec::<String>::deserialize(list)?;
    let read = texts.iter().map(|text| marker::requirement(text)).collect::<Option<_>>();
    read.ok_or_else(|| D::Error::custom("not a requirement"))
}

impl StaticMetadata {
    /// `None` for forms that are not known here, and for URLs that uv writes otherwise than it reads them.
    fn read(entry: &toml::Value) -> Option<Self> {
        let mut read: Self = entry.clone().try_into().ok()?;
        for requirement in &mut read.requires_dist {
            let Some(VersionOrUrl::Url(url)) = &mut requirement.version_or_url else { continue };
            let text = url.raw().displayable_with_credentials().to_string();
            let address = text.strip_prefix("git+").unwrap_or(&text);
            let is_plain = ["https://", "http://"].iter().any(|scheme| address.starts_with(scheme));
            if !is_plain || text.contains("${") || address.split('/').nth(2)?.contains('@') {
                return None;
            }
            *url = VerbatimUrl::parse_url(&text).ok()?;
        }
        Some(read)
    }
}

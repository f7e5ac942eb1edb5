//! Whether the indexes that packages were locked from are still there (uv: `SatisfiesResult::MissingRemoteIndex`). uv may have been
//! told of others by its environment, but hardly when the workspace itself says what the default is.

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::PackageName;

use super::check::Check;
use super::requirement::index_url;
use crate::lock::{PackageId, Source};
use crate::manifest::Manifest;
use crate::manifest::configuration::Configuration;
use crate::paths::joined;

impl Check<'_> {
    /// As uv does, looks at the packages that local projects ask for themselves.
    pub(super) fn indexes(&mut self, configuration: &Configuration, compared: &[(PackageId, &Manifest)]) {
        let lock = self.lock;
        let Some(default_index) = configuration.default_index.as_ref().filter(|_| configuration.is_known) else {
            return;
        };
        let declared = configuration.indexes.iter().map(String::as_str);
        // Those of other members are there for the packages that name them, as their requirements do.
        let noted = lock.packages.iter().flat_map(|package| {
            let metadata = &package.metadata;
            let lists = metadata.requires_dist.iter().chain(metadata.requires_dev.values());
            lists.flatten().filter_map(|noted| noted.index.as_deref())
        });
        let place = |text: &str| match text.contains("://") {
            true => index_url(text),
            false => super::requirement::normal_path("", text),
        };
        let Some(known) = declared.chain(noted).map(place).collect::<Option<BTreeSet<String>>>() else { return };
        let mut unknown: BTreeMap<&str, &PackageName> = BTreeMap::new();
        for (id, _) in compared {
            let package = &lock.packages[*id];
            let tables = package.extras.values().chain(package.groups.values()).chain([&package.dependencies]);
            for dependency in tables.flatten().map(|edge| &lock.packages[edge.package]) {
                let (index, found) = match &dependency.source {
                    Source::Registry(url) => (url.as_str(), index_url(url)),
                    Source::FlatRegistry(path) => (path.as_str(), Some(joined("", path))),
                    _ => continue,
                };
                if found.is_some_and(|found| !known.contains(&found)) {
                    unknown.entry(index).or_insert(&dependency.name);
                }
            }
        }
        for (index, name) in unknown {
            let message = format!("`{name}` was locked from `{index}`, which is not an index of the workspace");
            self.report(message, default_index.clone());
        }
    }
}

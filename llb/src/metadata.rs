//! What is said about a vertex without being part of it.

use std::collections::BTreeMap;

use crate::printable::printable;
use crate::source_map::Location;
use buildkit_proto::pb;

/// The key under which BuildKit's clients look for the name of a step.
const CUSTOM_NAME: &str = "llb.customname";

/// Name, grouping, cache flags and source locations of a vertex. None of it is in the digest.
///
/// Mirrors `OpMetadata` and the metadata options in `client/llb/state.go`.
///
/// When a graph holds the same op twice with different metadata, the two become one by
/// [`Metadata::merged`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    description: BTreeMap<String, String>,
    progress_group: Option<ProgressGroup>,
    ignore_cache: bool,
    export_cache: Option<bool>,
    locations: Vec<Location>,
}

/// Steps shown as one in the progress display.
///
/// Mirrors `ProgressGroup` in `solver/pb/ops.proto`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProgressGroup {
    /// Steps with the same id are one group.
    pub id: String,
    /// The line shown for the group.
    pub name: String,
    /// A weak group is shown only if no other group takes the step.
    pub weak: bool,
}

impl Metadata {
    /// Metadata with a custom name: the line of the progress display.
    ///
    /// Mirrors `WithCustomName` in `client/llb/state.go`.
    pub fn named(name: impl Into<String>) -> Self {
        Self::default().name(name)
    }

    /// Sets the custom name, as terminals may have it. An empty name is none.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.describe(CUSTOM_NAME, printable(&name.into()))
    }

    /// Sets a description entry, which BuildKit keeps and does not read. An empty value is none.
    ///
    /// Mirrors `WithDescription` in `client/llb/state.go`.
    #[must_use]
    pub fn describe(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        if value.is_empty() {
            self.description.remove(&key);
        } else {
            self.description.insert(key, value);
        }
        self
    }

    /// Puts the step into a progress group.
    ///
    /// Mirrors `ProgressGroup` in `client/llb/state.go`.
    #[must_use]
    pub fn progress_group(mut self, group: ProgressGroup) -> Self {
        self.progress_group = Some(group);
        self
    }

    /// Runs the op even if the cache has its result.
    ///
    /// Mirrors `IgnoreCache` in `client/llb/state.go`.
    #[must_use]
    pub fn ignore_cache(mut self) -> Self {
        self.ignore_cache = true;
        self
    }

    /// Says whether the result travels with a cache export; unset leaves it to the export mode.
    ///
    /// Mirrors `WithExportCache` and `WithoutExportCache` in `client/llb/state.go`.
    #[must_use]
    pub fn export_cache(mut self, export: bool) -> Self {
        self.export_cache = Some(export);
        self
    }

    /// Adds a place in a source file that the op comes from. The first is the main one.
    ///
    /// Mirrors `SourceMap.Location` in `client/llb/sourcemap.go`.
    #[must_use]
    pub fn at(mut self, location: Location) -> Self {
        if !self.locations.contains(&location) {
            self.locations.push(location);
        }
        self
    }

    /// Adds several places, as [`Metadata::at`] does.
    #[must_use]
    pub fn at_all(self, locations: impl IntoIterator<Item = Location>) -> Self {
        locations.into_iter().fold(self, Self::at)
    }

    /// The custom name.
    pub fn custom_name(&self) -> Option<&str> {
        self.description.get(CUSTOM_NAME).map(String::as_str)
    }

    /// The places in source files.
    pub fn locations(&self) -> &[Location] {
        &self.locations
    }

    /// The metadata of one vertex that `self` and then `later` speak about:
    ///
    /// - description entries and the progress group: the first one given wins;
    /// - the cache is ignored if either says so;
    /// - the result is exported if either says so, else not if either says so, else by default;
    /// - locations are united, those of `self` first.
    ///
    /// `marshal` applies it in marshal order, which the graph alone decides.
    #[must_use]
    pub fn merged(mut self, later: &Self) -> Self {
        for (key, value) in &later.description {
            let entry = self.description.entry(key.clone());
            entry.or_insert_with(|| value.clone());
        }
        if self.progress_group.is_none() {
            self.progress_group.clone_from(&later.progress_group);
        }
        self.ignore_cache |= later.ignore_cache;
        // `None < Some(false) < Some(true)`.
        self.export_cache = self.export_cache.max(later.export_cache);
        self.at_all(later.locations.iter().cloned())
    }

    /// The wire message, without capabilities.
    pub(crate) fn to_pb(&self) -> pb::OpMetadata {
        pb::OpMetadata {
            ignore_cache: self.ignore_cache,
            description: self.description.clone(),
            export_cache: self.export_cache.map(|value| pb::ExportCache { value }),
            caps: BTreeMap::new(),
            progress_group: self.progress_group.as_ref().map(|group| pb::ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
        }
    }

    pub(crate) fn from_pb(metadata: &pb::OpMetadata) -> Self {
        Self {
            description: metadata.description.clone(),
            progress_group: metadata.progress_group.as_ref().map(|group| ProgressGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                weak: group.weak,
            }),
            ignore_cache: metadata.ignore_cache,
            export_cache: metadata.export_cache.map(|export| export.value),
            locations: Vec::new(),
        }
    }
}

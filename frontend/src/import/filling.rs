//! What an environment is filled with, and what a config has beside its targets.

use std::collections::{BTreeMap, BTreeSet};

use super::reader::Reader;
use super::sync::Sync;
use super::text::Text;
use super::value::Value;

/// What a config has beside its targets.
#[derive(Debug, Default)]
pub struct Shared {
    /// `[uv]` `image`.
    pub uv: Option<Text>,
    /// `[python]`, where uv installs it: the version, if one is named.
    pub managed_python: Option<Option<Text>>,
    /// `[lock]` `check`: the lock is stale, and uv does not look.
    pub has_stale_lock: bool,
    /// Stages that fill an environment.
    pub building: BTreeSet<usize>,
    /// Stages that no step stands for, though something is copied from them, and why.
    pub hindrances: BTreeMap<usize, &'static str>,
    /// `[members.NAME]`: its keys.
    pub members: BTreeMap<String, Vec<(String, Value)>>,
}

/// What an environment is filled with: the last `uv sync` of all that lead to it.
pub struct Filling {
    /// The last one.
    pub sync: Sync,
    /// The member.
    pub package: Option<Text>,
    /// Where it is not the root's.
    pub lock: Option<Text>,
    /// Its extras.
    pub extras: Vec<Text>,
    /// Its groups.
    pub groups: Vec<Text>,
    /// Stages that it is made in, the one of the image last.
    pub stages: Vec<usize>,
}

impl Filling {
    /// Nothing but dependencies.
    pub fn is_for_dependencies(&self, reader: &Reader<'_>) -> bool {
        self.stages.iter().flat_map(|stage| &reader.stages[*stage].syncs).all(|sync| sync.is_for_dependencies)
    }

    /// uv takes the root's lock as it is.
    pub fn is_frozen(&self, reader: &Reader<'_>) -> bool {
        let mut syncs = self.stages.iter().flat_map(|stage| &reader.stages[*stage].syncs);
        self.lock.is_none() && syncs.all(|sync| sync.is_frozen)
    }
}

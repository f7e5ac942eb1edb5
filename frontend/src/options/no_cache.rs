//! Which steps run although BuildKit has their result.

use std::collections::BTreeSet;

/// The client's `--no-cache` and `--no-cache-filter`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NoCache {
    /// None.
    #[default]
    Off,
    /// All.
    All,
    /// Those of the targets and members with these names, in lower case.
    Named(BTreeSet<String>),
}

impl NoCache {
    /// Whether the steps of the target or member with this name run again.
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::Off => false,
            Self::All => true,
            Self::Named(names) => names.contains(&name.to_lowercase()),
        }
    }
}

//! `layers`: bounds of what is in one layer, and of how many there are.

use super::size;
use super::table::{Reader, Table};

/// `layers = { budget, max-size, together }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LayersConfig {
    /// How many layers the image may have, the base's among them.
    pub budget: Option<usize>,
    /// Compressed bytes that a layer should not exceed.
    pub max_size: Option<u64>,
    /// Packages that share a layer: names, or prefixes that end in `*`.
    pub together: Vec<Vec<String>>,
}

/// Containers run with 127 layers at most.
pub(super) const MAX_BUDGET: u32 = 127;

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<LayersConfig> {
    let mut table = reader.table(table, "layers")?;
    let budget = reader.integer(&mut table, "budget", MAX_BUDGET);
    let max_size = size::read(reader, &mut table, "max-size").map(|size| size.value);
    let together = reader.string_lists(&mut table, "together").unwrap_or_default();
    let together = together.into_iter().map(|family| family.value).collect();
    reader.finish(&table);
    Some(LayersConfig { budget: budget.and_then(|budget| usize::try_from(budget.value).ok()), max_size, together })
}

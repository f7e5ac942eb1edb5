//! `layers`: bounds of what is in one layer, and of how many there are.

use super::table::{Reader, Table};
use crate::diagnostic::Diagnostic;

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
    let max_size = reader.string(&mut table, "max-size").and_then(|text| {
        let size = parse_size(&text.value);
        if size.is_none() {
            let error = Diagnostic::new("config::bad_size", format!("`{}` is not a size", text.value))
                .at(text.span)
                .help("write a number and a unit: `\"500MB\"` or `\"1GiB\"`");
            reader.errors.push(error);
        }
        size
    });
    let together = reader.string_lists(&mut table, "together").unwrap_or_default();
    let together = together.into_iter().map(|family| family.value).collect();
    reader.finish(&table);
    Some(LayersConfig { budget: budget.and_then(|budget| usize::try_from(budget.value).ok()), max_size, together })
}

/// Bytes of `500MB`, `1.5GiB` or `800000`.
fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: f64 = number.parse().ok()?;
    let factor = match unit.trim() {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    // Positive and far below the range in which a float cannot hold an integer.
    Some((number * factor) as u64)
}

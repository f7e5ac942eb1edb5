//! Sizes: `layers.max-size`, of what is pushed, and `max-image-size`, of what is on disk.

use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

pub(super) fn read(reader: &mut Reader<'_>, table: &mut Table<'_>, key: &'static str) -> Option<Located<u64>> {
    let text = reader.string(table, key)?;
    let size = parse(&text.value);
    if size.is_none() {
        let error = Diagnostic::new("config::bad_size", format!("`{}` is not a valid size", text.value))
            .at(text.span.clone())
            .help("write a number and a unit: `\"500MB\"` or `\"1GiB\"`");
        reader.errors.push(error);
    }
    size.map(|size| text.map(|_| size))
}

/// Bytes of `500MB`, `1.5GiB` or `800000`.
fn parse(text: &str) -> Option<u64> {
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

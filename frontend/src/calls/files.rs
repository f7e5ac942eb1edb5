//! `--call=uv.files`: where the bytes of an image are, and which packages write over each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answer, VERSION, table};
use crate::plan::report::megabytes;

/// What `lower/files.py` writes.
#[derive(Debug, Deserialize, Serialize)]
struct List {
    packages: Vec<Entry>,
    shared: Vec<Shared>,
}

/// One package.
#[derive(Debug, Deserialize, Serialize)]
struct Entry {
    name: String,
    version: String,
    files: u64,
    /// On disk, with bytecode.
    bytes: u64,
}

/// A file that several packages write, each with other contents.
#[derive(Debug, Deserialize, Serialize)]
struct Shared {
    /// From the environment's directory.
    path: String,
    packages: Vec<String>,
    /// The package whose file is in the image.
    kept: Option<String>,
}

/// The answer, from the JSON that the step wrote.
pub fn answer(list: &[u8]) -> Result<Answer, serde_json::Error> {
    let mut list: List = serde_json::from_slice(list)?;
    list.packages.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    let rows = list.packages.iter().map(|package| {
        vec![package.name.clone(), package.version.clone(), package.files.to_string(), megabytes(package.bytes)]
    });
    let mut text = table(&["PACKAGE", "VERSION", "FILES", "ON DISK"], rows);
    let total = list.packages.iter().map(|package| package.bytes).sum();
    text += &format!("\n{} packages, {} on disk\n", list.packages.len(), megabytes(total));
    // Packages that share one file share many.
    let mut pairs: BTreeMap<(&[String], &Option<String>), Vec<&str>> = BTreeMap::new();
    for shared in &list.shared {
        pairs.entry((&shared.packages, &shared.kept)).or_default().push(&shared.path);
    }
    for ((packages, kept), paths) in pairs {
        let names = packages.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        let more = if paths.len() > 1 { format!(" and {} more", paths.len() - 1) } else { String::new() };
        text += &format!("\nWARNING: {names} write `{}`{more}", paths[0]);
        if let Some(kept) = kept {
            text += &format!(": what `{kept}` writes is in the image");
        }
        text += "\n";
    }
    Ok(Answer { json: serde_json::to_value(&list)?, text, version: VERSION, status: None })
}

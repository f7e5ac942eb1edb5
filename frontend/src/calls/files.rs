//! `--call=uv.files`: where the bytes of an image are, which packages write over each other, and which libraries they miss.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Answer, VERSION, libraries, table};
use crate::config::system::Manager;
use crate::plan::report::megabytes;

/// What `lower/files.py` writes.
#[derive(Debug, Deserialize, Serialize)]
struct List {
    packages: Vec<Entry>,
    shared: Vec<Shared>,
    missing: Vec<Missing>,
    /// Of all files of the image.
    bytes: u64,
}

/// A library that programs of packages need, and that neither the image nor a package has.
#[derive(Debug, Deserialize, Serialize)]
struct Missing {
    /// As a loader looks for it: `libGL.so.1`.
    library: String,
    packages: Vec<String>,
    /// One of the programs, from the environment's directory.
    path: String,
    /// The package of Debian that has it, where the image is of Debian and that is known.
    #[serde(skip_deserializing)]
    debian: Option<&'static str>,
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

/// The answer, from the JSON that the step wrote, for an image whose distribution has that manager.
pub fn answer(list: &[u8], manager: Manager) -> Result<Answer, serde_json::Error> {
    let mut list: List = serde_json::from_slice(list)?;
    list.packages.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    for missing in &mut list.missing {
        missing.debian = (manager == Manager::Apt).then(|| libraries::debian(&missing.library)).flatten();
    }
    let rows = list.packages.iter().map(|package| {
        vec![package.name.clone(), package.version.clone(), package.files.to_string(), megabytes(package.bytes)]
    });
    let mut text = table(&["PACKAGE", "VERSION", "FILES", "ON DISK"], rows);
    let total = list.packages.iter().map(|package| package.bytes).sum();
    let (packages, image) = (list.packages.len(), megabytes(list.bytes));
    text += &format!("\n{packages} packages, {} on disk; all files of the image: {image}\n", megabytes(total));
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
            text += &format!(": the image has the files of `{kept}`");
        }
        text += "\n";
    }
    for missing in &list.missing {
        let names = missing.packages.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        text +=
            &format!("\nWARNING: the image has no `{}`, which {names} may need: {}\n", missing.library, missing.path);
        match (manager, missing.debian) {
            (Manager::Apt, Some(debian)) => text += &format!("help: `apt = [\"{debian}\"]` installs it\n"),
            (Manager::Apt, None) => {}
            // apk finds the package by what it provides.
            (Manager::Apk, _) => {
                text += &format!("help: `apk = [\"so:{}\"]` installs it, if Alpine has it\n", missing.library);
            }
        }
    }
    Ok(Answer { json: serde_json::to_value(&list)?, text, version: VERSION, status: None })
}

/// Why an image is larger than it may be, if it is: its size, and what of it packages are, the largest first.
pub fn excess(list: &[u8], limit: u64) -> Result<Option<Excess>, serde_json::Error> {
    let mut list: List = serde_json::from_slice(list)?;
    list.packages.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
    let packages: u64 = list.packages.iter().map(|package| package.bytes).sum();
    let largest = list.packages.iter().take(LARGEST).map(|package| (package.name.clone(), package.bytes)).collect();
    let others = list.bytes.saturating_sub(packages);
    Ok((list.bytes > limit).then_some(Excess { bytes: list.bytes, others, largest }))
}

/// How many packages a message names.
const LARGEST: usize = 5;

/// An image that is too large. Sizes are in bytes, on disk.
#[derive(Debug, PartialEq, Eq)]
pub struct Excess {
    /// All files of the image.
    pub bytes: u64,
    /// Those of no package: the base, packages of its distribution, files.
    pub others: u64,
    /// The largest packages.
    pub largest: Vec<(String, u64)>,
}

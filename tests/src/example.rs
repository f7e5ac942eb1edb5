//! The projects under `examples/`: every directory there is one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::expectation::{self, Expectation};

/// One of them.
#[derive(Clone, Debug)]
pub struct Example {
    /// Name of its directory.
    pub name: String,
    /// The directory.
    pub directory: PathBuf,
    /// What must be observed of it.
    pub expectation: Expectation,
}

/// All of them, by name.
pub fn all() -> Result<Vec<Example>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut examples = Vec::new();
    for entry in std::fs::read_dir(&root).with_context(|| format!("cannot read {}", root.display()))? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let directory = entry.path();
        let path = directory.join(expectation::FILE_NAME);
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let expectation = Expectation::parse(&text).with_context(|| path.display().to_string())?;
        examples.push(Example { name: entry.file_name().to_string_lossy().into_owned(), directory, expectation });
    }
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(examples)
}

//! The state of a directory, in memory.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The files of a directory, by their path below it. Contestants get the same sequence of these.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Snapshot {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Snapshot {
    pub fn take(directory: &Path) -> Result<Snapshot> {
        let mut snapshot = Snapshot::default();
        snapshot.add(directory, Path::new(""))?;
        Ok(snapshot)
    }

    fn add(&mut self, root: &Path, below: &Path) -> Result<()> {
        let directory = root.join(below);
        for entry in fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                self.add(root, &path)?;
            } else {
                self.files.insert(path, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Writes the files that differ: the others keep their times, as in a working copy.
    pub fn apply(&self, directory: &Path) -> Result<()> {
        for (path, content) in &self.files {
            let path = directory.join(path);
            if fs::read(&path).is_ok_and(|present| present == *content) {
                continue;
            }
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
            }
            fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_what_differs() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::create_dir(from.path().join("a")).unwrap();
        fs::write(from.path().join("a/same"), "1").unwrap();
        fs::write(from.path().join("edited"), "1").unwrap();
        Snapshot::take(from.path()).unwrap().apply(to.path()).unwrap();
        let time = |name: &str| fs::metadata(to.path().join(name)).unwrap().modified().unwrap();
        let before = time("a/same");

        fs::write(from.path().join("edited"), "2").unwrap();
        Snapshot::take(from.path()).unwrap().apply(to.path()).unwrap();
        assert_eq!(fs::read(to.path().join("edited")).unwrap(), b"2");
        assert_eq!(time("a/same"), before);
    }
}

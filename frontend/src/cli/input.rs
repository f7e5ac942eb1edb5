//! Files on disk. Only regular ones are read, since a pipe or a device may have no end, and no more of them than a lock can have.

use std::fs::{File, metadata};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// Bytes that a file may have: the longest lock that is known has a third.
pub const MOST: u64 = 64 << 20;

/// The content of a file.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    bounded(path, MOST)
}

/// The text of a file.
pub fn text(path: &Path) -> Result<String> {
    String::from_utf8(bytes(path)?).map_err(|_| Error::new(ErrorKind::InvalidData, "this is not UTF-8"))
}

fn bounded(path: &Path, most: u64) -> Result<Vec<u8>> {
    let about = metadata(path)?;
    if !about.is_file() {
        let what = if about.is_dir() { "this is a directory" } else { "this is not a regular file" };
        return Err(Error::other(what));
    }
    let mut content = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut content)?;
    if content.len() as u64 > most {
        return Err(Error::other(format!("this file has more than {} MB", most >> 20)));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_not_read() {
        let refused = |path: &Path, most| bounded(path, most).expect_err("a refusal").to_string();
        assert_eq!(refused(Path::new("/dev/zero"), MOST), "this is not a regular file");
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(refused(directory.path(), MOST), "this is a directory");
        let long = directory.path().join("long");
        std::fs::write(&long, vec![b'a'; (1 << 20) + 1]).unwrap();
        assert_eq!(refused(&long, 1 << 20), "this file has more than 1 MB");
        assert_eq!(bounded(&long, (1 << 20) + 1).unwrap().len(), (1 << 20) + 1);
    }
}

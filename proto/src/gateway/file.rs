//! Files of a solved ref.

use prost::Message as _;

use super::{Gateway, Ref};
use crate::error::GatewayError;
use crate::{fsutil_pb, gateway_pb};

/// A read of a whole file takes parts of this size: an answer has to stay below 16 MiB with all that is around it.
const READ_PART: u64 = 8 << 20;

/// A whole file is no larger: a frontend holds it in memory.
const MAX_FILE: usize = 128 << 20;

/// Where a local source of which only metadata is transferred has it (fsutil: `metadataPath`).
pub const METADATA_FILE: &str = ".fsutil-metadata";

/// Reads such a file: messages with their length in front, of four bytes, the lowest first. Paths are whole.
pub fn parse_metadata(mut bytes: &[u8]) -> Result<Vec<FileStat>, GatewayError> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let message =
            usize::try_from(u32::from_le_bytes(*length)).ok().and_then(|length| rest.split_at_checked(length));
        let decoded = message.and_then(|(message, rest)| Some((fsutil_pb::Stat::decode(message).ok()?, rest)));
        let (stat, rest) = decoded.ok_or_else(|| GatewayError::new("BuildKit's list of files cannot be read"))?;
        entries.push(stat.into());
        bytes = rest;
    }
    Ok(entries)
}

/// Bits of Go's `os.FileMode`, which is what `FileStat::mode` holds.
const MODE_DIR: u32 = 1 << 31;
const MODE_SYMLINK: u32 = 1 << 27;
const MODE_TYPE: u32 = MODE_DIR | MODE_SYMLINK | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19;
const MODE_PERMISSIONS: u32 = 0o777;

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileRange {
    pub offset: u64,
    pub length: u64,
}

/// What the daemon knows of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// From `read_dir` the name of the entry, from `stat_file` the last part of the path.
    pub path: String,
    /// Go's `os.FileMode`, not POSIX's: see the methods.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    /// Nanoseconds since the epoch.
    pub modified: i64,
    /// Target of a symbolic link.
    pub link: String,
}

impl Gateway {
    /// The bytes of a file: of `range`, or else of the whole file.
    ///
    /// A range ends early where the file ends. A whole file may be larger than a message, it is read in parts; one of more
    /// than 128 MiB is an error. A missing file is an error with code `Unknown`, so ask [`Gateway::read_dir`] when a file may be missing.
    pub async fn read_file(
        &self,
        reference: &Ref,
        path: &str,
        range: Option<FileRange>,
    ) -> Result<Vec<u8>, GatewayError> {
        if let Some(range) = range {
            return self.read_range(reference, path, range).await;
        }
        let mut data = Vec::new();
        loop {
            let range = FileRange { offset: data.len() as u64, length: READ_PART };
            let part = self.read_range(reference, path, range).await?;
            let end = (part.len() as u64) < READ_PART;
            data.extend(part);
            if data.len() > MAX_FILE {
                return Err(GatewayError::new(format!("`{path}` has more than {} MiB", MAX_FILE >> 20)));
            }
            if end {
                return Ok(data);
            }
        }
    }

    /// The entries of a directory, not of those below it, in the daemon's order (by name). `include_pattern` is a
    /// glob on names; an empty one takes all.
    pub async fn read_dir(
        &self,
        reference: &Ref,
        path: &str,
        include_pattern: &str,
    ) -> Result<Vec<FileStat>, GatewayError> {
        let request = gateway_pb::ReadDirRequest {
            r#ref: reference.id.clone(),
            dir_path: path.to_owned(),
            include_pattern: include_pattern.to_owned(),
            ..gateway_pb::ReadDirRequest::default()
        };
        let response = self.client().read_dir(request).await?.into_inner();
        Ok(response.entries.into_iter().map(FileStat::from).collect())
    }

    /// What the daemon knows of a file.
    pub async fn stat_file(&self, reference: &Ref, path: &str) -> Result<FileStat, GatewayError> {
        let request = gateway_pb::StatFileRequest {
            r#ref: reference.id.clone(),
            path: path.to_owned(),
            ..gateway_pb::StatFileRequest::default()
        };
        let response = self.client().stat_file(request).await?.into_inner();
        let stat = response.stat.ok_or_else(|| GatewayError::new(format!("BuildKit told nothing of `{path}`")))?;
        Ok(stat.into())
    }

    async fn read_range(&self, reference: &Ref, path: &str, range: FileRange) -> Result<Vec<u8>, GatewayError> {
        // A Go `int64`; no file is longer than it can say.
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let request = gateway_pb::ReadFileRequest {
            r#ref: reference.id.clone(),
            file_path: path.to_owned(),
            range: Some(gateway_pb::FileRange { offset: number(range.offset), length: number(range.length) }),
            ..gateway_pb::ReadFileRequest::default()
        };
        Ok(self.client().read_file(request).await?.into_inner().data)
    }
}

impl FileStat {
    pub fn is_dir(&self) -> bool {
        self.mode & MODE_DIR != 0
    }

    pub fn is_symlink(&self) -> bool {
        self.mode & MODE_SYMLINK != 0
    }

    pub fn is_file(&self) -> bool {
        self.mode & MODE_TYPE == 0
    }

    /// The nine permission bits, as in POSIX.
    pub fn permissions(&self) -> u32 {
        self.mode & MODE_PERMISSIONS
    }
}

impl From<fsutil_pb::Stat> for FileStat {
    fn from(stat: fsutil_pb::Stat) -> Self {
        Self {
            path: stat.path,
            mode: stat.mode,
            uid: stat.uid,
            gid: stat.gid,
            size: u64::try_from(stat.size).unwrap_or(0),
            modified: stat.mod_time,
            link: stat.linkname,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_list_of_files() {
        let stats =
            [("members", 1 << 31 | 0o755), ("members/core", 1 << 31 | 0o755), ("members/link", 1 << 27 | 0o777)];
        let mut bytes = Vec::new();
        for (path, mode) in stats {
            let message = fsutil_pb::Stat { path: path.to_owned(), mode, ..Default::default() }.encode_to_vec();
            bytes.extend(u32::try_from(message.len()).unwrap().to_le_bytes());
            bytes.extend(message);
        }
        let entries = parse_metadata(&bytes).unwrap();
        let read: Vec<_> = entries.iter().map(|entry| (entry.path.as_str(), entry.mode)).collect();
        assert_eq!(read, stats);
        assert!(entries[1].is_dir() && entries[2].is_symlink());
        assert_eq!(parse_metadata(&[]).unwrap(), []);
        for cut in [bytes.len() - 1, 4] {
            assert!(parse_metadata(&bytes[..cut]).is_err(), "{cut}");
        }
    }
}

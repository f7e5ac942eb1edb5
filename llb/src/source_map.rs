//! The places in source files that ops come from.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::sync::Arc;

use prost::Message as _;

use buildkit_proto::canonical::digest_of;
use buildkit_proto::pb;

/// A source file, shared by all the places in it.
///
/// Mirrors `SourceMap` in `client/llb/sourcemap.go`. Two files are equal when name, language,
/// data and definition are.
#[derive(Debug)]
pub struct SourceFile {
    info: pb::SourceInfo,
    digest: String,
}

impl SourceFile {
    /// The file with its whole text.
    ///
    /// `language` is a name of GitHub's linguist (`TOML`); `definition` is what the file was
    /// loaded with, if BuildKit loaded it.
    pub fn new(
        filename: impl Into<String>,
        language: impl Into<String>,
        data: impl Into<Vec<u8>>,
        definition: Option<pb::Definition>,
    ) -> Arc<Self> {
        Self::from_info(pb::SourceInfo {
            filename: filename.into(),
            language: language.into(),
            data: data.into(),
            definition,
        })
    }

    pub(crate) fn from_info(info: pb::SourceInfo) -> Arc<Self> {
        let digest = digest_of(&info.encode_to_vec());
        Arc::new(Self { info, digest })
    }

    /// The name shown to the user.
    pub fn filename(&self) -> &str {
        &self.info.filename
    }

    /// The wire message.
    pub fn info(&self) -> &pb::SourceInfo {
        &self.info
    }

    fn key(&self) -> (&str, &str) {
        (&self.info.filename, &self.digest)
    }
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for SourceFile {}

impl PartialOrd for SourceFile {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By file name, then by content.
impl Ord for SourceFile {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// A line, from 1 on, and a character in it, from 0 on.
///
/// Mirrors `Position` in `solver/pb/ops.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// From 1 on.
    pub line: i32,
    /// From 0 on; clients mark whole lines and do not read it.
    pub character: i32,
}

/// From a position to a position, both included.
///
/// Mirrors `Range` in `solver/pb/ops.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Range {
    /// The first position.
    pub start: Position,
    /// The last position.
    pub end: Position,
}

/// Ranges of one file.
///
/// Mirrors `SourceLocation` in `client/llb/sourcemap.go`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    file: Arc<SourceFile>,
    ranges: Vec<Range>,
}

impl Location {
    /// The given ranges of `file`.
    pub fn new(file: &Arc<SourceFile>, ranges: impl IntoIterator<Item = Range>) -> Self {
        Self { file: Arc::clone(file), ranges: ranges.into_iter().collect() }
    }

    /// One line of `file`, from 1 on.
    pub fn line(file: &Arc<SourceFile>, line: u32) -> Self {
        Self::lines(file, line..=line)
    }

    /// Consecutive lines of `file`, from 1 on.
    pub fn lines(file: &Arc<SourceFile>, lines: RangeInclusive<u32>) -> Self {
        let position = |line: u32| Position { line: i32::try_from(line).unwrap_or(i32::MAX), character: 0 };
        let range = Range { start: position(*lines.start()), end: position(*lines.end()) };
        Self::new(file, [range])
    }

    /// The file.
    pub fn file(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// The ranges in it.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }
}

fn range_to_pb(range: &Range) -> pb::Range {
    let position = |position: Position| pb::Position { line: position.line, character: position.character };
    pb::Range { start: Some(position(range.start)), end: Some(position(range.end)) }
}

fn range_from_pb(range: &pb::Range) -> Range {
    let position = |position: Option<pb::Position>| {
        let position = position.unwrap_or_default();
        Position { line: position.line, character: position.character }
    };
    Range { start: position(range.start), end: position(range.end) }
}

/// The wire form of the locations of all vertices: files sorted by name and content, locations
/// under the digest of their vertex. `None` when there is no location at all.
///
/// Mirrors `sourceMapCollector` in `client/llb/sourcemap.go`, which keeps files in walking order.
pub(crate) fn to_pb<'a>(vertices: impl Iterator<Item = (&'a str, &'a [Location])> + Clone) -> Option<pb::Source> {
    let mut files: Vec<&SourceFile> =
        vertices.clone().flat_map(|(_, locations)| locations.iter().map(|location| &*location.file)).collect();
    files.sort();
    files.dedup();
    if files.is_empty() {
        return None;
    }
    let to_location = |location: &Location| pb::Location {
        source_index: files
            .binary_search(&&*location.file)
            .ok()
            .and_then(|index| i32::try_from(index).ok())
            .unwrap_or_default(),
        ranges: location.ranges.iter().map(range_to_pb).collect(),
    };
    let locations = vertices
        .filter(|(_, locations)| !locations.is_empty())
        .map(|(digest, locations)| {
            let locations = locations.iter().map(to_location).collect();
            (digest.to_owned(), pb::Locations { locations })
        })
        .collect();
    Some(pb::Source { locations, infos: files.iter().map(|file| file.info.clone()).collect() })
}

/// The files of a wire message, by index.
pub(crate) fn files_from_pb(source: &pb::Source) -> Vec<Arc<SourceFile>> {
    let infos = source.infos.iter().cloned();
    infos.map(SourceFile::from_info).collect()
}

/// The locations of one vertex; those that point at no file are dropped.
pub(crate) fn locations_from_pb(locations: &pb::Locations, files: &[Arc<SourceFile>]) -> Vec<Location> {
    let to_location = |location: &pb::Location| {
        let index = usize::try_from(location.source_index).ok()?;
        let ranges = location.ranges.iter().map(range_from_pb);
        Some(Location::new(files.get(index)?, ranges))
    };
    locations.locations.iter().filter_map(to_location).collect()
}

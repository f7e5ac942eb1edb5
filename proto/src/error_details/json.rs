//! The JSON of the LLB messages inside a `Source` detail: field names from the `json:` tags in BuildKit's
//! `solver/pb/ops.pb.go`, all with `omitempty`, bytes as standard base64.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Source;
use crate::pb;

/// Mirrors `errdefs.Source`.
#[derive(Serialize, Deserialize)]
pub(super) struct SourceJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    info: Option<SourceInfoJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ranges: Vec<Option<RangeJson>>,
}

/// Mirrors `pb.SourceInfo`.
#[derive(Default, Serialize, Deserialize)]
struct SourceInfoJson {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    filename: String,
    #[serde(default, skip_serializing_if = "Bytes::is_empty")]
    data: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    definition: Option<DefinitionJson>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    language: String,
}

/// Mirrors `pb.Range`.
#[derive(Serialize, Deserialize)]
struct RangeJson {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start: Option<PositionJson>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<PositionJson>,
}

/// Mirrors `pb.Position`.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct PositionJson {
    #[serde(default, skip_serializing_if = "is_zero")]
    line: i32,
    #[serde(default, skip_serializing_if = "is_zero")]
    character: i32,
}

/// Mirrors `pb.Definition`.
#[derive(Serialize, Deserialize)]
struct DefinitionJson {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    def: Vec<Bytes>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, OpMetadataJson>,
    #[serde(default, rename = "Source", skip_serializing_if = "Option::is_none")]
    source: Option<SourceMapJson>,
}

/// Mirrors `pb.OpMetadata`, without `linux_resources`.
#[derive(Serialize, Deserialize)]
struct OpMetadataJson {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    ignore_cache: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    description: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    export_cache: Option<ExportCacheJson>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    caps: BTreeMap<String, bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    progress_group: Option<ProgressGroupJson>,
}

/// Mirrors `pb.ExportCache`.
#[derive(Serialize, Deserialize)]
struct ExportCacheJson {
    #[serde(default, rename = "Value", skip_serializing_if = "std::ops::Not::not")]
    value: bool,
}

/// Mirrors `pb.ProgressGroup`.
#[derive(Serialize, Deserialize)]
struct ProgressGroupJson {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    weak: bool,
}

/// Mirrors `pb.Source`.
#[derive(Serialize, Deserialize)]
struct SourceMapJson {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    locations: BTreeMap<String, LocationsJson>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    infos: Vec<SourceInfoJson>,
}

/// Mirrors `pb.Locations`.
#[derive(Serialize, Deserialize)]
struct LocationsJson {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    locations: Vec<LocationJson>,
}

/// Mirrors `pb.Location`.
#[derive(Serialize, Deserialize)]
struct LocationJson {
    #[serde(default, rename = "sourceIndex", skip_serializing_if = "is_zero")]
    source_index: i32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ranges: Vec<Option<RangeJson>>,
}

/// Go's `[]byte`.
#[derive(Default)]
struct Bytes(Vec<u8>);

pub(super) fn to_bytes(value: &impl Serialize) -> Vec<u8> {
    // Structs with string keys and base64 text: there is no value for which this fails.
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn source_to_json(source: &Source) -> SourceJson {
    SourceJson { info: Some(info_to_json(&source.info)), ranges: source.ranges.iter().map(range_to_json).collect() }
}

pub(super) fn source_from_json(source: SourceJson) -> Source {
    Source {
        info: info_from_json(source.info.unwrap_or_default()),
        ranges: source.ranges.into_iter().flatten().map(range_from_json).collect(),
    }
}

fn info_to_json(info: &pb::SourceInfo) -> SourceInfoJson {
    SourceInfoJson {
        filename: info.filename.clone(),
        data: Bytes(info.data.clone()),
        definition: info.definition.as_ref().map(definition_to_json),
        language: info.language.clone(),
    }
}

fn info_from_json(info: SourceInfoJson) -> pb::SourceInfo {
    pb::SourceInfo {
        filename: info.filename,
        data: info.data.0,
        definition: info.definition.map(definition_from_json),
        language: info.language,
    }
}

/// Clients read both ends of a range without asking whether they are there (`errdefs/source.go`), so both are given.
fn range_to_json(range: &pb::Range) -> Option<RangeJson> {
    let position = |position: pb::Position| PositionJson { line: position.line, character: position.character };
    let start = range.start.or(range.end).unwrap_or_default();
    let end = range.end.unwrap_or(start);
    Some(RangeJson { start: Some(position(start)), end: Some(position(end)) })
}

fn range_from_json(range: RangeJson) -> pb::Range {
    let position = |position: PositionJson| pb::Position { line: position.line, character: position.character };
    pb::Range { start: range.start.map(position), end: range.end.map(position) }
}

fn definition_to_json(definition: &pb::Definition) -> DefinitionJson {
    DefinitionJson {
        def: definition.def.iter().map(|op| Bytes(op.clone())).collect(),
        metadata: definition.metadata.iter().map(|(digest, op)| (digest.clone(), metadata_to_json(op))).collect(),
        source: definition.source.as_ref().map(source_map_to_json),
    }
}

fn definition_from_json(definition: DefinitionJson) -> pb::Definition {
    pb::Definition {
        def: definition.def.into_iter().map(|op| op.0).collect(),
        metadata: definition.metadata.into_iter().map(|(digest, op)| (digest, metadata_from_json(op))).collect(),
        source: definition.source.map(source_map_from_json),
    }
}

fn metadata_to_json(metadata: &pb::OpMetadata) -> OpMetadataJson {
    OpMetadataJson {
        ignore_cache: metadata.ignore_cache,
        description: metadata.description.clone(),
        export_cache: metadata.export_cache.map(|export| ExportCacheJson { value: export.value }),
        caps: metadata.caps.clone(),
        progress_group: metadata.progress_group.as_ref().map(|group| ProgressGroupJson {
            id: group.id.clone(),
            name: group.name.clone(),
            weak: group.weak,
        }),
    }
}

fn metadata_from_json(metadata: OpMetadataJson) -> pb::OpMetadata {
    pb::OpMetadata {
        ignore_cache: metadata.ignore_cache,
        description: metadata.description,
        export_cache: metadata.export_cache.map(|export| pb::ExportCache { value: export.value }),
        caps: metadata.caps,
        progress_group: metadata.progress_group.map(|group| pb::ProgressGroup {
            id: group.id,
            name: group.name,
            weak: group.weak,
        }),
    }
}

fn source_map_to_json(source: &pb::Source) -> SourceMapJson {
    let location = |location: &pb::Location| LocationJson {
        source_index: location.source_index,
        ranges: location.ranges.iter().map(range_to_json).collect(),
    };
    SourceMapJson {
        locations: source
            .locations
            .iter()
            .map(|(digest, list)| {
                (digest.clone(), LocationsJson { locations: list.locations.iter().map(location).collect() })
            })
            .collect(),
        infos: source.infos.iter().map(info_to_json).collect(),
    }
}

fn source_map_from_json(source: SourceMapJson) -> pb::Source {
    let location = |location: LocationJson| pb::Location {
        source_index: location.source_index,
        ranges: location.ranges.into_iter().flatten().map(range_from_json).collect(),
    };
    pb::Source {
        locations: source
            .locations
            .into_iter()
            .map(|(digest, list)| {
                (digest, pb::Locations { locations: list.locations.into_iter().map(location).collect() })
            })
            .collect(),
        infos: source.infos.into_iter().map(info_from_json).collect(),
    }
}

impl Bytes {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        STANDARD.decode(text).map(Bytes).map_err(serde::de::Error::custom)
    }
}

fn is_zero(number: &i32) -> bool {
    *number == 0
}

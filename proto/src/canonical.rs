//! Op bytes and digests as the daemon computes them.
//!
//! When it loads a graph the daemon decodes every op and hashes what Go's deterministic marshal makes of it (BuildKit
//! `solver/llbsolver/vertex.go` `recomputeDigests`, `solver/pb/ops.go`). That digest is the vertex's identity in
//! source maps, in warnings, in progress and between clients. Other bytes for the same op still build, under a digest
//! that nobody else uses. prost differs from Go in two ways:
//!
//! - Go writes a message's oneof after its other fields (protobuf-go `internal/impl/codec_message.go`), prost by tag.
//!   This moves `Op.platform` and `Op.constraints`. `FileAction` and `UserOpt`, the other messages with a oneof, have
//!   no field with a tag above it.
//! - Go writes key and value of every map entry, prost leaves out an empty one. This concerns `SourceOp`, `BuildOp`
//!   and what is below a `BuildOp`'s definition.
//!
//! Map entries are sorted by key in both, as the generated messages hold `BTreeMap`s. Fields that the generated
//! messages do not have are lost when an op is decoded, so an op from elsewhere should keep its bytes.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use sha2::{Digest as _, Sha256};

use crate::pb;
use crate::pb::op::Op as Kind;

/// The bytes that Go's deterministic marshal gives for `op`.
pub fn canonical_op_bytes(op: &pb::Op) -> Vec<u8> {
    let pb::Op { inputs, platform, constraints, op: kind } = op;
    let mut bytes = Vec::new();
    for input in inputs {
        put_message(1, input, &mut bytes);
    }
    put_option(10, platform.as_ref(), &mut bytes);
    put_option(11, constraints.as_ref(), &mut bytes);
    match kind {
        None => {}
        Some(Kind::Exec(exec)) => put_message(2, exec, &mut bytes),
        Some(Kind::Source(source)) => put_bytes(3, &source_op(source), &mut bytes),
        Some(Kind::File(file)) => put_message(4, file, &mut bytes),
        Some(Kind::Build(build)) => put_bytes(5, &build_op(build), &mut bytes),
        Some(Kind::Merge(merge)) => put_message(6, merge, &mut bytes),
        Some(Kind::Diff(diff)) => put_message(7, diff, &mut bytes),
    }
    bytes
}

/// `sha256:` and the digest of `bytes` in hex.
pub fn digest_of(bytes: &[u8]) -> String {
    use std::fmt::Write as _;

    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        // Writing to a string cannot fail.
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

/// The digest of the vertex that the daemon makes of `op`.
pub fn op_digest(op: &pb::Op) -> String {
    digest_of(&canonical_op_bytes(op))
}

fn source_op(source: &pb::SourceOp) -> Vec<u8> {
    let pb::SourceOp { identifier, attrs } = source;
    let mut bytes = Vec::new();
    put_string(1, identifier, &mut bytes);
    for (key, value) in attrs {
        put_entry(2, key, &string_value(value), &mut bytes);
    }
    bytes
}

fn build_op(build: &pb::BuildOp) -> Vec<u8> {
    let pb::BuildOp { builder, inputs, def, attrs } = build;
    // A message with this field alone, so that prost decides whether and how to write it.
    let mut bytes = pb::BuildOp { builder: *builder, ..pb::BuildOp::default() }.encode_to_vec();
    for (key, input) in inputs {
        put_entry(2, key, &message_value(&input.encode_to_vec()), &mut bytes);
    }
    if let Some(def) = def {
        put_bytes(3, &definition(def), &mut bytes);
    }
    for (key, value) in attrs {
        put_entry(4, key, &string_value(value), &mut bytes);
    }
    bytes
}

fn definition(definition: &pb::Definition) -> Vec<u8> {
    let pb::Definition { def, metadata, source } = definition;
    let mut bytes = Vec::new();
    for op in def {
        put_bytes(1, op, &mut bytes);
    }
    for (digest, metadata) in metadata {
        put_entry(2, digest, &message_value(&op_metadata(metadata)), &mut bytes);
    }
    if let Some(source) = source {
        put_bytes(3, &source_map(source), &mut bytes);
    }
    bytes
}

fn op_metadata(metadata: &pb::OpMetadata) -> Vec<u8> {
    let pb::OpMetadata { ignore_cache, description, export_cache, caps, progress_group } = metadata;
    let mut bytes = pb::OpMetadata { ignore_cache: *ignore_cache, ..pb::OpMetadata::default() }.encode_to_vec();
    for (key, value) in description {
        put_entry(2, key, &string_value(value), &mut bytes);
    }
    put_option(4, export_cache.as_ref(), &mut bytes);
    for (cap, enabled) in caps {
        put_entry(5, cap, &bool_value(*enabled), &mut bytes);
    }
    put_option(6, progress_group.as_ref(), &mut bytes);
    bytes
}

fn source_map(source: &pb::Source) -> Vec<u8> {
    let pb::Source { locations, infos } = source;
    let mut bytes = Vec::new();
    for (digest, list) in locations {
        put_entry(1, digest, &message_value(&list.encode_to_vec()), &mut bytes);
    }
    for info in infos {
        put_bytes(2, &source_info(info), &mut bytes);
    }
    bytes
}

fn source_info(info: &pb::SourceInfo) -> Vec<u8> {
    let pb::SourceInfo { filename, data, definition: def, language } = info;
    let mut bytes = Vec::new();
    put_string(1, filename, &mut bytes);
    if !data.is_empty() {
        put_bytes(2, data, &mut bytes);
    }
    if let Some(def) = def {
        put_bytes(3, &definition(def), &mut bytes);
    }
    put_string(4, language, &mut bytes);
    bytes
}

/// A map entry with a string key; `value` is field 2 with its tag.
fn put_entry(tag: u32, key: &str, value: &[u8], bytes: &mut Vec<u8>) {
    let mut entry = Vec::new();
    put_bytes(1, key.as_bytes(), &mut entry);
    entry.extend_from_slice(value);
    put_bytes(tag, &entry, bytes);
}

fn string_value(value: &str) -> Vec<u8> {
    message_value(value.as_bytes())
}

fn message_value(value: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    put_bytes(2, value, &mut field);
    field
}

fn bool_value(value: bool) -> Vec<u8> {
    let mut field = Vec::new();
    encode_key(2, WireType::Varint, &mut field);
    encode_varint(u64::from(value), &mut field);
    field
}

/// For messages without maps below them, where prost gives Go's bytes.
fn put_message(tag: u32, message: &impl Message, bytes: &mut Vec<u8>) {
    put_bytes(tag, &message.encode_to_vec(), bytes);
}

fn put_option(tag: u32, message: Option<&impl Message>, bytes: &mut Vec<u8>) {
    if let Some(message) = message {
        put_message(tag, message, bytes);
    }
}

fn put_string(tag: u32, value: &str, bytes: &mut Vec<u8>) {
    if !value.is_empty() {
        put_bytes(tag, value.as_bytes(), bytes);
    }
}

fn put_bytes(tag: u32, value: &[u8], bytes: &mut Vec<u8>) {
    encode_key(tag, WireType::LengthDelimited, bytes);
    encode_varint(value.len() as u64, bytes);
    bytes.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    // tests/canonical.rs compares all kinds of ops with Go; these two show what differs from prost.

    #[test]
    fn the_oneof_comes_last() {
        let op = pb::Op {
            inputs: vec![pb::Input { digest: "d".to_owned(), index: 0 }],
            platform: Some(pb::Platform { os: "linux".to_owned(), ..pb::Platform::default() }),
            constraints: Some(pb::WorkerConstraints::default()),
            op: Some(Kind::Merge(pb::MergeOp::default())),
        };
        assert_eq!(canonical_op_bytes(&op), b"\x0a\x03\x0a\x01d\x52\x07\x12\x05linux\x5a\x00\x32\x00");
        assert_ne!(canonical_op_bytes(&op), op.encode_to_vec());
    }

    #[test]
    fn map_entries_have_key_and_value() {
        let source = pb::SourceOp {
            identifier: String::new(),
            attrs: BTreeMap::from([(String::new(), "v".to_owned()), ("k".to_owned(), String::new())]),
        };
        let op = pb::Op { op: Some(Kind::Source(source)), ..pb::Op::default() };
        assert_eq!(canonical_op_bytes(&op), b"\x1a\x0e\x12\x05\x0a\x00\x12\x01v\x12\x05\x0a\x01k\x12\x00");
    }

    #[test]
    fn digests_name_their_algorithm() {
        assert_eq!(digest_of(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(op_digest(&pb::Op::default()), digest_of(b""));
    }
}

//! Canonical op bytes and their digest: the bytes Go's deterministic marshal gives for the same op.

use bollard_buildkit_proto::pb;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// Go writes oneofs after all other fields, prost by tag number.
pub(crate) fn canonical_op_bytes(op: &pb::Op) -> Vec<u8> {
    let plain = pb::Op { op: None, ..op.clone() };
    let oneof = pb::Op { op: op.op.clone(), ..pb::Op::default() };
    let mut bytes = plain.encode_to_vec();
    bytes.extend(oneof.encode_to_vec());
    bytes
}

/// `sha256:<hex>` of `bytes`.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    let mut digest = String::from("sha256:");
    for byte in Sha256::digest(bytes) {
        digest.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        digest.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    digest
}

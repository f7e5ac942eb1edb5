//! A bill of materials as a file system: what attestations are read from.

use buildkit_llb::{File, Input, Metadata, Mkfile, Output};

use super::EPOCH;

/// A directory with a statement. BuildKit joins a document that is called `sbom` with what it knows of layers: this one has another
/// name, and stays as it is (BuildKit: `supplementSBOM`).
pub fn bundle(statement: &[u8]) -> Output {
    File::on(Input::Scratch)
        .mkfile(Mkfile::new("/lock.spdx.json", 0o644, statement).timestamp(EPOCH))
        .metadata(Metadata::named("[internal] bill of materials from uv.lock"))
        .build()
}

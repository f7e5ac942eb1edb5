//! Where a secret must not be: the graph, the client's output, the image, its provenance, and exported caches.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use flate2::read::GzDecoder;
use serde_json::Value;
use xtask::lab::run_captured;

use crate::build::Built;
use crate::stage::Stage;

/// Looks for the forms of a secret in all that a build made. It was built with `--provenance=mode=max`.
pub fn check(stage: &Stage, built: &Built, forms: &[String]) -> Result<()> {
    let mut places = vec![
        ("the progress".to_owned(), built.progress.clone().into_bytes()),
        ("the log of the steps".to_owned(), built.told.log.clone().into_bytes()),
        ("the metadata".to_owned(), built.metadata.to_string().into_bytes()),
    ];
    let repository = built.reference.split('@').next().unwrap_or_default();
    let crane = |arguments: [&str; 2]| run_captured(&mut stage.lab().crane(arguments));
    let index = crane(["manifest", &built.reference])?;
    let mut has_graph = false;
    for described in manifests(&index)? {
        let manifest = crane(["manifest", &format!("{repository}@{described}")])?;
        let manifest: Value = serde_json::from_str(&manifest)?;
        let layers = manifest["layers"].as_array().map(Vec::as_slice).unwrap_or_default();
        for blob in layers.iter().chain([&manifest["config"]]) {
            let digest = blob["digest"].as_str().context("a blob without a digest")?;
            let bytes = unpacked(stage.lab().crane(["blob", &format!("{repository}@{digest}")]).output()?.stdout)?;
            has_graph |= contains(&bytes, b"llbDefinition");
            places.push((format!("the blob {digest}"), bytes));
        }
        places.push((format!("the manifest {described}"), manifest.to_string().into_bytes()));
    }
    ensure!(has_graph, "the provenance has no graph to look into");
    search(&places, forms)
}

/// Looks for the forms of a secret in a cache that a build exported to a directory, with `mode=max`.
pub fn check_cache(directory: &Path, forms: &[String]) -> Result<()> {
    let mut places = Vec::new();
    for file in fs::read_dir(directory.join("blobs/sha256"))? {
        let path = file?.path();
        places.push((format!("the cache's blob {}", path.display()), unpacked(fs::read(&path)?)?));
    }
    ensure!(places.iter().any(|(_, bytes)| contains(bytes, b"\"records\"")), "the cache has no records to look into");
    search(&places, forms)
}

fn search(places: &[(String, Vec<u8>)], forms: &[String]) -> Result<()> {
    for (place, bytes) in places {
        for form in forms {
            ensure!(!contains(bytes, form.as_bytes()), "{place} has the secret in it");
        }
    }
    Ok(())
}

/// A blob without its compression.
fn unpacked(blob: Vec<u8>) -> Result<Vec<u8>> {
    if !blob.starts_with(&[0x1f, 0x8b]) {
        return Ok(blob);
    }
    let mut unpacked = Vec::new();
    GzDecoder::new(&blob[..]).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// Digests of the manifests that an index lists.
fn manifests(index: &str) -> Result<Vec<String>> {
    let index: Value = serde_json::from_str(index)?;
    let listed = index["manifests"].as_array().context("no index")?;
    let digest = |manifest: &Value| manifest["digest"].as_str().map(ToOwned::to_owned);
    listed.iter().map(digest).collect::<Option<_>>().context("a manifest without a digest")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

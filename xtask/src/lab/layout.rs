//! Images with one layer, written as OCI layout directories.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::machine::architecture;

/// Writes an OCI layout of an image whose only layer is the tar that `tar` reads, with `config` as its runtime config.
/// The directory exists only when it is complete.
pub fn write(directory: &Path, tar: &mut impl Read, architecture: &str, config: &Value) -> Result<()> {
    let (unfinished, blobs) = start(directory)?;
    let (diff_id, layer) = write_layer(&blobs, tar)?;
    let image = json!({
        "architecture": architecture,
        "os": "linux",
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": [diff_id] },
        "history": [{ "created_by": "uv-buildkit xtask lab" }],
    });
    let config = write_json(&blobs, "application/vnd.oci.image.config.v1+json", &image)?;
    const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer] });
    let mut manifest = write_json(&blobs, MANIFEST, &manifest)?;
    manifest["platform"] = json!({ "architecture": architecture, "os": "linux" });
    finish(directory, &unfinished, &manifest)
}

/// Writes an OCI layout of one image for several platforms, each of which is the image of another layout.
pub fn join(directory: &Path, parts: &[PathBuf]) -> Result<()> {
    let (unfinished, blobs) = start(directory)?;
    let mut manifests = Vec::new();
    for part in parts {
        let index: Value = serde_json::from_slice(&fs::read(part.join("index.json"))?)?;
        let mut manifest = index["manifests"][0].clone();
        for blob in fs::read_dir(part.join("blobs/sha256"))? {
            let blob = blob?;
            let _existing = fs::hard_link(blob.path(), blobs.join(blob.file_name()));
        }
        if manifest["platform"].is_null() {
            manifest["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        }
        manifests.push(manifest);
    }
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests });
    let index = write_json(&blobs, INDEX, &index)?;
    finish(directory, &unfinished, &index)
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A directory for a layout that is not complete, and that for its blobs.
fn start(directory: &Path) -> Result<(PathBuf, PathBuf)> {
    let unfinished = directory.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    let blobs = unfinished.join("blobs/sha256");
    fs::create_dir_all(&blobs).with_context(|| format!("cannot create {}", blobs.display()))?;
    Ok((unfinished, blobs))
}

/// Makes a layout complete, which holds one image.
fn finish(directory: &Path, unfinished: &Path, image: &Value) -> Result<()> {
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [image] });
    fs::write(unfinished.join("index.json"), index.to_string())?;
    fs::write(unfinished.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let _ = fs::remove_dir_all(directory);
    fs::rename(unfinished, directory)?;
    Ok(())
}

/// Compresses a tar into a blob; gives back the digest of the tar and the descriptor of the blob.
fn write_layer(blobs: &Path, tar: &mut impl Read) -> Result<(String, Value)> {
    let unnamed = blobs.join("layer");
    let mut gzip = Command::new("gzip")
        .args(["-n", "-3"])
        .stdin(Stdio::piped())
        .stdout(File::create(&unnamed)?)
        .spawn()
        .context("cannot start `gzip`")?;
    let mut input = gzip.stdin.take().context("gzip has no input")?;
    let mut tar_hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = tar.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        tar_hash.update(&buffer[..length]);
        input.write_all(&buffer[..length])?;
    }
    drop(input);
    if !gzip.wait()?.success() {
        bail!("`gzip` failed to compress a layer");
    }
    let digest = hash_file(&unnamed)?;
    fs::rename(&unnamed, blobs.join(&digest))?;
    let size = fs::metadata(blobs.join(&digest))?.len();
    Ok((
        format!("sha256:{}", hexadecimal(&tar_hash.finalize())),
        descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &digest, size),
    ))
}

fn write_json(blobs: &Path, media_type: &str, value: &Value) -> Result<Value> {
    let text = value.to_string();
    let digest = hexadecimal(&Sha256::digest(&text));
    fs::write(blobs.join(&digest), &text)?;
    Ok(descriptor(media_type, &digest, text.len() as u64))
}

fn descriptor(media_type: &str, digest: &str, size: u64) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{digest}"), "size": size })
}

/// The sha256 of a file's content, in hexadecimal.
pub fn hash_file(path: &Path) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(hexadecimal(&hash.finalize()));
        }
        hash.update(&buffer[..length]);
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

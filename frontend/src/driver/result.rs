//! What is returned to BuildKit: images by platform, and the metadata that exporters read
//! (BuildKit: `exporter/containerimage/exptypes/types.go`, `frontend/dockerui/build.go`).

use std::collections::BTreeMap;

use buildkit_proto::gateway::{BuildResult, Refs};
use serde_json::json;

use super::job::Built;
use crate::calls::Answer;
use crate::platform::Platform;

/// Puts the images of all platforms together: as a map by platform, or as the only one. `epoch` is in seconds.
pub fn assemble(images: Vec<(Platform, Built)>, is_map: bool, epoch: Option<i64>) -> BuildResult {
    let platforms: Vec<_> = images
        .iter()
        .map(|(platform, _)| {
            let mut described = json!({ "architecture": platform.architecture, "os": platform.os });
            if !platform.variant.is_empty() {
                described["variant"] = json!(platform.variant);
            }
            json!({ "ID": platform.to_string(), "Platform": described })
        })
        .collect();
    let mut metadata =
        BTreeMap::from([("refs.platforms".to_owned(), json!({ "Platforms": platforms }).to_string().into_bytes())]);
    let mut map = BTreeMap::new();
    let mut attestations = BTreeMap::new();
    let mut single = Refs::Empty;
    for (platform, image) in images {
        let suffix = if is_map { format!("/{platform}") } else { String::new() };
        if let Some(epoch) = epoch {
            metadata.insert(format!("source.date.epoch{suffix}"), epoch.to_string().into_bytes());
        }
        metadata.insert(format!("containerimage.config{suffix}"), image.config);
        metadata.insert(format!("containerimage.base.config{suffix}"), image.base_config);
        if let (false, Some(reference)) = (is_map, &image.reference) {
            single = Refs::Single(reference.clone());
        }
        if !image.attestations.is_empty() {
            attestations.insert(platform.to_string(), image.attestations);
        }
        map.insert(platform.to_string(), image.reference);
    }
    let refs = if is_map { Refs::Map(map) } else { single };
    BuildResult { refs, metadata, attestations }
}

/// The answer to a call: metadata without an image.
pub fn answer(answer: Answer) -> BuildResult {
    let mut metadata = BTreeMap::from([
        ("result.json".to_owned(), answer.json_text().into_bytes()),
        ("result.txt".to_owned(), answer.text.into_bytes()),
        ("version".to_owned(), answer.version.as_bytes().to_vec()),
    ]);
    if let Some(status) = answer.status {
        metadata.insert("result.statuscode".to_owned(), status.to_string().into_bytes());
    }
    BuildResult { metadata, ..BuildResult::default() }
}

//! What was pushed, as the registry tells it.

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::lab::{Lab, run_captured};

use crate::build::Built;

/// The image for this machine's platform; the index around it also tells how it was built.
#[derive(Debug, PartialEq, Eq)]
pub struct Image {
    /// Digest of each layer, lowest first.
    pub layers: Vec<String>,
    /// The config.
    pub config: Value,
}

impl Image {
    /// Reads what a build pushed.
    pub fn of(lab: &Lab, built: &Built) -> Result<Self> {
        Self::of_platform(lab, built, "linux/amd64")
    }

    /// The same for another platform.
    pub fn of_platform(lab: &Lab, built: &Built, platform: &str) -> Result<Self> {
        let platform = format!("--platform={platform}");
        let crane = |what: &str| -> Result<Value> {
            let text = run_captured(&mut lab.crane([what, &platform, &built.reference]))?;
            Ok(serde_json::from_str(&text)?)
        };
        let manifest = crane("manifest")?;
        let layers = manifest["layers"].as_array().context("a manifest without layers")?;
        let digest = |layer: &Value| layer["digest"].as_str().map(ToOwned::to_owned);
        Ok(Self {
            layers: layers.iter().map(digest).collect::<Option<_>>().context("a layer without a digest")?,
            config: crane("config")?,
        })
    }

    /// What each layer over the base is, as the history tells.
    pub fn history(&self) -> Vec<&str> {
        let entries = self.config["history"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ours = entries.iter().filter(|entry| entry["comment"] == "uv-buildkit");
        ours.filter_map(|entry| entry["created_by"].as_str()).collect()
    }

    /// What the layers are that another image has not, at the same height.
    pub fn changed_from(&self, other: &Self) -> Result<Vec<&str>> {
        anyhow::ensure!(self.layers.len() == other.layers.len(), "the images have different numbers of layers");
        let history = self.history();
        let base = self.layers.len() - history.len();
        let changed = self.layers.iter().zip(&other.layers).enumerate().filter(|(_, (ours, theirs))| ours != theirs);
        Ok(changed.map(|(height, _)| height.checked_sub(base).map_or("the base", |at| history[at])).collect())
    }
}

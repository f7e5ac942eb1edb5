//! What is in the layers of a pushed image.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use tar::{Archive, EntryType};
use xtask::lab::Lab;

use crate::build::Built;
use crate::image::Image;

/// A layer over the base.
#[derive(Debug)]
pub struct Layer {
    /// Its line of the image's history.
    pub history: String,
    /// What is in it, by path.
    pub entries: BTreeMap<String, Entry>,
}

/// A file, directory or link.
#[derive(Debug)]
pub struct Entry {
    /// User and group.
    pub owner: (u64, u64),
    /// Seconds since 1970.
    pub modified: u64,
    /// Of a file.
    pub content: Option<Vec<u8>>,
}

/// The layers over the base, lowest first.
pub fn over_the_base(lab: &Lab, built: &Built, image: &Image) -> Result<Vec<Layer>> {
    let history = image.history();
    let base = image.layers.len().checked_sub(history.len()).context("more lines of history than layers")?;
    let repository = built.reference.split('@').next().unwrap_or_default();
    let layers = history.iter().zip(&image.layers[base..]);
    layers
        .map(|(line, digest)| {
            let entries = entries(lab, &format!("{repository}@{digest}")).with_context(|| format!("layer `{line}`"))?;
            Ok(Layer { history: (*line).to_owned(), entries })
        })
        .collect()
}

fn entries(lab: &Lab, blob: &str) -> Result<BTreeMap<String, Entry>> {
    let mut crane = lab.crane(["blob", blob]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut archive = Archive::new(GzDecoder::new(crane.stdout.take().context("stdout")?));
    let mut entries = BTreeMap::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().trim_end_matches('/').to_owned();
        let header = entry.header();
        let (owner, modified) = ((header.uid()?, header.gid()?), header.mtime()?);
        let content = match header.entry_type() {
            EntryType::Regular => {
                let mut content = Vec::new();
                entry.read_to_end(&mut content)?;
                Some(content)
            }
            _ => None,
        };
        entries.insert(path, Entry { owner, modified, content });
    }
    ensure!(crane.wait()?.success(), "cannot read the layer");
    Ok(entries)
}

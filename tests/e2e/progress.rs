//! What a build did, as `docker buildx build --progress rawjson` tells it (BuildKit: `client.SolveStatus`).

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;

/// All that was told.
#[derive(Debug, Default)]
pub struct Progress {
    vertices: BTreeMap<String, Vertex>,
    /// Digests in the order in which they were first told of.
    order: Vec<String>,
    /// One line each.
    pub warnings: BTreeSet<String>,
}

/// The last state of a vertex.
#[derive(Clone, Debug, Deserialize)]
pub struct Vertex {
    digest: String,
    /// The step's name.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    inputs: Vec<String>,
    #[serde(default)]
    cached: bool,
    started: Option<String>,
    completed: Option<String>,
}

#[derive(Deserialize)]
struct Update {
    #[serde(default)]
    vertexes: Vec<Vertex>,
    #[serde(default)]
    warnings: Vec<Warning>,
}

#[derive(Deserialize)]
struct Warning {
    /// Base64 of the line.
    short: String,
}

impl Progress {
    /// From the lines of a build; others than those of JSON are left to the reader.
    pub fn parse(text: &str) -> Result<Self> {
        let mut progress = Self::default();
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let update: Update = serde_json::from_str(line).with_context(|| line.to_owned())?;
            for vertex in update.vertexes {
                progress.add(vertex);
            }
            progress.warnings.extend(update.warnings.into_iter().map(|warning| warning.short));
        }
        Ok(progress)
    }

    /// A vertex may be told of by several solves of one build: it ran when it did in any.
    fn add(&mut self, vertex: Vertex) {
        let known = self.vertices.entry(vertex.digest.clone()).or_insert_with(|| {
            self.order.push(vertex.digest.clone());
            vertex.clone()
        });
        let ran = known.ran() || vertex.ran();
        let inputs = std::mem::take(&mut known.inputs);
        *known = Vertex { cached: vertex.cached && !ran, ..vertex };
        if known.inputs.is_empty() {
            known.inputs = inputs;
        }
    }

    /// Names of the steps that were executed and not taken from the cache. Steps that start from nothing (images, local
    /// directories, files of our own) are left out: BuildKit looks at them in every build and tells so.
    pub fn executed(&self) -> Vec<&str> {
        let vertices = self.order.iter().filter_map(|digest| self.vertices.get(digest));
        vertices.filter(|vertex| vertex.ran() && !vertex.inputs.is_empty()).map(|vertex| vertex.name.as_str()).collect()
    }
}

impl Vertex {
    fn ran(&self) -> bool {
        self.started.is_some() && self.completed.is_some() && !self.cached
    }
}

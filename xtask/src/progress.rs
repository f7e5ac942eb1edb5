//! What a build did, as `docker buildx build --progress=rawjson` tells it (BuildKit: `client.SolveStatus`).

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The steps of a build that started from something, by what became of them; in the order in which they were first
/// told of. Images, local directories and files of the frontend's own are looked at in every build, and not among them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Executed now.
    pub executed: Vec<String>,
    /// Taken from the cache.
    pub cached: Vec<String>,
}

#[derive(Deserialize)]
struct Update {
    #[serde(default)]
    vertexes: Vec<Vertex>,
}

#[derive(Default, Deserialize)]
struct Vertex {
    digest: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    inputs: Vec<String>,
    #[serde(default)]
    cached: bool,
    started: Option<String>,
    completed: Option<String>,
}

/// What became of one vertex; several solves of one build may tell of it.
#[derive(Default)]
struct Outcome {
    name: String,
    has_inputs: bool,
    cached: bool,
    executed: bool,
}

impl Steps {
    /// From what a build printed; lines that are not JSON are left out.
    pub fn parse(text: &str) -> Result<Steps> {
        let mut order = Vec::new();
        let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
        for line in text.lines().filter(|line| line.starts_with('{')) {
            let update: Update =
                serde_json::from_str(line).with_context(|| format!("cannot read the progress `{line}`"))?;
            for vertex in update.vertexes {
                let outcome = outcomes.entry(vertex.digest.clone()).or_insert_with(|| {
                    order.push(vertex.digest);
                    Outcome::default()
                });
                outcome.name = vertex.name;
                outcome.has_inputs |= !vertex.inputs.is_empty();
                outcome.cached |= vertex.cached;
                outcome.executed |= vertex.started.is_some() && vertex.completed.is_some() && !vertex.cached;
            }
        }
        let mut steps = Steps::default();
        for outcome in order.iter().filter_map(|digest| outcomes.remove(digest)).filter(|outcome| outcome.has_inputs) {
            if outcome.executed {
                steps.executed.push(outcome.name);
            } else if outcome.cached {
                steps.cached.push(outcome.name);
            }
        }
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_executed_steps_from_cached_ones() {
        let text = r#"
{"vertexes":[{"digest":"a","name":"image"},{"digest":"b","name":"install","inputs":["a"]},{"digest":"c","name":"copy","inputs":["a"]}]}
not JSON
{"vertexes":[{"digest":"a","name":"image","started":"1","completed":"2"},{"digest":"c","name":"copy","inputs":["a"],"started":"1","completed":"1","cached":true}]}
{"vertexes":[{"digest":"b","name":"install","inputs":["a"],"started":"1"}]}
{"vertexes":[{"digest":"b","name":"install","inputs":["a"],"started":"1","completed":"3"}]}
"#;
        let steps = Steps::parse(text).unwrap();
        assert_eq!(steps, Steps { executed: vec!["install".to_owned()], cached: vec!["copy".to_owned()] });
    }
}

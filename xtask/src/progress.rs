//! What a build did, as `docker buildx build --progress=rawjson` tells it (BuildKit: `client.SolveStatus`).

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::lab::run_captured;

/// A moment, in the form in which BuildKit tells the times of steps, without the `Z` at the end: texts in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(String);

impl Moment {
    /// By the clock of this machine, on which the daemon runs, too.
    pub fn now() -> Result<Self> {
        Ok(Self(run_captured(Command::new("date").args(["--utc", "+%Y-%m-%dT%H:%M:%S.%N"]))?.trim().to_owned()))
    }

    fn told(text: &str) -> Self {
        Self(text.trim_end_matches('Z').to_owned())
    }
}

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
        Self::parse_since(text, None)
    }

    /// The same of a build that began at a moment. While another build that ran a step goes on, BuildKit tells the times of it to all
    /// builds that have the same step: what was done before they began was not executed for them.
    pub fn parse_since(text: &str, beginning: Option<&Moment>) -> Result<Steps> {
        let is_earlier = |started: &str| beginning.is_some_and(|beginning| Moment::told(started) < *beginning);
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
                let is_earlier = vertex.started.as_deref().is_some_and(is_earlier);
                outcome.cached |= vertex.cached || (is_earlier && vertex.completed.is_some());
                outcome.executed |=
                    vertex.started.is_some() && vertex.completed.is_some() && !vertex.cached && !is_earlier;
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

    #[test]
    fn what_another_build_did_before_was_not_executed() {
        let text = |started: &str| {
            format!(
                r#"{{"vertexes":[{{"digest":"a","name":"a","inputs":["b"],"started":"{started}","completed":"{started}"}}]}}"#
            )
        };
        let beginning = Moment::told("2026-05-04T10:00:00.5Z");
        let executed = |started: &str| Steps::parse_since(&text(started), Some(&beginning)).unwrap().executed.len();
        assert_eq!(
            ["2026-05-04T10:00:00Z", "2026-05-04T10:00:00.49Z", "2026-05-04T10:00:00.512Z", "2026-05-04T10:00:01Z"]
                .map(executed),
            [0, 0, 1, 1]
        );
        assert!(Moment::now().unwrap() > beginning);
    }
}

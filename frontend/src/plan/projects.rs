//! Which local project goes into which layer: each into its own, unless there are more than an image should have.

use std::collections::BTreeMap;

use super::contents::{Contents, Layer, Member};
use super::layers::bucket;

/// How many layers local projects may have, the target's own not counted.
const LIMIT: usize = 22;

/// Layers of local projects, in the order in which they are given: dependencies first, the target's own project last.
pub fn assign(members: Vec<Member>) -> Vec<Layer> {
    let (editable, mut members): (Vec<_>, Vec<_>) = members.into_iter().partition(|member| member.editable);
    let own = members.pop();
    let mut layers = Vec::new();
    if members.len() <= LIMIT {
        layers.extend(members.into_iter().map(alone));
    } else {
        let mut buckets: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
        for member in members {
            buckets.entry(bucket(&member.name, LIMIT)).or_default().push(member);
        }
        let together = buckets.into_iter().map(|(number, mut members)| {
            // Which of them depends on which does not matter within a layer, and must not change it.
            members.sort_by(|a, b| a.name.cmp(&b.name));
            Layer { name: format!("projects-{number:02}"), contents: Contents::Members(members) }
        });
        layers.extend(together);
    }
    layers.extend(own.map(alone));
    // Links are a few bytes.
    if !editable.is_empty() {
        layers.push(Layer { name: "editable".to_owned(), contents: Contents::Members(editable) });
    }
    layers
}

fn alone(member: Member) -> Layer {
    Layer { name: member.name.clone(), contents: Contents::Members(vec![member]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{SourceFile, Span};
    use crate::plan::contents::Toolchain;
    use crate::plan::recipe::Recipe;

    fn layers(count: usize) -> Vec<Layer> {
        let file = SourceFile::new("pyproject.toml", "");
        let member = |number: usize| Member {
            name: format!("member-{number}"),
            version: None,
            is_versioned: false,
            directory: format!("packages/{number}"),
            nested: Vec::new(),
            inputs: Vec::new(),
            ignore_files: Vec::new(),
            env: BTreeMap::new(),
            backend: None,
            direct_url: None,
            recipe: Recipe::default(),
            toolchain: Toolchain::None,
            network: false,
            editable: false,
            starts: None,
            span: Span::whole(&file),
        };
        assign((0..count).map(member).collect())
    }

    #[test]
    fn few_projects_have_a_layer_each() {
        let names: Vec<String> = layers(3).into_iter().map(|layer| layer.name).collect();
        assert_eq!(names, ["member-0", "member-1", "member-2"]);
        assert_eq!(layers(LIMIT + 1).len(), LIMIT + 1);
    }

    #[test]
    fn many_projects_share_layers_and_the_target_has_its_own() {
        let layers = layers(1000);
        assert_eq!(layers.len(), LIMIT + 1);
        assert_eq!(layers.last().map(|layer| layer.name.as_str()), Some("member-999"));
    }
}

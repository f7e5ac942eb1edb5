//! Properties of all graphs: construction order does not matter, definitions are well formed and
//! survive a round trip, text and ops are equal together.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;
use std::sync::Arc;

use buildkit_llb::{
    Bind, Cache, Copy, Definition, Exec, File, Http, HttpUrl, Image, Input, Location, Metadata, Mkfile, SourceFile,
    diff, import, marshal, merge,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// A node of a graph as plain data; it refers to nodes before it.
#[derive(Debug, Clone)]
struct Node {
    kind: Kind,
    inputs: Vec<Index>,
    text: String,
    name: Option<String>,
    line: Option<u32>,
    ignore_cache: bool,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Image,
    Http,
    Exec,
    File,
    Merge,
    Diff,
}

fn node() -> impl Strategy<Value = Node> {
    let kind = prop_oneof![
        Just(Kind::Image),
        Just(Kind::Http),
        Just(Kind::Exec),
        Just(Kind::File),
        Just(Kind::Merge),
        Just(Kind::Diff),
    ];
    // Few texts, so that equal ops with unequal metadata come up.
    let text = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), "[ -~\n\u{e9}]{1,8}"];
    let name = proptest::option::of("(\\[x 1/2\\] )?[a-c ]{0,3}[0-9.]{0,2}");
    let line = proptest::option::of(1..4_u32);
    (kind, vec(any::<Index>(), 0..4), text, name, line, any::<bool>()).prop_map(
        |(kind, inputs, text, name, line, ignore_cache)| Node { kind, inputs, text, name, line, ignore_cache },
    )
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    vec(node(), 1..9)
}

fn metadata(node: &Node, files: &[Arc<SourceFile>]) -> Metadata {
    let mut metadata = Metadata::default();
    if let Some(name) = &node.name {
        metadata = metadata.name(name.clone());
    }
    if let Some(line) = node.line {
        let file = &files[usize::try_from(line).unwrap() % files.len()];
        metadata = metadata.at(Location::line(file, line));
    }
    if node.ignore_cache {
        metadata = metadata.ignore_cache();
    }
    metadata
}

/// New files each time: equal content is what makes them equal.
fn files() -> Vec<Arc<SourceFile>> {
    let file = |name: &str| SourceFile::new(name, "TOML", format!("# {name}\n"), None);
    vec![file("uv.lock"), file("pyproject.toml")]
}

fn build(node: &Node, inputs: &[Input], reverse: bool, metadata: Metadata) -> Input {
    let text = &node.text;
    let first = inputs.first().cloned().unwrap_or_default();
    match node.kind {
        Kind::Image => {
            let tag = if text == "a" { "a" } else { "b" };
            Image::new(format!("python:{tag}")).metadata(metadata).build().into()
        }
        Kind::Http => {
            // A text that is no part of a URL is still a name of the file.
            let other = |_| HttpUrl::parse("https://h/other").unwrap();
            let url = HttpUrl::parse(&format!("https://h/{text}")).unwrap_or_else(other);
            let http = Http::new(&url);
            http.filename(text).metadata(metadata).build().into()
        }
        Kind::Exec => {
            let mut mounts = vec![
                Bind::new("/", first).into(),
                Bind::new("/out", Input::Scratch).into(),
                Cache::new("/cache", text).into(),
            ];
            for (number, input) in inputs.iter().enumerate().skip(1) {
                mounts.push(Bind::new(format!("/m{number}"), input).readonly().into());
            }
            if reverse {
                mounts.reverse();
            }
            let exec = Exec::new(["run", text]).env("A", text);
            let exec = exec.mounts::<buildkit_llb::Mount>(mounts).metadata(metadata);
            exec.build().output("/out").into()
        }
        Kind::File => {
            let file = File::on(first).mkfile(Mkfile::new("/f", 0o644, text.as_str()));
            let copies = inputs.iter().skip(1);
            let file = copies.fold(file, |file, input| file.copy(Copy::new(input, text, "/x/")));
            file.metadata(metadata).build().into()
        }
        Kind::Merge => merge(inputs.iter(), metadata),
        Kind::Diff => diff(first, inputs.get(1).cloned().unwrap_or_default(), metadata),
    }
}

/// Each node once, shared by all that refer to it.
fn shared(nodes: &[Node]) -> Input {
    let files = files();
    let mut built: Vec<Input> = Vec::new();
    for node in nodes {
        let inputs: Vec<Input> = match built.is_empty() {
            true => Vec::new(),
            false => node.inputs.iter().map(|index| index.get(&built).clone()).collect(),
        };
        built.push(build(node, &inputs, false, metadata(node, &files)));
    }
    built.pop().unwrap_or_default()
}

/// Each node anew for each that refers to it, last input first, mounts last first.
fn apart(nodes: &[Node]) -> Input {
    let Some((node, before)) = nodes.split_last() else {
        return Input::Scratch;
    };
    let mut inputs: Vec<Input> = match before.is_empty() {
        true => Vec::new(),
        false => {
            let indices = node.inputs.iter().rev();
            indices.map(|index| apart(&before[..=index.index(before.len())])).collect()
        }
    };
    inputs.reverse();
    build(node, &inputs, true, metadata(node, &files()))
}

fn without_metadata(nodes: &[Node]) -> Vec<Node> {
    let plain = |node: &Node| Node { name: None, line: None, ignore_cache: false, ..node.clone() };
    nodes.iter().map(plain).collect()
}

proptest! {
    #[test]
    fn construction_order_does_not_matter(nodes in nodes()) {
        let one = marshal(shared(&nodes)).unwrap();
        let other = marshal(apart(&nodes)).unwrap();
        prop_assert_eq!(one.text().unwrap(), other.text().unwrap());
        prop_assert_eq!(one.to_bytes(), other.to_bytes());
    }

    #[test]
    fn definitions_are_topological_and_free_of_duplicates(nodes in nodes()) {
        let definition = marshal(shared(&nodes)).unwrap();
        let ops = definition.ops().unwrap();
        let mut seen = BTreeSet::new();
        for (position, (digest, op)) in ops.iter().enumerate() {
            for input in &op.inputs {
                prop_assert!(seen.contains(&input.digest));
            }
            prop_assert_eq!(op.op.is_none(), position + 1 == ops.len());
            prop_assert!(definition.as_pb().metadata.contains_key(digest));
            prop_assert!(seen.insert(digest.clone()));
        }
        prop_assert_eq!(definition.as_pb().metadata.len(), ops.len());
        prop_assert_ne!(ops.len(), 1);
        let locations = definition.as_pb().source.iter().flat_map(|source| source.locations.keys());
        for digest in locations {
            prop_assert!(seen.contains(digest));
        }
    }

    #[test]
    fn definitions_survive_a_round_trip(nodes in nodes()) {
        let input = shared(&nodes);
        let definition = marshal(&input).unwrap();
        let decoded = Definition::from_bytes(&definition.to_bytes()).unwrap();
        prop_assert_eq!(&decoded, &definition);
        let imported = import(decoded.as_pb()).unwrap();
        prop_assert_eq!(&imported, &input);
        prop_assert_eq!(&marshal(imported).unwrap(), &definition);
    }

    #[test]
    fn texts_are_equal_when_ops_are(one in nodes(), change in any::<Index>(), text in "[ab]") {
        let one = without_metadata(&one);
        let mut other = one.clone();
        let changed = change.index(other.len());
        other[changed].text = text;
        let (one, other) = (marshal(shared(&one)).unwrap(), marshal(shared(&other)).unwrap());
        prop_assert_eq!(
            one.as_pb().def == other.as_pb().def,
            one.text().unwrap() == other.text().unwrap()
        );
    }
}

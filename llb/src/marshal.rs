//! From a graph to a definition.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use crate::caps;
use crate::definition::Definition;
use crate::error::LlbError;
use crate::metadata::Metadata;
use crate::source_map;
use crate::validate::validate;
use crate::vertex::{Input, Origin, Vertex};
use buildkit_proto::canonical::digest_of;
use buildkit_proto::pb;

/// The definition of everything that `root` needs; an empty one for scratch.
///
/// It is topological (inputs first, in the order of the input lists, depth first), holds each op
/// once, ends in a terminal op, and depends on nothing but the graph. The first vertex in that
/// order that breaks a rule is the error. Where equal ops carry different metadata,
/// [`Metadata::merged`] makes one of them, in that same order.
///
/// Mirrors `State.Marshal` in `client/llb/state.go`.
pub fn marshal(root: impl Into<Input>) -> Result<Definition, LlbError> {
    let root: Input = root.into();
    let Input::Output(root) = root else {
        return Ok(Definition::default());
    };
    let walk = walk(root.vertex());
    let mut entries: Vec<Entry> = Vec::new();
    let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
    for vertex in walk {
        validate(vertex)?;
        match positions.get(vertex.digest()) {
            Some(&position) => entries[position].add(vertex),
            None => {
                positions.insert(vertex.digest(), entries.len());
                entries.push(Entry::new(vertex));
            }
        }
    }

    let terminal = pb::Op { inputs: vec![root.to_pb()], ..pb::Op::default() };
    let terminal = terminal.encode_to_vec();
    let mut metadata: BTreeMap<String, pb::OpMetadata> =
        entries.iter().map(|entry| (entry.vertex.digest.clone(), entry.to_pb())).collect();
    let caps = caps::required_by_metadata(metadata.values());
    let caps = caps.into_iter().map(|cap| (cap.to_owned(), true)).collect();
    metadata.insert(digest_of(&terminal), pb::OpMetadata { caps, ..pb::OpMetadata::default() });
    let locations = entries.iter().map(|entry| (entry.vertex.digest(), entry.metadata.locations()));
    let source = source_map::to_pb(locations);
    let ops = entries.iter().map(|entry| entry.vertex.bytes.clone());
    Ok(Definition::from_pb(pb::Definition { def: ops.chain([terminal]).collect(), metadata, source }))
}

/// An op of the definition with what all its vertices say.
struct Entry<'a> {
    vertex: &'a Vertex,
    metadata: Metadata,
    caps: BTreeMap<String, bool>,
}

impl<'a> Entry<'a> {
    fn new(vertex: &'a Vertex) -> Self {
        Self { vertex, metadata: vertex.metadata.clone(), caps: caps_of(vertex) }
    }

    fn add(&mut self, later: &Vertex) {
        self.metadata = std::mem::take(&mut self.metadata).merged(&later.metadata);
        self.caps.extend(caps_of(later));
    }

    fn to_pb(&self) -> pb::OpMetadata {
        pb::OpMetadata { caps: self.caps.clone(), ..self.metadata.to_pb() }
    }
}

fn caps_of(vertex: &Vertex) -> BTreeMap<String, bool> {
    match &vertex.origin {
        Origin::Imported { caps } => caps.clone(),
        Origin::Built => {
            let caps = caps::required_by_op(&vertex.op);
            caps.into_iter().map(|cap| (cap.to_owned(), true)).collect()
        }
    }
}

/// All vertices behind `root`, inputs first. Equal vertices that were built apart appear each on
/// their own: their metadata may differ.
fn walk(root: &Vertex) -> Vec<&Vertex> {
    let mut order = Vec::new();
    // Addresses only tell what was seen: they decide no order.
    let mut seen: BTreeSet<*const Vertex> = BTreeSet::from([std::ptr::from_ref(root)]);
    let mut stack: Vec<(&Vertex, usize)> = vec![(root, 0)];
    while let Some((vertex, next)) = stack.pop() {
        match vertex.inputs.get(next) {
            None => order.push(vertex),
            Some(input) => {
                stack.push((vertex, next + 1));
                let input = input.vertex();
                if seen.insert(std::ptr::from_ref(input)) {
                    stack.push((input, 0));
                }
            }
        }
    }
    order
}

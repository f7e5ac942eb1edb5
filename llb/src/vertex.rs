//! Vertices and the edges between them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Problem;
use crate::metadata::Metadata;
use crate::platform::Platform;
use buildkit_proto::canonical::{canonical_op_bytes, digest_of};
use buildkit_proto::pb;

/// One op with its inputs, its canonical bytes and its metadata. Immutable.
///
/// Mirrors `Vertex` in BuildKit's `client/llb/state.go`.
#[derive(Debug, Clone)]
pub struct Vertex {
    pub(crate) op: pb::Op,
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: String,
    /// One for each of `op.inputs`, in the same order.
    pub(crate) inputs: Vec<Output>,
    pub(crate) metadata: Metadata,
    pub(crate) origin: Origin,
    /// What the builder already knows to be wrong, for [`marshal`](crate::marshal) to report.
    pub(crate) fault: Option<Problem>,
}

/// Where a vertex comes from.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    /// Made by a builder of this crate: its capabilities are derived.
    Built,
    /// Taken from a finished definition: its bytes and capabilities stay as they were.
    Imported { caps: BTreeMap<String, bool> },
}

impl Vertex {
    pub(crate) fn build(
        kind: pb::op::Op,
        inputs: Vec<Output>,
        platform: Option<&Platform>,
        metadata: Metadata,
        fault: Option<Problem>,
    ) -> Arc<Self> {
        let op = pb::Op {
            inputs: inputs.iter().map(Output::to_pb).collect(),
            platform: platform.map(Platform::to_pb),
            // Always present and empty: `MarshalConstraints` in client/llb/marshal.go.
            constraints: Some(pb::WorkerConstraints::default()),
            op: Some(kind),
        };
        let bytes = canonical_op_bytes(&op);
        let digest = digest_of(&bytes);
        Arc::new(Self { op, bytes, digest, inputs, metadata, origin: Origin::Built, fault })
    }

    /// `sha256:<hex>` of the op's bytes: the identity of the vertex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The wire message.
    pub fn op(&self) -> &pb::Op {
        &self.op
    }

    /// The op's bytes as they stand in a definition.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The edges into this vertex, in the order of the op's input list.
    pub fn inputs(&self) -> &[Output] {
        &self.inputs
    }

    /// What is known about the vertex beside its op.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }
}

/// One result of a vertex. Cheap to clone; equal when digest and index are.
#[derive(Debug, Clone)]
pub struct Output {
    vertex: Arc<Vertex>,
    index: u32,
}

impl Output {
    pub(crate) fn new(vertex: Arc<Vertex>, index: u32) -> Self {
        Self { vertex, index }
    }

    /// The vertex that has this output.
    pub fn vertex(&self) -> &Vertex {
        &self.vertex
    }

    /// The digest of the vertex: what warnings and source locations refer to.
    pub fn digest(&self) -> &str {
        &self.vertex.digest
    }

    /// Which of the vertex's outputs this is.
    pub fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn to_pb(&self) -> pb::Input {
        pb::Input { digest: self.vertex.digest.clone(), index: i64::from(self.index) }
    }

    fn key(&self) -> (&str, u32) {
        (&self.vertex.digest, self.index)
    }
}

impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Output {}

impl PartialOrd for Output {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Output {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// What an op can stand on: nothing, or an output of another op.
///
/// Go has `llb.Scratch()`, a state without output, for the former.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// An empty filesystem.
    #[default]
    Scratch,
    /// The result of another op.
    Output(Output),
}

impl Input {
    /// The output, unless it is scratch.
    pub fn output(&self) -> Option<&Output> {
        match self {
            Input::Scratch => None,
            Input::Output(output) => Some(output),
        }
    }

    /// Whether it is an empty filesystem.
    pub fn is_scratch(&self) -> bool {
        matches!(self, Input::Scratch)
    }
}

impl From<Output> for Input {
    fn from(output: Output) -> Self {
        Input::Output(output)
    }
}

impl From<&Output> for Input {
    fn from(output: &Output) -> Self {
        Input::Output(output.clone())
    }
}

impl From<&Input> for Input {
    fn from(input: &Input) -> Self {
        input.clone()
    }
}

impl From<Option<Output>> for Input {
    fn from(output: Option<Output>) -> Self {
        output.map_or(Input::Scratch, Input::Output)
    }
}

/// The input list of an op, where the same output has one place.
#[derive(Debug, Default)]
pub(crate) struct InputList(Vec<Output>);

impl InputList {
    /// The place of `input` in the list, added to it if need be; -1 (`pb.Empty`) for scratch.
    pub(crate) fn index_of(&mut self, input: &Input) -> i64 {
        let Input::Output(output) = input else {
            return -1;
        };
        let position = self.0.iter().position(|known| known == output);
        let position = position.unwrap_or_else(|| {
            self.0.push(output.clone());
            self.0.len() - 1
        });
        to_index(position)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_outputs(self) -> Vec<Output> {
        self.0
    }
}

/// A place in a list as the wire has it.
pub(crate) fn to_index(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

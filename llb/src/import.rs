//! From a definition back to a graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::definition::Definition;
use crate::error::LlbError;
use crate::metadata::Metadata;
use crate::source_map::{files_from_pb, locations_from_pb};
use crate::vertex::{Input, Origin, Output, Vertex};
use buildkit_proto::pb;

/// The graph of a definition that someone else made, to build on: a named context, a frontend
/// input. Scratch for an empty definition.
///
/// Bytes, digests, capabilities and source locations stay as they are, also where this crate
/// would write or understand them differently. Mirrors `NewDefinitionOp` in
/// `client/llb/definition.go`.
///
/// ```
/// # use buildkit_llb::{Image, Input, import, marshal};
/// let image = Image::new("python").build();
/// let definition = marshal(&image)?;
/// assert_eq!(import(definition.as_pb())?, Input::from(image));
/// # Ok::<(), buildkit_llb::LlbError>(())
/// ```
pub fn import(definition: &pb::Definition) -> Result<Input, LlbError> {
    let ops = Definition::from_pb(pb::Definition { def: definition.def.clone(), ..pb::Definition::default() }).ops()?;
    let source = definition.source.clone().unwrap_or_default();
    let files = files_from_pb(&source);
    let mut vertices: BTreeMap<String, Arc<Vertex>> = BTreeMap::new();
    let count = ops.len();
    for (position, ((digest, op), bytes)) in ops.into_iter().zip(&definition.def).enumerate() {
        let inputs =
            op.inputs.iter().map(|input| find(&vertices, input, position)).collect::<Result<Vec<Output>, _>>()?;
        if position + 1 == count {
            let [root] = &inputs[..] else {
                return Err(LlbError::NotTerminal);
            };
            return Ok(root.into());
        }
        let metadata = definition.metadata.get(&digest).cloned().unwrap_or_default();
        let locations = source.locations.get(&digest);
        let locations = locations.map(|locations| locations_from_pb(locations, &files));
        let vertex = Vertex {
            op,
            bytes: bytes.clone(),
            digest: digest.clone(),
            inputs,
            metadata: Metadata::from_pb(&metadata).at_all(locations.unwrap_or_default()),
            origin: Origin::Imported { caps: metadata.caps },
            fault: None,
        };
        vertices.insert(digest, Arc::new(vertex));
    }
    Ok(Input::Scratch)
}

fn find(vertices: &BTreeMap<String, Arc<Vertex>>, input: &pb::Input, op: usize) -> Result<Output, LlbError> {
    let missing = || LlbError::MissingInput { op, digest: input.digest.clone() };
    let vertex = vertices.get(&input.digest).ok_or_else(missing)?;
    let index = u32::try_from(input.index).map_err(|_| missing())?;
    Ok(Output::new(Arc::clone(vertex), index))
}

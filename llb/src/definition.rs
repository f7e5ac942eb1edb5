//! The finished graph.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::error::LlbError;
use buildkit_proto::canonical::digest_of;
use buildkit_proto::pb;

/// A marshalled graph: what a solve takes. Mirrors `Definition` in `client/llb/marshal.go`.
///
/// The default one is empty: scratch.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Definition {
    pb: pb::Definition,
}

impl Definition {
    /// The definition in a message, as it is.
    pub fn from_pb(definition: pb::Definition) -> Self {
        Self { pb: definition }
    }

    /// The definition in encoded bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LlbError> {
        match pb::Definition::decode(bytes) {
            Ok(definition) => Ok(Self::from_pb(definition)),
            Err(error) => Err(LlbError::Decode { what: "definition".to_owned(), reason: error.to_string() }),
        }
    }

    /// The message.
    pub fn as_pb(&self) -> &pb::Definition {
        &self.pb
    }

    /// A copy of the message.
    pub fn to_pb(&self) -> pb::Definition {
        self.pb.clone()
    }

    /// The message itself.
    pub fn into_pb(self) -> pb::Definition {
        self.pb
    }

    /// The encoded bytes: the same for equal definitions.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.pb.encode_to_vec()
    }

    /// Whether it is scratch, for which there is nothing to solve.
    pub fn is_empty(&self) -> bool {
        self.pb.def.is_empty()
    }

    /// The ops with their digests, the terminal one last.
    pub fn ops(&self) -> Result<Vec<(String, pb::Op)>, LlbError> {
        let decode = |(position, bytes): (usize, &Vec<u8>)| match pb::Op::decode(&**bytes) {
            Ok(op) => Ok((digest_of(bytes), op)),
            Err(error) => Err(LlbError::Decode { what: format!("op {position}"), reason: error.to_string() }),
        };
        self.pb.def.iter().enumerate().map(decode).collect()
    }

    /// The output that the terminal op returns; `None` for scratch.
    pub fn head(&self) -> Result<Option<pb::Input>, LlbError> {
        let Some((_, terminal)) = self.ops()?.pop() else {
            return Ok(None);
        };
        match terminal {
            pb::Op { mut inputs, op: None, .. } if inputs.len() == 1 => Ok(inputs.pop()),
            _ => Err(LlbError::NotTerminal),
        }
    }

    /// The digest of the vertex that the definition is for: where warnings go. `None` for scratch.
    ///
    /// Mirrors `Definition.Head` in `client/llb/marshal.go`.
    pub fn head_digest(&self) -> Result<Option<String>, LlbError> {
        Ok(self.head()?.map(|input| input.digest))
    }

    /// Ids of the caches that steps mount.
    pub fn caches(&self) -> Result<BTreeSet<String>, LlbError> {
        let execs = self.ops()?.into_iter().filter_map(|(_, op)| match op.op {
            Some(pb::op::Op::Exec(exec)) => Some(exec),
            _ => None,
        });
        Ok(execs.flat_map(|exec| exec.mounts).filter_map(|mount| Some(mount.cache_opt?.id)).collect())
    }

    /// What a daemon must be able to do to solve it, by the names in `solver/pb/caps.go`.
    pub fn required_caps(&self) -> BTreeSet<String> {
        let metadata = self.pb.metadata.values();
        let caps = metadata.flat_map(|metadata| &metadata.caps);
        let needed = caps.filter(|(_, needed)| **needed);
        needed.map(|(cap, _)| cap.clone()).collect()
    }
}

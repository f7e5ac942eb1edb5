//! What a solve gives and what a frontend returns: refs, metadata and attestations.

use std::collections::BTreeMap;

use crate::{gateway_pb, pb};

/// A solved graph, or a finished build.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildResult {
    pub refs: Refs,
    /// Such as `containerimage.config` (BuildKit `exporter/containerimage/exptypes`).
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// By platform id.
    pub attestations: BTreeMap<String, Vec<Attestation>>,
}

/// The file systems of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Refs {
    /// An empty file system, or a result that is metadata only.
    #[default]
    Empty,
    /// One file system.
    Single(Ref),
    /// File systems by platform id; None is an empty one.
    Map(BTreeMap<String, Option<Ref>>),
}

/// A file system in the daemon, for as long as the build runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Ref {
    pub id: String,
    /// The graph it came from. Not needed to return the ref.
    pub definition: Option<pb::Definition>,
}

/// A statement about a result (BuildKit `frontend/gateway/client/attestation.go`).
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    pub kind: AttestationKind,
    pub metadata: BTreeMap<String, Vec<u8>>,
    /// The file system that holds it.
    pub reference: Option<Ref>,
    /// Where in that file system.
    pub path: String,
    /// Such as `https://spdx.dev/Document`.
    pub predicate_type: String,
    pub subjects: Vec<InTotoSubject>,
}

/// How an attestation is kept in its file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttestationKind {
    /// A file with a predicate.
    InToto,
    /// A directory of in-toto statements.
    Bundle,
}

/// What an attestation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InTotoSubject {
    /// The image itself.
    Image,
    /// Something else, by name and digests.
    Named { name: String, digests: Vec<String> },
}

impl BuildResult {
    pub(super) fn from_solve(response: gateway_pb::SolveResponse) -> Self {
        match response.result {
            Some(result) => Self::from_wire(result),
            None => Self { refs: Refs::from_id(response.r#ref), ..Self::default() },
        }
    }

    fn from_wire(result: gateway_pb::Result) -> Self {
        use gateway_pb::result::Result as Wire;

        let refs = match result.result {
            None => Refs::Empty,
            Some(Wire::RefDeprecated(id)) => Refs::from_id(id),
            Some(Wire::RefsDeprecated(map)) => {
                Refs::Map(map.refs.into_iter().map(|(platform, id)| (platform, Ref::from_id(id))).collect())
            }
            Some(Wire::Ref(wire)) => Ref::from_wire(wire).map_or(Refs::Empty, Refs::Single),
            Some(Wire::Refs(map)) => {
                Refs::Map(map.refs.into_iter().map(|(platform, wire)| (platform, Ref::from_wire(wire))).collect())
            }
        };
        let attestations = result
            .attestations
            .into_iter()
            .map(|(platform, list)| (platform, list.attestation.into_iter().map(Attestation::from_wire).collect()))
            .collect();
        Self { refs, metadata: result.metadata.into_iter().collect(), attestations }
    }

    /// `arrays`: whether the daemon knows refs that are messages (capability `proto.refarray`).
    pub(super) fn into_wire(self, arrays: bool) -> gateway_pb::Result {
        use gateway_pb::result::Result as Wire;

        let result = match self.refs {
            Refs::Map(map) if arrays => {
                let refs = map.into_iter().map(|(platform, reference)| (platform, Ref::into_wire(reference))).collect();
                Wire::Refs(gateway_pb::RefMap { refs })
            }
            Refs::Map(map) => {
                let refs = map.into_iter().map(|(platform, reference)| (platform, Ref::into_id(reference))).collect();
                Wire::RefsDeprecated(gateway_pb::RefMapDeprecated { refs })
            }
            Refs::Single(reference) if arrays => Wire::Ref(Ref::into_wire(Some(reference))),
            Refs::Single(reference) => Wire::RefDeprecated(reference.id),
            Refs::Empty if arrays => Wire::Ref(Ref::into_wire(None)),
            Refs::Empty => Wire::RefDeprecated(String::new()),
        };
        let attestations = self
            .attestations
            .into_iter()
            .map(|(platform, list)| {
                let attestation = list.into_iter().map(Attestation::into_wire).collect();
                (platform, gateway_pb::Attestations { attestation })
            })
            .collect();
        gateway_pb::Result { metadata: self.metadata.into_iter().collect(), attestations, result: Some(result) }
    }
}

impl Refs {
    /// All refs, those of a map in the order of their platform ids. Empty file systems have none.
    pub fn iter(&self) -> impl Iterator<Item = &Ref> {
        let (single, map) = match self {
            Self::Empty => (None, None),
            Self::Single(reference) => (Some(reference), None),
            Self::Map(map) => (None, Some(map)),
        };
        single.into_iter().chain(map.into_iter().flat_map(|map| map.values().flatten()))
    }

    /// The ref of a result that has one file system; none if that is empty, or if there are several.
    pub fn single(&self) -> Option<&Ref> {
        match self {
            Self::Single(reference) => Some(reference),
            Self::Empty | Self::Map(_) => None,
        }
    }

    fn from_id(id: String) -> Self {
        Ref::from_id(id).map_or(Self::Empty, Self::Single)
    }
}

impl Ref {
    /// An empty id stands for an empty file system.
    fn from_id(id: String) -> Option<Self> {
        (!id.is_empty()).then_some(Self { id, definition: None })
    }

    fn from_wire(wire: gateway_pb::Ref) -> Option<Self> {
        Some(Self { definition: wire.def, ..Self::from_id(wire.id)? })
    }

    /// The daemon looks at the id alone (GW `Return`), so the graph is not sent back.
    fn into_wire(reference: Option<Self>) -> gateway_pb::Ref {
        gateway_pb::Ref { id: Self::into_id(reference), def: None }
    }

    fn into_id(reference: Option<Self>) -> String {
        reference.map(|reference| reference.id).unwrap_or_default()
    }
}

impl Attestation {
    fn from_wire(wire: gateway_pb::Attestation) -> Self {
        let kind = match wire.kind() {
            gateway_pb::AttestationKind::InToto => AttestationKind::InToto,
            gateway_pb::AttestationKind::Bundle => AttestationKind::Bundle,
        };
        Self {
            kind,
            metadata: wire.metadata.into_iter().collect(),
            reference: wire.r#ref.and_then(Ref::from_wire),
            path: wire.path,
            predicate_type: wire.in_toto_predicate_type,
            subjects: wire.in_toto_subjects.into_iter().map(InTotoSubject::from_wire).collect(),
        }
    }

    fn into_wire(self) -> gateway_pb::Attestation {
        let kind = match self.kind {
            AttestationKind::InToto => gateway_pb::AttestationKind::InToto,
            AttestationKind::Bundle => gateway_pb::AttestationKind::Bundle,
        };
        gateway_pb::Attestation {
            kind: kind.into(),
            metadata: self.metadata.into_iter().collect(),
            r#ref: Some(Ref::into_wire(self.reference)),
            path: self.path,
            in_toto_predicate_type: self.predicate_type,
            in_toto_subjects: self.subjects.into_iter().map(InTotoSubject::into_wire).collect(),
        }
    }
}

impl InTotoSubject {
    fn from_wire(wire: gateway_pb::InTotoSubject) -> Self {
        match wire.kind() {
            gateway_pb::InTotoSubjectKind::Self_ => Self::Image,
            gateway_pb::InTotoSubjectKind::Raw => Self::Named { name: wire.name, digests: wire.digest },
        }
    }

    fn into_wire(self) -> gateway_pb::InTotoSubject {
        match self {
            Self::Image => gateway_pb::InTotoSubject {
                kind: gateway_pb::InTotoSubjectKind::Self_.into(),
                ..gateway_pb::InTotoSubject::default()
            },
            Self::Named { name, digests } => {
                gateway_pb::InTotoSubject { kind: gateway_pb::InTotoSubjectKind::Raw.into(), digest: digests, name }
            }
        }
    }
}

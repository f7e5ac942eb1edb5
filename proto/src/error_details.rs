//! Details of an error that the daemon and its clients act on (BuildKit `solver/errdefs`).
//!
//! On the wire a detail is a `google.protobuf.Any` whose value is JSON, not protobuf: BuildKit registers the types with
//! containerd's `typeurl` under names that end in `+json`, and has no `type.googleapis.com/` prefix
//! (`util/grpcerrors` `withDetails`). The JSON is what Go's encoding/json makes of the generated structs.

use serde::{Deserialize, Serialize};

use crate::{Any, pb};

mod json;

const SOURCE: &str = "github.com/moby/buildkit/errdefs.Source+json";
const VERTEX: &str = "github.com/moby/buildkit/errdefs.Vertex+json";
const SUBREQUEST: &str = "github.com/moby/buildkit/errdefs.Subrequest+json";
const FRONTEND_CAP: &str = "github.com/moby/buildkit/errdefs.FrontendCap+json";

/// One detail of an error.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// Where in a source file the error is.
    Source(Source),
    /// Which vertex failed.
    Vertex(Vertex),
    /// Which subrequest is not supported.
    Subrequest(Subrequest),
    /// Which frontend capability is not supported.
    FrontendCap(FrontendCap),
}

/// Ranges in a source file. Clients print the lines around them, `>>>` marking those in a range. Lines count from 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    /// The file. Clients show `filename` as it is and cut the lines out of `data`.
    pub info: pb::SourceInfo,
    /// Without a range nothing is printed.
    pub ranges: Vec<pb::Range>,
}

/// The vertex that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vertex {
    /// Digest of its canonical op bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
}

/// A subrequest (opt `requestid`) that the frontend does not answer. To be sent with code `Unimplemented`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subrequest {
    /// Such as `frontend.outline`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// A capability (opt `frontend.caps`) that the frontend does not have. To be sent with code `Unimplemented`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrontendCap {
    /// Such as `moby.buildkit.frontend.contexts`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// The wire form of a detail.
pub fn encode(detail: &Detail) -> Any {
    let (type_url, value) = match detail {
        Detail::Source(source) => (SOURCE, json::to_bytes(&json::source_to_json(source))),
        Detail::Vertex(vertex) => (VERTEX, json::to_bytes(vertex)),
        Detail::Subrequest(subrequest) => (SUBREQUEST, json::to_bytes(subrequest)),
        Detail::FrontendCap(cap) => (FRONTEND_CAP, json::to_bytes(cap)),
    };
    Any { type_url: type_url.to_owned(), value }
}

/// The detail in `any`. None if it is of another kind or its JSON does not have the expected shape: such a detail is
/// passed on as it came.
pub fn decode(any: &Any) -> Option<Detail> {
    match any.type_url.as_str() {
        SOURCE => serde_json::from_slice(&any.value).ok().map(|source| Detail::Source(json::source_from_json(source))),
        VERTEX => serde_json::from_slice(&any.value).ok().map(Detail::Vertex),
        SUBREQUEST => serde_json::from_slice(&any.value).ok().map(Detail::Subrequest),
        FRONTEND_CAP => serde_json::from_slice(&any.value).ok().map(Detail::FrontendCap),
        _ => None,
    }
}

impl From<Source> for Detail {
    fn from(source: Source) -> Self {
        Self::Source(source)
    }
}

impl From<Vertex> for Detail {
    fn from(vertex: Vertex) -> Self {
        Self::Vertex(vertex)
    }
}

impl From<Subrequest> for Detail {
    fn from(subrequest: Subrequest) -> Self {
        Self::Subrequest(subrequest)
    }
}

impl From<FrontendCap> for Detail {
    fn from(cap: FrontendCap) -> Self {
        Self::FrontendCap(cap)
    }
}

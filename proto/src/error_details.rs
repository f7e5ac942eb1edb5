//! Details of an error that the daemon and its clients act on (BuildKit `solver/errdefs`).
//!
//! On the wire a detail is a `google.protobuf.Any` whose value is JSON, not protobuf: BuildKit registers the types with
//! containerd's `typeurl` under names that end in `+json`, and has no `type.googleapis.com/` prefix
//! (`util/grpcerrors` `withDetails`). The JSON is what Go's encoding/json makes of the generated structs.

use serde::{Deserialize, Serialize};

use crate::{Any, pb};

mod json;
mod solve;

pub use solve::FailedExec;

const SOURCE: &str = "github.com/moby/buildkit/errdefs.Source+json";
const VERTEX: &str = "github.com/moby/buildkit/errdefs.Vertex+json";
const SUBREQUEST: &str = "github.com/moby/buildkit/errdefs.Subrequest+json";
const SOLVE: &str = "github.com/moby/buildkit/errdefs.Solve+json";
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

/// The exec that failed, if `any` tells of one. That detail is passed on as it came, and never made here.
pub fn failed_exec(any: &Any) -> Option<FailedExec> {
    (any.type_url == SOLVE).then(|| solve::from_json(&any.value))?
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    // tests/bridge.rs has BuildKit's own code read what is written here.

    #[test]
    fn a_source_has_the_json_of_go() {
        let source = Source { info: info(None), ranges: vec![range(1, 2, 1)] };
        assert_eq!(
            text(&source.clone().into()),
            concat!(
                "github.com/moby/buildkit/errdefs.Source+json ",
                r#"{"info":{"filename":"uv.build.toml","data":"W2FyZ3NdCg==","language":"TOML"},"#,
                r#""ranges":[{"start":{"line":1,"character":2},"end":{"line":1}}]}"#
            )
        );
        assert_eq!(decode(&encode(&source.clone().into())), Some(source.into()));
    }

    #[test]
    fn a_range_always_has_both_ends() {
        let start = Some(pb::Position { line: 4, character: 0 });
        let ranges = vec![pb::Range { start, end: None }, pb::Range { start: None, end: start }, pb::Range::default()];
        let text = text(&Source { info: pb::SourceInfo::default(), ranges }.into());
        let both = r#"{"start":{"line":4},"end":{"line":4}}"#;
        assert!(
            text.ends_with(&format!(r#"{{"info":{{}},"ranges":[{both},{both},{{"start":{{}},"end":{{}}}}]}}"#)),
            "{text}"
        );
    }

    #[test]
    fn the_definition_that_loaded_the_file_is_kept() {
        let metadata = pb::OpMetadata {
            ignore_cache: true,
            description: BTreeMap::from([("llb.customname".to_owned(), "load".to_owned())]),
            export_cache: Some(pb::ExportCache { value: true }),
            caps: BTreeMap::from([("source.local".to_owned(), true)]),
            progress_group: Some(pb::ProgressGroup { id: "g".to_owned(), name: "n".to_owned(), weak: true }),
        };
        let locations =
            pb::Locations { locations: vec![pb::Location { source_index: 1, ranges: vec![range(1, 1, 2)] }] };
        let definition = pb::Definition {
            def: vec![vec![0xff, 0xfe], Vec::new()],
            metadata: BTreeMap::from([("d".to_owned(), metadata), ("e".to_owned(), pb::OpMetadata::default())]),
            source: Some(pb::Source {
                locations: BTreeMap::from([("d".to_owned(), locations)]),
                infos: vec![info(None)],
            }),
        };
        let source = Source { info: info(Some(definition)), ranges: Vec::new() };
        let text = text(&source.clone().into());
        assert!(text.contains(r#""definition":{"def":["//4=",""],"metadata":{"d":{"ignore_cache":true,"#), "{text}");
        assert!(text.contains(r#""export_cache":{"Value":true},"caps":{"source.local":true},"#), "{text}");
        assert!(text.contains(r#""e":{}},"Source":{"locations":{"d":{"locations":[{"sourceIndex":1,"#), "{text}");
        assert_eq!(decode(&encode(&source.clone().into())), Some(source.into()));
    }

    #[test]
    fn names_are_short() {
        assert_eq!(
            text(&Vertex { digest: "sha256:ab".to_owned() }.into()),
            r#"github.com/moby/buildkit/errdefs.Vertex+json {"digest":"sha256:ab"}"#
        );
        assert_eq!(
            text(&Subrequest { name: "frontend.x".to_owned() }.into()),
            r#"github.com/moby/buildkit/errdefs.Subrequest+json {"name":"frontend.x"}"#
        );
        assert_eq!(
            text(&FrontendCap { name: String::new() }.into()),
            r#"github.com/moby/buildkit/errdefs.FrontendCap+json {}"#
        );
        for detail in [Vertex { digest: "d".to_owned() }.into(), FrontendCap { name: "c".to_owned() }.into()] {
            assert_eq!(decode(&encode(&detail)), Some(detail));
        }
    }

    #[test]
    fn what_go_may_leave_out_or_add_is_accepted() {
        let any = |value: &str| Any { type_url: SOURCE.to_owned(), value: value.as_bytes().to_vec() };
        let empty = Source::default();
        assert_eq!(decode(&any("{}")), Some(empty.clone().into()));
        assert_eq!(decode(&any(r#"{"info":null,"ranges":[null],"new":1}"#)), Some(empty.into()));
        assert_eq!(decode(&any(r#"{"info":{"data":"not base64!"}}"#)), None);
        assert_eq!(decode(&any("[")), None);
        assert_eq!(decode(&Any { type_url: format!("type.googleapis.com/{VERTEX}"), value: b"{}".to_vec() }), None);
    }

    fn info(definition: Option<pb::Definition>) -> pb::SourceInfo {
        let (filename, language) = ("uv.build.toml".to_owned(), "TOML".to_owned());
        pb::SourceInfo { filename, data: b"[args]\n".to_vec(), definition, language }
    }

    fn range(line: i32, character: i32, end: i32) -> pb::Range {
        let end = Some(pb::Position { line: end, character: 0 });
        pb::Range { start: Some(pb::Position { line, character }), end }
    }

    fn text(detail: &Detail) -> String {
        let any = encode(detail);
        format!("{} {}", any.type_url, String::from_utf8_lossy(&any.value))
    }
}

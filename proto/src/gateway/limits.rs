//! Limits of the containers of a graph's steps, which BuildKit has in `OpMetadata` and the generated messages have not yet: the
//! request to solve, with the field.

use std::collections::BTreeMap;

use prost::Message;
use tonic::client::Grpc;
use tonic::transport::Channel;

use crate::error::GatewayError;
use crate::transport::MAX_MESSAGE_SIZE;
use crate::{gateway_pb, pb, source_policy_pb};

/// Mirrors `LinuxResources` in `solver/pb/ops.proto`. What is 0 or empty is not limited. It is in no digest and no cache key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct LinuxResources {
    /// Bytes.
    #[prost(int64, tag = "1")]
    pub memory: i64,
    /// Bytes of memory and swap together; -1 for any.
    #[prost(int64, tag = "2")]
    pub memory_swap: i64,
    /// Weight against others.
    #[prost(uint64, tag = "3")]
    pub cpu_shares: u64,
    /// Microseconds.
    #[prost(uint64, tag = "4")]
    pub cpu_period: u64,
    /// Microseconds in each period.
    #[prost(int64, tag = "5")]
    pub cpu_quota: i64,
    /// `0-3,5`
    #[prost(string, tag = "6")]
    pub cpuset_cpus: String,
    /// `0,1`
    #[prost(string, tag = "7")]
    pub cpuset_mems: String,
}

/// `SolveRequest`, as far as this client fills it in.
#[derive(Clone, PartialEq, Message)]
struct SolveRequest {
    #[prost(message, optional, tag = "1")]
    definition: Option<Definition>,
    #[prost(bool, tag = "5")]
    allow_result_return: bool,
    #[prost(bool, tag = "6")]
    allow_result_array_ref: bool,
    #[prost(message, repeated, tag = "12")]
    cache_imports: Vec<gateway_pb::CacheOptionsEntry>,
    #[prost(bool, tag = "14")]
    evaluate: bool,
    #[prost(message, repeated, tag = "15")]
    source_policies: Vec<source_policy_pb::Policy>,
}

#[derive(Clone, PartialEq, Message)]
struct Definition {
    #[prost(bytes = "vec", repeated, tag = "1")]
    def: Vec<Vec<u8>>,
    #[prost(btree_map = "string, message", tag = "2")]
    metadata: BTreeMap<String, OpMetadata>,
    #[prost(message, optional, tag = "3")]
    source: Option<pb::Source>,
}

#[derive(Clone, PartialEq, Message)]
struct OpMetadata {
    #[prost(bool, tag = "1")]
    ignore_cache: bool,
    #[prost(btree_map = "string, string", tag = "2")]
    description: BTreeMap<String, String>,
    #[prost(message, optional, tag = "4")]
    export_cache: Option<pb::ExportCache>,
    #[prost(btree_map = "string, bool", tag = "5")]
    caps: BTreeMap<String, bool>,
    #[prost(message, optional, tag = "6")]
    progress_group: Option<pb::ProgressGroup>,
    #[prost(message, optional, tag = "7")]
    linux_resources: Option<LinuxResources>,
}

/// Solves with limits for every step; BuildKit looks at those of execs only.
pub(super) async fn solve(
    channel: Channel,
    request: gateway_pb::SolveRequest,
    limits: &LinuxResources,
) -> Result<gateway_pb::SolveResponse, GatewayError> {
    let mut client =
        Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE_SIZE).max_encoding_message_size(MAX_MESSAGE_SIZE);
    let not_ready = |error: tonic::transport::Error| GatewayError::new(format!("BuildKit is not ready: {error}"));
    client.ready().await.map_err(not_ready)?;
    let path = tonic::codegen::http::uri::PathAndQuery::from_static("/moby.buildkit.v1.frontend.LLBBridge/Solve");
    let request = tonic::Request::new(limited(request, limits));
    let codec = tonic_prost::ProstCodec::<SolveRequest, gateway_pb::SolveResponse>::default();
    Ok(client.unary(request, path, codec).await?.into_inner())
}

fn limited(request: gateway_pb::SolveRequest, limits: &LinuxResources) -> SolveRequest {
    let definition = request.definition.map(|definition| Definition {
        def: definition.def,
        metadata: definition
            .metadata
            .into_iter()
            .map(|(digest, known)| {
                let limited = OpMetadata {
                    ignore_cache: known.ignore_cache,
                    description: known.description,
                    export_cache: known.export_cache,
                    caps: known.caps,
                    progress_group: known.progress_group,
                    linux_resources: Some(limits.clone()),
                };
                (digest, limited)
            })
            .collect(),
        source: definition.source,
    });
    SolveRequest {
        definition,
        allow_result_return: request.allow_result_return,
        allow_result_array_ref: request.allow_result_array_ref,
        cache_imports: request.cache_imports,
        evaluate: request.evaluate,
        source_policies: request.source_policies,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// But for the limits, the daemon reads what it would read of the generated message.
    #[test]
    fn nothing_else_is_lost() {
        let metadata = pb::OpMetadata {
            ignore_cache: true,
            description: BTreeMap::from([("llb.customname".to_owned(), "a step".to_owned())]),
            export_cache: Some(pb::ExportCache { value: true }),
            caps: BTreeMap::from([("exec.meta.base".to_owned(), true)]),
            progress_group: Some(pb::ProgressGroup { id: "1".to_owned(), ..pb::ProgressGroup::default() }),
        };
        let request = gateway_pb::SolveRequest {
            definition: Some(pb::Definition {
                def: vec![b"op".to_vec(), b"end".to_vec()],
                metadata: BTreeMap::from([("sha256:0".to_owned(), metadata)]),
                source: Some(pb::Source { infos: vec![pb::SourceInfo::default()], ..pb::Source::default() }),
            }),
            allow_result_return: true,
            allow_result_array_ref: true,
            cache_imports: vec![gateway_pb::CacheOptionsEntry { r#type: "local".to_owned(), ..Default::default() }],
            evaluate: true,
            source_policies: vec![source_policy_pb::Policy { version: 1, ..source_policy_pb::Policy::default() }],
            ..gateway_pb::SolveRequest::default()
        };
        let limits = LinuxResources { memory: 1 << 30, cpuset_cpus: "0".to_owned(), ..LinuxResources::default() };
        let bytes = limited(request.clone(), &limits).encode_to_vec();
        assert_eq!(gateway_pb::SolveRequest::decode(&*bytes).unwrap(), request);
        let read = SolveRequest::decode(&*bytes).unwrap();
        assert_eq!(read.definition.unwrap().metadata["sha256:0"].linux_resources, Some(limits));
    }
}

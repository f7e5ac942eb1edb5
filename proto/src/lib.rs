//! What a BuildKit frontend needs to speak with the daemon that started it.
//!
//! | module | what it holds |
//! |---|---|
//! | [`transport`] | an HTTP/2 channel over stdin and stdout, or over any other byte stream |
//! | [`gateway`] | [`Gateway`], the client of the daemon's `LLBBridge` service, with plain requests and results |
//! | [`error`] | [`GatewayError`], a failed call or a failed build, with the details BuildKit attached |
//! | [`error_details`] | those details: JSON inside `google.protobuf.Any`, in both directions |
//! | [`caps`] | capability names and [`CapSet`] |
//! | [`canonical`] | the op bytes and digests that the daemon computes |
//! | [`pb`] | LLB messages (BuildKit `solver/pb/ops.proto`) |
//! | [`gateway_pb`] | gateway messages and service (BuildKit `frontend/gateway/pb/gateway.proto`) |
//!
//! Short names in the docs: GW is BuildKit's `frontend/gateway/gateway.go`, GC is
//! `frontend/gateway/grpcclient/client.go`; both as of v0.34.2.
//!
//! # Versions
//!
//! The messages come from `bollard-buildkit-proto` 0.9.2, generated from BuildKit v0.29.0. The gateway service and the
//! source policies are those of v0.34.2. Missing are `Op.passthrough` with `PassthroughOp` (capability
//! `passthroughop`), `OpMetadata.linux_resources` with `LinuxResources` (capability `exec.meta.linux.resources`), and
//! `BuildkitVersion.dockerfileVersion` of a worker. prost drops what it does not know: a `Definition` from the daemon
//! keeps its ops, which are bytes, but loses `linux_resources` when it is decoded and sent again.

pub mod canonical;
pub mod caps;
pub mod error;
pub mod error_details;
pub mod gateway;
pub mod transport;

pub use bollard_buildkit_proto::fsutil::types as fsutil_pb;
pub use bollard_buildkit_proto::google::protobuf::Any;
pub use bollard_buildkit_proto::google::rpc::Status as RpcStatus;
pub use bollard_buildkit_proto::moby::buildkit::v1::apicaps as caps_pb;
pub use bollard_buildkit_proto::moby::buildkit::v1::frontend as gateway_pb;
pub use bollard_buildkit_proto::moby::buildkit::v1::sourcepolicy as source_policy_pb;
pub use bollard_buildkit_proto::pb;

pub use caps::CapSet;
pub use error::GatewayError;
pub use gateway::Gateway;
pub use tonic::Code;

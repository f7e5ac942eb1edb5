//! [`Gateway`]: calls to the daemon's `LLBBridge` service, with plain requests and results.
//!
//! Clones share one connection, and calls run at the same time. What Go's client does for old daemons (GC) is done
//! here too: frozen capability defaults, `StatFile` in place of `Evaluate`, `ResolveImageConfig` in place of
//! `ResolveSourceMeta`, refs in their deprecated form.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tonic::Code;
use tonic::transport::Channel;

use crate::caps::{self, CapSet};
use crate::error::GatewayError;
use crate::gateway_pb::llb_bridge_client::LlbBridgeClient;
use crate::transport::MAX_MESSAGE_SIZE;
use crate::{gateway_pb, pb, source_policy_pb};

mod failed;
mod file;
mod limits;
mod resolve;
mod result;

pub use file::{FileRange, FileStat, METADATA_FILE, parse_metadata};
pub use limits::LinuxResources;
pub use resolve::{
    GitMeta, HttpMeta, ImageMeta, ImageRequest, OciStore, ResolveMode, ResolvedImage, SourceMeta, SourceRequest,
};
pub use result::{Attestation, AttestationKind, BuildResult, InTotoSubject, Ref, Refs};

/// What Go's client waits for the first answer (GC `New`).
const PING_TIMEOUT: Duration = Duration::from_secs(15);

/// A client of the daemon's gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    channel: Channel,
    client: LlbBridgeClient<Channel>,
    pong: Arc<Pong>,
}

/// What the daemon tells of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Pong {
    /// Capabilities of the gateway service, see [`caps::gateway`].
    pub caps: CapSet,
    /// Capabilities of LLB, see [`caps::llb`].
    pub llb_caps: CapSet,
    /// The daemon's workers, the default one first.
    pub workers: Vec<Worker>,
}

/// A worker of the daemon.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    pub id: String,
    pub labels: BTreeMap<String, String>,
    /// What it can run, its own platform first.
    pub platforms: Vec<pb::Platform>,
    /// Such as `v0.34.2`; not told by daemons before v0.11.
    pub buildkit_version: Option<String>,
}

/// A graph to solve.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SolveRequest {
    /// The graph. An empty one gives an empty file system.
    pub definition: pb::Definition,
    /// Run the graph now, so that its errors come from this call. Otherwise it runs when the result is read or, after
    /// `Return`, exported.
    pub evaluate: bool,
    /// Where to look for a remote cache.
    pub cache_imports: Vec<CacheImport>,
    /// Rules on sources, on top of the daemon's own.
    pub source_policies: Vec<source_policy_pb::Policy>,
    /// Limits of the steps' containers, for daemons that know them ([`caps::llb::EXEC_META_LINUX_RESOURCES`]).
    pub limits: Option<LinuxResources>,
}

/// A remote cache. Reads the JSON in the opt `cache-imports`, which is a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct CacheImport {
    /// Such as `registry` or `gha`.
    #[serde(rename = "Type", default)]
    pub kind: String,
    #[serde(rename = "Attrs", default)]
    pub attrs: BTreeMap<String, String>,
}

/// A warning for the user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Warning {
    /// Digest of the vertex to show it at.
    pub vertex: String,
    /// 1 or more.
    pub level: u32,
    /// One line.
    pub short: String,
    /// Further lines.
    pub detail: Vec<String>,
    /// Where to read more.
    pub url: String,
    /// The file it is about.
    pub info: Option<pb::SourceInfo>,
    /// The lines it is about.
    pub ranges: Vec<pb::Range>,
}

impl Gateway {
    /// A client over `channel`, after asking the daemon what it can do.
    pub async fn connect(channel: Channel) -> Result<Self, GatewayError> {
        let client = LlbBridgeClient::new(channel.clone())
            .max_decoding_message_size(MAX_MESSAGE_SIZE)
            .max_encoding_message_size(MAX_MESSAGE_SIZE);
        let pong = ping(client.clone()).await?;
        Ok(Self { channel, client, pong: Arc::new(pong) })
    }

    /// Capabilities of the gateway service, see [`caps::gateway`].
    pub fn caps(&self) -> &CapSet {
        &self.pong.caps
    }

    /// Capabilities of LLB, see [`caps::llb`].
    pub fn llb_caps(&self) -> &CapSet {
        &self.pong.llb_caps
    }

    /// The daemon's workers, the default one first.
    pub fn workers(&self) -> &[Worker] {
        &self.pong.workers
    }

    /// Asks the daemon again what it can do.
    pub async fn ping(&self) -> Result<Pong, GatewayError> {
        ping(self.client()).await
    }

    /// Graphs that the client sent along, by name. A daemon that cannot send any has none.
    pub async fn inputs(&self) -> Result<BTreeMap<String, pb::Definition>, GatewayError> {
        if !self.caps().supports(caps::gateway::FRONTEND_INPUTS) {
            return Ok(BTreeMap::new());
        }
        let response = self.client().inputs(gateway_pb::InputsRequest {}).await?.into_inner();
        Ok(response.definitions.into_iter().collect())
    }

    /// Gives a graph to the daemon. The result is lazy unless `evaluate` is set.
    pub async fn solve(&self, request: SolveRequest) -> Result<BuildResult, GatewayError> {
        let evaluate_in_solve = self.caps().supports(caps::gateway::GATEWAY_EVALUATE_SOLVE);
        let (evaluate, limits) = (request.evaluate, request.limits);
        let request = gateway_pb::SolveRequest {
            definition: Some(request.definition),
            allow_result_return: true,
            allow_result_array_ref: true,
            evaluate: evaluate && evaluate_in_solve,
            cache_imports: request.cache_imports.into_iter().map(CacheImport::into_wire).collect(),
            source_policies: request.source_policies,
            ..gateway_pb::SolveRequest::default()
        };
        let response = match &limits {
            Some(limits) => limits::solve(self.channel.clone(), request, limits).await?,
            None => self.client().solve(request).await?.into_inner(),
        };
        let result = BuildResult::from_solve(response);
        if evaluate && !evaluate_in_solve {
            for reference in result.refs.iter() {
                self.evaluate(reference).await?;
            }
        }
        Ok(result)
    }

    /// Runs what a ref needs, so that errors show now.
    pub async fn evaluate(&self, reference: &Ref) -> Result<(), GatewayError> {
        if !self.caps().supports(caps::gateway::GATEWAY_EVALUATE) {
            return self.stat_file(reference, ".").await.map(|_| ());
        }
        self.client().evaluate(gateway_pb::EvaluateRequest { r#ref: reference.id.clone() }).await?;
        Ok(())
    }

    /// Shows a warning. A daemon that cannot show one drops it.
    pub async fn warn(&self, warning: Warning) -> Result<(), GatewayError> {
        if !self.caps().supports(caps::gateway::GATEWAY_WARNINGS) {
            return Ok(());
        }
        self.client().warn(warning.into_wire()).await?;
        Ok(())
    }

    /// Ends the build with a result. The process has to exit with code 0 soon after; any other code discards it.
    pub async fn return_result(&self, result: BuildResult) -> Result<(), GatewayError> {
        let arrays = self.caps().supports(caps::gateway::PROTO_REF_ARRAY);
        self.returns(gateway_pb::ReturnRequest { result: Some(result.into_wire(arrays)), error: None }).await
    }

    /// Ends the build with an error. Details taken from a failed call go to the client untouched.
    pub async fn return_error(&self, error: &GatewayError) -> Result<(), GatewayError> {
        self.returns(gateway_pb::ReturnRequest { result: None, error: Some(error.to_status()) }).await
    }

    async fn returns(&self, request: gateway_pb::ReturnRequest) -> Result<(), GatewayError> {
        self.client().r#return(request).await?;
        Ok(())
    }

    /// A handle for one call: the generated methods take `&mut self`, and a clone shares the connection.
    fn client(&self) -> LlbBridgeClient<Channel> {
        self.client.clone()
    }
}

async fn ping(mut client: LlbBridgeClient<Channel>) -> Result<Pong, GatewayError> {
    let response = tokio::time::timeout(PING_TIMEOUT, client.ping(gateway_pb::PingRequest {}))
        .await
        .map_err(|_| GatewayError::with_code(Code::DeadlineExceeded, "BuildKit did not answer a ping in 15 seconds"))??
        .into_inner();
    Ok(Pong {
        caps: CapSet::from_announced(&response.frontend_api_caps, caps::gateway::DEFAULTS),
        llb_caps: CapSet::from_announced(&response.llb_caps, caps::llb::DEFAULTS),
        workers: response
            .workers
            .into_iter()
            .map(|worker| Worker {
                id: worker.id,
                labels: worker.labels.into_iter().collect(),
                platforms: worker.platforms,
                buildkit_version: worker.buildkit_version.map(|version| version.version),
            })
            .collect(),
    })
}

impl CacheImport {
    fn into_wire(self) -> gateway_pb::CacheOptionsEntry {
        gateway_pb::CacheOptionsEntry { r#type: self.kind, attrs: self.attrs.into_iter().collect() }
    }
}

impl Warning {
    fn into_wire(self) -> gateway_pb::WarnRequest {
        gateway_pb::WarnRequest {
            digest: self.vertex,
            level: i64::from(self.level),
            short: self.short.into_bytes(),
            detail: self.detail.into_iter().map(String::into_bytes).collect(),
            url: self.url,
            info: self.info,
            ranges: self.ranges,
        }
    }
}

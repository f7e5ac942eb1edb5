//! A small daemon: the gateway service over one byte stream, with answers made for these tests.

use std::result::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use buildkit_proto::error_details::{self, Detail};
use buildkit_proto::gateway_pb::llb_bridge_server::{LlbBridge, LlbBridgeServer};
use buildkit_proto::gateway_pb::{Result as ResultMessage, *};
use buildkit_proto::transport::MAX_MESSAGE_SIZE;
use buildkit_proto::{Any, RpcStatus, caps_pb, fsutil_pb, pb};
use futures::StreamExt as _;
use prost::Message as _;
use tokio::sync::{Barrier, Mutex};
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, async_trait};

/// What the daemon does and what it saw.
#[derive(Clone)]
pub struct Daemon {
    state: Arc<State>,
}

struct State {
    caps: Vec<&'static str>,
    /// `ReadFile` of `/meet` answers when as many calls wait as the barrier has places.
    meeting: Barrier,
    stats: AtomicUsize,
    solved: Mutex<Vec<SolveRequest>>,
    returned: Mutex<Vec<ReturnRequest>>,
    warned: Mutex<Vec<WarnRequest>>,
}

type Answer<T> = Result<Response<T>, Status>;

impl Daemon {
    pub fn new(caps: &[&'static str]) -> Self {
        let state = State {
            caps: caps.to_vec(),
            meeting: Barrier::new(2),
            stats: AtomicUsize::new(0),
            solved: Mutex::default(),
            returned: Mutex::default(),
            warned: Mutex::default(),
        };
        Self { state: Arc::new(state) }
    }

    /// Serves one connection until it ends.
    pub fn serve<S>(&self, stream: S)
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let service = LlbBridgeServer::new(self.clone())
            .max_decoding_message_size(MAX_MESSAGE_SIZE)
            .max_encoding_message_size(MAX_MESSAGE_SIZE);
        // The server stops when there are no more connections to accept, so never say that.
        let connections =
            futures::stream::once(async { Ok::<_, std::io::Error>(stream) }).chain(futures::stream::pending());
        tokio::spawn(tonic::transport::Server::builder().add_service(service).serve_with_incoming(connections));
    }

    pub async fn solved(&self) -> Vec<SolveRequest> {
        self.state.solved.lock().await.clone()
    }

    pub async fn returned(&self) -> Vec<ReturnRequest> {
        self.state.returned.lock().await.clone()
    }

    pub async fn warned(&self) -> Vec<WarnRequest> {
        self.state.warned.lock().await.clone()
    }

    pub fn stats(&self) -> usize {
        self.state.stats.load(Ordering::SeqCst)
    }
}

/// The error of a graph whose only op is `fail`: a source of 400 KiB and a detail of an unknown kind.
pub fn failure() -> RpcStatus {
    let source = error_details::Source {
        info: pb::SourceInfo {
            filename: "uv.lock".to_owned(),
            data: vec![b'x'; 400 << 10],
            ..pb::SourceInfo::default()
        },
        ranges: vec![pb::Range::default()],
    };
    let unknown = Any { type_url: "example.com/unknown".to_owned(), value: vec![0, 255, 1] };
    RpcStatus {
        code: 2,
        message: "process \"uv sync\" did not complete successfully: exit code: 1 – é".to_owned(),
        details: vec![unknown, error_details::encode(&Detail::Source(source))],
    }
}

/// Byte `index` of the file `/large`.
pub fn large_file_byte(index: usize) -> u8 {
    u8::try_from(index % 251).unwrap_or_default()
}

#[async_trait]
impl LlbBridge for Daemon {
    async fn ping(&self, _: Request<PingRequest>) -> Answer<PongResponse> {
        let cap = |id: &&str| caps_pb::ApiCap { id: (*id).to_owned(), enabled: true, ..Default::default() };
        Ok(Response::new(PongResponse {
            frontend_api_caps: self.state.caps.iter().map(cap).collect(),
            ..PongResponse::default()
        }))
    }

    async fn inputs(&self, _: Request<InputsRequest>) -> Answer<InputsResponse> {
        let definition = pb::Definition { def: vec![b"context".to_vec()], ..pb::Definition::default() };
        Ok(Response::new(InputsResponse { definitions: [("context".to_owned(), definition)].into() }))
    }

    async fn solve(&self, request: Request<SolveRequest>) -> Answer<SolveResponse> {
        let request = request.into_inner();
        let ops = request.definition.clone().unwrap_or_default().def;
        self.state.solved.lock().await.push(request);
        if ops == [b"fail"] {
            let failure = failure();
            return Err(Status::with_details(2.into(), failure.message.clone(), failure.encode_to_vec().into()));
        }
        let reference = Ref { id: format!("ref-{}", ops.len()), def: None };
        let result = ResultMessage {
            metadata: [("size".to_owned(), ops.concat().len().to_string().into_bytes())].into(),
            result: Some(result::Result::Ref(reference)),
            ..ResultMessage::default()
        };
        Ok(Response::new(SolveResponse { result: Some(result), ..SolveResponse::default() }))
    }

    async fn read_file(&self, request: Request<ReadFileRequest>) -> Answer<ReadFileResponse> {
        let request = request.into_inner();
        if request.file_path == "/meet" {
            self.state.meeting.wait().await;
            return Ok(Response::new(ReadFileResponse { data: b"met".to_vec() }));
        }
        if request.file_path == "/endless" {
            let length = usize::try_from(request.range.map_or(0, |range| range.length)).unwrap_or_default();
            return Ok(Response::new(ReadFileResponse { data: vec![0; length] }));
        }
        let size = match request.file_path.as_str() {
            "/large" => 20 << 20,
            "/part" => 8 << 20,
            _ => return Err(Status::unknown("no such file or directory")),
        };
        let range = request.range.unwrap_or(FileRange { offset: 0, length: i64::MAX });
        let start = usize::try_from(range.offset).unwrap_or_default().min(size);
        let end = start.saturating_add(usize::try_from(range.length).unwrap_or(usize::MAX)).min(size);
        Ok(Response::new(ReadFileResponse { data: (start..end).map(large_file_byte).collect() }))
    }

    async fn read_dir(&self, request: Request<ReadDirRequest>) -> Answer<ReadDirResponse> {
        let pattern = request.into_inner().include_pattern;
        let dir = fsutil_pb::Stat { path: pattern, mode: 1 << 31 | 0o755, ..Default::default() };
        let link = fsutil_pb::Stat { mode: 1 << 27 | 0o777, linkname: "to".to_owned(), ..Default::default() };
        Ok(Response::new(ReadDirResponse { entries: vec![dir, link] }))
    }

    async fn stat_file(&self, request: Request<StatFileRequest>) -> Answer<StatFileResponse> {
        self.state.stats.fetch_add(1, Ordering::SeqCst);
        let stat = fsutil_pb::Stat {
            path: request.into_inner().path,
            mode: 0o100_644 & 0o777,
            size: 7,
            mod_time: 5,
            ..Default::default()
        };
        Ok(Response::new(StatFileResponse { stat: Some(stat) }))
    }

    async fn evaluate(&self, _: Request<EvaluateRequest>) -> Answer<EvaluateResponse> {
        Ok(Response::new(EvaluateResponse {}))
    }

    async fn resolve_image_config(
        &self,
        request: Request<ResolveImageConfigRequest>,
    ) -> Answer<ResolveImageConfigResponse> {
        let request = request.into_inner();
        Ok(Response::new(ResolveImageConfigResponse {
            digest: format!("old {} {} {}", request.resolver_type, request.store_id, request.resolve_mode),
            config: b"{}".to_vec(),
            r#ref: String::new(),
        }))
    }

    async fn resolve_source_meta(
        &self,
        request: Request<ResolveSourceMetaRequest>,
    ) -> Answer<ResolveSourceMetaResponse> {
        let request = request.into_inner();
        let mut source = request.source.unwrap_or_default();
        let git = source.identifier.contains("to-git");
        if git {
            source.identifier = "git://host/repo".to_owned();
        } else {
            source.identifier = source.identifier.replace("docker.io", "mirror.example");
        }
        let image = ResolveSourceImageResponse {
            digest: format!("new {}", request.resolve_mode),
            config: b"{}".to_vec(),
            attestation_chain: None,
        };
        Ok(Response::new(ResolveSourceMetaResponse {
            source: Some(source),
            image: (!git).then_some(image),
            git: git.then(|| ResolveSourceGitResponse { checksum: "c".to_owned(), ..Default::default() }),
            http: None,
        }))
    }

    async fn r#return(&self, request: Request<ReturnRequest>) -> Answer<ReturnResponse> {
        self.state.returned.lock().await.push(request.into_inner());
        Ok(Response::new(ReturnResponse {}))
    }

    async fn warn(&self, request: Request<WarnRequest>) -> Answer<WarnResponse> {
        self.state.warned.lock().await.push(request.into_inner());
        Ok(Response::new(WarnResponse {}))
    }

    type ExecProcessStream = futures::stream::Pending<Result<ExecMessage, Status>>;

    async fn exec_process(&self, _: Request<tonic::Streaming<ExecMessage>>) -> Answer<Self::ExecProcessStream> {
        Err(Status::unimplemented("containers"))
    }

    async fn new_container(&self, _: Request<NewContainerRequest>) -> Answer<NewContainerResponse> {
        Err(Status::unimplemented("containers"))
    }

    async fn release_container(&self, _: Request<ReleaseContainerRequest>) -> Answer<ReleaseContainerResponse> {
        Err(Status::unimplemented("containers"))
    }

    async fn read_file_container(&self, _: Request<ReadFileRequest>) -> Answer<ReadFileResponse> {
        Err(Status::unimplemented("containers"))
    }

    async fn read_dir_container(&self, _: Request<ReadDirRequest>) -> Answer<ReadDirResponse> {
        Err(Status::unimplemented("containers"))
    }

    async fn stat_file_container(&self, _: Request<StatFileRequest>) -> Answer<StatFileResponse> {
        Err(Status::unimplemented("containers"))
    }
}

//! The gateway client against the Go half that buildkitd has: x/net's HTTP/2 server, grpc-go and BuildKit's error
//! types, over a process's stdin and stdout (`go-bridge/main.go`).
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use buildkit_proto::canonical::digest_of;
use buildkit_proto::caps::{gateway, llb};
use buildkit_proto::error_details::{FrontendCap, Source, Subrequest, Vertex};
use buildkit_proto::gateway::{FileRange, Ref, SolveRequest};
use buildkit_proto::{Gateway, GatewayError, pb, transport};
use serde::Deserialize;
use tonic::Code;

#[path = "go/program.rs"]
mod program;

/// What BuildKit made of a returned error.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    message: String,
    code: String,
    vertex: String,
    subrequest: String,
    cap: String,
    sources: Option<Vec<String>>,
    infos: Option<Vec<serde_json::Value>>,
}

#[tokio::test]
async fn calls_overlap_and_large_messages_pass() {
    let (daemon, gateway) = start().await;
    let root = Ref { id: "r".to_owned(), definition: None };
    let part = || gateway.read_file(&root, "/f", Some(FileRange { offset: 0, length: 10 << 20 }));
    let calls = futures::future::join(part(), part());
    let (one, two) = tokio::time::timeout(Duration::from_secs(60), calls).await.expect("the calls ran one by one");
    assert_eq!((one.unwrap().len(), two.unwrap().len()), (10 << 20, 10 << 20));
    assert_eq!(finish(daemon, gateway).await, "");
}

#[tokio::test]
async fn the_capability_names_are_those_of_buildkit() {
    let (daemon, gateway) = start().await;
    for name in gateway::DEFAULTS {
        assert!(gateway.caps().supports(name), "{name}");
    }
    for name in [llb::DEFAULTS, &[llb::MERGE_OP, llb::EXEC_META_LINUX_RESOURCES, llb::FILE_SYMLINK_CREATE]].concat() {
        assert!(gateway.llb_caps().supports(name), "{name}");
    }
    assert!(!gateway.llb_caps().supports(llb::EXEC_META_REMOVE_MOUNT_STUBS_RECURSIVE));
    assert_eq!(finish(daemon, gateway).await, "");
}

#[tokio::test]
async fn an_error_of_a_failed_solve_comes_back_to_buildkit_whole() {
    // The second trailer has more than 3 MiB; hyper accepts 16 KiB by default.
    for lines in [3, 400_000] {
        let (daemon, gateway) = start().await;
        let op = vec![b'x'; lines];
        let definition = pb::Definition { def: vec![op.clone()], ..pb::Definition::default() };
        let error = gateway.solve(SolveRequest { definition, ..SolveRequest::default() }).await.unwrap_err();
        assert_eq!((error.code, error.message.as_str()), (Code::Unknown, "exit code: 1"));
        assert_eq!(error.vertex(), Some(digest_of(&op)));
        let source = error.sources().remove(0);
        assert_eq!((source.info.filename.as_str(), source.info.data.len()), ("uv.lock", 5 * lines));
        assert_eq!(source.info.definition.unwrap().def.concat(), op);
        assert_eq!(source.ranges[0].start.unwrap().line, 3);

        gateway.return_error(&error).await.unwrap();
        let report = report(daemon, gateway).await;
        assert_eq!((report.message.as_str(), report.code.as_str()), ("exit code: 1", "Unknown"));
        assert_eq!(report.vertex, digest_of(&op));
        assert!(report.sources.unwrap()[0].contains("   3 | >>> line\n"));
    }
}

#[tokio::test]
async fn an_error_of_our_own_is_read_by_buildkit() {
    let (daemon, gateway) = start().await;
    let metadata = pb::OpMetadata {
        description: BTreeMap::from([("llb.customname".to_owned(), "load".to_owned())]),
        export_cache: Some(pb::ExportCache { value: true }),
        progress_group: Some(pb::ProgressGroup { id: "g".to_owned(), name: "n".to_owned(), weak: true }),
        ..pb::OpMetadata::default()
    };
    let definition = pb::Definition {
        def: vec![b"\xff\x00op".to_vec()],
        metadata: BTreeMap::from([("sha256:ab".to_owned(), metadata)]),
        source: Some(pb::Source { infos: vec![pb::SourceInfo::default()], ..pb::Source::default() }),
    };
    let info = pb::SourceInfo {
        filename: "uv.build.toml".to_owned(),
        data: b"# syntax=x\n[python]\nversoin = \"3.13\"\n".to_vec(),
        definition: Some(definition),
        language: "TOML".to_owned(),
    };
    let range = |line| pb::Range { start: Some(pb::Position { line, character: 0 }), end: None };
    let error = GatewayError::new("unknown key `versoin`")
        .with_detail(Source { info: info.clone(), ranges: vec![range(3)] })
        .with_detail(Source { info: pb::SourceInfo { definition: None, ..info }, ranges: vec![range(2)] })
        .with_detail(Vertex { digest: "sha256:cd".to_owned() })
        .with_detail(Subrequest { name: "frontend.x".to_owned() })
        .with_detail(FrontendCap { name: "moby.y".to_owned() });
    gateway.return_error(&error).await.unwrap();
    let report = report(daemon, gateway).await;

    assert!(report.message.ends_with("unknown key `versoin`"), "{}", report.message);
    assert_eq!((report.code.as_str(), report.vertex.as_str()), ("Unknown", "sha256:cd"));
    assert_eq!((report.subrequest.as_str(), report.cap.as_str()), ("frontend.x", "moby.y"));
    let sources = report.sources.unwrap();
    assert!(sources[0].contains("uv.build.toml:3\n"), "{sources:?}");
    assert!(sources[0].contains("   3 | >>> versoin = \"3.13\"\n"), "{sources:?}");
    assert!(sources[1].contains("   2 | >>> [python]\n"), "{sources:?}");
    let info = &report.infos.unwrap()[0];
    assert_eq!(info["language"], "TOML");
    assert_eq!(info["definition"]["def"][0], "/wBvcA==");
    let metadata = &info["definition"]["metadata"]["sha256:ab"];
    assert_eq!(metadata["description"]["llb.customname"], "load");
    assert_eq!((&metadata["export_cache"]["Value"], &metadata["progress_group"]["weak"]), (&true.into(), &true.into()));
    assert!(info["definition"]["Source"]["infos"][0].is_object());
}

/// A running `go-bridge`.
struct Daemon {
    process: Child,
    /// Reads what it prints all the time: a full pipe would keep it from answering.
    printed: JoinHandle<String>,
}

async fn start() -> (Daemon, Gateway) {
    let mut process = Command::new(program::build("go-bridge"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = process.stderr.take().unwrap();
    let printed = std::thread::spawn(|| std::io::read_to_string(stderr).unwrap());
    let input = OwnedFd::from(process.stdout.take().unwrap());
    let output = OwnedFd::from(process.stdin.take().unwrap());
    let channel = transport::connect_fds(input, output).await.unwrap();
    (Daemon { process, printed }, Gateway::connect(channel).await.unwrap())
}

/// Ends the connection, and with it the daemon; gives what it printed.
async fn finish(mut daemon: Daemon, gateway: Gateway) -> String {
    drop(gateway);
    let status = tokio::task::spawn_blocking(move || daemon.process.wait()).await.unwrap().unwrap();
    assert!(status.success(), "go-bridge: {status}");
    daemon.printed.join().unwrap()
}

/// The report on the error that was returned.
async fn report(daemon: Daemon, gateway: Gateway) -> Report {
    serde_json::from_str(&finish(daemon, gateway).await).unwrap()
}

//! The gateway client against a tonic server, over byte streams in memory.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use buildkit_proto::caps::gateway as cap;
use buildkit_proto::error_details::Subrequest;
use buildkit_proto::gateway::{
    Attestation, AttestationKind, BuildResult, CacheImport, FileRange, ImageRequest, InTotoSubject, OciStore, Ref,
    Refs, ResolveMode, SolveRequest, SourceRequest, Warning,
};
use buildkit_proto::gateway_pb::result::Result as WireResult;
use buildkit_proto::{Gateway, GatewayError, gateway_pb, pb, transport};
use tonic::Code;

use daemon::Daemon;

#[path = "gateway/daemon.rs"]
mod daemon;

/// What today's daemons announce, as far as these tests go.
const MODERN: &[&str] = &[
    cap::PROTO_REF_ARRAY,
    cap::FRONTEND_INPUTS,
    cap::GATEWAY_EVALUATE_SOLVE,
    cap::GATEWAY_EVALUATE,
    cap::GATEWAY_WARNINGS,
    cap::SOURCE_META_RESOLVER,
];

#[tokio::test]
async fn calls_overlap_on_one_connection() {
    let (_, gateway) = connect(MODERN).await;
    let other = gateway.clone();
    // Each of the two calls is answered only when the other has arrived.
    let (root, other_root) = (reference("r"), reference("r"));
    let calls = futures::future::join(
        gateway.read_file(&root, "/meet", Some(range(0, 3))),
        other.read_file(&other_root, "/meet", Some(range(0, 3))),
    );
    let (one, two) = tokio::time::timeout(Duration::from_secs(20), calls).await.expect("the calls ran one by one");
    assert_eq!(one.unwrap(), b"met");
    assert_eq!(two.unwrap(), b"met");
}

#[tokio::test]
async fn a_message_of_10_mib_passes_in_both_directions() {
    let (_, gateway) = connect(MODERN).await;
    let data = gateway.read_file(&reference("r"), "/large", Some(range(1, 10 << 20))).await.unwrap();
    assert_eq!(data.len(), 10 << 20);
    assert_eq!(data[12_345], daemon::large_file_byte(12_346));

    let result = gateway.solve(solve(vec![vec![7; 10 << 20]])).await.unwrap();
    assert_eq!(result.metadata["size"], (10 << 20).to_string().into_bytes());
}

#[tokio::test]
async fn a_message_over_the_limit_is_an_error_and_the_connection_goes_on() {
    let (_, gateway) = connect(MODERN).await;
    let error = gateway.read_file(&reference("r"), "/large", Some(range(0, 17 << 20))).await.unwrap_err();
    assert_eq!(error.code, Code::OutOfRange, "{error}");
    gateway.ping().await.unwrap();
}

#[tokio::test]
async fn a_whole_file_is_read_in_parts() {
    let (_, gateway) = connect(MODERN).await;
    let data = gateway.read_file(&reference("r"), "/large", None).await.unwrap();
    assert_eq!(data.len(), 20 << 20);
    assert!((0..data.len()).step_by(4093).all(|index| data[index] == daemon::large_file_byte(index)));
    // Exactly one part: the end shows only by an empty part after it.
    assert_eq!(gateway.read_file(&reference("r"), "/part", None).await.unwrap().len(), 8 << 20);
    let error = gateway.read_file(&reference("r"), "/endless", None).await.unwrap_err();
    assert_eq!(error.message, "`/endless` has more than 128 MiB");
    let error = gateway.read_file(&reference("r"), "/missing", None).await.unwrap_err();
    assert_eq!((error.code, error.message.as_str()), (Code::Unknown, "no such file or directory"));
}

#[tokio::test]
async fn details_of_an_error_go_from_a_failed_solve_into_return() {
    let (daemon, gateway) = connect(MODERN).await;
    let error = gateway.solve(solve(vec![b"fail".to_vec()])).await.unwrap_err();
    assert_eq!(error.to_status(), daemon::failure());
    assert_eq!(error.sources()[0].info.data.len(), 400 << 10);

    gateway.return_error(&error.with_detail(Subrequest { name: "frontend.x".to_owned() })).await.unwrap();
    let returned = daemon.returned().await.remove(0);
    let status = returned.error.unwrap();
    assert_eq!(returned.result, None);
    assert_eq!(status.details[..2], daemon::failure().details);
    assert_eq!(status.details[2].value, b"{\"name\":\"frontend.x\"}");
}

#[tokio::test]
async fn solve_asks_for_results_and_evaluation() {
    let (daemon, gateway) = connect(MODERN).await;
    let cache = CacheImport { kind: "registry".to_owned(), attrs: strings([("ref", "r.example/cache")]) };
    let request = SolveRequest { evaluate: true, cache_imports: vec![cache], ..solve(vec![b"a".to_vec()]) };
    let result = gateway.solve(request).await.unwrap();
    assert_eq!(result.refs.single().unwrap().id, "ref-1");

    let sent = daemon.solved().await.remove(0);
    assert!(sent.allow_result_return && sent.allow_result_array_ref && sent.evaluate);
    assert_eq!((sent.frontend.as_str(), sent.r#final), ("", false));
    assert_eq!(sent.cache_imports[0].r#type, "registry");
    assert_eq!(sent.cache_imports[0].attrs["ref"], "r.example/cache");
    assert_eq!(daemon.stats(), 0);
}

#[tokio::test]
async fn an_old_daemon_evaluates_with_stat() {
    let (daemon, gateway) = connect(&[]).await;
    let request = SolveRequest { evaluate: true, ..solve(vec![b"a".to_vec()]) };
    let result = gateway.solve(request).await.unwrap();
    assert!(!daemon.solved().await[0].evaluate);
    assert_eq!(daemon.stats(), 1);
    gateway.evaluate(result.refs.single().unwrap()).await.unwrap();
    assert_eq!(daemon.stats(), 2);
}

#[tokio::test]
async fn an_old_daemon_gets_neither_inputs_nor_warnings_nor_ref_messages() {
    let (daemon, gateway) = connect(&[]).await;
    assert!(gateway.caps().supports(cap::READ_FILE));
    assert!(gateway.inputs().await.unwrap().is_empty());
    gateway.warn(Warning::default()).await.unwrap();
    assert!(daemon.warned().await.is_empty());

    let map = BTreeMap::from([("linux/amd64".to_owned(), Some(reference("r"))), ("linux/arm64".to_owned(), None)]);
    for refs in [Refs::Map(map), Refs::Single(reference("r")), Refs::Empty] {
        gateway.return_result(BuildResult { refs, ..BuildResult::default() }).await.unwrap();
    }
    let wire: Vec<_> =
        daemon.returned().await.into_iter().map(|request| request.result.unwrap().result.unwrap()).collect();
    let WireResult::RefsDeprecated(map) = &wire[0] else { panic!("{wire:?}") };
    assert_eq!((map.refs["linux/amd64"].as_str(), map.refs["linux/arm64"].as_str()), ("r", ""));
    assert_eq!(wire[1], WireResult::RefDeprecated("r".to_owned()));
    assert_eq!(wire[2], WireResult::RefDeprecated(String::new()));
}

#[tokio::test]
async fn a_result_keeps_refs_metadata_and_attestations() {
    let (daemon, gateway) = connect(MODERN).await;
    let attestation = Attestation {
        kind: AttestationKind::Bundle,
        metadata: BTreeMap::from([("reason".to_owned(), b"sbom".to_vec())]),
        reference: Some(reference("sbom")),
        path: "/out".to_owned(),
        predicate_type: "https://spdx.dev/Document".to_owned(),
        subjects: vec![
            InTotoSubject::Image,
            InTotoSubject::Named { name: "n".to_owned(), digests: vec!["sha256:ab".to_owned()] },
        ],
    };
    let platform = "linux/amd64".to_owned();
    let result = BuildResult {
        refs: Refs::Map(BTreeMap::from([(platform.clone(), Some(reference("r"))), ("x".to_owned(), None)])),
        metadata: BTreeMap::from([("containerimage.config/linux/amd64".to_owned(), b"{}".to_vec())]),
        attestations: BTreeMap::from([(platform.clone(), vec![attestation])]),
    };
    assert_eq!(result.refs.iter().count(), 1);
    gateway.return_result(result).await.unwrap();

    let wire = daemon.returned().await.remove(0).result.unwrap();
    let Some(WireResult::Refs(refs)) = &wire.result else { panic!("{wire:?}") };
    assert_eq!((refs.refs[&platform].id.as_str(), refs.refs["x"].id.as_str()), ("r", ""));
    assert_eq!(wire.metadata["containerimage.config/linux/amd64"], b"{}");
    let sent = &wire.attestations[&platform].attestation[0];
    assert_eq!(sent.kind(), gateway_pb::AttestationKind::Bundle);
    assert_eq!(sent.r#ref.as_ref().unwrap().id, "sbom");
    assert_eq!(sent.in_toto_predicate_type, "https://spdx.dev/Document");
    assert_eq!(sent.in_toto_subjects[0].kind(), gateway_pb::InTotoSubjectKind::Self_);
    assert_eq!(sent.in_toto_subjects[1].digest, ["sha256:ab"]);
}

#[tokio::test]
async fn images_are_looked_up_as_sources() {
    let (_, gateway) = connect(MODERN).await;
    let request = |reference: &str| ImageRequest {
        reference: reference.to_owned(),
        resolve_mode: ResolveMode::Pull,
        ..ImageRequest::default()
    };
    let image = gateway.resolve_image_config(request("docker.io/library/python:3.13")).await.unwrap();
    assert_eq!((image.reference.as_str(), image.digest.as_str()), ("mirror.example/library/python:3.13", "new pull"));
    assert_eq!(image.config, b"{}");

    let error = gateway.resolve_image_config(request("docker.io/to-git")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "ref mutated by policy to non-image: docker-image://docker.io/to-git -> git://host/repo"
    );
    let source = pb::SourceOp { identifier: "docker-image://docker.io/to-git".to_owned(), ..Default::default() };
    let meta = gateway.resolve_source(SourceRequest { source, ..SourceRequest::default() }).await.unwrap();
    assert_eq!(meta.source.identifier, "git://host/repo");
    assert_eq!((meta.image, meta.git.unwrap().checksum.as_str()), (None, "c"));
}

#[tokio::test]
async fn an_old_daemon_looks_up_images_only() {
    let (_, gateway) = connect(&[]).await;
    let store = OciStore { session_id: "s".to_owned(), store_id: "store".to_owned() };
    let request = ImageRequest { reference: "r".to_owned(), oci_store: Some(store), ..ImageRequest::default() };
    let image = gateway.resolve_image_config(request).await.unwrap();
    assert_eq!((image.reference.as_str(), image.digest.as_str()), ("r", "old 1 store default"));

    let source = |identifier: &str| SourceRequest {
        source: pb::SourceOp { identifier: identifier.to_owned(), attrs: strings([("oci.store", "st")]) },
        ..SourceRequest::default()
    };
    let meta = gateway.resolve_source(source("oci-layout://r@sha256:ab")).await.unwrap();
    assert_eq!(meta.source.identifier, "oci-layout://r@sha256:ab");
    assert_eq!(meta.image.unwrap().digest, "old 1 st default");
    let meta = gateway.resolve_source(source("https://example.com/a.whl")).await.unwrap();
    assert_eq!((meta.image, meta.git, meta.http), (None, None, None));
}

#[tokio::test]
async fn files_have_kinds_and_permissions() {
    let (_, gateway) = connect(MODERN).await;
    let entries = gateway.read_dir(&reference("r"), "/", "uv.*").await.unwrap();
    assert_eq!((entries[0].path.as_str(), entries[0].is_dir(), entries[0].permissions()), ("uv.*", true, 0o755));
    assert_eq!((entries[1].is_symlink(), entries[1].is_file(), entries[1].link.as_str()), (true, false, "to"));
    let stat = gateway.stat_file(&reference("r"), "uv.lock").await.unwrap();
    assert_eq!((stat.is_file(), stat.is_dir(), stat.size, stat.modified), (true, false, 7, 5));
}

#[tokio::test]
async fn inputs_and_warnings_pass() {
    let (daemon, gateway) = connect(MODERN).await;
    assert_eq!(gateway.inputs().await.unwrap()["context"].def, [b"context"]);
    let warning = Warning {
        vertex: "sha256:ab".to_owned(),
        level: 1,
        short: "no hash".to_owned(),
        detail: vec!["more".to_owned()],
        ..Warning::default()
    };
    gateway.warn(warning).await.unwrap();
    let sent = daemon.warned().await.remove(0);
    assert_eq!((sent.digest.as_str(), sent.level, sent.short.as_slice()), ("sha256:ab", 1, b"no hash".as_slice()));
    assert_eq!(sent.detail, [b"more"]);
}

#[tokio::test]
async fn sockets_work_as_well_as_pipes() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let daemon = Daemon::new(MODERN);
    daemon.serve(tokio::net::UnixStream::from_std(theirs).unwrap());
    let channel = transport::connect_fds(ours.try_clone().unwrap().into(), ours.into()).await.unwrap();
    let gateway = Gateway::connect(channel).await.unwrap();
    let data = gateway.read_file(&reference("r"), "/large", Some(range(0, 1 << 20))).await.unwrap();
    assert_eq!(data.len(), 1 << 20);
    // The thread that reads the socket ends with the daemon's half, and the runtime with it.
    drop((daemon, gateway));
}

#[tokio::test]
async fn a_lost_connection_is_an_error() {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let daemon = tokio::spawn(async move {
        let _held = theirs;
        tokio::time::sleep(Duration::from_millis(50)).await;
    });
    let result = match transport::connect(ours).await {
        Ok(channel) => Gateway::connect(channel).await.map(|_| ()),
        Err(error) => Err(GatewayError::new(error.to_string())),
    };
    assert!(result.is_err());
    daemon.await.unwrap();
}

async fn connect(caps: &[&'static str]) -> (Daemon, Gateway) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let daemon = Daemon::new(caps);
    daemon.serve(theirs);
    let channel = transport::connect(ours).await.unwrap();
    (daemon, Gateway::connect(channel).await.unwrap())
}

fn solve(def: Vec<Vec<u8>>) -> SolveRequest {
    SolveRequest { definition: pb::Definition { def, ..pb::Definition::default() }, ..SolveRequest::default() }
}

fn reference(id: &str) -> Ref {
    Ref { id: id.to_owned(), definition: None }
}

fn range(offset: u64, length: u64) -> FileRange {
    FileRange { offset, length }
}

fn strings<const N: usize>(items: [(&str, &str); N]) -> BTreeMap<String, String> {
    items.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

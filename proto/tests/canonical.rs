//! Canonical op bytes are those that BuildKit's own code computes (`go-canonical/main.go`).
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_proto::canonical::{canonical_op_bytes, digest_of, op_digest};
use buildkit_proto::pb;
use buildkit_proto::pb::file_action::Action;
use buildkit_proto::pb::op::Op as Kind;
use buildkit_proto::pb::user_opt::User;
use prost::Message as _;

#[path = "go/program.rs"]
mod program;

#[test]
fn go_computes_the_same_bytes_and_digests() {
    let ops = ops();
    // What prost writes has to come out as the canonical bytes, and those as themselves.
    let lines: Vec<Vec<u8>> = ops.values().flat_map(|op| [op.encode_to_vec(), canonical_op_bytes(op)]).collect();
    let answers = go_answers(&lines);
    assert_eq!(answers.len(), lines.len());
    for ((name, op), answers) in ops.iter().zip(answers.chunks(2)) {
        for (digest, bytes) in answers {
            assert_eq!(hex(&canonical_op_bytes(op)), hex(bytes), "{name}");
            assert_eq!(op_digest(op), *digest, "{name}");
        }
    }
}

#[test]
fn every_kind_of_op_mount_and_action_is_compared() {
    let (mut kinds, mut mounts, mut actions) = ([0; 6], [0; 5], [0; 5]);
    for op in ops().into_values() {
        let Some(kind) = op.op else { continue };
        match kind {
            Kind::Exec(exec) => {
                kinds[0] += 1;
                exec.mounts.iter().for_each(|mount| mounts[usize::try_from(mount.mount_type).unwrap()] += 1);
            }
            Kind::Source(_) => kinds[1] += 1,
            Kind::File(file) => {
                kinds[2] += 1;
                for action in file.actions {
                    match action.action {
                        Some(Action::Copy(_)) => actions[0] += 1,
                        Some(Action::Mkfile(_)) => actions[1] += 1,
                        Some(Action::Mkdir(_)) => actions[2] += 1,
                        Some(Action::Rm(_)) => actions[3] += 1,
                        Some(Action::Symlink(_)) => actions[4] += 1,
                        None => {}
                    }
                }
            }
            Kind::Build(_) => kinds[3] += 1,
            Kind::Merge(_) => kinds[4] += 1,
            Kind::Diff(_) => kinds[5] += 1,
        }
    }
    let all = [&kinds[..], &mounts, &actions].concat();
    assert!(!all.contains(&0), "{kinds:?} {mounts:?} {actions:?}");
}

#[test]
fn most_ops_are_not_what_prost_writes() {
    let differing = ops().values().filter(|op| canonical_op_bytes(op) != op.encode_to_vec()).count();
    assert!(differing > ops().len() / 2, "{differing}");
}

/// Ops by what is special about them.
fn ops() -> BTreeMap<&'static str, pb::Op> {
    let mut ops = BTreeMap::from([
        ("empty", pb::Op::default()),
        ("terminal", pb::Op { inputs: vec![input("a", 3)], ..pb::Op::default() }),
        ("input of defaults", pb::Op { inputs: vec![pb::Input::default()], ..pb::Op::default() }),
        ("merge", op(Kind::Merge(pb::MergeOp { inputs: vec![merge_input(0), merge_input(1)] }))),
        ("empty merge", op(Kind::Merge(pb::MergeOp::default()))),
        ("diff", op(Kind::Diff(diff(Some(0), Some(1))))),
        ("diff from scratch", op(Kind::Diff(diff(Some(-1), Some(0))))),
        ("diff without sides", op(Kind::Diff(diff(None, None)))),
        (
            "other platform",
            pb::Op {
                platform: Some(pb::Platform {
                    architecture: "arm".to_owned(),
                    os: "linux".to_owned(),
                    variant: "v7".to_owned(),
                    os_version: "10.0".to_owned(),
                    os_features: strings(["win32k", ""]),
                }),
                constraints: Some(pb::WorkerConstraints { filter: strings(["a==b"]) }),
                ..op(Kind::Merge(pb::MergeOp::default()))
            },
        ),
        ("empty platform", pb::Op { platform: Some(pb::Platform::default()), ..op(Kind::File(pb::FileOp::default())) }),
    ]);
    ops.extend(exec_ops());
    ops.extend(source_ops());
    ops.extend(file_ops());
    ops.extend(build_ops());
    ops
}

fn exec_ops() -> Vec<(&'static str, pb::Op)> {
    let exec =
        |meta: pb::Meta, mounts: Vec<pb::Mount>| pb::ExecOp { meta: Some(meta), mounts, ..pb::ExecOp::default() };
    let meta = pb::Meta { args: strings(["sh", "-c", ""]), cwd: "/".to_owned(), ..pb::Meta::default() };
    let full_meta = pb::Meta {
        args: strings(["uv", "sync"]),
        env: strings(["PATH=/bin", "EMPTY="]),
        cwd: "/app".to_owned(),
        user: "999:999".to_owned(),
        proxy_env: Some(pb::ProxyEnv {
            http_proxy: "h".to_owned(),
            https_proxy: "s".to_owned(),
            ftp_proxy: "f".to_owned(),
            no_proxy: "n".to_owned(),
            all_proxy: "a".to_owned(),
        }),
        extra_hosts: vec![pb::HostIp { host: "h".to_owned(), ip: "10.0.0.1".to_owned() }, pb::HostIp::default()],
        hostname: "builder".to_owned(),
        ulimit: vec![pb::Ulimit { name: "nofile".to_owned(), soft: -1, hard: 1 << 40 }],
        cgroup_parent: "/c".to_owned(),
        remove_mount_stubs_recursive: true,
        valid_exit_codes: vec![0, 1, 255, -1],
    };
    let full = pb::ExecOp {
        network: pb::NetMode::None.into(),
        security: pb::SecurityMode::Insecure.into(),
        secretenv: vec![
            pb::SecretEnv { id: "token".to_owned(), name: "TOKEN".to_owned(), optional: true },
            pb::SecretEnv::default(),
        ],
        cdi_devices: vec![pb::CdiDevice { name: "vendor.com/gpu=0".to_owned(), optional: true }],
        ..exec(full_meta, mounts())
    };
    let empty_options = pb::Mount {
        tmpfs_opt: Some(pb::TmpfsOpt::default()),
        cache_opt: Some(pb::CacheOpt::default()),
        secret_opt: Some(pb::SecretOpt::default()),
        ssh_opt: Some(pb::SshOpt::default()),
        ..pb::Mount::default()
    };
    vec![
        ("exec", op(Kind::Exec(exec(meta.clone(), vec![mount("/", 0, 0)])))),
        ("exec with everything", op(Kind::Exec(full))),
        ("exec with empty options", op(Kind::Exec(exec(meta, vec![empty_options, pb::Mount::default()])))),
        ("empty exec", op(Kind::Exec(pb::ExecOp::default()))),
        ("exec with empty meta", op(Kind::Exec(exec(pb::Meta::default(), Vec::new())))),
    ]
}

fn mounts() -> Vec<pb::Mount> {
    use pb::{CacheSharingOpt, MountContentCache, MountType};

    let cache = |id: &str, sharing: CacheSharingOpt| pb::Mount {
        mount_type: MountType::Cache.into(),
        cache_opt: Some(pb::CacheOpt { id: id.to_owned(), sharing: sharing.into() }),
        ..mount("/cache", -1, -1)
    };
    vec![
        mount("/", 0, 0),
        pb::Mount {
            readonly: true,
            selector: "/src".to_owned(),
            result_id: "result".to_owned(),
            content_cache: MountContentCache::Off.into(),
            ..mount("/src", 1, -1)
        },
        pb::Mount { content_cache: MountContentCache::On.into(), ..mount("/out", -1, 1) },
        cache("", CacheSharingOpt::Shared),
        cache("uv", CacheSharingOpt::Private),
        cache("cargo", CacheSharingOpt::Locked),
        pb::Mount {
            mount_type: MountType::Tmpfs.into(),
            tmpfs_opt: Some(pb::TmpfsOpt { size: 64 << 20 }),
            ..mount("/tmp", -1, -1)
        },
        pb::Mount {
            mount_type: MountType::Secret.into(),
            secret_opt: Some(pb::SecretOpt { id: "s".to_owned(), uid: 1, gid: u32::MAX, mode: 0o400, optional: true }),
            ..mount("/run/secrets/s", -1, -1)
        },
        pb::Mount {
            mount_type: MountType::Ssh.into(),
            ssh_opt: Some(pb::SshOpt { id: "default".to_owned(), uid: 1, gid: 2, mode: 0o600, optional: true }),
            ..mount("/run/ssh", -1, -1)
        },
    ]
}

fn source_ops() -> Vec<(&'static str, pb::Op)> {
    let source = |identifier: &str, attrs: &[(&str, &str)]| {
        let attrs = attrs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        op(Kind::Source(pb::SourceOp { identifier: identifier.to_owned(), attrs }))
    };
    vec![
        (
            "image",
            source("docker-image://docker.io/library/python:3.13@sha256:ab", &[("image.recordtype", "internal")]),
        ),
        ("http", source("https://files.example/a.whl", &[("http.filename", "a.whl"), ("http.checksum", "sha256:ab")])),
        ("local", source("local://context", &[("local.session", "s"), ("local.followpaths", "[\"pyproject.toml\"]")])),
        ("git", source("git://host/repo#main", &[("git.keepgitdir", "true")])),
        ("source without attrs", source("docker-image://scratch", &[])),
        ("empty source", source("", &[])),
        ("empty attr value", source("local://context", &[("local.sharedkeyhint", ""), ("zero", "0")])),
        ("empty attr key", source("local://context", &[("", "value"), ("b", "")])),
        ("empty attr", source("local://context", &[("", "")])),
        (
            "attrs sorted by bytes",
            source("local://context", &[("é", "1"), ("z", "2"), ("Z", "3"), ("a.b", "4"), ("a", "5")]),
        ),
    ]
}

fn file_ops() -> Vec<(&'static str, pb::Op)> {
    let file = |actions: Vec<Action>| {
        let actions = actions.into_iter().map(|action| pb::FileAction {
            input: 0,
            secondary_input: -1,
            output: 0,
            action: Some(action),
        });
        op(Kind::File(pb::FileOp { actions: actions.collect() }))
    };
    let copy = pb::FileActionCopy {
        src: "/src".to_owned(),
        dest: "/dest".to_owned(),
        owner: owner(Some(User::ById(0)), Some(User::ById(999))),
        mode: -1,
        follow_symlink: true,
        dir_copy_contents: true,
        attempt_unpack_docker_compatibility: true,
        create_dest_path: true,
        allow_wildcard: true,
        allow_empty_wildcard: true,
        timestamp: -1,
        include_patterns: strings(["a/**", ""]),
        exclude_patterns: strings(["b"]),
        always_replace_existing_dest_paths: true,
        mode_str: "u+x".to_owned(),
        required_paths: strings(["a/x"]),
    };
    let mkfile = pb::FileActionMkFile {
        path: "/etc/passwd".to_owned(),
        mode: 0o644,
        data: b"root:x:0:0\n\xff\0".to_vec(),
        owner: owner(by_name("root", 0), by_name("", 2)),
        timestamp: 1_700_000_000_000_000_000,
    };
    let mkdir = pb::FileActionMkDir {
        path: "/app".to_owned(),
        mode: 0o755,
        make_parents: true,
        owner: owner(None, Some(User::ById(1))),
        timestamp: 0,
    };
    let rm = pb::FileActionRm { path: "/x".to_owned(), allow_not_found: true, allow_wildcard: true };
    let symlink = pb::FileActionSymlink {
        oldpath: "/a".to_owned(),
        newpath: "/b".to_owned(),
        owner: owner(None, None),
        timestamp: -1,
    };
    let unset_user = pb::ChownOpt { user: Some(pb::UserOpt { user: None }), group: None };
    vec![
        (
            "file with all actions",
            file(vec![
                Action::Copy(copy.clone()),
                Action::Mkfile(mkfile),
                Action::Mkdir(mkdir),
                Action::Rm(rm),
                Action::Symlink(symlink),
            ]),
        ),
        (
            "file with empty actions",
            file(vec![
                Action::Copy(pb::FileActionCopy::default()),
                Action::Mkfile(pb::FileActionMkFile::default()),
                Action::Mkdir(pb::FileActionMkDir::default()),
                Action::Rm(pb::FileActionRm::default()),
                Action::Symlink(pb::FileActionSymlink::default()),
            ]),
        ),
        ("file with no action", op(Kind::File(pb::FileOp { actions: vec![pb::FileAction::default()] }))),
        (
            "copy with an owner that is none",
            file(vec![Action::Copy(pb::FileActionCopy { owner: Some(unset_user), ..copy })]),
        ),
        ("empty file", op(Kind::File(pb::FileOp::default()))),
    ]
}

fn build_ops() -> Vec<(&'static str, pb::Op)> {
    let range = pb::Range { start: Some(pb::Position { line: 1, character: 2 }), end: Some(pb::Position::default()) };
    let location = pb::Location { source_index: 0, ranges: vec![range, pb::Range::default()] };
    let metadata = pb::OpMetadata {
        ignore_cache: true,
        description: BTreeMap::from([("llb.customname".to_owned(), String::new()), (String::new(), "v".to_owned())]),
        export_cache: Some(pb::ExportCache { value: false }),
        caps: BTreeMap::from([("mergeop".to_owned(), true), ("off".to_owned(), false)]),
        progress_group: Some(pb::ProgressGroup { id: "g".to_owned(), name: "group".to_owned(), weak: true }),
    };
    let inner = pb::Definition {
        def: vec![vec![1, 2, 3], Vec::new()],
        metadata: BTreeMap::from([(String::new(), pb::OpMetadata::default())]),
        source: None,
    };
    let info = pb::SourceInfo {
        filename: "uv.build.toml".to_owned(),
        data: b"[args]\n".to_vec(),
        definition: Some(inner.clone()),
        language: "TOML".to_owned(),
    };
    let definition = pb::Definition {
        def: vec![op(Kind::Merge(pb::MergeOp::default())).encode_to_vec()],
        metadata: BTreeMap::from([
            ("sha256:b".to_owned(), metadata),
            ("sha256:a".to_owned(), pb::OpMetadata::default()),
        ]),
        source: Some(pb::Source {
            locations: BTreeMap::from([
                ("sha256:b".to_owned(), pb::Locations { locations: vec![location, pb::Location::default()] }),
                ("sha256:a".to_owned(), pb::Locations::default()),
            ]),
            infos: vec![info, pb::SourceInfo::default()],
        }),
    };
    let full = pb::BuildOp {
        builder: -1,
        inputs: BTreeMap::from([
            ("buildkit.llb.definition".to_owned(), pb::BuildInput { input: 0 }),
            (String::new(), pb::BuildInput { input: 1 }),
        ]),
        def: Some(definition),
        attrs: BTreeMap::from([("llbbuild.filename".to_owned(), String::new()), (String::new(), String::new())]),
    };
    let empty_definition = pb::BuildOp { def: Some(pb::Definition::default()), ..pb::BuildOp::default() };
    let empty_source = pb::Definition { source: Some(pb::Source::default()), ..pb::Definition::default() };
    vec![
        ("build", op(Kind::Build(full))),
        ("empty build", op(Kind::Build(pb::BuildOp::default()))),
        ("build of nothing", op(Kind::Build(empty_definition))),
        ("build without sources", op(Kind::Build(pb::BuildOp { def: Some(empty_source), ..pb::BuildOp::default() }))),
    ]
}

/// An op of the usual form: with an input, a platform and constraints.
fn op(kind: Kind) -> pb::Op {
    pb::Op {
        inputs: vec![input("sha256:0123", 0), input("sha256:4567", 1)],
        platform: Some(pb::Platform {
            architecture: "amd64".to_owned(),
            os: "linux".to_owned(),
            ..pb::Platform::default()
        }),
        constraints: Some(pb::WorkerConstraints::default()),
        op: Some(kind),
    }
}

fn input(digest: &str, index: i64) -> pb::Input {
    pb::Input { digest: digest.to_owned(), index }
}

fn mount(dest: &str, input: i64, output: i64) -> pb::Mount {
    pb::Mount { dest: dest.to_owned(), input, output, ..pb::Mount::default() }
}

fn merge_input(input: i64) -> pb::MergeInput {
    pb::MergeInput { input }
}

fn diff(lower: Option<i64>, upper: Option<i64>) -> pb::DiffOp {
    pb::DiffOp {
        lower: lower.map(|input| pb::LowerDiffInput { input }),
        upper: upper.map(|input| pb::UpperDiffInput { input }),
    }
}

fn owner(user: Option<User>, group: Option<User>) -> Option<pb::ChownOpt> {
    let option = |user: Option<User>| user.map(|user| pb::UserOpt { user: Some(user) });
    Some(pb::ChownOpt { user: option(user), group: option(group) })
}

fn by_name(name: &str, input: i64) -> Option<User> {
    Some(User::ByName(pb::NamedUserOpt { name: name.to_owned(), input }))
}

fn strings<const N: usize>(items: [&str; N]) -> Vec<String> {
    items.map(str::to_owned).to_vec()
}

/// What Go makes of each op: its digest and its bytes.
fn go_answers(ops: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    let mut go = Command::new(program::build("go-canonical"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let lines: String = ops.iter().map(|op| STANDARD.encode(op) + "\n").collect();
    let mut stdin = go.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()).unwrap());
    let output = go.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success(), "go-canonical failed");
    let answer = |line: &str| {
        let (digest, bytes) = line.split_once(' ').unwrap();
        let bytes = STANDARD.decode(bytes).unwrap();
        assert_eq!(digest, digest_of(&bytes));
        (digest.to_owned(), bytes)
    };
    String::from_utf8(output.stdout).unwrap().lines().map(answer).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

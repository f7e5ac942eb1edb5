//! The same graphs, built with BuildKit's own Go client and with this crate, have the same bytes.
//!
//! `go-peer/main.go` is the Go half; it needs Go and its modules, and this test fails without.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use buildkit_llb::{
    Bind, Cache, CacheSharing, ContentCache, Copy, CopyMode, Definition, Exec, ExecVertex, File, Git, Http, Image,
    Input, Local, Location, Metadata, Mkdir, Mkfile, Network, OciLayout, Output, Owner, Platform, ProgressGroup,
    ProxyEnv, ResolveMode, Rm, Secret, Security, SourceFile, Ssh, Symlink, Tmpfs, User, diff, marshal, merge, pb,
};
use prost::Message as _;
use serde::Deserialize;

const SHA: &str = "sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[derive(Deserialize)]
struct GoGraph {
    name: String,
    head: String,
    index: i64,
    ops: BTreeMap<String, GoOp>,
    source: String,
}

#[derive(Deserialize)]
struct GoOp {
    bytes: String,
    caps: BTreeSet<String>,
    metadata: String,
}

#[test]
fn every_op_has_the_bytes_that_go_gives_it() {
    let go = go_graphs();
    let ours = our_graphs();
    let names: Vec<&str> = go.iter().map(|graph| graph.name.as_str()).collect();
    let our_names: Vec<&str> = ours.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, our_names);

    let mut only_go = BTreeSet::new();
    let mut only_ours = BTreeSet::new();
    for (go, (name, input)) in go.iter().zip(&ours) {
        let definition = marshal(input).unwrap();
        let metadata = &definition.as_pb().metadata;
        let bytes: BTreeMap<String, String> = definition
            .ops()
            .unwrap()
            .into_iter()
            .zip(&definition.as_pb().def)
            .map(|((digest, _), bytes)| (digest, hex(bytes)))
            .collect();
        let go_bytes: BTreeMap<String, String> =
            go.ops.iter().map(|(digest, op)| (digest.clone(), op.bytes.clone())).collect();
        if bytes != go_bytes {
            let (ours, go) = (explain(&bytes), explain(&go_bytes));
            let (ours, go): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), go.lines().collect());
            let same = ours.iter().zip(&go).take_while(|(a, b)| a == b).count();
            let near = |lines: &[&str]| {
                lines[same.saturating_sub(12)..].iter().take(16).map(|line| format!("{line}\n")).collect::<String>()
            };
            panic!("ops of {name}:\nours:\n{}\nGo's:\n{}", near(&ours), near(&go));
        }

        let head = definition.head().unwrap().unwrap();
        assert_eq!((&head.digest, head.index), (&go.head, go.index), "{name}");
        for (digest, go_op) in &go.ops {
            let mut metadata = metadata[digest].clone();
            let caps: BTreeSet<String> = std::mem::take(&mut metadata.caps).into_keys().collect();
            assert_eq!(hex(&metadata.encode_to_vec()), go_op.metadata, "{name}");
            only_go.extend(go_op.caps.difference(&caps).cloned());
            only_ours.extend(caps.difference(&go_op.caps).cloned());
        }
        let go_source = pb::Source::decode(&*unhex(&go.source)).unwrap();
        let our_source = definition.as_pb().source.clone().unwrap_or_default();
        assert_eq!(places(&our_source), places(&go_source), "source of {name}");
    }
    // Go asks for it even when the exec sets PATH.
    assert_eq!(only_go, strings(["exec.meta.setsdefaultpath"]));
    // Go forgets these.
    assert_eq!(
        only_ours,
        strings([
            "exec.meta.cgroup.parent",
            "exec.mount.bind.readwrite-nooutput",
            "file.copy.alwaysreplaceexistingdestpaths",
            "file.copy.includeexcludepatterns",
            "file.copy.modestring",
            "file.copy.requiredpaths",
            "file.rm.wildcard",
            "file.symlink.create",
        ])
    );
}

fn our_graphs() -> Vec<(&'static str, Input)> {
    let amd64 = Platform::new("linux", "amd64");
    let armv7 = Platform::new("linux", "arm");
    let base = Image::new("python:3.13-slim").platform(&amd64).build();
    let uv = Image::new(format!("ghcr.io/astral-sh/uv@{SHA}"))
        .platform(&armv7)
        .resolve_mode(ResolveMode::ForcePull)
        .internal()
        .build();
    let layer_limit = Image::new("docker.io/library/python:3")
        .platform(&amd64)
        .layer_limit(3)
        .resolve_mode(ResolveMode::PreferLocal)
        .build();
    let local = Local::new("context")
        .session("session")
        .include(["packages/**", "a&b<c>"])
        .exclude(["**/*.pyc"])
        .follow_paths(["uv.lock"])
        .shared_key_hint("hint")
        .differ_none()
        .build();
    let local_metadata = Local::new("context").session("s").metadata_only(["**/pyproject.toml"]).build();
    let wheel = Http::new("https://files.example/idna-3.10-py3-none-any.whl")
        .checksum(SHA)
        .filename("idna-3.10-py3-none-any.whl")
        .mode(0o644)
        .uid(1000)
        .gid(1001)
        .auth_header_secret("index")
        .accept("application/octet-stream")
        .user_agent("uv")
        .build();
    let git = Git::new("https://user@github.com/pallets/flask.git", "3.1.0")
        .subdir("src/flask")
        .keep_git_dir()
        .auth_token_secret("token")
        .checksum(COMMIT)
        .skip_submodules()
        .mtime_commit()
        .build();
    let git_ssh = Git::new("git@github.com:org/repo.git", "main")
        .known_ssh_hosts("github.com ssh-ed25519 AAAA")
        .mount_ssh_sock("agent")
        .build();
    let git_ssh_url = Git::new("ssh://git@example.com:2222/org/../x%20y.git", "v1")
        .subdir("./sub/")
        .known_ssh_hosts("h k")
        .checksum(COMMIT)
        .fetch_by_commit()
        .build();
    let oci_layout =
        OciLayout::new(format!("store@{SHA}")).platform(&amd64).session("s").store("store").layer_limit(2).build();

    let full = full_exec(&amd64, &base, &uv, &wheel, &local);
    let plain = Exec::new(["/bin/true"]).platform(&amd64).mount(Bind::new("/", Input::Scratch)).build();
    let readonly = Exec::new(["uv", "pip", "install"])
        .platform(&amd64)
        .network(Network::None)
        .mount(Bind::new("/out", Input::Scratch))
        .mount(Bind::new("/w", &wheel).readonly().selector("idna-3.10-py3-none-any.whl"))
        .mount(Bind::new("/", &base).readonly())
        .build();
    let out = readonly.output("/out");
    let files = files(&base, &local, &wheel, &git);
    let on_scratch = File::on(Input::Scratch).copy(Copy::new(&local, "a", "b")).build();
    let from_scratch = File::on(&base).copy(Copy::new(Input::Scratch, "/", "/")).build();
    let merged = merge([Input::Scratch, (&base).into(), (&out).into(), (&files).into()], Metadata::default());
    let changed = diff(&base, full.root(), Metadata::default());

    let local_definition = marshal(&local).unwrap();
    let lock = SourceFile::new("uv.lock", "TOML", "version = 1\n", Some(local_definition.into_pb()));
    let project = SourceFile::new("pyproject.toml", "TOML", "[project]\n", None);
    let described = Exec::new(["true"])
        .platform(&amd64)
        .mount(Bind::new("/", &base))
        .metadata(
            Metadata::named("run `true`")
                .describe("other", "x")
                .progress_group(ProgressGroup { id: "id".to_owned(), name: "group".to_owned(), weak: true })
                .ignore_cache()
                .export_cache(false)
                .at(Location::lines(&lock, 3..=5))
                .at(Location::line(&project, 1)),
        )
        .build();

    vec![
        ("image", base.clone().into()),
        ("image options", uv.into()),
        ("image layer limit", layer_limit.into()),
        ("local", local.into()),
        ("local plain", Local::new("dockerfile").session("s").build().into()),
        ("local metadata", local_metadata.into()),
        ("http", wheel.into()),
        ("http plain", Http::new("https://files.example/x").build().into()),
        ("git", git.into()),
        ("git plain", Git::new("github.com/a/b", "").build().into()),
        ("git ssh", git_ssh.into()),
        ("git ssh url", git_ssh_url.into()),
        ("oci layout", oci_layout.into()),
        ("exec", full.root().into()),
        ("exec output", full.output("/out").into()),
        ("exec plain", plain.root().into()),
        ("exec readonly root", out.into()),
        ("file", files.into()),
        ("file on scratch", on_scratch.into()),
        ("file from scratch", from_scratch.into()),
        ("merge", merged),
        ("diff", changed),
        ("diff to scratch", diff(&base, Input::Scratch, Metadata::default())),
        ("metadata", described.root().into()),
    ]
}

fn full_exec(platform: &Platform, base: &Output, uv: &Output, wheel: &Output, local: &Output) -> ExecVertex {
    Exec::new(["sh", "-c", "echo \"$A\""])
        .platform(platform)
        .env("PATH", "/usr/bin")
        .envs([("A", "1"), ("B", "x=y z"), ("A", "2")])
        .cwd("/app")
        .user("app:app")
        .hostname("builder")
        .network(Network::Host)
        .security(Security::Insecure)
        .extra_host("mirror", "10.0.0.1")
        .ulimit("nofile", 1024, 2048)
        .cgroup_parent("parent")
        .valid_exit_codes([0, 5])
        .proxy_env(ProxyEnv {
            http_proxy: "http://p".to_owned(),
            https_proxy: "https://p".to_owned(),
            ftp_proxy: "ftp://p".to_owned(),
            no_proxy: "localhost".to_owned(),
            all_proxy: "all".to_owned(),
        })
        .mount(Secret::new("/run/secrets/index", "index").owner(1000, 1001).mode(0o440).optional())
        .mount(Secret::new("/a/secret", "other"))
        .mount(Ssh::new(""))
        .mount(Ssh::new("deploy").dest("/run/agent").owner(1, 2).mode(0o660).optional())
        .mount(Bind::new("/w2", wheel).readonly())
        .mount(Bind::new("/out", Input::Scratch))
        .mount(Bind::new("/uv", uv).readonly().selector("/uv"))
        .mount(
            Bind::new("/w", wheel).readonly().selector("/idna-3.10-py3-none-any.whl").content_cache(ContentCache::On),
        )
        .mount(Bind::new("/src", local).no_output())
        .mount(Bind::new("/a-out", base))
        .mount(Cache::new("/cache/shared", "uv"))
        .mount(Cache::new("/cache/locked", "apt").from(local).selector("seed").sharing(CacheSharing::Locked))
        .mount(Cache::new("/cache/private", "p").sharing(CacheSharing::Private))
        .mount(Tmpfs::new("/tmp"))
        .mount(Tmpfs::new("/shm").size(5 << 30))
        .mount(Bind::new("/", base))
        .secret_env("TOKEN", "token")
        .optional_secret_env("MAYBE", "maybe")
        .device("vendor.com/gpu=0", true)
        .build()
}

fn files(base: &Output, local: &Output, wheel: &Output, git: &Output) -> Output {
    File::on(base)
        .mkdir(Mkdir::new("/app", 0o755).parents().owner(Owner::ids(999, 998)).timestamp(0))
        .mkdir(Mkdir::new("relative/./x/", 0o700))
        .mkfile(Mkfile::new("/app/empty", 0o600, ""))
        .mkfile(
            Mkfile::new("/app/config", 0o644, b"a\nb\x00\xff".as_slice())
                .owner(Owner::name("app"))
                .timestamp(1_700_000_000_000_000_005),
        )
        .symlink(Symlink::new("../x", "/app/link").owner(Owner::ids(0, 0)).timestamp(0))
        .symlink(Symlink::new("x", "/app/plain"))
        .copy(
            Copy::new(local, "packages/a/", "/app/a/")
                .mode(0o755)
                .follow_symlinks()
                .contents_only()
                .include(["**/*.py"])
                .exclude(["tests"])
                .required(["a.py"])
                .attempt_unpack()
                .create_dest_path()
                .wildcard()
                .allow_empty_wildcard()
                .owner(Owner::of(Some(User::Id(5)), None))
                .replace_existing(),
        )
        .copy(Copy::new(wheel, "/x.whl", "wheels/.").mode(CopyMode::Symbolic("u=rwX,go=rX".to_owned())))
        .copy(Copy::new(local, "/b", "/b").timestamp(0))
        .copy(
            Copy::new(base, "/etc/passwd", "/passwd")
                .owner(Owner::of(Some(User::Name("u".to_owned())), Some(User::Name("g".to_owned())))),
        )
        .copy(Copy::new(git, "/", "/flask"))
        .rm(Rm::new("/tmp/*").allow_not_found().wildcard())
        .rm(Rm::new("x"))
        .build()
}

/// Builds and runs the Go half.
fn go_graphs() -> Vec<GoGraph> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go-peer");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("llb-go-peer");
    let build = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&binary)
        .arg(".")
        .current_dir(source)
        .output()
        .expect("this test needs Go");
    let errors = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "go build: {errors}");
    let run = Command::new(binary).output().unwrap();
    let errors = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "go-peer: {errors}");
    serde_json::from_slice(&run.stdout).unwrap()
}

/// Readable ops, for a readable difference.
fn explain(ops: &BTreeMap<String, String>) -> String {
    let decode = |bytes: &String| pb::Op::decode(&*unhex(bytes)).unwrap();
    let ops = ops.values().map(|bytes| format!("{:#?}", decode(bytes)));
    ops.collect::<BTreeSet<String>>().into_iter().collect::<Vec<_>>().join("\n")
}

/// Which lines of which files each vertex is from, whatever the order of the files.
fn places(source: &pb::Source) -> BTreeMap<&str, Vec<(String, Vec<pb::Range>)>> {
    let file = |location: &pb::Location| {
        let info = &source.infos[usize::try_from(location.source_index).unwrap()];
        let definition = info.definition.clone().unwrap_or_default();
        let definition = Definition::from_pb(definition).as_pb().def.clone();
        let (filename, language) = (&info.filename, &info.language);
        format!("{filename} {language} {:?} {definition:?}", info.data)
    };
    let locations = source.locations.iter();
    locations
        .filter(|(_, locations)| !locations.locations.is_empty())
        .map(|(digest, locations)| {
            let locations = locations.locations.iter();
            let places = locations.map(|location| (file(location), location.ranges.clone()));
            (digest.as_str(), places.collect())
        })
        .collect()
}

fn strings<const N: usize>(items: [&str; N]) -> BTreeSet<String> {
    items.into_iter().map(str::to_owned).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.chars().map(|c| u8::try_from(c.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

//! Graphs with every option of every op: the ones of `go-peer/main.go`, name by name.
#![expect(clippy::unwrap_used, reason = "a test")]

use buildkit_llb::{
    Bind, Cache, CacheSharing, ContentCache, Copy, CopyMode, Exec, ExecVertex, File, Git, Http, HttpUrl, Image, Input,
    Local, Location, Metadata, Mkdir, Mkfile, Network, OciLayout, Output, Owner, Platform, ProgressGroup, ProxyEnv,
    ResolveMode, Rm, Secret, Security, SourceFile, Ssh, Symlink, Tmpfs, User, diff, marshal, merge,
};

const SHA: &str = "sha256:946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// All graphs, made anew.
pub fn graphs() -> Vec<(&'static str, Input)> {
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
    let wheel = Http::new(&HttpUrl::parse("https://files.example/idna-3.10-py3-none-any.whl").unwrap())
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
        ("http plain", Http::new(&HttpUrl::parse("https://files.example/x").unwrap()).build().into()),
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

/// Every option and every kind of mount.
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

/// Every action with every option.
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

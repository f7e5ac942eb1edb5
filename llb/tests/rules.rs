//! What is refused, with which words; and what becomes of metadata.
#![expect(clippy::unwrap_used, reason = "a test")]

use buildkit_llb::{
    Bind, Cache, Copy, Exec, File, Git, Http, HttpUrl, Image, Input, Local, Location, Metadata, Mkdir, Mkfile, Output,
    Owner, ProgressGroup, Secret, SourceFile, Tmpfs, import, marshal, merge, pb,
};
use buildkit_proto::canonical::digest_of;

fn check(root: impl Into<Input>, message: &str) {
    assert_eq!(marshal(root).unwrap_err().to_string(), message);
}

fn base() -> Output {
    Image::new("python:3.13").build()
}

/// An exec with a root, to which each case adds its fault.
fn exec() -> Exec {
    Exec::new(["true"]).mount(Bind::new("/", base())).metadata(Metadata::named("run it"))
}

#[test]
fn exec_rules() {
    let named = Metadata::named("run it");
    let no_root = Exec::new(["true"]).mount(Bind::new("/out", Input::Scratch));
    check(no_root.metadata(named.clone()).build().output("/out"), "invalid exec op `run it`: there is no mount at `/`");
    let no_args = Exec::new::<&str>([]).mount(Bind::new("/", base()));
    check(no_args.metadata(named).build().root(), "invalid exec op `run it`: arguments are required");
    check(
        exec().cwd("app").build().root(),
        "invalid exec op `run it`: the working directory `app` is not an absolute path",
    );
    check(exec().env("", "x").build().root(), "invalid exec op `run it`: invalid environment entry `=x`");
    check(
        exec().mount(Tmpfs::new("/a/../b")).build().root(),
        "invalid exec op `run it`: `/a/../b` is not an absolute path without `..`",
    );
    check(
        exec().mount(Tmpfs::new("/a")).mount(Tmpfs::new("/a/")).build().root(),
        "invalid exec op `run it`: there are two mounts at `/a/`",
    );
    check(exec().mount(Cache::new("/c", "")).build().root(), "invalid exec op `run it`: the cache at `/c` has no id");
    check(
        exec().mount(Secret::new("/s", "id").mode(0o4400)).build().root(),
        "invalid exec op `run it`: the mode 0o4400 of `/s` has bits beyond 0o777",
    );
}

#[test]
fn only_a_writable_mount_has_an_output() {
    let exec = exec()
        .mount(Bind::new("/ro", base()).readonly())
        .mount(Bind::new("/dropped", base()).no_output())
        .mount(Cache::new("/cache", "id"))
        .build();
    for path in ["/ro", "/dropped", "/cache", "/nowhere"] {
        check(exec.output(path), &format!("invalid exec op `run it`: there is no mount with an output at `{path}`"));
    }
    assert!(marshal(exec.root()).is_ok());
}

#[test]
fn file_rules() {
    let scratch = || File::on(Input::Scratch).metadata(Metadata::named("files"));
    check(scratch().build(), "invalid file op `files`: a file op needs an action");
    check(
        scratch().mkdir(Mkdir::new("/a", 0o1777)).build(),
        "invalid file op `files`: the mode 0o1777 of `/a` has bits beyond 0o777",
    );
    check(
        scratch().mkfile(Mkfile::new("/a", 0o644, "").owner(Owner::name("app"))).build(),
        "invalid file op `files`: owner `app` is a name, but the base is scratch: \
         give a numeric id",
    );
    check(
        scratch().copy(Copy::new(base(), "/a", "/b").timestamp(-2)).build(),
        "invalid file op `files`: the timestamp of `/b` is before the epoch",
    );
}

#[test]
fn source_rules() {
    let named = || Metadata::named("it");
    check(
        Image::new("Python").metadata(named()).build(),
        "invalid source op `it`: invalid image reference `Python`: \
         the repository must be lower case",
    );
    check(
        Http::new(&HttpUrl::parse("https://h/x").unwrap()).checksum("sha256:12").metadata(named()).build(),
        "invalid source op `it`: invalid checksum `sha256:12`: expected `sha256:` and 64 \
         lower-case hexadecimal digits",
    );
    check(
        Git::new("ftp://h/x", "").metadata(named()).build(),
        "invalid source op `it`: invalid git remote `ftp://h/x`",
    );
}

#[test]
fn a_fault_deep_in_the_graph_is_found() {
    let broken = File::on(Input::Scratch).metadata(Metadata::named("deep")).build();
    let above = exec().mount(Bind::new("/x", broken).readonly()).build();
    let top = merge([above.root(), base()], Metadata::default());
    check(top, "invalid file op `deep`: a file op needs an action");
}

#[test]
fn an_attribute_is_never_empty() {
    let plain = Local::new("context").build();
    let emptied = Local::new("context").session("").include::<&str>([]).shared_key_hint("").build();
    assert_eq!(plain, emptied);
}

#[test]
fn metadata_is_not_identity_and_merges_in_marshal_order() {
    let lock = SourceFile::new("uv.lock", "TOML", "lock", None);
    let config = SourceFile::new("pyproject.toml", "TOML", "config", None);
    let group = |name: &str| ProgressGroup { id: name.to_owned(), name: name.to_owned(), weak: false };
    let image = |metadata| Image::new("python").metadata(metadata).build();
    let first =
        image(Metadata::named("first").export_cache(false).at(Location::line(&lock, 2)).progress_group(group("one")));
    let second = image(
        Metadata::named("second")
            .describe("other", "x")
            .ignore_cache()
            .export_cache(true)
            .at(Location::line(&config, 1))
            .at(Location::line(&lock, 2))
            .progress_group(group("two")),
    );
    assert_eq!(first, second);
    let both = merge([&first, &second], Metadata::default());
    let definition = marshal(both).unwrap();
    insta::assert_snapshot!(definition.text().unwrap(), @r#"
    %first = source docker-image://docker.io/library/python:latest  # "first" uv.lock:2 pyproject.toml:1 ignore-cache export-cache=yes group=one "one" other="x"
    %merge = merge
        layer %first
        layer %first
    return %merge
    "#);
    let source = definition.as_pb().source.clone().unwrap();
    let files: Vec<&str> = source.infos.iter().map(|info| info.filename.as_str()).collect();
    assert_eq!(files, ["pyproject.toml", "uv.lock"]);
    assert!(source.locations.contains_key(first.digest()));
}

#[test]
fn capabilities_are_those_of_the_ops_and_the_metadata() {
    let exec = exec().mount(Cache::new("/c", "id")).build();
    let definition = marshal(exec.root()).unwrap();
    let caps: Vec<String> = definition.required_caps().into_iter().collect();
    assert_eq!(
        caps,
        [
            "constraints",
            "exec.meta.base",
            "exec.meta.setsdefaultpath",
            "exec.mount.bind",
            "exec.mount.cache",
            "exec.mount.cache.sharing",
            "meta.description",
            "platform",
            "source.image",
        ]
    );
    assert_eq!(definition.head_digest().unwrap().as_deref(), Some(exec.vertex().digest()));
}

#[test]
fn what_is_imported_keeps_its_bytes() {
    // Fields in another order than Go's, and a field that nobody knows.
    let image = Image::new("python").build();
    let mut bytes = prost::Message::encode_to_vec(image.vertex().op());
    bytes.extend([0xfa, 0x01, 0x01, b'x']);
    let digest = digest_of(&bytes);
    let terminal = pb::Op { inputs: vec![pb::Input { digest: digest.clone(), index: 0 }], ..pb::Op::default() };
    let definition = pb::Definition {
        def: vec![bytes.clone(), prost::Message::encode_to_vec(&terminal)],
        ..pb::Definition::default()
    };
    let imported = import(&definition).unwrap();
    let exec = Exec::new(["true"]).mount(Bind::new("/", imported)).build();
    let marshalled = marshal(exec.root()).unwrap().into_pb();
    assert_eq!(marshalled.def[0], bytes);
    assert_eq!(exec.vertex().op().inputs[0].digest, digest);
}

#[test]
fn what_is_no_definition_is_refused() {
    let op = |inputs: Vec<pb::Input>| {
        let op = pb::Op { inputs, ..pb::Op::default() };
        prost::Message::encode_to_vec(&op)
    };
    let of = |def| pb::Definition { def, ..pb::Definition::default() };
    let missing = pb::Input { digest: "sha256:00".to_owned(), index: 0 };
    assert_eq!(import(&of(Vec::new())).unwrap(), Input::Scratch);
    for (def, message) in [
        (vec![op(Vec::new())], "the last op of the definition must have an input and nothing else"),
        (vec![op(vec![missing])], "op 0 refers to `sha256:00`, which is not an earlier op of the definition"),
    ] {
        assert_eq!(import(&of(def)).unwrap_err().to_string(), message);
    }
    let error = import(&of(vec![vec![0xff]])).unwrap_err().to_string();
    assert!(error.starts_with("cannot decode op 0: "), "{error}");
}

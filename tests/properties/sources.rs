//! Whatever is written in a lock: what BuildKit is given is a source of the kind that the lock says, and a secret goes to the servers that the
//! config names. Every text of a lock is replaced by texts that try otherwise.

use std::collections::BTreeSet;

use buildkit_llb::HttpUrl;
use buildkit_llb::pb::{SourceOp, op};
use uv_buildkit_tests::checkout::{Checkout, Selection};

const MANIFEST: &str = r#"
[project]
name = "app"
version = "1.0.0"
requires-python = ">=3.11"
dependencies = ["lily", "moss", "fern", "reed", "rush", "sedge"]
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[[tool.uv.index]]
name = "internal"
url = "https://internal.example/simple"
default = true
"#;

const CONFIG: &str = r#"
[lock]
check = "off"
[targets.app]
cmd = ["app"]
[indexes.internal]
secret = "token"
files = ["https://files.example"]
"#;

/// A package of each kind of source.
const LOCK: &str = r#"
version = 1
revision = 3
requires-python = ">=3.11"
[[package]]
name = "app"
version = "1.0.0"
source = { editable = "." }
dependencies = [{ name = "lily" }, { name = "moss" }, { name = "fern" }, { name = "reed" }, { name = "rush" }, { name = "sedge" }]
[[package]]
name = "lily"
version = "1.0"
source = { registry = "https://internal.example/simple" }
wheels = [{ url = "https://files.example/lily-1.0-py3-none-any.whl", hash = "sha256:HASH", size = 1 }]
[[package]]
name = "moss"
version = "1.0"
source = { registry = "https://internal.example/simple" }
sdist = { url = "https://internal.example/files/moss-1.0.tar.gz", hash = "sha256:HASH", size = 1 }
[[package]]
name = "fern"
version = "1.0"
source = { git = "https://git.example/fern?subdirectory=python&rev=main#0123456789012345678901234567890123456789" }
[[package]]
name = "reed"
version = "1.0"
source = { url = "https://archives.example/reed-1.0.tar.gz", subdirectory = "python" }
sdist = { hash = "sha256:HASH" }
[[package]]
name = "rush"
version = "1.0"
source = { path = "vendor/rush-1.0-py3-none-any.whl" }
wheels = [{ filename = "rush-1.0-py3-none-any.whl", hash = "sha256:HASH" }]
[[package]]
name = "sedge"
version = "1.0"
source = { registry = "vendor" }
wheels = [{ path = "sedge-1.0-py3-none-any.whl", hash = "sha256:HASH" }]
"#;

/// What a URL may begin with, to be taken for something else or to be sent elsewhere.
const STARTS: [&str; 20] = [
    "docker-image://",
    "docker-image+blob://",
    "oci-layout://",
    "local://",
    "git://",
    "file://",
    "ftp://",
    "data:",
    "ext::",
    "http://buildkit-session/",
    "https://evil.example/",
    "http://",
    "https://evil.example\\\\@",
    "https://files.example@",
    "https://files.example:8443/",
    "https://otter:sesame@",
    "HTTPS://",
    "--upload-pack=",
    "ssh://-oProxyCommand=x/",
    "\\u0000",
];

/// What is there of names, hashes and directories.
const TEXTS: [&str; 12] = [
    "",
    ".",
    "..",
    "/",
    "../../etc",
    "..%2F..%2Fx-1.0-py3-none-any.whl",
    "%00-1.0-py3-none-any.whl",
    "-r/run/secrets/token",
    "sha256:zz",
    "docker-image://registry.example/x-1.0-py3-none-any.whl",
    "https://evil.example/x-1.0-py3-none-any.whl",
    "https://evil.example/x-1.0.tar.gz",
];

fn sources(lock: &str) -> Option<Vec<SourceOp>> {
    sources_with(CONFIG, lock)
}

fn sources_with(config: &str, lock: &str) -> Option<Vec<SourceOp>> {
    let checkout =
        Checkout::default().with("pyproject.toml", MANIFEST).with("uv.build.toml", config).with("uv.lock", lock);
    let compiled = checkout.compile(&Selection::target("app")).ok()?;
    let definition = buildkit_llb::marshal(compiled.image).unwrap_or_else(|error| panic!("{error}\n{lock}"));
    let ops = definition.ops().expect("what was encoded can be decoded");
    let sources = ops.into_iter().filter_map(|(_, op)| match op.op {
        Some(op::Op::Source(source)) => Some(source),
        _ => None,
    });
    Some(sources.collect())
}

/// Identifiers of images and of files of the client.
fn others(sources: &[SourceOp]) -> BTreeSet<&str> {
    let identifiers = sources.iter().map(|source| source.identifier.as_str());
    identifiers.filter(|identifier| !is_of(identifier, &["https", "http", "git"])).collect()
}

fn is_of(identifier: &str, schemes: &[&str]) -> bool {
    identifier.split_once("://").is_some_and(|(scheme, _)| schemes.contains(&scheme))
}

#[test]
fn nobody_is_sent_a_secret_by_public_files_and_by_mirrors_without_one() {
    let lock = LOCK.replace("HASH", &"0".repeat(64));
    let files = "files = [\"https://files.example\"]";
    let mirror = "[mirrors]\n\"https://files.example\" = \"https://mirror.example\"";
    for (config, asked) in [
        (CONFIG.replace(files, "public-files = [\"https://files.example\"]"), "https://files.example"),
        (CONFIG.replace(files, mirror), "https://mirror.example"),
    ] {
        let sources = sources_with(&config, &lock).expect("the config says what it is for");
        let with_secret = |start: &str| -> Vec<bool> {
            let of = sources.iter().filter(|source| source.identifier.starts_with(start));
            of.map(|source| source.attrs.contains_key("http.authheadersecret")).collect()
        };
        assert_eq!((with_secret(asked), with_secret("https://internal.example")), (vec![false], vec![true]));
    }
    assert!(sources_with(&CONFIG.replace(files, ""), &lock).is_none());
}

#[test]
fn a_lock_chooses_no_kind_of_source_and_no_server_for_a_secret() {
    let lock = LOCK.replace("HASH", &"0".repeat(64));
    let known = sources(&lock).expect("the lock is fine as it is");
    let with_secret = known.iter().filter(|source| source.attrs.contains_key("http.authheadersecret"));
    assert_eq!((known.len(), with_secret.count()), (7, 2), "{known:#?}");
    let images = others(&known);
    let servers = ["https://files.example", "https://internal.example"];

    let quotes: Vec<usize> = lock.match_indices('"').map(|(at, _)| at).collect();
    let (mut tried, mut compiled) = (0, 0);
    for place in quotes.chunks_exact(2).map(|ends| ends[0] + 1..ends[1]) {
        let text = &lock[place.clone()];
        let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
        let with_starts = STARTS.iter().map(|start| format!("{start}{rest}"));
        for attack in with_starts.chain(TEXTS.iter().map(|text| (*text).to_owned())) {
            let attacked = [&lock[..place.start], &attack, &lock[place.end..]].concat();
            tried += 1;
            let Some(sources) = sources(&attacked) else { continue };
            compiled += 1;
            assert_eq!(others(&sources), images, "`{attack}` for `{text}`");
            for SourceOp { identifier, attrs } in &sources {
                let url = is_of(identifier, &["https", "http"]).then(|| HttpUrl::parse(identifier).unwrap());
                if let Some(url) = &url {
                    assert!(url.as_str() == identifier && url.host() != "buildkit-session", "`{attack}` for `{text}`");
                    let name = attrs.get("http.filename").map_or("", String::as_str);
                    assert!(!name.is_empty() && !name.contains(['/', '\0']) && name != "..", "`{attack}` for `{text}`");
                }
                if attrs.contains_key("http.authheadersecret") {
                    let server = url.map(|url| url.origin().ascii_serialization()).unwrap_or_default();
                    assert!(servers.contains(&&*server), "`{attack}` for `{text}` has the secret sent to `{server}`");
                }
                assert!(!identifier.contains("sesame"), "`{attack}` for `{text}`");
            }
        }
    }
    // Most are refused; of the others, some are names that nothing depends on.
    assert!(tried > 1000 && compiled > 50 && compiled < tried / 2, "{compiled} of {tried} compiled");
}

//! The same graphs, built with BuildKit's own Go client and with this crate, have the same bytes.
//!
//! `go-peer/main.go` is the Go half; it needs Go and its modules, and this test fails without.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Once;

use buildkit_llb::{Definition, json, marshal, pb};
use prost::Message as _;
use serde::Deserialize;

mod graphs;

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
    let go = go(&[], "");
    let ours = graphs::graphs();
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

/// What Go reads in the JSON is what was written.
#[test]
fn go_reads_the_json() {
    let ours: Vec<Definition> = graphs::graphs().iter().map(|(_, input)| marshal(input).unwrap()).collect();
    let text = serde_json::to_string(&ours.iter().map(|graph| json(graph).unwrap()).collect::<Vec<_>>()).unwrap();
    let read = go(&["read"], &text);
    assert_eq!(read.len(), ours.len());
    for (read, ours) in read.iter().zip(&ours) {
        let ops = ours.ops().unwrap();
        assert_eq!(read.ops.len(), ops.len());
        for ((digest, _), bytes) in ops.iter().zip(&ours.as_pb().def) {
            assert_eq!(read.ops[digest].bytes, hex(bytes));
            let metadata = pb::OpMetadata::decode(&*unhex(&read.ops[digest].metadata)).unwrap();
            assert_eq!(metadata, ours.as_pb().metadata[digest]);
        }
        let source = pb::Source::decode(&*unhex(&read.source)).unwrap();
        assert_eq!(source, ours.as_pb().source.clone().unwrap_or_default());
    }
}

/// Runs the Go half.
fn go(arguments: &[&str], input: &str) -> Vec<GoGraph> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/go-peer");
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join("llb-go-peer");
    static BUILT: Once = Once::new();
    BUILT.call_once(|| build(&source, &binary));
    let mut run = Command::new(binary).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = run.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let run = run.wait_with_output().unwrap();
    assert!(run.status.success(), "go-peer failed: what it said is above");
    serde_json::from_slice(&run.stdout).unwrap()
}

fn build(source: &Path, binary: &Path) {
    let build = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(binary)
        .arg(".")
        .current_dir(source)
        .output()
        .expect("this test needs Go");
    let errors = String::from_utf8_lossy(&build.stderr);
    assert!(build.status.success(), "go build: {errors}");
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

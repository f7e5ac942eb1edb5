//! Bills of materials: BuildKit lets a scanner look at the image that the frontend returned, and the lock tells more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::context::Context;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("sbom::by_a_scanner", by_a_scanner);
    trials.add("sbom::from_the_lock", from_the_lock);
    trials.add("sbom::from_the_lock_alone", from_the_lock_alone);
}

/// A scanner as BuildKit wants one (BuildKit: `docs/attestations/sbom-protocol.md`): the real one needs its own registry.
const SCANNER: &str = r#"
import glob, json, os

found = glob.glob(os.environ["BUILDKIT_SCAN_SOURCE"] + "/app/.venv/lib/python*/site-packages/*.dist-info")
names = sorted(os.path.basename(path).removesuffix(".dist-info") for path in found)
document = {
    "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "image",
    "documentNamespace": "https://example.com/image",
    "creationInfo": {"created": "2020-01-01T00:00:00Z", "creators": ["Tool: test"]},
    "packages": [
        {"name": name, "SPDXID": "SPDXRef-%d" % index, "downloadLocation": "NOASSERTION"} for index, name in enumerate(names)
    ],
}
statement = {"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://spdx.dev/Document", "predicate": document}
with open(os.environ["BUILDKIT_SCAN_DESTINATION"] + "/sbom.spdx.json", "w") as file:
    json.dump(statement, file)
"#;

/// Pushes the scanner: its reference.
pub fn scanner(stage: &Stage, name: &str) -> Result<String> {
    let directory = stage.directory(name)?;
    fs::write(directory.join("scan.py"), SCANNER)?;
    let dockerfile = "FROM python:3.13-slim-bookworm\nCOPY scan.py /\nENTRYPOINT [\"python3\", \"/scan.py\"]\n";
    fs::write(directory.join("Dockerfile"), dockerfile)?;
    Ok(Build::of(stage, &directory).argument("--provenance=false").push("scanner")?.reference)
}

/// The packages of a document, by name.
fn packages(document: &Value) -> Result<BTreeMap<&str, &Value>> {
    let packages = document["packages"].as_array().with_context(|| format!("no packages in {document}"))?;
    packages
        .iter()
        .map(|package| Ok((package["name"].as_str().context("a package without a name")?, package)))
        .collect()
}

/// Names that a scanner finds in a pond.
const INSTALLED: [&str; 6] = ["heron-1.0", "lily-1.0", "newt-1.0", "pebble-1.0", "reed-1.0", "pond_core-1.0"];

fn by_a_scanner(stage: &Stage) -> Result<()> {
    let scanner = scanner(stage, "scanner")?;
    let pond = Pond::new(stage, "sbom")?;
    let built = pond.context.build().argument(format!("--attest=type=sbom,generator={scanner}")).push("sbom")?;
    let documents = documents(stage, &built)?;
    let [document] = &documents[..] else { bail!("{} documents", documents.len()) };
    let packages = packages(document)?;
    for package in INSTALLED {
        ensure!(packages.contains_key(package), "{package} is not in {:?}", packages.keys());
    }
    Ok(())
}

/// Beside what the scanner finds, what the lock says: clients show both.
fn from_the_lock(stage: &Stage) -> Result<()> {
    let scanner = scanner(stage, "scanner-and-lock")?;
    let pond = Pond::new(stage, "sbom-lock")?;
    pond.context.edit("uv.build.toml", "[targets.app]", "[targets.app]\nsbom = \"lock\"")?;
    let build = || pond.context.build().argument(format!("--attest=type=sbom,generator={scanner}"));
    let built = build().push("sbom")?;

    let mut inspect = stage.lab().buildx(["imagetools", "inspect", "--format={{json .SBOM}}", &built.reference]);
    let shown: Value = serde_json::from_str(&run_captured(&mut inspect)?)?;
    let found = packages(&shown["SPDX"])?;
    ensure!(INSTALLED.iter().all(|package| found.contains_key(package)), "{shown}");
    let document = &shown["AdditionalSPDXs"][0];
    let locked = packages(document)?;
    let names: Vec<&str> = locked.keys().copied().collect();
    let image = ["app", "cpython", "docker.io/library/python"];
    let of_lock = ["heron", "lily", "newt", "pebble", "pond-app", "pond-core", "reed"];
    let mut expected = [&image[..], &of_lock].concat();
    expected.sort_unstable();
    ensure!(names == expected, "{names:?}");
    let heron = locked["heron"];
    let index = pond.index.url();
    let locator = format!("pkg:pypi/heron@1.0?repository_url={index}");
    ensure!(heron["externalRefs"][0]["referenceLocator"] == locator, "{heron}");
    let text = pond.context.read("uv.lock")?;
    let (url, hash) = (&heron["downloadLocation"], &heron["checksums"][0]["checksumValue"]);
    let (url, hash) = url.as_str().zip(hash.as_str()).with_context(|| format!("{heron}"))?;
    ensure!(text.contains(&format!("url = \"{url}\", hash = \"sha256:{hash}\"")), "{heron}");
    let base = locked["docker.io/library/python"];
    ensure!(base["externalRefs"][0]["referenceLocator"].to_string().contains("pkg:oci/python@sha256%3A"), "{base}");
    is_what_uv_exports(&pond.context, document)?;

    // The same sources tell the same; without being asked, nothing is told.
    let again = build().push("sbom")?;
    ensure!(documents(stage, &again)?.contains(document), "another document");
    let silent = pond.context.build().argument("--provenance=false").push("sbom")?;
    let manifest = run_captured(&mut stage.lab().crane(["manifest", &silent.reference]))?;
    ensure!(!manifest.contains("attestation-manifest"), "{manifest}");
    Ok(())
}

/// uv, too, tells what a lock holds: the same packages, of which each needs the same.
fn is_what_uv_exports(context: &Context<'_>, document: &Value) -> Result<()> {
    let mut export = uv::command()?;
    export.args(["export", "--frozen", "--no-dev", "--package=pond-app", "--format=cyclonedx1.5", "--preview"]);
    let told: Value = serde_json::from_str(&run_captured(export.current_dir(&context.directory))?)?;
    let root = std::iter::once(&told["metadata"]["component"]);
    let components = told["components"].as_array().into_iter().flatten().chain(root);
    let names: BTreeMap<&str, &str> =
        components.filter_map(|of| Some((of["bom-ref"].as_str()?, of["name"].as_str()?))).collect();
    let name = |reference: &Value| names.get(reference.as_str().unwrap_or_default()).copied().unwrap_or_default();
    let mut oracle = BTreeSet::new();
    for entry in told["dependencies"].as_array().into_iter().flatten() {
        for needed in entry["dependsOn"].as_array().into_iter().flatten() {
            oracle.insert(format!("{} -> {}", name(&entry["ref"]), name(needed)));
        }
    }
    let package = |id: &Value| id.as_str().unwrap_or_default().trim_start_matches("SPDXRef-Package-").to_owned();
    let relationships = document["relationships"].as_array().context("relationships")?.iter();
    let ours =
        relationships.filter(|relationship| relationship["relationshipType"] == "DEPENDS_ON").map(|relationship| {
            format!("{} -> {}", package(&relationship["spdxElementId"]), package(&relationship["relatedSpdxElement"]))
        });
    let ours: BTreeSet<String> = ours.collect();
    ensure!(ours == oracle && !ours.is_empty(), "uv: {oracle:?}\nours: {ours:?}");
    Ok(())
}

/// Where there is no scanner to be had.
fn from_the_lock_alone(stage: &Stage) -> Result<()> {
    let pond = Pond::new(stage, "sbom-lock-only")?;
    pond.context.edit("uv.build.toml", "[targets.app]", "[targets.app]\nsbom = \"lock-only\"")?;
    let generator = format!("{}/no/such/scanner", stage.lab().registry());
    let built = pond.context.build().argument(format!("--attest=type=sbom,generator={generator}")).push("sbom")?;
    let documents = documents(stage, &built)?;
    let [document] = &documents[..] else { bail!("{} documents", documents.len()) };
    ensure!(packages(document)?.contains_key("heron"), "{document}");
    Ok(())
}

/// The documents beside an image.
fn documents(stage: &Stage, built: &Built) -> Result<Vec<Value>> {
    let crane = |what: &str, reference: &str| -> Result<Value> {
        Ok(serde_json::from_str(&run_captured(&mut stage.lab().crane([what, reference]))?)?)
    };
    let repository = built.reference.split('@').next().unwrap_or_default();
    let index = crane("manifest", &built.reference)?;
    let manifests = index["manifests"].as_array().context("an image without attestations")?;
    let kind = "vnd.docker.reference.type";
    let beside = manifests.iter().find(|manifest| manifest["annotations"][kind] == "attestation-manifest");
    let beside = beside.and_then(|manifest| manifest["digest"].as_str()).context("no attestations")?;
    let statements = crane("manifest", &format!("{repository}@{beside}"))?;
    let layers = statements["layers"].as_array().context("no statements")?.iter();
    let is_document = |layer: &&Value| layer["annotations"]["in-toto.io/predicate-type"] == "https://spdx.dev/Document";
    let digests = layers.filter(is_document).filter_map(|layer| layer["digest"].as_str());
    let statement = |digest: &str| crane("blob", &format!("{repository}@{digest}"));
    digests.map(|digest| Ok(statement(digest)?["predicate"].take())).collect()
}

//! Bills of materials: BuildKit lets a scanner look at the image that the frontend returned.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::{Build, Built};
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("sbom::by_a_scanner", by_a_scanner);
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
with open(os.environ["BUILDKIT_SCAN_DESTINATION"] + "/image.spdx.json", "w") as file:
    json.dump(statement, file)
"#;

fn by_a_scanner(stage: &Stage) -> Result<()> {
    let directory = stage.directory("scanner")?;
    fs::write(directory.join("scan.py"), SCANNER)?;
    let dockerfile = "FROM python:3.13-slim-bookworm\nCOPY scan.py /\nENTRYPOINT [\"python3\", \"/scan.py\"]\n";
    fs::write(directory.join("Dockerfile"), dockerfile)?;
    let scanner = Build::of(stage, &directory).argument("--provenance=false").push("scanner")?.reference;

    let pond = Pond::new(stage, "sbom")?;
    let built = pond.context.build().argument(format!("--attest=type=sbom,generator={scanner}")).push("sbom")?;
    let document = document(stage, &built)?;
    let packages = document["predicate"]["packages"].as_array().context("a document without packages")?;
    let names: Vec<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    for package in ["heron-1.0", "lily-1.0", "newt-1.0", "pebble-1.0", "reed-1.0", "pond_core-1.0"] {
        ensure!(names.contains(&package), "{package} is not in {names:?}");
    }
    Ok(())
}

/// The statement beside an image.
fn document(stage: &Stage, built: &Built) -> Result<Value> {
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
    let layers = statements["layers"].as_array().context("no statements")?;
    let predicate = "in-toto.io/predicate-type";
    let layer = layers.iter().find(|layer| layer["annotations"][predicate] == "https://spdx.dev/Document");
    let layer =
        layer.and_then(|layer| layer["digest"].as_str()).with_context(|| format!("no document in {statements}"))?;
    crane("blob", &format!("{repository}@{layer}"))
}

//! A bill of materials from the lock: what is in an image, where it came from and what it must be, as an SPDX 2.3 document
//! (<https://spdx.github.io/spdx-spec/v2.3/>) in an in-toto statement. A scanner finds what is installed; it does not know from where.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::image::rfc3339;
use crate::plan::{Contents, Form, Member, Origin, Package, Plan};
use crate::rootfs::EPOCH_SECONDS;

/// What a statement with such a document says that it is about (in-toto: `PredicateSPDX`).
pub const PREDICATE: &str = "https://spdx.dev/Document";

/// The statement about the image of a plan, as a file. BuildKit fills in which image it is. `epoch` is in seconds.
pub fn statement(plan: &Plan, epoch: Option<i64>) -> Vec<u8> {
    let document = document(plan, epoch);
    json!({ "_type": "https://in-toto.io/Statement/v0.1", "predicateType": PREDICATE, "predicate": document })
        .to_string()
        .into_bytes()
}

/// The id of the image itself.
const IMAGE: &str = "SPDXRef-Image";

/// The id of its base.
const BASE: &str = "SPDXRef-Base";

/// The id of its python.
const PYTHON: &str = "SPDXRef-Python";

/// What SPDX says of what nobody has looked at.
const UNKNOWN: &str = "NOASSERTION";

/// The document. It is the same for the same plan: its namespace is its content.
fn document(plan: &Plan, epoch: Option<i64>) -> Value {
    let mut packages = vec![image(plan), base(&plan.base), python(plan)];
    let mut relationships = vec![
        relationship("SPDXRef-DOCUMENT", "DESCRIBES", IMAGE),
        relationship(IMAGE, "DESCENDANT_OF", BASE),
        relationship(IMAGE, "CONTAINS", PYTHON),
    ];
    for layer in &plan.layers {
        match &layer.contents {
            Contents::ThirdParty(of_layer) => {
                packages.extend(of_layer.iter().map(|package| third_party(plan, package)))
            }
            Contents::Members(members) => packages.extend(members.iter().map(member)),
            Contents::Account { .. }
            | Contents::Writable(_)
            | Contents::System(_)
            | Contents::Python { .. }
            | Contents::Bytecode
            | Contents::Venv
            | Contents::Sources { .. }
            | Contents::Application(_)
            | Contents::Files(_)
            | Contents::Step(_) => {}
        }
    }
    let installed: BTreeSet<String> = packages.iter().map(|package| package["SPDXID"].to_string()).collect();
    for (name, needed) in &plan.dependencies {
        // A root that is no package itself stands for what it needs.
        let is_installed = installed.contains(&json!(id(name)).to_string());
        let from = if is_installed { id(name) } else { IMAGE.to_owned() };
        relationships.extend(is_installed.then(|| relationship(IMAGE, "CONTAINS", &from)));
        relationships.extend(needed.iter().map(|other| relationship(&from, "DEPENDS_ON", &id(other))));
    }
    let content = Sha256::digest(json!([packages, relationships]).to_string());
    let content: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": plan.target,
        "documentNamespace": format!("https://spdx.org/spdxdocs/uv-buildkit-{content}"),
        "creationInfo": {
            "created": rfc3339(epoch.unwrap_or(EPOCH_SECONDS)),
            "creators": [concat!("Tool: uv-buildkit-", env!("CARGO_PKG_VERSION"))],
        },
        "packages": packages,
        "relationships": relationships,
    })
}

/// Names of packages are letters, digits and hyphens, as ids are.
fn id(package: &str) -> String {
    format!("SPDXRef-Package-{package}")
}

fn relationship(from: &str, kind: &str, to: &str) -> Value {
    json!({ "spdxElementId": from, "relationshipType": kind, "relatedSpdxElement": to })
}

/// An entry with what SPDX demands of every one, and what is known of this.
fn entry(id: &str, name: &str, purpose: &str, known: Value) -> Value {
    let mut entry = json!({
        "SPDXID": id,
        "name": name,
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": false,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
        "primaryPackagePurpose": purpose,
    });
    if let (Some(entry), Value::Object(known)) = (entry.as_object_mut(), known) {
        entry.extend(known.into_iter().filter(|(_, value)| !value.is_null()));
    }
    entry
}

fn image(plan: &Plan) -> Value {
    let comment = format!("for {}, of the target `{}`", plan.platform, plan.target);
    entry(IMAGE, &plan.target, "CONTAINER", json!({ "comment": comment }))
}

/// The image under it, by what the registry said of its name.
fn base(reference: &str) -> Value {
    let (name, digest) = reference.split_once('@').map_or((reference, None), |(name, digest)| (name, Some(digest)));
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match name[last..].find(':') {
        Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
        None => (name, None),
    };
    let locator = digest.map(|digest| {
        let tag = tag.map(|tag| format!("&tag={}", encoded(tag))).unwrap_or_default();
        let (name, repository) = (&repository[last..], encoded(repository));
        format!("pkg:oci/{name}@{}?repository_url={repository}{tag}", encoded(digest).replace(':', "%3A"))
    });
    let checksum = digest.and_then(|digest| digest.strip_prefix("sha256:")).map(|hex| checksum("sha256", hex));
    let known = json!({ "versionInfo": tag, "checksums": checksum, "externalRefs": locator.map(purl) });
    entry(BASE, repository, "CONTAINER", known)
}

fn python(plan: &Plan) -> Value {
    let python = &plan.interpreter;
    let locator = format!("pkg:generic/python@{}", encoded(&python.shown_version()));
    let known = json!({ "versionInfo": python.shown_version(), "externalRefs": purl(locator) });
    entry(PYTHON, &python.implementation_name, "APPLICATION", known)
}

fn third_party(plan: &Plan, package: &Package) -> Value {
    let artifact = &package.artifact;
    let mut known = Map::new();
    known.insert("versionInfo".to_owned(), json!(package.version));
    if !artifact.file.is_empty() {
        known.insert("packageFileName".to_owned(), json!(artifact.file));
    }
    if let Some(hash) = &artifact.hash {
        known.insert("checksums".to_owned(), checksum(&hash.algorithm, &hash.hex));
    }
    let location = match &artifact.origin {
        Origin::Url(url) => Some(url.to_string()),
        Origin::Git { url, commit } => Some(format!("git+{url}@{commit}")),
        Origin::Context(_) => None,
    };
    let how = match (&artifact.origin, &artifact.form) {
        (Origin::Context(path), _) => Some(format!("from `{path}` of the build context")),
        (_, Form::Wheel) => None,
        (_, Form::Sdist { .. } | Form::Tree { .. }) => Some("built from this source".to_owned()),
    };
    known.insert("sourceInfo".to_owned(), json!(how));
    known.insert("downloadLocation".to_owned(), json!(location));
    known.insert("externalRefs".to_owned(), json!(locator(plan, package).map(purl)));
    entry(&id(&package.name), &package.name, "LIBRARY", Value::Object(known))
}

/// A local project. It has no package URL: one of its name may be in an index, and is another one.
fn member(member: &Member) -> Value {
    let how = format!("built from `{}` of the build context", member.directory);
    let known = json!({ "versionInfo": member.version, "sourceInfo": how });
    entry(&id(&member.name), &member.name, "APPLICATION", known)
}

fn checksum(algorithm: &str, hex: &str) -> Value {
    json!([{ "algorithm": algorithm.to_uppercase(), "checksumValue": hex }])
}

fn purl(locator: String) -> Value {
    json!([{ "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator }])
}

/// Its package URL (<https://github.com/package-url/purl-spec>, type `pypi`); none for a file of the context. Scanners compare
/// what has no qualifier with advisories of the public index: what comes from elsewhere says so.
fn locator(plan: &Plan, package: &Package) -> Option<String> {
    let qualifier = match &package.artifact.origin {
        Origin::Context(_) => return None,
        Origin::Git { url, commit } => format!("?vcs_url={}", encoded(&format!("git+{url}@{commit}"))),
        Origin::Url(url) => match &package.index {
            None => format!("?download_url={}", encoded(url.as_str())),
            Some(index) => {
                plan.access.named(index).map(|url| format!("?repository_url={}", encoded(&url))).unwrap_or_default()
            }
        },
    };
    Some(format!("pkg:pypi/{}@{}{qualifier}", package.name, encoded(&package.version)))
}

/// A part of a package URL, in which colons and slashes may stay as they are.
fn encoded(text: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_~:/".contains(byte);
    text.bytes().map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_base_by_its_digest() {
        let locator = |reference: &str| base(reference)["externalRefs"][0]["referenceLocator"].clone();
        assert_eq!(
            locator("docker.io/library/python:3.13-slim@sha256:00ff"),
            "pkg:oci/python@sha256%3A00ff?repository_url=docker.io/library/python&tag=3.13-slim"
        );
        assert_eq!(
            locator("localhost:5000/base@sha256:00"),
            "pkg:oci/base@sha256%3A00?repository_url=localhost:5000/base"
        );
        let unresolved = base("localhost:5000/base:1");
        assert_eq!((&unresolved["name"], &unresolved["versionInfo"]), (&json!("localhost:5000/base"), &json!("1")));
        assert_eq!(unresolved["externalRefs"], Value::Null);
    }

    #[test]
    fn encodes_what_has_a_meaning_in_a_package_url() {
        assert_eq!(encoded("2.9.0+cu128"), "2.9.0%2Bcu128");
        assert_eq!(encoded("git+https://a.example/b?c#d"), "git%2Bhttps://a.example/b%3Fc%23d");
    }
}

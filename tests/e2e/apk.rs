//! `apk` and `build-apk`: packages of Alpine, of a repository that the test makes. Where Alpine's images cannot be had, `apk` is a
//! stand-in of the lab: another implementation of its database, index, signatures and installation, which refuses all calls but
//! `apk update` and `apk add PACKAGE...`, and runs no scripts.

use std::env::consts::ARCH;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::index::Index;
use crate::indexes::authority::{Server, certificates};
use crate::layer;
use crate::project::SETUPTOOLS;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add_alone("apk::packages", packages);
    trials.add("apk::init", init);
    trials.add("apk::unknown_package", unknown_package);
    trials.add("apk::authority", authority);
}

const BASE: &str = "python:3.13-alpine";

/// The key that a repository is signed with, by the name that images know it by.
const KEY: &str = "marsh.rsa.pub";

/// A package of one program or file.
struct Package {
    name: &'static str,
    needs: &'static str,
    path: &'static str,
    content: String,
}

/// A repository of Alpine's second format, and an image that has packages from there.
struct Repository {
    /// Serves it.
    index: Index,
    /// Its keys, and below `served` what is served.
    directory: PathBuf,
}

impl Repository {
    /// Makes a repository, and serves it.
    fn open(stage: &Stage, name: &str) -> Result<Self> {
        let directory = stage.directory(&format!("{name}-keys"))?;
        let repository = Self { index: Index::open(stage, &format!("{name}-index"))?, directory };
        repository.openssl(&["genrsa", "-out", "key.pem", "2048"])?;
        repository.openssl(&["rsa", "-in", "key.pem", "-pubout", "-out", KEY])?;
        let nonce = stage.nonce();
        let script = |commands: &str| format!("#!/bin/sh\n# {nonce}\n{commands}\n");
        let words = format!("words of {nonce}\n");
        let entries = [
            Package {
                name: "marsh-tool",
                needs: "marsh-words",
                path: "usr/bin/marsh-tool",
                content: script("id -un\ncat /usr/share/marsh"),
            },
            Package { name: "marsh-words", needs: "", path: "usr/share/marsh", content: words },
            Package { name: "marsh-build", needs: "", path: "usr/bin/marsh-build", content: script("echo built") },
            Package { name: "tini", needs: "", path: "sbin/tini", content: script("echo \"$@\"\nshift\nexec \"$@\"") },
        ]
        .iter()
        .map(|package| repository.offer(package))
        .collect::<Result<String>>()?;
        let index = archive(&[("DESCRIPTION", b"marsh", 0o644), ("APKINDEX", entries.as_bytes(), 0o644)], true)?;
        repository.serve("APKINDEX.tar.gz", repository.signed(index)?)?;
        Ok(repository)
    }

    fn serve(&self, name: &str, content: Vec<u8>) -> Result<()> {
        let directory = self.directory.join("served/marsh").join(ARCH);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join(name), &content)?;
        self.index.serve(&format!("marsh/{ARCH}/{name}"), content);
        Ok(())
    }

    fn openssl(&self, arguments: &[&str]) -> Result<()> {
        run_captured(Command::new("openssl").current_dir(&self.directory).args(arguments)).map(drop)
    }

    /// Packs and signs a package, serves it, and gives back its entry of the index.
    fn offer(&self, package: &Package) -> Result<String> {
        let Package { name, needs, path, content } = package;
        let parents = Path::new(path).ancestors().skip(1).filter_map(Path::to_str).filter(|parent| !parent.is_empty());
        let mut entries: Vec<(&str, &[u8], u32)> = parents.map(|parent| (parent, &b""[..], 0)).collect();
        entries.reverse();
        entries.push((path, content.as_bytes(), 0o755));
        let data = archive(&entries, true)?;
        let depend = if needs.is_empty() { String::new() } else { format!("depend = {needs}\n") };
        let sum: String = Sha256::digest(&data).iter().map(|byte| format!("{byte:02x}")).collect();
        let size = content.len();
        let about = format!(
            "pkgname = {name}\npkgver = 1.0-r0\npkgdesc = A package of the marsh\nsize = {size}\narch = {ARCH}\nlicense = MIT\n\
             {depend}datahash = {sum}\n"
        );
        let control = archive(&[(".PKGINFO", about.as_bytes(), 0o644)], false)?;
        let digest = self.sha1(&control)?;
        let mut file = self.signed(control)?;
        file.extend(data);
        let (length, depend) = (file.len(), if needs.is_empty() { String::new() } else { format!("D:{needs}\n") });
        self.serve(&format!("{name}-1.0-r0.apk"), file)?;
        Ok(format!(
            "C:Q1{}\nP:{name}\nV:1.0-r0\nA:{ARCH}\nS:{length}\nI:{size}\nT:A package of the marsh\nL:MIT\n{depend}\n",
            STANDARD.encode(digest)
        ))
    }

    /// The digest by which an index knows a package.
    fn sha1(&self, content: &[u8]) -> Result<Vec<u8>> {
        fs::write(self.directory.join("digested"), content)?;
        self.openssl(&["dgst", "-sha1", "-binary", "-out", "digest", "digested"])?;
        Ok(fs::read(self.directory.join("digest"))?)
    }

    /// An archive with its signature before it.
    fn signed(&self, archive_of: Vec<u8>) -> Result<Vec<u8>> {
        fs::write(self.directory.join("signed"), &archive_of)?;
        self.openssl(&["dgst", "-sha1", "-sign", "key.pem", "-out", "signature", "signed"])?;
        let signature = fs::read(self.directory.join("signature"))?;
        let mut file = archive(&[(&format!(".SIGN.RSA.{KEY}"), &signature, 0o644)], false)?;
        file.extend(archive_of);
        Ok(file)
    }

    /// An image that trusts the repository, and knows no other.
    fn base(&self, stage: &Stage, name: &str) -> Result<String> {
        self.base_at(stage, name, &self.index.url_of("marsh"))
    }

    /// The same, where it finds the repository at a URL.
    fn base_at(&self, stage: &Stage, name: &str, url: &str) -> Result<String> {
        stage.lab().require_image(BASE)?;
        let directory = stage.directory(&format!("{name}-base"))?;
        let write = |path: &str, content: &[u8]| -> Result<()> {
            let path = directory.join("root").join(path);
            fs::create_dir_all(path.parent().context("a file")?)?;
            Ok(fs::write(path, content)?)
        };
        write("etc/apk/repositories", format!("{url}\n").as_bytes())?;
        write(&format!("etc/apk/keys/{KEY}"), &fs::read(self.directory.join(KEY))?)?;
        if stage.lab().has_stand_ins() {
            write("etc/apk/arch", format!("{ARCH}\n").as_bytes())?;
            write("etc/apk/world", b"\n")?;
            for empty in ["installed", "lock", "scripts.tar", "triggers"] {
                write(&format!("lib/apk/db/{empty}"), b"")?;
            }
            fs::create_dir_all(directory.join("root/sbin"))?;
            fs::create_dir_all(directory.join("root/var/cache/apk"))?;
            fs::copy(stage.lab().apk()?, directory.join("root/sbin/apk"))?;
        }
        fs::write(directory.join("Dockerfile"), format!("FROM {BASE}\nCOPY root/ /\n"))?;
        Ok(Build::of(stage, &directory).push(&format!("{name}-base"))?.reference)
    }
}

/// A compressed archive of files and, where the mode is 0, directories. Only the last of several that are one file has an end.
fn archive(entries: &[(&str, &[u8], u32)], has_end: bool) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (path, content, mode) in entries {
        let mut header = Header::new_ustar();
        header.set_entry_type(if *mode == 0 { EntryType::Directory } else { EntryType::Regular });
        header.set_mode(if *mode == 0 { 0o755 } else { *mode });
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, path, *content)?;
    }
    let mut bytes = archive.into_inner()?;
    if !has_end {
        bytes.truncate(bytes.len() - 1024);
    }
    let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
    compressed.write_all(&bytes)?;
    Ok(compressed.finish()?)
}

/// A project whose build runs a program of a package, on a base with musl.
fn greeter<'a>(stage: &'a Stage, name: &str, base: &str, apk: &str) -> Result<Context<'a>> {
    let context = Context::new(stage, name)?;
    context.write(
        "uv.build.toml",
        format!(
            "[targets.greeter]\nbase = \"{base}\"\napk = [\"{apk}\"]\nbuild-apk = [\"marsh-build\"]\n\
             cmd = [\"python\", \"-Ic\", \"import greeter\"]\n\n\
             [targets.other]\ninherits = \"greeter\"\ncmd = [\"marsh-tool\"]\n"
        ),
    )?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"greeter\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n\
             [build-system]\n{SETUPTOOLS}"
        ),
    )?;
    context.write("setup.py", SETUP)?;
    context.write("src/greeter/__init__.py", format!("# {} {name}\n{GREETER}", stage.nonce()))?;
    context.lock()?;
    Ok(context)
}

const SETUP: &str = r#"
import pathlib
import subprocess

import setuptools

words = subprocess.run(["marsh-build"], stdout=subprocess.PIPE, check=True, text=True).stdout
pathlib.Path("src/greeter/words.py").write_text(f"WORDS = {words!r}\n")
setuptools.setup()
"#;

const GREETER: &str = r#"
import os
import shutil

from greeter.words import WORDS

print(WORDS.strip(), shutil.which("marsh-build"), os.listdir("/var/cache/apk"), os.path.lexists("/etc/apk/cache"))
"#;

/// A package and what it needs are in the image, one for builds is not, and nothing of what was fetched.
fn packages(stage: &Stage) -> Result<()> {
    let repository = Repository::open(stage, "apk")?;
    let base = repository.base(stage, "apk")?;
    let context = greeter(stage, "apk-greeter", &base, "marsh-tool")?;
    let built = context.build().target(Some("greeter")).push("apk")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "built None [] False\n" && run.exit_code == Some(0), "{run:?}");

    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let system =
        layers.iter().position(|layer| layer.history == "install marsh-tool").context("no layer of the package")?;
    let entries = &layers[system].entries;
    for path in ["usr/bin/marsh-tool", "usr/share/marsh", "lib/apk/db/installed", "etc/apk/world"] {
        ensure!(entries.contains_key(path), "no {path} in {:?}", entries.keys());
    }
    for (path, entry) in layers.iter().flat_map(|layer| &layer.entries) {
        let is_fetched = path.ends_with(".apk") || path.contains("APKINDEX") || path.contains("apk/cache");
        ensure!(!is_fetched, "{path} is left over");
        // A directory that a layer only passes through has the time that the base gave it.
        let is_settled = entry.content.is_none() || [315_532_800, 1_000_000_000].contains(&entry.modified);
        ensure!(is_settled, "{path} tells when it was written: {}", entry.modified);
    }

    // Another target has the same layer. Its command is the package's program, and runs as the user.
    let other = context.build().target(Some("other")).push("apk")?;
    ensure!(!other.steps.executed.iter().any(|step| step.contains("marsh")), "{:?}", other.steps.executed);
    let run = container::run(stage.lab(), &other.reference, &[], &[])?;
    ensure!(run.stdout == format!("app\nwords of {}\n", stage.nonce()), "{run:?}");
    let changed = Image::of(stage.lab(), &other)?;
    ensure!(changed.layers == image.layers, "the targets do not share their layers");

    // The packages are installed again, and nothing of it differs.
    let again = context.build().target(Some("greeter")).argument("--no-cache").push("apk")?;
    let ran = &again.steps.executed;
    ensure!(ran.iter().any(|step| step.ends_with("install marsh-tool")), "{ran:?}");
    let again = Image::of(stage.lab(), &again)?;
    let changed = again.changed_from(&image)?;
    ensure!(changed.is_empty(), "these layers differ when they are built again: {changed:?}");
    Ok(())
}

/// Alpine has an init elsewhere than Debian.
fn init(stage: &Stage) -> Result<()> {
    let repository = Repository::open(stage, "apk-init")?;
    let base = repository.base(stage, "apk-init")?;
    let context = greeter(stage, "apk-init-greeter", &base, "marsh-tool")?;
    context.edit("uv.build.toml", "[targets.other]\n", "[targets.other]\ninit = true\n")?;
    let built = context.build().target(Some("other")).push("apk")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    // The package's init of this repository says what it is given.
    ensure!(run.stdout == format!("-- marsh-tool\napp\nwords of {}\n", stage.nonce()), "{run:?}");
    let image = Image::of(stage.lab(), &built)?;
    ensure!(image.config["config"]["Entrypoint"] == serde_json::json!(["/sbin/tini", "--"]), "{}", image.config);
    Ok(())
}

fn unknown_package(stage: &Stage) -> Result<()> {
    let repository = Repository::open(stage, "apk-unknown")?;
    let base = repository.base(stage, "apk-unknown")?;
    let shown =
        greeter(stage, "apk-unknown-greeter", &base, "no-such-package")?.build().target(Some("greeter")).fail()?;
    for words in [
        "unable to select packages",
        "no-such-package",
        "failed to install no-such-package",
        ">>> apk = [\"no-such-package\"]",
    ] {
        ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
    }
    // The lab's image of musl has no apk: what is missing is said, and what has it.
    if stage.lab().has_stand_ins() {
        let context = greeter(stage, "apk-none", BASE, "marsh-tool")?;
        context.edit("uv.build.toml", "build-apk = [\"marsh-build\"]\n", "")?;
        let shown = context.build().target(Some("greeter")).fail()?;
        for words in [
            "this image has no apk",
            "`apk` and `build-apk` need an image made from Alpine",
            ">>> apk = [\"marsh-tool\"]",
        ] {
            ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
        }
    }
    Ok(())
}

/// A repository behind a certificate of an authority that only the user knows.
fn authority(stage: &Stage) -> Result<()> {
    let repository = Repository::open(stage, "apk-authority")?;
    let (ca, certificate, key) = certificates(&stage.directory("apk-authority-certificates")?)?;
    let server = Server::open(&repository.directory.join("served"), &certificate, &key)?;
    let base = repository.base_at(stage, "apk-authority", &format!("https://127.0.0.1:{}/marsh", server.port))?;
    let context = greeter(stage, "apk-authority-greeter", &base, "marsh-tool")?;
    let shown = context.build().target(Some("other")).fail()?;
    ensure!(shown.contains("certificate"), "the certificate is not what is wrong:\n{shown}");

    context.write("certificates/ca.pem", fs::read(&ca)?)?;
    let config = context.read("uv.build.toml")?;
    context.write("uv.build.toml", format!("{config}\n[ca]\nfile = \"certificates/ca.pem\"\n"))?;
    let built = context.build().target(Some("other")).push("apk")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == format!("app\nwords of {}\n", stage.nonce()), "{run:?}");
    Ok(())
}

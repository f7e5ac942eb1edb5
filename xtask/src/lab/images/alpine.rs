//! A stand-in for Alpine's python image: its python, from a package that carries it, on Debian's musl and busybox. What it does not
//! have is `apk`, and the libraries that some modules of the standard library need (zlib, OpenSSL).

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::super::machine::architecture;
use super::super::places::Places;
use super::super::process::run_captured;
use super::super::{layout, report};
use super::python::ALPINE;
use super::unpacked::{pack, remove, unpack};
use super::{StandIn, labels};

/// What it stands for.
pub(super) const STANDS_FOR: [&str; 2] = ["library/python:3.13-alpine", "library/python:3.13-alpine3.21"];

/// Where musl and programs come from.
const PACKAGES: [&str; 2] = ["musl", "busybox-static"];

/// Accounts of Alpine.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\ndaemon:x:2:2:daemon:/sbin:/sbin/nologin\n\
                      nobody:x:65534:65534:nobody:/:/sbin/nologin\n";
const GROUP: &str =
    "root:x:0:root\nbin:x:1:root,bin,daemon\ndaemon:x:2:root,bin,daemon\nping:x:999:\nnobody:x:65534:\n";

/// Programs of busybox that a test may look for.
const PROGRAMS: [&str; 5] = ["sh", "ls", "cat", "env", "id"];

pub(super) fn make(places: &Places) -> Result<StandIn> {
    let config = json!({
        "Env": ["PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin", "PYTHON_VERSION=3.13"],
        "Cmd": ["python3"],
        "WorkingDir": "/",
        "Labels": labels("Alpine's python on Debian's musl"),
    });
    let recipe = format!("1 {PACKAGES:?} {PASSWD} {GROUP} {PROGRAMS:?} {config}");
    let key = layout::hexadecimal(&Sha256::digest(recipe));
    let directory = places.images().join(format!("python3.13-alpine-{}", &key[..12]));
    if !directory.is_dir() {
        report(format_args!("making the image python3.13-alpine"));
        let work = tempfile::tempdir_in(places.cache())?;
        let (debian, root) = (work.path().join("debian"), work.path().join("root"));
        for path in ["bin", "etc", "lib", "root", "tmp", "usr/local"] {
            fs::create_dir_all(root.join(path))?;
        }
        unpack(places, &PACKAGES, &debian)?;
        let machine = std::env::consts::ARCH;
        let loader = format!("lib/ld-musl-{machine}.so.1");
        let musl = format!("usr/lib/{machine}-linux-musl/libc.so");
        let musl = [debian.join(&musl), debian.join(format!("lib/{machine}-linux-musl/libc.so"))];
        let musl = musl.iter().find(|path| path.is_file()).context("no musl in its package")?;
        fs::copy(musl, root.join(&loader))?;
        // As Alpine's programs name it.
        symlink(format!("ld-musl-{machine}.so.1"), root.join(format!("lib/libc.musl-{machine}.so.1")))?;
        let busybox = ["bin/busybox", "usr/bin/busybox"].map(|path| debian.join(path));
        let busybox = busybox.iter().find(|path| path.is_file()).context("no busybox in its package")?;
        fs::copy(busybox, root.join("bin/busybox"))?;
        for program in PROGRAMS {
            symlink("busybox", root.join("bin").join(program))?;
        }
        let python = work.path().join("python");
        ALPINE.unpack(places, &python)?;
        run_captured(Command::new("cp").arg("-a").arg(python.join(".")).arg(root.join("usr/local")))?;
        remove(&root.join("usr/local/lib/python3.13/EXTERNALLY-MANAGED"))?;
        for (file, text) in [("passwd", PASSWD), ("group", GROUP), ("alpine-release", "3.21.3\n")] {
            fs::write(root.join("etc").join(file), text)?;
        }
        let tar = work.path().join("layer.tar");
        pack(&root, ".", &tar)?;
        layout::write(&directory, &mut fs::File::open(&tar)?, architecture(), &config)?;
    }
    Ok(StandIn { layout: directory, names: STANDS_FOR.map(ToOwned::to_owned).to_vec() })
}

//! A stand-in for an image of python on Alpine: CPython compiled from its sources against Debian's musl, with Debian's static busybox.
//! What Alpine is beyond that (its packages, and `apk`, of which tests copy a stand-in into it: `lab/apk`) is not there, and of python's
//! modules those are missing that need more than zlib.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::layout;
use super::super::machine::{architecture, certificates, debian_mirror, require_program};
use super::super::places::Places;
use super::super::process::tail;
use super::unpacked::pack;
use super::{StandIn, labels};
use crate::lab::report::report;

/// An image with musl.
pub(super) struct Alpine {
    name: &'static str,
    /// The release of Debian whose packages and sources it is made of.
    suite: &'static str,
    /// Source packages, of which the upstream archives are taken, without Debian's changes.
    sources: &'static [&'static str],
    python: &'static str,
    pub(super) stands_for: &'static [&'static str],
}

pub(super) const ALPINE: Alpine = Alpine {
    name: "python3.13-musl",
    suite: "trixie",
    sources: &["python3.13", "zlib"],
    python: "3.13",
    stands_for: &["library/python:3.13-alpine"],
};

/// What compiles it, and what is copied into it.
const PACKAGES: [&str; 7] = ["busybox-static", "gcc", "libc6-dev", "make", "musl-dev", "musl-tools", "xz-utils"];

/// Makes the image's root file system in `/image` of a Debian that has the packages, from the archives in `/sources`.
const MAKE: &str = include_str!("alpine.sh");

/// Accounts that Alpine has: those of the system, and those whose ids others may choose, too.
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/sbin/nologin\ndaemon:x:2:2:daemon:/sbin:/sbin/nologin\n\
                      guest:x:405:100:guest:/dev/null:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n";
const GROUP: &str = "root:x:0:root\nbin:x:1:root,bin,daemon\ndaemon:x:2:root,bin,daemon\nusers:x:100:games\nping:x:999:\n\
                     nogroup:x:65533:\nnobody:x:65534:\n";
const RELEASE: &str = "NAME=\"uv-buildkit's stand-in for Alpine Linux\"\nID=stand-in\nID_LIKE=alpine\n";

impl Alpine {
    /// Where its layout lies, once it is made.
    pub(super) fn directory(&self, places: &Places) -> Result<PathBuf> {
        let recipe = format!(
            "1 {} {:?} {PACKAGES:?} {MAKE} {PASSWD} {GROUP} {RELEASE} {} {}",
            self.suite,
            self.sources,
            self.config(),
            layout::hash_file(&certificates()?)?
        );
        let key = layout::hexadecimal(&Sha256::digest(recipe));
        Ok(places.images().join(format!("{}-{}", self.name, &key[..12])))
    }

    pub(super) fn make(&self, places: &Places) -> Result<StandIn> {
        let directory = self.directory(places)?;
        if !directory.is_dir() {
            report(format_args!("compiling python {} against musl for an image without glibc (minutes)", self.python));
            let work = tempfile::tempdir_in(places.cache())?;
            let root = work.path().join("root");
            let tar = work.path().join("layer.tar");
            self.compile(places, &root)
                .and_then(|()| settle(&root, &certificates()?))
                .and_then(|()| pack(&root, ".", &tar))
                .and_then(|()| layout::write(&directory, &mut fs::File::open(&tar)?, architecture(), &self.config()))
                .with_context(|| format!("cannot make the stand-in for {}", self.stands_for.join(", ")))?;
        }
        Ok(StandIn { layout: directory, names: self.stands_for.iter().map(|&name| name.to_owned()).collect() })
    }

    fn config(&self) -> Value {
        let env = [
            "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".to_owned(),
            format!("PYTHON_VERSION={}", self.python),
        ];
        let labels = labels("CPython compiled against Debian's musl, with Debian's busybox");
        json!({ "Env": env, "Cmd": ["python3"], "WorkingDir": "/", "Labels": labels })
    }

    /// Fetches the sources by apt, which verifies them, compiles them in a Debian that is gone afterwards, and leaves the image's root.
    fn compile(&self, places: &Places, root: &Path) -> Result<()> {
        let mmdebstrap = require_program("mmdebstrap", &["mmdebstrap"], &places.log("images"))?;
        let error_log = places.log("mmdebstrap-musl");
        fs::create_dir_all(root)?;
        let mut command = Command::new(mmdebstrap);
        command.args(["--mode=root", "--variant=apt", "--format=null", &format!("--include={}", PACKAGES.join(","))]);
        let sources = self.sources.join(" ");
        for hook in [
            "mkdir \"$1/sources\" \"$1/image\"",
            &format!(
                "cd \"$1/sources\" && APT_CONFIG=\"$MMDEBSTRAP_APT_CONFIG\" apt-get source --download-only --tar-only {sources}"
            ),
            "chroot \"$1\" sh -euxc \"$MAKE\"",
            &format!("sync-out /image {}", root.display()),
        ] {
            command.arg(format!("--customize-hook={hook}"));
        }
        let mirror = debian_mirror()?;
        command.args([self.suite, "/dev/null"]);
        command.args(["deb", "deb-src"].map(|kind| format!("{kind} {mirror} {} main", self.suite)));
        command.env("MAKE", MAKE).env("PYTHON", self.python).env("SOURCE_DATE_EPOCH", "1700000000");
        let log = fs::File::create(&error_log)?;
        let status = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).status();
        if !status.context("cannot start `mmdebstrap`")?.success() {
            bail!("`mmdebstrap` failed (it must run as root); its log ends with:\n{}", tail(&error_log));
        }
        Ok(())
    }
}

/// Adds what is in no package.
fn settle(root: &Path, certificates: &Path) -> Result<()> {
    for directory in ["etc/ssl/certs", "home", "opt", "root", "run", "srv", "var/cache", "var/log"] {
        fs::create_dir_all(root.join(directory))?;
    }
    fs::write(root.join("etc/passwd"), PASSWD)?;
    fs::write(root.join("etc/group"), GROUP)?;
    fs::write(root.join("etc/os-release"), RELEASE)?;
    fs::copy(certificates, root.join("etc/ssl/certs/ca-certificates.crt"))?;
    Ok(())
}

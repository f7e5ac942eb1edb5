//! Stand-ins for images without a shell: files of Debian packages, of which nothing is installed and nothing was run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::layout;
use super::super::machine::{architecture, certificates};
use super::super::places::Places;
use super::unpacked::{pack, remove, unpack};
use super::{StandIn, labels};
use crate::lab::report::report;

/// The release that they are of.
const SUITE: &str = "bookworm";

/// An image without a shell.
pub(super) struct Distroless {
    name: &'static str,
    packages: &'static [&'static str],
    /// What stays of `/usr/bin`, `/bin`, `/usr/sbin` and `/sbin`.
    programs: &'static [&'static str],
    entrypoint: Option<&'static str>,
    pub(super) stands_for: &'static [&'static str],
}

pub(super) const DISTROLESS: [Distroless; 3] = [
    Distroless {
        name: "distroless-static",
        packages: &["base-files", "netbase", "tzdata"],
        programs: &[],
        entrypoint: None,
        stands_for: &["distroless/static-debian12:latest"],
    },
    Distroless {
        name: "distroless-cc",
        packages: &["base-files", "netbase", "tzdata", "libc6", "libgcc-s1", "libgomp1", "libssl3", "libstdc++6"],
        programs: &[],
        entrypoint: None,
        stands_for: &["distroless/cc-debian12:latest"],
    },
    Distroless {
        name: "distroless-python3",
        packages: &["base-files", "netbase", "tzdata", "libc6", "libgcc-s1", "libstdc++6", "python3.11", "python3"],
        programs: &["python3", "python3.11"],
        entrypoint: Some("/usr/bin/python3.11"),
        stands_for: &["distroless/python3-debian12:latest"],
    },
];

/// Where shared libraries lie, by the machine that they are for.
const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"];

/// Accounts of such images.
const PASSWD: &str = "root:x:0:0:root:/root:/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n\
                      nonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nnobody:x:65534:\ntty:x:5:\nstaff:x:50:\nnonroot:x:65532:\n";

impl Distroless {
    pub(super) fn make(&self, places: &Places) -> Result<StandIn> {
        let certificates = certificates()?;
        let config = self.config();
        let recipe =
            format!("2 {:?} {:?} {config} {}", self.packages, self.programs, layout::hash_file(&certificates)?);
        let key = layout::hexadecimal(&Sha256::digest(recipe));
        let directory = places.images().join(format!("{}-{}", self.name, &key[..12]));
        if !directory.is_dir() {
            report(format_args!("making the image {} of files of Debian {SUITE}", self.name));
            let what = || format!("cannot make the stand-in for {}", self.stands_for.join(", "));
            let work = tempfile::tempdir_in(places.cache())?;
            let root = work.path().join("root");
            unpack(places, SUITE, self.packages, &root)
                .and_then(|()| self.strip(&root, &certificates))
                .with_context(what)?;
            let tar = work.path().join("layer.tar");
            pack(&root, ".", &tar)?;
            layout::write(&directory, &mut fs::File::open(&tar)?, architecture(), &config)?;
        }
        Ok(StandIn { layout: directory, names: self.stands_for.iter().map(|&name| name.to_owned()).collect() })
    }

    fn config(&self) -> Value {
        let env = [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
        ];
        let what = labels("files of Debian packages, without a shell");
        json!({ "Env": env, "Entrypoint": self.entrypoint.map(|program| [program]), "WorkingDir": "/", "Labels": what })
    }

    /// Leaves what such images have.
    fn strip(&self, root: &Path, certificates: &Path) -> Result<()> {
        for directory in ["bin", "sbin", "usr/bin", "usr/sbin"] {
            let directory = root.join(directory);
            // Where the two are merged, one is a link to the other.
            if !directory.is_dir() || directory.is_symlink() {
                continue;
            }
            for entry in fs::read_dir(&directory)? {
                let entry = entry?;
                if !self.programs.iter().any(|program| entry.file_name() == *program) {
                    remove(&entry.path())?;
                }
            }
        }
        let left_over = [
            "dev",
            "etc/apt",
            "usr/lib/python3.11/EXTERNALLY-MANAGED",
            "usr/share/debconf",
            "usr/share/perl5",
            "var/cache",
            "var/lib/apt",
            "var/lib/dpkg",
            "var/log",
        ];
        for path in left_over {
            remove(&root.join(path))?;
        }
        if !self.packages.contains(&"libc6") {
            // What was unpacked depends on it.
            for path in ["lib", "lib64", "usr/lib64"].into_iter().chain(LIBRARIES) {
                remove(&root.join(path))?;
            }
        }
        for directory in ["etc/ssl/certs", "home/nonroot", "tmp", "root"] {
            fs::create_dir_all(root.join(directory))?;
        }
        fs::write(root.join("etc/passwd"), PASSWD)?;
        fs::write(root.join("etc/group"), GROUP)?;
        fs::copy(certificates, root.join("etc/ssl/certs/ca-certificates.crt"))?;
        let has_shell = ["bin/sh", "usr/bin/sh", "bin/dash", "bin/bash"].iter().any(|shell| root.join(shell).exists());
        ensure!(!has_shell, "there is a shell in {}", self.name);
        Ok(())
    }
}

//! Stand-ins for the images that builds start from, under their real names in the lab's registry: no container registry
//! need be in reach. They are Debian by mmdebstrap, and uv from its own wheel; their labels say that they are stand-ins.
//! One has a python that the lab compiles itself. One is an image for two platforms, of which this machine need not run the
//! other: its packages are only unpacked.

mod alpine;
mod distroless;
mod python;
mod unpacked;

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::machine::{architecture, certificates, debian_mirror, python_with_pip, require_program};
use super::places::Places;
use super::process::{run_logged, tail};
use super::report::report;
use super::{lambda, layout};

use alpine::ALPINE;
use distroless::DISTROLESS;
pub use python::PythonArchive;

/// The uv versions that the lab has images of: the frontend's default, and a recent one.
pub const UV_VERSIONS: [&str; 2] = ["0.9.18", "0.13.9"];

/// A Debian root filesystem, and the real names it stands for (repository and tag, without the registry).
struct Debian {
    name: &'static str,
    suite: &'static str,
    packages: &'static [&'static str],
    /// The version of the Debian python that is also to be found in /usr/local/bin, as in the official python images.
    python: Option<&'static str>,
    stands_for: &'static [&'static str],
    /// It stands for an image of AWS Lambda.
    is_lambda: bool,
    /// Made for every lab, or only when asked for.
    usual: bool,
}

const DEBIANS: [Debian; 5] = [
    Debian {
        name: "python3.13",
        suite: "trixie",
        packages: &["ca-certificates", "netbase", "tzdata", "python3"],
        python: Some("3.13"),
        stands_for: &[
            "library/python:3.13-slim",
            "library/python:3.13-slim-trixie",
            "library/python:3.13-slim-bookworm",
        ],
        is_lambda: false,
        usual: true,
    },
    Debian {
        name: "python3.11",
        suite: "bookworm",
        packages: &["ca-certificates", "netbase", "tzdata", "python3"],
        python: Some("3.11"),
        stands_for: &["library/python:3.11-slim", "library/python:3.11-slim-bookworm"],
        is_lambda: false,
        usual: true,
    },
    Debian {
        name: "debian12",
        suite: "bookworm",
        packages: &[],
        python: None,
        stands_for: &["library/debian:bookworm-slim"],
        is_lambda: false,
        usual: true,
    },
    Debian {
        name: "python3.13-builder",
        suite: "trixie",
        packages: &["ca-certificates", "netbase", "tzdata", "python3-dev", "gcc", "g++", "libc6-dev", "make", "git"],
        python: Some("3.13"),
        stands_for: &["library/python:3.13", "library/python:3.13-trixie", "library/python:3.13-bookworm"],
        is_lambda: false,
        usual: false,
    },
    Debian {
        name: "lambda-python3.13",
        suite: "trixie",
        packages: &["ca-certificates", "python3"],
        python: Some("3.13"),
        stands_for: &["lambda/python:3.13"],
        is_lambda: true,
        usual: false,
    },
];

/// An image for this machine's platform and another one.
struct TwoPlatforms {
    /// [`Debian::name`] of the former.
    name: &'static str,
    stands_for: &'static [&'static str],
}

const TWO_PLATFORMS: TwoPlatforms =
    TwoPlatforms { name: "python3.13", stands_for: &["library/python:3.13.5-slim-trixie"] };

/// What an image has though nothing of it was installed.
const UNPACKED: [&str; 3] = ["base-files", "base-passwd", "libc-bin"];

/// A stand-in on disk, and its names in the registry.
pub struct StandIn {
    pub layout: PathBuf,
    pub names: Vec<String>,
}

/// The stand-ins that every lab has.
pub fn usual(places: &Places) -> Result<Vec<StandIn>> {
    let _lock = places.lock_images()?;
    let mut made = Vec::new();
    for version in UV_VERSIONS {
        made.push(uv(places, version)?);
    }
    for debian in DEBIANS.iter().filter(|debian| debian.usual) {
        made.push(debian.make(places)?);
    }
    Ok(made)
}

/// The stand-in for one image, by its name as a config has it (`python:3.13-bookworm`, `ghcr.io/astral-sh/uv:0.9.18`).
pub fn by_name(places: &Places, name: &str) -> Result<StandIn> {
    if let Some(version) = name.strip_prefix("ghcr.io/astral-sh/uv:") {
        let _lock = places.lock_images()?;
        return uv(places, version);
    }
    let name = ["docker.io/", "public.ecr.aws/"].iter().find_map(|host| name.strip_prefix(host)).unwrap_or(name);
    let repository = if name.contains('/') { name.to_owned() } else { format!("library/{name}") };
    let debian = DEBIANS.iter().find(|debian| debian.stands_for.contains(&repository.as_str()));
    // What is there need not wait for those who make others.
    if let Some(debian) = debian
        && let directory = debian.directory(places)?
        && directory.is_dir()
    {
        return Ok(debian.stand_in(directory));
    }
    let is_alpine = ALPINE.stands_for.contains(&repository.as_str());
    if is_alpine && ALPINE.directory(places)?.is_dir() {
        return ALPINE.make(places);
    }
    let _lock = places.lock_images()?;
    if is_alpine {
        return ALPINE.make(places);
    }
    if TWO_PLATFORMS.stands_for.contains(&repository.as_str()) {
        return TWO_PLATFORMS.make(places);
    }
    // `gcr.io/distroless/cc-debian12`, without the tag that everyone leaves out.
    let tagged = repository.strip_prefix("gcr.io/").map(|name| match name.contains(':') {
        true => name.to_owned(),
        false => format!("{name}:latest"),
    });
    if let Some(name) = tagged
        && let Some(image) = DISTROLESS.iter().find(|image| image.stands_for.contains(&name.as_str()))
    {
        return image.make(places);
    }
    match debian {
        Some(debian) => debian.make(places),
        None => {
            let known = DEBIANS.iter().flat_map(|debian| debian.stands_for).chain(TWO_PLATFORMS.stands_for);
            let distroless = DISTROLESS.iter().flat_map(|image| image.stands_for);
            let known: Vec<&str> = known.chain(distroless).chain(ALPINE.stands_for).copied().collect();
            bail!(
                "the lab has no stand-in for the image `{name}`; it has {} and ghcr.io/astral-sh/uv:VERSION",
                known.join(", ")
            )
        }
    }
}

impl Debian {
    /// Where its layout lies, once it is made.
    fn directory(&self, places: &Places) -> Result<PathBuf> {
        let config = self.config();
        let certificates = layout::hash_file(&certificates()?)?;
        let mut recipe = format!("2 {} {:?} {config} {certificates}", self.suite, self.packages);
        if self.is_lambda {
            recipe += &lambda::recipe();
        }
        let key = layout::hexadecimal(&Sha256::digest(recipe));
        Ok(places.images().join(format!("{}-{}", self.name, &key[..12])))
    }

    fn stand_in(&self, layout: PathBuf) -> StandIn {
        StandIn { layout, names: self.stands_for.iter().map(|&name| name.to_owned()).collect() }
    }

    fn make(&self, places: &Places) -> Result<StandIn> {
        let directory = self.directory(places)?;
        if !directory.is_dir() {
            report(format_args!("making the image {} from Debian {} with mmdebstrap", self.name, self.suite));
            self.bootstrap(places, None, &certificates()?, &directory, &self.config())
                .with_context(|| format!("cannot make the stand-in for {}", self.stands_for.join(", ")))?;
        }
        Ok(self.stand_in(directory))
    }

    /// The same image for a platform whose programs this machine may not be able to run, without names.
    fn unpack(&self, places: &Places, architecture: &str) -> Result<PathBuf> {
        let certificates = certificates()?;
        let config = self.config();
        let recipe =
            format!("2 {} {:?} {UNPACKED:?} {config} {}", self.suite, self.packages, layout::hash_file(&certificates)?);
        let key = layout::hexadecimal(&Sha256::digest(recipe));
        let directory = places.images().join(format!("{}-{architecture}-{}", self.name, &key[..12]));
        if !directory.is_dir() {
            report(format_args!("unpacking the image {} for {architecture} from Debian {}", self.name, self.suite));
            self.bootstrap(places, Some(architecture), &certificates, &directory, &config)?;
        }
        Ok(directory)
    }

    fn config(&self) -> Value {
        if self.is_lambda {
            return lambda::config(&labels("Debian, made with mmdebstrap, with an emulator"));
        }
        let mut env = vec![
            "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".to_owned(),
        ];
        let mut command = "bash";
        if let Some(version) = self.python {
            env.push("LANG=C.UTF-8".to_owned());
            env.push(format!("PYTHON_VERSION={version}"));
            command = "python3";
        }
        json!({ "Env": env, "Cmd": [command], "WorkingDir": "/", "Labels": labels("Debian, made with mmdebstrap") })
    }

    /// Of a `foreign` architecture nothing is run: packages are unpacked, and no more.
    fn bootstrap(
        &self,
        places: &Places,
        foreign: Option<&str>,
        certificates: &Path,
        directory: &Path,
        config: &Value,
    ) -> Result<()> {
        let log = places.log("images");
        let mmdebstrap = require_program("mmdebstrap", &["mmdebstrap"], &log)?;
        let error_log = places.log(&format!("mmdebstrap-{}", self.name));
        let mut command = Command::new(mmdebstrap);
        command.args(["--mode=root", "--format=tar"]);
        // Without an installation there is nothing to customize afterwards.
        let hook = if foreign.is_some() { "--extract-hook" } else { "--customize-hook" };
        match foreign {
            None => command.arg("--variant=minbase"),
            Some(architecture) => {
                // What the installation of these packages would do.
                command.arg(format!("{hook}=mkdir -p \"$1/usr/local/bin\""));
                for file in ["passwd", "group"] {
                    let copy = format!("cp \"$1/usr/share/base-passwd/{file}.master\" \"$1/etc/{file}\"");
                    command.arg(format!("{hook}={copy}"));
                }
                command.arg(format!("--include={}", UNPACKED.join(",")));
                command.args(["--variant=extract", "--architectures", architecture])
            }
        };
        for path in ["man", "doc", "info", "locale"] {
            command.arg(format!("--dpkgopt=path-exclude=/usr/share/{path}/*"));
        }
        if !self.packages.is_empty() {
            command.arg(format!("--include={}", self.packages.join(",")));
        }
        command.arg(format!("{hook}=mkdir -p \"$1/etc/ssl/certs\""));
        command.arg(format!("{hook}=upload {} /etc/ssl/certs/ca-certificates.crt", certificates.display()));
        if let Some(version) = self.python {
            for link in ["python", "python3", &format!("python{version}")] {
                command.arg(format!("{hook}=ln -s /usr/bin/python{version} \"$1/usr/local/bin/{link}\""));
            }
            // Debian guards its python against pip; the official images do not.
            command.arg(format!("{hook}=rm -f \"$1/usr/lib/python{version}/EXTERNALLY-MANAGED\""));
            // Debian compiles the standard library when it is installed; the official images take bytecode out.
            command.arg(format!("{hook}=find \"$1/usr/lib\" -name __pycache__ -prune -exec rm -r {{}} +"));
        }
        if let (true, Some(version)) = (self.is_lambda, self.python) {
            let files = lambda::files(places, version)?;
            command.arg(format!("{hook}=sync-in {} /", files.display()));
        }
        command.args([self.suite, "-"]).arg(debian_mirror()?);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&error_log)?)
            .env("SOURCE_DATE_EPOCH", "1700000000")
            .spawn()
            .context("cannot start `mmdebstrap`")?;
        let mut tar = BufReader::new(child.stdout.take().context("mmdebstrap has no output")?);
        let architecture = foreign.unwrap_or(architecture());
        let written = layout::write(directory, &mut tar, architecture, config);
        if !child.wait()?.success() {
            let _ = fs::remove_dir_all(directory);
            bail!("`mmdebstrap` failed (it must run as root); its log ends with:\n{}", tail(&error_log));
        }
        written
    }
}

impl TwoPlatforms {
    fn make(&self, places: &Places) -> Result<StandIn> {
        let debian = DEBIANS.iter().find(|debian| debian.name == self.name).context("no such Debian")?;
        let other = if architecture() == "arm64" { "amd64" } else { "arm64" };
        let parts = [debian.make(places)?.layout, debian.unpack(places, other)?];
        let names: Vec<_> = parts.iter().filter_map(|part| part.file_name()?.to_str()).collect();
        let key = layout::hexadecimal(&Sha256::digest(names.join(" ")));
        let directory = places.images().join(format!("{}-both-{}", self.name, &key[..12]));
        if !directory.is_dir() {
            layout::join(&directory, &parts)?;
        }
        Ok(StandIn { layout: directory, names: self.stands_for.iter().map(|&name| name.to_owned()).collect() })
    }
}

/// The image of a uv version: the static programs from its wheel, as the real image has them.
fn uv(places: &Places, version: &str) -> Result<StandIn> {
    let directory = places.images().join(format!("uv-{version}"));
    if !directory.is_dir() {
        report(format_args!("making the image of uv {version} from its wheel"));
        make_uv(places, version, &directory)
            .with_context(|| format!("cannot make the stand-in for ghcr.io/astral-sh/uv:{version}"))?;
    }
    let mut names = vec![format!("astral-sh/uv:{version}")];
    if UV_VERSIONS.last() == Some(&version) {
        names.push("astral-sh/uv:latest".to_owned());
    }
    Ok(StandIn { layout: directory, names })
}

fn make_uv(places: &Places, version: &str, directory: &Path) -> Result<()> {
    let log = places.log("images");
    let python = python_with_pip(&log)?;
    let work = tempfile::tempdir_in(places.cache())?;
    let mut download = Command::new(&python);
    download.args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:"]);
    download.arg(format!("--platform=musllinux_1_1_{}", std::env::consts::ARCH)).arg("--dest").arg(work.path());
    download.arg(format!("uv=={version}"));
    run_logged(&mut download, &log)?;
    let wheel = fs::read_dir(work.path())?.next().context("pip fetched no wheel")??.path();
    let unpacked = work.path().join("wheel");
    run_logged(Command::new(&python).args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked), &log)?;
    let programs = unpacked.join(format!("uv-{version}.data/scripts"));
    let tar = work.path().join("layer.tar");
    let mut pack = Command::new("tar");
    pack.args(["--create", "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "--mode=0755"]);
    pack.arg("--file").arg(&tar).arg("--directory").arg(&programs).args(["uv", "uvx"]);
    run_logged(&mut pack, &log)?;
    let config = json!({
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        "Entrypoint": ["/uv"],
        "WorkingDir": "/io",
        "Labels": labels("uv, from its wheel"),
    });
    layout::write(directory, &mut fs::File::open(&tar)?, architecture(), &config)
}

fn labels(what: &str) -> Value {
    json!({
        "org.opencontainers.image.description": format!("A stand-in made by uv-buildkit's lab ({what}), not the official image"),
        "org.uv-buildkit.stand-in": "true",
    })
}

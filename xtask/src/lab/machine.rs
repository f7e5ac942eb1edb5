//! What the lab takes from the machine: Debian packages, the mirror they come from, and the certificates it trusts.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::process::{run_captured, run_logged, succeeds};
use super::report::report;

/// The first executable of that name on `PATH`, or where daemons live that only root has on its `PATH`.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| candidate.is_file())
}

/// Installs the Debian packages that bring `program`, one after the other until it is there.
pub fn require_program(program: &str, packages: &[&str], log: &Path) -> Result<PathBuf> {
    if let Some(path) = find_program(program) {
        return Ok(path);
    }
    if find_program("apt-get").is_none() {
        bail!("the lab needs `{program}`: install it and try again (on Debian: {})", packages.join(", "));
    }
    if !rustix::process::geteuid().is_root() {
        bail!("the lab needs `{program}` and may not install it: run `apt-get install {}` as root", packages.join(" "));
    }
    for package in packages {
        report(format_args!("installing the Debian package {package}"));
        if install(package, log).is_err() {
            run_logged(Command::new("apt-get").arg("update"), log)?;
            install(package, log)?;
        }
        if let Some(path) = find_program(program) {
            return Ok(path);
        }
    }
    bail!("`{program}` is still missing after the packages {} were installed", packages.join(", "))
}

fn install(package: &str, log: &Path) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends", package]).env("DEBIAN_FRONTEND", "noninteractive");
    // No package is to start its service: a Docker engine of the system's is not what the lab is after.
    command.env("RUNLEVEL", "1").env("SYSTEMD_OFFLINE", "1");
    run_logged(&mut command, log)
}

/// The mirror that this machine's apt uses for Debian itself (not for its security updates).
pub fn debian_mirror() -> Result<String> {
    const ADVICE: &str = "the lab builds its base images on Debian, from the mirror in the machine's apt sources";
    let targets = run_captured(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(SITE) $(RELEASE)",
        "Created-By: Packages",
    ]))
    .context(ADVICE)?;
    targets
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(site, release)| !release.contains('-') && site.ends_with("/debian"))
        .map(|(site, _)| site.to_owned())
        .with_context(|| format!("{ADVICE}, and there is no Debian mirror in them"))
}

/// The file with the certificates that this machine trusts, perhaps with a private authority among them.
pub fn certificates() -> Result<PathBuf> {
    const PLACES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
    env::var_os("SSL_CERT_FILE")
        .map(PathBuf::from)
        .into_iter()
        .chain(PLACES.map(PathBuf::from))
        .find(|path| path.is_file())
        .context("there is no certificate bundle: install the package `ca-certificates`, or set SSL_CERT_FILE")
}

/// The machine's architecture in the words of OCI images.
pub fn architecture() -> &'static str {
    match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A python 3 with pip, for fetching wheels.
pub fn python_with_pip(log: &Path) -> Result<PathBuf> {
    let python = require_program("python3", &["python3"], log)?;
    if !succeeds(Command::new(&python).args(["-m", "pip", "--version"])) {
        require_program("pip3", &["python3-pip"], log)?;
    }
    Ok(python)
}

/// Unmounts everything mounted below `directory`, innermost first.
pub fn unmount_below(directory: &Path) -> Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").context("cannot list the mounts")?;
    let mut below: Vec<&Path> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| Path::new(OsStr::new(point)))
        .filter(|point| point.starts_with(directory) && *point != directory)
        .collect();
    below.sort();
    for point in below.into_iter().rev() {
        run_captured(Command::new("umount").arg("--lazy").arg(point))?;
    }
    Ok(())
}

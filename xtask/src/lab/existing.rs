//! What the machine already has: a BuildKit that the caller names, or a Docker engine with buildx.

use std::env;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::machine::find_program;
use super::places::Places;
use super::process::{run_captured, succeeds};

/// The oldest BuildKit of a Docker engine that is taken instead of the lab's own: named contexts and frontends that
/// declare what they can do work from here on.
const OLDEST_BUILDKIT: (u32, u32) = (0, 12);

/// Whose BuildKit builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Builder {
    /// The lab's own buildkitd: it has the stand-ins for base images.
    Own,
    /// The buildkitd that `BUILDKIT_HOST` named. Base images are the real ones.
    Address(String),
    /// The BuildKit in a Docker engine, through the buildx that is there. Base images are the real ones.
    Docker,
}

impl Builder {
    /// The builder to use here. `UV_BUILDKIT_LAB=own` asks for the lab's own, whatever there is.
    pub fn find(places: &Places) -> Builder {
        if env::var_os("UV_BUILDKIT_LAB").is_some_and(|value| value == "own") {
            return Builder::Own;
        }
        match env::var("BUILDKIT_HOST") {
            // The caller has the lab's own variables set.
            Ok(address) if address == places.buildkit_host() => Builder::Own,
            Ok(address) if !address.is_empty() => Builder::Address(address),
            _ if engine(places).is_some() && docker_buildkit().is_some_and(|version| version >= OLDEST_BUILDKIT) => {
                Builder::Docker
            }
            _ => Builder::Own,
        }
    }
}

/// The address of a Docker engine that answers and is not the lab's.
pub fn engine(places: &Places) -> Option<String> {
    find_program("docker")?;
    let address =
        run_captured(Command::new("docker").args(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]))
            .ok()?;
    let address = address.trim().to_owned();
    let answers = address != places.docker_host() && succeeds(Command::new("docker").args(["version"]));
    answers.then_some(address)
}

/// The version of the BuildKit in the Docker engine, when buildx works with it.
fn docker_buildkit() -> Option<(u32, u32)> {
    let inspected = run_captured(Command::new("docker").args(["buildx", "inspect"])).ok()?;
    let field = |name: &str| {
        inspected.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let (_, driver) = field("Driver")?;
    if driver.trim() != "docker" {
        return None;
    }
    let (_, version) = field("BuildKit version").or_else(|| field("Buildkit"))?;
    let mut numbers = version.trim().trim_start_matches('v').split(['.', '+', '-']).map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

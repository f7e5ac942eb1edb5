//! Registries that belong to the benchmark, with the images that builds start from.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::recipes::{BASE, DOCKERFILE_FRONTEND, FRONTEND, UV};
use crate::grounds::{Grounds, Running};
use crate::lab::Lab;
use crate::lab::machine::architecture;
use crate::lab::process::run_captured;

/// The images that builds start from, as directories: registries are filled from here, whatever becomes of the lab's.
#[derive(Debug)]
pub struct Seeds {
    /// By the image's name, its layout.
    layouts: BTreeMap<&'static str, PathBuf>,
}

impl Seeds {
    /// Takes the base and uv from the lab's registry, and the frontend from where it is.
    pub fn take(lab: &Lab, grounds: &Grounds, frontend: &str) -> Result<Seeds> {
        let mut layouts = BTreeMap::new();
        let of_the_lab = |image| (image, format!("{}/{}", lab.registry(), path_of(image)));
        for (image, from) in [of_the_lab(BASE), of_the_lab(UV), (FRONTEND, frontend.to_owned())] {
            let layout = grounds.path(&format!("seed-{}", layouts.len()));
            run_captured(lab.crane(["pull", "--format=oci", &from]).arg(&layout))
                .with_context(|| format!("there is no image {from} to stand for {image}"))?;
            layouts.insert(image, layout);
        }
        Ok(Seeds { layouts })
    }
}

/// A registry with the images that builds start from, and nothing else at first.
#[derive(Debug)]
pub struct Registry {
    pub address: String,
    directory: PathBuf,
    daemon: Option<Running>,
}

impl Registry {
    /// Starts a registry and fills it.
    pub fn start(lab: &Lab, grounds: &Grounds, name: &str, seeds: &Seeds) -> Result<Registry> {
        let directory = grounds.path(name);
        fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = lab.command("crane");
        command.args(["registry", "serve", "--address", &address, "--disk"]).arg(&directory);
        let daemon = grounds.start(name, &mut command, || TcpStream::connect(&address).is_ok())?;
        let registry = Registry { address, directory, daemon: Some(daemon) };
        for (image, layout) in &seeds.layouts {
            let to = format!("{}/{}", registry.address, path_of(image));
            run_captured(lab.crane(["push"]).arg(layout).arg(&to))?;
        }
        registry.push_dockerfile_frontend(lab, grounds)?;
        Ok(registry)
    }

    /// Makes the image that `# syntax=docker/dockerfile:1` names: the program from BuildKit's own sources.
    fn push_dockerfile_frontend(&self, lab: &Lab, grounds: &Grounds) -> Result<()> {
        const PROGRAM: &str = "dockerfile-frontend";
        let environment = lab.env();
        let programs = environment.get("UV_BUILDKIT_LAB_BIN").context("the lab has no programs")?;
        let tar = grounds.path("dockerfile-frontend.tar");
        let mut pack = Command::new("tar");
        pack.arg("--create").arg("--dereference").arg("--file").arg(&tar).args(["--directory", programs, PROGRAM]);
        run_captured(&mut pack)?;
        let image = format!("{}/{}", self.address, path_of(DOCKERFILE_FRONTEND));
        let mut append = lab.crane(["append", "--oci-empty-base", "--new_tag", &image, "--new_layer"]);
        run_captured(append.arg(&tar))?;
        let mut mutate = lab.crane(["mutate", &image, "--tag", &image, "--entrypoint", "/dockerfile-frontend"]);
        mutate.arg(format!("--set-platform=linux/{}", architecture()));
        // As the official image has them: without, BuildKit would give the frontend less and ask it for less.
        mutate.args(["--label", "moby.buildkit.frontend.network.none=true", "--label"]);
        mutate.arg(format!("moby.buildkit.frontend.caps={}", FRONTEND_CAPABILITIES.replace(' ', ",")));
        run_captured(&mut mutate)?;
        Ok(())
    }

    /// Sizes of all blobs, by digest. Manifests are not among them: they are kept in memory, and small.
    pub fn blobs(&self) -> Result<BTreeMap<String, u64>> {
        let directory = self.directory.join("sha256");
        let mut blobs = BTreeMap::new();
        for blob in fs::read_dir(&directory).with_context(|| format!("cannot list {}", directory.display()))? {
            let blob = blob?;
            blobs.insert(blob.file_name().to_string_lossy().into_owned(), blob.metadata()?.len());
        }
        Ok(blobs)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.daemon.take());
        drop(fs::remove_dir_all(&self.directory));
    }
}

/// What the Dockerfile frontend declares.
const FRONTEND_CAPABILITIES: &str =
    "moby.buildkit.frontend.inputs moby.buildkit.frontend.subrequests moby.buildkit.frontend.contexts";

/// The path of an image in a registry that mirrors its own.
pub fn path_of(image: &str) -> String {
    match image.split_once('/') {
        None => format!("library/{image}"),
        Some((registry, path)) if registry.contains('.') => path.to_owned(),
        Some(_) => image.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_by_path() {
        for (image, path) in [
            (BASE, "library/python:3.13-slim-bookworm"),
            (UV, "astral-sh/uv:0.13.9"),
            (DOCKERFILE_FRONTEND, "docker/dockerfile:1"),
        ] {
            assert_eq!(path_of(image), path);
        }
    }
}

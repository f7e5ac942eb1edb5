//! A contestant at work: its copy of the workspace, its registry and builder, and measured builds.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;

use super::recipes::{Contestant, Loaded};
use super::registry::{Registry, Seeds};
use super::snapshot::Snapshot;
use super::terminal;
use crate::builder::Builder;
use crate::grounds::Grounds;
use crate::lab::Lab;
use crate::lab::process::{run_captured, tail};

/// One measured build.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    pub seconds: f64,
    /// Bytes of blobs that the registry did not have before.
    pub bytes_pushed: u64,
    /// The digest of the manifest that was pushed, of a build that pushes one image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// What all contestants share.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    pub lab: &'a Lab,
    pub grounds: &'a Grounds,
    pub seeds: &'a Seeds,
}

impl Site<'_> {
    fn registry(&self, name: &str) -> Result<Registry> {
        Registry::start(self.lab, self.grounds, name, self.seeds)
    }

    fn builder(&self, name: &str, registry: &Registry) -> Result<Builder> {
        Builder::start(self.lab, self.grounds, name, &registry.address)
    }
}

/// What a contestant has while the benchmark runs. Fields end in this order.
#[derive(Debug)]
pub struct Contender<'a> {
    pub contestant: Contestant,
    site: &'a Site<'a>,
    workspace: PathBuf,
    services: Vec<String>,
    builder: Builder,
    registry: Registry,
    /// Counts builds, to name their logs.
    builds: usize,
    /// The build with which it began.
    pub first: Sample,
}

/// How one build differs from the usual one.
#[derive(Debug, Clone, Copy)]
pub struct Variation<'a> {
    pub loaded: Loaded,
    /// Further arguments for `docker buildx build`.
    pub arguments: &'a [String],
}

impl Variation<'_> {
    pub const NONE: Variation<'static> = Variation { loaded: Loaded::BuiltIn, arguments: &[] };
}

impl<'a> Contender<'a> {
    /// Begins with an empty builder and registry, and builds once.
    pub fn begin(
        site: &'a Site<'a>,
        contestant: Contestant,
        services: &[&str],
        snapshot: &Snapshot,
    ) -> Result<Contender<'a>> {
        let name = contestant.name();
        let workspace = site.grounds.path(&format!("{name}-workspace"));
        snapshot.apply(&workspace)?;
        let registry = site.registry(&format!("{name}-registry"))?;
        let builder = site.builder(&format!("{name}-builder"), &registry)?;
        let mut contender = Contender {
            contestant,
            site,
            workspace,
            services: services.iter().map(|&service| service.to_owned()).collect(),
            builder,
            registry,
            builds: 0,
            first: Sample { seconds: 0.0, bytes_pushed: 0, digest: None },
        };
        contender.first = contender.build(Variation::NONE)?;
        Ok(contender)
    }

    pub fn apply(&self, snapshot: &Snapshot) -> Result<()> {
        snapshot.apply(&self.workspace)
    }

    /// Builds `api` and pushes it.
    pub fn build(&mut self, variation: Variation<'_>) -> Result<Sample> {
        self.builds += 1;
        self.build_with(&self.builder, &self.registry, variation)
    }

    /// The same with an empty builder and registry of its own.
    pub fn build_cold(&mut self) -> Result<Sample> {
        self.builds += 1;
        let name = self.contestant.name();
        let registry = self.site.registry(&format!("{name}-cold-registry"))?;
        let builder = self.site.builder(&format!("{name}-cold-builder"), &registry)?;
        self.build_with(&builder, &registry, Variation::NONE)
    }

    /// Exports everything to a cache in the registry.
    pub fn export_cache(&mut self) -> Result<()> {
        let export = format!("--cache-to=type=registry,ref={},mode=max", self.cache());
        self.build(Variation { arguments: &[export], ..Variation::NONE })?;
        Ok(())
    }

    /// The same build with an empty builder that knows the cache in the registry.
    pub fn build_from_cache(&mut self) -> Result<Sample> {
        self.builds += 1;
        let name = self.contestant.name();
        let builder = self.site.builder(&format!("{name}-fresh-builder"), &self.registry)?;
        let import = format!("--cache-from=type=registry,ref={}", self.cache());
        self.build_with(&builder, &self.registry, Variation { arguments: &[import], ..Variation::NONE })
    }

    /// Builds all services with one `docker buildx bake` and pushes them.
    pub fn bake(&mut self) -> Result<Sample> {
        self.builds += 1;
        let repository = format!("{}/{}", self.registry.address, self.contestant.name());
        let services: Vec<&str> = self.services.iter().map(String::as_str).collect();
        let file = self.site.grounds.path(&format!("{}-bake.json", self.contestant.name()));
        fs::write(&file, self.contestant.bake_file(&services, &self.workspace, &repository).to_string())?;
        let mut command = self.builder.buildx(self.site.lab, ["bake", "--push", "--provenance=false", "--sbom=false"]);
        // The context is outside of the directory where bake is started, which it would ask about.
        command.args(["--progress=plain", "--allow=fs.read=*", "--file"]).arg(&file);
        self.measure(&mut command, &self.registry)
    }

    /// What `service` prints when it is started from the image that was pushed last.
    pub fn answer(&mut self, service: &str) -> Result<String> {
        let directory = self.site.grounds.path("answer");
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        let image = format!("{}/{}/{service}:latest", self.registry.address, self.contestant.name());
        let dockerfile = format!(
            "FROM {image} AS image\nRUN {service} > /tmp/answer\nFROM scratch\nCOPY --from=image /tmp/answer /answer\n"
        );
        fs::write(directory.join("Dockerfile"), dockerfile)?;
        let mut command = self.builder.buildx(self.site.lab, ["build", "--pull", "--progress=plain"]);
        command.arg(format!("--output=type=local,dest={}", directory.display())).arg(&directory);
        run_captured(&mut command).with_context(|| format!("the image of {} does not run", self.contestant.name()))?;
        Ok(fs::read_to_string(directory.join("answer"))?)
    }

    fn cache(&self) -> String {
        format!("{}/{}/cache:latest", self.registry.address, self.contestant.name())
    }

    fn build_with(&self, builder: &Builder, registry: &Registry, variation: Variation<'_>) -> Result<Sample> {
        let file = self.workspace.join(self.contestant.file(variation.loaded));
        let image = format!("{}/{}/api:latest", registry.address, self.contestant.name());
        let mut command = builder.buildx(self.site.lab, ["build", "--push", "--provenance=false", "--sbom=false"]);
        command.args(["--progress=plain", "--tag", &image, "--file"]).arg(file);
        command.args(self.contestant.choice("api")).args(variation.arguments).arg(&self.workspace);
        let mut sample = self.measure(&mut command, registry)?;
        let digest = run_captured(&mut self.site.lab.crane(["digest", "--insecure", &image]))?;
        sample.digest = Some(digest.trim().to_owned());
        Ok(sample)
    }

    /// Runs a command, with its output in a log.
    fn measure(&self, command: &mut Command, registry: &Registry) -> Result<Sample> {
        let log = self.site.grounds.log(&format!("{}-{:02}", self.contestant.name(), self.builds));
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let before = registry.blobs()?;
        let since = Instant::now();
        let status = command.status().context("cannot start `docker buildx`")?;
        let seconds = since.elapsed().as_secs_f64();
        if !status.success() {
            bail!("a build of {} failed; {} ends with:\n{}", self.contestant.name(), log.display(), tail(&log));
        }
        let pushed = registry.blobs()?.into_iter().filter(|(digest, _)| !before.contains_key(digest));
        let sample = Sample { seconds, bytes_pushed: pushed.map(|(_, size)| size).sum(), digest: None };
        terminal::report(format_args!(
            "{:<6}{:8.2} s, {:7.1} MB pushed ({})",
            self.contestant.name(),
            sample.seconds,
            sample.bytes_pushed as f64 / 1e6,
            file_name(&log)
        ));
        Ok(sample)
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

//! A plan for people and programs: the JSON of `uv-buildkit plan --format json` and its text twin.

use std::collections::BTreeMap;

use buildkit_llb::printable;
use serde::Serialize;

use super::Plan;
use super::access::Download;
use super::application::Application;
use super::contents::{Contents, Layer};
use super::files::Copied;
use super::package::{Origin, Package};
use super::product::Product;
use crate::rootfs::source_path;
use crate::service::shown;

/// The JSON form of a plan.
#[derive(Debug, Serialize)]
pub struct Report<'plan> {
    target: &'plan str,
    #[serde(skip_serializing_if = "Option::is_none")]
    product: Option<&'static str>,
    platform: String,
    python: String,
    base: &'plan str,
    builder: &'plan str,
    uv: &'plan str,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'plan str>,
    layers: Vec<LayerReport<'plan>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    run: Vec<&'plan [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<StartReport<'plan>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requirements: Option<&'plan str>,
}

/// What was found to start.
#[derive(Debug, Serialize)]
struct StartReport<'plan> {
    cmd: &'plan [String],
    env: &'plan BTreeMap<String, String>,
    because: &'plan str,
}

#[derive(Debug, Serialize)]
struct LayerReport<'plan> {
    name: &'plan str,
    kind: &'static str,
    packages: Vec<PackageReport<'plan>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    system: &'plan [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<&'plan str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileReport<'plan>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    run: Vec<&'plan [String]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<&'plan str>,
}

#[derive(Debug, Serialize)]
struct PackageReport<'plan> {
    name: &'plan str,
    version: Option<&'plan str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact: Option<ArtifactReport<'plan>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    directory: Option<&'plan str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    build_requires: Option<&'plan [String]>,
}

#[derive(Debug, Serialize)]
struct ArtifactReport<'plan> {
    file: &'plan str,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    hash: Option<String>,
    size: Option<u64>,
}

#[derive(Debug, Serialize)]
struct FileReport<'plan> {
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'plan str>,
    from: &'plan str,
    to: &'plan str,
}

impl<'plan> Report<'plan> {
    /// The report of a plan.
    pub fn new(plan: &'plan Plan) -> Self {
        Self {
            target: &plan.target,
            product: (plan.product != Product::Image).then(|| plan.product.description()),
            platform: plan.platform.to_string(),
            python: plan.interpreter.shown_version(),
            base: &plan.base,
            builder: &plan.builder,
            uv: &plan.uv,
            directory: plan.destination.directory(),
            layers: plan.layers.iter().map(|layer| LayerReport::new(plan, layer)).collect(),
            run: plan.check.iter().flat_map(|check| &check.commands).map(|command| &command.value[..]).collect(),
            start: plan.start.as_ref().map(|start| StartReport {
                cmd: &start.cmd,
                env: &start.env,
                because: &start.reason,
            }),
            requirements: match &plan.product {
                Product::Requirements(text) => Some(text),
                _ => None,
            },
        }
    }

    /// One block a layer, one line a package.
    pub fn text(&self) -> String {
        let directory = self.directory.map(|path| format!(" in {path}")).unwrap_or_default();
        let product = self.product.map(|product| format!("{product} of ")).unwrap_or_default();
        let Self { target, platform, python, base, .. } = self;
        let mut text = String::new();
        // Names, paths and commands are of files, and a line of theirs is none of the report.
        let mut line = |shown: String| {
            text += &printable(&shown);
            text.push('\n');
        };
        line(format!("{product}{target} ({platform}, python {python}){directory} on {base}"));
        if let Some(requirements) = self.requirements {
            return text + requirements;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let size: u64 = layer.packages.iter().filter_map(|package| package.artifact.as_ref()?.size).sum();
            let size = if size > 0 { format!("  {}", megabytes(size)) } else { String::new() };
            line(format!("{:>4}  {:<12} {}{size}", index + 1, layer.kind, layer.name));
            for package in &layer.packages {
                let version = package.version.unwrap_or("(dynamic version)");
                let from = match (&package.artifact, package.directory) {
                    (Some(artifact), _) => artifact.file.to_owned(),
                    (None, Some(directory)) => format!("built from {directory}"),
                    (None, None) => String::new(),
                };
                line(format!("        {} {version}  {from}", package.name));
            }
            for package in layer.system {
                line(format!("        {package}"));
            }
            for directory in &layer.sources {
                line(format!("        {directory} -> {}", source_path(directory)));
            }
            for file in &layer.files {
                let step = file.step.map(|step| format!("{step}: ")).unwrap_or_default();
                line(format!("        {step}{} -> {}", file.from, file.to));
            }
            for command in &layer.run {
                line(format!("        run {}", command.join(" ")));
            }
            for output in &layer.outputs {
                line(format!("        keep {output}"));
            }
        }
        for command in &self.run {
            line(format!("      run          {}", command.join(" ")));
        }
        if let Some(StartReport { cmd, because, .. }) = &self.start {
            line(format!("      start        {}  ({because})", shown(cmd)));
        }
        let packages: usize = self.layers.iter().map(|layer| layer.packages.len()).sum();
        let artifacts =
            self.layers.iter().flat_map(|layer| &layer.packages).filter_map(|package| package.artifact.as_ref());
        let size: u64 = artifacts.filter_map(|artifact| artifact.size).sum();
        // Flat indexes tell no sizes: then there is nothing to say about them.
        let size = if size > 0 { format!(", {} to fetch", megabytes(size)) } else { String::new() };
        text + &format!("{} layers, {packages} packages{size}\n", self.layers.len())
    }
}

impl<'plan> LayerReport<'plan> {
    fn new(plan: &'plan Plan, layer: &'plan Layer) -> Self {
        let mut report = Self {
            name: &layer.name,
            kind: layer.kind(),
            packages: Vec::new(),
            system: &[],
            sources: Vec::new(),
            files: Vec::new(),
            run: Vec::new(),
            outputs: Vec::new(),
        };
        match &layer.contents {
            Contents::Account { .. }
            | Contents::Writable(_)
            | Contents::Python { .. }
            | Contents::Bytecode
            | Contents::Venv => {}
            Contents::System(packages) => report.system = &packages.names,
            Contents::ThirdParty(packages) => {
                report.packages.extend(packages.iter().map(|package| PackageReport {
                    name: &package.name,
                    version: Some(&package.version),
                    artifact: Some(ArtifactReport::new(plan, package)),
                    directory: None,
                    build_requires: None,
                }));
            }
            Contents::Members(members) => report.packages.extend(members.iter().map(|member| PackageReport {
                name: &member.name,
                version: member.version.as_deref(),
                artifact: None,
                directory: Some(&member.directory),
                build_requires: member.backend.map(|backend| plan.backends[backend].requires.as_slice()),
            })),
            Contents::Sources { trees, .. } => report.sources.extend(trees.iter().map(|tree| tree.directory.as_str())),
            Contents::Application(Application { directory, to, .. }) => {
                report.files.push(FileReport { step: None, from: directory, to });
            }
            Contents::Files(files) => report.files.extend(files.iter().map(FileReport::new)),
            Contents::Step(step) => {
                report.files.extend(step.inputs.iter().map(FileReport::new));
                report.run.extend(step.commands.iter().map(|command| &command.value[..]));
                report.outputs.extend(step.outputs.iter().map(|output| output.to.as_str()));
            }
        }
        report
    }
}

impl<'plan> FileReport<'plan> {
    fn new(file: &'plan Copied) -> Self {
        Self { step: file.step(), from: file.from(), to: &file.to }
    }
}

impl<'plan> ArtifactReport<'plan> {
    fn new(plan: &Plan, package: &'plan Package) -> Self {
        let (url, secret) = match &package.artifact.origin {
            Origin::Url(url) => {
                let Download { url, secret, .. } = plan.access.download(url, package.index.as_deref());
                (url.to_string(), secret.map(|secret| secret.value))
            }
            Origin::Context(path) => (path.clone(), None),
            Origin::Git { url, .. } => (url.clone(), None),
        };
        let hash = package.artifact.hash.as_ref().map(ToString::to_string);
        Self { file: &package.artifact.file, url, secret, hash, size: package.artifact.size }
    }
}

impl Layer {
    /// As reports call its kind.
    pub fn kind(&self) -> &'static str {
        match self.contents {
            Contents::Account { .. } => "user",
            Contents::System(_) => "system",
            Contents::Python { .. } => "python",
            Contents::Bytecode => "bytecode",
            Contents::Venv => "venv",
            Contents::ThirdParty(_) => "third-party",
            Contents::Members(_) => "member",
            Contents::Sources { .. } => "sources",
            Contents::Application(_) => "application",
            Contents::Files(_) => "files",
            Contents::Writable(_) => "writable",
            Contents::Step(_) => "step",
        }
    }
}

pub fn megabytes(bytes: u64) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

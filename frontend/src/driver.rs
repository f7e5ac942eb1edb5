//! One build, from the client's options to the result: the order of IO is visible here, and only here.

mod failure;
mod images;
mod reading;
mod result;

use std::collections::BTreeMap;

use buildkit_proto::caps::llb::MERGE_OP;
use buildkit_proto::gateway::{BuildResult, CacheImport, Ref, Refs, SolveRequest};
use buildkit_proto::{Gateway, GatewayError, pb};
use futures::future::try_join_all;

use crate::compile::{Compiled, Inputs, compile};
use crate::lock::PackageId;
use crate::lower;
use crate::manifest::Manifest;
use crate::options::Options;
use crate::plan::Platform;
use crate::project::{Project, Request, Target};
use failure::Failure;
use reading::Context;

/// Builds what the options ask for and reports it, or the reason why not, to BuildKit. The error is that of reporting.
pub async fn run(gateway: Gateway, options: Options) -> Result<(), GatewayError> {
    // A task of its own, so that a panic in it becomes an error that the user sees instead of an exit code.
    let task = tokio::spawn({
        let gateway = gateway.clone();
        async move { build(&gateway, &options).await }
    });
    let outcome = task.await.unwrap_or_else(|error| Err(Failure::Panic(error.to_string())));
    match outcome {
        Ok(result) => gateway.return_result(result).await,
        Err(failure) => gateway.return_error(&failure.into_error()).await,
    }
}

async fn build(gateway: &Gateway, options: &Options) -> Result<BuildResult, Failure> {
    if let Some(request) = options.get("requestid") {
        return Err(Failure::Unsupported(request.to_owned()));
    }
    let platforms = options.platforms()?;
    let is_map = options.multi_platform(platforms.len())?;
    let context = Context::new(gateway, options)?;
    let entry = context.entry_files().await?;

    let project = Project::parse(&entry.files, &options.build_args())?;
    let request = options.get("target").map_or(Request::Default, |name| Request::Target(name.to_owned()));
    let manifests = context.manifests(&project, &request).await?;
    let mut target = project.target(&request, &manifests)?;
    target.labels.extend(options.labels());

    let job = Job { gateway, options, project: &project, target: &target, manifests: &manifests };
    let show_platform = platforms.len() > 1;
    let built =
        try_join_all(platforms.iter().map(|platform| job.build(platform, &entry.ignore, show_platform))).await?;
    Ok(result::assemble(platforms.into_iter().zip(built).collect(), is_map))
}

/// What the builds of all platforms share.
struct Job<'a> {
    gateway: &'a Gateway,
    options: &'a Options,
    project: &'a Project,
    target: &'a Target,
    manifests: &'a BTreeMap<PackageId, Manifest>,
}

/// The image of one platform.
struct Built {
    reference: Option<Ref>,
    config: Vec<u8>,
    base_config: Vec<u8>,
}

impl Job<'_> {
    async fn build(&self, platform: &Platform, ignore: &[String], show_platform: bool) -> Result<Built, Failure> {
        let outside = images::resolve(self, platform).await?;
        let inputs = Inputs {
            project: self.project,
            target: self.target,
            manifests: self.manifests,
            outside: &outside,
            options: lower::Options {
                session: self.options.local_session("context").to_owned(),
                ignore: ignore.to_vec(),
                no_cache: self.options.no_cache(),
                merge: self.gateway.llb_caps().supports(MERGE_OP),
                show_platform,
                ..lower::Options::default()
            },
            epoch: self.options.source_date_epoch(),
        };
        let Compiled { image, config, warnings, .. } = compile(inputs)?;
        let definition = buildkit_llb::marshal(image)?;
        for warning in &warnings {
            failure::warn(self.gateway, &definition, warning).await;
        }
        let reference = self.solve(definition.into_pb()).await?;
        Ok(Built { reference, config, base_config: outside.base.config })
    }

    /// Solves a graph with the client's remote caches, lazily.
    async fn solve(&self, definition: pb::Definition) -> Result<Option<Ref>, GatewayError> {
        solve(self.gateway, definition, self.options.cache_imports()).await
    }
}

/// The one filesystem of a graph; none when it is empty.
async fn solve(
    gateway: &Gateway,
    definition: pb::Definition,
    cache_imports: Vec<CacheImport>,
) -> Result<Option<Ref>, GatewayError> {
    let request = SolveRequest { definition, cache_imports, ..SolveRequest::default() };
    match gateway.solve(request).await?.refs {
        Refs::Single(reference) => Ok(Some(reference)),
        Refs::Empty | Refs::Map(_) => Ok(None),
    }
}

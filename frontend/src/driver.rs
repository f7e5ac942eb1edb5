//! One build, from the client's options to the result: the order of IO is visible here, and only here.

mod checks;
mod contexts;
mod daemon;
mod downloads;
mod failure;
mod files;
mod flags;
mod images;
mod job;
mod links;
mod listing;
pub mod memory;
mod modules;
mod private_files;
mod programs;
mod reading;
mod result;
mod size;
mod solve;
mod steps;
mod surroundings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::{Definition, Input, Output};
use buildkit_proto::caps::gateway::ATTESTATIONS;
use buildkit_proto::caps::llb::{FILE_COPY_INCLUDE_EXCLUDE_PATTERNS, MERGE_OP};
use buildkit_proto::gateway::{Attestation, AttestationKind, BuildResult, Ref, SolveRequest};
use buildkit_proto::{Gateway, GatewayError, pb};
use futures::future::try_join_all;
use tokio::sync::OnceCell;

use crate::calls::{self, Answer, Call};
use crate::compile::{self, Compiled, Inputs, Prepared, compile};
use crate::config::Request;
use crate::config::sbom::Sbom;
use crate::config::system::Manager;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::image;
use crate::lower;
use crate::options::{Epoch, Options};
use crate::plan::{Outside, Plan, system};
use crate::platform::Platform;
use crate::private;
use crate::project::{Project, Target};
use crate::sbom;
use crate::service::Modules;
use crate::stale;
use crate::stale::vicinity::Vicinity;
use crate::surroundings::Surroundings;
use contexts::{Contexts, Place};
use failure::Failure;
use images::Images;
use job::{Built, Job, Read};
use reading::EntryFiles;
use solve::solve;

/// Builds what the options ask for and reports it, or the reason why not, to BuildKit. The error is that of reporting.
pub async fn run(gateway: Gateway, options: Options) -> Result<(), GatewayError> {
    // A task of its own, so that a panic in it becomes an error that the user sees instead of an exit code.
    let task = tokio::spawn({
        let gateway = gateway.clone();
        async move { build(&gateway, &options).await }
    });
    let outcome = tokio::select! {
        outcome = task => outcome.unwrap_or_else(|error| Err(Failure::Panic(error.to_string()))),
        () = memory::exhausted() => Err(memory::error().into()),
    };
    match outcome {
        Ok(result) => gateway.return_result(result).await,
        Err(failure) => {
            let error = steps::explain(&gateway, failure.into_error()).await;
            gateway.return_error(&error).await
        }
    }
}

async fn build(gateway: &Gateway, options: &Options) -> Result<BuildResult, Failure> {
    options.require_capabilities()?;
    if let Some(id) = options.get("requestid") {
        let call = Call::parse(id).ok_or_else(|| Failure::Unsupported(id.to_owned()))?;
        return answer(gateway, options, call).await.map(result::answer);
    }
    let platforms = options.platforms()?;
    let is_map = options.multi_platform(platforms.len())?;
    let contexts = Contexts::open(gateway, options).await?;
    let read = Read::new(&contexts, &platforms[0], false).await?;
    let target = read.target(options)?;
    let checks = read.checks(&target)?;
    let job = Job::new(&contexts, &read, &target)?.dated().await?.with_checks(&platforms);
    let required = checks.iter().map(|check| Job::new(&contexts, &read, check)).collect::<Result<Vec<_>, _>>()?;
    let checked = if required.is_empty() { Vec::new() } else { checks::platforms(options, &platforms) };
    let elsewhere = || checked.iter().filter(|platform| !platforms.contains(platform));
    let show_platform = platforms.len() > 1 || elsewhere().next().is_some();
    let built = try_join_all(platforms.iter().map(async |platform| {
        let (images, _) = futures::join!(images::resolve(&job, platform), job.private());
        let images = images?;
        let here = required.iter().filter(|_| checked.contains(platform));
        let passes = here.map(|check| check.pass(Some((&job, &images)), platform, show_platform));
        let build = job.build(images.clone(), platform, show_platform);
        futures::try_join!(build, try_join_all(passes)).map(|(built, _)| built)
    }));
    let passes = elsewhere().flat_map(|platform| required.iter().map(move |check| (check, platform)));
    let passes = try_join_all(passes.map(|(check, platform)| check.pass(None, platform, show_platform)));
    let (built, _) = futures::try_join!(built, passes)?;
    Ok(result::assemble(platforms.into_iter().zip(built).collect(), is_map, job.epoch))
}

/// Answers a call without building.
async fn answer(gateway: &Gateway, options: &Options, call: Call) -> Result<Answer, Failure> {
    // These are not about a project.
    match call {
        Call::Describe => return Ok(calls::describe()),
        Call::Schema => return Ok(calls::schema()),
        _ => {}
    }
    let contexts = Contexts::open(gateway, options).await?;
    let platforms = options.platforms()?;
    let platform = platforms[0].clone();
    let read = match Read::new(&contexts, &platform, call == Call::Targets).await {
        Err(Failure::Diagnostics(errors)) if call == Call::Lint => return Ok(calls::lint(&Err(errors))),
        read => read?,
    };
    let check = &read.check;
    match call {
        Call::Describe => Ok(calls::describe()),
        Call::Schema => Ok(calls::schema()),
        Call::Targets => Ok(calls::targets(&read.project, &read.manifests)),
        Call::Outline => {
            let target = read.target(options)?;
            // A target can be described that cannot be planned: its base may not be there.
            let graph = Job::new(&contexts, &read, &target)?.graph(&platform).await;
            let caches = graph.map_or_else(|_| Ok(BTreeSet::new()), |graph| graph.caches())?;
            Ok(calls::outline(&read.project, &target, &read.manifests, &caches)?)
        }
        Call::Files => {
            let target = read.target(options)?;
            Job::new(&contexts, &read, &target)?.files(&platform).await
        }
        Call::ConvertLlb => {
            let target = read.target(options)?;
            let graph = Job::new(&contexts, &read, &target)?.graph(&platform).await?;
            Ok(calls::graph(buildkit_llb::json(&graph)?, graph.text()?))
        }
        Call::Lint | Call::Plan => match planned(&contexts, &platforms, &read).await {
            Ok((plan, _)) if call == Call::Plan => Ok(calls::plan(&plan)),
            Ok((_, warnings)) => Ok(calls::lint(&check.settle(warnings))),
            Err(Failure::Diagnostics(errors)) if call == Call::Lint => Ok(calls::lint(&Err(errors))),
            Err(failure) => Err(failure),
        },
    }
}

/// The plan for the first platform, and all that a build of it would warn of.
async fn planned(
    contexts: &Contexts<'_>,
    platforms: &[Platform],
    read: &Read,
) -> Result<(Plan, Vec<Diagnostic>), Failure> {
    let target = read.target(contexts.options)?;
    let job = Job::new(contexts, read, &target)?.dated().await?.with_checks(platforms);
    let (found, private) = futures::join!(job.outside(&platforms[0]), job.private());
    let (Images { outside, replaced, warnings: of_images }, elsewhere) = found?;
    let Prepared { plan, warnings, .. } = compile::prepare(job.inputs(&outside, replaced, elsewhere, false))?;
    let private = private::check(&plan, private);
    Ok((plan, job.warnings.iter().cloned().chain(of_images).chain(warnings).chain(private).collect()))
}

impl Read {
    /// Reads what the requested target needs, or, with `all`, what a list of all targets does.
    async fn new(contexts: &Contexts<'_>, platform: &Platform, all: bool) -> Result<Self, Failure> {
        let options = contexts.options;
        let EntryFiles { files, ignore, ignore_file, beside, check } =
            reading::entry_files(contexts, &request(options)).await?;
        let check = options.check(check.as_deref())?;
        let project = Project::parse(&files, &options.build_args())?;
        let request = match (request(options), &beside) {
            (Request::Default, Some(name)) => project.request_beside(name),
            (request, _) => request,
        };
        let (manifests, vicinity) = match all && project.declares_targets() {
            // Declared targets speak for themselves, and there may be none to choose.
            true => Default::default(),
            false => {
                let elsewhere = elsewhere(contexts, &project, platform).await?;
                let ((manifests, above), newcomers) = futures::try_join!(
                    reading::manifests(contexts, &project, &request, &elsewhere),
                    listing::newcomers(contexts, &project, &ignore),
                )?;
                (manifests, Vicinity { newcomers, above })
            }
        };
        let linked = links::targets(contexts, &project).await?;
        let surroundings = OnceCell::new();
        Ok(Self { project, request, manifests, vicinity, ignore, ignore_file, linked, check, surroundings })
    }

    /// What lies around the local projects.
    async fn surroundings(&self, contexts: &Contexts<'_>) -> Result<Arc<Surroundings>, Failure> {
        let look =
            async || surroundings::look(contexts, &self.project, &self.manifests, &self.ignore).await.map(Arc::new);
        self.surroundings.get_or_try_init(look).await.cloned()
    }

    /// What must pass before a target is built.
    fn checks(&self, target: &Target) -> Result<Vec<Target>, Diagnostics> {
        let named = |name: &str| self.project.target(&Request::Target(name.to_owned()), &self.manifests);
        target.check.requires.iter().map(|required| named(&required.value)).collect()
    }

    /// What to build, of a lock that is up to date.
    fn target(&self, options: &Options) -> Result<Target, Diagnostics> {
        stale::check(&self.project, &self.manifests, &self.vicinity)?;
        let mut target = self.project.target(&self.request, &self.manifests)?;
        target.labels.extend(options.labels());
        target.git_labels = options.git_labels();
        Ok(target)
    }
}

/// The local projects whose files named contexts give, by name.
async fn elsewhere(
    contexts: &Contexts<'_>,
    project: &Project,
    platform: &Platform,
) -> Result<BTreeMap<String, (Place, Input)>, Failure> {
    let mut elsewhere = BTreeMap::new();
    for name in project.local_names() {
        if let Some(found) = contexts.replace_directory(name, platform).await? {
            elsewhere.insert(name.to_owned(), found);
        }
    }
    Ok(elsewhere)
}

/// `--target`
fn request(options: &Options) -> Request {
    options.get("target").map_or(Request::Default, |name| Request::Target(name.to_owned()))
}

impl<'a> Job<'a> {
    /// Reads the options before anything more is asked of the daemon.
    fn new(contexts: &'a Contexts<'a>, read: &'a Read, target: &'a Target) -> Result<Self, Failure> {
        let Contexts { gateway, options, .. } = *contexts;
        let container = options.container()?;
        let limits = options.limits()?;
        flags::require(&container, limits.as_ref(), gateway.llb_caps())?;
        let mut warnings = flags::warnings(options, &read.project);
        warnings.extend(contexts.unused(&read.project, target));
        Ok(Self {
            contexts,
            gateway,
            options,
            read,
            target,
            container,
            limits,
            epoch: None,
            cache_imports: options.cache_imports()?,
            resolve_mode: options.resolve_mode()?,
            warnings,
            found: OnceCell::new(),
            modules: OnceCell::new(),
        })
    }

    /// With the time that the client asks for.
    async fn dated(mut self) -> Result<Self, Failure> {
        let epoch = self.options.source_date_epoch()?;
        self.epoch = match epoch {
            Epoch::Unset => None,
            Epoch::Seconds(seconds) => Some(seconds),
            Epoch::OfContext => self.contexts.time().await?,
        };
        if self.epoch.is_none() && epoch == Epoch::OfContext {
            self.warnings.push(flags::no_time());
        }
        Ok(self)
    }

    /// With what is to be said of the checks that it requires, in a build for these platforms.
    fn with_checks(mut self, platforms: &[Platform]) -> Self {
        self.warnings.extend(checks::elsewhere(self.target, self.options, platforms));
        self
    }

    /// Files of the context that are usually kept private, in trees that the image has whole; looked for once. A context in which
    /// nothing can be looked for has none: it is only a warning that is about them.
    async fn private(&self) -> &BTreeSet<String> {
        let find =
            || async { private_files::find(self.contexts, self.target, &self.read.ignore).await.unwrap_or_default() };
        self.found.get_or_init(find).await
    }

    /// What lies around local projects, and the modules of the target's own, where nobody said what it starts.
    async fn around(&self) -> Result<(Arc<Surroundings>, Arc<Modules>), Failure> {
        let surroundings = self.read.surroundings(self.contexts).await?;
        let Read { project, manifests, .. } = self.read;
        let wanted = image::start::wanted(project, self.target, manifests, &surroundings);
        let read = || async { modules::read(self.contexts, &wanted).await.map(Arc::new) };
        Ok((surroundings.clone(), self.modules.get_or_try_init(read).await?.clone()))
    }

    async fn build(&self, images: Images, platform: &Platform, show_platform: bool) -> Result<Built, Failure> {
        let elsewhere = elsewhere(self.contexts, &self.read.project, platform).await?;
        let Images { outside, replaced, warnings: of_images } = images;
        let Compiled { image, config, list, warnings, plan, doubt } =
            compile(self.inputs(&outside, replaced, elsewhere, show_platform))?;
        let private = private::check(&plan, self.private().await);
        let all = self.warnings.iter().cloned().chain(of_images).chain(warnings).chain(private);
        let warnings = self.read.check.settle(all.collect())?;
        if self.read.check.error {
            Diagnostics::check(warnings.clone())?;
        }
        let definition = buildkit_llb::marshal(image)?;
        daemon::require(&definition, self.gateway.llb_caps())?;
        failure::warn(self.gateway, &definition, &warnings).await;
        let image = async {
            let reference = self.solve(definition.into_pb()).await?;
            if let Some(reference) = &reference {
                // First of all, so that a download that fails is explained.
                downloads::check(self, reference, &plan).await?;
            }
            if let Some(doubt) = doubt {
                self.read.check.settle(programs::missing(self, doubt).await?.into_iter().collect())?;
            }
            if let (Some(list), Some(limit)) = (list, &self.target.max_image_size) {
                size::check(self, list, limit).await?;
            }
            Ok(reference)
        };
        let (reference, bill) = futures::try_join!(image, self.bill_of_materials(&plan))?;
        let attestations = bill.into_iter().collect();
        Ok(Built { reference, config, base_config: outside.base.config.into_bytes(), attestations })
    }

    /// What the lock says of an image, when that is wanted.
    async fn bill_of_materials(&self, plan: &Plan) -> Result<Option<Attestation>, Failure> {
        // A daemon that knows nothing of attestations has none to write either.
        let is_wanted = self.options.wants_sbom() && self.gateway.caps().supports(ATTESTATIONS);
        if self.target.sbom == Sbom::Scanner || plan.check.is_some() || !is_wanted {
            return Ok(None);
        }
        let bundle = lower::sbom::bundle(&sbom::statement(plan, self.epoch));
        let reference = self.solve(buildkit_llb::marshal(&bundle)?.into_pb()).await?;
        // BuildKit scans an image unless it is told at once what a bundle holds (BuildKit: `HasSBOM`); it looks in any case.
        let predicate_type = if self.target.sbom == Sbom::LockOnly { sbom::PREDICATE } else { "" }.to_owned();
        Ok(Some(Attestation {
            kind: AttestationKind::Bundle,
            metadata: BTreeMap::from([("reason".to_owned(), b"sbom".to_vec())]),
            reference,
            path: String::new(),
            predicate_type,
            subjects: Vec::new(),
        }))
    }

    /// Runs a check that another target requires, whose images are often those that are known of that. What it leaves is of no
    /// interest.
    async fn pass(
        &self,
        of: Option<(&Job<'_>, &Images)>,
        platform: &Platform,
        show_platform: bool,
    ) -> Result<(), Failure> {
        let elsewhere = elsewhere(self.contexts, &self.read.project, platform).await?;
        let Images { outside, replaced, .. } = match of {
            Some((job, images)) if self.target.images() == job.target.images() => images.clone(),
            _ => images::resolve(self, platform).await?,
        };
        let Compiled { image, plan, .. } = compile(self.inputs(&outside, replaced, elsewhere, show_platform))?;
        let definition = buildkit_llb::marshal(image)?;
        daemon::require(&definition, self.gateway.llb_caps())?;
        // Nothing else waits for it, so that nobody else would tell that it failed.
        let cache_imports = self.cache_imports.clone();
        let (definition, limits) = (definition.into_pb(), self.limits.clone());
        let request = SolveRequest { definition, cache_imports, limits, evaluate: true, ..SolveRequest::default() };
        match self.gateway.solve(request).await {
            Ok(_) => Ok(()),
            Err(error) => Err(downloads::why(self, &error, &plan).await.map_or(Failure::Gateway(error), Failure::from)),
        }
    }

    /// The graph of the target.
    async fn graph(&self, platform: &Platform) -> Result<Definition, Failure> {
        let (images, elsewhere) = self.outside(platform).await?;
        let Images { outside, replaced, .. } = images;
        let Compiled { image, .. } = compile(self.inputs(&outside, replaced, elsewhere, false))?;
        Ok(buildkit_llb::marshal(image)?)
    }

    /// What the packages of the target have on disk, which takes installing them.
    async fn files(&self, platform: &Platform) -> Result<Answer, Failure> {
        let (images, elsewhere) = self.outside(platform).await?;
        let Images { outside, replaced, .. } = images;
        let list = size::list(self, compile::files(self.inputs(&outside, replaced, elsewhere, false))?).await?;
        let manager = outside.base.interpreter.as_ref().map_or(Manager::Apt, system::manager);
        Ok(calls::files::answer(&list, manager).map_err(size::unreadable)?)
    }

    /// Images, and files of local projects that lie elsewhere.
    async fn outside(&self, platform: &Platform) -> Result<(Images, BTreeMap<String, (Place, Input)>), Failure> {
        futures::try_join!(images::resolve(self, platform), elsewhere(self.contexts, &self.read.project, platform))
    }

    /// What a compilation depends on.
    fn inputs<'b>(
        &'b self,
        outside: &'b Outside,
        replaced: BTreeMap<(String, Platform), Output>,
        elsewhere: BTreeMap<String, (Place, Input)>,
        show_platform: bool,
    ) -> Inputs<'b> {
        Inputs {
            project: &self.read.project,
            target: self.target,
            manifests: &self.read.manifests,
            outside,
            options: lower::Options {
                images: replaced,
                linked: self.read.linked.union(&outside.surroundings.on_the_way()).cloned().collect(),
                sources: elsewhere.into_iter().map(|(name, (_, sources))| (name, sources)).collect(),
                show_platform,
                ..self.lowering()
            },
            epoch: self.epoch,
        }
    }

    /// What lowering must know of the client and the daemon.
    fn lowering(&self) -> lower::Options {
        lower::Options {
            session: self.options.local_session("context").to_owned(),
            ignore: self.read.ignore.clone(),
            ignore_file: self.read.ignore_file.clone(),
            context: match &self.contexts.context {
                Place::Local { .. } => None,
                Place::Graph(root) => Some(root.clone()),
            },
            project: self.options.project(),
            repository: self.options.repository(),
            no_cache: self.options.no_cache(),
            cache_namespace: self.options.get("build-arg:BUILDKIT_CACHE_MOUNT_NS").map(ToOwned::to_owned),
            merge: self.gateway.llb_caps().supports(MERGE_OP),
            whole_copies: !self.gateway.llb_caps().supports(FILE_COPY_INCLUDE_EXCLUDE_PATTERNS),
            container: self.container.clone(),
            ..lower::Options::default()
        }
    }

    /// Solves a graph with the client's remote caches, lazily.
    async fn solve(&self, definition: pb::Definition) -> Result<Option<Ref>, GatewayError> {
        let (cache_imports, limits) = (self.cache_imports.clone(), self.limits.clone());
        solve(self.gateway, SolveRequest { definition, cache_imports, limits, ..SolveRequest::default() }).await
    }
}

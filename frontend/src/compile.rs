//! The compiler: what was read of a project and of the outside in, a build graph and an image config out. No IO.

use std::collections::BTreeMap;

use buildkit_llb::{Input, Output};

use crate::config::access::Ca;
use crate::config::python::Downloads;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Span};
use crate::ignore;
use crate::image;
use crate::image_config::ImageConfig;
use crate::lock::PackageId;
use crate::lower::{self, Lowered, Options};
use crate::manifest::Manifest;
use crate::missing;
use crate::plan::product::Product;
use crate::plan::{self, Application, Contents, Origin, Outside, Plan, Planned, Reason};
use crate::project::{Project, Target};

/// Everything that a compilation depends on.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// Config, lock and root manifest.
    pub project: &'a Project,
    /// What to build.
    pub target: &'a Target,
    /// Manifests of the local projects that the target can reach.
    pub manifests: &'a BTreeMap<PackageId, Manifest>,
    /// Images and their pythons.
    pub outside: &'a Outside,
    /// Session, ignore patterns, capabilities. Environments are filled in from the images.
    pub options: Options,
    /// `SOURCE_DATE_EPOCH`, in seconds.
    pub epoch: Option<i64>,
}

/// What a target compiles to.
#[derive(Debug)]
pub struct Compiled {
    /// The plan.
    pub plan: Plan,
    /// The filesystem of the image.
    pub image: Input,
    /// The OCI image config.
    pub config: Vec<u8>,
    /// The step that lists what is in the image, if its size is bounded.
    pub list: Option<Output>,
    /// Things that are not errors.
    pub warnings: Vec<Diagnostic>,
    /// What is looked for once the image is made.
    pub doubt: Option<Doubt>,
}

/// A program that an image starts, and that only a script of a package can be.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// Its name.
    pub program: String,
    /// What is said if there is none.
    pub error: Diagnostic,
    /// The layers of packages.
    pub layers: Vec<Output>,
}

/// A target that is planned: everything that can be wrong with it was found, and nothing is lowered yet.
#[derive(Debug)]
pub struct Prepared<'a> {
    /// The plan.
    pub plan: Plan,
    /// Things that are not errors.
    pub warnings: Vec<Diagnostic>,
    doubt: Option<(String, Diagnostic)>,
    target: &'a Target,
    manifest: Option<&'a Manifest>,
    outside: &'a Outside,
    options: Options,
    epoch: Option<i64>,
}

/// Plans a target. A check of it tells what a build would: both find their warnings here.
pub fn prepare(inputs: Inputs<'_>) -> Result<Prepared<'_>, Diagnostics> {
    let Inputs { project, target, manifests, outside, mut options, epoch } = inputs;
    let Planned { mut plan, mut warnings } = plan::plan(project, target, manifests, outside)?;
    plan.start = image::start::of(project, target, &plan, manifests.get(&target.selection.root), outside)?;
    check_ignored(&plan, &options)?;
    missing::Context { surroundings: &outside.surroundings, options: &options }.check(&plan, project, manifests)?;
    options.base_env = outside.base.config.env.clone();
    options.builder_env = outside.builder.config.env.clone();
    options.image_env = image::environment(&outside.base.config, target, &plan);
    options.home = image::home(&options.base_env, target, &plan);
    let manifest = manifests.get(&target.selection.root);
    let root = &project.lock.packages[target.selection.root];
    warnings.extend(image::command::check(&outside.base.config, target, &plan, manifest, &root.span));
    let image = image::program::Image { project, target, plan: &plan, manifests, outside };
    warnings.extend(image.check());
    let doubt = image.doubtful();
    let starts = image.starts();
    for layer in &mut plan.layers {
        if let Contents::Members(members) = &mut layer.contents {
            members.iter_mut().for_each(|member| member.starts = starts.get(&member.name).cloned());
        }
    }
    Ok(Prepared { plan, warnings, doubt, target, manifest, outside, options, epoch })
}

impl Prepared<'_> {
    /// The graph and the config of the image.
    pub fn lower(self) -> Compiled {
        let Self { plan, warnings, doubt, target, manifest, outside, options, epoch } = self;
        let Lowered { image, history } = lower::lower(&plan, &options);
        // What a check leaves has nothing of the base.
        let nothing = ImageConfig::default();
        let base = if plan.check.is_some() { &nothing } else { &outside.base.config };
        let config = match plan.product {
            Product::Image => image::config(base, target, &plan, manifest, &history, epoch),
            _ => image::config_of_files(target, &plan, epoch),
        };
        // What a check leaves is no image.
        let is_bounded = target.max_image_size.is_some() && plan.check.is_none();
        let list = is_bounded.then(|| lower::files::files(&plan, &options));
        let doubt = doubt.map(|(program, error)| Doubt { program, error, layers: lower::packages(&plan, &options) });
        Compiled { plan, image, config, list, warnings, doubt }
    }
}

/// Compiles a target.
pub fn compile(inputs: Inputs<'_>) -> Result<Compiled, Diagnostics> {
    Ok(prepare(inputs)?.lower())
}

/// The step that lists what is in a target's image.
pub fn files(inputs: Inputs<'_>) -> Result<Output, Diagnostics> {
    let Prepared { plan, options, .. } = prepare(inputs)?;
    Ok(lower::files::files(&plan, &options))
}

/// Refuses to build from what an ignore file leaves out: BuildKit would miss it, in words of its own.
fn check_ignored(plan: &Plan, options: &Options) -> Result<(), Diagnostics> {
    let mut errors = Vec::new();
    let mut check = |what: &str, path: &str, span: &Span| {
        // Of the root a part is always there: the lock.
        if let Some(pattern) = ignore::leaves_out(&options.ignore, path).filter(|_| path != ".") {
            errors.push(
                Diagnostic::new("ignore::left_out", format!("`.dockerignore` excludes `{path}`, which {what}"))
                    .at(span.clone())
                    .help(format!("remove the pattern `{pattern}`, or add `!{path}` below it")),
            );
        }
    };
    for layer in &plan.layers {
        match &layer.contents {
            Contents::Members(members) => {
                for member in members.iter().filter(|member| !options.sources.contains_key(&member.name)) {
                    check(&format!("is the source of `{}`", member.name), &member.directory, &member.span);
                }
                for (member, input) in
                    members.iter().flat_map(|member| member.inputs.iter().map(move |input| (member, input)))
                {
                    if let (Some(path), Reason::Named(span)) = (input.context_path(), &input.reason) {
                        check(&format!("the build of `{}` reads", member.name), path, span);
                    }
                }
            }
            Contents::ThirdParty(packages) => {
                for package in packages {
                    if let Origin::Context(path) = &package.artifact.origin {
                        check(&format!("is the source of `{}`", package.name), path, &package.span);
                    }
                }
            }
            // Those of projects were looked at with them.
            Contents::Sources { .. } => {}
            Contents::Application(Application { name, directory, span, .. }) => {
                check(&format!("is the source of `{name}`"), directory, span);
            }
            Contents::Account { .. }
            | Contents::Writable(_)
            | Contents::System(_)
            | Contents::Python { .. }
            | Contents::Bytecode
            | Contents::Venv => {}
            Contents::Files(files) => {
                for (path, file) in files.iter().filter_map(|file| Some((file.context_path()?, file))) {
                    check(layer.of_files(), path.trim_end_matches('/'), &file.span);
                }
            }
            Contents::Step(step) => {
                for (path, file) in step.inputs.iter().filter_map(|file| Some((file.context_path()?, file))) {
                    check(&format!("the step `{}` reads", step.name), path.trim_end_matches('/'), &file.span);
                }
            }
        }
    }
    if let Some(Ca::File(file)) = plan.access.ca() {
        check("`ca` names", &file.value, &file.span);
    }
    if let Some(Located { value: Downloads::File(path), span }) =
        plan.managed.as_ref().and_then(|managed| managed.downloads.as_ref())
    {
        check("`python.downloads-json` names", path, span);
    }
    Diagnostics::check(errors)
}

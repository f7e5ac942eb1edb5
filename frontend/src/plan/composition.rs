//! What a target is put together from: layers in their order, and what a build leaves.

use std::collections::{BTreeMap, BTreeSet};

use super::access::Access;
use super::contents::{Backend, Contents, Layer, Member, SCRIPT};
use super::destination::Destination;
use super::files::Copied;
use super::outside::Outside;
use super::product::{self, Product};
use super::steps::Step;
use super::system::SystemPackages;
use super::{artifacts, directories, layers, members, projects, python, requirements};
use crate::account::{self, Account};
use crate::config::kind::Kind;
use crate::config::path::{TEMPORARY, plain};
use crate::config::{StepConfig, UserConfig};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::interpreter::Interpreter;
use crate::lock::PackageId;
use crate::lock::closure::Closure;
use crate::manifest::Manifest;
use crate::project::{Project, Target};
use crate::rootfs::APP_DIR;

/// How many layers a base has if its config is not known: a guess from the official python images.
const USUAL_LAYERS: usize = 5;

/// What a plan is made of.
pub(super) struct Composition {
    /// Lowest first.
    pub(super) layers: Vec<Layer>,
    /// Distinct sets of build requirements.
    pub(super) backends: Vec<Backend>,
    /// What a build leaves.
    pub(super) product: Product,
}

/// What a composition is made from.
pub(super) struct Parts<'a> {
    pub(super) project: &'a Project,
    pub(super) target: &'a Target,
    pub(super) manifests: &'a BTreeMap<PackageId, Manifest>,
    pub(super) outside: &'a Outside,
    pub(super) interpreter: &'a Interpreter,
    pub(super) closure: &'a Closure,
    pub(super) destination: &'a Destination,
    pub(super) workdir: &'a str,
    /// Who runs; absent where that is for the base to say.
    pub(super) account: Option<&'a Account>,
    pub(super) access: &'a Access,
    /// The module that has data beside the sources.
    pub(super) data: Option<&'a str>,
}

impl Parts<'_> {
    /// Where an image has the files of a project that is no package. A zip has them where it has packages.
    fn application_directory(&self) -> &str {
        if self.target.kind == Kind::Image { self.workdir } else { self.destination.path() }
    }

    /// User and group of who runs; root's where the base names them.
    pub(super) fn ids(&self) -> (u32, u32) {
        self.account.map_or((0, 0), |account| (account.user.uid, account.user.gid))
    }
}

/// Composes a target of any kind.
pub(super) fn compose(parts: &Parts<'_>, warnings: &mut Vec<Diagnostic>) -> Result<Composition, Diagnostics> {
    let Parts { project, target, closure, destination, .. } = *parts;
    match target.kind {
        Kind::Requirements => {
            let text = requirements::text(project, target, closure, &parts.outside.platform, parts.interpreter);
            Ok(Composition { layers: Vec::new(), backends: Vec::new(), product: Product::Requirements(text) })
        }
        Kind::Wheels => {
            let (members, backends) = local(parts, warnings)?;
            let layers = product::wheels(project, target, members)?;
            Ok(Composition { layers, backends, product: Product::Wheels })
        }
        Kind::Image => installed(parts, Product::Image, warnings),
        Kind::Venv => installed(parts, Product::Venv, warnings),
        Kind::LambdaZip => {
            product::check_files(target, destination)?;
            installed(parts, Product::Zip(product::zip_name(&target.name)), warnings)
        }
    }
}

/// Local projects of the closure, and what they are built with.
fn local(parts: &Parts<'_>, warnings: &mut Vec<Diagnostic>) -> Result<(Vec<Member>, Vec<Backend>), Diagnostics> {
    let Parts { project, target, manifests, interpreter, closure, outside, .. } = *parts;
    members::of(project, target, closure, manifests, (&interpreter.uv, &outside.surroundings), warnings)
}

/// Everything that is installed, and what is around it.
fn installed(parts: &Parts<'_>, product: Product, warnings: &mut Vec<Diagnostic>) -> Result<Composition, Diagnostics> {
    let Parts { project, target, outside, interpreter, closure, destination, access, .. } = *parts;
    let packages = artifacts::choose(project, target, closure, interpreter, warnings)?;
    access.check(&packages, &project.lock)?;
    let (members, backends) = local(parts, warnings)?;
    members::warn_of_nothing_installed(project, target, warnings);
    let trees = if target.editable { members::trees(project, target, &members) } else { Vec::new() };

    let mut layers: Vec<Layer> = account_layer(parts)?.into_iter().collect();
    layers.extend(
        SystemPackages::of_base(target, interpreter)
            .map(|packages| Layer { name: "system".to_owned(), contents: Contents::System(packages) }),
    );
    if let (Some(span), Product::Image) = (&target.has_uv, &product) {
        layers.push(Layer { name: "uv".to_owned(), contents: Contents::Files(vec![Copied::uv(span)]) });
    }
    // Files that are no image find a python where they are used.
    let brings_python = target.managed.is_some() && product == Product::Image;
    if brings_python {
        let version = interpreter.shown_version();
        layers.push(Layer { name: "python".to_owned(), contents: Contents::Python { version } });
        layers.push(Layer { name: "bytecode".to_owned(), contents: Contents::Bytecode });
    }
    let (steps_below, steps_above) = steps(target, outside, access, parts.ids());
    let others = steps_below.len() + steps_above.len() + if brings_python { python::LAYERS } else { 0 };
    // What they leave is often large, and seldom changes.
    layers.extend(steps_below);
    if destination.directory().is_none() {
        layers.push(Layer { name: "venv".to_owned(), contents: Contents::Venv });
    }
    let others = outside.base.config.layers.unwrap_or(USUAL_LAYERS) + others;
    let (third_party, size_warnings) = layers::assign(packages, &target.layers.policy(others));
    warnings.extend(size_warnings);
    layers.extend(third_party);
    layers.extend(projects::assign(members));
    if !trees.is_empty() {
        layers.push(Layer { name: "sources".to_owned(), contents: Contents::Sources { trees, ids: parts.ids() } });
    }
    if let Some(directory) = &target.sources {
        let application = members::application(project, target, directory, parts.application_directory());
        layers.push(Layer { name: "application".to_owned(), contents: Contents::Application(application) });
    }
    if !target.files.is_empty() {
        let copied = target.files.iter().map(|file| Copied::of(file, parts.ids(), access));
        let files = copied.map(|copied| copied.with_bytecode(&outside.surroundings)).collect();
        layers.push(Layer { name: "files".to_owned(), contents: Contents::Files(files) });
    }
    // Above all else: it is what is edited.
    if let Some(script) = &target.script {
        let copied = Copied::script(script, parts.application_directory());
        layers.push(Layer { name: SCRIPT.to_owned(), contents: Contents::Files(vec![copied]) });
    }
    if product == Product::Image {
        let home = parts.account.filter(|account| account.make_home).map(|account| account.user.home.clone());
        let of_user = writable(parts).into_iter().chain(home).collect();
        layers.extend(directories::filled("writable", &of_user, &layers, destination));
        let in_steps = directories::filled("writable in what steps leave", &of_user, &steps_above, destination);
        layers.extend(steps_above.into_iter().chain(in_steps));
    } else {
        layers.extend(steps_above);
    }
    Ok(Composition { layers, backends, product })
}

/// Directories that belong to the user. Those for temporary files belong to everyone, in any base.
fn writable(parts: &Parts<'_>) -> BTreeSet<String> {
    let Parts { target, data, workdir, .. } = *parts;
    let named = target.volumes.union(&target.writable).map(|directory| plain(directory));
    let found = data.map(|_| plain(workdir));
    named.chain(found).filter(|directory| !TEMPORARY.contains(&directory.as_str())).collect()
}

/// The user and the directories that packages do not bring; none where there are no such.
fn account_layer(parts: &Parts<'_>) -> Result<Option<Layer>, Diagnostics> {
    let Parts { interpreter, destination, workdir, .. } = *parts;
    let writable = writable(parts);
    let is_needed = parts.account.is_some() || !writable.is_empty() || workdir != destination.path();
    if !is_needed {
        return Ok(None);
    }
    let account = match parts.account {
        Some(account) => account.clone(),
        None => account::plan(&UserConfig::root(), &interpreter.passwd, &interpreter.group, None)?,
    };
    let mut directories = BTreeSet::from([workdir.to_owned()]);
    if *destination == Destination::Venv {
        directories.insert(APP_DIR.to_owned());
    }
    let contents = Contents::Account { account, directories, writable };
    Ok(Some(Layer { name: "user".to_owned(), contents }))
}

/// Layers of steps: those that stand below everything of python, and those above everything else, which need it. Each in the order
/// of the config, so that what a step leaves is there for those that read it. `ids` are the user's.
fn steps(target: &Target, outside: &Outside, access: &Access, ids: (u32, u32)) -> (Vec<Layer>, Vec<Layer>) {
    let layer = |config: &StepConfig| Layer {
        name: format!("step {}", config.name.value),
        contents: Contents::Step(Box::new(Step::of(config, outside, access, ids))),
    };
    let (above, below): (Vec<&StepConfig>, _) = target.steps.iter().partition(|step| step.needs_install(&target.steps));
    (below.into_iter().map(layer).collect(), above.into_iter().map(layer).collect())
}

/// Steps that leave nothing in what is made, and feed builds of members.
pub(super) fn feeding(target: &Target, outside: &Outside, access: &Access, ids: (u32, u32)) -> Vec<Step> {
    target.feeding.iter().map(|config| Step::of(config, outside, access, ids)).collect()
}

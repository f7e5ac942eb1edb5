//! What layers are made of.

use std::collections::{BTreeMap, BTreeSet};

use super::application::Application;
use super::files::Copied;
use super::inputs::MemberInput;
use super::package::{Form, Origin, Package};
use super::recipe::Recipe;
use super::steps::Step;
use super::system::SystemPackages;
use crate::account::Account;
use crate::diagnostic::Span;
use crate::manifest::Indexes;

/// The layer that has the script of a target.
pub const SCRIPT: &str = "script";

/// A set of build requirements, installed once and shared by every member that declares it.
#[derive(Clone, Debug)]
pub struct Backend {
    /// PEP 508 requirements, sorted.
    pub requires: Vec<String>,
    /// Local projects among them, and those that they need.
    pub projects: Vec<Member>,
    /// Bounds of these and of what they need, PEP 508.
    pub constraints: Vec<String>,
}

impl Backend {
    /// What is in it, for people.
    pub fn names(&self) -> Vec<&str> {
        let projects = self.projects.iter().map(|member| member.name.as_str());
        projects.chain(self.requires.iter().map(String::as_str)).collect()
    }

    /// Whether it is the same set.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let names = |backend: &Self| backend.projects.iter().map(|member| member.name.clone()).collect::<Vec<_>>();
        self.requires == other.requires && self.constraints == other.constraints && names(self) == names(other)
    }
}

/// One layer of the image.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Stable and unique within the plan.
    pub name: String,
    /// What is in it.
    pub contents: Contents,
}

impl Layer {
    /// What its files are, in a sentence.
    pub fn of_files(&self) -> &'static str {
        if self.name == SCRIPT { "is the script" } else { "`files` copies" }
    }
}

/// What is in a layer.
#[derive(Clone, Debug)]
pub enum Contents {
    /// The user that runs and the directories it starts in.
    Account {
        /// The user.
        account: Account,
        /// Directories that are there, whoever they belong to.
        directories: BTreeSet<String>,
        /// Directories that belong to the user.
        writable: BTreeSet<String>,
    },
    /// Packages of the base's distribution, with what they need.
    System(SystemPackages),
    /// The python that uv installs.
    Python {
        /// Its full version.
        version: String,
    },
    /// Bytecode of its standard library.
    Bytecode,
    /// The virtual environment without packages.
    Venv,
    /// Wheels.
    ThirdParty(Vec<Package>),
    /// Local projects, built and installed; one, unless there are very many.
    Members(Vec<Member>),
    /// Sources of projects that are installed as links to them.
    Sources {
        /// The directories.
        trees: Vec<Tree>,
        /// User and group that may change them.
        ids: (u32, u32),
    },
    /// The files of a project that is no package.
    Application(Application),
    /// Files of the context, and of servers.
    Files(Vec<Copied>),
    /// Directories that belong to the user, where layers below have them as well.
    Writable(BTreeSet<String>),
    /// What a step leaves.
    Step(Box<Step>),
}

/// The sources of a project.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The project.
    pub name: String,
    /// Its directory in the context; `.` is the context itself.
    pub directory: String,
    /// Directories of other projects and of indexes below it, relative to it: not part of it.
    pub nested: Vec<String>,
    /// It is the project itself, not what its build reads beside it.
    pub is_project: bool,
}

/// A local project to be built.
#[derive(Clone, Debug)]
pub struct Member {
    /// Normalised name.
    pub name: String,
    /// Absent when it is dynamic, and not given.
    pub version: Option<String>,
    /// The version is one that the config gives: its backend is told it.
    pub is_versioned: bool,
    /// Its directory in the context; `.` is the context itself.
    pub directory: String,
    /// Directories of other projects and of indexes below it, relative to it: not part of it.
    pub nested: Vec<String>,
    /// What its build reads beside the directory.
    pub inputs: Vec<MemberInput>,
    /// Ignore files that its backend reads, in its directory and above.
    pub ignore_files: Vec<String>,
    /// Variables of its build.
    pub env: BTreeMap<String, String>,
    /// Index into [`Plan::backends`]; absent when uv builds it itself.
    pub backend: Option<usize>,
    /// Its `direct_url.json`.
    pub direct_url: Option<String>,
    /// How it is built.
    pub recipe: Recipe,
    /// What its build may need.
    pub toolchain: Toolchain,
    /// It has a network.
    pub network: bool,
    /// It is installed as a link to its sources, of which the image has a copy.
    pub editable: bool,
    /// Names at the top of the modules, beside its own name, that the image starts by its scripts; none if the image has modules of the
    /// project beside its wheel, so that nobody knows whether the wheel has to have them.
    pub starts: Option<Vec<String>>,
    /// The place of its build system.
    pub span: Span,
}

impl Member {
    /// Directories and files of the context that its build reads.
    pub fn context_paths(&self) -> impl Iterator<Item = String> {
        let inputs = self.inputs.iter().filter_map(MemberInput::context_path);
        std::iter::once(&self.directory).chain(&self.ignore_files).chain(inputs).cloned()
    }
}

/// What a build of a project may need beside its build requirements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Toolchain {
    /// Nothing: it copies files.
    #[default]
    None,
    /// A compiler, and a cache for what was compiled.
    Compiler,
    /// The same, and a network unless the config says no: the compiler's own packages are fetched in the build.
    CompilerWithPackages,
}

/// Whether a step of the plan asks an index for build requirements.
fn builds(layers: &[Layer], backends: &[Backend]) -> bool {
    let is_built = |package: &Package| package.artifact.form != Form::Wheel;
    !backends.is_empty()
        || layers.iter().any(|layer| match &layer.contents {
            Contents::ThirdParty(packages) => packages.iter().any(is_built),
            _ => false,
        })
}

/// Directories and files of the context that layers and sets of build requirements are made from.
pub(super) fn context_paths(layers: &[Layer], backends: &[Backend], indexes: &Indexes) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for layer in layers {
        match &layer.contents {
            Contents::Members(members) => paths.extend(members.iter().flat_map(Member::context_paths)),
            Contents::Sources { trees, .. } => paths.extend(trees.iter().map(|tree| tree.directory.clone())),
            Contents::Files(files) => paths.extend(files.iter().filter_map(Copied::context_path).cloned()),
            Contents::Step(step) => paths.extend(step.context_paths()),
            Contents::ThirdParty(packages) => {
                paths.extend(packages.iter().filter_map(|package| match &package.artifact.origin {
                    Origin::Context(path) => Some(path.clone()),
                    Origin::Url(_) | Origin::Git { .. } => None,
                }));
            }
            // A client sends these apart, without what is left out of them.
            Contents::Application(_)
            | Contents::Account { .. }
            | Contents::Writable(_)
            | Contents::System(_)
            | Contents::Python { .. }
            | Contents::Bytecode
            | Contents::Venv => {}
        }
    }
    let projects = backends.iter().flat_map(|backend| &backend.projects);
    paths.extend(projects.flat_map(Member::context_paths));
    if builds(layers, backends) {
        paths.extend(indexes.directories.iter().cloned());
    }
    paths
}

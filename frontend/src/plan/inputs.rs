//! What the build of a local project reads beside the project's own directory.

use crate::config::kind::Kind;
use crate::config::members::InputConfig;
use crate::config::step::Place;
use crate::diagnostic::{Diagnostic, Diagnostics, Located, Span};
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::paths::{file_in, lies_in};
use crate::project::{Project, Target};
use crate::surroundings::{Surroundings, named};

/// Something that a build finds in the tree of the workspace, beside the project.
#[derive(Clone, Debug)]
pub struct MemberInput {
    /// Where it comes from.
    pub source: InputSource,
    /// Where the build finds it: a path of the workspace.
    pub to: String,
    /// Why it is there.
    pub reason: Reason,
}

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputSource {
    /// The context, where it has the same path.
    Context,
    /// What a step leaves.
    Step {
        /// The step's name.
        step: String,
        /// Where the image has it.
        path: String,
    },
}

/// Why a build has an input.
#[derive(Clone, Debug)]
pub enum Reason {
    /// A manifest or the config names it, here.
    Named(Span),
    /// A symbolic link leads to it: this one.
    Link(String),
}

impl MemberInput {
    /// Its path in the context, if it comes from there.
    pub fn context_path(&self) -> Option<&String> {
        (self.source == InputSource::Context).then_some(&self.to)
    }
}

/// What tells the inputs of a project.
pub(super) struct Reading<'a> {
    pub(super) project: &'a Project,
    pub(super) target: &'a Target,
    pub(super) surroundings: &'a Surroundings,
    /// Of the project.
    pub(super) directory: &'a str,
    /// Directories in it that are not the project's, relative to it.
    pub(super) nested: &'a [String],
}

impl Reading<'_> {
    /// The inputs of a project, none of which lies in another.
    pub(super) fn inputs(&self, id: PackageId, manifest: &Manifest) -> Result<Vec<MemberInput>, Diagnostics> {
        let mut inputs: Vec<MemberInput> = Vec::new();
        let mut errors = Vec::new();
        let there = named(self.project, id, manifest).into_iter().filter(|named| !self.surroundings.lacks(&named.path));
        for named in there {
            push(&mut inputs, named.path, Reason::Named(named.span), |path| self.has(path));
        }
        // What links lead to may have links itself.
        let mut followed = 0;
        let mut trees = vec![self.directory.to_owned()];
        trees.extend(inputs.iter().map(|input| input.to.clone()));
        while let Some(tree) = trees.get(followed).cloned() {
            followed += 1;
            for (link, to) in self.surroundings.links(&tree) {
                if tree == self.directory && !self.has(&link) || self.is_elsewhere(&link, &tree) {
                    continue;
                }
                if link == self.directory && lies_in(&to, ".") {
                    // The project itself lies behind a link, which is followed where it is mounted.
                    trees.push(to);
                } else if !lies_in(&to, ".") {
                    errors.push(self.leads_out(id, &link, &to, manifest));
                } else if self.surroundings.has(&to) && !trees.iter().any(|tree| self.holds(tree, &to)) {
                    push(&mut inputs, to.clone(), Reason::Link(link), |path| self.has(path));
                    trees.push(to);
                }
            }
        }
        for config in self.project.config_of(id).into_iter().flat_map(|config| &config.inputs) {
            if let InputConfig::Step { step, from, to } = config {
                match self.output(id, step, from.as_ref()) {
                    Ok(path) => inputs.push(MemberInput {
                        source: InputSource::Step { step: step.value.clone(), path },
                        to: to.value.clone(),
                        reason: Reason::Named(step.span.clone()),
                    }),
                    Err(error) => errors.push(error),
                }
            }
        }
        Diagnostics::check(errors)?;
        Ok(inputs)
    }

    /// Whether a path is one of the project's own.
    fn has(&self, path: &str) -> bool {
        let is_nested = |nested: &String| lies_in(path, &file_in(self.directory, nested));
        lies_in(path, self.directory) && !self.nested.iter().any(is_nested)
    }

    /// Whether a tree of the build has a path: of its own directory, the project has not all.
    fn holds(&self, tree: &str, path: &str) -> bool {
        if tree == self.directory { self.has(path) } else { lies_in(path, tree) }
    }

    /// Environments and packages of node have links to what only this machine has. No build reads them.
    fn is_elsewhere(&self, link: &str, tree: &str) -> bool {
        let mut above = crate::surroundings::above(link).take_while(|directory| lies_in(directory, tree));
        above.any(|directory| {
            let is_environment = self.surroundings.entry(&file_in(directory, "pyvenv.cfg")).is_some();
            is_environment || directory.rsplit('/').next() == Some("node_modules")
        })
    }

    fn leads_out(&self, id: PackageId, link: &str, to: &str, manifest: &Manifest) -> Diagnostic {
        let name = &self.project.lock.packages[id].name;
        let problem =
            format!("the symbolic link `{link}` of `{name}` points to `{to}`, which is not in the build context");
        Diagnostic::new("member::link_out_of_context", problem)
            .at(manifest.build_system.span.clone())
            .help("build from a directory that contains both, or replace the link with the files")
            .help(format!("if no build needs it, add `{link}` to `.dockerignore`"))
    }

    /// Where the image has what a step of the target leaves for a build.
    fn output(
        &self,
        id: PackageId,
        step: &Located<String>,
        from: Option<&Located<String>>,
    ) -> Result<String, Diagnostic> {
        let (name, target) = (&self.project.lock.packages[id].name, self.target);
        let steps = if target.feeding.is_empty() { &target.steps } else { &target.feeding };
        let names = || steps.iter().map(|step| step.name.value.as_str());
        let Some(at) = steps.iter().position(|other| other.name.value == step.value) else {
            let problem = format!(
                "the build of `{name}` reads outputs of the step `{}`, but `{}` has no such step",
                step.value, target.name
            );
            return Err(Diagnostic::new("config::unknown_step", problem)
                .at(step.span.clone())
                .at_some(target.span.clone())
                .did_you_mean(&step.value, names())
                .help("to have a step in every target, declare it in `[defaults]`"));
        };
        let of = &steps[at];
        if of.needs_install(&steps[..at]) {
            let problem = format!(
                "the step `{}` runs after packages are installed, but `{name}` is built before that",
                step.value
            );
            return Err(Diagnostic::new("config::bad_order", problem)
                .at(step.span.clone())
                .at(of.name.span.clone())
                .help("set an `image` for the step to run in, or `when = \"before\"`"));
        }
        if of.place == Place::Before && target.kind != Kind::Image {
            let problem = format!(
                "the step `{}` runs in the image of its target, but `{}` is not an image",
                step.value, target.name
            );
            return Err(Diagnostic::new("config::bad_order", problem)
                .at(of.name.span.clone())
                .at(step.span.clone())
                .help("set an `image` for the step to run in"));
        }
        of.output(step, from).map(|path| path.value)
    }
}

/// Adds a path, unless it is there already.
fn push(inputs: &mut Vec<MemberInput>, path: String, reason: Reason, is_own: impl Fn(&str) -> bool) {
    if is_own(&path) || inputs.iter().any(|input| lies_in(&path, &input.to)) {
        return;
    }
    inputs.retain(|input| !lies_in(&input.to, &path));
    inputs.push(MemberInput { source: InputSource::Context, to: path, reason });
}

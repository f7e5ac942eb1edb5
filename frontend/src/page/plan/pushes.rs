//! Which layers are made again, and pushed if they differ, when a project is edited or a package is updated.

use std::collections::BTreeSet;

use crate::paths::{file_in, lies_in};
use crate::plan::{Contents, CopySource, InputSource, Layer, Member, Plan, Step};

/// A layer that is made again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Push {
    /// Its place in [`Plan::layers`].
    pub layer: usize,
    /// When it is.
    pub when: When,
}

/// When a layer is made again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// After every edit.
    Always,
    /// After an edit of this path.
    Edited(String),
    /// A project in it is built with the edited one.
    BuiltWith(String),
    /// A project in it is built with an output of a step that runs again.
    ReadsStep,
    /// Its step runs again: the step sees the layers below, or reads what is edited. The layer is pushed if the output differs.
    StepRuns,
}

/// The layers that an edit of a local project makes again. `nested` are directories below its own that are not part of it, relative
/// to it.
pub fn of_edit(plan: &Plan, directory: &str, nested: &[String]) -> Vec<Push> {
    let edit = Edit { directory, nested };
    let fed = |steps: &BTreeSet<&str>, member: &Member| {
        member
            .inputs
            .iter()
            .any(|input| matches!(&input.source, InputSource::Step { step, .. } if steps.contains(&**step)))
    };
    let steps = edit.steps(plan);
    let mut pushes = Vec::new();
    for (index, layer) in plan.layers.iter().enumerate() {
        let mut push = |when| pushes.push(Push { layer: index, when });
        match &layer.contents {
            Contents::Members(members) => {
                for member in members {
                    if let Some(when) = edit.when_of(member) {
                        push(when);
                    } else if let Some(backend) = member.backend.map(|backend| &plan.backends[backend])
                        && backend.projects.iter().any(|project| edit.when_of(project).is_some())
                    {
                        push(When::BuiltWith(member.name.clone()));
                    } else if fed(&steps, member) {
                        push(When::ReadsStep);
                    }
                }
            }
            Contents::Sources { trees, .. } => {
                trees.iter().filter_map(|tree| edit.when(&tree.directory, &tree.nested)).for_each(push);
            }
            Contents::Application(application) => {
                edit.when(&application.directory, &application.nested).into_iter().for_each(push);
            }
            Contents::Files(files) => {
                let paths = files.iter().filter_map(|file| file.context_path());
                paths.filter_map(|path| edit.when(path, &[])).for_each(push);
            }
            Contents::Step(step) if steps.contains(&*step.name) => push(When::StepRuns),
            Contents::Step(_)
            | Contents::ThirdParty(_)
            | Contents::Account { .. }
            | Contents::System(_)
            | Contents::Python { .. }
            | Contents::Bytecode
            | Contents::Venv
            | Contents::Writable(_) => {}
        }
    }
    with_steps_above(plan, pushes)
}

/// The layers that an update of a package makes again, if it stays in its layer.
pub fn of_update(plan: &Plan, layer: usize) -> Vec<Push> {
    with_steps_above(plan, vec![Push { layer, when: When::Always }])
}

/// With the steps that run in the image above the lowest of these layers.
fn with_steps_above(plan: &Plan, mut pushes: Vec<Push>) -> Vec<Push> {
    let lowest = pushes.iter().map(|push| push.layer).min().unwrap_or(plan.layers.len());
    let above = plan.layers.iter().enumerate().skip(lowest + 1);
    pushes.extend(above.filter(|(_, layer)| sees_layers(layer)).map(|(layer, _)| Push { layer, when: When::StepRuns }));
    // A layer that is made again anyhow is not told twice.
    pushes.sort();
    pushes.dedup();
    let always: BTreeSet<usize> =
        pushes.iter().filter(|push| push.when == When::Always).map(|push| push.layer).collect();
    pushes.retain(|push| push.when == When::Always || !always.contains(&push.layer));
    pushes
}

fn sees_layers(layer: &Layer) -> bool {
    matches!(&layer.contents, Contents::Step(step) if step.image.is_none())
}

struct Edit<'a> {
    directory: &'a str,
    nested: &'a [String],
}

impl Edit<'_> {
    /// When an edit changes what lies at a path that is read, without what is nested in it.
    fn when(&self, path: &str, nested: &[String]) -> Option<When> {
        if lies_in(self.directory, path) {
            let is_nested = nested.iter().any(|nested| lies_in(self.directory, &file_in(path, nested)));
            return (!is_nested).then_some(When::Always);
        }
        let is_own = lies_in(path, self.directory)
            && !self.nested.iter().any(|nested| lies_in(path, &file_in(self.directory, nested)));
        is_own.then(|| When::Edited(path.to_owned()))
    }

    /// When it changes what the build of a project reads.
    fn when_of(&self, member: &Member) -> Option<When> {
        let own = self.when(&member.directory, &member.nested).filter(|when| *when == When::Always);
        own.or_else(|| member.context_paths().skip(1).find_map(|path| self.when(&path, &[])))
    }

    /// Names of the steps that read what is edited, or what such steps leave.
    fn steps<'plan>(&self, plan: &'plan Plan) -> BTreeSet<&'plan str> {
        let of_layers = plan.layers.iter().filter_map(|layer| match &layer.contents {
            Contents::Step(step) => Some(&**step),
            _ => None,
        });
        let steps: Vec<&Step> = plan.feeding.iter().chain(of_layers).collect();
        let mut found = BTreeSet::new();
        loop {
            let before = found.len();
            for step in &steps {
                let is_read = step.inputs.iter().any(|input| match &input.source {
                    CopySource::Context(path) => self.when(path, &[]).is_some(),
                    CopySource::Step { step, .. } => found.contains(&**step),
                    CopySource::Url { .. } | CopySource::Uv => false,
                });
                if is_read {
                    found.insert(step.name.as_str());
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }
}

//! The tree of the workspace, as the build of one project sees it: the project, where it lies in the workspace, and what its build reads
//! beside it. Read-only mounts are keyed by the content of what they select: a change of anything else does not reach the build.

use buildkit_llb::{Bind, Copy, Exec, File, Input, Metadata};

use super::context::sync;
use super::member::foreign;
use super::{EPOCH, Lowering, TOOLS};
use crate::paths::{file_in, lies_in};
use crate::plan::{InputSource, Member, MemberInput};

impl Lowering<'_> {
    /// Mounts the tree, of which the worker makes a copy. What lies in a directory that is mounted itself is mounted apart, and laid
    /// over it there.
    pub(super) fn with_tree(&self, exec: Exec, member: &Member) -> Exec {
        let directory = member.directory.as_str();
        let is_elsewhere = self.options.sources.contains_key(&member.name);
        let holds_it = |input: &MemberInput| input.context_path().is_some_and(|path| lies_in(directory, path));
        let is_covered = member.inputs.iter().any(holds_it);
        let exec = match (is_covered, is_elsewhere) {
            (false, _) => exec.mount(self.sources_of(member, &in_tree(directory))),
            (true, true) => exec.mount(self.sources_of(member, &over(member.inputs.len(), directory))),
            (true, false) => exec,
        };
        let is_there = |file: &str| {
            let mut inputs = member.inputs.iter().filter_map(MemberInput::context_path);
            lies_in(file, directory) || inputs.any(|path| lies_in(file, path))
        };
        let ignore_files = member.ignore_files.iter().filter(|file| !is_there(file));
        let exec = ignore_files.fold(exec, |exec, file| exec.mount(self.context_at(file, &in_tree(file))));
        let left =
            if member.inputs.iter().any(|input| input.context_path().is_none()) { self.left() } else { Vec::new() };
        member.inputs.iter().enumerate().fold(exec, |exec, (index, input)| match &input.source {
            InputSource::Context if lies_in(&input.to, directory) => {
                exec.mount(self.context_at(&input.to, &over(index, &input.to)))
            }
            InputSource::Context => exec.mount(self.context_at(&input.to, &in_tree(&input.to))),
            InputSource::Step { step, path } => {
                // The plan knows no step that there is not.
                let output =
                    left.iter().find(|(name, _)| name == step).map_or(Input::Scratch, |(_, output)| output.into());
                exec.mount(Bind::new(over(index, &input.to), output).selector(path).readonly())
            }
        })
    }

    /// A path of the context.
    fn context_at(&self, path: &str, at: &str) -> Bind {
        Bind::new(at, &self.context).selector(if path == "." { "/".to_owned() } else { format!("/{path}") }).readonly()
    }

    /// The project's own directory.
    fn sources_of(&self, member: &Member, at: &str) -> Bind {
        if let Some(elsewhere) = self.options.sources.get(&member.name) {
            return Bind::new(at, elsewhere).readonly();
        }
        let is_root = member.directory == ".";
        if !is_root && member.nested.is_empty() {
            let directory = format!("/{}", member.directory);
            return Bind::new(at, &self.context).selector(directory).readonly();
        }
        if self.options.whole_copies && self.options.context.is_none() {
            return self.synced(member, at);
        }
        let from = if is_root { "/".to_owned() } else { format!("/{}", member.directory) };
        let copy = Copy::new(&self.context, from, "/")
            .contents_only()
            .exclude(foreign(&member.nested, is_root))
            .timestamp(EPOCH);
        let own = File::on(Input::Scratch)
            .copy(if is_root { copy } else { copy.follow_symlinks() })
            .metadata(Metadata::named(format!("[internal] sources of {}", member.name)))
            .build();
        Bind::new(at, own).readonly()
    }

    /// For daemons that cannot leave paths out of a copy: the client leaves them out.
    fn synced(&self, member: &Member, at: &str) -> Bind {
        let name = format!("[internal] sources of {}", member.name);
        let (directory, below) = match member.directory.as_str() {
            "." => ("", String::new()),
            directory => (directory, format!("{directory}/")),
        };
        let excluded = foreign(&member.nested, member.directory == ".").map(|path| format!("{below}{path}"));
        let included = (!directory.is_empty()).then(|| directory.to_owned()).into_iter().collect();
        let own = sync(self.options, &format!("{}-{}", self.plan.target, member.name), &name, included, excluded);
        Bind::new(at, &own).selector(format!("/{directory}")).readonly()
    }
}

/// Where the worker finds a path of the workspace.
fn in_tree(path: &str) -> String {
    let root = format!("{TOOLS}/sources");
    if path == "." { root } else { format!("{root}/{path}") }
}

/// Where it finds what it is to lay over that.
fn over(index: usize, path: &str) -> String {
    file_in(&format!("{TOOLS}/over/{index}"), path)
}

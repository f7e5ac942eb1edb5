//! What the documents show: blocks of configs and commands, and which of the commands no test can run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::book::{read, repository};

/// Commands that no test runs as they stand: how they begin, and why.
pub const NOT_RUN: [(&str, &str); 13] = [
    ("cargo xtask demo", "`.ci/run` runs it before the tests"),
    ("cargo xtask test", "`.ci/run` runs it, and the test that would run it is a part of it"),
    ("uv tool install uv-buildkit", "no release is published; `installs::wheel` installs the wheel of this tree"),
    ("uvx uv-buildkit", "no release is published; `installs::wheel` runs the wheel of this tree"),
    ("docker run", "it runs until somebody stops it; every example is started by a test of `example::`"),
    ("docker compose up --watch", "it runs until somebody stops it; `compose::watch` runs it"),
    ("uv-buildkit llb --format bytes |", "the reader fills in the rest; `graph::cli` pipes a graph into `buildctl`"),
    ("docker buildx build \"https://git.example/", "no server has that name; `contexts::git` builds from a repository"),
    ("docker buildx build --platform linux/amd64,linux/arm64", "`platforms::two_at_once` builds for both"),
    ("docker run --rm --volume .:/src", "the engine has the image elsewhere; `installs::image` runs it"),
    (
        "curl -LsSf https://github.com/uv-buildkit/",
        "no release is published; `installs::wheel` unpacks the archive of this tree",
    ),
    ("cargo install --locked --git", "no server has the repository; `installs::cargo` installs the checkout"),
    ("cosign verify ghcr.io/uv-buildkit/", "no image is published"),
];

/// Lines between two fences of a document.
#[derive(Clone, Debug)]
pub struct Block {
    /// Path of the document from the root of the repository.
    pub document: String,
    /// Number of the first line between the fences.
    pub line: usize,
    /// What stands behind the opening fence: `sh`, `toml`.
    pub language: String,
    /// The lines.
    pub text: String,
}

impl Block {
    /// `README.md:12`
    pub fn place(&self) -> String {
        format!("{}:{}", self.document, self.line)
    }

    /// The commands of a block of `sh`, each with the line breaks that a backslash escapes, and its place.
    pub fn commands(&self) -> Vec<(String, String)> {
        let mut commands: Vec<(String, String)> = Vec::new();
        let mut is_continued = false;
        for (line, number) in self.text.lines().zip(self.line..) {
            match commands.last_mut() {
                Some((_, command)) if is_continued => *command += &format!("\n{line}"),
                _ if line.trim().is_empty() || line.starts_with('#') => continue,
                _ => commands.push((format!("{}:{number}", self.document), line.to_owned())),
            }
            is_continued = line.ends_with('\\');
        }
        commands
    }
}

/// The paths of all documents: README, those beside it, and everything in `docs`.
pub fn documents() -> Result<Vec<String>> {
    let mut documents = ["README.md", "ARCHITECTURE.md", "SECURITY.md"].map(PathBuf::from).to_vec();
    find(&repository(), Path::new("docs"), &mut documents)?;
    Ok(documents.into_iter().map(|document| document.to_string_lossy().into_owned()).collect())
}

/// The blocks of all documents, in the order of paths and lines.
pub fn blocks() -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for document in documents()? {
        blocks.extend(blocks_of(&document, &read(&document)?));
    }
    Ok(blocks)
}

fn find(root: &Path, directory: &Path, documents: &mut Vec<PathBuf>) -> Result<()> {
    let mut names =
        fs::read_dir(root.join(directory))?.map(|entry| Ok(entry?.file_name())).collect::<Result<Vec<_>>>()?;
    names.sort();
    for name in names {
        let path = directory.join(name);
        if root.join(&path).is_dir() {
            find(root, &path, documents)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    Ok(())
}

fn blocks_of(document: &str, text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_open = false;
    for (line, number) in text.lines().zip(1..) {
        match (line.trim_start().strip_prefix("```"), is_open) {
            (Some(_), true) => is_open = false,
            (Some(language), false) => {
                is_open = true;
                let (document, language) = (document.to_owned(), language.trim().to_owned());
                blocks.push(Block { document, line: number + 1, language, text: String::new() });
            }
            (None, true) => {
                if let Some(block) = blocks.last_mut() {
                    block.text += line;
                    block.text.push('\n');
                }
            }
            (None, false) => {}
        }
    }
    blocks
}

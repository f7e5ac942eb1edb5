//! `cargo xtask build`: any uv project on disk, with the frontend as it is in this working copy.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::lab::{Lab, run_shown};

/// Options of `docker buildx build` that say where the outcome goes, or that ask for something else than a build.
const OUTCOMES: [&str; 9] = ["-o", "--output", "--load", "--push", "-t", "--tag", "--call", "--check", "--print"];

/// Builds the project in `directory`, and says how to start the image.
pub fn run(directory: &Path, arguments: &[String]) -> Result<()> {
    let directory =
        directory.canonicalize().with_context(|| format!("there is no directory {}", directory.display()))?;
    let lab = Lab::up()?;
    let syntax = lab.frontend_image()?;

    let mut build = lab.buildx(["build"]);
    let stub = tempfile::tempdir()?;
    if has_option(arguments, &["-f", "--file"]) {
        build.arg(format!("--build-arg=BUILDKIT_SYNTAX={syntax}"));
    } else {
        // The frontend then reads the config from the root of the context.
        let path = stub.path().join("Dockerfile");
        fs::write(&path, format!("# syntax={syntax}\n"))?;
        build.arg("--file").arg(path);
    }
    let image = format!("{}/{}", lab.registry(), image_name(&directory));
    let pushes = !has_option(arguments, &OUTCOMES);
    if pushes {
        build.arg(format!("--output=type=image,name={image},push=true"));
    }
    build.args(arguments).arg(&directory);
    run_shown(&mut build)?;
    if pushes {
        eprintln!("\nThe image is {image}. To start it:");
        eprintln!("  cargo xtask lab exec -- docker run --rm --pull always --network host {image}");
    }
    Ok(())
}

/// Whether one of these options is among the arguments, in any of its spellings.
fn has_option(arguments: &[String], names: &[&str]) -> bool {
    arguments.iter().any(|argument| {
        names.iter().any(|name| match argument.strip_prefix(name) {
            Some("") => true,
            Some(rest) => rest.starts_with('=') || !name.starts_with("--"),
            None => false,
        })
    })
}

/// The directory's name as a repository, whose names are lower-case letters, digits and single separators.
fn image_name(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let words: Vec<&str> =
        name.split(|character: char| !character.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "project:latest".to_owned() } else { format!("{}:latest", words.join("-")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_options_in_every_spelling() {
        let arguments = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        for given in [&["--output", "type=oci"][..], &["--output=type=oci"], &["-o", "out"], &["-oout"]] {
            assert!(has_option(&arguments(given), &OUTCOMES), "{given:?}");
        }
        for given in [&["--progress", "plain"][..], &["--target=api"], &["--tagged"], &[]] {
            assert!(!has_option(&arguments(given), &OUTCOMES), "{given:?}");
        }
    }

    #[test]
    fn names_images_after_directories() {
        for (directory, name) in [("/a/My_App", "my-app:latest"), ("/a/.b..c-", "b-c:latest"), ("/", "project:latest")]
        {
            assert_eq!(image_name(Path::new(directory)), name);
        }
    }
}

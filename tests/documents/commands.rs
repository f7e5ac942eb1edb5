//! What the documents show is what the programs read. `tests/e2e/documents` runs the commands.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Parser as _;
use uv_buildkit::cli::Cli;
use uv_buildkit::config;
use uv_buildkit::diagnostic::SourceFile;
use uv_buildkit_tests::book::read;
use uv_buildkit_tests::document::{NOT_RUN, blocks, documents};
use xtask::task::Arguments;
use yaml_rust2::YamlLoader;

use super::literals;

#[test]
fn every_config_that_is_shown_is_read() -> Result<()> {
    let mut compiler = boon::Compiler::new();
    let mut schemas = boon::Schemas::new();
    compiler.add_resource("schema.json", config::schema::schema()).map_err(|error| anyhow!("{error}"))?;
    let schema = compiler.compile("schema.json", &mut schemas).map_err(|error| anyhow!("{error:#}"))?;
    let mut count = 0;
    for block in blocks()?.into_iter().filter(|block| block.language == "toml") {
        let place = block.place();
        let value: serde_json::Value = toml::from_str(&block.text).with_context(|| place.clone())?;
        schemas.validate(&value, schema).map_err(|error| anyhow!("{place} does not fit the schema: {error}"))?;
        let file = Arc::new(SourceFile::new(config::FILE_NAME, block.text));
        config::parse(&file, &Default::default()).map_err(|errors| anyhow!("{place}: {errors}"))?;
        count += 1;
    }
    ensure!(count >= 3, "configs are no longer found in the documents");
    Ok(())
}

/// Files of other programs: manifests, and the files of services that build.
#[test]
fn other_files_that_are_shown_are_well_formed() -> Result<()> {
    let mut count = 0;
    for block in blocks()? {
        let place = block.place();
        match block.language.as_str() {
            "toml pyproject.toml" => drop(toml::from_str::<toml::Table>(&block.text).context(place)?),
            "yaml" => drop(YamlLoader::load_from_str(&block.text).context(place)?),
            _ => continue,
        }
        count += 1;
    }
    ensure!(count >= 3, "other files are no longer found in the documents");
    Ok(())
}

#[test]
fn every_command_that_is_shown_is_parsed() -> Result<()> {
    let (mut shown, mut parsed) = (Vec::new(), 0);
    for block in blocks()?.into_iter().filter(|block| block.language == "sh") {
        for (place, command) in block.commands() {
            parsed += usize::from(parse(&command).with_context(|| format!("{place}: {command}"))?);
            shown.push(command);
        }
    }
    for (start, _) in NOT_RUN {
        ensure!(shown.iter().any(|command| command.starts_with(start)), "no document shows `{start}` any more");
    }
    ensure!(parsed >= 12, "commands are no longer found in the documents: {shown:?}");
    // In the text, too.
    for document in documents()? {
        let text = read(&document)?;
        for literal in literals(&text).filter(|literal| !literal.contains('\n')) {
            // A command alone is a name; with more it is to be typed.
            let is_ours = ["cargo xtask ", "uv-buildkit "].iter().any(|start| literal.starts_with(start));
            if is_ours && literal.split(' ').count() > 2 {
                parse(literal).with_context(|| format!("{document}: `{literal}`"))?;
            }
        }
    }
    Ok(())
}

/// Reads a command of ours as the program does; whether it is one.
fn parse(command: &str) -> Result<bool> {
    let words = shlex::split(command).context("a quote is not closed")?;
    let end = words.iter().position(|word| ["|", ">", "…"].contains(&word.as_str())).unwrap_or(words.len());
    match &words[..end] {
        [cargo, ours @ ..] if cargo == "cargo" && ours.first().is_some_and(|word| word == "xtask") => {
            Arguments::try_parse_from(ours)?;
        }
        ours @ [program, ..] if program == "uv-buildkit" => {
            Cli::try_parse_from(ours)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

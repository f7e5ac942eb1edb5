//! Every kind of source that a lock can hold: an application with packages of it, built, started, and compared with what uv
//! installs in the same base.

mod kinds;
pub mod repository;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::equality::{BASE, Cache, differences, listings};
use crate::index::Index;
use crate::project::UV_BUILD;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    for (name, write) in kinds::KINDS {
        trials.add(format!("sources::{name}"), move |stage| equals_uv(stage, name, write));
    }
    for (name, write) in kinds::TAMPERED {
        trials.add(format!("sources::tampered_{name}"), move |stage| refuses_another_file(stage, name, write));
    }
    trials.add("sources::another_version", refuses_another_version);
}

/// A base with a compiler and git, as the official image has them.
pub const BUILDER: &str = "python:3.13-bookworm";

/// Where an application of some kind of source is written.
pub struct Fixture<'a> {
    /// The build context.
    pub context: Context<'a>,
    /// An index of its own. Its packages come from nowhere else.
    pub index: Index,
    /// In every module: what no run has built before.
    pub nonce: String,
}

/// What an application is made of.
#[derive(Default)]
pub struct Application {
    /// Its packages: requirements of it.
    pub dependencies: Vec<String>,
    /// The modules that it imports.
    pub modules: Vec<&'static str>,
    /// More of its manifest.
    pub manifest: String,
    /// Keys of its target.
    pub target: &'static str,
    /// The image that it is built and run in; [`BASE`] if empty.
    pub base: &'static str,
    /// What `uv sync` is to select beside the application.
    pub selection: &'static str,
    /// What the build must warn of.
    pub warning: &'static str,
    /// Files that uv writes and the image need not have.
    pub except: &'static [&'static str],
}

/// How an application is written.
pub type Write = fn(&Fixture<'_>) -> Result<Application>;

/// Writes an application and locks it.
fn prepare<'a>(stage: &'a Stage, name: &str, write: Write) -> Result<(Fixture<'a>, Application)> {
    let fixture = Fixture {
        context: Context::new(stage, &format!("sources-{name}"))?,
        index: Index::open(stage, &format!("sources-{name}-index"))?,
        nonce: format!("NONCE = \"{} {name}\"\n", stage.nonce()),
    };
    let application = write(&fixture)?;
    if !application.base.is_empty() {
        stage.lab().require_image(application.base)?;
    }
    fixture.write(&application)?;
    fixture.context.lock()?;
    Ok((fixture, application))
}

fn equals_uv(stage: &Stage, name: &str, write: Write) -> Result<()> {
    let (Fixture { context, .. }, application) = prepare(stage, name, write)?;
    let built = context.build().push("sources")?;
    let warnings = &built.told.warnings;
    let is_warned = match application.warning {
        "" => warnings.is_empty(),
        expected => warnings.iter().any(|warning| warning.contains(expected)),
    };
    ensure!(is_warned, "expected {:?}, was warned of {warnings:?}", application.warning);
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    let expected: String = application.modules.iter().map(|module| format!("{module}\n")).collect();
    ensure!(run.stdout == expected, "{run:?}");

    let base = if application.base.is_empty() { BASE } else { application.base };
    let (mut oracle, image) = listings(stage, &context, &built, base, application.selection, Cache::Empty)?;
    application.except.iter().for_each(|path| oracle.leave_out(path));
    let differences = differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    ensure!(image.uncompiled.is_empty(), "without bytecode: {:?}", image.uncompiled);
    Ok(())
}

/// A file of the context that is not the one that was locked.
fn refuses_another_file(stage: &Stage, name: &str, write: Write) -> Result<()> {
    let (fixture, _) = prepare(stage, &format!("tampered_{name}"), write)?;
    let lock = fixture.context.read("uv.lock")?;
    let (_, rest) = lock.split_once("hash = \"").context("a hash in the lock")?;
    let (locked, _) = rest.split_once('"').context("the end of it")?;
    let path = kinds::TAMPERED_FILES.iter().find(|path| fixture.context.directory.join(path).exists());
    let path = path.context("a file to tamper with")?;
    fixture.context.write(path, "of somebody else")?;
    let shown = fixture.context.build().fail()?;
    // Of the text above.
    let found = "sha256:56ddc30e1f66bacc19803ec1a9c939a74bce66321da5533bc0f86cd278988cbf";
    let expected = format!("`{path}` does not match the lockfile: the lockfile has {locked}, the file has {found}");
    ensure!(shown.contains(&expected), "`{expected}` is not shown:\n{shown}");
    ensure!(shown.contains("uv.lock:"), "the place in the lock is not shown:\n{shown}");
    Ok(())
}

/// A build that does not make what the lock says.
fn refuses_another_version(stage: &Stage) -> Result<()> {
    let (fixture, _) = prepare(stage, "another_version", kinds::git_tag)?;
    let locked = "name = \"heron\"\nversion = ";
    fixture.context.edit("uv.lock", &format!("{locked}\"1.0\""), &format!("{locked}\"2.0\""))?;
    let shown = fixture.context.build().fail()?;
    let expected = "failed to build heron 2.0: `heron` was built as version 1.0, but the lockfile has 2.0";
    ensure!(shown.contains(expected), "`{expected}` is not shown:\n{shown}");
    Ok(())
}

impl Fixture<'_> {
    fn write(&self, application: &Application) -> Result<()> {
        let Application { dependencies, manifest, target, base, modules, .. } = application;
        let base = if base.is_empty() { String::new() } else { format!("base = \"{base}\"\n") };
        self.context.write("uv.build.toml", format!("[targets.app]\n{base}{target}\n"))?;
        self.context.write(
            "pyproject.toml",
            format!(
                "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
                 dependencies = {dependencies:?}\nscripts = {{ app = \"app:main\" }}\n\n\
                 [build-system]\n{UV_BUILD}\n{manifest}\n"
            ),
        )?;
        let imports: String = modules.iter().map(|module| format!("import {module}\n")).collect();
        let prints: String = modules.iter().map(|module| format!("    print({module}.__name__)\n")).collect();
        self.context.write("src/app/__init__.py", format!("{imports}{}\n\ndef main():\n{prints}", self.nonce))
    }

    /// A directory outside of the context.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.context.directory.with_extension(name)
    }

    /// `[[tool.uv.index]]` of the fixture's index, which only its own packages come from.
    pub fn explicit_index(&self) -> String {
        format!("[[tool.uv.index]]\nname = \"fixture\"\nurl = \"{}\"\nexplicit = true\n", self.index.url())
    }
}

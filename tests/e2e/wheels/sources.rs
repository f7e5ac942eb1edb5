//! The same of packages that are no projects of the workspace: source distributions, and directories of git repositories. What the image
//! has of them is what `uv sync` installs.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use super::backends::{BACKENDS, Member, write_surroundings};
use crate::context::Context;
use crate::equality::{Cache, differences, listings};
use crate::index::Index;
use crate::project::UV_BUILD;
use crate::sources::{BUILDER, repository};
use crate::stage::Stage;

/// An application with one of each by each backend.
pub fn equal_uv(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BUILDER)?;
    let context = Context::new(stage, "wheels-of-sources")?;
    let index = Index::open(stage, "wheels-of-sources-index")?;
    let (mut names, mut sources) = (Vec::new(), String::new());

    // A repository that has what it ignores as well: backends differ in what they make of that.
    let birds = Context::new(stage, "wheels-of-sources-repository")?;
    write_surroundings(&birds)?;
    for backend in &BACKENDS {
        let member = Member { name: format!("{}-repository", backend.name), parent: "packages", ignores: false };
        member.write(&birds, backend, &format!("packages/{}", member.name), "../../")?;
        names.push(member.name);
    }
    let git = |arguments: &[&str]| run_captured(Command::new("git").current_dir(&birds.directory).args(arguments));
    git(&["init", "--quiet", "--initial-branch=main"])?;
    git(&["add", "--force", "."])?;
    let commit = repository::serve(&index, "birds.git", &birds.directory, "v1.0")?;
    for name in &names {
        let url = index.url_of("birds.git");
        let table = format!("git = \"{url}\", rev = \"{commit}\", subdirectory = \"packages/{name}\"");
        sources += &format!("{name} = {{ {table} }}\n");
    }

    for backend in &BACKENDS {
        let name = format!("{}-archive", backend.name);
        let project = Context::new(stage, &format!("wheels-of-sources-{}", backend.name))?;
        write_surroundings(&project)?;
        Member { name: name.clone(), parent: "", ignores: false }.write(&project, backend, ".", "")?;
        let mut build = uv::command()?;
        build.args(["build", "--quiet", "--sdist", "--out-dir"]).arg(context.directory.join("archives"));
        run_captured(build.arg(&project.directory))?;
        let file = format!("archives/{}-1.0.tar.gz", name.replace('-', "_"));
        ensure!(context.directory.join(&file).exists(), "no {file}");
        sources += &format!("{name} = {{ path = \"{file}\" }}\n");
        names.push(name);
    }

    let manifest = format!(
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\ndependencies = {names:?}\n\n\
         [build-system]\n{UV_BUILD}\n[tool.uv.sources]\n{sources}"
    );
    context.write("pyproject.toml", manifest)?;
    context.write("src/app/__init__.py", "")?;
    context.write("uv.build.toml", format!("[targets.app]\nbase = \"{BUILDER}\"\n"))?;
    context.lock().context("lock")?;
    let built = context.build().push("wheels-of-sources")?;
    let (oracle, image) = listings(stage, &context, &built, BUILDER, "", Cache::Empty)?;
    for name in &names {
        let modules = oracle.count(&format!("{}/plain.txt", name.replace('-', "_")));
        let files = oracle.count_in(&format!("/{}/", name.replace('-', "_")));
        eprintln!("{name:26}{files:>4} files");
        ensure!(modules == 1, "{name} is not installed by uv");
    }
    let differences = differences(&oracle, &image);
    ensure!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    Ok(())
}

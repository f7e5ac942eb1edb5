//! Ways to have the program: a wheel, an archive, cargo, and the frontend's image.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use uv_buildkit_tests::uv;
use xtask::dist;
use xtask::lab::{Optimized, make_static, run_captured, workspace};

use crate::Trials;
use crate::container;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("installs::wheel", wheel);
    trials.add("installs::cargo", cargo);
    trials.add("installs::image", image);
}

const VERSION: &str = concat!("uv-buildkit ", env!("CARGO_PKG_VERSION"), "\n");

/// The project that `uv init` makes, with a lock.
fn project(stage: &Stage, name: &str) -> Result<PathBuf> {
    let directory = stage.directory(name)?;
    let uv = |arguments: &[&str]| run_captured(uv::command()?.args(arguments).arg("--offline").current_dir(&directory));
    uv(&["init", "--package", "--name=cormorant", "."])?;
    uv(&["lock"])?;
    Ok(directory)
}

fn names(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// What uv makes of the wheel that `cargo xtask dist` makes, in a fresh directory and without a network.
fn wheel(stage: &Stage) -> Result<()> {
    let home = stage.directory("installs-wheel")?;
    let files = home.join("dist");
    dist::make(&files, Optimized::Quickly)?;
    let made = names(&files)?;
    let wheel = made.iter().find(|name| name.ends_with(".whl")).with_context(|| format!("no wheel among {made:?}"))?;
    let (architecture, wheel) = (std::env::consts::ARCH, files.join(wheel));
    let archive = format!("uv-buildkit-linux-{architecture}");
    ensure!(made.contains(&format!("{archive}.tar.gz")), "{made:?}");
    ensure!(made.len() == 4, "a wheel, an archive, the schema and checksums, and not {made:?}");
    let checked = run_captured(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&files))?;
    ensure!(checked.lines().count() == 3, "{checked}");

    let bin = home.join("bin");
    let tool = |arguments: &[&OsStr]| -> Result<String> {
        let mut command = uv::command()?;
        command
            .env("UV_TOOL_DIR", home.join("tools"))
            .env("UV_TOOL_BIN_DIR", &bin)
            .env("UV_CACHE_DIR", home.join("cache"));
        run_captured(command.args(["tool", "--offline"]).args(arguments).current_dir(&home))
    };
    tool(&["install".as_ref(), wheel.as_os_str()])?;
    let program = bin.join("uv-buildkit");
    ensure!(run_captured(Command::new(&program).arg("--version"))? == VERSION);
    let project = project(stage, "installs-project")?;
    let run = |arguments: &[&str]| run_captured(Command::new(&program).args(arguments).current_dir(&project));
    let written = run(&["init"])?;
    ensure!(
        written == "wrote Dockerfile\nwrote uv.build.toml\nwrote .dockerignore\nnext: docker buildx build .\n",
        "{written}"
    );
    let plan = run(&["plan"])?;
    ensure!(plan.contains("cormorant 0.1.0"), "{plan}");

    let from = ["run".as_ref(), "--from".as_ref(), wheel.as_os_str(), "uv-buildkit".as_ref(), "--version".as_ref()];
    ensure!(tool(&from)? == VERSION);

    // Installers for either C library take it: it is the program of the frontend's image, in which there is none.
    let same = fs::read(&program)? == fs::read(stage.lab().frontend_program()?)?;
    ensure!(same, "the wheel has another program than the image");
    for (platform, name) in [("manylinux_2_17", "glibc"), ("unknown-linux-musl", "musl")] {
        let place = home.join(name);
        let mut install = uv::command()?;
        install.args(["pip", "install", "--offline", "--no-deps", "--target"]).arg(&place).arg(&wheel);
        run_captured(install.arg(format!("--python-platform={architecture}-{platform}")))?;
        ensure!(run_captured(Command::new(place.join("bin/uv-buildkit")).arg("--version"))? == VERSION);
    }
    let metadata = names(&home.join("musl"))?.into_iter().find(|name| name.ends_with(".dist-info"));
    let metadata = fs::read_to_string(home.join("musl").join(metadata.context("no metadata")?).join("METADATA"))?;
    for line in [
        "Name: uv-buildkit",
        concat!("Version: ", env!("CARGO_PKG_VERSION")),
        "License-Expression: Apache-2.0",
        "License-File: LICENSE",
        "Requires-Python: >=3.8",
        "Description-Content-Type: text/markdown; charset=UTF-8; variant=GFM",
        "Project-URL: Repository, https://github.com/uv-buildkit/uv-buildkit",
        "# uv-buildkit",
    ] {
        ensure!(metadata.lines().any(|it| it == line), "no line `{line}` in {metadata}");
    }

    run_captured(Command::new("tar").arg("-xzf").arg(files.join(format!("{archive}.tar.gz"))).current_dir(&home))?;
    ensure!(names(&home.join(&archive))? == ["LICENSE", "uv-buildkit"]);
    ensure!(fs::read(home.join(&archive).join("uv-buildkit"))? == fs::read(&program)?);
    Ok(())
}

/// `cargo install` of a checkout, which takes the versions of the lock.
fn cargo(stage: &Stage) -> Result<()> {
    let root = stage.directory("installs-cargo")?;
    let mut install = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    install.current_dir(workspace()).args(["install", "--path=frontend", "--locked", "--quiet", "--no-track"]);
    make_static(&mut install, Optimized::Quickly)?;
    run_captured(install.arg("--root").arg(&root))?;
    ensure!(names(&root.join("bin"))? == ["uv-buildkit"]);
    ensure!(run_captured(Command::new(root.join("bin/uv-buildkit")).arg("--version"))? == VERSION);
    Ok(())
}

/// The frontend's image is the command line for those who install nothing.
fn image(stage: &Stage) -> Result<()> {
    let lab = stage.lab();
    let image = stage.syntax_in_registry();
    let project = project(stage, "installs-image")?;
    let run = |arguments: &[&str]| {
        let volume = format!("--volume={}:/src", project.display());
        let before = [volume, "--workdir=/src".to_owned(), "--user=1234:1234".to_owned()];
        let arguments: Vec<String> = arguments.iter().map(|&it| it.to_owned()).collect();
        container::run(lab, &image, &before, &arguments)
    };
    let plan = run(&["plan"])?;
    let here = run_captured(Command::new(lab.frontend_program()?).arg("plan").current_dir(&project))?;
    ensure!(plan.exit_code == Some(0) && plan.stdout == here && here.contains("cormorant 0.1.0"), "{plan:?}");
    // What it writes belongs to the user that it runs as.
    std::os::unix::fs::chown(&project, Some(1234), Some(1234))?;
    let init = run(&["init"])?;
    ensure!(init.exit_code == Some(0), "{init:?}");
    ensure!(fs::metadata(project.join("uv.build.toml"))?.uid() == 1234);
    // Without a word it says what there is, as long as no BuildKit started it.
    let nothing = run(&[])?;
    ensure!(nothing.exit_code == Some(0) && nothing.stdout.contains("Usage: uv-buildkit <COMMAND>"), "{nothing:?}");
    Ok(())
}

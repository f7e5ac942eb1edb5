//! Members whose version comes from git's tags, which a build does not have.

use std::process::Command;

use anyhow::{Result, ensure};
use xtask::lab::run_captured;

use crate::Trials;
use crate::build::Built;
use crate::container;
use crate::context::Context;
use crate::image::Image;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("versions::of_git", of_git);
}

/// Two members of two backends, both of which write a file with the version, and one that is neither.
const MEMBERS: [(&str, &str, &str); 3] = [
    (
        "tide-app",
        "dynamic = [\"version\"]",
        "[build-system]\nrequires = [\"hatchling\", \"hatch-vcs\"]\nbuild-backend = \"hatchling.build\"\n\n\
         [tool.hatch.version]\nsource = \"vcs\"\nraw-options = { root = \"../..\" }\n\n\
         [tool.hatch.build.hooks.vcs]\nversion-file = \"src/tide_app/_version.py\"\n",
    ),
    (
        "tide-core",
        "dynamic = [\"version\"]",
        "[build-system]\nrequires = [\"setuptools>=77\", \"setuptools-scm>=8\"]\nbuild-backend = \"setuptools.build_meta\"\n\n\
         [tool.setuptools_scm]\nroot = \"../..\"\nversion_file = \"src/tide_core/_version.py\"\n",
    ),
    (
        "tide-base",
        "version = \"4.0\"",
        "[build-system]\nrequires = [\"uv_build>=0.9.18,<0.14\"]\nbuild-backend = \"uv_build\"\n",
    ),
];

const ROOT: &str = r#"[tool.uv.workspace]
members = ["members/*"]

[tool.uv.sources]
tide-core = { workspace = true }
tide-base = { workspace = true }
"#;

const CONFIG: &str = r#"[args]
VERSION = "0.dev0"
CORE = "1.2.3"

[members.tide-app]
version = "${args.VERSION}"

[members.tide-core]
version = "${args.CORE}"

[targets.app]
package = "tide-app"
"#;

/// What python knows of the versions, and what the backends wrote.
const SCRIPT: &str = "from importlib.metadata import version\n\
                      from tide_app._version import version as app\n\
                      from tide_core._version import version as core\n\
                      print(version('tide-app'), app, version('tide-core'), core)";

fn of_git(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "versions")?;
    let nonce = stage.nonce();
    context.write("pyproject.toml", ROOT)?;
    for (name, version, rest) in MEMBERS {
        let needs = if name == "tide-app" { "[\"tide-core\", \"tide-base\"]" } else { "[]" };
        let manifest = format!(
            "[project]\nname = \"{name}\"\n{version}\nrequires-python = \">=3.11\"\ndependencies = {needs}\n\n{rest}"
        );
        let module = name.replace('-', "_");
        context.write(&format!("members/{name}/pyproject.toml"), manifest)?;
        context.write(&format!("members/{name}/src/{module}/__init__.py"), format!("NONCE = \"{nonce}\"\n"))?;
    }
    // uv asks the backends, and they ask git, which has another version than any build is given.
    let git = |arguments: &[&str]| -> Result<()> {
        let identity = ["-c", "user.name=Tide", "-c", "user.email=tide@example"];
        let mut git = Command::new("git");
        run_captured(git.current_dir(&context.directory).args(identity).args(arguments)).map(drop)
    };
    git(&["init", "--quiet"])?;
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message=Tide"])?;
    git(&["tag", "v9.9"])?;
    context.lock()?;

    // Nobody has given a version, and there is no guess at one.
    let error = context.build().target(Some("tide-app")).fail()?;
    for part in
        ["members/tide-core/pyproject.toml", "`setuptools-scm` reads the version of `tide-core`", "[members.\"*\"]"]
    {
        ensure!(error.contains(part), "no `{part}` in:\n{error}");
    }

    context.write("uv.build.toml", CONFIG)?;
    let first = context.build().argument("--build-arg=VERSION=1.2.3").push("versions")?;
    ensure!(versions(stage, &first)? == "1.2.3 1.2.3 1.2.3 1.2.3\n", "{}", versions(stage, &first)?);

    // A version is in the key of its member, as it is normalised, and git is in none.
    git(&["tag", "v10.0"])?;
    let same = context.build().argument("--build-arg=VERSION=v1.2.3").push("versions")?;
    let images = (Image::of(stage.lab(), &same)?, Image::of(stage.lab(), &first)?);
    ensure!(images.0 == images.1, "the same version made another image");
    ensure!(same.steps.executed.is_empty(), "for the same version these ran: {:?}", same.steps.executed);
    let second = context.build().argument("--build-arg=VERSION=1.3.0rc1").push("versions")?;
    ensure!(versions(stage, &second)? == "1.3.0rc1 1.3.0rc1 1.2.3 1.2.3\n", "{}", versions(stage, &second)?);
    let executed = &second.steps.executed;
    let expected = ["build and install tide-app 1.3.0rc1", "assemble"];
    let is_expected = |name: &String| expected.iter().any(|end| name.ends_with(end));
    ensure!(executed.len() == 2 && executed.iter().all(is_expected), "for another version these ran: {executed:?}");

    // A fallback of the manifest needs no declaration.
    context.edit(
        "members/tide-core/pyproject.toml",
        "version_file = \"src/tide_core/_version.py\"",
        "fallback_version = \"7.0\"",
    )?;
    context.edit("uv.build.toml", "[members.tide-core]\nversion = \"${args.CORE}\"\n", "")?;
    context.write("members/tide-core/src/tide_core/_version.py", "version = \"none\"\n")?;
    let fallback = context.build().argument("--build-arg=VERSION=1.2.3").push("versions")?;
    ensure!(versions(stage, &fallback)? == "1.2.3 1.2.3 7.0 none\n", "{}", versions(stage, &fallback)?);
    Ok(())
}

/// What a container of an image prints of versions.
fn versions(stage: &Stage, built: &Built) -> Result<String> {
    let command = ["python", "-c", SCRIPT].map(str::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &command)?;
    ensure!(run.exit_code == Some(0), "{run:?}");
    Ok(run.stdout)
}

//! The lookup of what an image starts, where only the wheels of packages can tell: a program of theirs is found after they are installed.

use anyhow::{Result, ensure};

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::index::Index;
use crate::project::UV_BUILD;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("programs::of_packages", of_packages);
}

/// A target, its command; what the command prints, or what a build says instead.
type Start = (&'static str, &'static [&'static str], Result<&'static str, &'static [&'static str]>);

const STARTS: [Start; 8] = [
    ("console", &["hoist", "up"], Ok("hoist up\n")),
    ("console-by-path", &["/app/.venv/bin/hoist", "up"], Ok("hoist up\n")),
    ("script", &["reel", "in"], Ok("reel in\n")),
    ("module", &["python", "-m", "gunicorn", "on"], Ok("gunicorn on\n")),
    (
        "no-console",
        &["hoost", "up"],
        Err(&["`no-console` cannot start: the image has no program `hoost`", "did you mean `hoist`?"]),
    ),
    (
        "no-console-by-path",
        &["/app/.venv/bin/hoost"],
        Err(&["`no-console-by-path` cannot start: the image has no program `hoost`", "did you mean `hoist`?"]),
    ),
    (
        "no-script",
        &["reels", "in"],
        Err(&["`no-script` cannot start: the image has no program `reels`", "did you mean `reel`?"]),
    ),
    (
        "no-module",
        &["python", "-m", "uvicorn"],
        Err(&["`no-module` cannot start: the image has no module `uvicorn`", "the package `uvicorn` provides it"]),
    ),
];

/// A console script and a script below `.data/scripts`, each of another name than its package, and a package that is started by `-m`.
fn of_packages(stage: &Stage) -> Result<()> {
    let index = Index::open(stage, "programs-index")?;
    let show = |name: &str| format!("import sys\n\ndef main():\n    print(\"{name}\", *sys.argv[1:])\n");
    let crane = index.project("crane", "1.0", UV_BUILD, &show("hoist"))?;
    crane.edit("pyproject.toml", "requires-python", "scripts = { hoist = \"crane:main\" }\nrequires-python")?;
    let data = format!("{UV_BUILD}\n[tool.uv.build-backend.data]\nscripts = \"programs\"\n");
    let winch = index.project("winch", "1.0", &data, "")?;
    winch.add("programs/reel", "#!/bin/sh\necho reel \"$@\"\n")?;
    let gunicorn = index.project("gunicorn", "1.0", UV_BUILD, &show("gunicorn"))?;
    gunicorn.add("src/gunicorn/__main__.py", "from gunicorn import main\n\nmain()\n")?;
    for project in [crane, winch, gunicorn] {
        let (file, wheel) = project.wheel()?;
        index.serve(&format!("packages/{file}"), wheel);
    }

    let context = Context::new(stage, "programs")?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"harbour\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\
             dependencies = [\"crane\", \"winch\", \"gunicorn\"]\n\n\
             [[tool.uv.index]]\nname = \"fixture\"\nurl = \"{}\"\ndefault = true\n",
            index.url()
        ),
    )?;
    context.lock()?;
    let target = |(name, cmd, _): &(&str, &[&str], _)| format!("[targets.{name}]\ncmd = {cmd:?}\n");
    context.write("uv.build.toml", STARTS.iter().map(target).collect::<String>())?;

    for (name, cmd, expected) in STARTS {
        let build = context.build().target(Some(name));
        match expected {
            Ok(expected) => {
                let run = container::run(stage.lab(), &build.push("programs")?.reference, &[], &[])?;
                ensure!(run.stdout == expected && run.exit_code == Some(0), "{cmd:?}: {run:?}");
            }
            Err(words) => {
                let shown = build.fail()?;
                for words in words {
                    ensure!(shown.contains(words), "`{words}` is not shown for {cmd:?}:\n{shown}");
                }
            }
        }
    }

    // A skipped rule is no error, and the image is what was asked for.
    context.edit("uv.build.toml", "[targets.console]", "# check=skip=image::cannot_start\n[targets.console]")?;
    let built = context.build().target(Some("no-script")).push("programs")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.exit_code != Some(0), "{run:?}");
    Ok(())
}

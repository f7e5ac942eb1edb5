//! What the build of a member reads beside its directory: what links lead to, what `[members]` names, what steps leave, and variables.

use std::os::unix::fs::symlink;

use anyhow::{Result, ensure};

use crate::Trials;
use crate::build::Built;
use crate::container;
use crate::context::Context;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("inputs::of_members", of_members);
}

const ROOT: &str =
    "[tool.uv.workspace]\nmembers = [\"boats/*\"]\n\n[tool.uv.sources]\nsail-core = { workspace = true }\n";

const MANIFEST: &str = r#"[project]
name = "sail"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["sail-core"]

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel.hooks.custom]
"#;

const CORE: &str = "[project]\nname = \"sail-core\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[build-system]\n\
                    requires = [\"hatchling\"]\nbuild-backend = \"hatchling.build\"\n";

/// Writes what it sees into the package.
const HOOK: &str = r#"import os
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Hook(BuildHookInterface):
    def initialize(self, version, build_data):
        top = Path(self.root).parents[1]
        seen = [os.environ["WIND"], (top / "charts/tide.txt").read_text(), *sorted(os.listdir(top)), *sorted(os.listdir(top / "boats"))]
        Path(self.root, "src/sail/seen.txt").write_text(" ".join(seen))
        build_data["artifacts"] += ["src/sail/seen.txt", "src/sail/web/*"]
"#;

const CONFIG: &str = r#"[args]
WIND = "west"

[members.sail]
inputs = ["charts/tide.txt", { step = "web", to = "boats/sail/src/sail/web" }]
env = { WIND = "${args.WIND}" }

[targets.sail]
package = "sail"

[[targets.sail.steps]]
name = "web"
image = "python:3.13-slim-bookworm"
platform = "builder"
run = ["python", "-c", "open('/page/index.html', 'w').write('page')"]
outputs = ["/page"]
"#;

/// What is installed of the member, and what its build saw.
const SCRIPT: &str = "import os, sail\n\
                      from sail.rigging import knots\n\
                      here = os.path.dirname(sail.__file__)\n\
                      print(open(here + '/seen.txt').read())\n\
                      print(knots.COUNT, open(here + '/web/index.html').read(), os.path.exists(here + '/.env'))";

fn of_members(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "inputs")?;
    let nonce = format!("NONCE = \"{}\"\n", stage.nonce());
    context.write("pyproject.toml", ROOT)?;
    context.write("uv.build.toml", CONFIG)?;
    // What `.dockerignore` leaves out still says what is in a wheel.
    context.write(".dockerignore", ".git*\n")?;
    context.write(".gitignore", ".env\nbuild/\nweb/\n")?;
    context.write("charts/tide.txt", "high")?;
    context.write("charts/other.txt", "1")?;
    context.write("rigging/shared/knots.py", "COUNT = 7\n")?;
    context.write("rigging/other.py", "1")?;
    context.write("boats/sail/pyproject.toml", MANIFEST)?;
    context.write("boats/sail/hatch_build.py", HOOK)?;
    context.write("boats/sail/src/sail/__init__.py", &nonce)?;
    context.write("boats/sail/src/sail/.env", "SECRET=1\n")?;
    context.write("boats/sail-core/pyproject.toml", CORE)?;
    context.write("boats/sail-core/src/sail_core/__init__.py", &nonce)?;
    // A chain: the link to the directory is behind another one.
    symlink("shared", context.directory.join("rigging/current"))?;
    symlink("../../../../rigging/current", context.directory.join("boats/sail/src/sail/rigging"))?;
    context.lock()?;

    let first = context.build().push("inputs")?;
    ensure!(
        printed(stage, &first)? == "west high .gitignore boats charts rigging sail\n7 page False\n",
        "{}",
        printed(stage, &first)?
    );

    // What nobody reads runs nothing.
    context.write("charts/other.txt", "2")?;
    context.write("rigging/other.py", "2")?;
    let same = context.build().push("inputs")?;
    ensure!(same.steps.executed.is_empty(), "for files that nobody reads these ran: {:?}", same.steps.executed);

    // What one member reads is in its key, and in no other's.
    context.write("charts/tide.txt", "low")?;
    context.write("rigging/shared/knots.py", "COUNT = 8\n")?;
    let second = context.build().argument("--build-arg=WIND=east").push("inputs")?;
    ensure!(
        printed(stage, &second)?.contains("east low ") && printed(stage, &second)?.contains("\n8 page"),
        "{}",
        printed(stage, &second)?
    );
    let executed = &second.steps.executed;
    let expected = ["build and install sail 1.0", "assemble"];
    let is_expected = |name: &String| expected.iter().any(|end| name.ends_with(end));
    ensure!(executed.len() == 2 && executed.iter().all(is_expected), "for its inputs these ran: {executed:?}");
    Ok(())
}

fn printed(stage: &Stage, built: &Built) -> Result<String> {
    let command = ["python", "-c", SCRIPT].map(str::to_owned);
    let run = container::run(stage.lab(), &built.reference, &[], &command)?;
    ensure!(run.exit_code == Some(0), "{run:?}");
    Ok(run.stdout)
}

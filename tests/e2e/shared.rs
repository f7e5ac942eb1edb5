//! Two packages that write the same file.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::Trials;
use crate::container;
use crate::context::Context;
use crate::index::Index;
use crate::project::UV_BUILD;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("shared::files_of_two_packages", files_of_two_packages);
}

/// Tiny packages of different buckets.
const PACKAGES: [&str; 2] = ["alder", "oak"];

const MANIFEST: &str = r#"[project]
name = "grove"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["alder", "oak"]

[project.scripts]
grove = "grove:main"

[build-system]
requires = ["uv_build>=0.9.18,<0.14"]
build-backend = "uv_build"

[[tool.uv.index]]
name = "grove"
url = "INDEX"
default = true
"#;

const CONFIG: &str = r#"[targets.apart]
package = "grove"

[targets.together]
package = "grove"
layers = { together = [["alder", "oak"]] }
"#;

fn files_of_two_packages(stage: &Stage) -> Result<()> {
    let context = Context::new(stage, "shared")?;
    let index = Index::open(stage, "shared-index")?;
    for name in PACKAGES {
        let nonce = format!("NONCE = \"{}\"\n", stage.nonce());
        let modules = format!("{UV_BUILD}\n[tool.uv.build-backend]\nmodule-name = [\"{name}\", \"tree\", \"wood\"]\n");
        let project = index.project(name, "1.0", &modules, &nonce)?;
        project.add("src/tree/__init__.py", &format!("{nonce}NAME = \"{name}\"\n"))?;
        // One that is equal in both, as the files of old namespace packages are, is nobody's loss.
        project.add("src/wood/__init__.py", "")?;
        let (file, wheel) = project.wheel()?;
        index.serve(&format!("packages/{file}"), wheel);
    }
    context.write("pyproject.toml", MANIFEST.replace("INDEX", &index.url()))?;
    context.write("src/grove/__init__.py", "import tree\n\n\ndef main():\n    print(tree.NAME)\n")?;
    context.write("uv.build.toml", CONFIG)?;
    context.lock()?;

    let warning = "warning: `alder` and `oak` write `tree/__init__.py`: what `oak` writes stays";
    for target in ["apart", "together"] {
        let built = context.build().target(Some(target)).push("shared")?;
        let run = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(run.stdout == "oak\n", "in {target}: {run:?}");
        let is_warned = built.told.log.contains(warning);
        ensure!(is_warned == (target == "together"), "in {target}: {:?}", built.told.log);

        let call = |format: &str| -> Result<String> {
            let mut command = stage.lab().buildx(["build", "--progress=quiet", "--target", target]);
            command.arg(format!("--call=uv.files{format}")).arg(&context.directory);
            let output = command.output()?;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            Ok(String::from_utf8(output.stdout)?)
        };
        let files: Value = serde_json::from_str(&call(",format=json")?)?;
        let shared = files["shared"].as_array().context("a list")?;
        let [only] = &shared[..] else { anyhow::bail!("shared files: {shared:?}") };
        ensure!(only["path"].as_str().is_some_and(|path| path.ends_with("site-packages/tree/__init__.py")), "{only}");
        ensure!(only["kept"] == "oak", "{only}");
        let text = call("")?;
        let lines = ["alder     1.0", "3 packages, ", "WARNING: `alder` and `oak` write `lib/python3."];
        for line in lines {
            ensure!(text.contains(line), "no `{line}` in:\n{text}");
        }
    }
    Ok(())
}

//! A base without a shell, whose python is its own. (One without either is in the tests of managed pythons, and an example.)

use anyhow::{Context as _, Result, ensure};

use crate::Trials;
use crate::container;
use crate::image::Image;
use crate::layer;
use crate::pond::Pond;
use crate::stage::Stage;

/// Adds the tests.
pub fn add(trials: &mut Trials) {
    trials.add("distroless::python_of_the_base", python_of_the_base);
}

const BASE: &str = "gcr.io/distroless/python3-debian12";

const CONFIG: &str = r#"default-target = "app"

[targets.app]
package = "pond-app"
base = "gcr.io/distroless/python3-debian12"
files = [{ from = "README.md", to = "/app/README.md" }]
requires = ["test"]

[targets.test]
inherits = "app"
run = [["python", "-c", "import pond_app"], ["pond-app"]]
"#;

const WHO: &str = "import getpass, os, sys; print(getpass.getuser(), os.getuid(), os.path.expanduser('~'), sys.executable, \
                   os.path.exists('/bin/sh'), oct(os.stat('/home/app').st_mode), open('/app/README.md').read().strip())";

fn python_of_the_base(stage: &Stage) -> Result<()> {
    stage.lab().require_image(BASE)?;
    let pond = Pond::new(stage, "distroless")?;
    pond.context.write("uv.build.toml", CONFIG)?;
    let built = pond.context.build().push("distroless")?;
    let run = container::run(stage.lab(), &built.reference, &[], &[])?;
    ensure!(run.stdout == "pond-app\n" && run.exit_code == Some(0), "{run:?}");
    let run = container::run(stage.lab(), &built.reference, &[], &["python", "-Ic", WHO].map(str::to_owned))?;
    let expected = "app 999 /home/app /app/.venv/bin/python False 0o40775 A pond.\n";
    ensure!(run.stdout == expected, "not {expected:?}: {run:?}");
    let run = container::run(stage.lab(), &built.reference, &[], &["sh".to_owned()])?;
    ensure!(run.exit_code == Some(127), "there is a shell: {run:?}");

    // The accounts of the base are still there.
    let image = Image::of(stage.lab(), &built)?;
    let layers = layer::over_the_base(stage.lab(), &built, &image)?;
    let user = layers.iter().find(|layer| layer.history.starts_with("add user app")).context("no layer of the user")?;
    let passwd = user.entries.get("etc/passwd").and_then(|entry| entry.content.as_ref()).context("no /etc/passwd")?;
    let passwd = String::from_utf8_lossy(passwd);
    for line in ["nonroot:x:65532:65532:", "app:x:999:999:"] {
        ensure!(passwd.lines().any(|known| known.starts_with(line)), "`{line}` is not in:\n{passwd}");
    }

    // Packages of a distribution need its programs.
    pond.context.edit("uv.build.toml", "files = ", "apt = [\"tini\"]\nfiles = ")?;
    let shown = pond.context.build().fail()?;
    for words in ["has no apt-get", ">>> apt = [\"tini\"]"] {
        ensure!(shown.contains(words), "`{words}` is not shown:\n{shown}");
    }
    Ok(())
}

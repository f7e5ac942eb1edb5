//! What steps do with what others wrote: requirements, archives, manifests, wheels.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// With every python on the machine that there may be in an image.
#[test]
fn what_others_wrote() -> Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let works = |name: &String| Command::new(name).arg("--version").output().is_ok_and(|run| run.status.success());
    let others = (9..=15).map(|minor| format!("python3.{minor}")).filter(works);
    for python in std::iter::once("python3".to_owned()).chain(others) {
        for script in ["foreign.py", "wheels.py"] {
            let mut command = Command::new(&python);
            command.arg(here.join("worker").join(script)).arg(here.join("../frontend/src/lower"));
            let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().context("cannot start python")?;
            ensure!(output.status.success(), "{python}, {script}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    Ok(())
}

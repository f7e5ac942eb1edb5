//! What is asked of python is read as uv reads it: `uv python pin` writes every request of a file in its own way.

use std::fs;

use anyhow::{Result, ensure};
use uv_buildkit::interpreter::request::{Form, PythonRequest};
use uv_buildkit_tests::uv;

/// Each of another form.
const REQUESTS: [&str; 24] = [
    "3",
    "313",
    "3.13.5",
    "3.13td",
    "3.14+gil",
    ">=3.12,<3.14",
    "==3.13.5",
    "3.14.0rc2",
    "3.15.1a1",
    "cpython",
    "CPython3.13",
    "cp313",
    "python@312",
    "pp310",
    "graalpy",
    "cpython-3.13+freethreaded-linux-x86_64-gnu",
    "3.13-linux",
    "linux-x86_64",
    "cpython-3.13-windows-x86_64_v3-none",
    "./venv/bin/python",
    "python@latest",
    "3.13.*",
    "3.300",
    "cpython-3.13-linux-x86_64-gnu-more",
];

#[test]
fn requests_are_uvs() -> Result<()> {
    let directory = tempfile::tempdir()?;
    fs::write(directory.path().join(".python-versions"), REQUESTS.join("\n"))?;
    // Without another argument it writes what the file asks for, but for names of programs, which it passes over.
    let output = uv::command()?.args(["python", "pin", "--no-project"]).current_dir(directory.path()).output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    let read = |text: &str| PythonRequest::parse(text).form;
    let (programs, others): (Vec<_>, Vec<_>) = REQUESTS.into_iter().partition(|text| read(text) == Form::Program);
    for text in programs {
        ensure!(words.contains(&format!("unsupported Python request `{text}`")), "uv takes `{text}`: {words}");
    }
    let canonical = String::from_utf8_lossy(&output.stdout).into_owned();
    let canonical: Vec<&str> = canonical.lines().collect();
    ensure!(canonical.len() == others.len(), "of {others:?} uv takes {canonical:?}");
    for (text, canonical) in others.iter().zip(canonical) {
        ensure!(read(text) == read(canonical), "`{text}` is {:?}, but for uv `{canonical}`", read(text));
    }
    Ok(())
}

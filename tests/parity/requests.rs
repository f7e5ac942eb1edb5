//! What is asked of python is read as uv reads it: `uv python pin` writes every request in its own way.

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
    let file = directory.path().join(".python-version");
    for text in REQUESTS {
        let _none = fs::remove_file(&file);
        let mut pin = uv::command()?;
        // No python is looked for: what is there is nothing to what is asked for.
        let output =
            pin.args(["python", "pin", "--no-project", text]).env("PATH", "").current_dir(&directory).output()?;
        let form = PythonRequest::parse(text).form;
        match fs::read_to_string(&file) {
            Ok(canonical) => {
                let canonical = canonical.trim();
                let read = PythonRequest::parse(canonical).form;
                ensure!(
                    form != Form::Program && form == read,
                    "`{text}` is {form:?}, but for uv `{canonical}`: {read:?}"
                );
            }
            Err(_) => {
                let words = String::from_utf8_lossy(&output.stderr);
                ensure!(words.contains("arbitrary names"), "`{text}`: {words}");
                ensure!(form == Form::Program, "`{text}` is {form:?}, but for uv a program");
            }
        }
    }
    Ok(())
}

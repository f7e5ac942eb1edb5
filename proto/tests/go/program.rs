//! Go programs beside these tests, which run BuildKit's own code.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

/// Tests run at the same time, and a program cannot be written while another test runs it.
static BUILT: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Builds `tests/<name>` into the cargo target directory. Without Go the test fails: a skipped comparison would look
/// like one that passed. Each test binary has one program, built once.
pub fn build(name: &str) -> PathBuf {
    let mut built = BUILT.lock().unwrap();
    built.get_or_insert_with(|| go_build(name)).clone()
}

fn go_build(name: &str) -> PathBuf {
    let binary = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("proto-{name}"));
    let build = Command::new("go")
        .args(["build", "-trimpath", "-o"])
        .arg(&binary)
        .arg(".")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name))
        .output()
        .unwrap_or_else(|error| panic!("this test compares with BuildKit's Go code and needs `go` 1.26: {error}"));
    assert!(build.status.success(), "go build of tests/{name}: {}", String::from_utf8_lossy(&build.stderr));
    binary
}

//! How a script of ours says why its step failed. The frontend reads that, and makes an error of it (`cause`).

use buildkit_llb::Exec;

use super::with_script;

/// What each script imports.
pub const FAILURE: &str = include_str!("failure.py");

/// A step whose script says why it failed.
pub(super) fn reporting(exec: Exec) -> Exec {
    with_script(exec, "failure.py", FAILURE)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::FAILURE;
    use crate::cause::{REPORT, Report};
    use crate::interpreter::PROBE;

    /// Runs a script that is to fail: what a user is told. `{}` in its arguments is the directory of its output.
    fn told(name: &str, text: &str, arguments: &[&str]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().display().to_string();
        for (name, text) in [(name, text), ("failure.py", FAILURE), ("bytecode.py", super::super::BYTECODE)] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let uv = directory.path().join("uv");
        fs::write(&uv, "#!/bin/sh\necho this uv is of another platform >&2\nexit 3\n").unwrap();
        fs::set_permissions(&uv, fs::Permissions::from_mode(0o755)).unwrap();
        let arguments = arguments.iter().map(|argument| argument.replace("{}", &place));
        let output = Command::new("python3").arg(directory.path().join(name)).args(arguments).output().unwrap();
        assert!(!output.status.success(), "{name} does not fail");
        let report = fs::read(format!("{place}{REPORT}")).unwrap();
        Report::parse(&report).unwrap().cause().to_string().replace(&place, "/out")
    }

    #[test]
    fn scripts_say_why_they_failed() {
        let packed = told("archive.py", include_str!("archive.py"), &["{}", "{}/fn.zip", "10", "10"]);
        assert!(packed.contains(", and AWS Lambda unpacks no more than 0.0 MB\nhelp: the largest are "), "{packed}");
        let probed = told("probe.py", PROBE, &["{}/facts.json", "", "{}/uv"]);
        assert_eq!(probed, "this uv is of another platform");
        let library = include_str!("library.py").replace("paths = ", "0 / 0\n    paths = ");
        assert_eq!(told("library.py", &library, &["{}"]), "ZeroDivisionError: division by zero");
    }

    #[test]
    fn a_full_disk_is_told_with_what_to_do() {
        let full = "raise OSError(28, 'No space left on device')\n    paths = ";
        let told = told("library.py", &include_str!("library.py").replace("paths = ", full), &["{}"]);
        let help = "help: the disk of the builder is full: `docker buildx prune` frees what no build uses";
        assert_eq!(told, format!("[Errno 28] No space left on device\n{help}"));
    }
}

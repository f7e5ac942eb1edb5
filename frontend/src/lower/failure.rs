//! How a script of ours says why its step failed. The frontend reads that, and makes an error of it (`cause`).

use buildkit_llb::Exec;

use super::scripts::{FAILURE, with_script};

/// A step whose script says why it failed.
pub(super) fn reporting(exec: Exec) -> Exec {
    with_script(exec, FAILURE)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::super::scripts::BYTECODE;
    use super::FAILURE;
    use crate::cause::{REPORT, Report};
    use crate::interpreter::PROBE;

    /// Runs a script that is to fail: what a user is told. `{}` in its arguments is the directory of its output.
    fn told(name: &str, text: &str, arguments: &[&str]) -> String {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().display().to_string();
        for (name, text) in [(name, text), FAILURE, BYTECODE] {
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
        let archive = include_str!("archive.py");
        let library = include_str!("library.py").replace("sources(sysconfig", "sources(0 / 0, sysconfig");
        let full = include_str!("library.py")
            .replace("paths = ", "raise OSError(28, 'No space left on device')\n    paths = ");
        let told = [
            told("archive.py", archive, &["{}", "{}/fn.zip", "10", "10"]),
            told("probe.py", PROBE, &["{}/facts.json", "", "{}/uv"]),
            told("library.py", &library, &["{}"]),
            told("library.py", &full, &["{}"]),
            told(
                "system.py",
                &include_str!("system.py").replace("report_to(\"/\")", "report_to(sys.argv.pop())"),
                &["none", "{}"],
            ),
        ];
        insta::assert_snapshot!(told.join("\n\n"));
    }
}

//! Facts about the python of an image: what markers and tags are evaluated against. They come from running that python
//! ([`PROBE`]), from its files ([`files`]) where the builder cannot run it, or, for a plan without a daemon, from
//! [`Interpreter::declared`]. What is asked of it is a [`request`].

pub mod choice;
pub mod files;
pub mod request;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use uv_pep440::Version;
use uv_pep508::{MarkerEnvironment, MarkerEnvironmentBuilder};
use uv_platform_tags::{Arch, Os, Platform, Tags, TagsOptions};

/// The script that prints an [`Interpreter`] as JSON; run inside the image, its result is cached by BuildKit.
pub const PROBE: &str = include_str!("interpreter/probe.py");

/// What [`PROBE`] tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    /// Absolute path of the python that a venv is made from.
    pub executable: String,
    /// `platform.python_version()`: `3.13.5`.
    pub python_full_version: String,
    /// `cpython`, `pypy`.
    pub implementation_name: String,
    /// As markers want it.
    pub implementation_version: String,
    /// `CPython`, `PyPy`.
    pub platform_python_implementation: String,
    /// `x86_64`, `aarch64`.
    pub platform_machine: String,
    /// `posix`.
    pub os_name: String,
    /// `linux`.
    pub sys_platform: String,
    /// `Linux`.
    pub platform_system: String,
    /// The C library.
    pub libc: Libc,
    /// A free-threaded build.
    pub gil_disabled: bool,
    /// Text of `/etc/passwd`; empty when the image has none.
    pub passwd: String,
    /// Text of `/etc/group`; empty when the image has none.
    pub group: String,
    /// What `uv --version` says of the uv that will be used: `0.9.18`.
    pub uv: String,
    /// Names of the programs that the image has where programs are looked for; absent where nobody looked.
    #[serde(default)]
    pub programs: Option<BTreeSet<String>>,
    /// It was not looked at, and its patch is a guess.
    #[serde(skip)]
    pub is_patch_guessed: bool,
}

/// A C library and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Libc {
    /// `glibc` or `musl`.
    pub name: LibcName,
    /// Major version.
    pub major: u16,
    /// Minor version.
    pub minor: u16,
}

/// The C libraries that wheels are built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LibcName {
    /// GNU.
    Glibc,
    /// musl.
    Musl,
}

impl fmt::Display for Libc {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.name {
            LibcName::Glibc => "glibc",
            LibcName::Musl => "musl",
        };
        write!(out, "{name}-{}.{}", self.major, self.minor)
    }
}

impl std::str::FromStr for Libc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('-').and_then(|(name, version)| {
            let name = match name {
                "glibc" => LibcName::Glibc,
                "musl" => LibcName::Musl,
                _ => return None,
            };
            let (major, minor) = version.split_once('.')?;
            Some(Self { name, major: major.parse().ok()?, minor: minor.parse().ok()? })
        });
        parsed.ok_or_else(|| format!("`{text}` is not a C library: write `glibc-2.36` or `musl-1.2`"))
    }
}

/// Facts that no wheel selection is possible with.
#[derive(Debug, thiserror::Error)]
pub enum InterpreterError {
    /// The probe printed something else.
    #[error("cannot read the facts about the Python of the image: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// A version that is not PEP 440.
    #[error("the Python of the image reports the version `{0}`, which is not valid")]
    Version(String),
    /// An architecture that no tag is known for.
    #[error("no wheels are known for the processor `{0}`")]
    Machine(String),
    /// Tags could not be made.
    #[error("no wheel tags for this Python: {0}")]
    Tags(String),
}

impl Interpreter {
    /// Reads what [`PROBE`] printed.
    pub fn from_json(json: &[u8]) -> Result<Self, InterpreterError> {
        Ok(serde_json::from_slice(json)?)
    }

    /// The version.
    pub fn version(&self) -> Result<Version, InterpreterError> {
        self.python_full_version.parse().map_err(|_| InterpreterError::Version(self.python_full_version.clone()))
    }

    /// The version as people are told it: without a patch that is a guess.
    pub fn shown_version(&self) -> String {
        match self.short_version() {
            Ok(short) if self.is_patch_guessed => short,
            _ => self.python_full_version.clone(),
        }
    }

    /// `(3, 13)`.
    pub fn minor_version(&self) -> Result<(u8, u8), InterpreterError> {
        let version = self.version()?;
        match version.release()[..] {
            [major, minor, ..] => Ok((u8::try_from(major).unwrap_or(u8::MAX), u8::try_from(minor).unwrap_or(u8::MAX))),
            _ => Err(InterpreterError::Version(self.python_full_version.clone())),
        }
    }

    /// For `python_version` and file names: `3.13`.
    pub fn short_version(&self) -> Result<String, InterpreterError> {
        self.minor_version().map(|(major, minor)| format!("{major}.{minor}"))
    }

    /// What markers are evaluated against. The kernel's release and version are left empty, as uv does when it resolves for
    /// another platform: an image does not choose the kernel that it runs on.
    pub fn environment(&self) -> Result<MarkerEnvironment, InterpreterError> {
        let short = self.short_version()?;
        // uv evaluates a pre-release interpreter as its release (uv: `ResolverMarkerEnvironment`).
        let release = self.version()?.only_release().to_string();
        MarkerEnvironment::try_from(MarkerEnvironmentBuilder {
            implementation_name: &self.implementation_name,
            implementation_version: &self.implementation_version,
            os_name: &self.os_name,
            platform_machine: &self.platform_machine,
            platform_python_implementation: &self.platform_python_implementation,
            platform_release: "",
            platform_system: &self.platform_system,
            platform_version: "",
            python_full_version: &release,
            python_version: &short,
            sys_platform: &self.sys_platform,
        })
        .map_err(|error| InterpreterError::Version(error.to_string()))
    }

    /// The wheel tags it accepts, best first.
    pub fn tags(&self) -> Result<Tags, InterpreterError> {
        let arch: Arch =
            self.platform_machine.parse().map_err(|_| InterpreterError::Machine(self.platform_machine.clone()))?;
        let os = match self.libc {
            Libc { name: LibcName::Glibc, major, minor } => Os::Manylinux { major, minor },
            Libc { name: LibcName::Musl, major, minor } => Os::Musllinux { major, minor },
        };
        let implementation: Version = self
            .implementation_version
            .parse()
            .map_err(|_| InterpreterError::Version(self.implementation_version.clone()))?;
        let implementation = match implementation.release()[..] {
            [major, minor, ..] => (u8::try_from(major).unwrap_or(u8::MAX), u8::try_from(minor).unwrap_or(u8::MAX)),
            _ => return Err(InterpreterError::Version(self.implementation_version.clone())),
        };
        let options = TagsOptions {
            manylinux_compatible: true,
            gil_disabled: self.gil_disabled,
            debug_enabled: false,
            is_cross: false,
        };
        Tags::from_env(
            Platform::new(os, arch),
            self.minor_version()?,
            &self.implementation_name,
            implementation,
            options,
        )
        .map_err(|error| InterpreterError::Tags(error.to_string()))
    }

    /// How a person calls it: `cpython 3.13.5, x86_64, glibc-2.36`.
    pub fn describe(&self) -> String {
        let threads = if self.gil_disabled { " (free-threaded)" } else { "" };
        format!(
            "{} {}{threads}, {}, {}",
            self.implementation_name,
            self.shown_version(),
            self.platform_machine,
            self.libc
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::Command;

    use super::*;

    /// Programs that a probe may be told to look for, of which some are there: each of these is the same python, and notes that it
    /// was started. That python calls itself by none of these names, but for the last.
    #[test]
    fn the_probe_starts_another_python_once_at_most() {
        let directory = tempfile::tempdir().unwrap();
        let (log, facts) = (directory.path().join("log"), directory.path().join("facts.json"));
        let script = |name: &str, text: &str| {
            let path = directory.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        fs::write(directory.path().join("probe.py"), PROBE).unwrap();
        fs::write(directory.path().join("failure.py"), include_str!("lower/failure.py")).unwrap();
        let uv = script("uv", "echo uv 0.13.9");
        // A third one would be the start of a loop without end.
        let note = format!("echo started >> {0}; test $(wc -l < {0}) -lt 3 && exec python3 \"$@\"", log.display());
        for name in ["python3.1", "python3.2", "python3.1t"] {
            script(name, &note);
        }
        let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
        let probe = |programs: &str| {
            let _old = fs::remove_file(&log);
            let probe = directory.path().join("probe.py");
            let mut command = Command::new("python3");
            command.arg(probe).arg(&facts).arg(programs).arg(&uv).env("PATH", &path);
            assert!(command.status().unwrap().success(), "{programs}");
            let started = fs::read_to_string(&log).unwrap_or_default().lines().count();
            (started, Interpreter::from_json(&fs::read(&facts).unwrap()).unwrap())
        };
        let (started, interpreter) = probe("");
        assert_eq!(started, 0);
        let own = format!("python{}", interpreter.short_version().unwrap());
        let cases = [
            (own.clone(), 0),
            (format!("python3.2 {own}"), 0),
            ("python3.1".to_owned(), 1),
            ("python3.1t".to_owned(), 1),
            ("python3.3 python3.2 python3.1".to_owned(), 1),
            ("python3.3".to_owned(), 0),
        ];
        for (programs, expected) in cases {
            assert_eq!(probe(&programs), (expected, interpreter.clone()), "{programs}");
        }
        for request in ["3", "3.1", "3.1t", ">=3", "any", "3.13t"] {
            let programs = request::PythonRequest::parse(request).programs().join(" ");
            assert!(probe(&programs).0 <= 1, "{request}");
        }
    }

    /// What it says without the large modules is what they say, with every python on the machine that there may be in an image.
    #[test]
    fn the_probe_says_what_python_says_of_itself() {
        const ORACLE: &str = "import json, os, platform, sysconfig; print(json.dumps({ \
            'python_full_version': platform.python_version(), 'platform_machine': platform.machine(), \
            'platform_python_implementation': platform.python_implementation(), 'platform_system': platform.system(), \
            'gil_disabled': bool(sysconfig.get_config_var('Py_GIL_DISABLED'))}))";
        let directory = tempfile::tempdir().unwrap();
        let facts = directory.path().join("facts.json");
        fs::write(directory.path().join("probe.py"), PROBE).unwrap();
        fs::write(directory.path().join("failure.py"), include_str!("lower/failure.py")).unwrap();
        let pythons = (8..=15).map(|minor| format!("python3.{minor}"));
        let uv = directory.path().join("uv");
        fs::write(&uv, "#!/bin/sh\necho uv 0.13.9\n").unwrap();
        fs::set_permissions(&uv, fs::Permissions::from_mode(0o755)).unwrap();
        let mut asked = 0;
        for python in std::iter::once("python3".to_owned()).chain(pythons) {
            let Ok(answer) = Command::new(&python).args(["-c", ORACLE]).output() else { continue };
            if !answer.status.success() {
                continue;
            }
            let probe = [directory.path().join("probe.py"), facts.clone(), "".into(), uv.clone()];
            let output = Command::new(&python).args(probe).output().unwrap();
            assert!(output.status.success(), "{python}: {}", String::from_utf8_lossy(&output.stderr));
            let expected: serde_json::Value = serde_json::from_slice(&answer.stdout).unwrap();
            let found: serde_json::Value = serde_json::from_slice(&fs::read(&facts).unwrap()).unwrap();
            for (key, value) in expected.as_object().unwrap() {
                assert_eq!(found[key], *value, "{python}: {key}");
            }
            asked += 1;
        }
        assert!(asked > 0, "no python answered");
    }
}

//! What is asked of a python, in every form that uv takes: `3.13`, `>=3.12,<3.14`, `3.14t`, `cpython@3.13`, `cp313`,
//! `cpython-3.12.3-linux-x86_64-gnu`, `pypy`, a path (uv: `PythonRequest`, `VersionRequest`, `PythonDownloadRequest`).

mod implementation;
mod installation;
mod versions;

use std::fmt;

use uv_pep440::Version;

use super::{Interpreter, LibcName};
use implementation::IMPLEMENTATIONS;
use installation::{installation, machine_of};
use versions::version;

pub use implementation::Implementation;
pub use versions::{Variant, Versions};

/// A request. To parse one never fails: what is nothing else is the name of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonRequest {
    /// As it is written.
    text: String,
    /// What it means.
    pub form: Form,
}

/// What a request means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// A python with properties.
    Python(Properties),
    /// The python at a path of a machine.
    Path,
    /// A program with a name, which uv takes on its command line and passes over in `.python-version`.
    Program,
    /// More than anybody asks for. Each part of a range is compared with each python that there may be.
    TooLong,
}

/// Bytes that a request may have.
const LONGEST: usize = 1 << 10;

/// Properties that a python must have. The default is any python.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// Which python it is.
    pub implementation: Option<Implementation>,
    /// Its version.
    pub versions: Versions,
    /// How it was built.
    pub variant: Variant,
    /// `linux`, as uv calls systems.
    pub system: Option<String>,
    /// `x86_64`, as uv calls processors.
    pub machine: Option<String>,
    /// `gnu`, as uv calls C libraries.
    pub libc: Option<String>,
}

impl PythonRequest {
    /// Reads what somebody wrote. Unlike uv, it looks at no file: what has no `/` is no path.
    pub fn parse(text: &str) -> Self {
        let form = if text.len() > LONGEST { Form::TooLong } else { form(text) };
        Self { text: text.to_owned(), form }
    }

    /// The properties, unless it asks for a certain program.
    pub fn properties(&self) -> Option<&Properties> {
        match &self.form {
            Form::Python(properties) => Some(properties),
            Form::Path | Form::Program | Form::TooLong => None,
        }
    }

    /// Why no image can have such a python, and what to write; nothing if one can.
    pub fn refusal(&self) -> Option<(String, String)> {
        let write = |version: &str| format!("write a version, such as `{version}`");
        let properties = match &self.form {
            Form::Path => {
                let reason = "is a path on one machine, but an image has its own Python".to_owned();
                return Some((reason, write("3.13")));
            }
            Form::Program => return Some(("is not a Python version that uv knows".to_owned(), write("3.13"))),
            Form::TooLong => return Some((format!("has more than {LONGEST} bytes"), write("3.13"))),
            Form::Python(properties) => properties,
        };
        let version = properties.versions.to_string();
        let version = if version.is_empty() { "3.13".to_owned() } else { version };
        let threads = if properties.is_free_threaded() { "t" } else { "" };
        if let Some(other) = properties.implementation.filter(|other| *other != Implementation::CPython) {
            return Some((format!("is {other}, but images use CPython"), write("3.13")));
        }
        if let Some(system) = properties.system.as_ref().filter(|system| *system != "linux") {
            return Some((format!("is a Python for {system}, but images are for Linux"), write(&version)));
        }
        if let Some(machine) = properties.machine.as_ref().filter(|machine| machine_of(machine).is_none()) {
            return Some((
                format!("is a Python for {machine}, which is not the processor of any image platform"),
                write(&version),
            ));
        }
        if properties.libc.as_deref() == Some("none") {
            return Some((
                "is a Python without a C library, which does not exist for Linux".to_owned(),
                write(&version),
            ));
        }
        if properties.variant.is_debug() {
            return Some((
                "is a debug build, which is not supported in images".to_owned(),
                write(&(version + threads)),
            ));
        }
        None
    }

    /// Whether a python is one of those that it asks for (uv: `PythonRequest::satisfied`). That at a path never is.
    pub fn is_met_by(&self, python: &Interpreter) -> bool {
        let Some(properties) = self.properties() else { return false };
        let Ok(version) = python.version() else { return false };
        let is_implementation =
            properties.implementation.is_none_or(|it| it.name() == python.implementation_name.to_ascii_lowercase());
        let libc = match python.libc.name {
            LibcName::Glibc => "gnu",
            LibcName::Musl => "musl",
        };
        is_implementation
            && properties.versions.admit(&version)
            && (properties.versions == Versions::Any || properties.variant.is_that_of(&version, python.gil_disabled))
            && properties.system.as_ref().is_none_or(|system| *system == python.sys_platform)
            && properties.machine.as_ref().is_none_or(|it| machine_of(it) == machine_of(&python.platform_machine))
            && properties.libc.as_ref().is_none_or(|it| it.starts_with(libc))
    }

    /// Names of the programs that may be such a python where an image has several, the newest first.
    pub fn programs(&self) -> Vec<String> {
        let Some(properties) = self.properties() else { return Vec::new() };
        let threads = if properties.is_free_threaded() { "t" } else { "" };
        let minors: Vec<u64> = match &properties.versions {
            Versions::Any => return Vec::new(),
            Versions::Release(release) if release.len() > 1 => vec![release[1]],
            Versions::PreRelease(version) => vec![version.release()[1]],
            versions => {
                let admits = |minor: &u64| (0..100).any(|patch| versions.admit(&Version::new([3, *minor, patch])));
                (6..=NEWEST_MINOR).rev().filter(admits).collect()
            }
        };
        minors.iter().map(|minor| format!("python3.{minor}{threads}")).collect()
    }
}

/// The newest minor version whose program is looked for.
const NEWEST_MINOR: u64 = 20;

/// As it is written.
impl fmt::Display for PythonRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Properties {
    /// Without the global lock.
    pub fn is_free_threaded(&self) -> bool {
        matches!(self.variant, Variant::FreeThreaded | Variant::FreeThreadedDebug)
    }
}

/// What a text means.
fn form(text: &str) -> Form {
    let lower = text.to_ascii_lowercase();
    if ["any", "default"].contains(&lower.as_str()) {
        return Form::Python(Properties::default());
    }
    if let Some(properties) = named(&lower) {
        return Form::Python(properties);
    }
    if text.contains('/') {
        return Form::Path;
    }
    installation(text).map_or(Form::Program, Form::Python)
}

/// `3.13`, `python3.13`, `pypy`, `pypy@3.10`, `cp313`
fn named(text: &str) -> Option<Properties> {
    let names = IMPLEMENTATIONS
        .into_iter()
        .flat_map(|(implementation, long, short)| [Some(long), short].map(|name| (name, Some(implementation))));
    let prefixes = [(Some("python"), None), (Some(""), None)].into_iter().chain(names);
    for (name, implementation) in prefixes {
        let Some(rest) = name.and_then(|name| text.strip_prefix(name)) else { continue };
        if rest.is_empty() && implementation.is_some() {
            return Some(Properties { implementation, ..Properties::default() });
        }
        let has_at = rest.starts_with('@');
        // Nothing is in front of an `@`: that is no version, whatever comes behind.
        if has_at && name == Some("") {
            return None;
        }
        match version(rest.strip_prefix('@').unwrap_or(rest)) {
            Some((versions, variant)) => {
                return Some(Properties { implementation, versions, variant, ..Properties::default() });
            }
            None if has_at => return None,
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::choice::Declared;
    use super::super::{Interpreter, Libc};
    use super::*;

    fn python(version: &str, gil_disabled: bool, libc: &str) -> Interpreter {
        let libc: Libc = libc.parse().unwrap();
        Interpreter::declared(&Declared { gil_disabled, ..Declared::of(version) }, "amd64", libc, "0.13.9")
    }

    /// `MAJOR.MINOR.PATCH`, whether it has no global lock, and its C library.
    const PYTHONS: [(&str, bool, &str); 7] = [
        ("3.12.3", false, "glibc-2.36"),
        ("3.13.5", false, "glibc-2.36"),
        ("3.13.5", true, "glibc-2.36"),
        ("3.14.0", false, "glibc-2.36"),
        ("3.14.0", true, "glibc-2.36"),
        ("3.14.0rc2", false, "glibc-2.36"),
        ("3.13.5", false, "musl-1.2"),
    ];

    /// In the order of [`PYTHONS`].
    #[test]
    fn is_met_by_what_uv_would_take() {
        let cases = [
            ("3", "1101111"),
            ("3.13", "0100001"),
            ("313", "0100001"),
            ("3.13.5", "0100001"),
            ("3.13.4", "0000000"),
            ("3.14", "0001110"),
            ("3.14.0", "0001100"),
            ("3.14rc2", "0000010"),
            ("3.14.0rc2", "0000010"),
            ("3.14rc1", "0000000"),
            (">=3.12,<3.14", "1100001"),
            (">=3.14", "0001110"),
            (">=3.14.0rc3", "0001100"),
            ("~=3.12", "1101111"),
            ("==3.13.*", "0100001"),
            ("==3.13.5", "0100001"),
            ("3.13t", "0010000"),
            ("3.13+freethreaded", "0010000"),
            (">=3.13t", "0010100"),
            ("3.14+gil", "0001010"),
            ("3.13d", "0000000"),
            ("cpython", "1111111"),
            ("cpython@3.13", "0100001"),
            ("cpython3.13", "0100001"),
            ("CPython3.13", "0100001"),
            ("cp313", "0100001"),
            ("python3.12", "1000000"),
            ("python@312", "1000000"),
            ("cpython-3.12.3-linux-x86_64-gnu", "1000000"),
            ("cpython-3.13-linux-x86_64-musl", "0000001"),
            ("cpython-3.13+freethreaded-linux-x86_64-gnu", "0010000"),
            ("cpython-3.13-linux-aarch64-gnu", "0000000"),
            ("3.13-linux", "0100001"),
            ("any-3.13-any-any-any", "0100001"),
            ("linux-x86_64", "1111111"),
            ("pypy@3.10", "0000000"),
            ("any", "1111111"),
            ("default", "1111111"),
            ("/usr/bin/python3.13", "0000000"),
            ("miniforge3", "0000000"),
        ];
        for (text, expected) in cases {
            let request = PythonRequest::parse(text);
            let met = PYTHONS.map(|(version, threads, libc)| request.is_met_by(&python(version, threads, libc)));
            assert_eq!(met.map(|met| if met { '1' } else { '0' }).iter().collect::<String>(), expected, "{text}");
        }
    }

    #[test]
    fn tells_why_no_image_can_have_it() {
        let possible =
            ["3", "3.13", "3.14t", ">=3.12", "any", "cpython@3.13", "cpython-3.12.3-linux-x86_64-gnu", "3.14+gil"];
        for text in possible {
            assert_eq!(PythonRequest::parse(text).refusal(), None, "{text}");
        }
        let refused = [
            ("pypy", "is PyPy"),
            ("pp310", "is PyPy"),
            ("pypy@3.10", "is PyPy"),
            ("graalpy", "is GraalPy"),
            ("pyodide3.13", "is Pyodide"),
            ("3.13d", "is a debug build"),
            ("3.13td", "is a debug build"),
            ("cpython-3.13-macos-aarch64-none", "is a Python for macos"),
            ("cpython-3.13-windows-x86_64-none", "is a Python for windows"),
            ("cpython-3.13-linux-x86_64_v3-gnu", "is a Python for x86_64_v3"),
            ("./venv/bin/python", "is a path"),
            ("python", "is not a Python version that uv knows"),
            ("python@latest", "is not a Python version that uv knows"),
            ("@3.13", "is not a Python version that uv knows"),
            ("3.13.*", "is not a Python version that uv knows"),
            ("3.13.5.1", "is not a Python version that uv knows"),
            ("3.13-linux-x86_64-gnu-more-parts", "is not a Python version that uv knows"),
            ("", "is not a Python version that uv knows"),
        ];
        for (text, start) in refused {
            let (reason, _) = PythonRequest::parse(text).refusal().unwrap_or_default();
            assert!(reason.starts_with(start), "{text}: {reason}");
        }
    }

    #[test]
    fn looks_for_programs_of_these_names() {
        let programs = |text: &str| PythonRequest::parse(text).programs().join(" ");
        assert_eq!(programs("3.13"), "python3.13");
        assert_eq!(programs("3.13.5t"), "python3.13t");
        assert_eq!(programs("3.14rc1"), "python3.14");
        assert_eq!(programs(">=3.11.4,<3.14"), "python3.13 python3.12 python3.11");
        assert!(programs("3").starts_with("python3.20 ") && programs("3").ends_with(" python3.6"));
        assert_eq!(programs("any") + &programs("/usr/bin/python3"), "");
    }
}

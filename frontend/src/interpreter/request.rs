//! What is asked of a python, in every form that uv takes: `3.13`, `>=3.12,<3.14`, `3.14t`, `cpython@3.13`, `cp313`,
//! `cpython-3.12.3-linux-x86_64-gnu`, `pypy`, a path (uv: `PythonRequest`, `VersionRequest`, `PythonDownloadRequest`).

use std::fmt;

use uv_pep440::{Operator, Version, VersionSpecifier, VersionSpecifiers};

use super::{Interpreter, LibcName};

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
}

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

/// The pythons that uv knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implementation {
    /// `cpython`, `cp`
    CPython,
    /// `pypy`, `pp`
    PyPy,
    /// `graalpy`, `gp`
    GraalPy,
    /// `pyodide`
    Pyodide,
}

/// Versions that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// `any`, `default`
    #[default]
    Any,
    /// `3`, `3.13`, `3.13.5`: no pre-release where there is a patch.
    Release(Vec<u64>),
    /// `3.14.0rc2`, also written `3.14rc2`.
    PreRelease(Version),
    /// `>=3.12,<3.14`
    Range(VersionSpecifiers),
}

/// How a python was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// Without a word: with the lock, before 3.14.
    #[default]
    Default,
    /// `3.13d`, `3.13+debug`
    Debug,
    /// `3.13t`, `3.13+freethreaded`
    FreeThreaded,
    /// `3.13td`, `3.13+freethreaded+debug`
    FreeThreadedDebug,
    /// `3.14+gil`
    Gil,
    /// `3.14+gil+debug`
    GilDebug,
}

/// Names of the pythons: the long and the short one.
const IMPLEMENTATIONS: [(Implementation, &str, Option<&str>); 4] = [
    (Implementation::CPython, "cpython", Some("cp")),
    (Implementation::PyPy, "pypy", Some("pp")),
    (Implementation::GraalPy, "graalpy", Some("gp")),
    (Implementation::Pyodide, "pyodide", None),
];

/// Systems in the name of an installation.
const SYSTEMS: [&str; 14] = [
    "linux",
    "macos",
    "darwin",
    "windows",
    "freebsd",
    "netbsd",
    "openbsd",
    "dragonfly",
    "emscripten",
    "wasi",
    "solaris",
    "illumos",
    "ios",
    "aix",
];

/// Processors in the name of an installation.
const MACHINES: [&str; 22] = [
    "x86_64",
    "x86_64_v2",
    "x86_64_v3",
    "x86_64_v4",
    "aarch64",
    "arm64",
    "x86",
    "i386",
    "i586",
    "i686",
    "arm",
    "armv5te",
    "armv6",
    "armv7",
    "powerpc",
    "powerpc64",
    "powerpc64le",
    "s390x",
    "riscv64",
    "riscv64gc",
    "loongarch64",
    "wasm32",
];

/// C libraries in the name of an installation.
const LIBCS: [&str; 7] = ["gnu", "gnueabi", "gnueabihf", "musl", "musleabi", "musleabihf", "none"];

impl PythonRequest {
    /// Reads what somebody wrote. Unlike uv, it looks at no file: what has no `/` is no path.
    pub fn parse(text: &str) -> Self {
        Self { text: text.to_owned(), form: form(text) }
    }

    /// The properties, unless it asks for a certain program.
    pub fn properties(&self) -> Option<&Properties> {
        match &self.form {
            Form::Python(properties) => Some(properties),
            Form::Path | Form::Program => None,
        }
    }

    /// Why no image can have such a python, and what to write; nothing if one can.
    pub fn refusal(&self) -> Option<(String, String)> {
        let write = |version: &str| format!("write a version, such as `{version}`");
        let properties = match &self.form {
            Form::Path => {
                let reason = "is a path of one machine, and an image has a python of its own".to_owned();
                return Some((reason, write("3.13")));
            }
            Form::Program => return Some(("is no python that uv knows".to_owned(), write("3.13"))),
            Form::Python(properties) => properties,
        };
        let version = properties.versions.to_string();
        let version = if version.is_empty() { "3.13".to_owned() } else { version };
        let threads = if properties.is_free_threaded() { "t" } else { "" };
        if let Some(other) = properties.implementation.filter(|other| *other != Implementation::CPython) {
            return Some((format!("is {other}, and images are made with CPython"), write("3.13")));
        }
        if let Some(system) = properties.system.as_ref().filter(|system| *system != "linux") {
            return Some((format!("is a python for {system}, and images are for Linux"), write(&version)));
        }
        if let Some(machine) = properties.machine.as_ref().filter(|machine| machine_of(machine).is_none()) {
            return Some((format!("is a python for {machine}, which no platform of an image tells"), write(&version)));
        }
        if properties.libc.as_deref() == Some("none") {
            return Some(("is a python without a C library, which no Linux has".to_owned(), write(&version)));
        }
        if properties.variant.is_debug() {
            return Some(("is a debug build, which images are not made with".to_owned(), write(&(version + threads))));
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

impl Implementation {
    /// As `sys.implementation.name` has it.
    fn name(self) -> &'static str {
        match self {
            Self::CPython => "cpython",
            Self::PyPy => "pypy",
            Self::GraalPy => "graalpy",
            Self::Pyodide => "pyodide",
        }
    }
}

/// For people.
impl fmt::Display for Implementation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::CPython => "CPython",
            Self::PyPy => "PyPy",
            Self::GraalPy => "GraalPy",
            Self::Pyodide => "Pyodide",
        })
    }
}

impl Versions {
    /// Whether a version is one of them.
    pub fn admit(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::Release(release) => {
                version.release().starts_with(release) && (release.len() < 3 || version.pre().is_none())
            }
            Self::PreRelease(wanted) => version == wanted,
            // `>=3.14` admits 3.14.0rc3.
            Self::Range(specifiers) if specifiers.iter().any(VersionSpecifier::any_prerelease) => {
                specifiers.contains(version)
            }
            Self::Range(specifiers) => specifiers.contains(&version.only_release()),
        }
    }

    /// The only one, if there is but one.
    pub fn only(&self) -> Option<Version> {
        match self {
            Self::Release(release) if release.len() == 3 => Some(Version::new(release)),
            Self::PreRelease(version) => Some(version.clone()),
            _ => None,
        }
    }
}

/// As uv takes it; empty where any is right.
impl fmt::Display for Versions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Release(release) => write!(out, "{}", Version::new(release)),
            Self::PreRelease(version) => write!(out, "{version}"),
            Self::Range(specifiers) => write!(out, "{specifiers}"),
        }
    }
}

impl Variant {
    /// What stands behind a version for it.
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "" => Self::Default,
            "t" | "freethreaded" => Self::FreeThreaded,
            "d" | "debug" => Self::Debug,
            "td" | "freethreaded+debug" => Self::FreeThreadedDebug,
            "gil" => Self::Gil,
            "gil+debug" => Self::GilDebug,
            _ => return None,
        })
    }

    fn is_debug(self) -> bool {
        matches!(self, Self::Debug | Self::FreeThreadedDebug | Self::GilDebug)
    }

    /// Whether a python of a version is built that way. From 3.14 on, no word means either.
    fn is_that_of(self, version: &Version, gil_disabled: bool) -> bool {
        match self {
            Self::Default => !gil_disabled || version.release().to_vec() >= vec![3, 14],
            Self::FreeThreaded => gil_disabled,
            Self::Gil => !gil_disabled,
            // What was not asked of it is not known.
            Self::Debug | Self::FreeThreadedDebug | Self::GilDebug => false,
        }
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

/// `cpython-3.12.3-linux-x86_64-gnu`: any of the parts may be missing or `any`.
fn installation(text: &str) -> Option<Properties> {
    let mut properties = Properties::default();
    let mut position = 0;
    let mut parts = text.split('-');
    let mut part = parts.next()?;
    if text.is_empty() || text.split('-').count() > 5 {
        return None;
    }
    loop {
        let is_any = part.eq_ignore_ascii_case("any");
        let known = |names: &[&str]| names.contains(&part).then(|| part.to_owned());
        let fits = match position {
            _ if is_any && position < 5 => true,
            0 => {
                let lower = part.to_ascii_lowercase();
                let is_it = |(_, long, short): &(Implementation, &str, Option<&str>)| {
                    *long == lower || *short == Some(lower.as_str())
                };
                properties.implementation = IMPLEMENTATIONS.iter().find(|known| is_it(known)).map(|(it, ..)| *it);
                properties.implementation.is_some()
            }
            1 => match version(part) {
                Some((versions, variant)) => {
                    (properties.versions, properties.variant) = (versions, variant);
                    true
                }
                None => false,
            },
            2 => {
                properties.system = known(&SYSTEMS);
                properties.system.is_some()
            }
            3 => {
                properties.machine = known(&MACHINES);
                properties.machine.is_some()
            }
            4 => {
                properties.libc = known(&LIBCS);
                properties.libc.is_some()
            }
            _ => return None,
        };
        position += 1;
        if fits {
            match parts.next() {
                Some(next) => part = next,
                None => return Some(properties),
            }
        }
    }
}

/// A version with its variant: `3.13t`, `>=3.12`, `313`.
fn version(text: &str) -> Option<(Versions, Variant)> {
    if text.chars().all(char::is_alphabetic) {
        return None;
    }
    let end = text.rfind(|char: char| char.is_ascii_digit()).map_or(text.len(), |last| last + 1);
    let (number, suffix) = text.split_at(end);
    let (number, variant) = match Variant::read(suffix.strip_prefix('+').unwrap_or(suffix)) {
        Some(variant) => (number, variant),
        None => (text, Variant::Default),
    };
    if let Ok(version) = number.parse::<Version>() {
        return Some((release(&version)?, variant));
    }
    let specifiers: VersionSpecifiers = number.parse().ok()?;
    match &specifiers[..] {
        [] => None,
        // Then it is that version.
        [only] if *only.operator() == Operator::Equal => Some((release(only.version())?, variant)),
        _ => Some((Versions::Range(specifiers), variant)),
    }
}

/// The versions that begin with one.
fn release(version: &Version) -> Option<Versions> {
    let version = split_tag(version);
    let release = version.release().to_vec();
    let is_small = release.iter().all(|number| u8::try_from(*number).is_ok());
    let is_other = version.post().is_some() || version.dev().is_some() || !version.local().is_empty();
    if is_other || !is_small {
        return None;
    }
    match (release.len(), version.pre()) {
        (1..=3, None) => Some(Versions::Release(release)),
        (2..=3, Some(_)) => Some(Versions::PreRelease(version.with_release([
            release[0],
            release[1],
            release.get(2).copied().unwrap_or_default(),
        ]))),
        _ => None,
    }
}

/// `313` is 3.13, as in the tags of wheels.
fn split_tag(version: &Version) -> Version {
    let [number] = version.release()[..] else { return version.clone() };
    let digits = number.to_string();
    match (digits[..1].parse::<u64>(), digits[1..].parse::<u64>()) {
        (Ok(major), Ok(minor)) => version.clone().with_release([major, minor]),
        _ => version.clone(),
    }
}

/// As `platform.machine()` calls a processor; nothing of those that it does not tell apart.
fn machine_of(name: &str) -> Option<&str> {
    Some(match name {
        "arm64" => "aarch64",
        "x86" | "i386" | "i586" => "i686",
        "armv7" => "armv7l",
        "powerpc64le" => "ppc64le",
        "riscv64gc" => "riscv64",
        "x86_64" | "aarch64" | "i686" | "armv7l" | "ppc64le" | "s390x" | "riscv64" | "loongarch64" => name,
        _ => return None,
    })
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
            ("cpython-3.13-macos-aarch64-none", "is a python for macos"),
            ("cpython-3.13-windows-x86_64-none", "is a python for windows"),
            ("cpython-3.13-linux-x86_64_v3-gnu", "is a python for x86_64_v3"),
            ("./venv/bin/python", "is a path"),
            ("python", "is no python that uv knows"),
            ("python@latest", "is no python that uv knows"),
            ("@3.13", "is no python that uv knows"),
            ("3.13.*", "is no python that uv knows"),
            ("3.13.5.1", "is no python that uv knows"),
            ("3.13-linux-x86_64-gnu-more-parts", "is no python that uv knows"),
            ("", "is no python that uv knows"),
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

//! The version of python that is meant where several would do.

use uv_pep440::{Version, VersionSpecifiers};

use super::request::{PythonRequest, Versions};
use super::{Interpreter, Libc};

/// The minor versions that a python is chosen from, by preference.
const PREFERRED: [u64; 5] = [13, 14, 12, 11, 10];

/// Those that an image may have without being asked, the newest first.
const OTHERS: [u64; 11] = [20, 19, 18, 17, 16, 15, 9, 8, 7, 6, 5];

/// The newest patch of a minor version: an image with `3.13` in its tag has it, whichever that is by now.
const NEWEST_PATCH: u64 = 99;

/// A minor version: `(3, 13)`.
pub type Minor = (u64, u64);

/// A version to ask an image's tag or uv for: `3.13`, `3.13.5`. Of a minor version, the newest patch is meant; an older one is named
/// where `requires-python` admits no newer one. Nothing, if nothing that is known will do.
///
/// `is_good` says of minor versions whether there is nothing against them: the first of these is preferred to one before it.
pub fn chosen(
    request: Option<&PythonRequest>,
    requires_python: Option<&VersionSpecifiers>,
    is_good: &dyn Fn(&[Minor], Minor) -> bool,
) -> Option<String> {
    let versions =
        request.and_then(PythonRequest::properties).map_or(&Versions::Any, |properties| &properties.versions);
    if let Some(only) = versions.only() {
        return Some(only.to_string());
    }
    let required = |version: &Version| requires_python.is_none_or(|specifiers| specifiers.contains(version));
    let asked = match versions {
        Versions::Release(release) if release.len() == 2 => Some((release[0], release[1])),
        _ => None,
    };
    let minors: Vec<Minor> = asked.map_or(PREFERRED.map(|minor| (3, minor)).to_vec(), |minor| vec![minor]);
    let fits = |version: &Version| versions.admit(version) && required(version);
    let fitting: Vec<Minor> =
        minors.iter().copied().filter(|(major, minor)| fits(&Version::new([*major, *minor, NEWEST_PATCH]))).collect();
    let good = fitting.iter().find(|minor| fitting.len() == 1 || is_good(&fitting, **minor));
    let newest = good.or(fitting.first()).or(asked.as_ref().filter(
        // Whether it is what the lock is for, is not said by the way.
        |(major, minor)| !(0..NEWEST_PATCH).any(|patch| fits(&Version::new([*major, *minor, patch]))),
    ));
    if let Some((major, minor)) = newest {
        return Some(format!("{major}.{minor}"));
    }
    let patches = minors
        .iter()
        .flat_map(|(major, minor)| (0..NEWEST_PATCH).rev().map(|patch| Version::new([*major, *minor, patch])));
    patches.into_iter().find(fits).map(|version| version.to_string())
}

/// A python that is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its version; the patch may be a guess.
    pub version: Version,
    /// Somebody said which patch it is.
    pub is_patch_known: bool,
    /// It has no global lock.
    pub gil_disabled: bool,
}

impl Declared {
    /// The one that a text asks for.
    pub fn of(text: &str) -> Self {
        Self::new(None, Some(&PythonRequest::parse(text)), None)
    }

    /// What an image has that says of itself what it has (`tag`), that should have what is asked for, and that a project is locked
    /// for: in doubt, the former counts.
    pub fn new(
        tag: Option<&PythonRequest>,
        request: Option<&PythonRequest>,
        requires_python: Option<&VersionSpecifiers>,
    ) -> Self {
        let versions = |request: Option<&PythonRequest>| {
            let properties = request.and_then(PythonRequest::properties);
            properties.map(|properties| properties.versions.clone()).unwrap_or_default()
        };
        let (tag_versions, wanted) = (versions(tag), versions(request));
        let known: Vec<Version> = [tag_versions.only(), wanted.only()].into_iter().flatten().collect();
        let named = [&tag_versions, &wanted].into_iter().filter_map(|versions| match versions {
            Versions::Release(release) if release.len() > 1 => Some((release[0], release[1])),
            _ => None,
        });
        let minors = named.chain(PREFERRED.into_iter().chain(OTHERS).map(|minor| (3, minor)));
        let guesses = minors
            .flat_map(|(major, minor)| (0..=NEWEST_PATCH).rev().map(move |patch| Version::new([major, minor, patch])));
        let candidates: Vec<Version> = known.iter().cloned().chain(guesses).collect();
        let admits = |version: &Version, rules: usize| {
            (rules < 1 || tag_versions.admit(version))
                && (rules < 2 || wanted.admit(version))
                && (rules < 3 || requires_python.is_none_or(|specifiers| specifiers.contains(&version.only_release())))
        };
        let found = (0..=3).rev().find_map(|rules| candidates.iter().find(|version| admits(version, rules)));
        let version = found.cloned().unwrap_or_else(|| Version::new([3, PREFERRED[0], NEWEST_PATCH]));
        let properties = tag.or(request).and_then(PythonRequest::properties);
        Self {
            is_patch_known: known.contains(&version),
            version,
            gil_disabled: properties.is_some_and(super::request::Properties::is_free_threaded),
        }
    }
}

/// What the reference of an image says of its python: `python:3.13-slim`, `uv:python3.13-bookworm`, `python-312:latest`.
pub fn of_reference(reference: &str) -> Option<PythonRequest> {
    let reference = reference.split('@').next()?;
    let last = reference.rsplit('/').next()?;
    let (name, tag) = last.split_once(':').unwrap_or((last, ""));
    let version = |text: &str| {
        let request = PythonRequest::parse(text);
        let versions = &request.properties()?.versions;
        matches!(versions, Versions::Release(_) | Versions::PreRelease(_)).then_some(request)
    };
    let of_tag = match name {
        "python" => version(tag.split('-').next()?),
        _ => tag.split('-').filter(|part| part.starts_with("python")).find_map(version),
    };
    of_tag.or_else(|| version(name.strip_prefix("python-")?))
}

impl Interpreter {
    /// CPython on Linux as declared on a command line, laid out as in the official python images.
    pub fn declared(python: &Declared, architecture: &str, libc: Libc, uv: &str) -> Self {
        let full = python.version.to_string();
        let short: Vec<String> = python.version.release().iter().take(2).map(ToString::to_string).collect();
        let threads = if python.gil_disabled { "t" } else { "" };
        let machine = match architecture {
            "amd64" => "x86_64",
            "arm64" => "aarch64",
            "386" => "i686",
            "arm" => "armv7l",
            other => other,
        };
        Self {
            executable: format!("/usr/local/bin/python{}{threads}", short.join(".")),
            python_full_version: full.clone(),
            implementation_name: "cpython".to_owned(),
            implementation_version: full,
            platform_python_implementation: "CPython".to_owned(),
            platform_machine: machine.to_owned(),
            os_name: "posix".to_owned(),
            sys_platform: "linux".to_owned(),
            platform_system: "Linux".to_owned(),
            libc,
            gil_disabled: python.gil_disabled,
            programs: None,
            is_patch_guessed: !python.is_patch_known,
            passwd: "root:x:0:0:root:/root:/bin/bash\n".to_owned(),
            group: "root:x:0:\n".to_owned(),
            uv: uv.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(request: &str, requires_python: &str) -> Option<String> {
        let request = (!request.is_empty()).then(|| PythonRequest::parse(request));
        let requires_python: VersionSpecifiers = requires_python.parse().unwrap();
        chosen(request.as_ref(), Some(&requires_python), &|_, _| true)
    }

    #[test]
    fn chooses_a_version_that_is_asked_for_and_locked_for() {
        let cases = [
            ("", ">=3.11", Some("3.13")),
            ("", ">=3.10,<3.13", Some("3.12")),
            ("", "==3.13.2", Some("3.13.2")),
            ("", ">=3.13,<3.13.5", Some("3.13.4")),
            ("", ">=3.21", None),
            ("3", ">=3.11", Some("3.13")),
            ("3", ">=3.11,<3.12", Some("3.11")),
            ("any", ">=3.14", Some("3.14")),
            (">=3.12,<3.14", ">=3.11", Some("3.13")),
            (">=3.12,<3.14", "<3.13", Some("3.12")),
            (">=3.13.2,<3.13.6", ">=3.11", Some("3.13.5")),
            ("==3.12.*", ">=3.11", Some("3.12")),
            (">=3.15", ">=3.11", None),
            ("3.13", ">=3.11", Some("3.13")),
            ("3.13", "<3.13.5", Some("3.13.4")),
            ("3.13t", ">=3.11", Some("3.13")),
            ("313", ">=3.11", Some("3.13")),
            // That it is not locked for is said where the two are compared.
            ("3.9", ">=3.11", Some("3.9")),
            ("3.13.5", ">=3.14", Some("3.13.5")),
            ("3.14rc2", ">=3.11", Some("3.14.0rc2")),
            ("cpython-3.12.3-linux-x86_64-gnu", ">=3.11", Some("3.12.3")),
        ];
        for (request, requires_python, expected) in cases {
            assert_eq!(choose(request, requires_python).as_deref(), expected, "{request:?} {requires_python}");
        }
    }

    #[test]
    fn declares_what_is_most_likely() {
        let declare = |tag: &str, request: &str, requires_python: &str| {
            let parse = |text: &str| (!text.is_empty()).then(|| PythonRequest::parse(text));
            let requires_python: VersionSpecifiers = requires_python.parse().unwrap();
            let Declared { version, is_patch_known, .. } =
                Declared::new(parse(tag).as_ref(), parse(request).as_ref(), Some(&requires_python));
            (version.to_string(), is_patch_known)
        };
        let cases = [
            ("", "", ">=3.14", "3.14.99", false),
            ("", "", ">=3.9,<3.10", "3.9.99", false),
            ("", "", ">=3.16", "3.20.99", false),
            ("3.11", "", ">=3.11.4", "3.11.99", false),
            ("3.13", "", "<3.13.5", "3.13.4", false),
            // A tag tells the truth, whatever the lock is for.
            ("3.10", "", ">=3.11", "3.10.99", false),
            ("3.12", "3.13", ">=3.11", "3.12.99", false),
            ("3.13", "3.13.5", ">=3.11", "3.13.5", true),
            ("3.13.5", "3.13", ">=3.11", "3.13.5", true),
            ("3", ">=3.11,<3.13", ">=3.11", "3.12.99", false),
            ("", "3.15", ">=3.11", "3.15.99", false),
            ("", "3.14.0rc2", ">=3.11", "3.14.0rc2", true),
        ];
        for (tag, request, requires_python, version, is_known) in cases {
            let declared = declare(tag, request, requires_python);
            assert_eq!(declared, (version.to_owned(), is_known), "{tag:?} {request:?} {requires_python}");
        }
    }

    #[test]
    fn reads_what_a_reference_tells() {
        let told = |reference: &str| of_reference(reference).map(|request| request.to_string());
        let cases = [
            ("python:3.13-slim-bookworm", Some("3.13")),
            ("public.ecr.aws/lambda/python:3.12", Some("3.12")),
            ("registry.example:5000/python:3.13.5@sha256:00", Some("3.13.5")),
            ("python:3.15.0a1-alpine", Some("3.15.0a1")),
            ("python:3", Some("3")),
            ("ghcr.io/astral-sh/uv:0.9-python3.13-bookworm-slim", Some("python3.13")),
            ("registry.example/ubi9/python-312:1-77", Some("312")),
            ("python:slim", None),
            ("registry.example/app:3.12", None),
            ("gcr.io/distroless/python3-debian12", None),
        ];
        for (reference, expected) in cases {
            assert_eq!(told(reference).as_deref(), expected, "{reference}");
        }
    }
}

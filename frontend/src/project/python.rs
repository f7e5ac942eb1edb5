//! Which python a target has, and on which base.

use std::sync::Arc;

use uv_pep440::Version;
use uv_platform_tags::Tags;

use super::managed::ManagedPython;
use super::parsed::Project;
use crate::config::Settings;
use crate::config::kind::Kind;
use crate::config::python::{Downloads, ManagedConfig, PythonConfig, require_possible};
use crate::diagnostic::{Diagnostic, Diagnostics, Located, SourceFile, Span};
use crate::interpreter::choice::{Declared, chosen};
use crate::interpreter::request::{Form, Properties, PythonRequest};
use crate::interpreter::{Interpreter, Libc, LibcName};
use crate::lock::artifact::best_wheel;
use crate::lock::closure::{self, Selection};
use crate::lock::{Lock, PackageId};
use crate::paths::joined;

/// The python of a target.
pub(super) struct Python {
    /// What is asked for.
    pub(super) request: Option<Located<PythonRequest>>,
    /// How uv installs it; absent where the base has it.
    pub(super) managed: Option<ManagedPython>,
    /// The image that it is in, or is put into.
    pub(super) base: Located<String>,
}

/// The file that pins a project's python.
pub const PYTHON_VERSION: &str = ".python-version";

/// The one that counts where there is none of that name: it names several pythons, the first of which is the project's.
pub const PYTHON_VERSIONS: &str = ".python-versions";

/// The base of images whose python uv installs, unless the config names another.
const DEFAULT_BASE_WITHOUT_PYTHON: &str = "debian:bookworm-slim";

impl Project {
    /// The python and the base: `python:VERSION-slim-bookworm`, unless the config says otherwise, with the version that the command
    /// line, the config, `.python-version` or `requires-python` asks for. Wheels of a zip must fit what AWS Lambda runs it in.
    pub(super) fn python(&self, settings: &Settings, kind: Kind, selection: &Selection) -> Result<Python, Diagnostics> {
        let PythonConfig { version, managed } =
            self.config.as_ref().map(|config| config.python.clone()).unwrap_or_default();
        let requested = self.flag.clone().or(version);
        let base = settings.base.clone();
        if let (None, Some(base)) = (&managed, base.clone()) {
            // A base of the user's choice decides for itself: only what the config says binds it.
            return Ok(Python { request: requested, managed: None, base });
        }
        let request = requested.or_else(|| self.pin.clone());
        request.as_ref().map(require_possible).transpose()?;
        let version = self.version(request.as_ref(), selection)?;
        let properties = request.as_ref().and_then(|request| request.value.properties());
        let is_free_threaded = properties.is_some_and(Properties::is_free_threaded);
        if let Some(managed) = managed {
            let ManagedConfig { span, mirror, downloads } = managed;
            let mirror = mirror.or_else(|| {
                self.settings.python_mirror.clone().map(|url| url.map(|url| url.trim_end_matches('/').to_owned()))
            });
            let downloads = downloads.or_else(|| {
                self.settings.python_downloads.clone().map(|place| {
                    place.map(|place| {
                        if place.contains("://") {
                            Downloads::Url(place)
                        } else {
                            Downloads::File(joined(&self.lock.root, &place))
                        }
                    })
                })
            });
            let default_base = || Located { value: DEFAULT_BASE_WITHOUT_PYTHON.to_owned(), span: span.clone() };
            let base = base.unwrap_or_else(default_base);
            let version = version.map(|version| version + if is_free_threaded { "t" } else { "" });
            return Ok(Python {
                request,
                base,
                managed: Some(ManagedPython { version, provider: span, mirror, downloads }),
            });
        }
        if let Some(request) = request.as_ref().filter(|_| is_free_threaded) {
            let problem =
                format!("`{}` is a free-threaded Python, and there is no official image with one", request.value);
            return Err(Diagnostic::new("python::no_image", problem)
                .at(request.span.clone())
                .help("let uv install it: `[python]` with `provider = \"managed\"`")
                .help("or use an image that has it: `base = \"…\"` in the target")
                .into());
        }
        let base = version.map(|version| match kind {
            // There are no tags of patches.
            Kind::LambdaZip => {
                format!("public.ecr.aws/lambda/python:{}", version.split('.').take(2).collect::<Vec<_>>().join("."))
            }
            _ => format!("python:{version}-slim-bookworm"),
        });
        Ok(Python { request, managed: None, base })
    }

    /// The version that an image's tag or uv is asked for.
    fn version(
        &self,
        request: Option<&Located<PythonRequest>>,
        selection: &Selection,
    ) -> Result<Located<String>, Diagnostics> {
        let required = self.lock.requires_python.as_ref();
        let is_good = |minors: &[(u64, u64)], minor| self.has_wheels(selection, minors, minor);
        let version =
            chosen(request.map(|request| &request.value), required.map(|(specifiers, _)| specifiers), &is_good);
        let span = request.map(|request| &request.span).or(required.map(|(_, span)| span));
        if let Some(value) = version {
            return Ok(Located { value, span: span.cloned().unwrap_or_else(|| self.root_span()) });
        }
        let requires_python = required.map(|(specifiers, _)| format!("`requires-python = \"{specifiers}\"`"));
        let asked = request.map(|request| format!("`{}`", request.value));
        let both: Vec<String> = asked.into_iter().chain(requires_python).collect();
        Err(Diagnostic::new(
            "python::no_default",
            format!("no default Python version satisfies {}", both.join(" and ")),
        )
        .at_some(span.cloned())
        .at_some(request.and(required).map(|(_, span)| span.clone()))
        .help("set `version = \"…\"` in `[python]`, or `base = \"…\"` in the target")
        .into())
    }
}

impl Project {
    /// Whether nothing of a selection must be compiled for a python that has a wheel for an older one of `minors`. Which platform that
    /// is for does not matter much: wheels for a python are there for all that is usual, or for none.
    fn has_wheels(&self, selection: &Selection, minors: &[(u64, u64)], minor: (u64, u64)) -> bool {
        let lacking = self.without_wheels(selection, minor);
        let has_older = |id: &PackageId| {
            let older = minors.iter().filter(|older| **older < minor);
            older.into_iter().any(|older| !self.lacks_wheel(*id, &tags_of(*older)))
        };
        !lacking.iter().any(has_older)
    }

    /// Packages that have wheels, and none for a python.
    fn without_wheels(&self, selection: &Selection, minor: (u64, u64)) -> Vec<PackageId> {
        let Ok(environment) = declared(minor).environment() else { return Vec::new() };
        // What cannot be installed at all is told where it is planned.
        let Ok(closure) = closure::select(&self.lock, selection, &environment) else { return Vec::new() };
        let tags = tags_of(minor);
        closure.packages().filter(|id| self.lacks_wheel(*id, &tags)).collect()
    }

    fn lacks_wheel(&self, id: PackageId, tags: &Option<Tags>) -> bool {
        let package = &self.lock.packages[id];
        let is_for_any = package.wheels.iter().any(|wheel| wheel.file.ends_with("-none-any.whl"));
        let Some(tags) = tags.as_ref().filter(|_| !is_for_any && !package.wheels.is_empty()) else { return false };
        best_wheel(&package.wheels, tags).is_none()
    }
}

/// A python of a minor version in an official image.
fn declared((major, minor): (u64, u64)) -> Interpreter {
    let libc = Libc { name: LibcName::Glibc, major: 2, minor: 36 };
    Interpreter::declared(&Declared::of(&format!("{major}.{minor}")), "amd64", libc, "")
}

fn tags_of(minor: (u64, u64)) -> Option<Tags> {
    declared(minor).tags().ok()
}

/// Whether a python that is asked for may be one that a lock is for. Of a script, uv passes over a file that asks for another.
pub(super) fn is_possible(request: &PythonRequest, lock: &Lock) -> bool {
    let Some((required, _)) = &lock.requires_python else { return true };
    // Of a minor version, any patch.
    let texts = |version: &str| [version.to_owned(), format!("{version}.99")];
    let admits = |text: &String| text.parse().is_ok_and(|version: Version| required.contains(&version));
    let version = chosen(Some(request), Some(required), &|_, _| true);
    version.is_some_and(|version| texts(version.trim_end_matches('t')).iter().any(admits))
}

/// Lines that uv passes over which are worth a warning each.
const MOST_PASSED_OVER: usize = 16;

/// The python that a file asks for: the first that uv does not pass over; and the first lines that it passes over before it.
pub(super) fn pinned(file: &Arc<SourceFile>) -> (Option<Located<PythonRequest>>, Vec<Located<PythonRequest>>) {
    let mut passed_over = Vec::new();
    let mut start = 0;
    for line in file.text.split_inclusive('\n') {
        let text = line.trim();
        let at = start + (line.len() - line.trim_start().len());
        start += line.len();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let request = Located { value: PythonRequest::parse(text), span: Span::new(file, at..at + text.len()) };
        match request.value.form {
            Form::Program if passed_over.len() < MOST_PASSED_OVER => passed_over.push(request),
            Form::Program => {}
            Form::Path | Form::Python(_) | Form::TooLong => return (Some(request), passed_over),
        }
    }
    (None, passed_over)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::Request;
    use crate::project::Target;
    use crate::project::files::Files;

    const LOCK: &str = "version = 1\nrequires-python = \">=3.11\"\n\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = { editable = \".\" }\n";

    /// A target of a project with these files, and a base if the config names one.
    fn target(config: &str, pin: &str, flag: &str, uv: &str) -> Result<Target, Diagnostics> {
        let file = |name: &str, text: &str| (!text.is_empty()).then(|| SourceFile::new(name, text));
        let manifest = format!("[project]\nname = \"app\"\nversion = \"1\"\n\n[tool.uv]\n{uv}");
        let files = Files {
            config: file("uv.build.toml", config),
            lock: SourceFile::new("uv.lock", LOCK),
            manifest: file("pyproject.toml", &manifest),
            uv_toml: None,
            python_version: file(PYTHON_VERSION, pin),
            above: Vec::new(),
        };
        let mut project = Project::parse(&files, &BTreeMap::new()).unwrap();
        let located = |file: std::sync::Arc<SourceFile>| Located {
            value: PythonRequest::parse(&file.text),
            span: Span::whole(&file),
        };
        project.flag = file("--python", flag).map(located);
        project.target(&Request::Package("app".to_owned()), &BTreeMap::new())
    }

    #[test]
    fn the_base_has_the_python_that_is_asked_for() {
        let base = |config: &str, pin: &str, flag: &str| target(config, pin, flag, "").unwrap().base.value;
        let python = |version: &str| format!("python:{version}-slim-bookworm");
        assert_eq!(base("", "", ""), python("3.13"));
        for (pin, expected) in [
            ("3", "3.13"),
            ("3.12", "3.12"),
            ("3.12.3", "3.12.3"),
            ("\n# why\n >=3.11,<3.13\r\n3.14\n", "3.12"),
            ("cpython@3.12\n3.13", "3.12"),
            ("cp312", "3.12"),
            ("python3.12", "3.12"),
            ("cpython-3.12.3-linux-x86_64-gnu", "3.12.3"),
            ("any", "3.13"),
            ("my-environment\n3.12", "3.12"),
            ("my-environment", "3.13"),
        ] {
            assert_eq!(base("", pin, ""), python(expected), "{pin}");
        }
        let config = "[python]\nversion = \">=3.12,<3.13\"\n";
        assert_eq!(base(config, "3.14", ""), python("3.12"));
        assert_eq!(base(config, "3.14", "3.11"), python("3.11"));
        assert_eq!(base("[defaults]\nbase = \"registry.example/app:1\"\n", "3.12", ""), "registry.example/app:1");
    }

    #[test]
    fn a_python_that_wheels_are_for_is_preferred() {
        let base = |wheels: &str, requires: &str| {
            let lock = format!(
                "version = 1\nrequires-python = \"{requires}\"\n\n[[package]]\nname = \"app\"\nversion = \"1\"\nsource = {{ editable = \".\" }}\n\
                 dependencies = [{{ name = \"quick\" }}]\n\n[[package]]\nname = \"quick\"\nversion = \"1\"\n\
                 source = {{ registry = \"https://index.example/simple\" }}\n\
                 sdist = {{ url = \"https://files.example/quick-1.tar.gz\", hash = \"sha256:{0}\" }}\nwheels = [{wheels}]\n",
                "0".repeat(64)
            );
            let files = Files {
                config: None,
                lock: SourceFile::new("uv.lock", lock),
                manifest: Some(SourceFile::new("pyproject.toml", "[project]\nname = \"app\"\nversion = \"1\"\n")),
                uv_toml: None,
                python_version: None,
                above: Vec::new(),
            };
            let project = Project::parse(&files, &BTreeMap::new()).unwrap();
            project.target(&Request::Package("app".to_owned()), &BTreeMap::new()).unwrap().base.value
        };
        let wheel = |tags: &str| {
            format!("{{ url = \"https://files.example/quick-1-{tags}.whl\", hash = \"sha256:{}\" }},", "0".repeat(64))
        };
        let linux = |python: &str| wheel(&format!("{python}-{python}-manylinux_2_17_x86_64"));
        let of = |version: &str| format!("python:{version}-slim-bookworm");
        assert_eq!(base(&(linux("cp311") + &linux("cp312")), ">=3.11"), of("3.12"));
        assert_eq!(base(&(linux("cp312") + &linux("cp313")), ">=3.11"), of("3.13"));
        assert_eq!(base(&wheel("cp310-abi3-manylinux_2_17_x86_64"), ">=3.11"), of("3.13"));
        assert_eq!(base(&wheel("py3-none-any"), ">=3.11"), of("3.13"));
        // It is built for every python that is admitted.
        assert_eq!(base(&linux("cp311"), ">=3.12"), of("3.13"));
        assert_eq!(base("", ">=3.11"), of("3.13"));
    }

    #[test]
    fn uv_installs_the_python_that_is_asked_for() {
        let managed = |version: &str| {
            let config = format!("[python]\nprovider = \"managed\"\n{version}");
            target(&config, "3.14t", "", "").unwrap().managed.unwrap().version.value
        };
        assert_eq!(managed(""), "3.14t");
        assert_eq!(managed("version = \"3\""), "3.13");
        assert_eq!(managed("version = \"3.13.5\""), "3.13.5");
        assert_eq!(managed("version = \">=3.12,<3.14\""), "3.13");
        assert_eq!(managed("version = \"cpython3.13+freethreaded\""), "3.13t");
    }

    #[test]
    fn managed_by_settings_of_uv() {
        let uv = "python-install-mirror = \"https://mirror.example/python/\"\npython-downloads-json-url = \"pythons.json\"\n";
        let managed = |config: &str| target(config, "", "", uv).unwrap().managed.unwrap();
        let of_uv = managed("[python]\nprovider = \"managed\"\n");
        assert_eq!(of_uv.mirror.unwrap().value, "https://mirror.example/python");
        assert_eq!(of_uv.downloads.unwrap().value, Downloads::File("pythons.json".to_owned()));
        let own = managed(
            "[python]\nprovider = \"managed\"\nmirror = \"https://other.example\"\ndownloads-json = \"own.json\"\n",
        );
        assert_eq!(own.mirror.unwrap().value, "https://other.example");
        assert_eq!(own.downloads.unwrap().value, Downloads::File("own.json".to_owned()));
    }
}

//! Which python a target has, and on which base.

use std::sync::Arc;

use super::Project;
use crate::config::Settings;
use crate::config::kind::Kind;
use crate::config::python::{ManagedConfig, PythonConfig};
use crate::config::table::Located;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};

/// The python of a target.
pub(super) struct Python {
    /// The version that is asked for.
    pub(super) version: Option<Located<String>>,
    /// How uv installs it; absent where the base has it.
    pub(super) managed: Option<ManagedConfig>,
    /// The image that it is in, or is put into.
    pub(super) base: Located<String>,
}

/// The pythons that a default base image is chosen from, by preference.
const DEFAULT_PYTHONS: [&str; 5] = ["3.13", "3.14", "3.12", "3.11", "3.10"];

/// The base of images whose python uv installs, unless the config names another.
const DEFAULT_BASE_WITHOUT_PYTHON: &str = "debian:bookworm-slim";

impl Project {
    /// The python and the base: `python:VERSION-slim-bookworm`, unless the config says otherwise, with the version of the config, of
    /// `.python-version` or of `requires-python`. Wheels of a zip must fit what AWS Lambda runs it in.
    pub(super) fn python(&self, settings: &Settings, kind: Kind) -> Result<Python, Diagnostics> {
        let PythonConfig { version: requested, managed } =
            self.config.as_ref().map(|config| config.python.clone()).unwrap_or_default();
        let base = settings.base.clone();
        if let Some(managed) = managed {
            let version = match requested.or_else(|| self.python_version.clone()) {
                Some(version) => version,
                None => self.default_python()?,
            };
            let default_base = || Located { value: DEFAULT_BASE_WITHOUT_PYTHON.to_owned(), span: managed.span.clone() };
            return Ok(Python {
                version: Some(version),
                base: base.unwrap_or_else(default_base),
                managed: Some(managed),
            });
        }
        if let Some(base) = base {
            // A base of the user's choice decides for itself: only what the config says binds it.
            return Ok(Python { version: requested, managed: None, base });
        }
        let version = requested.or_else(|| self.python_version.clone());
        let of_image = match &version {
            Some(version) => version.clone(),
            None => self.default_python()?,
        };
        let base = of_image.map(|version| match kind {
            Kind::LambdaZip => format!("public.ecr.aws/lambda/python:{version}"),
            _ => format!("python:{version}-slim-bookworm"),
        });
        Ok(Python { version, managed: None, base })
    }

    /// The python of a project that asks for none, by `requires-python`.
    fn default_python(&self) -> Result<Located<String>, Diagnostics> {
        let Some((specifiers, span)) = &self.lock.requires_python else {
            return Ok(Located { value: DEFAULT_PYTHONS[0].to_owned(), span: self.root_span() });
        };
        // The newest patch of a minor version is what is meant by it; compare as if it were very new.
        let admitted = DEFAULT_PYTHONS
            .iter()
            .find(|minor| format!("{minor}.99").parse().is_ok_and(|version| specifiers.contains(&version)));
        match admitted {
            Some(version) => Ok(Located { value: (*version).to_owned(), span: span.clone() }),
            None => Err(Diagnostic::new(
                "python::no_default",
                format!("no default python satisfies `requires-python = \"{specifiers}\"`"),
            )
            .at(span.clone())
            .help("write `[python]` with `version = \"…\"`, or `base = \"…\"` for the target")
            .into()),
        }
    }
}

/// The version that `.python-version` asks for; other requests than versions (`pypy`, paths) are not for an image.
pub(super) fn pinned(file: &Arc<SourceFile>) -> Option<Located<String>> {
    let line = file.text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let version = line.strip_prefix("cpython-").or_else(|| line.strip_prefix("cpython@")).unwrap_or(line);
    let is_version = version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    is_version.then(|| Located { value: version.to_owned(), span: Span::whole(file) })
}

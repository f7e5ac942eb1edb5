//! Requirements of builds as they are written: no lock has them, so it is uv in a step that reads them, and it reads more than these.

use uv_pep508::{Requirement, VerbatimUrl};

use crate::diagnostic::{Diagnostic, Span};
use crate::marker;

/// Refuses what is no requirement (PEP 508), as uv does: an option, a path. uv would read a variable of its own environment where a URL
/// names one, and that has secrets.
pub fn check(text: &str, span: &Span) -> Result<(), Diagnostic> {
    let parsed = marker::is_of_small_marker(text).then(|| text.parse::<Requirement<VerbatimUrl>>());
    let Some(parsed) = parsed else {
        let problem = "the marker of a build requirement is too long";
        return Err(Diagnostic::new("manifest::requirement", problem).at(span.clone()).help("write a shorter one"));
    };
    let reason = match parsed {
        Err(_) if text.trim_start().starts_with('-') => "it is an option".to_owned(),
        Err(error) => error.message.to_string().split(['\n', '.']).next().unwrap_or_default().to_owned(),
        Ok(_) if text.contains("${") => "it contains a variable".to_owned(),
        Ok(_) if text.trim().contains(char::is_control) => "it has more than one line".to_owned(),
        Ok(_) => return Ok(()),
    };
    let problem = format!("`{}` is not a valid build requirement: {reason}", text.escape_debug());
    Err(Diagnostic::new("manifest::requirement", problem)
        .at(span.clone())
        .help("write a package name, optionally with a version specifier and a marker, or `NAME @ URL`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;

    #[test]
    fn options_are_no_requirements() {
        let span = Span::whole(&SourceFile::new("pyproject.toml", ""));
        let is_one = |text: &str| check(text, &span).is_ok();
        for text in [
            "wheel",
            "setuptools >=61, <80",
            "Hatch_X[a,b]>=1 ; python_version >= '3.12'",
            "x @ https://files.example/x-1.tar.gz",
        ] {
            assert!(is_one(text), "{text}");
        }
        let options =
            ["-r/run/secrets/netrc", "--index-url=https://index.example", "--target=/", "-e .", "./x", "/x.whl", ""];
        for text in options.into_iter().chain([
            "x -r y",
            "x --hash=sha256:00",
            "x\n-r y",
            "x @ https://files.example/${TOKEN}/x.whl",
        ]) {
            assert!(!is_one(text), "{text}");
        }
    }
}

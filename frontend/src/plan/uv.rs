//! The uv that builds: whether it is one that the project asks for, and what it is not told.

use uv_pep440::{Version, VersionSpecifiers};

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::uv::REPOSITORY;
use crate::project::{Project, Target};

/// Refuses a uv that would refuse the project (uv: `required-version`). Of an image that is not looked at, only its tag may tell which
/// it is.
pub(super) fn check(project: &Project, target: &Target, version: &str) -> Result<(), Diagnostics> {
    let (Some(required), Ok(found)) = (&project.settings.required_version, version.parse::<Version>()) else {
        return Ok(());
    };
    if required.value.contains(&found) {
        return Ok(());
    }
    let problem = format!("the project requires uv `{}`, but `{}` has uv {found}", required.value, target.uv.value);
    let fitting = example(&required.value).map_or("VERSION".to_owned(), |version| version.to_string());
    let config = project.config.as_ref().and_then(|config| config.uv_image.as_ref());
    Err(Diagnostic::new("uv::other_version", problem)
        .at(required.span.clone())
        .at_some(config.map(|image| image.span.clone()))
        .help(format!("write `[uv]` with `image = \"{REPOSITORY}:{fitting}\"` in `uv.build.toml`"))
        .help("or change `required-version`")
        .into())
}

/// A version that is asked for, if one can be told without a list of those that there are.
fn example(required: &VersionSpecifiers) -> Option<Version> {
    let candidates = required.iter().map(|specifier| {
        let release = specifier.version().release();
        Version::new((0..3).map(|part| release.get(part).copied().unwrap_or_default()))
    });
    candidates.filter(|version| required.contains(version)).max()
}

/// Settings that uv would heed, and a build does not.
pub(super) fn warn_of_settings(project: &Project, warnings: &mut Vec<Diagnostic>) {
    for setting in &project.settings.left_aside {
        let (key, help) = setting.value;
        let problem = format!("the uv setting `{key}` has no effect on an image");
        warnings.push(Diagnostic::new("uv::setting_left_aside", problem).at(setting.span.clone()).help(help));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_a_version_that_is_asked_for() {
        let example = |required: &str| super::example(&required.parse().unwrap()).map(|version| version.to_string());
        assert_eq!(example("~=0.11.4").as_deref(), Some("0.11.4"));
        assert_eq!(example("==0.11.*").as_deref(), Some("0.11.0"));
        assert_eq!(example(">=0.11,<0.12").as_deref(), Some("0.11.0"));
        assert_eq!(example("<0.12"), None);
    }
}

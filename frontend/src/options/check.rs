//! Which findings count: `BUILDKIT_DOCKERFILE_CHECK` and the `# check=` line (dockerfile: `linter.ParseLintOptions`).

use super::boolean::boolean;
use super::error::OptionsError;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::rules::Rule;

/// `skip=RULE,RULE;error=true`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    /// Rules that say nothing, by their codes; `all` for every one.
    skip: Vec<String>,
    /// Findings fail a build.
    pub error: bool,
}

/// How messages name the build arg.
pub(super) const OPTION: &str = "build-arg:BUILDKIT_DOCKERFILE_CHECK";

/// How messages name the line in a config.
pub(super) const DIRECTIVE: &str = "check";

impl Check {
    /// Parses the value of `option`. Experimental rules are for Dockerfiles: there are none here.
    pub(super) fn parse(option: &'static str, text: &str) -> Result<Self, OptionsError> {
        let bad = || OptionsError::Value { option, value: text.to_owned(), wanted: "`skip=RULE,RULE;error=true`" };
        let mut check = Self::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(bad)?;
            match key.trim() {
                "skip" => check.skip = value.split(',').map(|rule| rule.trim().to_lowercase()).collect(),
                "error" => check.error = boolean(value.trim()).ok_or_else(bad)?,
                "experimental" => {}
                _ => return Err(bad()),
            }
        }
        Ok(check)
    }

    /// The findings that count; those that fail a build, if there are such.
    pub fn settle(&self, found: Vec<Diagnostic>) -> Result<Vec<Diagnostic>, Diagnostics> {
        let is_skipped = |finding: &Diagnostic| self.skip.iter().any(|rule| rule == "all" || rule == finding.code);
        let found: Vec<Diagnostic> = found.into_iter().filter(|finding| !is_skipped(finding)).collect();
        let is_error = |finding: &&Diagnostic| Rule::of(finding).is_some_and(|rule| rule.is_error);
        let skip = |error: &Diagnostic| {
            error.clone().help(format!(
                "if it is there all the same, write `# check=skip={}` at the top of the file",
                error.code
            ))
        };
        Diagnostics::check(found.iter().filter(is_error).map(skip).collect())?;
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_rules() {
        let found = || vec![Diagnostic::new("lock::no_hash", ""), Diagnostic::new("layers::large_family", "")];
        let codes = |text: &str| {
            let check = Check::parse(OPTION, text).unwrap();
            (check.settle(found()).unwrap().iter().map(|finding| finding.code).collect::<Vec<_>>(), check.error)
        };
        assert_eq!(codes(""), (vec!["lock::no_hash", "layers::large_family"], false));
        assert_eq!(codes("skip=Lock::no_hash, x;error=true"), (vec!["layers::large_family"], true));
        assert_eq!(codes("error=0;skip=all"), (vec![], false));
        let fatal = || vec![Diagnostic::new("image::cannot_start", "")];
        assert!(Check::parse(OPTION, "").unwrap().settle(fatal()).is_err());
        assert_eq!(Check::parse(OPTION, "skip=image::cannot_start").unwrap().settle(fatal()).unwrap(), []);
        assert!(Check::parse(OPTION, "skip").is_err() && Check::parse(OPTION, "error=yes").is_err());
    }
}

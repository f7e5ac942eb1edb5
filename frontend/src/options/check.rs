//! Which findings count: `BUILDKIT_DOCKERFILE_CHECK` and the `# check=` line (dockerfile: `linter.ParseLintOptions`).

use super::OptionsError;
use crate::diagnostic::Diagnostic;

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
                "error" => check.error = super::boolean(value.trim()).ok_or_else(bad)?,
                "experimental" => {}
                _ => return Err(bad()),
            }
        }
        Ok(check)
    }

    /// The findings that count.
    pub fn filter(&self, found: Vec<Diagnostic>) -> Vec<Diagnostic> {
        let is_skipped = |finding: &Diagnostic| self.skip.iter().any(|rule| rule == "all" || rule == finding.code);
        found.into_iter().filter(|finding| !is_skipped(finding)).collect()
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
            (check.filter(found()).iter().map(|finding| finding.code).collect::<Vec<_>>(), check.error)
        };
        assert_eq!(codes(""), (vec!["lock::no_hash", "layers::large_family"], false));
        assert_eq!(codes("skip=Lock::no_hash, x;error=true"), (vec!["layers::large_family"], true));
        assert_eq!(codes("error=0;skip=all"), (vec![], false));
        assert!(Check::parse(OPTION, "skip").is_err() && Check::parse(OPTION, "error=yes").is_err());
    }
}

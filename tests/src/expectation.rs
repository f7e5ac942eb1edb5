//! `test.toml` of an example: what must be observed of its built images.
//!
//! ```toml
//! lock-first = true            # there is no committed lock: run `uv lock` before anything else
//! images = ["NAME"]            # images that it is made of, beside those that every lab has
//!
//! [[check]]                    # one container each
//! target = "api"               # default: the target that is built when none is named
//! command = ["api", "--once"]  # default: the image's own command; replaces the image's `Cmd`
//! env = { NAME = "value" }     # beside the image's own
//! arguments = ["--read-only"]  # of `docker run`
//! exit-code = 0                # default: 0
//! stdout = "exact text\n"      # default: not looked at
//!
//! [[check]]                    # a container that serves until it is stopped
//! http = { path = "/", status = 200, body = "exact text" }
//!
//! [[check]]                    # a function of AWS Lambda, which is invoked once
//! invocation = { event = "{}", answer = "exact text" }
//! ```
//!
//! An `http` check gives the container a free port in the variable `PORT` and asks until it is answered; `status` is 200 unless
//! written, `body` is not looked at unless written. `stdout` and `exit-code` go with neither. Unknown keys are refused.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use serde::Deserialize;

/// The file's name.
pub const FILE_NAME: &str = "test.toml";

/// A whole file.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Expectation {
    /// The example has no committed lock.
    #[serde(default)]
    pub lock_first: bool,
    /// Images beside those that every lab has.
    #[serde(default)]
    pub images: Vec<String>,
    /// What is run, in order.
    #[serde(default, rename = "check")]
    pub checks: Vec<Check>,
}

/// One container and what is expected of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Check {
    /// The target to build; absent for the default one.
    pub target: Option<String>,
    /// Replaces the image's `Cmd`.
    pub command: Option<Vec<String>>,
    /// Beside the image's environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Of `docker run`, before the image.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// All that it prints.
    pub stdout: Option<String>,
    /// With which it ends.
    pub exit_code: Option<i32>,
    /// What it answers, for one that serves.
    pub http: Option<HttpCheck>,
    /// What it answers, for a function of AWS Lambda.
    pub invocation: Option<Invocation>,
}

/// A request and the answer to it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpCheck {
    /// Path of the URL.
    pub path: String,
    /// Status of the answer.
    #[serde(default = "ok")]
    pub status: u16,
    /// The whole body.
    pub body: Option<String>,
}

/// An event and the answer to it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Invocation {
    /// JSON.
    pub event: String,
    /// The whole answer, JSON as the runtime client writes it.
    pub answer: String,
}

fn ok() -> u16 {
    200
}

impl Expectation {
    /// Parses a file and refuses what cannot be observed.
    pub fn parse(text: &str) -> Result<Self> {
        let expectation: Self = toml::from_str(text)?;
        ensure!(!expectation.checks.is_empty(), "there is no `[[check]]`");
        for check in &expectation.checks {
            let is_alone = check.stdout.is_none() && check.exit_code.is_none();
            if check.invocation.is_some() {
                ensure!(is_alone, "`stdout` and `exit-code` do not go with `invocation`: the container is stopped");
            }
            let serves = check.http.is_some() || check.invocation.is_some();
            ensure!(!serves || check.arguments.is_empty(), "`arguments` are for containers that run to their end");
            if let Some(http) = &check.http {
                ensure!(is_alone, "`stdout` and `exit-code` do not go with `http`: the container is stopped");
                ensure!(http.path.starts_with('/'), "`{}` does not start with `/`", http.path);
            }
        }
        Ok(expectation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Expectation::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn fills_in_what_is_not_written() {
        let expectation = Expectation::parse("[[check]]\nhttp = { path = \"/\" }\n").unwrap();
        assert!(!expectation.lock_first);
        let http = HttpCheck { path: "/".to_owned(), status: 200, body: None };
        assert_eq!(expectation.checks[0].http, Some(http));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        assert!(error("[[check]]\nstdot = \"\"\n").contains("unknown field `stdot`"));
        assert_eq!(error(""), "there is no `[[check]]`");
        let both = "[[check]]\nexit-code = 0\nhttp = { path = \"/\" }\n";
        assert_eq!(error(both), "`stdout` and `exit-code` do not go with `http`: the container is stopped");
    }
}

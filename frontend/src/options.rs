//! What the client asked for: the frontend's environment (BuildKit: `frontend/gateway/grpcclient/client.go`).

use std::collections::BTreeMap;

use buildkit_proto::gateway::CacheImport;

use crate::lower::NoCache;
use crate::plan::Platform;

/// Parsed options.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `key=value` options as the client sent them.
    pub all: BTreeMap<String, String>,
    /// The session that local directories and secrets come from.
    pub session: String,
    /// The platform of the builder.
    pub build_platform: Option<Platform>,
}

/// The prefix of variables that hold an option each; what follows it is a number without meaning.
const OPTION_PREFIX: &str = "BUILDKIT_FRONTEND_OPT_";

/// How messages call an option that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// `platform`.
    #[error("option `platform`: {0}")]
    Platform(String),
    /// `build-arg:BUILDKIT_MULTI_PLATFORM` or `multi-platform`.
    #[error("option `{0}`: `{1}` is neither true nor false")]
    Bool(&'static str, String),
    /// Several platforms in a result that may hold one.
    #[error("`multi-platform=false`, but {0} platforms are asked for")]
    TooManyPlatforms(usize),
}

impl Options {
    /// From the process environment.
    pub fn from_env(variables: impl Iterator<Item = (String, String)>) -> Self {
        let mut options = Self::default();
        for (name, value) in variables {
            if name.starts_with(OPTION_PREFIX) {
                let (key, value) = value.split_once('=').unwrap_or((&value, ""));
                options.all.insert(key.to_owned(), value.to_owned());
            } else if name == "BUILDKIT_SESSION_ID" {
                options.session = value;
            } else if name == "BUILDKIT_WORKERS" {
                options.build_platform = first_platform(&value);
            }
        }
        options
    }

    /// An option, unless it is empty.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.all.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// `build-arg:*`, by name.
    pub fn build_args(&self) -> BTreeMap<String, String> {
        self.with_prefix("build-arg:")
    }

    /// `label:*`, by name.
    pub fn labels(&self) -> BTreeMap<String, String> {
        self.with_prefix("label:")
    }

    fn with_prefix(&self, prefix: &str) -> BTreeMap<String, String> {
        self.all
            .iter()
            .filter_map(|(key, value)| key.strip_prefix(prefix).map(|name| (name.to_owned(), value.clone())))
            .collect()
    }

    /// The session that serves the local directory `name`: bake shares one between builds of the same directory.
    pub fn local_session(&self, name: &str) -> &str {
        self.get(&format!("local-sessionid:{name}")).unwrap_or(&self.session)
    }

    /// The platforms to build for; the builder's own when none is named.
    pub fn platforms(&self) -> Result<Vec<Platform>, OptionsError> {
        let mut platforms: Vec<Platform> = Vec::new();
        for text in self.get("platform").unwrap_or_default().split(',').filter(|text| !text.is_empty()) {
            let platform: Platform = text.trim().parse().map_err(OptionsError::Platform)?;
            if !platforms.contains(&platform) {
                platforms.push(platform);
            }
        }
        if platforms.is_empty() {
            platforms.push(self.build_platform.clone().unwrap_or_else(Platform::default_linux));
        }
        Ok(platforms)
    }

    /// Whether the result maps platforms to images (dockerui: `multi-platform`, `BUILDKIT_MULTI_PLATFORM`).
    pub fn multi_platform(&self, platforms: usize) -> Result<bool, OptionsError> {
        for key in ["multi-platform", "build-arg:BUILDKIT_MULTI_PLATFORM"] {
            let Some(text) = self.get(key) else { continue };
            let wanted = match text {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => true,
                "0" | "f" | "F" | "false" | "FALSE" | "False" => false,
                other => return Err(OptionsError::Bool(key, other.to_owned())),
            };
            return if !wanted && platforms > 1 { Err(OptionsError::TooManyPlatforms(platforms)) } else { Ok(wanted) };
        }
        Ok(platforms > 1)
    }

    /// `no-cache`: absent is off, empty is all, else the names of targets and members (dockerui: `IsNoCache`).
    pub fn no_cache(&self) -> NoCache {
        match self.all.get("no-cache").map(String::as_str) {
            None => NoCache::Off,
            Some("") => NoCache::All,
            Some(names) => NoCache::Named(names.split(',').map(|name| name.trim().to_lowercase()).collect()),
        }
    }

    /// `SOURCE_DATE_EPOCH` in seconds, when it is a number.
    pub fn source_date_epoch(&self) -> Option<i64> {
        self.get("build-arg:SOURCE_DATE_EPOCH")?.parse().ok()
    }

    /// `cache-imports`: the caches to import from. They do not reach a solve unless the frontend passes them on.
    pub fn cache_imports(&self) -> Vec<CacheImport> {
        self.get("cache-imports").and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

impl Platform {
    /// What is assumed when nobody says.
    pub fn default_linux() -> Self {
        Self { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: String::new() }
    }
}

/// `platforms[0]` of the first worker is the platform that BuildKit builds for by default (dockerui: `config.go`).
fn first_platform(workers: &str) -> Option<Platform> {
    let workers: serde_json::Value = serde_json::from_str(workers).ok()?;
    let platform = &workers[0]["platforms"][0];
    let text = |key: &str| platform[key].as_str().unwrap_or_default().to_owned();
    let platform = Platform { os: text("os"), architecture: text("architecture"), variant: text("variant") };
    (!platform.os.is_empty()).then_some(platform)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_environment() {
        let options = Options::from_env(
            [
                ("BUILDKIT_FRONTEND_OPT_3", "build-arg:A=b=c"),
                ("BUILDKIT_FRONTEND_OPT_0", "no-cache="),
                ("BUILDKIT_FRONTEND_OPT_7", "platform=linux/arm64/v8,linux/amd64"),
                ("BUILDKIT_SESSION_ID", "s1"),
                ("BUILDKIT_WORKERS", r#"[{"platforms":[{"architecture":"amd64","os":"linux"}]}]"#),
                ("PATH", "/bin"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter(),
        );
        assert_eq!(options.build_args()["A"], "b=c");
        assert_eq!(options.no_cache(), NoCache::All);
        assert_eq!(options.local_session("context"), "s1");
        let platforms = options.platforms().unwrap();
        assert_eq!(platforms.iter().map(ToString::to_string).collect::<Vec<_>>(), ["linux/arm64", "linux/amd64"]);
        assert!(options.multi_platform(platforms.len()).unwrap());
        assert_eq!(options.build_platform.unwrap().to_string(), "linux/amd64");
    }
}

//! What the client asked for: the frontend's environment (BuildKit: `frontend/gateway/grpcclient/client.go`).

mod boolean;
mod check;
pub mod container;
mod error;
mod git;
mod limits;
mod no_cache;

use std::collections::BTreeMap;

use buildkit_proto::gateway::{CacheImport, ResolveMode};

use crate::image_config::opencontainers;
use crate::interpreter::files;
use crate::passwords;
use crate::platform::Platform;
use boolean::boolean;
pub use error::OptionsError;
pub use no_cache::NoCache;

pub use check::Check;
pub use git::GitReference;

/// Parsed options.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `key=value` options as the client sent them.
    pub all: BTreeMap<String, String>,
    /// The session that local directories and secrets come from.
    pub session: String,
    /// What the builder can run, its own platform first.
    pub build_platforms: Vec<Platform>,
}

/// The prefix of variables that hold an option each; what follows it is a number without meaning.
const OPTION_PREFIX: &str = "BUILDKIT_FRONTEND_OPT_";

/// What this frontend can do, for clients that insist (dockerfile: `builder/caps.go`). The image's label says the same to BuildKit.
pub const CAPABILITIES: [&str; 5] = [
    "moby.buildkit.frontend.inputs",
    "moby.buildkit.frontend.subrequests",
    "moby.buildkit.frontend.contexts",
    "moby.buildkit.frontend.gitquerystring",
    "moby.buildkit.frontend.contexts.zstd",
];

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
                options.build_platforms = worker_platforms(&value);
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

    /// Labels that tell of the client's checkout, as far as the client does.
    pub fn git_labels(&self) -> BTreeMap<String, String> {
        let told = [("revision", self.get("vcs:revision")), ("source", self.get("vcs:source"))];
        told.into_iter().filter_map(|(key, value)| Some((opencontainers(key), without_password(value?)?))).collect()
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
            platforms.push(self.build_platforms.first().cloned().unwrap_or_else(Platform::default_linux));
        }
        Ok(platforms)
    }

    /// Where steps run for an image of `platform`, if the builder's processor is another one.
    pub fn host_for(&self, platform: &Platform) -> Option<&Platform> {
        let own = self.build_platforms.first()?;
        let is_other = own.os == platform.os && own.architecture != platform.architecture;
        (is_other && files::is_known(&platform.architecture)).then_some(own)
    }

    /// Whether the builder runs programs of a platform, be it by emulation.
    pub fn runs(&self, platform: &Platform) -> bool {
        self.build_platforms
            .iter()
            .any(|known| (&known.os, &known.architecture) == (&platform.os, &platform.architecture))
    }

    /// Whether the result maps platforms to images (dockerui: `multi-platform`, `BUILDKIT_MULTI_PLATFORM`).
    pub fn multi_platform(&self, platforms: usize) -> Result<bool, OptionsError> {
        for key in ["build-arg:BUILDKIT_MULTI_PLATFORM", "multi-platform"] {
            let Some(text) = self.get(key) else { continue };
            let wanted = boolean(text).ok_or_else(|| OptionsError::Bool(key, text.to_owned()))?;
            return if !wanted && platforms > 1 { Err(OptionsError::TooManyPlatforms(platforms)) } else { Ok(wanted) };
        }
        Ok(platforms > 1)
    }

    /// Whether BuildKit itself tells of steps that failed, which its debugger needs, instead of the frontend. Any other value is none.
    pub fn leaves_failures(&self) -> bool {
        self.get("build-arg:BUILDKIT_UV_DEBUGGER").and_then(boolean).unwrap_or_default()
    }

    /// `no-cache`: absent is off, empty is all, else the names of targets and members (dockerui: `IsNoCache`).
    pub fn no_cache(&self) -> NoCache {
        match self.all.get("no-cache").map(String::as_str) {
            None => NoCache::Off,
            Some("") => NoCache::All,
            Some(names) => NoCache::Named(names.split(',').map(|name| name.trim().to_lowercase()).collect()),
        }
    }

    /// `SOURCE_DATE_EPOCH`.
    pub fn source_date_epoch(&self) -> Result<Epoch, OptionsError> {
        const OPTION: &str = "build-arg:SOURCE_DATE_EPOCH";
        let Some(text) = self.get(OPTION) else { return Ok(Epoch::Unset) };
        if text == "context" {
            return Ok(Epoch::OfContext);
        }
        let wanted = "a number of seconds, or `context`";
        let bad = |_| OptionsError::Value { option: OPTION, value: text.to_owned(), wanted };
        text.parse().map(Epoch::Seconds).map_err(bad)
    }

    /// What the client tells of the place of a project, for the names of the daemon's copies of its files.
    pub fn project(&self) -> String {
        let told = ["vcs:source", "vcs:localdir:context"].map(|key| self.get(key).unwrap_or_default());
        told.iter().filter(|text| !text.is_empty()).map(|text| format!(" {}", passwords::hide(text))).collect()
    }

    /// Where the project's repository is, and the context in it, as far as the client says: the same for all ways to fetch from it.
    pub fn repository(&self) -> String {
        let directory = self.get("vcs:localdir:context").map(|directory| format!(" {directory}")).unwrap_or_default();
        let is_remote = |text: &&str| text.contains("://") || text.starts_with("git@");
        let told = self.get("vcs:source").filter(|text| !text.is_empty());
        let url = told.or_else(|| self.get("context").filter(is_remote)).unwrap_or_default();
        let url = url.split(['#', '?']).next().unwrap_or_default();
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
        let rest = rest.trim_end_matches('/').trim_end_matches(".git").to_lowercase();
        // As git has it for ssh: `HOST:PATH`.
        match rest.split_once(':') {
            Some((host, path)) if !path.starts_with(|first: char| first.is_ascii_digit()) => {
                format!("{host}/{path}{directory}")
            }
            _ if rest.is_empty() => rest,
            _ => rest + &directory,
        }
    }

    /// Whether bills of materials go with the image (BuildKit: `frontend/attestations/parse.go`).
    pub fn wants_sbom(&self) -> bool {
        let is_wanted = |key: &String| {
            key.strip_prefix("attest:")
                .or_else(|| key.strip_prefix("build-arg:BUILDKIT_ATTEST_"))
                .is_some_and(|kind| kind.eq_ignore_ascii_case("sbom"))
        };
        self.all.keys().any(is_wanted)
    }

    /// Whether an option is given and true.
    pub fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(boolean).unwrap_or(false)
    }

    /// `image-resolve-mode`: whether tags are looked up anew.
    pub fn resolve_mode(&self) -> Result<ResolveMode, OptionsError> {
        const OPTION: &str = "image-resolve-mode";
        let text = self.get(OPTION).unwrap_or_default();
        let wanted = "`default`, `pull` or `local`";
        ResolveMode::parse(text).ok_or_else(|| OptionsError::Value { option: OPTION, value: text.to_owned(), wanted })
    }

    /// `cache-imports` and the older `cache-from`: the caches to import from. They do not reach a solve unless the frontend
    /// passes them on.
    pub fn cache_imports(&self) -> Result<Vec<CacheImport>, OptionsError> {
        const OPTION: &str = "cache-imports";
        let text = self.get(OPTION).unwrap_or("[]");
        let wanted = "a JSON array of `Type` and `Attrs`";
        let mut imports: Vec<CacheImport> = serde_json::from_str(text).map_err(|_| OptionsError::Value {
            option: OPTION,
            value: text.to_owned(),
            wanted,
        })?;
        let references = self.get("cache-from").unwrap_or_default().split(',').filter(|text| !text.is_empty());
        imports.extend(references.map(|reference| CacheImport {
            kind: "registry".to_owned(),
            attrs: BTreeMap::from([("ref".to_owned(), reference.to_owned())]),
        }));
        Ok(imports)
    }

    /// Refuses a client that insists on what is not known here (`frontend.caps`). A mark after `+` is for frontends that load
    /// others.
    pub fn require_capabilities(&self) -> Result<(), OptionsError> {
        let wanted = self.get("frontend.caps").unwrap_or_default().split(',').filter(|name| !name.is_empty());
        for name in wanted.map(|name| name.split('+').next().unwrap_or_default()) {
            if !CAPABILITIES.contains(&name) {
                return Err(OptionsError::Capability(name.to_owned()));
            }
        }
        Ok(())
    }

    /// Which findings count; the build arg goes before the `# check=` line of the config, `directive`.
    pub fn check(&self, directive: Option<&str>) -> Result<Check, OptionsError> {
        match (self.get(check::OPTION), directive) {
            (Some(text), _) => Check::parse(check::OPTION, text),
            (None, Some(text)) => Check::parse(check::DIRECTIVE, text),
            (None, None) => Ok(Check::default()),
        }
    }
}

/// When an image was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Epoch {
    /// It is not told.
    Unset,
    /// Seconds since 1970.
    Seconds(i64),
    /// When the build context was: the time of a commit.
    OfContext,
}

/// The URL of a repository without who asks there and the password; none of a text in which only a password is certain.
fn without_password(url: &str) -> Option<String> {
    if !passwords::is_in(url) {
        return Some(url.to_owned());
    }
    let mut parsed = url::Url::parse(url).ok()?;
    parsed.set_password(None).ok()?;
    parsed.set_username("").ok()?;
    Some(parsed.into()).filter(|url: &String| !passwords::is_in(url))
}

/// Of the first worker, the one that BuildKit builds with; the first platform is what it builds for by default (dockerui:
/// `config.go`).
fn worker_platforms(workers: &str) -> Vec<Platform> {
    let workers: serde_json::Value = serde_json::from_str(workers).unwrap_or_default();
    let platforms = workers[0]["platforms"].as_array().map(Vec::as_slice).unwrap_or_default();
    let platforms = platforms.iter().map(|platform| {
        let text = |key: &str| platform[key].as_str().unwrap_or_default().to_owned();
        Platform { os: text("os"), architecture: text("architecture"), variant: text("variant") }
    });
    platforms.filter(|platform| !platform.os.is_empty()).collect()
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
        assert_eq!(options.host_for(&platforms[0]).unwrap().to_string(), "linux/amd64");
        assert_eq!(options.host_for(&platforms[1]), None);
        assert!(options.runs(&platforms[1]) && !options.runs(&platforms[0]));
    }

    fn options(options: &[(&str, &str)]) -> Options {
        let all = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Options { all, ..Options::default() }
    }

    #[test]
    fn refuses_capabilities_that_it_does_not_have() {
        let caps = |text: &str| options(&[("frontend.caps", text)]).require_capabilities().map_err(|e| e.to_string());
        assert_eq!(caps(""), Ok(()));
        assert_eq!(caps("moby.buildkit.frontend.contexts+forward,moby.buildkit.frontend.inputs"), Ok(()));
        let unknown = "moby.buildkit.frontend.inputs,moby.buildkit.frontend.dreams+forward";
        assert_eq!(caps(unknown), Err("unsupported frontend capability moby.buildkit.frontend.dreams".to_owned()));
    }

    #[test]
    fn the_image_declares_the_capabilities() {
        let dockerfile = include_str!("../../Dockerfile.frontend");
        let label = format!("LABEL moby.buildkit.frontend.caps=\"{}\"\n", CAPABILITIES.join(","));
        assert!(dockerfile.contains(&label), "{dockerfile}");
    }

    #[test]
    fn passes_caches_on_in_both_spellings() {
        let imports = options(&[
            ("cache-imports", r#"[{"Type":"local","Attrs":{"src":"x"}}]"#),
            ("cache-from", "registry.example/a,registry.example/b"),
        ]);
        let kinds: Vec<String> = imports.cache_imports().unwrap().into_iter().map(|import| import.kind).collect();
        assert_eq!(kinds, ["local", "registry", "registry"]);
        assert!(options(&[("cache-imports", "{")]).cache_imports().is_err());
    }

    #[test]
    fn names_projects() {
        assert_eq!(options(&[("vcs:source", "")]).project(), "");
        let told =
            [("vcs:localdir:context", "shop"), ("vcs:source", "https://git.example/all.git"), ("vcs:revision", "1")];
        assert_eq!(options(&told).project(), " https://git.example/all.git shop");
        let told = [("vcs:source", "https://otter:sesame@git.example/all.git")];
        assert_eq!(options(&told).project(), " https://otter:****@git.example/all.git");
    }

    #[test]
    fn a_repository_is_the_same_however_it_is_fetched() {
        for url in
            ["https://git.example/shop/all.git", "git@git.example:Shop/all.git", "ssh://me@git.example/shop/all/"]
        {
            assert_eq!(options(&[("vcs:source", url)]).repository(), "git.example/shop/all");
        }
        assert_eq!(options(&[("vcs:localdir:context", "shop")]).repository(), "");
        let told = [("vcs:localdir:context", "shop"), ("vcs:source", "https://git.example/all.git")];
        assert_eq!(options(&told).repository(), "git.example/all shop");
        assert_eq!(options(&[("context", "https://git.example/all.git#main:shop")]).repository(), "git.example/all");
        assert_ne!(options(&[("vcs:source", "https://git.example/shop/every")]).repository(), "git.example/shop/all");
    }

    #[test]
    fn tells_of_the_checkout() {
        assert!(options(&[("vcs:revision", ""), ("label:a", "b")]).git_labels().is_empty());
        let labels = options(&[("vcs:revision", "4f2a"), ("vcs:source", "https://git.example/all.git")]).git_labels();
        assert_eq!(labels["org.opencontainers.image.revision"], "4f2a");
        assert_eq!(labels["org.opencontainers.image.source"], "https://git.example/all.git");
        for (source, label) in [
            ("https://otter:sesame@git.example/all.git", Some("https://git.example/all.git")),
            ("ssh://git@git.example/all.git", Some("ssh://git@git.example/all.git")),
            ("https://otter:ses/ame@git.example/all.git", None),
        ] {
            let labels = options(&[("vcs:source", source)]).git_labels();
            assert_eq!(labels.get("org.opencontainers.image.source").map(String::as_str), label);
        }
    }

    #[test]
    fn refuses_values_of_the_wrong_form() {
        assert!(options(&[("build-arg:SOURCE_DATE_EPOCH", "yesterday")]).source_date_epoch().is_err());
        assert_eq!(options(&[("build-arg:SOURCE_DATE_EPOCH", "")]).source_date_epoch().unwrap(), Epoch::Unset);
        assert!(options(&[("image-resolve-mode", "always")]).resolve_mode().is_err());
        assert!(options(&[("multi-platform", "yes")]).multi_platform(1).is_err());
        assert!(options(&[("multi-platform", "false")]).multi_platform(2).is_err());
    }
}

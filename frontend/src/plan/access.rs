//! How each download is asked for: the URL after mirrors, and the secret of its index.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::HttpUrl;
use url::Url;

use super::package::{Origin, Package};
use crate::config::access::{AccessConfig, Ca, IndexConfig, Mirror, is_private};
use crate::diagnostic::{Diagnostic, Diagnostics, Located};
use crate::lock::artifact::Location;
use crate::lock::{Lock, PackageId, Source};
use crate::manifest::{Indexes, Manifest, RemoteIndex, Role};
use crate::passwords::has_credentials;
use crate::project::Project;

/// What the config and the manifests say of downloads, put together.
#[derive(Clone, Debug, Default)]
pub struct Access {
    config: AccessConfig,
    /// Names of indexes by their URLs, without `/` at the end.
    names: BTreeMap<String, String>,
}

/// How a URL is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// What is asked: of a mirror, if there is one.
    pub url: HttpUrl,
    /// The index that the lock has the file from: its name, or its URL where it has none. Absent for direct URLs.
    pub index: Option<String>,
    /// Id of the secret that holds the `Authorization` header, if the server is one that it is for.
    pub secret: Option<Located<String>>,
}

/// A secret with which steps that have a network ask an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Id of the secret.
    pub secret: String,
    /// Name or URL of the index.
    pub index: String,
    /// Starts of the URLs that it is for.
    pub services: Vec<String>,
}

/// A secret that a build may be asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Its id.
    pub id: String,
    /// There is no build without it, unless everything that needs it is there already.
    pub is_required: bool,
}

/// Id of the secret with a netrc.
pub const NETRC: &str = "netrc";

impl Access {
    /// Puts them together. Every index that the config names must be one of `tool.uv.index`.
    pub fn of(project: &Project, manifests: &BTreeMap<PackageId, Manifest>) -> Result<Self, Diagnostics> {
        let config = project.config.as_ref().map(|config| config.access.clone()).unwrap_or_default();
        let secrets = config.by_name();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut known = BTreeSet::new();
        for (name, url) in
            project.manifest.iter().chain(manifests.values()).flat_map(|manifest| &manifest.indexes.named)
        {
            known.insert(name.as_str());
            let named = names.entry(bare(url)).or_insert_with(|| name.clone());
            if secrets.contains_key(name.as_str()) {
                named.clone_from(name);
            }
        }
        let unknown = config.indexes.iter().filter(|index| !known.contains(index.name.value.as_str()));
        Diagnostics::check(
            unknown
                .map(|index| {
                    let name = &index.name.value;
                    let problem = format!("no `[[tool.uv.index]]` with a `url` has the name `{name}`");
                    let error = Diagnostic::new("config::unknown_index", problem).at(index.name.span.clone());
                    match known.is_empty() {
                        true => error.help(format!("name the index in `pyproject.toml`: `name = \"{name}\"`")),
                        false => error.did_you_mean(name, known.iter().copied()),
                    }
                })
                .collect(),
        )?;
        Ok(Self { config, names })
    }

    /// How a file is asked for that the lock has from an index at the URL `index`.
    ///
    /// The lock says where the file is, and so it does not say who is sent a secret: that of an index goes to the index's own server, and to those
    /// that the config names. That of a mirror goes to the mirror.
    pub fn download(&self, url: &HttpUrl, index: Option<&str>) -> Download {
        let asked = self.config.mirrored_file(url);
        let own = index.and_then(|index| Some((index, self.config_of(index)?)));
        let own = own.filter(|(index, config)| is_private(&asked) && is_for(config, index, &asked));
        let of_mirror = self.config.mirror(url.as_str()).and_then(|mirror| mirror.secret.as_ref());
        let secret = of_mirror.or(own.map(|(_, config)| &config.secret)).cloned();
        Download { url: asked, secret, index: index.map(|index| self.shown(index)) }
    }

    /// What the config says of the index at a URL.
    fn config_of(&self, index: &str) -> Option<&IndexConfig> {
        self.config.by_name().get(self.names.get(&bare(index))?.as_str()).copied()
    }

    /// Refuses files that lie where the secret of their index is not sent, unless it is said that nobody needs it there.
    pub(super) fn check(&self, packages: &[Package], lock: &Lock) -> Result<(), Diagnostics> {
        let mut servers = BTreeSet::new();
        let mut errors = Vec::new();
        for package in packages {
            let (Origin::Url(url), Some(index)) = (&package.artifact.origin, &package.index) else { continue };
            let Some(config) = self.config_of(index) else { continue };
            let is_open = |server: &Located<HttpUrl>| server.value.origin() == url.origin();
            // The config says where a mirror is, and with which secret.
            if self.download(url, Some(index)).secret.is_some()
                || self.config.mirror(url.as_str()).is_some()
                || config.public_files.iter().any(is_open)
                || !servers.insert((bare(index), url.origin().ascii_serialization()))
            {
                continue;
            }
            let place = lock.place_after(url.as_str(), &package.span).unwrap_or_else(|| package.span.clone());
            errors.push(not_sent(config, url, &package.artifact.file).at(place).at(config.secret.span.clone()));
        }
        Diagnostics::check(errors)
    }

    /// The URL of an index that a manifest names; none of the one that uv asks when nobody names another.
    pub fn named(&self, url: &str) -> Option<String> {
        let url = bare(url);
        self.names.contains_key(&url).then_some(url)
    }

    /// Name of an index, or its URL.
    fn shown(&self, url: &str) -> String {
        let url = bare(url);
        self.names.get(&url).cloned().unwrap_or(url)
    }

    /// The authorities to be trusted.
    pub fn ca(&self) -> Option<&Ca> {
        self.config.ca.as_ref()
    }

    /// Where build requirements are looked for: the indexes of the manifest, mirrored.
    pub fn indexes(&self, project: &Project) -> Indexes {
        let Some(manifest) = &project.manifest else { return Indexes::default() };
        let mut indexes = manifest.indexes.clone();
        for index in &mut indexes.remote {
            index.url = self.config.mirrored(&index.url);
        }
        if !indexes.no_index && !indexes.remote.iter().any(|index| index.role == Role::Default) {
            indexes.remote.extend(self.mirror_of_the_default(project));
        }
        indexes
    }

    /// The mirror of the index that uv asks when nobody names one: which it is, the lock tells.
    fn mirror_of_the_default(&self, project: &Project) -> Option<RemoteIndex> {
        let indexes = &project.manifest.as_ref()?.indexes;
        let known: BTreeSet<String> =
            indexes.named.values().chain(indexes.remote.iter().map(|index| &index.url)).map(|url| bare(url)).collect();
        let mut others = BTreeSet::new();
        for package in &project.lock.packages {
            if let Source::Registry(url) = &package.source
                && !known.contains(&bare(url))
            {
                others.insert(url.as_str());
            }
        }
        let mut others = others.into_iter();
        let (Some(url), None) = (others.next(), others.next()) else { return None };
        self.config.mirror(url)?;
        Some(RemoteIndex { name: None, url: self.config.mirrored(url), role: Role::Default })
    }

    /// What steps that ask `indexes`, which are mirrored, need to be let in.
    pub fn credentials(&self, indexes: &Indexes, project: &Project) -> Vec<Credential> {
        let mut credentials: Vec<Credential> = Vec::new();
        let originals = project.manifest.iter().flat_map(|manifest| &manifest.indexes.remote);
        for (index, original) in indexes.remote.iter().zip(originals) {
            let Ok(url) = HttpUrl::parse(&original.url) else { continue };
            let Download { secret: Some(secret), index: shown, .. } = self.download(&url, Some(&original.url)) else {
                continue;
            };
            let own = service(&index.url);
            let is_mirrored = index.url != original.url;
            let others: BTreeSet<String> =
                self.servers(&secret.value, is_mirrored).filter(|server| !own.starts_with(server.as_str())).collect();
            let services = std::iter::once(own).chain(others).collect();
            credentials.push(Credential { secret: secret.value, index: shown.unwrap_or_default(), services });
        }
        credentials
    }

    /// The servers for which the config names a secret: uv, which finds files by what an index lists, shows it there, too. An index that is
    /// asked itself leads to its own files: uv knows of no mirror of these.
    fn servers(&self, secret: &str, is_mirrored: bool) -> impl Iterator<Item = String> {
        let of_indexes = self.config.indexes.iter().filter(move |index| index.secret.value == secret);
        let of_indexes = of_indexes.flat_map(|index| &index.files).map(|server| server.value.clone());
        let is_of = move |of: &&Mirror| is_mirrored && of.secret.as_ref().is_some_and(|of| of.value == secret);
        let of_mirrors = self.config.mirrors.iter().filter(is_of).filter_map(|mirror| HttpUrl::parse(&mirror.to).ok());
        of_indexes.chain(of_mirrors).map(|url| url.origin().ascii_serialization())
    }

    /// The secrets that builds of a part of the lock may be asked for, by id.
    pub fn wanted<'lock>(
        &self,
        project: &'lock Project,
        reached: impl IntoIterator<Item = &'lock PackageId>,
    ) -> BTreeSet<Wanted> {
        let mut required = BTreeSet::new();
        for id in reached {
            let package = &project.lock.packages[*id];
            let index = package.source.index();
            for url in package_urls(package) {
                required.extend(self.download(url, index).secret.map(|secret| secret.value));
            }
        }
        if let Some(Ca::Secret(secret)) = self.ca() {
            required.insert(secret.value.clone());
        }
        let indexes = self.indexes(project);
        let of_indexes = self.credentials(&indexes, project).into_iter().map(|credential| credential.secret);
        // uv asks for the python that it installs with a netrc as well.
        let managed = project.config.as_ref().and_then(|config| config.python.managed.as_ref());
        let of_python = managed.map(|_| NETRC.to_owned());
        let optional: BTreeSet<String> =
            of_indexes.chain(optional(&indexes)).chain(of_python).filter(|id| !required.contains(id)).collect();
        let wanted = |is_required| move |id| Wanted { id, is_required };
        required.into_iter().map(wanted(true)).chain(optional.into_iter().map(wanted(false))).collect()
    }
}

/// Whether the server of a URL is sent the secret of an index at `index`.
fn is_for(config: &IndexConfig, index: &str, url: &HttpUrl) -> bool {
    let own = HttpUrl::parse(index).ok();
    own.iter().chain(config.files.iter().map(|server| &server.value)).any(|server| server.origin() == url.origin())
}

/// The error for a file of an index that is asked for without the index's secret.
fn not_sent(config: &IndexConfig, url: &HttpUrl, file: &str) -> Diagnostic {
    let (name, secret) = (&config.name.value, &config.secret.value);
    let server = url.origin().ascii_serialization();
    if !is_private(url) {
        let problem =
            format!("the secret `{secret}` of the index `{name}` is not sent to `{server}` without encryption");
        return Diagnostic::new("secret::plain_http", problem)
            .help(format!("`{file}` is on this server: use an `https://` URL for the index, and run `uv lock`"))
            .help(format!(
                "if the file is public, write `public-files = [\"{server}\"]` in `[indexes.{name}]`: the secret is not sent there"
            ));
    }
    let problem = format!(
        "`{file}` of the index `{name}` is on another server, `{server}`, to which the secret `{secret}` is not sent"
    );
    Diagnostic::new("secret::other_server", problem)
        .help(format!(
            "if this server belongs to the index and needs its secret, write `files = [\"{server}\"]` in `[indexes.{name}]`"
        ))
        .help(format!("if its files are public, write `public-files = [\"{server}\"]`: the secret is not sent there"))
        .help("if you do not know this server, check who changed the lockfile")
}

/// The indexes that the graph of any target may know by what the lock has: where packages come from when nobody names an
/// index.
pub fn of_the_whole_lock(project: &Project) -> Indexes {
    let config = project.config.as_ref().map(|config| config.access.clone()).unwrap_or_default();
    Access { config, names: BTreeMap::new() }.indexes(project)
}

/// Ids of the secrets with which uv asks indexes, if there are any, whether the config says so or not.
pub fn optional(indexes: &Indexes) -> Vec<String> {
    if indexes.remote.is_empty() {
        return Vec::new();
    }
    let names = indexes.remote.iter().filter_map(|index| index.name.as_deref());
    let of_indexes = names.flat_map(|name| ["USERNAME", "PASSWORD"].map(|part| variable(name, part)));
    std::iter::once(NETRC.to_owned()).chain(of_indexes).collect()
}

/// `UV_INDEX_INTERNAL_USERNAME` (uv: `IndexName::to_env_var`).
fn variable(name: &str, part: &str) -> String {
    let name: String =
        name.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_uppercase() } else { '_' }).collect();
    format!("UV_INDEX_{name}_{part}")
}

/// What uv's credentials for an index are for: its URL without the `simple` at the end, where files lie beside it.
fn service(url: &str) -> String {
    let url = bare(url);
    url.strip_suffix("/simple").map(ToOwned::to_owned).unwrap_or(url)
}

fn package_urls(package: &crate::lock::Package) -> impl Iterator<Item = &HttpUrl> {
    let wheels = package.wheels.iter().map(|wheel| &wheel.location);
    let locations = wheels.chain(package.sdist.iter().map(|sdist| &sdist.location));
    locations.filter_map(|location| match (location, &package.source) {
        (Location::Url(url), _) | (Location::Source, Source::Url { url, .. }) => Some(url),
        _ => None,
    })
}

/// Without `/` at the end, and without who asks.
fn bare(url: &str) -> String {
    let bare = |url: &str| url.trim_end_matches('/').to_owned();
    match Url::parse(url) {
        Ok(mut parsed) if has_credentials(&parsed) => {
            // Of a URL with a host, both can be taken out.
            let _taken = (parsed.set_username(""), parsed.set_password(None));
            bare(parsed.as_str())
        }
        _ => bare(url),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::project::Files;

    const MANIFEST: &str = r#"
        [project]
        name = "app"
        [[tool.uv.index]]
        name = "internal"
        url = "https://internal.example/team/simple/"
    "#;

    const LOCK: &str = r#"
        version = 1
        [[package]]
        name = "heron"
        version = "1.0"
        source = { registry = "https://internal.example/team/simple" }
        sdist = { url = "https://files.example/heron-1.0.tar.gz", hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000" }
        [[package]]
        name = "lily"
        version = "1.0"
        source = { registry = "https://index.example/simple" }
        sdist = { url = "https://public.example/lily-1.0.tar.gz", hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000" }
    "#;

    const CONFIG: &str = r#"
        [indexes.internal]
        secret = "token"
        files = ["https://files.example"]
        [mirrors]
        "https://public.example" = { url = "https://mirror.example/public", secret = "of-mirror" }
        "https://mirrored.example/" = "https://mirror.example/files/"
        "https://index.example/" = "https://mirror.example/index/"
    "#;

    fn project() -> Project {
        project_of(MANIFEST)
    }

    fn project_of(manifest: &str) -> Project {
        let file = |name: &str, text: &str| SourceFile::new(name, text);
        let files = Files {
            config: Some(file("uv.build.toml", CONFIG)),
            lock: file("uv.lock", LOCK),
            manifest: Some(file("pyproject.toml", manifest)),
            uv_toml: None,
            python_version: None,
            above: Vec::new(),
        };
        Project::parse(&files, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn a_secret_goes_to_the_servers_that_the_config_names() {
        let project = project();
        let access = Access::of(&project, &BTreeMap::new()).unwrap();
        let (own, other) = ("https://internal.example/team/simple", "https://index.example/simple");
        for (file, index, asked, secret) in [
            ("https://internal.example/f/a", own, "https://internal.example/f/a", Some("token")),
            ("https://internal.example:443/f/a", own, "https://internal.example/f/a", Some("token")),
            ("https://files.example/a", own, "https://files.example/a", Some("token")),
            // Another port, scheme, host, domain, or a host that only looks like it.
            ("https://internal.example:8443/a", own, "https://internal.example:8443/a", None),
            ("http://internal.example/a", own, "http://internal.example/a", None),
            ("http://files.example/a", own, "http://files.example/a", None),
            ("https://evil.example/a", own, "https://evil.example/a", None),
            ("https://files.example.evil.example/a", own, "https://files.example.evil.example/a", None),
            ("https://a.internal.example/a", own, "https://a.internal.example/a", None),
            ("https://evil.example/https://files.example/a", own, "https://evil.example/https://files.example/a", None),
            // Of another index.
            ("https://internal.example/f/a", other, "https://internal.example/f/a", None),
            ("https://files.example/a", other, "https://files.example/a", None),
            // A mirror has its own secret or none.
            ("https://public.example/a", other, "https://mirror.example/public/a", Some("of-mirror")),
            ("https://public.example/a", own, "https://mirror.example/public/a", Some("of-mirror")),
            ("https://mirrored.example/a", own, "https://mirror.example/files/a", None),
        ] {
            let download = access.download(&HttpUrl::parse(file).unwrap(), Some(index));
            assert_eq!(download.url.as_str(), asked);
            assert_eq!(download.secret.map(|secret| secret.value), secret.map(ToOwned::to_owned), "{file} of {index}");
        }
    }

    #[test]
    fn a_user_name_is_no_secret() {
        let with_user = project_of(&MANIFEST.replace("https://", "https://VssSessionToken@"));
        let without = project();
        let told = |project: &Project| {
            let access = Access::of(project, &BTreeMap::new()).unwrap();
            let indexes = access.indexes(project);
            let credentials = access.credentials(&indexes, project);
            (indexes, credentials, access.wanted(project, &[0]))
        };
        assert_eq!(told(&with_user), told(&without));
    }

    #[test]
    fn uv_is_let_in_where_the_config_says() {
        let project = project();
        let access = Access::of(&project, &BTreeMap::new()).unwrap();
        let indexes = access.indexes(&project);
        // The default is known by what the lock has, and asked at its mirror.
        assert_eq!(
            indexes.arguments(),
            [
                "--index",
                "internal=https://internal.example/team/simple/",
                "--default-index",
                "https://mirror.example/index/simple"
            ]
        );
        let services = vec!["https://internal.example/team".to_owned(), "https://files.example".to_owned()];
        let expected = Credential { secret: "token".to_owned(), index: "internal".to_owned(), services };
        assert_eq!(access.credentials(&indexes, &project), [expected]);
    }

    #[test]
    fn tells_which_secrets_a_build_needs() {
        let project = project();
        let access = Access::of(&project, &BTreeMap::new()).unwrap();
        let wanted = |reached: &[PackageId]| {
            let wanted = access.wanted(&project, reached);
            wanted.iter().map(|of| format!("{}{}", of.id, if of.is_required { "!" } else { "" })).collect::<Vec<_>>()
        };
        let optional = ["UV_INDEX_INTERNAL_PASSWORD", "UV_INDEX_INTERNAL_USERNAME", "netrc"];
        assert_eq!(wanted(&[0]), [&optional[..], &["token!"]].concat());
        assert_eq!(wanted(&[1]), [&optional[..2], &["netrc", "of-mirror!", "token"]].concat());
    }
}

//! How each download is asked for: the URL after mirrors, and the secret of its index.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::config::access::{AccessConfig, Ca, has_credentials};
use crate::config::table::Located;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::lock::artifact::Location;
use crate::lock::{Lock, PackageId, Source};
use crate::manifest::{Indexes, Manifest, RemoteIndex, Role};
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
    pub url: String,
    /// The index that the lock has the file from: its name, or its URL where it has none. Absent for direct URLs.
    pub index: Option<String>,
    /// Id of the secret that holds the `Authorization` header, if it needs one.
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
        let secrets = config.secrets();
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
                    let problem = format!("no `[[tool.uv.index]]` with a URL is named `{name}`");
                    let error = Diagnostic::new("config::unknown_index", problem).at(index.name.span.clone());
                    match known.is_empty() {
                        true => error.help(format!("give the index its name in `pyproject.toml`: `name = \"{name}\"`")),
                        false => error.did_you_mean(name, known.iter().copied()),
                    }
                })
                .collect(),
        )?;
        Ok(Self { config, names })
    }

    /// How a file is asked for that the lock has from an index at the URL `index`.
    pub fn download(&self, url: &str, index: Option<&str>) -> Download {
        let index = index.map(|index| self.shown(index));
        let own = index.as_ref().and_then(|name| self.config.secrets().get(name.as_str()).copied());
        let of_mirror = self.config.mirror(url).and_then(|mirror| mirror.secret.as_ref());
        Download { url: self.config.mirrored(url), secret: of_mirror.or(own).cloned(), index }
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
    pub fn indexes(&self, project: &Project) -> Result<Indexes, Diagnostics> {
        let Some(manifest) = &project.manifest else { return Ok(Indexes::default()) };
        let mut indexes = manifest.indexes.clone();
        for index in &mut indexes.remote {
            if Url::parse(&index.url).is_ok_and(|url| has_credentials(&url)) {
                let name = index.name.as_deref().map(|name| format!(" `{name}`")).unwrap_or_default();
                let problem = format!("the URL of the index{name} holds credentials, which a build graph would show");
                let start = manifest.file.text.find(&index.url);
                let span = start.map(|start| Span::new(&manifest.file, start..start + index.url.len()));
                return Err(Diagnostic::new("manifest::credentials", problem)
                    .at_some(span)
                    .help("take them out, and give them to the build as a secret: `[indexes.NAME]` with `secret = \"ID\"`")
                    .into());
            }
            index.url = self.config.mirrored(&index.url);
        }
        if !indexes.no_index && !indexes.remote.iter().any(|index| index.role == Role::Default) {
            indexes.remote.extend(self.mirror_of_the_default(project));
        }
        Ok(indexes)
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
            let Download { secret: Some(secret), index: shown, .. } = self.download(&original.url, Some(&original.url))
            else {
                continue;
            };
            let services = self.services(index, original, project);
            credentials.push(Credential { secret: secret.value, index: shown.unwrap_or_default(), services });
        }
        credentials
    }

    /// Starts of the URLs of an index, which may be mirrored, and of the files that the lock has from it.
    fn services(&self, index: &RemoteIndex, original: &RemoteIndex, project: &Project) -> Vec<String> {
        let mut services = vec![service(&index.url)];
        for url in urls(&project.lock, &original.url) {
            // An index that is asked itself leads to its own files: uv knows of no mirror of these.
            let url = if index.url == original.url { url.to_owned() } else { self.config.mirrored(url) };
            let origin = Url::parse(&url).map(|url| url.origin().ascii_serialization());
            services.extend(origin.ok().filter(|origin| !services[0].starts_with(origin.as_str())));
        }
        services[1..].sort();
        services.dedup();
        services
    }

    /// The secrets that builds of a part of the lock may be asked for, by id.
    pub fn wanted<'lock>(
        &self,
        project: &'lock Project,
        reached: impl IntoIterator<Item = &'lock PackageId>,
    ) -> Result<BTreeSet<Wanted>, Diagnostics> {
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
        let indexes = self.indexes(project)?;
        let of_indexes = self.credentials(&indexes, project).into_iter().map(|credential| credential.secret);
        // uv asks for the python that it installs with a netrc as well.
        let managed = project.config.as_ref().and_then(|config| config.python.managed.as_ref());
        let of_python = managed.map(|_| NETRC.to_owned());
        let optional: BTreeSet<String> =
            of_indexes.chain(optional(&indexes)).chain(of_python).filter(|id| !required.contains(id)).collect();
        let wanted = |is_required| move |id| Wanted { id, is_required };
        Ok(required.into_iter().map(wanted(true)).chain(optional.into_iter().map(wanted(false))).collect())
    }
}

/// What the graph of any target may know of all packages of a lock: the index that they come from when nobody names one, and
/// where the files of each index lie. Nothing where an index is refused.
pub fn of_the_whole_lock(project: &Project) -> Option<(Indexes, Vec<Vec<String>>)> {
    let config = project.config.as_ref().map(|config| config.access.clone()).unwrap_or_default();
    let has_secrets = !config.secrets().is_empty();
    let access = Access { config, names: BTreeMap::new() };
    let indexes = access.indexes(project).ok()?;
    let originals = project.manifest.iter().flat_map(|manifest| &manifest.indexes.remote).filter(|_| has_secrets);
    let services = indexes.remote.iter().zip(originals);
    let services = services.map(|(index, original)| access.services(index, original, project)).collect();
    Some((indexes, services))
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

/// URLs of the files that a lock has from an index.
fn urls<'lock>(lock: &'lock Lock, index: &str) -> impl Iterator<Item = &'lock str> {
    let index = bare(index);
    let of_index = move |package: &&crate::lock::Package| package.source.index().is_some_and(|own| bare(own) == index);
    lock.packages.iter().filter(of_index).flat_map(package_urls)
}

fn package_urls(package: &crate::lock::Package) -> impl Iterator<Item = &str> {
    let wheels = package.wheels.iter().map(|wheel| &wheel.location);
    let locations = wheels.chain(package.sdist.iter().map(|sdist| &sdist.location));
    locations.filter_map(|location| match (location, &package.source) {
        (Location::Url(url), _) | (Location::Source, Source::Url { url, .. }) => Some(url.as_str()),
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
        sdist = { url = "https://files.example/heron-1.0.tar.gz", hash = "sha256:00" }
        [[package]]
        name = "lily"
        version = "1.0"
        source = { registry = "https://index.example/simple" }
        sdist = { url = "https://public.example/lily-1.0.tar.gz", hash = "sha256:00" }
    "#;

    const CONFIG: &str = r#"
        [indexes.internal]
        secret = "token"
        [mirrors]
        "https://public.example" = { url = "https://mirror.example/public", secret = "of-mirror" }
        "https://files.example/" = "https://mirror.example/files/"
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
    fn a_secret_is_found_by_index_and_goes_where_the_files_are() {
        let project = project();
        let access = Access::of(&project, &BTreeMap::new()).unwrap();
        let asked = |url: &str, index: &str| {
            let Download { url, index, secret } = access.download(url, Some(index));
            (url, index.unwrap(), secret.map(|secret| secret.value))
        };
        let text = |text: &str| text.to_owned();
        assert_eq!(
            asked("https://files.example/heron-1.0.tar.gz", "https://internal.example/team/simple"),
            (text("https://mirror.example/files/heron-1.0.tar.gz"), text("internal"), Some(text("token")))
        );
        assert_eq!(
            asked("https://public.example/lily-1.0.tar.gz", "https://index.example/simple"),
            (
                text("https://mirror.example/public/lily-1.0.tar.gz"),
                text("https://index.example/simple"),
                Some(text("of-mirror"))
            )
        );
    }

    #[test]
    fn a_user_name_is_no_secret() {
        let with_user = project_of(&MANIFEST.replace("https://", "https://VssSessionToken@"));
        let without = project();
        let told = |project: &Project| {
            let access = Access::of(project, &BTreeMap::new()).unwrap();
            let indexes = access.indexes(project).unwrap();
            let credentials = access.credentials(&indexes, project);
            (indexes, credentials, access.wanted(project, &[0]).unwrap())
        };
        assert_eq!(told(&with_user), told(&without));
        let with_password = project_of(&MANIFEST.replace("https://", "https://VssSessionToken:sesame@"));
        assert!(Access::of(&with_password, &BTreeMap::new()).unwrap().indexes(&with_password).is_err());
    }

    #[test]
    fn uv_is_let_in_at_the_index_and_at_its_files() {
        let project = project();
        let access = Access::of(&project, &BTreeMap::new()).unwrap();
        let indexes = access.indexes(&project).unwrap();
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
            let wanted = access.wanted(&project, reached).unwrap();
            wanted.iter().map(|of| format!("{}{}", of.id, if of.is_required { "!" } else { "" })).collect::<Vec<_>>()
        };
        let optional = ["UV_INDEX_INTERNAL_PASSWORD", "UV_INDEX_INTERNAL_USERNAME", "netrc"];
        assert_eq!(wanted(&[0]), [&optional[..], &["token!"]].concat());
        assert_eq!(wanted(&[1]), [&optional[..2], &["netrc", "of-mirror!", "token"]].concat());
    }
}

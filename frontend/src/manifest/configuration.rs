//! The settings of uv that a lock is made from: those of the file that uv takes them from. It takes them from one file only, the
//! `uv.toml` or the `tool.uv` nearest to the workspace root, going up (uv: `FilesystemOptions::find`).

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::de::DeTable;
use uv_normalize::PackageName;

use super::tables::{Reader, table_at};
use crate::diagnostic::{Located, SourceFile, Span};
use crate::paths::{UV_TOML, directory_of, joined};

/// The settings of one file.
#[derive(Clone, Debug, Default)]
pub struct Configuration {
    /// Whether they are those that count. They are not known when uv would look above the context, or has a key that is not
    /// known here: it passes over a file with a key that it does not know.
    pub is_known: bool,
    /// Whether uv puts them together with those of another file.
    pub is_combined: bool,
    /// `dependency-metadata`, as it is written.
    pub metadata: Option<Located<Vec<Located<toml::Value>>>>,
    /// All indexes, with `no-index` the flat ones: a URL, or a path in the context.
    pub indexes: Vec<String>,
    /// The one that takes the place of uv's own default, or `no-index`.
    pub default_index: Option<Span>,
    /// `no-sources` and `no-sources-package`.
    pub no_sources: NoSources,
    /// `resolution`, `prerelease`, `fork-strategy` and `exclude-newer`, by the name that the lock has for them.
    pub options: Vec<(&'static str, Located<String>)>,
}

/// Packages for which `tool.uv.sources` do not count.
#[derive(Clone, Debug, Default)]
pub enum NoSources {
    /// None.
    #[default]
    None,
    /// All.
    All,
    /// Those with these names.
    Packages(BTreeSet<PackageName>),
}

impl NoSources {
    /// Whether sources of this package do not count.
    pub fn has(&self, name: &PackageName) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Packages(packages) => packages.contains(name),
        }
    }
}

/// What the lock says under `[options]`, and the setting that it comes from.
const OPTIONS: [(&str, &str); 4] = [
    ("resolution-mode", "resolution"),
    ("prerelease-mode", "prerelease"),
    ("fork-strategy", "fork-strategy"),
    ("exclude-newer", "exclude-newer"),
];

/// The keys of `tool.uv` that uv knows. With another one it takes no setting from the file.
const KNOWN: &[&str] = &[
    "add-bounds",
    "allow-insecure-host",
    "audit",
    "build-backend",
    "build-constraint-dependencies",
    "cache-dir",
    "cache-keys",
    "check-url",
    "compile-bytecode",
    "concurrent-builds",
    "concurrent-downloads",
    "concurrent-installs",
    "config-settings",
    "config-settings-package",
    "conflicts",
    "constraint-dependencies",
    "default-groups",
    "dependency-groups",
    "dependency-metadata",
    "dev-dependencies",
    "environments",
    "exclude-dependencies",
    "exclude-newer",
    "exclude-newer-package",
    "extra-build-dependencies",
    "extra-build-variables",
    "extra-index-url",
    "find-links",
    "fork-strategy",
    "graalpy-install-mirror",
    "http-proxy",
    "https-proxy",
    "index",
    "index-strategy",
    "index-url",
    "keyring-provider",
    "link-mode",
    "managed",
    "minimum-libc-version",
    "native-tls",
    "no-binary",
    "no-binary-package",
    "no-build",
    "no-build-isolation",
    "no-build-isolation-package",
    "no-build-package",
    "no-cache",
    "no-index",
    "no-proxy",
    "no-sources",
    "no-sources-package",
    "offline",
    "override-dependencies",
    "package",
    "pip",
    "prerelease",
    "prerelease-package",
    "preview",
    "preview-features",
    "publish-url",
    "pyodide-install-mirror",
    "pypy-install-mirror",
    "python-downloads",
    "python-downloads-json-url",
    "python-install-mirror",
    "python-preference",
    "reinstall",
    "reinstall-package",
    "require-build-hashes",
    "required-environments",
    "required-version",
    "resolution",
    "sources",
    "system-certs",
    "torch-backend",
    "trusted-publishing",
    "upgrade",
    "upgrade-package",
    "workspace",
];

impl Configuration {
    /// Reads the keys of `tool.uv`, or those of a `uv.toml`. `None` when one has a shape that is not known here.
    pub(super) fn read(file: &Arc<SourceFile>, uv: &DeTable<'_>) -> Option<Self> {
        let reader = Reader { file };
        let directory = directory_of(&file.name);
        let is_set = |table: &DeTable<'_>, key: &str| match table.get(key) {
            Some(value) => value.get_ref().as_bool(),
            None => Some(false),
        };
        let mut configuration = Self {
            is_known: uv.keys().all(|key| KNOWN.contains(&key.get_ref().as_ref())),
            metadata: reader.values_at(uv, "dependency-metadata")?,
            no_sources: no_sources(&reader, uv)?,
            ..Self::default()
        };
        for (name, key) in OPTIONS {
            // What is not a text is of a form that is not known here.
            let text = uv.get(key).and_then(|value| reader.text(value));
            configuration.options.extend(text.map(|text| (name, text)));
        }
        let no_index = is_set(uv, "no-index")?;
        let mut indexes = Vec::new();
        for index in uv.get("index").map_or(Some(&[][..]), |list| Some(list.get_ref().as_array()?.as_ref()))? {
            let table = index.get_ref().as_table()?;
            let url = reader.text_at(table, "url")??;
            if is_set(table, "default")? {
                configuration.default_index = Some(url.span.clone());
            }
            let is_flat = reader.text_at(table, "format")?.is_some_and(|format| format.value == "flat");
            if is_flat || !no_index {
                indexes.push(url.value);
            }
        }
        if let Some(url) = reader.text_at(uv, "index-url")? {
            configuration.default_index = Some(url.span.clone());
            indexes.extend((!no_index).then_some(url.value));
        }
        if no_index {
            configuration.default_index = uv.get("no-index").map(|value| reader.span(value.span()));
        }
        for key in ["extra-index-url", "find-links"] {
            let list = reader.list_at(uv, key)?.map(|list| list.value).unwrap_or_default();
            let counts = key == "find-links" || !no_index;
            indexes.extend(list.into_iter().filter(|_| counts).map(|url| url.value));
        }
        let in_context = |text: String| if text.contains("://") { text } else { joined(directory, &text) };
        configuration.indexes = indexes.into_iter().map(in_context).collect();
        Some(configuration)
    }
}

fn no_sources(reader: &Reader<'_>, uv: &DeTable<'_>) -> Option<NoSources> {
    if let Some(value) = uv.get("no-sources") {
        return Some(if value.get_ref().as_bool()? { NoSources::All } else { NoSources::None });
    }
    let Some(list) = reader.list_at(uv, "no-sources-package")? else { return Some(NoSources::None) };
    let names = list.value.iter().map(|name| name.value.parse().ok()).collect::<Option<BTreeSet<_>>>()?;
    Some(if names.is_empty() { NoSources::None } else { NoSources::Packages(names) })
}

/// The settings of a file that is not the workspace root's manifest: a `uv.toml`, or the manifest of a directory above. `None` when
/// uv takes no settings from it and looks further: it has none.
pub fn of_file(file: &Arc<SourceFile>) -> Option<Configuration> {
    let Ok(document) = DeTable::parse(file.toml()) else {
        // uv refuses a broken `uv.toml`, and passes over a broken manifest.
        return is_uv_toml(file).then(Configuration::default);
    };
    let document = document.get_ref();
    let unknown = Configuration::default();
    if is_uv_toml(file) {
        return Some(Configuration::read(file, document).unwrap_or(unknown));
    }
    let tool = table_at(document, "tool");
    match tool.and_then(|tool| tool.map_or(Some(None), |tool| table_at(tool, "uv"))) {
        Some(Some(uv)) => Some(Configuration::read(file, uv).unwrap_or(unknown)),
        Some(None) => None,
        None => Some(unknown),
    }
}

/// Whether it is a file of settings only.
pub fn is_uv_toml(file: &SourceFile) -> bool {
    file.name.rsplit('/').next() == Some(UV_TOML)
}

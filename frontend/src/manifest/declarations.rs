//! What a manifest says that a lock is made from, with the place of each statement.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IntoDeserializer;
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use uv_normalize::{GroupName, PackageName};
use uv_pep440::VersionSpecifiers;

use super::configuration::Configuration;
use super::tables::{Reader, table_at};
use crate::diagnostic::{Located, SourceFile, Span};

/// The statements of a manifest.
#[derive(Clone, Debug)]
pub struct Declarations {
    /// `[project]`; a virtual workspace root has none.
    pub project: Option<ProjectTable>,
    /// `[build-system]` is there.
    pub builds: bool,
    /// `[dependency-groups]`, and `tool.uv.dev-dependencies` as a part of the group `dev`.
    pub groups: BTreeMap<String, Located<Vec<GroupItem>>>,
    /// Groups whose requirements uv narrows to the `requires-python` of `tool.uv.dependency-groups`.
    pub narrowed_groups: BTreeMap<GroupName, VersionSpecifiers>,
    /// `tool.uv.default-groups`, as it is written.
    pub default_groups: Option<Located<toml::Value>>,
    /// `tool.uv.sources`, by name: normalised, where it is one.
    pub sources: BTreeMap<String, Vec<SourceTable>>,
    /// Names and URLs of `tool.uv.index`.
    pub indexes: BTreeMap<String, String>,
    /// `tool.uv.package`.
    pub package: Option<Located<bool>>,
    /// `tool.uv.managed`, true where it is not written.
    pub managed: bool,
    /// `members` and `exclude` of `tool.uv.workspace`.
    pub workspace: Option<WorkspaceTable>,
    /// `tool.uv.environments`.
    pub environments: Option<Located<Vec<Located<String>>>>,
    /// `tool.uv.required-environments`.
    pub required_environments: Option<Located<Vec<Located<String>>>>,
    /// `tool.uv.conflicts`.
    pub conflicts: Vec<Located<Vec<ConflictTable>>>,
    /// `tool.uv.exclude-dependencies`, as it is written.
    pub excludes: Option<Located<Vec<Located<toml::Value>>>>,
    /// `tool.uv.constraint-dependencies`.
    pub constraints: Option<Located<Vec<Located<String>>>>,
    /// `tool.uv.override-dependencies`.
    pub overrides: Option<Located<Vec<Located<String>>>>,
    /// `tool.uv.build-constraint-dependencies`.
    pub build_constraints: Option<Located<Vec<Located<String>>>>,
    /// The settings in `tool.uv`, where there is such a table; of the workspace root, those that count for it.
    pub configuration: Option<Configuration>,
}

impl Declarations {
    /// Where to point for what is not written: the header of `[project]`, or of the workspace.
    pub fn start(&self) -> Option<&Span> {
        let project = self.project.as_ref().map(|table| &table.span);
        project.or(self.workspace.as_ref().map(|table| &table.span))
    }
}

/// `[project]`.
#[derive(Clone, Debug)]
pub struct ProjectTable {
    /// Of the header.
    pub span: Span,
    /// `name`.
    pub name: Located<String>,
    /// `version`.
    pub version: Option<Located<String>>,
    /// `dynamic`.
    pub dynamic: BTreeSet<String>,
    /// `requires-python`.
    pub requires_python: Option<Located<String>>,
    /// `dependencies`.
    pub dependencies: Option<Located<Vec<Located<String>>>>,
    /// `optional-dependencies`.
    pub extras: BTreeMap<String, Located<Vec<Located<String>>>>,
}

/// An item of a dependency group (PEP 735).
#[derive(Clone, Debug)]
pub enum GroupItem {
    /// A requirement.
    Requirement(Located<String>),
    /// `{ include-group = "NAME" }`
    Include(String),
}

/// An entry of `tool.uv.sources`; one of several when they are for different markers.
#[derive(Clone, Debug)]
pub struct SourceTable {
    /// Its place.
    pub span: Span,
    /// Where the package comes from.
    pub kind: SourceKind,
    /// When it counts.
    pub marker: Option<String>,
    /// Only for this extra.
    pub extra: Option<String>,
    /// Only for this group.
    pub group: Option<String>,
}

/// Where a package comes from.
#[derive(Clone, Debug)]
pub enum SourceKind {
    /// The workspace.
    Workspace {
        /// `editable`.
        editable: Option<bool>,
    },
    /// Another workspace.
    OtherWorkspace {
        /// Relative to the manifest.
        path: String,
        /// `editable`.
        editable: Option<bool>,
    },
    /// A file or directory.
    Path {
        /// Relative to the manifest.
        path: String,
        /// `editable`.
        editable: Option<bool>,
    },
    /// A repository.
    Git {
        /// As it is written.
        url: String,
        /// `rev`, `tag` or `branch`.
        reference: Option<String>,
        /// Within the repository.
        subdirectory: Option<String>,
    },
    /// An archive.
    Url {
        /// As it is written.
        url: String,
        /// Within the archive.
        subdirectory: Option<String>,
    },
    /// An index, by name.
    Index(String),
    /// Of a form that is not known here.
    Other,
}

/// An item of a set of `tool.uv.conflicts`: a project, one of its extras, or one of its groups.
#[derive(Clone, Debug)]
pub struct ConflictTable {
    /// The project, if it is not the manifest's own.
    pub package: Option<String>,
    /// The extra.
    pub extra: Option<String>,
    /// The group.
    pub group: Option<String>,
}

/// `[tool.uv.workspace]`.
#[derive(Clone, Debug)]
pub struct WorkspaceTable {
    /// Of the header.
    pub span: Span,
    /// Patterns of directories.
    pub members: Vec<Located<String>>,
    /// Patterns of directories.
    pub exclude: Vec<Located<String>>,
}

type Value<'doc> = Spanned<DeValue<'doc>>;

/// Entries of `tool.uv.sources`, by name: normalised, where it is one. None when one has a shape that is not known here.
pub(super) fn read_sources(file: &Arc<SourceFile>, document: &DeTable<'_>) -> BTreeMap<String, Vec<SourceTable>> {
    let uv = table_at(document, "tool").flatten().and_then(|tool| table_at(tool, "uv")).flatten();
    uv.and_then(|uv| Reader { file }.sources(uv)).unwrap_or_default()
}

/// Reads the statements. `None` when one has a shape that is not known here: then nothing can be said about the lock.
pub(super) fn read(file: &Arc<SourceFile>, document: &DeTable<'_>) -> Option<Declarations> {
    let reader = Reader { file };
    let empty = DeTable::new();
    let written = match table_at(document, "tool")? {
        Some(tool) => table_at(tool, "uv")?,
        None => None,
    };
    let uv = written.unwrap_or(&empty);
    let (narrowed_groups, indexes) = (reader.narrowed_groups(uv)?, reader.indexes(uv)?);
    let poetry = table_at(document, "tool")?.is_some_and(|tool| tool.contains_key("poetry"));
    let project = match document.get("project") {
        Some(value) => {
            let project = reader.project(value)?;
            // uv takes such a table for a mistake, and asks the build backend.
            if poetry && project.dependencies.is_none() {
                return None;
            }
            Some(project)
        }
        None => None,
    };
    Some(Declarations {
        project,
        builds: document.contains_key("build-system"),
        groups: reader.groups(document, uv)?,
        narrowed_groups,
        default_groups: match uv.get("default-groups") {
            Some(value) => Some(reader.value(value)?),
            None => None,
        },
        sources: reader.sources(uv)?,
        indexes,
        package: match uv.get("package") {
            Some(value) => Some(Located { value: value.get_ref().as_bool()?, span: reader.span(value.span()) }),
            None => None,
        },
        managed: match uv.get("managed") {
            Some(value) => value.get_ref().as_bool()?,
            None => true,
        },
        workspace: match uv.get("workspace") {
            Some(value) => Some(reader.workspace(value)?),
            None => None,
        },
        environments: reader.markers_at(uv, "environments")?,
        required_environments: reader.markers_at(uv, "required-environments")?,
        conflicts: reader.conflicts(uv)?,
        excludes: reader.values_at(uv, "exclude-dependencies")?,
        constraints: reader.list_at(uv, "constraint-dependencies")?,
        overrides: reader.list_at(uv, "override-dependencies")?,
        build_constraints: reader.list_at(uv, "build-constraint-dependencies")?,
        configuration: match written {
            Some(uv) => Some(Configuration::read(file, uv)?),
            None => None,
        },
    })
}

impl Reader<'_> {
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range)
    }

    pub(super) fn text(&self, value: &Value<'_>) -> Option<Located<String>> {
        Some(Located { value: value.get_ref().as_str()?.to_owned(), span: self.span(value.span()) })
    }

    pub(super) fn text_at(&self, table: &DeTable<'_>, key: &str) -> Option<Option<Located<String>>> {
        match table.get(key) {
            Some(value) => self.text(value).map(Some),
            None => Some(None),
        }
    }

    fn list(&self, value: &Value<'_>) -> Option<Located<Vec<Located<String>>>> {
        let items = value.get_ref().as_array()?.iter().map(|item| self.text(item)).collect::<Option<_>>()?;
        Some(Located { value: items, span: self.span(value.span()) })
    }

    pub(super) fn list_at(&self, table: &DeTable<'_>, key: &str) -> Option<Option<Located<Vec<Located<String>>>>> {
        match table.get(key) {
            Some(value) => self.list(value).map(Some),
            None => Some(None),
        }
    }

    fn value(&self, value: &Value<'_>) -> Option<Located<toml::Value>> {
        let read = toml::Value::deserialize(value.clone().into_deserializer()).ok()?;
        Some(Located { value: read, span: self.span(value.span()) })
    }

    /// A list of anything.
    pub(super) fn values_at(
        &self,
        table: &DeTable<'_>,
        key: &str,
    ) -> Option<Option<Located<Vec<Located<toml::Value>>>>> {
        let Some(list) = table.get(key) else { return Some(None) };
        let value = list.get_ref().as_array()?.iter().map(|item| self.value(item)).collect::<Option<_>>()?;
        Some(Some(Located { value, span: self.span(list.span()) }))
    }

    /// A list, or the one text that stands for a list of one.
    fn markers_at(&self, table: &DeTable<'_>, key: &str) -> Option<Option<Located<Vec<Located<String>>>>> {
        match table.get(key) {
            Some(value) if value.get_ref().as_str().is_some() => {
                let text = self.text(value)?;
                Some(Some(Located { span: text.span.clone(), value: vec![text] }))
            }
            _ => self.list_at(table, key),
        }
    }

    fn conflicts(&self, uv: &DeTable<'_>) -> Option<Vec<Located<Vec<ConflictTable>>>> {
        let Some(sets) = uv.get("conflicts") else { return Some(Vec::new()) };
        let item = |item: &Value<'_>| {
            let table = item.get_ref().as_table()?;
            let text = |key: &str| Some(self.text_at(table, key)?.map(|text| text.value));
            Some(ConflictTable { package: text("package")?, extra: text("extra")?, group: text("group")? })
        };
        let set = |set: &Value<'_>| {
            let items = set.get_ref().as_array()?.iter().map(item).collect::<Option<_>>()?;
            Some(Located { value: items, span: self.span(set.span()) })
        };
        sets.get_ref().as_array()?.iter().map(set).collect()
    }

    fn project(&self, value: &Value<'_>) -> Option<ProjectTable> {
        let table = value.get_ref().as_table()?;
        let dynamic = self.list_at(table, "dynamic")?.map(|dynamic| dynamic.value).unwrap_or_default();
        let mut extras = BTreeMap::new();
        for (name, list) in table_at(table, "optional-dependencies")?.into_iter().flatten() {
            // The name is what is pointed to when the extra itself is the change.
            let list = self.list(list)?;
            extras.insert(name.get_ref().to_string(), Located { value: list.value, span: self.span(name.span()) });
        }
        Some(ProjectTable {
            span: self.span(value.span()),
            name: self.text_at(table, "name")??,
            version: self.text_at(table, "version")?,
            dynamic: dynamic.into_iter().map(|field| field.value).collect(),
            requires_python: self.text_at(table, "requires-python")?,
            dependencies: self.list_at(table, "dependencies")?,
            extras,
        })
    }

    fn groups(&self, document: &DeTable<'_>, uv: &DeTable<'_>) -> Option<BTreeMap<String, Located<Vec<GroupItem>>>> {
        let mut groups = BTreeMap::new();
        for (name, list) in table_at(document, "dependency-groups")?.into_iter().flatten() {
            let mut items = Vec::new();
            for item in list.get_ref().as_array()? {
                items.push(match item.get_ref() {
                    DeValue::Table(table) if table.len() == 1 => {
                        GroupItem::Include(self.text_at(table, "include-group")??.value)
                    }
                    _ => GroupItem::Requirement(self.text(item)?),
                });
            }
            groups.insert(name.get_ref().to_string(), Located { value: items, span: self.span(name.span()) });
        }
        if let Some(legacy) = self.list_at(uv, "dev-dependencies")? {
            let dev = groups.entry("dev".to_owned()).or_insert(Located { value: Vec::new(), span: legacy.span });
            dev.value.extend(legacy.value.into_iter().map(GroupItem::Requirement));
        }
        Some(groups)
    }

    fn narrowed_groups(&self, uv: &DeTable<'_>) -> Option<BTreeMap<GroupName, VersionSpecifiers>> {
        let mut narrowed = BTreeMap::new();
        for (name, settings) in table_at(uv, "dependency-groups")?.into_iter().flatten() {
            if let Some(python) = self.text_at(settings.get_ref().as_table()?, "requires-python")? {
                narrowed.insert(name.get_ref().parse().ok()?, python.value.parse().ok()?);
            }
        }
        Some(narrowed)
    }

    fn indexes(&self, uv: &DeTable<'_>) -> Option<BTreeMap<String, String>> {
        let mut indexes = BTreeMap::new();
        let list = match uv.get("index") {
            Some(value) => value.get_ref().as_array()?.iter().collect(),
            None => Vec::new(),
        };
        for index in list {
            let table = index.get_ref().as_table()?;
            let url = self.text_at(table, "url")??.value;
            if let Some(name) = self.text_at(table, "name")? {
                indexes.entry(name.value).or_insert(url);
            }
        }
        Some(indexes)
    }

    fn sources(&self, uv: &DeTable<'_>) -> Option<BTreeMap<String, Vec<SourceTable>>> {
        let mut sources = BTreeMap::new();
        for (name, value) in table_at(uv, "sources")?.into_iter().flatten() {
            let tables = match value.get_ref() {
                DeValue::Array(list) => list.iter().map(|item| self.source(item)).collect::<Option<_>>()?,
                _ => vec![self.source(value)?],
            };
            let name = name.get_ref();
            let name = name.parse().map_or_else(|_| name.to_string(), |name: PackageName| name.to_string());
            sources.entry(name).or_insert(tables);
        }
        Some(sources)
    }

    fn source(&self, value: &Value<'_>) -> Option<SourceTable> {
        let table = value.get_ref().as_table()?;
        const KNOWN: [&str; 14] = [
            "workspace",
            "path",
            "git",
            "url",
            "index",
            "editable",
            "package",
            "subdirectory",
            "rev",
            "tag",
            "branch",
            "marker",
            "extra",
            "group",
        ];
        let text = |key: &str| Some(self.text_at(table, key)?.map(|text| text.value));
        let editable = match table.get("editable") {
            Some(value) => Some(value.get_ref().as_bool()?),
            None => None,
        };
        let kind = if table.keys().any(|key| !KNOWN.contains(&key.get_ref().as_ref())) {
            SourceKind::Other
        } else if let Some(workspace) = table.get("workspace") {
            match workspace.get_ref() {
                DeValue::Boolean(true) => SourceKind::Workspace { editable },
                DeValue::String(path) => SourceKind::OtherWorkspace { path: path.to_string(), editable },
                _ => SourceKind::Other,
            }
        } else if let Some(url) = text("git")? {
            let reference = text("rev")?.or(text("tag")?).or(text("branch")?);
            // With `path`, the source is an archive in the repository.
            let is_archive = table.contains_key("path");
            let kind = SourceKind::Git { url, reference, subdirectory: text("subdirectory")? };
            if is_archive { SourceKind::Other } else { kind }
        } else if let Some(url) = text("url")? {
            SourceKind::Url { url, subdirectory: text("subdirectory")? }
        } else if let Some(path) = text("path")? {
            SourceKind::Path { path, editable }
        } else {
            text("index")?.map_or(SourceKind::Other, SourceKind::Index)
        };
        Some(SourceTable {
            span: self.span(value.span()),
            kind,
            marker: text("marker")?,
            extra: text("extra")?,
            group: text("group")?,
        })
    }

    fn workspace(&self, value: &Value<'_>) -> Option<WorkspaceTable> {
        let table = value.get_ref().as_table()?;
        let list = |key: &str| Some(self.list_at(table, key)?.map(|list| list.value).unwrap_or_default());
        Some(WorkspaceTable { span: self.span(value.span()), members: list("members")?, exclude: list("exclude")? })
    }
}

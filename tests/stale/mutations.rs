//! Changes to a manifest, by the places of what it declares.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::Result;
use uv_buildkit::diagnostic::SourceFile;
use uv_buildkit::manifest;
use uv_buildkit::manifest::declarations::{Declarations, GroupItem, SourceKind};

use crate::oracle::INDEX;
use crate::workspace::Workspace;

/// A manifest with one change.
pub struct Mutation {
    pub name: &'static str,
    pub claim: Claim,
    pub text: String,
}

/// What is promised of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// When uv says that the lock is stale, so do we.
    Seen,
    /// No false alarm, and no more.
    NotSeen,
}

/// Every change that the manifest has a place for.
pub fn all(workspace: &Workspace, path: &str) -> Result<Vec<Mutation>> {
    let manifest = workspace.manifest(path)?;
    let text = manifest.file.text.clone();
    let Some(own) = &manifest.declarations else { return Ok(Vec::new()) };
    let mut mutations = Vec::new();
    let mut add = |name: &'static str, claim: Claim, range: Range<usize>, new: &str| {
        let text = format!("{}{new}{}", &text[..range.start], &text[range.end..]);
        mutations.push(Mutation { name, claim, text });
    };
    let end = text.len()..text.len();
    let locked = workspace.locked_package()?;

    add("a comment", Claim::Seen, end.clone(), "\n# nothing\n");
    add("a table of another tool", Claim::Seen, end.clone(), "\n[tool.unknown]\nkey = [1, { a = 2 }]\n");
    if !text.contains("[dependency-groups]") && own.project.is_some() {
        add("a new group", Claim::Seen, end.clone(), "\n[dependency-groups]\nadded-group = [\"added-package\"]\n");
        add("a new empty group", Claim::Seen, end.clone(), "\n[dependency-groups]\nadded-group = []\n");
    }
    if let Some(project) = &own.project {
        if let Some(list) = &project.dependencies {
            add("a new dependency", Claim::Seen, start(&list.span.range), "\"added-package>=1\", ");
            if let Some(first) = list.value.first() {
                let again = format!("\"{}\", ", first.value.replace('"', "'"));
                add("a dependency twice", Claim::Seen, start(&list.span.range), &again);
                let without = format!("\"{} ; python_version >= '3.0'\"", first.value.replace('"', "'"));
                if !first.value.contains([';', '@']) {
                    add("a marker that says nothing", Claim::Seen, first.span.range.clone(), &without);
                    let never = format!("\"{} ; sys_platform == 'never'\"", first.value);
                    add("a marker", Claim::Seen, first.span.range.clone(), &never);
                    let extra = first.value.find(['<', '>', '=', '!', '~', ' ']).unwrap_or(first.value.len());
                    let (name, rest) = first.value.split_at(extra);
                    if !name.contains('[') {
                        let extra = format!("\"{name}[added-extra]{rest}\"");
                        add("an extra of a dependency", Claim::Seen, first.span.range.clone(), &extra);
                    }
                    let spelled = format!("\"{}{rest} \"", name.replace('-', "_").to_uppercase());
                    add("a name spelled otherwise", Claim::Seen, first.span.range.clone(), &spelled);
                    add("another version", Claim::Seen, first.span.range.clone(), &format!("\"{name}>=0.0.0.1\""));
                }
                add("a dependency gone", Claim::Seen, first.span.range.clone(), "\"added-package\"");
            }
        }
        if let Some(version) = &project.version {
            add("another version of the project", Claim::Seen, version.span.range.clone(), "\"99.9.9\"");
        }
        if let Some(python) = &project.requires_python {
            add("a narrower requires-python", Claim::Seen, python.span.range.clone(), "\">=3.13\"");
            add("a wider requires-python", Claim::Seen, python.span.range.clone(), "\">=3.0\"");
            let bounded = format!("\"{},<5\"", python.value);
            add("an upper bound of requires-python", Claim::Seen, python.span.range.clone(), &bounded);
        }
        add("another name", Claim::Seen, project.name.span.range.clone(), "\"renamed-project\"");
        for extra in project.extras.values().take(2) {
            add("an extra renamed", Claim::Seen, extra.span.range.clone(), "renamed-extra");
            if let Some(item) = extra.value.first() {
                add(
                    "a new item of an extra",
                    Claim::Seen,
                    item.span.range.start..item.span.range.start,
                    "\"added-package\", ",
                );
                add("an item of an extra replaced", Claim::Seen, item.span.range.clone(), "\"added-package\"");
            }
        }
    }
    for (_, group) in own.groups.iter().filter(|(name, _)| text.contains(&format!("\n{name} = ["))).take(2) {
        add("a group renamed", Claim::Seen, group.span.range.clone(), "renamed-group");
        for item in group.value.iter().take(1) {
            if let GroupItem::Requirement(item) = item {
                add(
                    "a new item of a group",
                    Claim::Seen,
                    item.span.range.start..item.span.range.start,
                    "\"added-package\", ",
                );
                add("an item of a group replaced", Claim::Seen, item.span.range.clone(), "\"added-package\"");
            }
        }
    }
    for tables in own.sources.values().take(3) {
        for source in tables {
            let range = source.span.range.clone();
            match &source.kind {
                SourceKind::Workspace { .. } => {
                    add("a member not editable", Claim::Seen, range.clone(), "{ workspace = true, editable = false }");
                    add(
                        "a member for some pythons",
                        Claim::Seen,
                        range,
                        "{ workspace = true, marker = \"sys_platform == 'never'\" }",
                    );
                }
                SourceKind::Path { path, .. } => {
                    add(
                        "a path editable",
                        Claim::Seen,
                        range.clone(),
                        &format!("{{ path = \"{path}\", editable = true }}"),
                    );
                    add("another kind of source", Claim::Seen, range, "{ git = \"https://git.example/project\" }");
                }
                SourceKind::Git { url, .. } => {
                    add(
                        "another revision",
                        Claim::Seen,
                        range.clone(),
                        &format!("{{ git = \"{url}\", tag = \"v99\" }}"),
                    );
                    add("another repository", Claim::Seen, range, "{ git = \"https://git.example/project\" }");
                }
                SourceKind::Url { .. }
                | SourceKind::Index(_)
                | SourceKind::OtherWorkspace { .. }
                | SourceKind::Other => {
                    add("another kind of source", Claim::Seen, range, "{ git = \"https://git.example/project\" }");
                }
            }
        }
    }
    if let Some(package) = &own.package {
        add("a package or not", Claim::Seen, package.span.range.clone(), if package.value { "false" } else { "true" });
    }
    if let Some(table) = &own.workspace {
        for pattern in table.members.iter().take(2) {
            add("members gone", Claim::Seen, pattern.span.range.clone(), "\"nowhere/*\"");
        }
    }
    for (name, list) in
        [("environments gone", &own.environments), ("required environments gone", &own.required_environments)]
    {
        let Some(list) = list else { continue };
        add(name, Claim::Seen, list.span.range.clone(), "[]");
    }
    for set in &own.conflicts {
        add("a conflict less", Claim::Seen, set.span.range.clone(), "");
        let [first, ..] = &set.value[..] else { continue };
        let named = first.extra.as_ref().or(first.group.as_ref());
        if let Some(name) = named {
            let text = text[set.span.range.clone()].replacen(&format!("\"{name}\""), "\"added-name\"", 1);
            add("another conflict", Claim::Seen, set.span.range.clone(), &text);
        }
    }
    for (name, list) in [("constraints", &own.constraints), ("overrides", &own.overrides)] {
        let Some(list) = list else { continue };
        let name = if name == "constraints" { "a new constraint" } else { "a new override" };
        add(name, Claim::Seen, start(&list.span.range), "\"added-package<9\", ");
        add("constraints or overrides gone", Claim::Seen, key_of(&text, &list.span.range), "");
    }
    if text.contains("\n[tool.uv]\n") && path == "pyproject.toml" {
        let at = text.find("\n[tool.uv]\n").unwrap_or_default() + "\n[tool.uv]\n".len();
        if own.constraints.is_none() {
            add("first constraints", Claim::Seen, at..at, "constraint-dependencies = [\"added-package<9\"]\n");
        }
        if own.environments.is_none() {
            add("environments", Claim::Seen, at..at, "environments = [\"sys_platform == 'linux'\"]\n");
            add("environments of every python", Claim::Seen, at..at, "environments = \"python_version >= '3.0'\"\n");
        }
        if own.required_environments.is_none() {
            add(
                "required environments",
                Claim::Seen,
                at..at,
                "required-environments = [\"sys_platform == 'linux'\"]\n",
            );
        }
        if own.conflicts.is_empty() {
            add("an empty list of conflicts", Claim::Seen, at..at, "conflicts = []\n");
        }
        if own.configuration.as_ref().is_none_or(|it| it.metadata.is_none()) {
            let metadata = |name: &str| format!("dependency-metadata = [{{ name = \"{name}\" }}]\n");
            add("metadata of a locked package", Claim::Seen, at..at, &metadata(&locked));
            add("metadata of a package that is not locked", Claim::Seen, at..at, &metadata("added-package"));
            add("an empty list of metadata", Claim::Seen, at..at, "dependency-metadata = []\n");
        }
        if own.excludes.is_none() {
            let excludes = |name: &str| format!("exclude-dependencies = [\"{name}\"]\n");
            add("a locked package excluded", Claim::Seen, at..at, &excludes(&locked));
            add("a package excluded that is not locked", Claim::Seen, at..at, &excludes("added-package"));
            add("an empty list of exclusions", Claim::Seen, at..at, "exclude-dependencies = []\n");
        }
        add("no index", Claim::Seen, at..at, "no-index = true\n");
    }
    if path == "pyproject.toml" {
        settings(own, &locked, &mut add);
        indexes(own, &text, &mut add);
    }
    // A key may be there already, in a way that was not seen.
    mutations.retain(|mutation| manifest::parse(&SourceFile::new(path, mutation.text.as_str())).is_ok());
    Ok(mutations)
}

/// Behind the bracket that a list or a table opens with.
fn start(range: &Range<usize>) -> Range<usize> {
    range.start + 1..range.start + 1
}

/// From the start of its line: a key and its value.
fn key_of(text: &str, value: &Range<usize>) -> Range<usize> {
    text[..value.start].rfind('\n').map_or(0, |at| at + 1)..value.end
}

/// Changes to what the root says of packages that are not its own.
fn settings(own: &Declarations, locked: &str, add: &mut impl FnMut(&'static str, Claim, Range<usize>, &str)) {
    if let Some(list) = &own.excludes {
        add("another package excluded", Claim::Seen, start(&list.span.range), &format!("\"{locked}\", "));
        add("another exclusion that is of no package", Claim::Seen, start(&list.span.range), "\"added-package\", ");
        add("exclusions gone", Claim::Seen, list.span.range.clone(), "[]");
        for item in &list.value {
            let range = item.span.range.clone();
            add("an exclusion less", Claim::Seen, range.clone(), "\"added-package\"");
            match item.value.as_str() {
                Some(name) => {
                    let spelled = format!("\"{}\"", name.replace('-', "_").to_uppercase());
                    add("an exclusion spelled otherwise", Claim::Seen, range.clone(), &spelled);
                    add("an exclusion twice", Claim::Seen, range, &format!("\"{name}\", \"{name}\""));
                }
                None => add(
                    "another exclusion of a package",
                    Claim::Seen,
                    range,
                    "{ package = { name = \"added\" }, dependencies = [\"added-package\"] }",
                ),
            }
        }
    }
    if let Some(list) = own.configuration.as_ref().and_then(|configuration| configuration.metadata.as_ref()) {
        let other = format!("{{ name = \"{locked}\" }}, ");
        add("metadata of another package", Claim::Seen, start(&list.span.range), &other);
        add("metadata of no package", Claim::Seen, start(&list.span.range), "{ name = \"added-package\" }, ");
        add("metadata gone", Claim::Seen, list.span.range.clone(), "[]");
        for item in &list.value {
            let range = item.span.range.clone();
            add("metadata of another version", Claim::Seen, start(&range), " version = \"99\",");
            // uv then takes no notice of any setting.
            add("metadata with an unknown key", Claim::NotSeen, start(&range), " added = 1,");
            let Some(requires) = item.value.get("requires-dist").and_then(|list| list.as_array()) else { continue };
            let name = &item.value["name"];
            let again = |list: Vec<&toml::Value>| {
                let list: Vec<String> = list.iter().map(ToString::to_string).collect();
                format!("{{ name = {name}, requires-dist = [{}] }}", list.join(", "))
            };
            add(
                "metadata with other requirements",
                Claim::Seen,
                range.clone(),
                &again(requires.iter().skip(1).collect()),
            );
            add("metadata in another order", Claim::Seen, range.clone(), &again(requires.iter().rev().collect()));
            add("metadata written again", Claim::Seen, range, &again(requires.iter().collect()));
        }
    }
}

/// Changes to where packages come from. That an index that is not the default is gone is not told: uv may have it from elsewhere.
fn indexes(own: &Declarations, text: &str, add: &mut impl FnMut(&'static str, Claim, Range<usize>, &str)) {
    const OTHER: &str = "https://other.example/simple";
    let end = text.len()..text.len();
    let index = |keys: &str| format!("\n[[tool.uv.index]]\n{keys}\n");
    let named = own.sources.values().flatten().filter_map(|source| match &source.kind {
        SourceKind::Index(name) => Some(name.as_str()),
        _ => None,
    });
    let named: BTreeSet<&str> = named.collect();
    for (name, url) in &own.indexes {
        let Some(at) = text.find(&format!("url = \"{url}\"")) else { continue };
        let range = at + "url = \"".len()..at + "url = \"".len() + url.len();
        let claim = if named.contains(name.as_str()) { Claim::Seen } else { Claim::NotSeen };
        add("another URL of an index", claim, range.clone(), OTHER);
        add(
            "the URL of an index spelled otherwise",
            claim,
            range.clone(),
            &url.replacen("https://", "https://user:password@", 1),
        );
        add("the URL of an index with a slash", Claim::NotSeen, range, &format!("{url}/"));
    }
    if own.configuration.as_ref().and_then(|it| it.default_index.as_ref()).is_none() {
        add("another default index", Claim::Seen, end.clone(), &index(&format!("url = \"{OTHER}\"\ndefault = true")));
        add(
            "the default index that it is",
            Claim::Seen,
            end.clone(),
            &index(&format!("url = \"{INDEX}\"\ndefault = true")),
        );
        let both = format!("url = \"{INDEX}\"") + &index(&format!("url = \"{OTHER}\"\ndefault = true"));
        add("another default index besides", Claim::Seen, end.clone(), &index(&both));
    }
    add("another index", Claim::Seen, end.clone(), &index(&format!("url = \"{OTHER}\"")));
    let explicit = format!("name = \"added\"\nurl = \"{OTHER}\"\nexplicit = true");
    add("another explicit index", Claim::Seen, end, &index(&explicit));
}

//! Directories that became members since the lock was made (uv: `Workspace::collect_members`).

use std::collections::{BTreeMap, BTreeSet};

use super::check::Check;
use super::home::matches;
use super::requirement::normal_path;
use super::workspace::patterns;
use crate::ignore;
use crate::manifest::Manifest;
use crate::manifest::declarations::{Declarations, WorkspaceTable};
use crate::paths::file_in;
use crate::project::Project;

/// Where members may lie: directories so many levels below one. With no level it is that directory itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listing {
    /// Path in the context.
    pub directory: String,
    /// Levels.
    pub depth: usize,
}

/// Deeper patterns, and those for any depth, are not followed: they could make every build walk a whole tree.
const DEEPEST: usize = 2;

/// Names of directories that a build never sees.
const NO_PROJECTS: [&str; 3] = [".git", ".venv", "__pycache__"];

/// What has to be listed to find new members.
pub fn listings(project: &Project) -> BTreeSet<Listing> {
    let Some(workspace) = workspace(project) else { return BTreeSet::new() };
    let listing = |text: &str| {
        let path = normal_path(&project.lock.root, text)?;
        let parts: Vec<&str> = path.split('/').collect();
        let fixed = parts.iter().take_while(|part| !part.contains(['*', '?', '['])).count();
        let depth = parts.len() - fixed;
        let is_followed = depth <= DEEPEST && !parts.iter().any(|part| part.contains("**"));
        let directory = if fixed == 0 { ".".to_owned() } else { parts[..fixed].join("/") };
        is_followed.then_some(Listing { directory, depth })
    };
    workspace.members.iter().filter_map(|pattern| listing(&pattern.value)).collect()
}

/// The patterns of the workspace, if its lock is checked.
fn workspace(project: &Project) -> Option<&WorkspaceTable> {
    // Such a root would be a pattern itself.
    let is_plain = !project.lock.root.contains(['*', '?', '[']);
    let root = project.manifest.as_ref().filter(|_| project.checks_lock() && is_plain)?;
    root.declarations.as_ref()?.workspace.as_ref()
}

/// Of the directories that were listed, those that may be new members: what their manifests say decides.
pub fn candidates(project: &Project, listed: BTreeSet<String>, ignored: &[String]) -> Vec<String> {
    let lock = &project.lock;
    let Some(workspace) = workspace(project) else { return Vec::new() };
    let Some((members, exclude)) = patterns(lock, &workspace.members).zip(patterns(lock, &workspace.exclude)) else {
        return Vec::new();
    };
    let known: BTreeSet<&str> =
        lock.members.iter().filter_map(|name| lock.packages[lock.member(name)?].source.project_dir()).collect();
    let is_candidate = |directory: &String| {
        !known.contains(directory.as_str())
            && *directory != lock.root
            && members.iter().any(|(pattern, _)| matches(pattern, directory))
            && !exclude.iter().any(|(pattern, _)| pattern.matches(directory))
            && !directory.split('/').any(|part| NO_PROJECTS.contains(&part))
            && ignore::leaves_out(ignored, &file_in(directory, crate::manifest::FILE_NAME)).is_none()
    };
    listed.into_iter().filter(is_candidate).collect()
}

impl Check<'_> {
    /// Projects in directories that the workspace's patterns name and the lock does not have.
    pub(super) fn newcomers(&mut self, root: &Declarations, newcomers: &BTreeMap<String, Manifest>) {
        let Some(table) = &root.workspace else { return };
        let Some(members) = patterns(self.lock, &table.members) else { return };
        for (directory, manifest) in newcomers {
            let Some(own) = &manifest.declarations else { continue };
            let Some(name) = own.project.as_ref().and_then(|project| project.name.value.parse().ok()) else { continue };
            // What manages itself is none of uv's, and a workspace in a workspace has a lock of its own.
            if !own.managed || own.workspace.is_some() || self.lock.members.contains(&name) {
                continue;
            }
            let place = members.iter().find(|(pattern, _)| matches(pattern, directory));
            let span = place.map_or(&table.span, |(_, span)| span).clone();
            self.report(format!("it was made without the member `{name}` in `{directory}`"), span);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::project::Files;

    fn project(root: &str, workspace: &str) -> Project {
        let lock = SourceFile::new(
            file_in(root, "uv.lock"),
            "version = 1\n[manifest]\nmembers = [\"old\"]\n[[package]]\nname = \"old\"\nversion = \"1\"\nsource = { editable = \"libs/old\" }\n",
        );
        let manifest = SourceFile::new(file_in(root, "pyproject.toml"), format!("[tool.uv.workspace]\n{workspace}\n"));
        let files = Files {
            config: None,
            lock,
            manifest: Some(manifest),
            uv_toml: None,
            python_version: None,
            above: Vec::new(),
        };
        Project::parse(&files, &BTreeMap::new()).expect("a project")
    }

    #[test]
    fn lists_what_patterns_can_match() {
        let listed = |root: &str, members: &str| -> Vec<(String, usize)> {
            let listings = listings(&project(root, &format!("members = {members}")));
            listings.into_iter().map(|listing| (listing.directory, listing.depth)).collect()
        };
        assert_eq!(listed(".", r#"["libs/*", "apps/web", "./libs/*"]"#), [("apps/web".into(), 0), ("libs".into(), 1)]);
        assert_eq!(listed("a/b", r#"["*", "../c/*/py"]"#), [("a/b".into(), 1), ("a/c".into(), 2)]);
        assert_eq!(listed(".", r#"["**", "a/**/b", "*/*/*"]"#), []);
    }

    #[test]
    fn leaves_out_what_is_no_member() {
        let project = project(".", "members = [\"libs/*\"]\nexclude = [\"libs/x*\"]");
        let listed = ["libs/new", "libs/old", "libs/xenon", "libs/.venv", "libs/ignored", "libs/a/b", "apps/new"];
        let listed = listed.map(ToOwned::to_owned).into();
        assert_eq!(candidates(&project, listed, &["libs/ig*".to_owned()]), ["libs/new"]);
    }
}

//! Whether the members that were locked are still members (uv: `Workspace::discover`).

use glob::Pattern;

use super::check::Check;
use super::home::{matches, pattern as pattern_of};
use crate::diagnostic::{Located, Span};
use crate::lock::{Lock, Package, PackageId};
use crate::manifest::Manifest;
use crate::manifest::declarations::Declarations;

impl Check<'_> {
    /// Members that the patterns of the workspace root no longer name, and a root that was not one.
    pub(super) fn members(&mut self, root: &Declarations, compared: &[(PackageId, &Manifest)]) {
        for (id, manifest) in compared {
            let Package { name, source, .. } = &self.lock.packages[*id];
            let Some(own) = manifest.declarations.as_ref().filter(|own| !own.managed) else { continue };
            // uv refuses a root that it shall not manage.
            if self.lock.members.contains(name) && source.project_dir() != Some(&self.lock.root) {
                let message =
                    format!("it was made with `{name}` as a member, but that project now has `managed = false`");
                own.start().cloned().into_iter().for_each(|start| self.report(&message, start));
            }
        }
        if let Some(table) = &root.project
            && let Ok(name) = table.name.value.parse()
            && !self.lock.members.contains(&name)
        {
            self.report(format!("it was made without `{name}`"), table.name.span.clone());
        }
        let lock = self.lock;
        let directories = lock.members.iter().filter_map(|name| {
            let directory = lock.packages[lock.member(name)?].source.project_dir()?;
            (directory != lock.root).then_some((name, directory))
        });
        let directories: Vec<_> = directories.collect();
        let Some(table) = &root.workspace else {
            let start = root.project.as_ref().map(|project| project.span.clone());
            if let (Some(start), Some((name, _))) = (start, directories.first()) {
                self.report(format!("it was made with `{name}` as a member, but there is no workspace"), start);
            }
            return;
        };
        let Some((members, exclude)) = patterns(lock, &table.members).zip(patterns(lock, &table.exclude)) else {
            return;
        };
        for (name, directory) in directories {
            let span = |span: Option<&Span>| span.unwrap_or(&table.span).clone();
            if let Some((_, excluded)) = exclude.iter().find(|(pattern, _)| pattern.matches(directory)) {
                self.report(
                    format!("it was made with `{name}` as a member, but `{directory}` is excluded"),
                    span(Some(excluded)),
                );
            } else if !members.iter().any(|(pattern, _)| matches(pattern, directory)) {
                let place = members.first().map(|(_, place)| place);
                self.report(
                    format!("it was made with `{name}` as a member, but `{directory}` is not a member"),
                    span(place),
                );
            }
        }
    }
}

/// Patterns, as those of the context, and their places. `None` when one is not plain.
pub(super) fn patterns(lock: &Lock, texts: &[Located<String>]) -> Option<Vec<(Pattern, Span)>> {
    let root = Pattern::escape(&lock.root);
    let pattern = |text: &Located<String>| Some((pattern_of(&root, &text.value)?, text.span.clone()));
    texts.iter().map(pattern).collect()
}

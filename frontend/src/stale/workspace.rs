//! Whether the members that were locked are still members (uv: `Workspace::discover`).

use glob::{MatchOptions, Pattern};

use super::Check;
use crate::config::table::Located;
use crate::diagnostic::Span;
use crate::lock::Lock;
use crate::manifest::declarations::Declarations;

impl Check<'_> {
    /// Members that the patterns of the workspace root no longer name, and a root that was not one.
    pub(super) fn members(&mut self, root: &Declarations) {
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
                self.report(format!("it was made with `{name}` as a member, and there is no workspace"), start);
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
                    format!("it was made with `{name}` as a member, and `{directory}` is excluded"),
                    span(Some(excluded)),
                );
            } else if !members.iter().any(|(pattern, _)| matches(pattern, directory)) {
                let place = members.first().map(|(_, place)| place);
                self.report(format!("it was made with `{name}` as a member, and `{directory}` is none"), span(place));
            }
        }
    }
}

/// Each part of a path on its own, as when directories are listed.
pub(super) fn matches(pattern: &Pattern, directory: &str) -> bool {
    pattern.matches_with(directory, MatchOptions { require_literal_separator: true, ..MatchOptions::new() })
}

/// Patterns, as those of the context, and their places. `None` when one is not plain.
pub(super) fn patterns(lock: &Lock, texts: &[Located<String>]) -> Option<Vec<(Pattern, Span)>> {
    let root = Pattern::escape(&lock.root);
    let pattern = |text: &Located<String>| {
        let plain = super::requirement::normal_path(&root, &text.value)?;
        Some((Pattern::new(&plain).ok()?, text.span.clone()))
    };
    texts.iter().map(pattern).collect()
}

//! Files that a manifest or the config names and the context does not have: told before anything is built. A build backend, or BuildKit,
//! would tell in words of its own, and cannot know that `.dockerignore` took them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::members::InputConfig;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::ignore;
use crate::lock::PackageId;
use crate::lower::Options;
use crate::manifest::Manifest;
use crate::manifest::inputs::Input;
use crate::paths::{joined, lies_in};
use crate::plan::{Contents, Plan};
use crate::project::Project;
use crate::surroundings::Surroundings;

/// What is known of the context.
pub struct Context<'a> {
    /// What was seen there. Of what was not looked at, nothing is said.
    pub surroundings: &'a Surroundings,
    /// Patterns of what is left out of it, and projects that lie elsewhere.
    pub options: &'a Options,
}

impl Context<'_> {
    /// Refuses a plan that reads what there is not.
    pub fn check<'a>(
        &self,
        plan: &Plan,
        project: &Project,
        manifests: impl IntoIterator<Item = (&'a PackageId, &'a Manifest)>,
    ) -> Result<(), Diagnostics> {
        let mut errors = Vec::new();
        let built = built(plan);
        for (id, manifest) in manifests {
            let package = &project.lock.packages[*id];
            let (name, Some(directory)) = (package.name.as_str(), package.source.project_dir()) else { continue };
            if !built.contains(name) || self.options.sources.contains_key(name) {
                continue;
            }
            let config = project.config_of(*id).map_or(&[][..], |config| &config.inputs);
            for input in &manifest.inputs {
                errors.extend(self.check_input(input, name, directory, config));
            }
            for path in config.iter().filter_map(InputConfig::path) {
                let what = format!("the build of `{name}` reads");
                errors.extend(self.check_named(&what, &path.value, &path.span));
            }
        }
        for layer in &plan.layers {
            let (what, files) = match &layer.contents {
                Contents::Files(files) => (layer.of_files().to_owned(), files),
                Contents::Step(step) => (format!("the step `{}` reads", step.name), &step.inputs),
                _ => continue,
            };
            for (path, file) in files.iter().filter_map(|file| Some((file.context_path()?, file))) {
                errors.extend(self.check_named(&what, path, &file.span));
            }
        }
        Diagnostics::check(errors)
    }

    /// What a manifest names.
    fn check_input(&self, input: &Input, name: &str, directory: &str, config: &[InputConfig]) -> Option<Diagnostic> {
        let Input { path, key, span, is_required, is_pattern } = input;
        if !lies_in(path, ".") {
            return Some(
                Diagnostic::new(
                    "manifest::outside_context",
                    format!("`{key}` of `{name}` points to `{path}`, outside the build context"),
                )
                .at(span.clone())
                .help("build from a directory that contains both the project and the file"),
            );
        }
        let is_made = config.iter().any(|input| match input {
            InputConfig::Step { to, .. } => lies_in(path, &to.value),
            InputConfig::Path(_) => false,
        });
        let is_there = match is_pattern {
            true => {
                !self.surroundings.knows(directory)
                    || self.surroundings.paths().any(|file| ignore::is_match(path, file))
            }
            false => !self.surroundings.lacks(path),
        };
        if !is_required || is_made || is_there {
            return None;
        }
        let real = self.surroundings.real(path);
        let link = if real == *path { String::new() } else { format!(", a link to `{real}`") };
        let error = match self.left_out(&real, *is_pattern) {
            Some((pattern, place)) => Diagnostic::new(
                "manifest::left_out",
                format!("`{key}` of `{name}` is `{path}`{link}, which `{}` excludes", self.ignore_file()),
            )
            .at(span.clone())
            .at_some(place)
            .help(format!("remove the pattern `{pattern}`, or add `!{real}` below it")),
            None => {
                let problem = match is_pattern {
                    true => format!("`{key}` of `{name}` is `{path}`, but no file in the build context matches it"),
                    false => format!(
                        "`{key}` of `{name}` is `{path}`{link}, but the build context has no such file or directory"
                    ),
                };
                Diagnostic::new("manifest::missing_file", problem).at(span.clone())
            }
        };
        Some(match key.starts_with("project.") {
            true => error,
            false => error.help(format!(
                "if a step creates it, add `inputs = [{{ step = \"STEP\", to = \"{path}\" }}]` to `[members.{name}]` in `uv.build.toml`"
            )),
        })
    }

    /// What the config names.
    fn check_named(&self, what: &str, path: &str, span: &Span) -> Option<Diagnostic> {
        let path = joined(".", path);
        if !self.surroundings.lacks(&path) {
            return None;
        }
        let error = match self.left_out(&path, false) {
            Some((pattern, place)) => {
                Diagnostic::new("ignore::left_out", format!("`{}` excludes `{path}`, which {what}", self.ignore_file()))
                    .at(span.clone())
                    .at_some(place)
                    .help(format!("remove the pattern `{pattern}`, or add `!{path}` below it"))
            }
            None => Diagnostic::new("config::missing_file", format!("the build context has no `{path}`, which {what}"))
                .at(span.clone())
                .help("paths are relative to the root of the build context, the directory that is passed to the build"),
        };
        Some(error)
    }

    fn ignore_file(&self) -> &str {
        self.options.ignore_file.as_ref().map_or(".dockerignore", |file| &file.name)
    }

    /// The pattern that leaves a path out, and where it stands. What a pattern of the manifest would find is not known: names that files
    /// usually have are tried.
    fn left_out(&self, path: &str, is_pattern: bool) -> Option<(&str, Option<Span>)> {
        let examples: Vec<String> = match is_pattern {
            true => ["", ".txt", ".md", "-x"].map(|end| path.replace("**/", "").replace('*', end)).into(),
            false => vec![path.to_owned()],
        };
        let pattern = examples.iter().find_map(|example| ignore::leaves_out(&self.options.ignore, example))?;
        let place = self.options.ignore_file.as_ref().and_then(|file| place_of(file, pattern));
        Some((pattern, place))
    }
}

/// The last line of an ignore file that is this pattern.
fn place_of(file: &Arc<SourceFile>, pattern: &str) -> Option<Span> {
    let line = ignore::line_of(&file.text, pattern)?;
    Some(Span::new(file, file.line_range(line)))
}

/// Names of the local projects that are built.
fn built(plan: &Plan) -> BTreeSet<&str> {
    let members = plan.layers.iter().flat_map(|layer| match &layer.contents {
        Contents::Members(members) => &members[..],
        _ => &[],
    });
    let required = plan.backends.iter().flat_map(|backend| &backend.projects);
    members.chain(required).map(|member| member.name.as_str()).collect()
}

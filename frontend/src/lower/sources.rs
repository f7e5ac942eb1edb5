//! Places in the user's files, for the errors of the steps made from them.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_llb::{Location, Position, Range, SourceFile, printable};

use crate::diagnostic::Span;
use crate::plan::{Contents, Plan};

/// The files that a plan's steps point into, as LLB wants them: what clients show of them, since every solve carries it.
pub struct Sources {
    files: BTreeMap<String, Arc<SourceFile>>,
}

impl Sources {
    /// The files of all spans of a plan.
    pub fn of(plan: &Plan) -> Self {
        let mut spans_of: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
        for span in spans(plan) {
            spans_of.entry(&span.file.name).or_default().push(span);
        }
        let files = spans_of.into_iter().filter_map(|(name, spans)| {
            let text = spans[0].file.excerpt(spans.iter().copied())?;
            Some((name.to_owned(), SourceFile::new(printable(name), "TOML", text, None)))
        });
        Self { files: files.collect() }
    }

    /// The place of a span.
    pub fn location(&self, span: &Span) -> Option<Location> {
        let (first, last) = span.lines();
        let (_, column) = span.file.position(span.range.start);
        let position = |line: usize, column: usize| {
            Some(Position { line: i32::try_from(line).ok()?, character: i32::try_from(column - 1).ok()? })
        };
        let range = Range { start: position(first, column)?, end: position(last, 1)? };
        self.files.get(&span.file.name).map(|file| Location::new(file, [range]))
    }
}

fn spans(plan: &Plan) -> impl Iterator<Item = &Span> {
    let in_layers = plan.layers.iter().flat_map(|layer| match &layer.contents {
        Contents::ThirdParty(packages) => packages.iter().map(|package| &package.span).collect::<Vec<_>>(),
        Contents::Members(members) => members.iter().map(|member| &member.span).collect(),
        Contents::System(packages) => vec![&packages.span],
        Contents::Application(application) => vec![&application.span],
        Contents::Files(files) => files.iter().map(|file| &file.span).collect(),
        Contents::Step(step) => {
            let inputs = step.inputs.iter().map(|file| &file.span);
            step.commands.iter().map(|command| &command.span).chain(inputs).chain([&step.span]).collect()
        }
        Contents::Account { .. }
        | Contents::Python { .. }
        | Contents::Bytecode
        | Contents::Venv
        | Contents::Sources { .. }
        | Contents::Writable(_) => Vec::new(),
    });
    let in_backends = plan.backends.iter().flat_map(|backend| &backend.projects).map(|member| &member.span);
    let in_builder = plan.builder_system.iter().map(|packages| &packages.span);
    let in_check = plan.check.iter().flat_map(|check| {
        check.commands.iter().map(|command| &command.span).chain(check.collect.iter().map(|path| &path.span))
    });
    plan.span.iter().chain(in_builder).chain(in_layers).chain(in_backends).chain(in_check)
}

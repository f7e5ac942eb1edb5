//! Why a build failed, as BuildKit takes it: the message, and the places that clients draw excerpts from.

use buildkit_llb::{Definition, LlbError};
use buildkit_proto::error_details::{FrontendCap, Source, Subrequest};
use buildkit_proto::gateway::Warning;
use buildkit_proto::{Code, Gateway, GatewayError, pb};

use crate::calls;
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile, Span};
use crate::options::OptionsError;
use crate::rules::Rule;

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// The project is at fault.
    Diagnostics(Diagnostics),
    /// BuildKit refused or failed something; passed on as it came.
    Gateway(GatewayError),
    /// An option cannot be read.
    Options(OptionsError),
    /// A call (`--call`, `--check`) that is not answered.
    Unsupported(String),
    /// A graph that cannot be marshalled: our mistake.
    Llb(LlbError),
    /// Our mistake as well.
    Panic(String),
}

impl Failure {
    /// What BuildKit said, about something that the user wrote at `span`.
    pub fn at(error: GatewayError, span: &Span) -> Self {
        Self::Gateway(error.with_detail(source(span)))
    }

    /// As it is returned to BuildKit.
    pub fn into_error(self) -> GatewayError {
        match self {
            Self::Diagnostics(diagnostics) => {
                let spans = diagnostics.iter().flat_map(|diagnostic| &diagnostic.spans);
                spans.fold(GatewayError::new(diagnostics.to_string()), |error, span| error.with_detail(source(span)))
            }
            Self::Gateway(error) => error,
            Self::Options(OptionsError::Capability(name)) => {
                let error = OptionsError::Capability(name.clone());
                GatewayError::with_code(Code::Unimplemented, error.to_string()).with_detail(FrontendCap { name })
            }
            Self::Options(error) => GatewayError::new(error.to_string()),
            Self::Unsupported(name) => GatewayError::with_code(
                Code::Unimplemented,
                format!("uv-buildkit answers the calls {}", calls::names().join(", ")),
            )
            .with_detail(Subrequest { name }),
            Self::Llb(error) => bug(&error.to_string()),
            Self::Panic(message) => bug(&message),
        }
    }
}

fn bug(message: &str) -> GatewayError {
    GatewayError::new(format!("this is a bug in uv-buildkit {}: {message}", env!("CARGO_PKG_VERSION")))
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Diagnostics(diagnostics)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostics(diagnostic.into())
    }
}

impl From<GatewayError> for Failure {
    fn from(error: GatewayError) -> Self {
        Self::Gateway(error)
    }
}

impl From<OptionsError> for Failure {
    fn from(error: OptionsError) -> Self {
        Self::Options(error)
    }
}

impl From<LlbError> for Failure {
    fn from(error: LlbError) -> Self {
        Self::Llb(error)
    }
}

/// Tells the user of something that is not an error. A warning that cannot be delivered does not fail a build.
pub async fn warn(gateway: &Gateway, definition: &Definition, warning: &Diagnostic) {
    let Ok(Some(digest)) = definition.head_digest() else { return };
    let span = warning.spans.first();
    let request = Warning {
        vertex: digest,
        level: 1,
        short: warning.message.clone(),
        detail: warning.help.clone(),
        url: Rule::of(warning).map(|rule| rule.url()).unwrap_or_default(),
        info: span.map(|span| info(&span.file)),
        ranges: span.map(range).into_iter().collect(),
    };
    let _undelivered = gateway.warn(request).await;
}

fn source(span: &Span) -> Source {
    Source { info: info(&span.file), ranges: vec![range(span)] }
}

fn info(file: &SourceFile) -> pb::SourceInfo {
    pb::SourceInfo {
        filename: file.name.clone(),
        data: file.text.clone().into_bytes(),
        definition: None,
        language: "TOML".to_owned(),
    }
}

fn range(span: &Span) -> pb::Range {
    let position = |offset: usize| {
        let (line, column) = span.file.position(offset);
        let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
        Some(pb::Position { line: number(line), character: number(column - 1) })
    };
    pb::Range {
        start: position(span.range.start),
        end: position(span.range.end.saturating_sub(1).max(span.range.start)),
    }
}

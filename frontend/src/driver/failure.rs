//! Why a build failed, as BuildKit takes it: the message, and the places that clients draw excerpts from.

use buildkit_llb::{Definition, LlbError, printable};
use buildkit_proto::error_details::{FrontendCap, Source, Subrequest};
use buildkit_proto::gateway::Warning;
use buildkit_proto::{Code, Gateway, GatewayError, pb};

use crate::calls;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
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
        Self::Gateway(with_sources(error, [span]))
    }

    /// As it is returned to BuildKit.
    pub fn into_error(self) -> GatewayError {
        match self {
            Self::Diagnostics(diagnostics) => {
                let spans = diagnostics.told().0.iter().flat_map(|diagnostic| &diagnostic.spans);
                with_sources(GatewayError::new(diagnostics.to_string()), spans)
            }
            Self::Gateway(error) => error,
            Self::Options(OptionsError::Capability(name)) => {
                let error = OptionsError::Capability(name.clone());
                GatewayError::with_code(Code::Unimplemented, printable(&error.to_string()))
                    .with_detail(FrontendCap { name })
            }
            Self::Options(error) => GatewayError::new(printable(&error.to_string())),
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

/// What BuildKit is told, without places.
impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Diagnostics(diagnostics) => write!(out, "{diagnostics}"),
            Self::Gateway(error) => write!(out, "{error}"),
            Self::Options(error) => write!(out, "{error}"),
            Self::Unsupported(name) | Self::Panic(name) => write!(out, "{name}"),
            Self::Llb(error) => write!(out, "{error}"),
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

/// Tells the user of things that are not errors. A warning that cannot be delivered does not fail a build.
pub async fn warn(gateway: &Gateway, definition: &Definition, warnings: &[Diagnostic]) {
    if warnings.is_empty() {
        return;
    }
    let Ok(Some(digest)) = definition.head_digest() else { return };
    for warning in warnings {
        let place = warning.spans.first().and_then(source);
        let (info, ranges) = place.map(|source| (source.info, source.ranges)).unzip();
        let rule = Rule::of(warning);
        let request = Warning {
            vertex: digest.clone(),
            level: 1,
            short: short(warning),
            detail: rule.iter().map(|rule| rule.description.to_owned()).collect(),
            url: rule.map(|rule| rule.url()).unwrap_or_default(),
            info,
            ranges: ranges.unwrap_or_default(),
        };
        let _undelivered = gateway.warn(request).await;
    }
}

/// All that clients show of a warning unless they are called with `--debug`: so it has the place and the help, on one line, which
/// is what a terminal has for it.
fn short(warning: &Diagnostic) -> String {
    let place = warning.spans.first().map(|span| format!(" ({}:{})", printable(&span.file.name), span.lines().0));
    let help: String = warning.help.iter().map(|help| format!("; help: {help}")).collect();
    format!("{}{}{help}", warning.message, place.unwrap_or_default()).replace('\n', " ")
}

/// Bytes of excerpts that an error carries. It travels in a header and in messages of at most 16 MiB, encoded twice.
const MOST_EXCERPTS: usize = 2 << 20;

/// Adds the places, as far as there is room for what is shown with them: the message has their lines in any case.
fn with_sources<'a>(error: GatewayError, spans: impl IntoIterator<Item = &'a Span>) -> GatewayError {
    let mut room = MOST_EXCERPTS;
    spans.into_iter().filter_map(source).fold(error, |error, source| match room.checked_sub(source.info.data.len()) {
        Some(left) => {
            room = left;
            error.with_detail(source)
        }
        None => error,
    })
}

fn source(span: &Span) -> Option<Source> {
    let info = pb::SourceInfo {
        filename: printable(&span.file.name).into_owned(),
        data: span.file.excerpt([span])?.into_bytes(),
        definition: None,
        language: "TOML".to_owned(),
    };
    Some(Source { info, ranges: vec![range(span)] })
}

fn range(span: &Span) -> pb::Range {
    let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
    let position =
        |line: usize, column: usize| Some(pb::Position { line: number(line), character: number(column - 1) });
    let (first, column) = span.file.position(span.range.start);
    let (last, end) = span.file.position(span.range.end.saturating_sub(1).max(span.range.start));
    let (_, shown) = span.lines();
    pb::Range { start: position(first, column), end: position(shown, if shown == last { end } else { 1 }) }
}

//! Steps of ours that fail, told in the words of what failed in them.
//!
//! BuildKit tells of a command and its exit code, and a frontend does not see the log. A step leaves a report in its output: what a
//! step that failed has there is no result, goes into no cache, and can be read here. Commands of the user's leave none, and BuildKit
//! tells of them, in words that people know of Dockerfiles.

use buildkit_proto::error_details::{FailedExec, Source};
use buildkit_proto::{Code, Gateway, GatewayError};

use crate::cause::{REPORT, Report, ending, headline};
use crate::lower::is_of_ours;

/// Whether a step failed that is not a command of the user's.
pub fn is_ours(error: &GatewayError) -> bool {
    error.failed_exec().is_some_and(|exec| is_of_ours(&exec.args))
}

/// What BuildKit said, with the message in our words if it was about a step of ours. Its details stay: the vertex, the places in the
/// user's files and what a debugger reads.
pub async fn explain(gateway: &Gateway, error: GatewayError) -> GatewayError {
    let Some(exec) = error.failed_exec().filter(|exec| is_of_ours(&exec.args)) else { return error };
    let cause = match report(gateway, &exec).await {
        Some(report) => report.cause(),
        None => ending(&error.message),
    };
    // Of a step that makes several packages, no place is the one.
    let place = match &error.sources()[..] {
        [source] => place(source).map(|place| format!("{place}: ")).unwrap_or_default(),
        _ => String::new(),
    };
    let message = format!("{place}{}: {cause}", headline(&exec.name));
    GatewayError { code: Code::Unknown, message, ..error }
}

async fn report(gateway: &Gateway, exec: &FailedExec) -> Option<Report> {
    for (_, id) in &exec.outputs {
        // Whatever stands in the way, it is not why the build failed.
        if let Ok(Some(json)) = gateway.read_failed(id, REPORT).await {
            return Report::parse(&json);
        }
    }
    None
}

/// `uv.lock:21:8`
fn place(source: &Source) -> Option<String> {
    let start = source.ranges.first()?.start?;
    Some(format!("{}:{}:{}", source.info.filename, start.line, start.character + 1))
}

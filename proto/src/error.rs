//! A failed gateway call, or a failed build that is reported with `Return`.

use std::fmt;

use prost::Message as _;
use tonic::Code;

use crate::error_details::{self, Detail};
use crate::{Any, RpcStatus};

/// A `google.rpc.Status`: what a failed call gave back, or what a failed build reports.
///
/// The details of a failed call are kept as they came. Reported again with [`crate::Gateway::return_error`] they let
/// the client highlight source lines and name the failed vertex.
#[derive(Clone, Debug, PartialEq)]
pub struct GatewayError {
    /// `Unknown` for an ordinary build error: BuildKit puts the name of any other code in front of the message.
    pub code: Code,
    /// The text for the user.
    pub message: String,
    /// Details as on the wire; see [`GatewayError::details`] for decoded ones.
    pub raw_details: Vec<Any>,
}

impl GatewayError {
    /// An ordinary build error without details.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_code(Code::Unknown, message)
    }

    /// An error without details.
    pub fn with_code(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), raw_details: Vec::new() }
    }

    /// Adds a detail after those already there.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Detail>) -> Self {
        self.raw_details.push(error_details::encode(&detail.into()));
        self
    }

    /// The details that this crate knows, in their order. Others are left out, and stay in `raw_details`.
    pub fn details(&self) -> Vec<Detail> {
        self.raw_details.iter().filter_map(error_details::decode).collect()
    }

    /// The source ranges attached to this error.
    pub fn sources(&self) -> Vec<error_details::Source> {
        self.details()
            .into_iter()
            .filter_map(|detail| match detail {
                Detail::Source(source) => Some(source),
                _ => None,
            })
            .collect()
    }

    /// The digest of the vertex that failed, if BuildKit named one.
    pub fn vertex(&self) -> Option<String> {
        self.details().into_iter().find_map(|detail| match detail {
            Detail::Vertex(vertex) => Some(vertex.digest),
            _ => None,
        })
    }

    /// The exec that failed, if it was one.
    pub fn failed_exec(&self) -> Option<error_details::FailedExec> {
        self.raw_details.iter().find_map(error_details::failed_exec)
    }

    /// The wire form. A status that says "ok" cannot report an error, so `Ok` becomes `Unknown`.
    pub fn to_status(&self) -> RpcStatus {
        let code = if self.code == Code::Ok { Code::Unknown } else { self.code };
        RpcStatus { code: code.into(), message: self.message.clone(), details: self.raw_details.clone() }
    }
}

impl fmt::Display for GatewayError {
    /// The form that BuildKit prints (`util/grpcerrors` `grpcStatusError.Error`), with tonic's names of the codes.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Code::Ok | Code::Unknown => formatter.write_str(&self.message),
            code => write!(formatter, "{code:?}: {}", self.message),
        }
    }
}

impl std::error::Error for GatewayError {}

impl From<RpcStatus> for GatewayError {
    fn from(status: RpcStatus) -> Self {
        Self { code: Code::from_i32(status.code), message: status.message, raw_details: status.details }
    }
}

impl From<tonic::Status> for GatewayError {
    /// Takes the details out of the `grpc-status-details-bin` trailer.
    fn from(status: tonic::Status) -> Self {
        // The trailer holds a whole Status; a trailer that is not one has nothing to keep.
        let raw_details = RpcStatus::decode(status.details()).map(|full| full.details).unwrap_or_default();
        Self { code: status.code(), message: status.message().to_owned(), raw_details }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error_details::Vertex;

    #[test]
    fn an_ok_code_is_never_reported() {
        assert_eq!(GatewayError::with_code(Code::Ok, "odd").to_status().code, Code::Unknown as i32);
    }

    #[test]
    fn only_codes_that_say_something_are_printed() {
        assert_eq!(GatewayError::new("no such member").to_string(), "no such member");
        let error = GatewayError::with_code(Code::Unimplemented, "no such request");
        assert_eq!(error.to_string(), "Unimplemented: no such request");
    }

    #[test]
    fn details_of_a_failed_call_are_kept_as_they_came() {
        let unknown =
            Any { type_url: "github.com/moby/buildkit/stack.Stack+json".to_owned(), value: b"{\"pid\":1}".to_vec() };
        let vertex = error_details::encode(&Vertex { digest: "sha256:ab".to_owned() }.into());
        let full = RpcStatus { code: 2, message: "m".to_owned(), details: vec![unknown.clone(), vertex.clone()] };
        let call = tonic::Status::with_details(Code::Unknown, "m", full.encode_to_vec().into());

        let error = GatewayError::from(call);
        assert_eq!(error.raw_details, [unknown, vertex]);
        assert_eq!(error.vertex().as_deref(), Some("sha256:ab"));
        assert_eq!(error.to_status(), full);
    }

    #[test]
    fn details_that_are_no_status_are_dropped() {
        let call = tonic::Status::with_details(Code::Internal, "m", vec![0xff; 3].into());
        assert_eq!(GatewayError::from(call), GatewayError::with_code(Code::Internal, "m"));
    }
}

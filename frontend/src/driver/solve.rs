//! A solve of one graph.

use buildkit_proto::GatewayError;
use buildkit_proto::gateway::{Gateway, Ref, Refs, SolveRequest};

/// The one filesystem of a graph; none when it is empty.
pub(super) async fn solve(gateway: &Gateway, request: SolveRequest) -> Result<Option<Ref>, GatewayError> {
    match gateway.solve(request).await?.refs {
        Refs::Single(reference) => Ok(Some(reference)),
        Refs::Empty | Refs::Map(_) => Ok(None),
    }
}

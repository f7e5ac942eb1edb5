//! The gRPC channel to the daemon: HTTP/2 with prior knowledge over one byte stream.
//!
//! BuildKit starts a frontend with pipes as stdin and stdout and serves HTTP/2 on them (GW `serve`). The frontend is
//! the client. Calls run at the same time on one connection; when it ends there is no way to get another.

#[cfg(unix)]
mod stdio;

use std::io;

use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

#[cfg(unix)]
pub use stdio::{connect_fds, connect_stdio};

/// The largest message that either side accepts (containerd `defaults.DefaultMaxRecvMsgSize`).
pub const MAX_MESSAGE_SIZE: usize = 16 << 20;

/// One message fits into the window of its stream, so the daemon never waits for this side to read a first part.
const STREAM_WINDOW: u32 = MAX_MESSAGE_SIZE as u32;
const CONNECTION_WINDOW: u32 = 4 * STREAM_WINDOW;

/// Error details travel in a trailer and hold whole source files and Go stacks. hyper accepts 16 KiB of headers
/// unless told otherwise, Go's own client 16 MiB (grpc `defaultClientMaxHeaderListSize`).
///
/// The frame size has to stay at its default of 16 KiB with it: Go splits headers into frames of that size whatever
/// the other side accepts, and h2 counts how many frames of the accepted size the list may take.
const HEADER_LIST_SIZE: u32 = 16 << 20;

/// A channel could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// Stdin or stdout cannot be used.
    #[error("cannot use stdin and stdout as the connection to BuildKit")]
    Stdio(#[source] io::Error),
    /// The HTTP/2 handshake failed.
    #[error("cannot open the HTTP/2 connection to BuildKit")]
    Connect(#[source] tonic::transport::Error),
}

/// Opens a channel over any byte stream, such as one half of a `tokio::io::duplex`.
pub async fn connect<S>(stream: S) -> Result<Channel, TransportError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let mut stream = Some(TokioIo::new(stream));
    let connector = service_fn(move |_: Uri| {
        // tonic asks again when the connection is lost; this one cannot be opened twice.
        let stream = stream.take().ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionReset));
        async move { stream }
    });
    // The authority is never resolved; the daemon ignores it.
    Endpoint::from_static("http://localhost")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADER_LIST_SIZE)
        .connect_with_connector(connector)
        .await
        .map_err(TransportError::Connect)
}

//! The pipes that BuildKit starts a frontend with. Daemons run where there are such; the command line runs elsewhere, too.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::pin::Pin;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use tonic::transport::Channel;

use super::{TransportError, connect};

/// Opens the channel to the daemon over this process's stdin and stdout. Nothing else may write to stdout.
pub async fn connect_stdio() -> Result<Channel, TransportError> {
    let input = io::stdin().as_fd().try_clone_to_owned().map_err(TransportError::Stdio)?;
    let output = io::stdout().as_fd().try_clone_to_owned().map_err(TransportError::Stdio)?;
    connect_fds(input, output).await
}

/// Opens a channel that reads from `input` and writes to `output`.
///
/// Pipes are used without blocking. Anything else (a socket, a file) goes through a thread of its own; a read that
/// waits there keeps the tokio runtime from shutting down, so end such a process with `std::process::exit`.
pub async fn connect_fds(input: OwnedFd, output: OwnedFd) -> Result<Channel, TransportError> {
    let reader: Pin<Box<dyn AsyncRead + Send>> = match is_pipe(&input).map_err(TransportError::Stdio)? {
        true => Box::pin(pipe::Receiver::from_owned_fd(input).map_err(TransportError::Stdio)?),
        false => Box::pin(tokio::fs::File::from_std(File::from(input))),
    };
    let writer: Pin<Box<dyn AsyncWrite + Send>> = match is_pipe(&output).map_err(TransportError::Stdio)? {
        true => Box::pin(pipe::Sender::from_owned_fd(output).map_err(TransportError::Stdio)?),
        false => Box::pin(tokio::fs::File::from_std(File::from(output))),
    };
    connect(tokio::io::join(reader, writer)).await
}

fn is_pipe(fd: &OwnedFd) -> io::Result<bool> {
    use std::os::unix::fs::FileTypeExt as _;

    Ok(File::from(fd.try_clone()?).metadata()?.file_type().is_fifo())
}

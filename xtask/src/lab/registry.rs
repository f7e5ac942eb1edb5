//! The lab's registry: crane's, on the loopback only. It keeps blobs on disk and manifests in memory.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::process::{Daemon, run_captured};

/// The port that is taken when nobody else has it.
const USUAL_PORT: u16 = 5000;

/// Starts a registry and gives back its address.
pub fn start(crane: &Path, blobs: &Path, log: &Path) -> Result<(Daemon, String)> {
    fs::create_dir_all(blobs).with_context(|| format!("cannot create {}", blobs.display()))?;
    let address = free_address()?;
    let mut command = Command::new(crane);
    command.args(["registry", "serve", "--address", &address.to_string(), "--disk"]).arg(blobs);
    let daemon = Daemon::start("the registry", &mut command, log, || TcpStream::connect(address).is_ok())?;
    Ok((daemon, address.to_string()))
}

fn free_address() -> Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL_PORT))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .and_then(|listener| listener.local_addr())
        .context("there is no free port on 127.0.0.1 for the registry")
}

/// Pushes an OCI layout to the registry under several names.
pub fn push(crane: &Path, registry: &str, layout: &Path, names: &[String]) -> Result<()> {
    let Some((first, others)) = names.split_first() else { return Ok(()) };
    let reference = format!("{registry}/{first}");
    run_captured(Command::new(crane).arg("push").arg(layout).arg(&reference))?;
    for name in others {
        run_captured(Command::new(crane).arg("copy").arg(&reference).arg(format!("{registry}/{name}")))?;
    }
    Ok(())
}

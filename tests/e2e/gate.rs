//! A way to the lab's registry that breaks when a test says so.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use crate::stage::Stage;

/// What becomes of connections when the gate has broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// They are cut, and new ones closed.
    Cut,
    /// They are cut, and new ones are told of an error of the server's.
    InternalError,
}

/// A port that passes everything on to the registry until it breaks.
pub struct Gate {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The fault to come, and after how many bytes in either direction.
    pending: Option<(Fault, usize)>,
    /// The fault that has come.
    fault: Option<Fault>,
}

impl Gate {
    /// A gate that works, on a free port.
    pub fn open(stage: &Stage) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, registry) = (Arc::clone(&state), stage.lab().registry().to_owned());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (state, registry) = (Arc::clone(&shared), registry.clone());
                // Whoever asks sees a broken connection, and tells.
                std::thread::spawn(move || pass(client, &registry, &state));
            }
        });
        Ok(Self { port, state })
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Breaks when so many bytes more have passed.
    pub fn break_after(&self, bytes: usize, fault: Fault) {
        *lock(&self.state) = State { pending: Some((fault, bytes)), fault: None };
    }

    /// Works again. Says whether it had broken.
    pub fn mend(&self) -> bool {
        std::mem::take(&mut *lock(&self.state)).fault.is_some()
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a connection may go on when so many bytes of it have come.
fn may_pass(state: &Mutex<State>, bytes: usize) -> bool {
    let mut state = lock(state);
    if let Some((fault, left)) = &mut state.pending {
        match left.checked_sub(bytes) {
            Some(rest) => *left = rest,
            None => state.fault = Some(*fault),
        }
    }
    state.fault.is_none()
}

fn pass(mut client: TcpStream, registry: &str, state: &Arc<Mutex<State>>) -> Result<()> {
    let fault = lock(state).fault;
    match fault {
        Some(Fault::Cut) => return Ok(client.shutdown(Shutdown::Both)?),
        Some(Fault::InternalError) => {
            // Something of the request must have come, or the client does not wait for an answer.
            let _head = client.read(&mut [0; 1 << 16])?;
            let answer = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            return Ok(client.write_all(answer.as_bytes())?);
        }
        None => {}
    }
    let server = TcpStream::connect(registry)?;
    let (from_client, to_server) = (client.try_clone()?, server.try_clone()?);
    let other = Arc::clone(state);
    std::thread::spawn(move || copy(from_client, to_server, without_range, &other));
    copy(server, client, |_| {}, state)
}

/// Renames the header by which clients go on with a download that was cut: crane's registry refuses a range without an end, where
/// others send the whole at least.
fn without_range(request: &mut [u8]) {
    const RANGE: &[u8] = b"\r\nRange: ";
    if let Some(start) = request.windows(RANGE.len()).position(|window| window == RANGE) {
        request[start + 2..start + 4].copy_from_slice(b"X-");
    }
}

/// Passes on what comes, until the end of it or of the gate.
fn copy(mut from: TcpStream, mut to: TcpStream, adapt: fn(&mut [u8]), state: &Mutex<State>) -> Result<()> {
    let mut buffer = [0; 1 << 12];
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(to.shutdown(Shutdown::Write)?);
        }
        if !may_pass(state, length) {
            from.shutdown(Shutdown::Both)?;
            return Ok(to.shutdown(Shutdown::Both)?);
        }
        adapt(&mut buffer[..length]);
        to.write_all(&buffer[..length])?;
    }
}

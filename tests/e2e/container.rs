//! Containers started from pushed images, exactly as their own config says.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use uv_buildkit_tests::expectation::{Check, HttpCheck, Invocation};
use xtask::lab::{Lab, run_captured};

/// How long a container may take to start and to answer, where many tests run at once.
pub const PATIENCE: Duration = Duration::from_secs(150);

/// What a container did.
#[derive(Debug)]
pub struct Run {
    /// What it printed.
    pub stdout: String,
    /// With which it ended.
    pub exit_code: Option<i32>,
    /// Its errors.
    pub stderr: String,
}

/// Runs an image to its end; `arguments` stand before the image, `command` after it.
pub fn run(lab: &Lab, image: &str, arguments: &[String], command: &[String]) -> Result<Run> {
    // Before the run, so that the progress of the pull is not among what the container prints.
    lab.pull(image)?;
    let mut run = lab.docker(["run", "--rm", "--network=host"]);
    run.args(arguments).arg(image).args(command).stdin(Stdio::null());
    let output = run.output().context("cannot start docker")?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Run { stdout: text(output.stdout), exit_code: output.status.code(), stderr: text(output.stderr) })
}

/// Starts a container and observes what a check says.
pub fn observe(lab: &Lab, image: &str, check: &Check) -> Result<()> {
    let command = check.command.as_deref().unwrap_or_default();
    let mut env = check.env.clone();
    if let Some(http) = &check.http {
        return observe_http(lab, image, env, command, http);
    }
    if let Some(Invocation { event, answer }) = &check.invocation {
        let arguments: Vec<String> = variables(&mut env).collect();
        let found = invoke(lab, image, &arguments, event)?;
        ensure!(found == *answer, "the function answers {found:?}, not {answer:?}");
        return Ok(());
    }
    let arguments: Vec<String> = variables(&mut env).chain(check.arguments.iter().cloned()).collect();
    let run = run(lab, image, &arguments, command)?;
    let expected = check.exit_code.unwrap_or(0);
    ensure!(run.exit_code == Some(expected), "exit code {:?}, not {expected}: {}", run.exit_code, run.stderr);
    if let Some(stdout) = &check.stdout {
        ensure!(run.stdout == *stdout, "it printed {:?}, not {stdout:?}; {run:?}", run.stdout);
    }
    Ok(())
}

fn variables(env: &mut BTreeMap<String, String>) -> impl Iterator<Item = String> {
    std::mem::take(env).into_iter().map(|(name, value)| format!("--env={name}={value}"))
}

fn observe_http(
    lab: &Lab,
    image: &str,
    mut env: BTreeMap<String, String>,
    command: &[String],
    expected: &HttpCheck,
) -> Result<()> {
    let port = free_port()?;
    env.insert("PORT".to_owned(), port.to_string());
    let arguments: Vec<String> = variables(&mut env).collect();
    let server = Server::start(lab, image, &arguments, command)?;
    let (status, body) = server.ask(port, &format!("GET {} HTTP/1.0\r\n\r\n", expected.path))?;
    ensure!(status == expected.status, "status {status}, not {}; body {body:?}", expected.status);
    if let Some(expected) = &expected.body {
        ensure!(body == *expected, "body {body:?}, not {expected:?}");
    }
    Ok(())
}

/// What an image answers over HTTP, in a port that it is told by `PORT`.
pub fn get(lab: &Lab, image: &str, path: &str) -> Result<String> {
    let port = free_port()?;
    let server = Server::start(lab, image, &[format!("--env=PORT={port}")], &[])?;
    let (status, body) = server.ask(port, &format!("GET {path} HTTP/1.0\r\n\r\n"))?;
    ensure!(status == 200, "status {status}: {body}");
    Ok(body)
}

/// The first of the ports that tests are given, and how many there are: the kernel takes those of connections from above.
const PORTS: (u16, u16) = (20_000, 10_000);

/// A port that is free now and that no other test is given. Whoever else takes it before the container does makes the test fail, not pass.
pub fn free_port() -> Result<u16> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    let (first, count) = PORTS;
    for _ in 0..count {
        // Runs of the tests beside this one begin elsewhere.
        let number = std::process::id().wrapping_mul(101).wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = first + u16::try_from(number % u32::from(count))?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free")
}

/// Where the emulator of official images of AWS Lambda listens. That of a stand-in is told another port.
const EMULATOR_PORT: u16 = 8080;

/// What a function of AWS Lambda answers to an event.
pub fn invoke(lab: &Lab, image: &str, arguments: &[String], event: &str) -> Result<String> {
    invoke_handler(lab, image, arguments, &[], event)
}

/// The same of a handler that the image does not name itself.
pub fn invoke_handler(lab: &Lab, image: &str, arguments: &[String], command: &[String], event: &str) -> Result<String> {
    let port = if lab.has_stand_ins() { free_port()? } else { EMULATOR_PORT };
    let arguments: Vec<String> =
        arguments.iter().cloned().chain([format!("--env=AWS_LAMBDA_EMULATOR_PORT={port}")]).collect();
    let server = Server::start(lab, image, &arguments, command)?;
    let request = format!(
        "POST /2015-03-31/functions/function/invocations HTTP/1.0\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    );
    let (status, answer) = server.ask(port, &request)?;
    ensure!(status == 200, "status {status}: {answer}");
    Ok(answer)
}

/// A container that serves until it is dropped.
struct Server<'a> {
    lab: &'a Lab,
    id: String,
}

impl<'a> Server<'a> {
    fn start(lab: &'a Lab, image: &str, arguments: &[String], command: &[String]) -> Result<Self> {
        lab.pull(image)?;
        let mut run = lab.docker(["run", "--detach", "--network=host"]);
        run.args(arguments).arg(image).args(command);
        let id = run_captured(&mut run)?.trim().to_owned();
        Ok(Self { lab, id })
    }

    /// Asks until there is an answer.
    fn ask(&self, port: u16, request: &str) -> Result<(u16, String)> {
        let since = Instant::now();
        loop {
            let refused = match ask(port, request) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let state = run_captured(&mut self.lab.docker(["inspect", "--format={{.State.Running}}", &self.id]))?;
            if state.trim() != "true" || since.elapsed() > PATIENCE {
                bail!("no answer from the container ({refused:#}); it printed:\n{}", self.log()?);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn log(&self) -> Result<String> {
        let output = self.lab.docker(["logs", &self.id]).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr))
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        // It is a test's container: nothing in it is worth a gentle end.
        if let Err(error) = run_captured(&mut self.lab.docker(["rm", "--force", "--volumes", &self.id])) {
            eprintln!("cannot remove the container {}: {error:#}", self.id);
        }
    }
}

/// Status and body. HTTP/1.0: the answer ends where the connection does, and comes in one piece.
pub fn ask(port: u16, request: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8(answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer without a body")?;
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).context("no status")?;
    Ok((status, body.to_owned()))
}

//! Daemons that outlive the program which started them, and commands that must succeed.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde::{Deserialize, Serialize};

/// A daemon, known by its pid and the moment the kernel started it: a pid alone may by now belong to another program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Daemon {
    pub name: String,
    pub pid: u32,
    started: u64,
    pub log: PathBuf,
}

impl Daemon {
    /// Starts `command` in its own process group, with its output in `log`, and waits until `ready` says yes.
    pub fn start(name: &str, command: &mut Command, log: &Path, ready: impl Fn() -> bool) -> Result<Self> {
        let output = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        let started = start_time(child.id()).unwrap_or_default();
        let daemon = Daemon { name: name.to_owned(), pid: child.id(), started, log: log.to_owned() };
        daemon.wait_until_ready(&mut child, ready)?;
        Ok(daemon)
    }

    fn wait_until_ready(&self, child: &mut Child, ready: impl Fn() -> bool) -> Result<()> {
        let since = Instant::now();
        while !ready() {
            if let Some(status) = child.try_wait()? {
                bail!("{} stopped at once ({status}); its log ends with:\n{}", self.name, tail(&self.log));
            }
            if since.elapsed() > Duration::from_secs(60) {
                self.stop()?;
                bail!("{} did not answer in 60 seconds; its log ends with:\n{}", self.name, tail(&self.log));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Whether the very process that was started still runs.
    pub fn is_alive(&self) -> bool {
        start_time(self.pid) == Some(self.started)
    }

    /// Ends the process and what it started in its group, gently first.
    pub fn stop(&self) -> Result<()> {
        self.signal(Signal::TERM, Duration::from_secs(20));
        self.kill()
    }

    /// Ends the process and its group at once, as a crash does.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::KILL, Duration::from_secs(5));
        if self.group().is_some() {
            bail!("{} (pid {}) does not end, even when killed", self.name, self.pid);
        }
        Ok(())
    }

    /// Signals the group, and waits until it has ended or patience has.
    fn signal(&self, signal: Signal, patience: Duration) {
        let Some(group) = self.group() else { return };
        // An error means that it ended in between, which the next look at it shows.
        let _ = kill_process_group(group, signal);
        let since = Instant::now();
        while self.group().is_some() && since.elapsed() < patience {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The process group, while something of it runs. When the daemon was killed, its children may live on; the kernel
    /// gives nobody a pid that is still the name of a group.
    fn group(&self) -> Option<Pid> {
        let group = i32::try_from(self.pid).ok().and_then(Pid::from_raw)?;
        let ours = match start_time(self.pid) {
            Some(started) => started == self.started,
            None => true,
        };
        (ours && group_runs(self.pid) && test_kill_process_group(group).is_ok()).then_some(group)
    }
}

/// When the kernel started a process, in clock ticks since boot; `None` when there is none, or only its corpse.
fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat_fields(&stat)?.nth(START_TIME)?.parse().ok()
}

/// Whether a process of that group runs, not counting corpses.
fn group_runs(group: u32) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else { return false };
    processes
        .flatten()
        .filter_map(|process| fs::read_to_string(process.path().join("stat")).ok())
        .any(|stat| stat_fields(&stat).and_then(|mut fields| fields.nth(GROUP)?.parse().ok()) == Some(group))
}

/// Indices into [`stat_fields`].
const GROUP: usize = 1;
const START_TIME: usize = 18;

/// The fields of a `/proc/PID/stat` after the process's state, unless it is a corpse.
fn stat_fields(stat: &str) -> Option<impl Iterator<Item = &str>> {
    // The second field is the program's name in parentheses, and may hold blanks and parentheses.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then_some(fields)
}

/// The last lines of a log, for an error message.
pub fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

/// Runs a command to its end with its output in `log`; when it fails, the end of the log is in the error.
pub fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    let output = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed ({status}); {} ends with:\n{}", describe(command), log.display(), tail(log));
    }
    Ok(())
}

/// Runs a command to its end and gives back what it printed; its errors are in the error.
pub fn run_captured(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        bail!(
            "{} failed ({}):\n{}",
            describe(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end with the terminal as its output.
pub fn run_shown(command: &mut Command) -> Result<()> {
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", describe(command));
    }
    Ok(())
}

/// Whether a command can be started and succeeds, with nothing shown.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn describe(command: &Command) -> String {
    let mut words = vec![command.get_program().display().to_string()];
    words.extend(command.get_args().map(|word| word.display().to_string()));
    format!("`{}`", words.join(" "))
}

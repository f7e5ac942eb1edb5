//! A limit on the memory of this process. Readers are bounded one by one; this is for what nobody thought of: the user is told, and
//! the machine's other processes are left alone.

use std::fs::read_to_string;
use std::time::Duration;

use crate::diagnostic::Diagnostic;

/// Bytes that this process may have. A lock of 20 MB needs a quarter of it.
const MOST: u64 = 2 << 30;

/// How long it may go on without being looked at: no more than some 100 MB can be written meanwhile.
const BETWEEN: Duration = Duration::from_millis(50);

/// Comes back when this process has more memory than it may.
pub async fn exhausted() {
    while !is_beyond(MOST) {
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Ends the process then, with what `tell` says. For programs without a daemon that waits for an answer.
pub fn watch(tell: fn(&Diagnostic)) {
    // A thread that cannot be started looks at nothing.
    let _unwatched = std::thread::Builder::new().name("memory".to_owned()).spawn(move || {
        while !is_beyond(MOST) {
            std::thread::sleep(BETWEEN);
        }
        tell(&error());
        std::process::exit(1);
    });
}

/// What the user is told.
pub fn error() -> Diagnostic {
    Diagnostic::new("driver::memory", format!("reading this project takes more than {} GB of memory", MOST >> 30))
        .help("look for a file that is very large, or that repeats itself: `uv.lock`, a manifest, the config or `.dockerignore`")
}

fn is_beyond(most: u64) -> bool {
    let status = read_to_string("/proc/self/status").unwrap_or_default();
    resident(&status).is_some_and(|bytes| bytes > most)
}

/// Bytes of `VmRSS:  1234 kB`; nothing where there is no such file.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_memory() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t1\n"), Some(1234 << 10));
        assert_eq!(resident(""), None);
        assert!(is_beyond(1 << 20) && !is_beyond(MOST));
    }
}

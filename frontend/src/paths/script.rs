//! Names of scripts with inline metadata (PEP 723) and of their locks.

use super::LOCK;

/// How the name of a lock ends.
const SUFFIX: &str = ".lock";

/// The script that a lock is of; none of a project's.
pub fn script_of(lock: &str) -> Option<&str> {
    let script = lock.strip_suffix(SUFFIX)?;
    let name = script.rsplit('/').next().unwrap_or(script);
    (lock.rsplit('/').next() != Some(LOCK) && !name.is_empty()).then_some(script)
}

/// The lock of a script lies beside it.
pub fn lock_of(script: &str) -> String {
    format!("{script}{SUFFIX}")
}

/// The name of a script without its directory and `.py`.
pub fn stem(script: &str) -> &str {
    let name = script.rsplit('/').next().unwrap_or(script);
    name.strip_suffix(".py").unwrap_or(name)
}

/// A name that a package may have, made from that of a script.
pub fn package_name(script: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric();
    let words: Vec<&str> = stem(script).split(|char| !is_plain(char)).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "script".to_owned() } else { words.join("-").to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_locks_of_scripts() {
        assert_eq!(script_of("jobs/report.py.lock"), Some("jobs/report.py"));
        assert_eq!(script_of("bin/report.lock"), Some("bin/report"));
        for other in ["uv.lock", "services/api/uv.lock", "jobs/.lock", "report.py"] {
            assert_eq!(script_of(other), None, "{other}");
        }
        assert_eq!(package_name("jobs/daily_Report.v2.py"), "daily-report-v2");
        assert_eq!(package_name("__main__.py"), "main");
        assert_eq!(package_name("…"), "script");
    }
}

//! What an image tells whoever runs it, beside its command: `healthcheck`, `stop-signal`, `volumes`; and `writable`.

use super::path::{TEMPORARY, plain, require_absolute, require_lasting};
use super::table::{Reader, Table};
use crate::diagnostic::{Diagnostic, Located};

/// `healthcheck = { cmd, interval, timeout, start-period, start-interval, retries }`. Absent times are the runtime's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Healthcheck {
    /// Run in the container; it is well when this ends with 0.
    pub cmd: Vec<String>,
    /// Nanoseconds between two checks.
    pub interval: Option<i64>,
    /// Nanoseconds after which a check has failed.
    pub timeout: Option<i64>,
    /// Nanoseconds in which failures do not count yet.
    pub start_period: Option<i64>,
    /// Nanoseconds between two checks in that time.
    pub start_interval: Option<i64>,
    /// Failures in a row after which the container is not well.
    pub retries: Option<u32>,
}

pub(super) fn read_healthcheck(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Healthcheck> {
    let mut table = reader.table(table, "healthcheck")?;
    let cmd = reader.strings(&mut table, "cmd").unwrap_or_default();
    let healthcheck = Healthcheck {
        cmd: cmd.into_iter().map(|word| word.value).collect(),
        interval: read_duration(reader, &mut table, "interval"),
        timeout: read_duration(reader, &mut table, "timeout"),
        start_period: read_duration(reader, &mut table, "start-period"),
        start_interval: read_duration(reader, &mut table, "start-interval"),
        retries: reader.integer(&mut table, "retries", u32::MAX).map(|retries| retries.value),
    };
    reader.finish(&table);
    if healthcheck.cmd.is_empty() {
        let error = Diagnostic::new("config::missing_key", "`healthcheck` needs a `cmd`")
            .at(reader.span(table.range.clone()))
            .help("write `healthcheck = { cmd = [\"PROGRAM\", \"ARGUMENT\"] }`; the command runs without a shell");
        reader.errors.push(error);
    }
    Some(healthcheck)
}

/// Nanoseconds of `30s` or `1m 30s`. Docker refuses times below a millisecond, but for none at all.
fn read_duration(reader: &mut Reader<'_>, table: &mut Table<'_>, key: &'static str) -> Option<i64> {
    let text = reader.string(table, key)?;
    let nanoseconds = text.value.parse::<jiff::SignedDuration>().ok().map(|duration| duration.as_nanos());
    let duration = nanoseconds.and_then(|nanoseconds| i64::try_from(nanoseconds).ok());
    let is_usable = duration.is_some_and(|nanoseconds| nanoseconds >= 1_000_000);
    if !is_usable {
        let error = Diagnostic::new("config::bad_duration", format!("`{}` is not a valid duration", text.value))
            .at(text.span)
            .help("write a number and a unit: `\"500ms\"`, `\"30s\"` or `\"1m 30s\"`");
        reader.errors.push(error);
    }
    duration.filter(|_| is_usable)
}

pub(super) fn read_stop_signal(reader: &mut Reader<'_>, table: &mut Table<'_>) -> Option<Located<String>> {
    let signal = reader.string(table, "stop-signal")?;
    let text = signal.value.as_str();
    let is_name = text.strip_prefix("SIG").is_some_and(|name| {
        let is_plain = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || ['+', '-'].contains(&char);
        name.starts_with(|char: char| char.is_ascii_uppercase()) && name.chars().all(is_plain)
    });
    if !is_name && !text.parse().is_ok_and(|number: u8| (1..=64).contains(&number)) {
        let error = Diagnostic::new("config::bad_signal", format!("`{text}` is not a valid signal"))
            .at(signal.span.clone())
            .help("write a name or a number: `\"SIGINT\"` or `\"2\"`");
        reader.errors.push(error);
    }
    Some(signal)
}

/// `volumes` and `writable`: directories in the image.
pub(super) fn read_directories(
    reader: &mut Reader<'_>,
    table: &mut Table<'_>,
    key: &'static str,
) -> Option<Vec<Located<String>>> {
    let directories = reader.strings(table, key)?;
    for directory in &directories {
        require_absolute(reader, directory, key);
        // They themselves belong to everyone, and may be volumes.
        if !TEMPORARY.contains(&plain(&directory.value).as_str()) {
            require_lasting(reader, directory, key);
        }
    }
    Some(directories)
}

//! What the benchmark says on the terminal.

use std::fmt::Arguments;

/// Says on the terminal what the benchmark is doing.
pub(super) fn report(what: Arguments<'_>) {
    eprintln!("bench: {what}");
}

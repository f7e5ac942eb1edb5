//! What the lab says on the terminal.

use std::fmt::Arguments;

/// Says on the terminal what the lab is doing.
pub(super) fn report(what: Arguments<'_>) {
    eprintln!("lab: {what}");
}

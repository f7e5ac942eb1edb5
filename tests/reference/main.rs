//! `cargo xtask reference`: writes the pages of the documentation that are generated.

#![expect(clippy::print_stdout, reason = "what was written is what a person wants to see")]

use std::fs;

use anyhow::{Context as _, Result};
use uv_buildkit_tests::book::repository;
use uv_buildkit_tests::reference::pages;

fn main() -> Result<()> {
    for (path, text) in pages()? {
        let file = repository().join(path);
        if fs::read_to_string(&file).is_ok_and(|old| old == text) {
            println!("{path} is up to date");
            continue;
        }
        fs::write(&file, text).with_context(|| format!("cannot write {path}"))?;
        println!("wrote {path}");
    }
    Ok(())
}

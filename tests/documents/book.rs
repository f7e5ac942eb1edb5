//! The book in `docs`: its links lead somewhere, its table of contents has every page, and what is generated is up to date.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use uv_buildkit_tests::book::{BOOK, SUMMARY, first_paragraph, follow, links, parts, read};
use uv_buildkit_tests::document::documents;
use uv_buildkit_tests::reference;

/// A README is read before anything else: what is longer has a place in the book.
const LONGEST_README: usize = 120;

#[test]
fn every_link_leads_somewhere() -> Result<()> {
    let pages = pages()?;
    let (mut broken, mut count) = (Vec::new(), 0);
    for document in documents()? {
        for (line, link) in links(&read(&document)?) {
            count += 1;
            if let Err(reason) = follow(&document, &link, &pages) {
                broken.push(format!("{document}:{line}: {reason}"));
            }
        }
    }
    ensure!(broken.is_empty(), "broken links:\n{}", broken.join("\n"));
    ensure!(count > 100, "links are no longer found in the documents");
    Ok(())
}

#[test]
fn every_page_is_in_the_table_of_contents() -> Result<()> {
    let listed = pages()?;
    let prefix = format!("{BOOK}/");
    let written: BTreeSet<String> =
        documents()?.into_iter().filter(|path| path.starts_with(&prefix) && path != SUMMARY).collect();
    ensure!(listed == written, "{SUMMARY} has {listed:?}, and {BOOK} has {written:?}");
    let mut count = 0;
    for part in parts()? {
        for (title, path) in part.pages {
            count += 1;
            let text = read(&path)?;
            ensure!(text.starts_with("# "), "{path} begins without a title");
            ensure!(!first_paragraph(&text).is_empty(), "{path} does not say what the page `{title}` is about");
        }
    }
    ensure!(count == listed.len(), "{SUMMARY} has a page twice");
    Ok(())
}

#[test]
fn generated_pages_are_up_to_date() -> Result<()> {
    for (path, text) in reference::pages()? {
        let is_current = read(path).is_ok_and(|written| written == text);
        ensure!(is_current, "{path} is out of date: run `{}`", reference::COMMAND);
    }
    Ok(())
}

#[test]
fn the_readme_is_short() -> Result<()> {
    let lines = read("README.md")?.lines().count();
    ensure!(lines < LONGEST_README, "README.md has {lines} lines: move some of them into {BOOK}");
    Ok(())
}

/// The paths of the pages of the book.
fn pages() -> Result<BTreeSet<String>> {
    Ok(parts()?.into_iter().flat_map(|part| part.pages).map(|(_, path)| path).collect())
}

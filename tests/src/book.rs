//! The documentation as a book: its pages, and the links and anchors of each.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// Where the book lies in the repository.
pub const BOOK: &str = "docs";

/// Its table of contents.
pub const SUMMARY: &str = "docs/SUMMARY.md";

/// How links begin that lead from the book to another file of the repository.
pub const REPOSITORY: [&str; 2] =
    ["https://github.com/uv-buildkit/uv-buildkit/blob/main/", "https://github.com/uv-buildkit/uv-buildkit/tree/main/"];

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads a file of the repository.
pub fn read(path: &str) -> Result<String> {
    fs::read_to_string(repository().join(path)).with_context(|| format!("cannot read {path}"))
}

/// A part of the table of contents: its heading, and the titles and paths of its pages.
#[derive(Clone, Debug)]
pub struct Part {
    /// The heading; that of the pages before the first heading is empty.
    pub title: String,
    /// The pages, each by its title and its path from the root of the repository.
    pub pages: Vec<(String, String)>,
}

/// The table of contents.
pub fn parts() -> Result<Vec<Part>> {
    let mut parts = vec![Part { title: String::new(), pages: Vec::new() }];
    for line in read(SUMMARY)?.lines().skip(1) {
        if let Some(title) = line.strip_prefix("# ") {
            parts.push(Part { title: title.to_owned(), pages: Vec::new() });
        } else if let Some((title, path)) = line.split_once('[').and_then(|(_, rest)| rest.split_once("](")) {
            let path = path.strip_suffix(')').with_context(|| format!("{SUMMARY}: `{line}`"))?;
            let page = (title.to_owned(), format!("{BOOK}/{path}"));
            parts.last_mut().context("no part")?.pages.push(page);
        } else {
            ensure!(line.is_empty(), "{SUMMARY}: `{line}` is no page");
        }
    }
    Ok(parts)
}

/// The lines of a document outside of its blocks of code, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_code = false;
    let lines = text.lines().zip(1..).filter(|(line, _)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.map(|(line, number)| (number, line)).collect()
}

/// What the first paragraph under the title says, on one line.
pub fn first_paragraph(text: &str) -> String {
    let lines = text.lines().skip_while(|line| line.is_empty() || line.starts_with('#') || line.starts_with("<!--"));
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A text without what stands between backticks; with `keep`, without the backticks only.
fn without_code(line: &str, keep: bool) -> String {
    let parts = line.split('`').enumerate().filter(|(index, _)| keep || index % 2 == 0);
    parts.map(|(_, part)| part).collect()
}

/// The links of a document, each with the number of its line.
pub fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line, false);
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        links.extend(targets.map(|target| (number, target.to_owned())));
    }
    links
}

/// The anchors of a document: those of its headings, as GitHub and mdBook make them.
pub fn anchors(text: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).into_iter().filter_map(|(_, line)| {
        let heading = line.trim_start_matches('#');
        heading.strip_prefix(' ').filter(|_| line.starts_with('#'))
    });
    let anchors = headings.map(|heading| {
        let anchor: String = without_code(heading.trim(), true)
            .chars()
            .filter_map(|c| match c {
                c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
                c => c.is_whitespace().then_some('-'),
            })
            .collect();
        let count = counts.entry(anchor.clone()).or_default();
        *count += 1;
        if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
    });
    anchors.collect()
}

/// Looks where a link of a document leads.
pub fn follow(document: &str, link: &str, pages: &BTreeSet<String>) -> Result<()> {
    let of_repository = REPOSITORY.iter().find_map(|start| link.strip_prefix(start));
    if of_repository.is_none() && (link.contains("://") || link.starts_with("mailto:")) {
        return Ok(());
    }
    let (file, anchor) = of_repository.unwrap_or(link).split_once('#').unwrap_or((of_repository.unwrap_or(link), ""));
    let target = match (of_repository, file) {
        (Some(_), file) => file.to_owned(),
        (None, "") => document.to_owned(),
        (None, file) => beside(document, file).with_context(|| format!("`{link}` leads out of the repository"))?,
    };
    ensure!(repository().join(&target).exists(), "`{link}`: there is no `{target}`");
    // The site has the pages of the book and no other file of the repository.
    let is_site = pages.contains(document) && of_repository.is_none();
    ensure!(!is_site || pages.contains(&target), "`{link}` is no page of the site: write {}{target}", REPOSITORY[0]);
    if !anchor.is_empty() {
        ensure!(anchors(&read(&target)?).contains(anchor), "`{link}`: `{target}` has no heading for `#{anchor}`");
    }
    Ok(())
}

/// The path of a file that a document names by a relative path; none outside of the repository.
fn beside(document: &str, file: &str) -> Option<String> {
    let mut path: Vec<&str> = document.split('/').collect();
    path.pop();
    for part in file.split('/') {
        match part {
            ".." => drop(path.pop()?),
            "." => {}
            part => path.push(part),
        }
    }
    Some(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_anchors_are_found() {
        let text = "# A `b::c` (d)\n\nSee [x](y.md#z), `[no](link.md)` and [u](https://uv.example/).\n\n\
                    ```sh\n# no heading [n](o.md)\n```\n\n## Twice\n\n## Twice\n";
        assert_eq!(links(text), [(3, "y.md#z".to_owned()), (3, "https://uv.example/".to_owned())]);
        assert_eq!(anchors(text), ["a-bc-d", "twice", "twice-1"].map(ToOwned::to_owned).into());
        assert_eq!(first_paragraph("# A\n\n<!-- b -->\n\nc\nd\n\ne"), "c d");
    }

    #[test]
    fn links_are_followed() {
        let pages = BTreeSet::from([SUMMARY.to_owned()]);
        let is_broken = |document: &str, link: &str| follow(document, link, &pages).is_err();
        assert!(!is_broken("README.md", "docs/SUMMARY.md"));
        assert!(!is_broken("README.md", "LICENSE"));
        assert!(is_broken("README.md", "docs/SUMMARY.md#nothing-of-this-name"));
        assert!(is_broken("README.md", "docs/nothing-of-this-name.md"));
        assert!(is_broken("README.md", "../README.md"));
        assert!(is_broken(SUMMARY, "../LICENSE"));
        assert!(!is_broken(SUMMARY, &format!("{}LICENSE", REPOSITORY[0])));
        assert!(is_broken(SUMMARY, &format!("{}nothing-of-this-name", REPOSITORY[0])));
    }
}

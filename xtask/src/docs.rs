//! `cargo xtask docs` and `cargo xtask reference`: the site of the documentation, and its generated pages.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::lab::{mdbook, run_shown, workspace};

/// Builds the site, and looks at every link of every page that was built.
pub fn run() -> Result<()> {
    let site = workspace().join("target/site");
    run_shown(Command::new(mdbook()?).arg("build").arg("--dest-dir").arg(&site).arg(workspace().join("docs")))?;
    let pages = check(&site)?;
    eprintln!("docs: {pages} pages in {}", site.display());
    Ok(())
}

/// Writes the generated pages: the tests know the config and the command line, and the tasks do not.
pub fn reference() -> Result<()> {
    let mut write = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    write.current_dir(workspace()).args(["run", "--package", "uv-buildkit-tests", "--bin", "reference"]);
    run_shown(&mut write)
}

/// A page of the site: where one can go in it, and where it leads.
struct Page {
    anchors: BTreeSet<String>,
    links: BTreeSet<String>,
}

/// Every link of a site leads to a file of the site and to an anchor of that file. Says how many pages there are.
fn check(site: &Path) -> Result<usize> {
    let mut pages = BTreeMap::new();
    read(site, Path::new(""), &mut pages)?;
    let mut broken = Vec::new();
    for (path, page) in &pages {
        // The server may show this page at any address, so its links are absolute.
        if path == Path::new("404.html") {
            continue;
        }
        for link in &page.links {
            if let Err(reason) = follow(site, &pages, path, link) {
                broken.push(format!("{}: {reason}: {link}", path.display()));
            }
        }
    }
    ensure!(pages.len() > 10, "there are only {} pages in {}", pages.len(), site.display());
    ensure!(broken.is_empty(), "broken links in the site:\n{}", broken.join("\n"));
    Ok(pages.len())
}

fn follow(site: &Path, pages: &BTreeMap<PathBuf, Page>, from: &Path, link: &str) -> Result<()> {
    if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let mut target = match file {
        "" => from.to_owned(),
        _ => normal(&from.parent().unwrap_or(Path::new("")).join(file))?,
    };
    if site.join(&target).is_dir() {
        target.push("index.html");
    }
    ensure!(site.join(&target).is_file(), "there is no such file");
    if let Some(page) = pages.get(&target).filter(|_| !anchor.is_empty()) {
        ensure!(page.anchors.contains(anchor), "there is no such anchor");
    }
    Ok(())
}

/// Without `..`, of which none may lead out of the site.
fn normal(path: &Path) -> Result<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if !normal.pop() => bail!("it leads out of the site"),
            Component::ParentDir | Component::CurDir => {}
            component => normal.push(component),
        }
    }
    Ok(normal)
}

fn read(site: &Path, directory: &Path, pages: &mut BTreeMap<PathBuf, Page>) -> Result<()> {
    let of_site = site.join(directory);
    for entry in fs::read_dir(&of_site).with_context(|| format!("cannot read {}", of_site.display()))? {
        let path = directory.join(entry?.file_name());
        if site.join(&path).is_dir() {
            read(site, &path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            let text = fs::read_to_string(site.join(&path))?;
            pages.insert(path, Page { anchors: values(&text, "id"), links: values(&text, "href") });
        }
    }
    Ok(())
}

/// The values that the tags of a page give to an attribute.
fn values(text: &str, attribute: &str) -> BTreeSet<String> {
    let start = format!(" {attribute}=\"");
    let values = text.split(&*start).skip(1).filter_map(|rest| rest.split('"').next());
    values.map(|value| value.replace("&amp;", "&")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_in_the_site() {
        let site = tempfile::tempdir().unwrap();
        fs::write(site.path().join("a.html"), "<h2 id=\"here\"></h2>").unwrap();
        let page = |anchor: &str| Page { anchors: BTreeSet::from([anchor.to_owned()]), links: BTreeSet::new() };
        let pages = BTreeMap::from([(PathBuf::from("a.html"), page("here"))]);
        let broken = |link: &str| follow(site.path(), &pages, Path::new("guides/b.html"), link).is_err();
        assert_eq!(
            ["../a.html", "../a.html#here", "../a.html#there", "a.html", "../../a.html", "https://uv.example/"]
                .map(broken),
            [false, false, true, true, true, false]
        );
        assert_eq!(values("<a class=\"x\" href=\"a&amp;b\"><b id=\"c\">", "href"), BTreeSet::from(["a&b".to_owned()]));
    }
}

//! The pages that the program writes and the site of the documentation, in a real browser. Pictures of them are left in
//! `target/screenshots`.

mod driver;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use driver::{Window, key};
use tempfile::TempDir;
use uv_buildkit::history::{self, Commit, Replay};
use uv_buildkit::page;
use uv_buildkit::plan::Plan;
use uv_buildkit_tests::checkout::{Checkout, Selection};
use uv_buildkit_tests::{book, shop};
use xtask::lab::workspace;

fn picture(name: &str) -> PathBuf {
    workspace().join("target/screenshots").join(format!("{name}.png"))
}

fn plan_of(checkout: &Checkout, target: &str) -> Result<Plan> {
    Ok(checkout.compile(&Selection::target(target))?.plan)
}

/// A page in a file, which is all that there is of it.
fn file(page: &str) -> Result<(TempDir, PathBuf)> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("page.html");
    fs::write(&path, page)?;
    Ok((directory, path))
}

/// Nothing was refused or failed, and nothing was loaded but the page.
fn is_quiet(window: &Window) -> Result<()> {
    let console = window.console()?;
    ensure!(console.is_empty(), "the console is not empty: {console:?}");
    let loaded = window.evaluate("return performance.getEntriesByType('resource').map(entry => entry.name)")?;
    ensure!(loaded == serde_json::json!([]), "the page loaded {loaded}");
    Ok(())
}

/// The tile of a package.
fn tile(package: &str) -> String {
    format!(".tile[href='#package-{package}']")
}

#[test]
fn a_plan_is_explored() -> Result<()> {
    let (_directory, path) = file(&page::plan::html(&plan_of(&shop::checkout(), "api")?))?;
    let window = Window::open()?;
    window.resize(1440, 1000)?;
    window.open_file(&path, "")?;
    is_quiet(&window)?;
    window.picture(&picture("plan"))?;
    ensure!(window.text("#panel")?.contains("What a push sends"), "{}", window.text("#panel")?);

    window.click(&tile("cryptography"))?;
    let panel = window.text("#panel")?;
    for fact in [
        "cryptography 50.0.2",
        "4.8 MB: layer cryptography",
        "step static, if the output of the step differs: the step runs again",
        "Why it is here\nshop-api\nshop-db\nshop-models\ncryptography",
        "Only it brings 2 packages, 284 kB\ncffi, pycparser",
        "cryptography-50.0.2-py3-none-any.whl",
    ] {
        ensure!(panel.contains(fact), "the panel lacks {fact:?}: {panel}");
    }
    ensure!(!panel.contains("What a push sends"), "two articles are shown: {panel}");
    window.picture(&picture("plan-package"))?;

    // A link in the panel leads on, and the tile of what is shown is marked.
    window.click("#package-cryptography .way a[href='#package-shop-models']")?;
    let panel = window.text("#panel")?;
    ensure!(panel.contains("local project in libs/shop-models") && panel.contains("layer shop-models"), "{panel}");
    ensure!(
        window.evaluate("return document.querySelector('.chosen').getAttribute('href')")? == "#package-shop-models"
    );
    window.press(key::ESCAPE)?;
    ensure!(window.text("#panel")?.contains("What a push sends"));

    // Edits of a project with files and a step.
    window.click(".chip[href='#package-shop-api']")?;
    let panel = window.text("#panel")?;
    for fact in [
        "layer shop-api",
        "layer files, if the edit is in apps/shop-api/templates",
        "step web, if the output of the step differs: the step runs again",
    ] {
        ensure!(panel.contains(fact), "the panel lacks {fact:?}: {panel}");
    }

    window.write("#search", "opentelemetry")?;
    let hits = window.evaluate("return document.querySelectorAll('.tile.hit').length")?;
    ensure!(hits == 12, "{hits} tiles are marked");
    ensure!(window.text("output")? == "12 found", "{}", window.text("output")?);
    window.picture(&picture("plan-search"))?;
    window.write("#search", &format!("-sdk{}", key::ENTER))?;
    ensure!(window.text("#panel")?.contains("opentelemetry-sdk 1.45.2"), "{}", window.text("#panel")?);
    is_quiet(&window)
}

#[test]
fn a_plan_is_explored_by_keys() -> Result<()> {
    let (_directory, path) = file(&page::plan::html(&plan_of(&shop::checkout(), "api")?))?;
    let window = Window::open()?;
    window.resize(1440, 1000)?;
    window.open_file(&path, "")?;
    let focus = || window.evaluate("return document.activeElement.getAttribute('href') || document.activeElement.id");
    ensure!(window.evaluate("return document.querySelectorAll('.tile[tabindex=\"0\"]').length")? == 1);
    window.press("/")?;
    ensure!(focus()? == "search", "{}", focus()?);
    window.evaluate("document.querySelector('.tile[tabindex=\"0\"]').focus()")?;
    let first = focus()?;
    window.press(key::RIGHT)?;
    let second = focus()?;
    ensure!(
        first != second && second.as_str().is_some_and(|link| link.starts_with("#package-")),
        "{first} and {second}"
    );
    window.press(key::ENTER)?;
    let name = second.as_str().unwrap_or_default().trim_start_matches("#package-").to_owned();
    ensure!(
        window.text("#panel h2")?.is_empty() || window.text("#panel")?.starts_with(&name),
        "{}",
        window.text("#panel")?
    );
    ensure!(focus()? == format!("package-{name}"), "{}", focus()?);
    window.press(key::ESCAPE)?;
    ensure!(focus()? == second, "{}", focus()?);
    is_quiet(&window)
}

/// A tile is a link to its details.
#[test]
fn a_plan_is_read_without_scripts() -> Result<()> {
    let (_directory, path) = file(&page::plan::html(&plan_of(&shop::checkout(), "api")?))?;
    let window = Window::open()?;
    window.resize(1440, 1000)?;
    window.without_scripts()?;
    window.open_file(&path, "")?;
    ensure!(!window.is_displayed("form")? && window.is_displayed("#start")?);
    window.click(&tile("numpy"))?;
    ensure!(window.is_displayed("#package-numpy")? && !window.is_displayed("#start")?);
    ensure!(!window.is_displayed("#package-pandas")?);
    window.picture(&picture("plan-without-scripts"))
}

/// How many times as light as the other one of two colours is (WCAG 2.2), least of all that are text.
const CONTRAST: &str = r"
const parse = (color) => {
  const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
};
const light = (color) => {
  const [red, green, blue] = parse(color).map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const color = getComputedStyle(at, at.classList.contains('tile') ? '::before' : null).backgroundColor;
    if (color !== 'rgba(0, 0, 0, 0)') return color;
  }
  return 'white';
};
let least = [21, ''];
for (const element of document.querySelectorAll('h1, h2, h3, p, dt, dd, a, b, i, li, td, th, span, label, output, code')) {
  if (!element.checkVisibility({ opacityProperty: true }) || !element.textContent.trim()) continue;
  const found = ratio(getComputedStyle(element).color, behind(element));
  if (found < least[0]) least = [found, element.outerHTML.slice(0, 120)];
}
return least;
";

#[test]
fn texts_are_readable_in_light_and_dark() -> Result<()> {
    let pages = [page::plan::html(&plan_of(&shop::checkout(), "api")?), page::history::html(&replay()?.report())];
    let window = Window::open()?;
    for (page, name) in pages.iter().zip(["plan", "history"]) {
        let (_directory, path) = file(page)?;
        for scheme in ["light", "dark"] {
            window.prefer(scheme)?;
            for (width, height) in [(1440, 1000), (390, 2000)] {
                window.resize(width, height)?;
                window.open_file(&path, if name == "plan" { "#package-pandas" } else { "" })?;
                let least = window.evaluate(CONTRAST)?;
                ensure!(least[0].as_f64().is_some_and(|ratio| ratio >= 4.5), "{name}, {scheme}: {least}");
                let wide = window.evaluate("return document.documentElement.scrollWidth - innerWidth")?;
                ensure!(wide.as_i64().is_some_and(|wide| wide <= 0), "{name} is {wide} pixels too wide for {width}");
                let narrow = if width < 500 { "-narrow" } else { "" };
                window.picture(&picture(&format!("{name}-{scheme}{narrow}")))?;
            }
        }
        is_quiet(&window)?;
    }
    Ok(())
}

/// Updates of one or two packages at a time.
fn replay() -> Result<Replay> {
    let mut replay = Replay::default();
    let mut versions: BTreeMap<&str, String> = BTreeMap::new();
    let updates = [
        "",
        "fastapi",
        "boto3 botocore",
        "uvicorn",
        "pandas",
        "redis",
        "boto3 botocore",
        "sqlalchemy",
        "httpx idna",
        "numpy",
        "structlog",
        "boto3 botocore",
        "cryptography",
        "pydantic pydantic-core",
        "pillow",
        "certifi",
        "fastapi starlette",
        "boto3 botocore",
        "uvloop",
        "jinja2",
        "websockets",
        "opentelemetry-api opentelemetry-sdk",
        "psycopg psycopg-binary",
        "click",
    ];
    for (number, update) in updates.into_iter().enumerate() {
        versions.extend(update.split_whitespace().map(|name| (name, format!("99.{number}"))));
        let updated: Vec<(&str, &str)> = versions.iter().map(|(name, version)| (*name, version.as_str())).collect();
        let plan = plan_of(&shop::checkout().with("uv.lock", shop::lock(&updated)), "api")?;
        replay.of(&plan.target);
        let commit = Commit {
            id: format!("{number:040x}"),
            date: format!("2026-03-{:02}", number + 1),
            subject: format!("Update {}", update.replace(' ', " and ")),
        };
        replay.image(&commit, history::image(&plan), true);
    }
    Ok(replay)
}

#[test]
fn a_history_is_seen() -> Result<()> {
    let (_directory, path) = file(&page::history::html(&replay()?.report()))?;
    let window = Window::open()?;
    window.resize(1440, 1100)?;
    window.open_file(&path, "")?;
    is_quiet(&window)?;
    window.picture(&picture("history"))?;
    ensure!(window.text(".totals")?.contains("23"), "{}", window.text(".totals")?);
    // A bar leads to its row, which has the figures.
    window.click("svg a[href='#push-9']")?;
    ensure!(window.text("tr:target")?.contains("Update numpy"), "{}", window.text("tr:target")?);
    ensure!(window.text("tr:target")?.contains("numpy 2.5.5 -> 99.9"), "{}", window.text("tr:target")?);
    let heights = window.evaluate(
        "return ['one', 'here'].map(name => document.querySelector(`svg a[href='#push-9'] .${name}`).getBoundingClientRect().height)",
    )?;
    let (one, here) = (heights[0].as_f64().unwrap_or_default(), heights[1].as_f64().unwrap_or_default());
    // numpy is a fifth of the image.
    ensure!(here > one * 0.15 && here < one * 0.25, "{heights}");
    is_quiet(&window)
}

/// Names and paths of a hostile project are text, whatever they look like.
#[test]
fn hostile_names_do_nothing() -> Result<()> {
    let config = "[lock]\ncheck = \"off\"\n[targets.api]\npackage = \"shop-api\"\ncmd = [\"a\"]\n\
                  files = [{ from = \"apps/shop-api/a<img src=x onerror=alert(1)>'\\\"\", to = \"/</script><script>alert(2)</script>\" }]\n\
                  [[targets.api.steps]]\nname = \"web\"\nrun = [\"</style><script>alert(3)</script>\"]\noutputs = [\"/{{body}}<b>\"]\n";
    let mut checkout = shop::checkout().with("uv.build.toml", config);
    checkout.others.insert("apps/shop-api/a<img src=x onerror=alert(1)>'\"".to_owned());
    let page = page::plan::html(&plan_of(&checkout, "api")?);
    let (_directory, path) = file(&page)?;
    let window = Window::open()?;
    window.open_file(&path, "")?;
    let elements = window.evaluate(
        "return [document.images.length, document.scripts.length, document.querySelectorAll('style').length]",
    )?;
    ensure!(elements == serde_json::json!([0, 1, 1]), "{elements}");
    let text = window.evaluate("return document.getElementById('panel').textContent")?;
    for shown in [
        "a<img src=x onerror=alert(1)>'\"",
        "/</script><script>alert(2)</script>",
        "{{body}}<b>",
        "</style><script>alert(3)",
    ] {
        ensure!(text.as_str().is_some_and(|text| text.contains(shown)), "{shown} is not shown: {text}");
    }
    is_quiet(&window)
}

#[test]
fn the_site_is_seen() -> Result<()> {
    xtask::docs::run()?;
    let site = workspace().join("target/site");
    let window = Window::open()?;
    window.resize(1440, 1000)?;
    for (page, name) in [("index.html", "site"), ("guides/monorepos.html", "site-guide")] {
        window.open_file(&site.join(page), "")?;
        let title = window.evaluate("return document.querySelector('main h1').textContent")?;
        let markdown = book::read(&format!("docs/{}", page.replace("index", "introduction").replace(".html", ".md")))?;
        let expected = markdown.lines().find_map(|line| line.strip_prefix("# ")).context("a title")?;
        ensure!(title == expected, "{page} has the title {title}, not {expected}");
        let broken = window
            .evaluate("return [...document.images].filter(image => !image.naturalWidth).map(image => image.src)")?;
        ensure!(broken == serde_json::json!([]), "{page} has no picture at {broken}");
        window.picture(&picture(name))?;
    }
    Ok(())
}

//! Imports run one way: from the edge of the program to its leaves, as the order in `ARCHITECTURE.md` shows. No two files
//! import from each other, if only through others.

mod graph;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use graph::{Graph, top};

const CRATES: [&str; 4] = ["frontend/src", "llb/src", "proto/src", "xtask/src"];

/// Where a child may import from its parent, although the parent imports from the child: crate, parent, child, reason.
const PAIRS: &[(&str, &str, &str, &str)] = &[
    (
        "frontend/src",
        "driver::images",
        "driver::images::foreign",
        "both resolve the same images: the parent chooses the way, and the child falls back on that of the parent",
    ),
    (
        "frontend/src",
        "interpreter::request",
        "interpreter::request::installation",
        "the child parses one form of a request, which is a part of the type of the parent",
    ),
    ("llb/src", "text", "text::exec", "the child writes one kind of op with the writer of the parent"),
    ("llb/src", "text", "text::file", "the child writes one kind of op with the writer of the parent"),
    (
        "proto/src",
        "transport",
        "transport::stdio",
        "the child is one transport, and fails with the error of the parent",
    ),
    ("xtask/src", "lab", "lab::frontend_image", "the parent exports a step that takes a running lab"),
    ("xtask/src", "lab::images", "lab::images::alpine", "the child makes one of the stand-ins that the parent lists"),
    (
        "xtask/src",
        "lab::images",
        "lab::images::distroless",
        "the child makes one of the stand-ins that the parent lists",
    ),
    (
        "xtask/src",
        "bench::report",
        "bench::report::picture",
        "the child draws the report of the parent, which writes the picture beside itself",
    ),
];

/// Circles that are there still. A circle that is not in the list is an error, and one that is no longer there, too: the list shrinks.
const STANDING: &[(&str, &[&str])] = &[
    ("frontend/src", &["import::run", "import::uv"]),
    (
        "frontend/src",
        &[
            "lower",
            "lower::access",
            "lower::build",
            "lower::context",
            "lower::install",
            "lower::member",
            "lower::python",
            "lower::site",
        ],
    ),
    (
        "proto/src",
        &[
            "",
            "caps",
            "error",
            "error_details",
            "error_details::json",
            "gateway",
            "gateway::file",
            "gateway::limits",
            "gateway::resolve",
            "gateway::result",
        ],
    ),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn imports_follow_the_order_of_the_architecture() -> Result<()> {
    let order = Order::read(&fs::read_to_string(repository().join("ARCHITECTURE.md"))?)?;
    let graph = Graph::of(&repository(), "frontend/src")?;
    let wrong = against(&graph, &order);
    ensure!(wrong.is_empty(), "{} imports run the wrong way:\n\n{}", wrong.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn no_file_imports_itself_through_others() -> Result<()> {
    let mut failures = Vec::new();
    for source in CRATES {
        let mut graph = Graph::of(&repository(), source)?;
        println!("{}", figures(&graph));
        for (_, parent, child, _) in PAIRS.iter().filter(|(of, ..)| *of == source) {
            let both = graph.arrows.get(*parent).is_some_and(|arrows| arrows.contains_key(*child))
                && graph.arrows.get_mut(*child).is_some_and(|arrows| arrows.remove(*parent).is_some());
            if !both {
                failures
                    .push(format!("`{parent}` and `{child}` do not import from each other: remove them from PAIRS"));
            }
        }
        let circles = graph.circles();
        let standing: Vec<BTreeSet<&str>> =
            STANDING.iter().filter(|(of, _)| *of == source).map(|(_, files)| files.iter().copied().collect()).collect();
        let new = circles.iter().filter(|circle| !standing.contains(circle));
        failures.extend(new.map(|circle| circle_text(&graph, circle)));
        for gone in standing.iter().filter(|circle| !circles.contains(circle)) {
            failures
                .push(format!("{source} no longer has the circle {gone:?}: remove it from STANDING, or shorten it"));
        }
    }
    ensure!(failures.is_empty(), "{}", failures.join("\n\n"));
    Ok(())
}

/// Modules right below the root by their ranks: a module imports from lower ranks only.
struct Order {
    ranks: BTreeMap<String, usize>,
}

impl Order {
    /// From the block ```` ```order ````: a line for each rank, leaves first.
    fn read(architecture: &str) -> Result<Self> {
        let lines = architecture.lines().skip_while(|line| *line != "```order").skip(1);
        let mut ranks = BTreeMap::new();
        for (rank, line) in lines.take_while(|line| *line != "```").enumerate() {
            for name in line.split_whitespace() {
                ensure!(ranks.insert(name.to_owned(), rank).is_none(), "the order names `{name}` twice");
            }
        }
        ensure!(!ranks.is_empty(), "ARCHITECTURE.md has no block ```order");
        Ok(Self { ranks })
    }
}

/// Each import that the order does not allow, as a message.
fn against(graph: &Graph, order: &Order) -> Vec<String> {
    let mut wrong = Vec::new();
    let modules: BTreeSet<&str> = graph.arrows.keys().map(|file| top(file)).filter(|name| !name.is_empty()).collect();
    for name in &modules {
        if !order.ranks.contains_key(*name) {
            wrong.push(format!(
                "`{name}` has no place in the order of ARCHITECTURE.md: add it above all that it imports"
            ));
        }
    }
    for name in order.ranks.keys().filter(|name| !modules.contains(name.as_str())) {
        wrong.push(format!("the order of ARCHITECTURE.md names `{name}`, and {} has no such module", graph.source));
    }
    for (file, arrows) in &graph.arrows {
        for (target, arrow) in arrows {
            let (from, to) = (top(file), top(target));
            let (Some(rank), Some(other)) = (order.ranks.get(from), order.ranks.get(to)) else { continue };
            if from == to || other < rank {
                continue;
            }
            let place = if other == rank { "stand in one line" } else { "run the other way" };
            wrong.push(format!(
                "{}:{}: `{from}` imports `crate::{}`, but `{from}` and `{to}` {place} in the order of ARCHITECTURE.md \
                 (`{to}` is in line {}, `{from}` in line {}).\n    Move what both need into a module of a lower line, \
                 or pass it as an argument. If the order itself is wrong, change it there.",
                graph.file(file),
                arrow.line,
                arrow.path,
                other + 1,
                rank + 1,
            ));
        }
    }
    wrong
}

/// The imports within a circle, as a message.
fn circle_text(graph: &Graph, circle: &BTreeSet<&str>) -> String {
    let mut text = format!("{} files of {} import each other in a circle:\n", circle.len(), graph.source);
    for (file, arrows) in graph.arrows.iter().filter(|(file, _)| circle.contains(file.as_str())) {
        for (target, arrow) in arrows.iter().filter(|(target, _)| circle.contains(target.as_str())) {
            let (from, to) = (graph.file(file), graph.file(target));
            text += &format!("  {from}:{} imports `crate::{}` from {to}\n", arrow.line, arrow.path);
        }
    }
    text + "Move what they share into a file of its own, which imports from none of them. If they are a parent and its child, and \
            that is clearer as it is, add the pair with a reason to PAIRS in tests/direction/main.rs."
}

/// What `--nocapture` shows.
fn figures(graph: &Graph) -> String {
    let arrows: usize = graph.arrows.values().map(BTreeMap::len).sum();
    let circles = graph.circles();
    let within: usize = circles.iter().map(BTreeSet::len).sum();
    let mut text =
        format!("{}: {} files, {arrows} arrows, {within} files in circles", graph.source, graph.arrows.len());
    for circle in circles {
        text += &format!("\n  {}: {}", circle.len(), circle.into_iter().collect::<Vec<_>>().join(" "));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = "# Order\n\n```order\npaths\nlock  config\nplan\n```\n\ntext";

    fn wrong(texts: &[(&str, &str)]) -> Vec<String> {
        let others = ["paths", "lock", "config", "plan"].map(|name| (name, ""));
        let missing = others.iter().filter(|(name, _)| texts.iter().all(|(other, _)| other != name));
        let all: Vec<_> = texts.iter().chain(missing).copied().collect();
        against(&Graph::of_texts(&all), &Order::read(ORDER).unwrap())
    }

    #[test]
    fn lower_lines_are_allowed() {
        let plan = "use crate::lock::Lock;\nfn f() -> crate::paths::Path { crate::config::g() }";
        assert_eq!(wrong(&[("plan", plan), ("plan::steps", "use super::A; use crate::lock::B;")]), [""; 0]);
    }

    #[test]
    fn other_lines_are_not() {
        let up = wrong(&[("lock::wire", "\nuse crate::plan::{Layer, Plan};"), ("plan::layers", "")]);
        assert_eq!(up.len(), 1, "{up:?}");
        assert!(up[0].starts_with(
            "src/lock/wire.rs:2: `lock` imports `crate::plan::Layer`, but `lock` and `plan` run the other way"
        ));
        let beside = wrong(&[("lock", "fn f() { crate::config::g() }")]);
        assert!(beside[0].contains("`lock` and `config` stand in one line"), "{beside:?}");
    }

    #[test]
    fn the_order_names_every_module_once() {
        assert!(wrong(&[("image", "")])[0].contains("`image` has no place in the order"));
        assert!(against(&Graph::of_texts(&[("plan", "")]), &Order::read(ORDER).unwrap()).len() == 3);
        assert!(Order::read("```order\na b\na\n```").is_err());
        assert!(Order::read("no block").is_err());
    }

    #[test]
    fn circles_of_files() {
        let graph = Graph::of_texts(&[
            ("", "pub mod a; pub mod b; pub mod c; pub mod d;"),
            ("a", "use crate::b::X;"),
            ("b", "use crate::c; fn f() { c::g() }"),
            ("c", "fn g() { crate::a::h() }"),
            ("d", "use crate::a::h;"),
            ("d::e", "use super::super::d;\nuse crate::a;"),
        ]);
        let circles = graph.circles();
        assert_eq!(circles, [BTreeSet::from(["a", "b", "c"])]);
        assert!(circle_text(&graph, &circles[0]).contains("src/c.rs:1 imports `crate::a::h` from src/a.rs"));
    }
}

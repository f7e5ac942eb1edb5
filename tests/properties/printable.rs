//! What people are shown holds no command to their terminal or their build service, whatever is in the files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use buildkit_llb::is_command;
use proptest::prelude::*;
use proptest::sample::Index;
use uv_buildkit::calls;
use uv_buildkit::config::Request;
use uv_buildkit::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use uv_buildkit::import::{self, import};
use uv_buildkit::page;
use uv_buildkit::plan::report::Report;
use uv_buildkit_tests::checkout::{Checkout, Selection};

/// A line that is a command to a build service, colours, a line that is written over, and text that turns around.
const HOSTILE: &str = "x\n::error::y\r\u{1b}[31m\u{9b}2J\u{8}\u{7f}\u{85}\u{2028}\u{202e}\u{2066}\u{200f}z";

/// The same as a string of TOML, without its quotes.
const ESCAPED: &str = "x\\n::error::y\\r\\u001b[31m\\u009b2J\\b\\u007f\\u0085\\u2028\\u202e\\u2066\\u200fz";

/// Everything that a build of a project shows.
fn shown(project: &Checkout) -> Vec<(&'static str, String)> {
    let mut shown = Vec::new();
    let told = |errors: &Diagnostics, shown: &mut Vec<(&'static str, String)>| {
        shown.push(("a terminal", errors.render()));
        shown.push(("BuildKit", errors.to_string()));
        for diagnostic in errors.iter() {
            excerpts(diagnostic, shown);
        }
        let lint = calls::lint(&Err(errors.clone()));
        shown.push(("--check as JSON", lint.json_text()));
        shown.push(("--check", lint.text));
    };
    match project.project() {
        Ok((parsed, manifests)) => {
            let targets = calls::targets(&parsed, &manifests);
            shown.push(("--call=targets as JSON", targets.json_text()));
            shown.push(("--call=targets", targets.text));
            if let Ok(target) = parsed.target(&Request::Default, &manifests)
                && let Ok(outline) = calls::outline(&parsed, &target, &manifests, &BTreeSet::new())
            {
                shown.push(("--call=outline as JSON", outline.json_text()));
                shown.push(("--call=outline", outline.text));
            }
        }
        Err(errors) => told(&errors, &mut shown),
    }
    let compiled = match project.compile(&Selection::default()) {
        Ok(compiled) => compiled,
        Err(errors) => {
            told(&errors, &mut shown);
            return shown;
        }
    };
    shown.push(("plan", Report::new(&compiled.plan).text()));
    shown.push(("plan as a page", page::plan::html(&compiled.plan)));
    shown.push(("--call=uv.plan as JSON", calls::plan(&compiled.plan).json_text()));
    for warning in &compiled.warnings {
        excerpts(warning, &mut shown);
        shown.push(("a warning", warning.to_string()));
    }
    let lint = calls::lint(&Ok(compiled.warnings));
    shown.push(("warnings as JSON", lint.json_text()));
    shown.push(("warnings", lint.text));
    let Ok(graph) = buildkit_llb::marshal(compiled.image) else { return shown };
    let graph = graph.into_pb();
    for metadata in graph.metadata.values() {
        shown.extend(metadata.description.get("llb.customname").map(|name| ("a step", name.clone())));
    }
    for info in graph.source.iter().flat_map(|source| &source.infos) {
        shown.push(("a file", info.filename.clone()));
        shown.push(("an excerpt", String::from_utf8_lossy(&info.data).into_owned()));
    }
    shown
}

fn excerpts(diagnostic: &Diagnostic, shown: &mut Vec<(&'static str, String)>) {
    for span in &diagnostic.spans {
        shown.push(("a place", span.to_string()));
        shown.extend(span.file.excerpt([span]).map(|text| ("an excerpt", text)));
    }
}

/// The first command in what is shown: lines that end are ours.
fn command(shown: &[(&'static str, String)]) -> Option<String> {
    shown.iter().find_map(|(what, text)| {
        // Of an excerpt, clients draw each line behind its number.
        let begins = *what != "an excerpt" && text.lines().any(|line| line.starts_with("::"));
        let has = text.chars().any(|char| is_command(char) && char != '\n');
        (begins || has).then(|| format!("{what}: {text:?}"))
    })
}

fn hello() -> Checkout {
    Checkout::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello")).expect("a project")
}

/// Every kind of text that comes from a file, with a command in it.
#[test]
fn texts_of_files_are_no_commands() {
    let lock = hello().files["uv.lock"].clone();
    let manifest = hello().files["pyproject.toml"].clone();
    let config = |text: &str| hello().with("uv.build.toml", text.replace('@', ESCAPED));
    let in_lock = |from: &str, to: &str| {
        assert!(lock.contains(from), "{from}");
        hello().with("uv.lock", lock.replacen(from, &to.replace('@', ESCAPED), 1))
    };
    let in_manifest = |from: &str, to: &str| {
        assert!(manifest.contains(from), "{from}");
        hello().with("pyproject.toml", manifest.replacen(from, &to.replace('@', ESCAPED), 1))
    };
    let projects = [
        config("[targets.\"@\"]\n"),
        config("[targets.\"@\"]\nbad = 1\n"),
        config("[targets.\"@\"]\ninherits = \"@\"\n"),
        config("[targets.hello]\n\"@\" = 1\n"),
        config("\"@\" = 1\n"),
        config("default-target = \"@\"\n[targets.hello]\n"),
        config("[targets.hello]\npackage = \"@\"\n"),
        config("[targets.hello]\nextras = [\"@\"]\ngroups = [\"@\"]\n"),
        config("[targets.hello]\nbase = \"@\"\n"),
        config("[targets.hello]\ncmd = [\"@\"]\n"),
        config("[targets.hello]\nenv = { \"@\" = \"@\" }\n"),
        config("[targets.hello]\nlabels = { \"@\" = \"@\" }\n"),
        config("[targets.hello]\nlabels-from = [\"@\"]\n"),
        config("[targets.hello]\nuser = \"@\"\n"),
        config("[targets.hello]\nuser = { name = \"app\", home = \"/@\" }\n"),
        config("[targets.hello]\nworkdir = \"/@\"\n"),
        config("[targets.hello]\nworkdir = \"@\"\n"),
        config("[targets.hello]\nstop-signal = \"@\"\n"),
        config("[targets.hello]\nexpose = [\"@\"]\n"),
        config("[targets.hello]\nwritable = [\"/@\"]\nvolumes = [\"/b/@\"]\n"),
        config("[targets.hello]\napt = [\"@\"]\n"),
        config("[targets.hello]\nfiles = [{ from = \"@\", to = \"/@\" }]\n"),
        config("[targets.hello]\nfiles = [{ url = \"https://files.example/@\", to = \"/@\" }]\n"),
        config("[targets.hello]\ndeny = [\"@\"]\n"),
        config("[targets.hello]\nkind = \"@\"\n"),
        config("[targets.hello]\nlock = \"@/uv.lock\"\n"),
        config("[targets.hello]\n[[targets.hello.steps]]\nrun = [[\"sh\", \"-c\", \"@\"]]\noutputs = [\"/@\"]\n"),
        config("[targets.hello]\n[[targets.hello.steps]]\nname = \"@\"\nrun = [\"a\"]\noutputs = [\"/a\"]\n"),
        config("[targets.hello]\n[[targets.hello.steps]]\nrun = [\"a\"]\noutputs = [\"/a\"]\ncaches = [\"/@\"]\n"),
        config("[targets.hello]\n[[targets.hello.steps]]\nrun = [\"a\"]\noutputs = [\"/a\"]\nimage = \"@\"\n"),
        config("[targets.hello]\nrun = [[\"a\", \"@\"]]\n"),
        config("[targets.hello]\nrun = [[\"a\", \"@\"]]\ncollect = \"/@\"\n"),
        config("[args]\n\"@\" = \"@\"\n[targets.hello]\n"),
        config("[indexes.\"@\"]\nurl = \"@\"\n[targets.hello]\n"),
        config("[mirrors]\n\"@\" = \"@\"\n[targets.hello]\n"),
        config("[members.\"@\"]\nversion = \"@\"\n[targets.hello]\n"),
        config("[python]\nversion = \"@\"\n[targets.hello]\n"),
        config("[uv]\nimage = \"@\"\n[targets.hello]\n"),
        config("[lock.check]\n\"@\" = \"@\"\n[targets.hello]\n"),
        hello().with("uv.build.toml", format!("[targets.hello]\nbase = '{}'\n", HOSTILE.replace('\n', ""))),
        hello().with("uv.build.toml", HOSTILE),
        in_lock("name = \"boxtext\"", "name = \"@\""),
        in_lock("name = \"hello\"", "name = \"@\""),
        in_lock("source = { editable = \".\" }", "source = { editable = \"@\" }"),
        in_lock("source = { editable = \".\" }", "source = { \"@\" = \".\" }"),
        in_lock("version = \"0.1.0\"", "version = \"@\""),
        in_lock("{ name = \"boxtext\"", "{ name = \"boxtext\", marker = \"@\""),
        in_lock("{ name = \"boxtext\"", "{ name = \"boxtext\", extra = [\"@\"]"),
        in_lock("requires-python = \">=3.11\"", "requires-python = \"@\""),
        in_lock("path = \"", "path = \"@"),
        hello().with("uv.lock", HOSTILE),
        in_manifest("description = \"Says hello.\"", "description = \"@\""),
        in_manifest("name = \"hello\"", "name = \"@\""),
        in_manifest("version = \"0.1.0\"", "version = \"@\""),
        in_manifest("\"boxtext>=0.3\"", "\"@\""),
        in_manifest("\"boxtext>=0.3\"", "\"boxtext>=0.3; @\""),
        in_manifest("requires-python = \">=3.11\"", "requires-python = \"@\""),
        in_manifest("hello = \"hello:main\"", "\"@\" = \"@:main\""),
        in_manifest("\"uv_build>=0.9.18,<0.14\"", "\"@\""),
        in_manifest("build-backend = \"uv_build\"", "build-backend = \"@\""),
        in_manifest("url = \"wheels\"", "url = \"@\""),
        hello().with("pyproject.toml", HOSTILE),
        hello().with(".python-version", format!("3.12\u{1b}\n{HOSTILE}")),
        hello().with(".dockerignore", format!("*\u{1b}\n**\n{HOSTILE}")),
    ];
    for project in &projects {
        let shown = shown(project);
        assert!(!shown.is_empty());
        assert_eq!(command(&shown), None);
    }
    // The text itself is shown, so that somebody finds it.
    let written_out = "x\\n::error::y\\r\\u001b[31m\\u009b2J\\u0008";
    let found = projects.iter().filter(|project| shown(project).iter().any(|(_, text)| text.contains(written_out)));
    assert!(found.count() > 30);
}

#[test]
fn words_of_dockerfiles_are_no_commands() {
    let hostile = HOSTILE.replace('\n', "");
    for text in [
        format!("FROM {hostile}\nRUN uv sync --frozen\nCMD [\"{hostile}\"]\n"),
        format!("FROM python:3.13\n{hostile}\nRUN uv sync --frozen {hostile}\nCOPY {hostile} /a\nCMD {hostile}\n"),
        format!("FROM python:3.13 AS {hostile}\nENV {hostile}={hostile}\nRUN {hostile}\nUSER {hostile}\nRUN uv sync\n"),
        format!("FROM python:3.13\nRUN uv sync --frozen\nWORKDIR /{hostile}\nLABEL a=\"{hostile}\"\nCMD [\"a\"]\n"),
    ] {
        let surroundings = import::Surroundings {
            project: None,
            manifests: &BTreeMap::new(),
            is_directory: &|_| None,
            read: &|_| None,
        };
        let mut shown = Vec::new();
        match import(&SourceFile::new("Dockerfile", text), &surroundings) {
            Ok(imported) => {
                shown.push(("the config", imported.config));
                for warning in &imported.warnings {
                    excerpts(warning, &mut shown);
                    shown.push(("a warning", warning.to_string()));
                }
            }
            Err(errors) => shown.push(("an error", errors.render())),
        }
        assert_eq!(command(&shown), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// A command anywhere in a file, as it is or as TOML writes it.
    #[test]
    fn nowhere_in_a_file(file in any::<Index>(), at in any::<Index>(), is_escaped in any::<bool>()) {
        let project = hello();
        let names: Vec<&String> = project.files.keys().collect();
        let name = (*file.get(&names)).clone();
        let text = &project.files[&name];
        let at = text.floor_char_boundary(at.index(text.len() + 1));
        let part = if is_escaped { ESCAPED.to_owned() } else { HOSTILE.replace('\n', "") };
        let damaged = project.clone().with(name, format!("{}{part}{}", &text[..at], &text[at..]));
        prop_assert_eq!(command(&shown(&damaged)), None);
    }
}

//! What the panel says of a package, a project, a layer and the base. All of it is in the page; the panel shows what is chosen.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::{Bytes, Count, Text};
use super::pushes::{self, Push, When};
use super::weight::Weight;
use super::{View, what};
use crate::plan::{Contents, Form, Layer, Member, Origin, Package};

/// How many of the largest packages the panel names before anything is chosen.
const LARGEST: usize = 8;

impl View<'_> {
    /// The panel.
    pub(super) fn details(&self, out: &mut String) {
        out.push_str("<aside id=\"panel\" aria-label=\"Details\">");
        self.start(out);
        for (index, package) in &self.packages {
            self.package(out, *index, package);
        }
        for member in &self.members {
            self.member(out, member);
        }
        for (index, layer) in self.plan.layers.iter().enumerate() {
            self.layer(out, index, layer);
        }
        let _ = write!(
            out,
            "<article id=\"base\" tabindex=\"-1\"><h2>Base image</h2><p>{}</p>\
             <p>The plan does not look at images: the size is not known.</p></article></aside>",
            Text(&self.plan.base)
        );
    }

    /// What is shown before anything is chosen.
    fn start(&self, out: &mut String) {
        out.push_str(
            "<article id=\"start\"><h2>What a push sends</h2><p>Choose a tile: the panel shows what an edit or an update \
             pushes, and why the package is in the image.</p>",
        );
        let mut largest: Vec<_> = self.packages.iter().map(|(_, package)| *package).collect();
        largest.retain(|package| Weight::of(package).bytes > 0);
        largest.sort_by_key(|package| (std::cmp::Reverse(Weight::of(package).bytes), &package.name));
        if !largest.is_empty() {
            out.push_str("<h3>Largest packages</h3><ol class=\"largest\">");
            for package in largest.into_iter().take(LARGEST) {
                let _ = write!(out, "<li>{} <i>{}</i></li>", self.link(&package.name), Weight::of(package).shown());
            }
            out.push_str("</ol>");
        }
        out.push_str("</article>");
    }

    fn package(&self, out: &mut String, index: usize, package: &Package) {
        let layer = &self.plan.layers[index];
        let weight = Weight::of(package);
        let of_layer = Weight::of_layer(layer).unwrap_or_default();
        let _ = write!(
            out,
            "<article id=\"package-{}\" tabindex=\"-1\"><h2>{} <i>{}</i></h2><p class=\"size\">{}</p>",
            Text(&package.name),
            Text(&package.name),
            Text(&package.version),
            weight.shown()
        );
        let _ =
            write!(out, "<h3>An update pushes</h3><p><b>{}</b>: layer {}", of_layer.shown(), self.layer_link(index));
        if let Contents::ThirdParty(packages) = &layer.contents
            && packages.len() > 1
        {
            let others: Vec<&str> =
                packages.iter().map(|other| &*other.name).filter(|name| *name != package.name).collect();
            let _ = write!(out, ", with {} beside it", Count(others.len(), "package"));
        }
        out.push_str(".</p>");
        self.pushes(
            out,
            &pushes::of_update(self.plan, index).into_iter().filter(|push| push.layer != index).collect::<Vec<_>>(),
        );
        self.reasons(out, &package.name);
        self.artifact(out, package);
        out.push_str("</article>");
    }

    fn artifact(&self, out: &mut String, package: &Package) {
        let artifact = &package.artifact;
        let from = match &artifact.origin {
            Origin::Git { url, commit } => format!("{url} at {commit}"),
            Origin::Context(path) => path.clone(),
            Origin::Url(_) => artifact.file.clone(),
        };
        let what = match artifact.form {
            Form::Wheel => "Wheel",
            Form::Sdist { .. } | Form::Tree { .. } => "Built from source",
        };
        let _ = write!(out, "<h3>{what}</h3><p class=\"file\">{}</p>", Text(&from));
        if let (Some(size), true) = (artifact.size, artifact.form != Form::Wheel) {
            let _ = write!(
                out,
                "<p>The source has {}. The size of the wheel is not known before the build.</p>",
                Bytes(size)
            );
        }
    }

    fn member(&self, out: &mut String, member: &Member) {
        let _ = write!(
            out,
            "<article id=\"package-{}\" tabindex=\"-1\"><h2>{} <i>{}</i></h2><p class=\"size\">local project in {}</p>\
             <h3>An edit pushes</h3>",
            Text(&member.name),
            Text(&member.name),
            Text(member.version.as_deref().unwrap_or("dynamic version")),
            directory(&member.directory)
        );
        self.edit(out, &member.directory, &member.nested);
        self.reasons(out, &member.name);
        if let Some(backend) = member.backend.map(|backend| &self.plan.backends[backend]) {
            let _ = write!(out, "<h3>Built with</h3><p class=\"file\">{}</p>", Text(&backend.names().join(", ")));
        }
        out.push_str("</article>");
    }

    fn edit(&self, out: &mut String, directory: &str, nested: &[String]) {
        let pushes = pushes::of_edit(self.plan, directory, nested);
        self.pushes(out, &pushes);
        out.push_str("<p>The sizes are not known before a build. No other layer is made again.</p>");
    }

    fn layer(&self, out: &mut String, index: usize, layer: &Layer) {
        let number = index + 1;
        let _ = write!(
            out,
            "<article id=\"layer-{number}\" tabindex=\"-1\"><h2>{}</h2><p class=\"size\">layer {number} of {}: {}</p>",
            Text(&layer.name),
            self.plan.layers.len(),
            what(layer)
        );
        match &layer.contents {
            Contents::ThirdParty(packages) => {
                let weight = Weight::of_all(packages);
                let _ = write!(out, "<h3>An update of one of these pushes</h3><p><b>{}</b></p>", weight.shown());
                let _ = write!(out, "<h3>{}</h3><ul class=\"largest\">", Count(packages.len(), "package"));
                for package in packages {
                    let _ = write!(out, "<li>{} <i>{}</i></li>", self.link(&package.name), Weight::of(package).shown());
                }
                out.push_str("</ul>");
            }
            Contents::Members(members) => {
                out.push_str("<h3>Pushed after an edit of</h3>");
                self.names(out, members.iter().map(|member| member.name.as_str()));
            }
            Contents::Application(application) => {
                let _ = write!(
                    out,
                    "<p>The files of <b>{}</b> in {}, at <code>{}</code>.</p><h3>An edit pushes</h3>",
                    Text(&application.name),
                    self::directory(&application.directory),
                    Text(&application.to)
                );
                self.edit(out, &application.directory, &application.nested);
                self.reasons(out, &application.name);
            }
            Contents::Sources { trees, .. } => {
                out.push_str("<h3>Sources of</h3>");
                self.names(out, trees.iter().map(|tree| tree.name.as_str()));
            }
            Contents::Files(files) => {
                out.push_str("<h3>Files</h3><ul>");
                for file in files {
                    let _ =
                        write!(out, "<li><code>{}</code> at <code>{}</code></li>", Text(file.from()), Text(&file.to));
                }
                out.push_str("</ul>");
            }
            Contents::Step(step) => {
                out.push_str("<h3>Commands</h3><ul>");
                for command in &step.commands {
                    let _ = write!(out, "<li><code>{}</code></li>", Text(&command.value.join(" ")));
                }
                out.push_str("</ul><h3>What is kept</h3><ul>");
                for output in &step.outputs {
                    let _ = write!(out, "<li><code>{}</code></li>", Text(&output.to));
                }
                out.push_str("</ul>");
            }
            Contents::System(packages) => {
                let _ = write!(out, "<h3>Packages of the distribution</h3><p>{}</p>", Text(&packages.names.join(", ")));
            }
            Contents::Python { version } => {
                let _ = write!(out, "<p>The Python that uv installs: {}.</p>", Text(version));
            }
            Contents::Bytecode => out.push_str("<p>Bytecode of Python's standard library.</p>"),
            Contents::Venv => out.push_str("<p>The environment without packages.</p>"),
            Contents::Account { account, .. } => {
                let _ = write!(out, "<p>The user <b>{}</b>, and the working directory.</p>", Text(&account.user.name));
            }
            Contents::Writable(directories) => {
                let names: Vec<&str> = directories.iter().map(String::as_str).collect();
                let _ = write!(out, "<p>Directories of the user: <code>{}</code></p>", Text(&names.join(", ")));
            }
        }
        if !matches!(layer.contents, Contents::ThirdParty(_)) {
            out.push_str("<p class=\"more\">The size is not known before a build.</p>");
        }
        out.push_str("</article>");
    }

    /// A list of layers, with the condition of each.
    fn pushes(&self, out: &mut String, pushes: &[Push]) {
        if pushes.is_empty() {
            return;
        }
        let mut conditions: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for push in pushes {
            conditions.entry(push.layer).or_default().extend(match &push.when {
                When::Always => None,
                When::Edited(path) => Some(format!("if the edit is in {}", directory(path))),
                When::BuiltWith(name) => {
                    Some(format!("if the wheel of {}, which is built with it, differs", self.link(name)))
                }
                When::ReadsStep => Some("if the output of a step that its build reads differs".to_owned()),
                When::StepRuns => Some("if the output of the step differs: the step runs again".to_owned()),
            });
        }
        out.push_str("<ul>");
        for (layer, conditions) in conditions.iter().rev() {
            // The name of a step's layer says what it is.
            let kind = if matches!(self.plan.layers[*layer].contents, Contents::Step(_)) { "" } else { "layer " };
            let _ = write!(out, "<li>{kind}{}", self.layer_link(*layer));
            if let [first, rest @ ..] = &conditions[..] {
                let _ = write!(out, ", {first}");
                for condition in rest {
                    let _ = write!(out, ", or {condition}");
                }
            }
            out.push_str("</li>");
        }
        out.push_str("</ul>");
    }

    /// Why it is there, what else needs it, and what is there for it.
    fn reasons(&self, out: &mut String, name: &str) {
        let way = self.facts.way(name);
        if way.len() > 1 {
            out.push_str("<h3>Why it is here</h3><ol class=\"way\">");
            for step in &way {
                let _ = write!(out, "<li>{}</li>", self.link(step));
            }
            out.push_str("</ol>");
        } else if name == self.plan.root {
            out.push_str("<h3>Why it is here</h3><p>The target is made of it.</p>");
        }
        let next = way.len().checked_sub(2).and_then(|at| way.get(at)).copied();
        let others: Vec<&str> = self.facts.needed_by(name).into_iter().filter(|other| Some(*other) != next).collect();
        if !others.is_empty() {
            out.push_str("<h3>Also needed by</h3>");
            self.names(out, others);
        }
        let brought = self.facts.brought_by(name);
        if !brought.is_empty() {
            let bytes: Weight = Weight::of_all(
                self.packages.iter().map(|(_, package)| *package).filter(|package| brought.contains(&&*package.name)),
            );
            let _ = write!(out, "<h3>Only it brings {}, {}</h3>", Count(brought.len(), "package"), bytes.shown());
            self.names(out, brought.iter().copied());
        }
        let needs: Vec<&str> = self.facts.needs(name).into_iter().filter(|need| !brought.contains(need)).collect();
        if !needs.is_empty() {
            out.push_str(if brought.is_empty() { "<h3>It needs</h3>" } else { "<h3>It also needs</h3>" });
            self.names(out, needs);
        }
    }

    fn names<'a>(&self, out: &mut String, names: impl IntoIterator<Item = &'a str>) {
        out.push_str("<p class=\"names\">");
        for (index, name) in names.into_iter().enumerate() {
            let separator = if index > 0 { ", " } else { "" };
            let _ = write!(out, "{separator}{}", self.link(name));
        }
        out.push_str("</p>");
    }

    /// A name, and the way to its details if it has some.
    fn link(&self, name: &str) -> String {
        match self.links.get(name) {
            Some(id) => format!("<a href=\"#{}\">{}</a>", Text(id), Text(name)),
            None => Text(name).to_string(),
        }
    }

    fn layer_link(&self, index: usize) -> String {
        format!("<a href=\"#layer-{}\">{}</a>", index + 1, Text(&self.plan.layers[index].name))
    }
}

/// A path of the context, for people.
fn directory(path: &str) -> String {
    match path {
        "." => "the root of the context".to_owned(),
        path => format!("<code>{}</code>", Text(path)),
    }
}

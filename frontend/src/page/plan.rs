//! A plan as a page: the packages as a treemap, and what there is to know of each tile.

mod details;
mod facts;
mod map;
pub mod pushes;
mod sharing;
mod treemap;
mod weight;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Bytes, Count, Page, Text};
use crate::plan::product::Product;
use crate::plan::{Contents, Layer, Member, Package, Plan};
use facts::Facts;
use map::Map;
use sharing::Sharing;
use weight::Weight;

pub(super) const STYLE: &str = include_str!("plan/plan.css");

pub(super) const SCRIPT: &str = include_str!("plan/plan.js");

/// The page of a plan.
pub fn html(plan: &Plan) -> String {
    let view = View::of(plan);
    let map = Map::of(plan);
    let mut body = String::new();
    view.head(&mut body);
    if let Product::Requirements(_) = plan.product {
        body.push_str("<main><p class=\"empty\">This target makes a requirements file. It has no layers.</p></main>");
    } else {
        body.push_str("<main>");
        view.picture(&mut body, &map);
        view.details(&mut body);
        body.push_str("</main>");
        view.table(&mut body);
    }
    view.foot(&mut body);
    let title = format!("{} – layers and packages", plan.target);
    let bars: String = view.shares().map(|share| format!(".w{share}{{width:calc({share}*0.14rem)}}\n")).collect();
    Page { title, style: format!("{STYLE}{}{bars}", map.style), script: SCRIPT, body }.html()
}

/// What is known of a plan.
struct View<'plan> {
    plan: &'plan Plan,
    facts: Facts<'plan>,
    /// Where the details of a package or project are, by its name.
    links: BTreeMap<&'plan str, String>,
    packages: Vec<(usize, &'plan Package)>,
    members: Vec<&'plan Member>,
}

impl<'plan> View<'plan> {
    fn of(plan: &'plan Plan) -> Self {
        let (mut packages, mut members) = (Vec::new(), Vec::new());
        let mut links = BTreeMap::new();
        for (index, layer) in plan.layers.iter().enumerate() {
            match &layer.contents {
                Contents::ThirdParty(of_layer) => packages.extend(of_layer.iter().map(|package| (index, package))),
                Contents::Members(of_layer) => members.extend(of_layer),
                Contents::Application(application) => {
                    links.insert(application.name.as_str(), format!("layer-{}", index + 1));
                }
                _ => {}
            }
        }
        let names = packages.iter().map(|(_, package)| &package.name);
        let names = names.chain(members.iter().map(|member| &member.name));
        links.extend(names.map(|name| (name.as_str(), format!("package-{name}"))));
        Self { plan, facts: Facts::of(plan), links, packages, members }
    }

    fn total(&self) -> Weight {
        Weight::of_all(self.packages.iter().map(|(_, package)| *package))
    }

    /// Bytes that an update of a package pushes: the middle one of all packages, if all sizes are known.
    fn median_update(&self) -> Option<u64> {
        let mut pushed: Vec<u64> = Vec::new();
        for (layer, _) in &self.packages {
            let weight = Weight::of_layer(&self.plan.layers[*layer])?;
            pushed.push(weight.bytes);
        }
        pushed.sort_unstable();
        let middle = pushed.get(pushed.len() / 2).copied()?;
        (self.total().unknown == 0).then_some(middle)
    }

    /// Hundredths of the largest layer.
    fn share(&self, weight: Weight) -> u64 {
        let weights = self.plan.layers.iter().filter_map(Weight::of_layer);
        let largest = weights.map(|weight| weight.bytes).max().unwrap_or_default();
        u64::try_from(u128::from(weight.bytes) * 100 / u128::from(largest.max(1))).unwrap_or(100)
    }

    /// Those of all layers, each once.
    fn shares(&self) -> impl Iterator<Item = u64> {
        let shares = self.plan.layers.iter().filter_map(Weight::of_layer).map(|weight| self.share(weight));
        shares.filter(|share| *share > 0).collect::<BTreeSet<_>>().into_iter()
    }

    fn head(&self, out: &mut String) {
        let plan = self.plan;
        let kind = match &plan.product {
            Product::Image => String::new(),
            product => format!("{} for ", product.description()),
        };
        let _ = write!(
            out,
            "<header><div class=\"title\"><h1>{}</h1><p>{kind}{}, Python {}, on {}</p></div><dl class=\"totals\">",
            Text(&plan.target),
            Text(&plan.platform.to_string()),
            Text(&plan.interpreter.shown_version()),
            Text(&plan.base)
        );
        let mut total = |value: &dyn std::fmt::Display, name: &str, more: &str| {
            let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd><dd class=\"more\">{more}</dd></div>");
        };
        let packages = self.packages.len();
        let members = self.members.len() + plan.applications().count();
        total(&plan.layers.len(), if plan.layers.len() == 1 { "layer" } else { "layers" }, "over the base image");
        total(&packages, if packages == 1 { "package" } else { "packages" }, "from uv.lock");
        total(&members, if members == 1 { "local project" } else { "local projects" }, "sizes not known");
        let weight = self.total();
        if weight.bytes > 0 {
            let more = match weight.unknown {
                0 => "compressed".to_owned(),
                unknown => format!("{} without a size", Count(unknown, "package")),
            };
            total(&Bytes(weight.bytes), "of wheels", &more);
        }
        if let Some(bytes) = self.median_update() {
            let more = format!("with one layer of all packages: {}", Bytes(weight.bytes));
            total(&Bytes(bytes), "median update", &more);
        }
        out.push_str("</dl></header>");
    }

    fn picture(&self, out: &mut String, map: &Map) {
        let title = match self.total().bytes {
            0 => "Packages; the lock has no sizes, so areas are guesses",
            _ => "Packages by compressed bytes",
        };
        let _ = write!(
            out,
            "<section class=\"picture\" aria-label=\"The image\"><div class=\"bar\"><h2>{title}</h2>\
             <form role=\"search\" hidden><label for=\"search\">Find a package</label> \
             <input id=\"search\" type=\"search\" autocomplete=\"off\" spellcheck=\"false\" placeholder=\"name\"> \
             <output for=\"search\"></output></form></div>\
             <p class=\"legend\"><span class=\"own\">a layer of its own</span> \
             <span class=\"family\">a layer with its family</span> <span class=\"shared\">a layer of small wheels</span> \
             <span class=\"any unknown\">size not known</span></p>\
             <div class=\"map{}\" role=\"group\" aria-label=\"{}\">{}</div>",
            if map.has_few() { " few" } else { "" },
            Count(self.packages.len(), "package"),
            map.tiles
        );
        if map.is_empty() {
            out.push_str("<p class=\"empty\">No packages of others are installed.</p>");
        }
        out.push_str("<h2>Local projects</h2><div class=\"chips local\">");
        for member in self.members.iter().rev() {
            chip(out, &format!("package-{}", member.name), &member.name, &member.directory);
        }
        for (index, layer) in self.plan.layers.iter().enumerate() {
            if let Contents::Application(application) = &layer.contents {
                chip(out, &format!("layer-{}", index + 1), &application.name, &application.directory);
            }
        }
        out.push_str("</div><h2>Other layers, and the base</h2><div class=\"chips\">");
        for (index, layer) in self.plan.layers.iter().enumerate().rev() {
            if !matches!(layer.contents, Contents::ThirdParty(_) | Contents::Members(_) | Contents::Application(_)) {
                chip(out, &format!("layer-{}", index + 1), &layer.name, what(layer));
            }
        }
        chip(out, "base", "base image", &self.plan.base);
        out.push_str("</div></section>");
    }

    /// All layers as a table, the highest first: what the picture shows, in text, and what it does not.
    fn table(&self, out: &mut String) {
        out.push_str(
            "<section class=\"all\"><h2>All layers, from the top of the image</h2><table><thead><tr><th>#</th>\
             <th>layer</th><th>what</th><th>contents</th><th>bytes</th></tr></thead><tbody>",
        );
        for (index, layer) in self.plan.layers.iter().enumerate().rev() {
            let number = index + 1;
            let contents = match &layer.contents {
                Contents::ThirdParty(packages) => Count(packages.len(), "package").to_string(),
                Contents::Members(members) => Count(members.len(), "project").to_string(),
                _ => String::new(),
            };
            let weight = Weight::of_layer(layer);
            let bar = match weight.map_or(0, |weight| self.share(weight)) {
                0 => String::new(),
                share => format!("<span class=\"share w{share}\"></span>"),
            };
            let weight = weight.map(Weight::shown).unwrap_or_default();
            let _ = write!(
                out,
                "<tr><td>{number}</td><td><a href=\"#layer-{number}\">{}</a></td><td>{}</td><td>{contents}</td>\
                 <td>{bar}{weight}</td></tr>",
                Text(&layer.name),
                what(layer)
            );
        }
        let _ = write!(
            out,
            "<tr><td></td><td><a href=\"#base\">{}</a></td><td>base image</td><td></td><td></td></tr>\
             </tbody></table></section>",
            Text(&self.plan.base)
        );
    }

    fn foot(&self, out: &mut String) {
        let _ = write!(
            out,
            "<footer><p>Sizes are those of the wheels in <code>uv.lock</code>. A layer has the installed files and their bytecode, \
             compressed, so a push differs from them. The plan does not look at images or sources: the sizes of the base, \
             of local projects and of other layers are not known before a build.</p>\
             <p>uv-buildkit {}</p></footer>",
            env!("CARGO_PKG_VERSION")
        );
    }
}

/// The kind of a layer, for people.
fn what(layer: &Layer) -> &'static str {
    match &layer.contents {
        Contents::ThirdParty(packages) => match Sharing::of(layer, packages) {
            Sharing::Own => "wheel",
            Sharing::Family => "family of wheels",
            Sharing::Shared => "small wheels",
        },
        Contents::Members(_) => "local project",
        Contents::Account { .. } => "user and directories",
        Contents::System(_) => "system packages",
        Contents::Python { .. } => "managed Python",
        Contents::Bytecode => "its standard library",
        Contents::Venv => "empty environment",
        Contents::Sources { .. } => "editable sources",
        Contents::Application(_) => "files of the project",
        Contents::Files(_) => "copied files",
        Contents::Writable(_) => "writable directories",
        Contents::Step(_) => "output of a step",
    }
}

/// A tile of a layer whose size is not known.
fn chip(out: &mut String, id: &str, name: &str, more: &str) {
    let _ = write!(
        out,
        "<a class=\"chip\" href=\"#{}\" title=\"{} ({})\"><b>{}</b> <i>{}</i></a>",
        Text(id),
        Text(name),
        Text(more),
        Text(name),
        Text(more)
    );
}

//! The treemap of the packages: a rectangle for each layer, and in it one for each of its packages.

use std::fmt::Write as _;

use super::super::{Text, filled};
use super::sharing::Sharing;
use super::treemap::{Rect, layout};
use super::weight::Weight;
use crate::plan::{Contents, Package, Plan, layers};

/// How many times as wide as high the picture is; the style says the same.
const ASPECT: f64 = 1.6;

/// The same of a picture of few packages.
const ASPECT_OF_FEW: f64 = 4.0;

/// From how many packages on there are not few.
const MANY: usize = 9;

/// A treemap.
pub struct Map {
    /// Its tiles, as HTML.
    pub tiles: String,
    /// Where they are, as CSS: a policy that allows no attributes of style lets an attacker less through.
    pub style: String,
    /// How many packages it has.
    packages: usize,
    /// How many rectangles.
    places: usize,
}

impl Map {
    /// The treemap of a plan: the largest layer first.
    pub fn of(plan: &Plan) -> Self {
        let mut groups: Vec<(usize, &[Package])> = Vec::new();
        for (index, layer) in plan.layers.iter().enumerate() {
            if let Contents::ThirdParty(packages) = &layer.contents {
                groups.push((index, packages));
            }
        }
        let weight = |packages: &[Package]| packages.iter().map(layers::size).sum::<u64>();
        groups.sort_by_key(|(index, packages)| (std::cmp::Reverse(weight(packages)), *index));
        let weights: Vec<u64> = groups.iter().map(|(_, packages)| weight(packages)).collect();
        let packages = groups.iter().map(|(_, packages)| packages.len()).sum();
        let mut map = Self { tiles: String::new(), style: String::new(), packages, places: 0 };
        let aspect = if map.has_few() { ASPECT_OF_FEW } else { ASPECT };
        for ((index, packages), rect) in groups.into_iter().zip(layout(&weights, aspect)) {
            let layer = &plan.layers[index];
            let class = Sharing::of(layer, packages).class();
            if let [only] = packages {
                map.tile(only, class, rect);
                continue;
            }
            let place = map.place(rect);
            // There is little room, and the legend says what they are.
            let name = Text(&layer.name.replace("-packages-", "-")).to_string();
            let shown = Weight::of_all(packages).shown();
            let link = format!("#layer-{}", index + 1);
            map.tiles += &filled(
                "<div class=\"group {{class}}\" id=\"{{place}}\"><a class=\"name\" href=\"{{link}}\">{{name}} <i>{{size}}</i></a>\
                 <div class=\"tiles\">",
                &[("class", class), ("place", &place), ("link", &link), ("name", &name), ("size", &shown)],
            );
            let mut packages: Vec<&Package> = packages.iter().collect();
            packages.sort_by_key(|package| (std::cmp::Reverse(layers::size(package)), &package.name));
            let weights: Vec<u64> = packages.iter().map(|package| layers::size(package)).collect();
            for (package, rect) in packages.into_iter().zip(layout(&weights, rect.aspect(aspect))) {
                map.tile(package, class, rect);
            }
            map.tiles += "</div></div>";
        }
        map
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.packages == 0
    }

    /// Whether a low picture is enough.
    pub fn has_few(&self) -> bool {
        self.packages < MANY
    }

    fn tile(&mut self, package: &Package, class: &str, rect: Rect) {
        let weight = Weight::of(package);
        let unknown = if weight.unknown > 0 { " unknown" } else { "" };
        let size = if weight.unknown > 0 { String::new() } else { weight.shown() };
        let place = self.place(rect);
        let (name, version) = (Text(&package.name), Text(&package.version));
        // What does not fit is not drawn, and is a name for those who do not see the picture.
        let _ = write!(
            self.tiles,
            "<a class=\"tile {class}{unknown}\" id=\"{place}\" href=\"#package-{name}\" title=\"{name} {version}, {}\">\
             <span><b>{name}</b> <i>{size}</i></span></a>",
            weight.shown(),
        );
    }

    /// The id of the next rectangle.
    fn place(&mut self, rect: Rect) -> String {
        let id = format!("t{}", self.places);
        self.places += 1;
        let share = |hundredths: u32| match (hundredths / 100, hundredths % 100) {
            (0, 0) => "0".to_owned(),
            (whole, 0) => format!("{whole}%"),
            (whole, part) => format!("{whole}.{part:02}%"),
        };
        let [top, right, bottom, left] = [rect.top, rect.right, rect.bottom, rect.left].map(share);
        let _ = writeln!(self.style, "#{id}{{inset:{top} {right} {bottom} {left}}}");
        id
    }
}

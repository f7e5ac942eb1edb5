//! Directories of the user that other layers fill. The layer that is higher up says whom a directory belongs to, and those of packages
//! and files know no user: a layer above them says it again, of the directories alone.

use std::collections::BTreeSet;

use super::contents::{Contents, Layer};
use super::destination::Destination;
use crate::config::path::lies_in;
use crate::rootfs::{PYTHONS, source_path};

/// Where packages of a distribution have their files.
const OF_DISTRIBUTIONS: [&str; 6] = ["/etc", "/opt", "/run", "/srv", "/usr", "/var"];

/// A layer for those of `writable` that `layers` fill, if there are such.
pub(super) fn filled(
    name: &str,
    writable: &BTreeSet<String>,
    layers: &[Layer],
    destination: &Destination,
) -> Option<Layer> {
    let is_filled = |directory: &&String| layers.iter().any(|layer| fills(layer, directory, destination));
    let filled: BTreeSet<String> = writable.iter().filter(is_filled).cloned().collect();
    (!filled.is_empty()).then(|| Layer { name: name.to_owned(), contents: Contents::Writable(filled) })
}

/// Whether a layer may have a directory, as one on the way to what it has, or as a part of that.
fn fills(layer: &Layer, directory: &str, destination: &Destination) -> bool {
    let overlaps = |tree: &str| lies_in(tree, directory) || lies_in(directory, tree);
    match &layer.contents {
        Contents::Account { .. } | Contents::Writable(_) => false,
        Contents::System(_) => OF_DISTRIBUTIONS.into_iter().any(overlaps),
        Contents::Python { .. } | Contents::Bytecode => overlaps(PYTHONS),
        Contents::Venv | Contents::ThirdParty(_) | Contents::Members(_) => overlaps(destination.path()),
        Contents::Sources { trees, .. } => trees.iter().any(|tree| overlaps(&source_path(&tree.directory))),
        Contents::Application(application) => overlaps(&application.to),
        Contents::Files(files) => files.iter().any(|file| overlaps(&file.to)),
        // Outputs and what is above them are made for it; what lies in one is the command's.
        Contents::Step(step) => {
            step.outputs.iter().any(|output| directory != output.to && lies_in(directory, &output.to))
        }
    }
}

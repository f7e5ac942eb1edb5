//! The step that lists the files of packages, for those who ask where the bytes of an image are.

use buildkit_llb::{Bind, Input, Metadata, Output};

use super::{Lowering, Options};
use crate::plan::{Contents, Plan};

/// Path of the list in the step's output.
pub const LIST: &str = "/files.json";

const SCRIPT: &str = include_str!("files.py");

/// A step over the environment of a plan that writes [`LIST`]. It is no part of an image.
pub fn files(plan: &Plan, options: &Options) -> Output {
    let lowering = Lowering::new(plan, options);
    let layers = plan.layers.iter().enumerate();
    let packages = layers.filter(|(_, layer)| matches!(layer.contents, Contents::ThirdParty(_) | Contents::Members(_)));
    let packages = packages.map(|(index, layer)| lowering.layer(index, layer)).collect();
    let environment = lowering.stack(Input::Scratch, packages, 0, &lowering.shared_name("gather packages"));
    let (packages, list) = (format!("/packages{}", plan.destination.path()), format!("/out{LIST}"));
    let exec = lowering.scripted(("files.py", SCRIPT), &[&packages, &list]);
    let exec = exec.mount(Bind::new("/packages", environment).readonly());
    let metadata = Metadata::named(format!("[{}] list files of packages", plan.target));
    exec.metadata(metadata).build().output("/out")
}

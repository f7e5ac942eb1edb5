//! The step that lists what is in an image, for those who ask where its bytes are, and for those who bound them.

use buildkit_llb::{Bind, ContentCache, Metadata, Output};

use super::scripts::Script;
use super::{Lowering, Options};
use crate::plan::Plan;

/// Path of the list in the step's output.
pub const LIST: &str = "/files.json";

const SCRIPT: Script = ("files.py", include_str!("files.py"));

/// Where the step has the image.
const IMAGE: &str = "/image";

/// A step over the image of a plan that writes [`LIST`]. It is no part of the image, and runs nothing of it.
pub fn files(plan: &Plan, options: &Options) -> Output {
    let lowering = Lowering::new(plan, options);
    let image = lowering.assemble();
    let list = format!("/out{LIST}");
    let exec = lowering.scripted(SCRIPT, &[IMAGE, plan.destination.path(), &list]);
    // Known by what it is made from: to read all of it for its key would take longer than the step.
    let exec = exec.mount(Bind::new(IMAGE, image).readonly().content_cache(ContentCache::Off));
    let metadata = Metadata::named(format!("[{}] list files of packages", plan.target));
    exec.metadata(metadata).build().output("/out")
}

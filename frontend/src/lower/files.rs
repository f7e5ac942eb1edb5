//! The step that lists the files of packages, for those who ask where the bytes of an image are.

use buildkit_llb::{Bind, Input, Metadata, Network, Output, Tmpfs};

use super::{Lowering, Options, STEP_ENV, TOOLS, platform, script};
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
    let path = format!("{TOOLS}/files.py");
    let ground = &lowering.host.runtime;
    let arguments = [&ground.python, &path, &format!("/packages{}", plan.destination.path()), &format!("/out{LIST}")];
    let exec = buildkit_llb::Exec::new(arguments.map(String::clone))
        .platform(&platform(&ground.platform))
        .envs(ground.env.iter().cloned())
        .envs(STEP_ENV)
        .network(Network::None)
        .mount(Bind::new("/", &ground.root).readonly())
        .mount(Bind::new(&path, script("files.py", SCRIPT)).selector("/files.py").readonly())
        .mount(Bind::new("/packages", environment).readonly())
        .mount(Tmpfs::new("/tmp"))
        .mount(Bind::new("/out", Input::Scratch));
    let metadata = Metadata::named(format!("[{}] list files of packages", plan.target));
    options.container.limit(exec).metadata(metadata).build().output("/out")
}

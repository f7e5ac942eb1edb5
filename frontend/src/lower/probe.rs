//! The step that asks an image's python for its facts.

use buildkit_llb::{Bind, Exec, Image, Input, Metadata, Network, Output, Platform, Tmpfs};

use super::{STEP_ENV, TOOLS, script};
use crate::interpreter::PROBE;

/// Path of the facts in the probe's output.
pub const FACTS: &str = "/facts.json";

/// A step in `image` that writes [`FACTS`]. Cached by BuildKit under the image's digest.
pub fn probe(image: &str, uv: &str, platform: &Platform, env: &[(String, String)], wanted_python: &str) -> Output {
    let source = |reference: &str| Image::new(reference).platform(platform);
    let name = format!("[internal] image {image}");
    let root = source(image).metadata(Metadata::named(name)).build();
    let uv_name = format!("[internal] image {uv}");
    let uv = source(uv).internal().metadata(Metadata::named(uv_name)).build();
    let script_path = format!("{TOOLS}/probe.py");
    let uv_path = format!("{TOOLS}/uv");
    Exec::new(["python3", &script_path, &format!("/out{FACTS}"), wanted_python, &uv_path].map(str::to_owned))
        .platform(platform)
        .envs(env.iter().cloned())
        .envs(STEP_ENV)
        .network(Network::None)
        .mount(Bind::new("/", &root).readonly())
        .mount(Bind::new(&uv_path, &uv).selector("/uv").readonly())
        .mount(Bind::new(&script_path, script("probe.py", PROBE)).selector("/probe.py").readonly())
        .mount(Tmpfs::new("/tmp"))
        .mount(Bind::new("/out", Input::Scratch))
        .metadata(Metadata::named(format!("[internal] python of {image}")))
        .build()
        .output("/out")
}

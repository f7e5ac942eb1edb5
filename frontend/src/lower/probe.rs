//! The step that asks an image's python for its facts.

use buildkit_llb::{Bind, Exec, Input, Metadata, Network, Output, Platform, Tmpfs};

use super::container::Container;
use super::{STEP_ENV, TOOLS, script};
use crate::interpreter::PROBE;

/// Path of the facts in the probe's output.
pub const FACTS: &str = "/facts.json";

/// The program that an image's python goes by.
pub const PYTHON: &str = "python3";

/// A step in an image, whose files are `root`, that writes [`FACTS`]. Cached by BuildKit under the image's digest.
pub fn probe(
    image: &str,
    root: &Output,
    uv: &Output,
    platform: &Platform,
    env: &[(String, String)],
    wanted_python: &str,
    container: &Container,
) -> Output {
    let script_path = format!("{TOOLS}/probe.py");
    let uv_path = format!("{TOOLS}/uv");
    let exec = Exec::new([PYTHON, &script_path, &format!("/out{FACTS}"), wanted_python, &uv_path].map(str::to_owned))
        .platform(platform)
        .envs(env.iter().cloned())
        .envs(STEP_ENV)
        .network(Network::None)
        .mount(Bind::new("/", root).readonly())
        .mount(Bind::new(&uv_path, uv).selector("/uv").readonly())
        .mount(Bind::new(&script_path, script("probe.py", PROBE)).selector("/probe.py").readonly())
        .mount(Tmpfs::new("/tmp"))
        .mount(Bind::new("/out", Input::Scratch));
    container.limit(exec).metadata(Metadata::named(format!("[internal] python of {image}"))).build().output("/out")
}

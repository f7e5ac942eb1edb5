//! The step that asks an image's python for its facts.

use buildkit_llb::{Bind, Exec, Input, Metadata, Network, Output, Platform, Tmpfs};

use super::failure::reporting;
use super::scripts::with_script;
use super::{STEP_ENV, TOOLS, python};
use crate::interpreter::{LibcName, PROBE};
use crate::options::container::Container;
use crate::project::ManagedPython;

/// Path of the facts in the probe's output.
pub const FACTS: &str = "/facts.json";

/// The program that an image's python goes by.
pub const PYTHON: &str = "python3";

/// An image that is asked.
pub struct Subject<'a> {
    /// Its reference.
    pub image: &'a str,
    /// Its files.
    pub root: &'a Output,
    /// Its environment.
    pub env: &'a [(String, String)],
    /// The image that holds uv.
    pub uv: &'a Output,
    /// The platform of both.
    pub platform: &'a Platform,
    /// The python that uv installed for it, and its files.
    pub managed: Option<&'a (ManagedPython, LibcName, Output)>,
}

/// A step in an image that writes [`FACTS`], of one of the `programs` where it has several pythons. Cached by BuildKit under the image's digest.
pub fn probe(of: &Subject<'_>, programs: &str, container: &Container) -> Output {
    let script_path = format!("{TOOLS}/probe.py");
    let uv_path = format!("{TOOLS}/uv");
    let python = match of.managed {
        Some((python, ..)) => python::finder(python, &uv_path),
        None => vec![PYTHON],
    };
    let facts = format!("/out{FACTS}");
    let arguments = [script_path.as_str(), &facts, programs, &uv_path];
    let exec = Exec::new(python.into_iter().chain(arguments).map(str::to_owned))
        .platform(of.platform)
        .envs(of.env.iter().cloned())
        .envs(STEP_ENV)
        .network(Network::None)
        .mount(Bind::new("/", of.root).readonly())
        .mount(Bind::new(&uv_path, of.uv).selector("/uv").readonly())
        .mount(Tmpfs::new("/tmp"))
        .mount(Bind::new("/out", Input::Scratch));
    let exec = reporting(with_script(exec, ("probe.py", PROBE)));
    let exec = match of.managed {
        Some((_, libc, files)) => python::find(exec, *libc, files),
        None => exec,
    };
    let metadata = Metadata::named(format!("[internal] python of {}", of.image));
    container.limit(exec).metadata(metadata).build().output("/out")
}

//! The parsed files of a build.

use crate::config::Config;
use crate::diagnostic::Located;
use crate::interpreter::request::PythonRequest;
use crate::lock::Lock;
use crate::manifest::Manifest;
use crate::manifest::settings::Settings;

/// The parsed files.
#[derive(Debug)]
pub struct Project {
    /// The config, if there is one.
    pub config: Option<Config>,
    /// The lock.
    pub lock: Lock,
    /// The workspace root's manifest.
    pub manifest: Option<Manifest>,
    /// How it, or `uv.toml`, says that packages are built.
    pub settings: Settings,
    /// The python that the command line asks for.
    pub flag: Option<Located<PythonRequest>>,
    /// The python that `.python-version` asks for.
    pub pin: Option<Located<PythonRequest>>,
    /// Lines of it that uv passes over.
    pub unknown_pins: Vec<Located<PythonRequest>>,
}

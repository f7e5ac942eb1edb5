//! The flags that choose what to compile.

use std::path::PathBuf;

use clap::Args;

use crate::config;
use crate::interpreter::Libc;
use crate::platform::Platform;

/// What to plan, and for what. Images are not looked at: their Python is declared here.
#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// The directory of `uv.lock`.
    #[arg(default_value = ".")]
    pub directory: PathBuf,
    /// A target of `uv.build.toml`. If the config has no targets, a workspace member.
    #[arg(long, conflicts_with = "package")]
    pub target: Option<String>,
    /// A workspace member, instead of a target.
    #[arg(long)]
    pub package: Option<String>,
    /// The config file, relative to the directory.
    #[arg(long, short, default_value = config::FILE_NAME)]
    pub file: PathBuf,
    /// A value for a build arg of `[args]`.
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    pub build_args: Vec<String>,
    /// The platform of the image.
    #[arg(long, default_value = "linux/amd64")]
    pub platform: Platform,
    /// The platform of the builder, if it is not the image's.
    #[arg(long)]
    pub build_platform: Option<Platform>,
    /// The Python version of the image, in any form that uv takes. Default: what the project asks for.
    #[arg(long)]
    pub python: Option<String>,
    /// The C library of the image.
    #[arg(long, default_value = "glibc-2.36")]
    pub libc: Libc,
}

//! A typed, immutable LLB graph: build ops, marshal them canonically, read them as text.
//!
//! The nouns are those of BuildKit's Go package `client/llb` (`Vertex`, `Output`, `Definition`,
//! `SourceMap`, `ExecOp`, ...), one file per op family. What differs on purpose:
//!
//! - **Identity is content.** A vertex is known by the digest of its canonical bytes, never by an
//!   address or a counter. Equal vertices are one vertex in a [`Definition`].
//! - **Building cannot fail, marshalling can.** A builder given nonsense yields a vertex that
//!   carries its fault; [`marshal`] reports it with the vertex's name.
//! - **Metadata is apart.** Names, progress groups, cache flags and source locations are a
//!   [`Metadata`] value beside the op and never change its digest.
//! - **Capabilities are derived** from the finished op by one function, not set by each setter.
//!
//! ```
//! use buildkit_llb::{Bind, Exec, File, Copy, Http, HttpUrl, Image, Input, Metadata, Platform, merge, marshal};
//!
//! let platform = Platform::new("linux", "amd64");
//! let base = Image::new("python:3.13-slim").platform(&platform).build();
//! let wheel = Http::new(&HttpUrl::parse("https://files.example/idna-3.10-py3-none-any.whl")?)
//!     .filename("idna-3.10-py3-none-any.whl")
//!     .metadata(Metadata::named("fetch idna 3.10").export_cache(false))
//!     .build();
//! let install = Exec::new(["pip", "install", "--prefix", "/out", "/w/idna-3.10-py3-none-any.whl"])
//!     .platform(&platform)
//!     .mount(Bind::new("/", &base).readonly())
//!     .mount(Bind::new("/w", &wheel).readonly())
//!     .mount(Bind::new("/out", Input::Scratch))
//!     .metadata(Metadata::named("install idna"))
//!     .build();
//! let image = merge([Input::from(&base), install.output("/out").into()], Metadata::default());
//! let definition = marshal(&image)?;
//! assert!(definition.required_caps().contains("mergeop"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![warn(missing_docs)]

mod caps;
mod definition;
mod error;
mod exec;
mod file;
mod go;
mod import;
mod json;
mod marshal;
mod merge;
mod metadata;
mod platform;
mod printable;
mod source;
mod source_map;
pub mod text;
mod validate;
mod vertex;

pub use buildkit_proto::pb;

pub use crate::definition::Definition;
pub use crate::error::{LlbError, Problem};
pub use crate::exec::mount::{Bind, Cache, CacheSharing, ContentCache, Mount, Secret, Ssh, Tmpfs};
pub use crate::exec::{Exec, ExecVertex, Network, ProxyEnv, Security};
pub use crate::file::File;
pub use crate::file::action::{Copy, CopyMode, Mkdir, Mkfile, Owner, Rm, Symlink, User};
pub use crate::import::import;
pub use crate::json::json;
pub use crate::marshal::marshal;
pub use crate::merge::{diff, merge};
pub use crate::metadata::{Metadata, ProgressGroup};
pub use crate::platform::Platform;
pub use crate::printable::{is_command, printable, printable_in_place, printable_json};
pub use crate::source::git::{Git, is_git_remote};
pub use crate::source::http::{Http, HttpUrl, InvalidHttpUrl};
pub use crate::source::image::{Image, ResolveMode};
pub use crate::source::image_ref::normalize_image_ref;
pub use crate::source::local::Local;
pub use crate::source::oci_layout::OciLayout;
pub use crate::source_map::{Location, Position, Range, SourceFile};
pub use crate::vertex::{Input, Output, Vertex};

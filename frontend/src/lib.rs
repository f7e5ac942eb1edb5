//! A BuildKit frontend that compiles uv projects and workspaces to LLB.

pub mod account;
pub mod affected;
pub mod calls;
pub mod cause;
pub mod cli;
pub mod compile;
pub mod config;
pub mod diagnostic;
pub mod driver;
pub mod entry;
pub mod history;
pub mod ignore;
pub mod image;
pub mod import;
pub mod interpreter;
pub mod lock;
pub mod lower;
pub mod manifest;
pub mod options;
pub mod paths;
pub mod plan;
pub mod project;
pub mod rules;
pub mod sbom;
pub mod stale;

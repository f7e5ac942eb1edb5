//! A BuildKit frontend that compiles uv projects and workspaces to LLB.

pub mod account;
pub mod config;
pub mod diagnostic;
pub mod interpreter;
pub mod lock;
pub mod manifest;
pub mod plan;
pub mod project;

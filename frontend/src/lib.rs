//! A BuildKit frontend that compiles uv projects and workspaces to LLB.

pub mod config;
pub mod diagnostic;

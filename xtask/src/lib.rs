//! What the project's own tasks are made of. The `lab` is a real BuildKit, registry, buildx and Docker engine on one
//! machine; the tests crate uses it as a library.

pub mod bench;
pub mod build;
pub mod builder;
pub mod bytecode;
pub mod demo;
pub mod dist;
pub mod docs;
pub mod grounds;
pub mod lab;
pub mod progress;
pub mod task;
pub mod test;

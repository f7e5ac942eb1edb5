//! What the parts of a build share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_proto::Gateway;
use buildkit_proto::gateway::{Attestation, CacheImport, LinuxResources, Ref, ResolveMode};
use tokio::sync::OnceCell;

use crate::config::Request;
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::lock::PackageId;
use crate::manifest::Manifest;
use crate::options::container::Container;
use crate::options::{Check, Options};
use crate::project::{Project, Target};
use crate::service::Modules;
use crate::stale::vicinity::Vicinity;
use crate::surroundings::Surroundings;

use super::contexts::Contexts;

/// What was read of the client's files.
pub(super) struct Read {
    pub(super) project: Project,
    /// What is asked for, by name or by where the file lies that `-f` names.
    pub(super) request: Request,
    pub(super) manifests: BTreeMap<PackageId, Manifest>,
    pub(super) vicinity: Vicinity,
    pub(super) ignore: Vec<String>,
    pub(super) ignore_file: Option<Arc<SourceFile>>,
    /// What links on the way to local projects lead to, in a context that is a graph.
    pub(super) linked: BTreeSet<String>,
    pub(super) check: Check,
    pub(super) surroundings: OnceCell<Arc<Surroundings>>,
}

/// What the builds of all platforms share.
pub(super) struct Job<'a> {
    pub(super) contexts: &'a Contexts<'a>,
    pub(super) gateway: &'a Gateway,
    pub(super) options: &'a Options,
    pub(super) read: &'a Read,
    pub(super) target: &'a Target,
    pub(super) container: Container,
    pub(super) limits: Option<LinuxResources>,
    pub(super) epoch: Option<i64>,
    pub(super) cache_imports: Vec<CacheImport>,
    pub(super) resolve_mode: ResolveMode,
    /// Options that are given in vain.
    pub(super) warnings: Vec<Diagnostic>,
    /// Files of the context that are usually kept private, once they were looked for.
    pub(super) found: OnceCell<BTreeSet<String>>,
    /// Modules of the target's own project, once they were read.
    pub(super) modules: OnceCell<Arc<Modules>>,
}

/// The image of one platform.
pub(super) struct Built {
    pub(super) reference: Option<Ref>,
    pub(super) config: Vec<u8>,
    pub(super) base_config: Vec<u8>,
    pub(super) attestations: Vec<Attestation>,
}

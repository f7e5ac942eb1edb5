//! What a daemon must be able to do for a graph: an old one refuses what it does not know, in words of its own.

use buildkit_llb::Definition;
use buildkit_proto::caps::CapSet;
use buildkit_proto::caps::llb::{FILE_COPY_INCLUDE_EXCLUDE_PATTERNS, SOURCE_OCI_LAYOUT};

use crate::diagnostic::Diagnostic;

/// The versions of BuildKit that brought capabilities which a build cannot do without.
const VERSIONS: [(&str, &str); 2] = [(FILE_COPY_INCLUDE_EXCLUDE_PATTERNS, "0.9"), (SOURCE_OCI_LAYOUT, "0.11")];

/// Refuses a graph that the daemon cannot build.
pub fn require(definition: &Definition, caps: &CapSet) -> Result<(), Diagnostic> {
    let needed = definition.required_caps();
    let Some(missing) = needed.iter().find(|cap| !caps.supports(cap)) else { return Ok(()) };
    let version = VERSIONS.iter().find(|(cap, _)| cap == missing).map(|(_, version)| *version);
    let message = match version {
        Some(version) => format!("this BuildKit is too old: the build needs version {version} or newer"),
        None => "this BuildKit is too old for the build".to_owned(),
    };
    Err(Diagnostic::new("daemon::too_old", format!("{message}, for the capability `{missing}`"))
        .help("update the Docker engine, or build with another builder: `docker buildx create --use`"))
}

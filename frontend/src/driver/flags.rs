//! Options that cannot do what they say here: refused, where the result would be another one, or warned of.

use buildkit_proto::caps::CapSet;
use buildkit_proto::caps::llb::{
    EXEC_META_CGROUP_PARENT, EXEC_META_LINUX_RESOURCES, EXEC_META_ULIMIT, EXEC_MOUNT_TMPFS_SIZE,
};
use buildkit_proto::gateway::LinuxResources;

use crate::diagnostic::Diagnostic;
use crate::options::container::Container;
use crate::options::{Options, OptionsError};
use crate::project::Project;

/// Refuses settings of containers that the daemon does not know.
pub fn require(container: &Container, limits: Option<&LinuxResources>, caps: &CapSet) -> Result<(), OptionsError> {
    let needs = [
        ("memory` to `cpusetmems", limits.is_some(), EXEC_META_LINUX_RESOURCES),
        ("ulimit", !container.ulimits.is_empty(), EXEC_META_ULIMIT),
        ("cgroup-parent", !container.cgroup_parent.is_empty(), EXEC_META_CGROUP_PARENT),
        ("shm-size", container.shm_size.is_some(), EXEC_MOUNT_TMPFS_SIZE),
    ];
    match needs.into_iter().find(|(_, is_set, cap)| *is_set && !caps.supports(cap)) {
        Some((option, _, cap)) => Err(OptionsError::OldDaemon(option, cap)),
        None => Ok(()),
    }
}

/// Build args with a meaning of their own, here or for whoever is between the user and this frontend.
const KNOWN_ARGS: [&str; 15] = [
    "ALL_PROXY",
    "BUILDKIT_BUILD_NAME",
    "BUILDKIT_CACHE_MOUNT_NS",
    "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
    "BUILDKIT_DOCKERFILE_CHECK",
    "BUILDKIT_INLINE_CACHE",
    "BUILDKIT_MULTI_PLATFORM",
    "BUILDKIT_SANDBOX_HOSTNAME",
    "BUILDKIT_SYNTAX",
    "BUILDKIT_UV_DEBUGGER",
    "FTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SOURCE_DATE_EPOCH",
];

/// The same as `attest:NAME`, and for the daemon (BuildKit: `frontend/attestations/parse.go`).
const ATTESTATION_PREFIX: &str = "BUILDKIT_ATTEST_";

/// Said when `SOURCE_DATE_EPOCH=context` and the context has no time.
pub fn no_time() -> Diagnostic {
    let message =
        "`SOURCE_DATE_EPOCH=context` has no effect: the build context is a directory, which has no commit time";
    Diagnostic::new("option::not_applied", message)
        .help("build from a git repository, or pass `SOURCE_DATE_EPOCH=$(git log -1 --pretty=%ct)`")
}

/// What is asked for in vain.
pub fn warnings(options: &Options, project: &Project) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let declared = project.config.as_ref().map(|config| &config.args);
    for name in options.build_args().keys() {
        let is_declared = declared.is_some_and(|args| args.contains_key(name));
        let upper = name.to_ascii_uppercase();
        if is_declared || KNOWN_ARGS.contains(&upper.as_str()) || upper.starts_with(ATTESTATION_PREFIX) {
            continue;
        }
        let warning = match name.as_str() {
            "BUILDKIT_SBOM_SCAN_CONTEXT" | "BUILDKIT_SBOM_SCAN_STAGE" => {
                Diagnostic::new("option::not_applied", format!("build arg `{name}`: only the image itself is scanned"))
                    .help("the image is made of the packages in `uv.lock` and of its base: nothing else is in it")
            }
            "BUILDKIT_GIT_ADVICE" => Diagnostic::new(
                "option::not_applied",
                format!("build arg `{name}`: git sources are fetched without advice"),
            ),
            _ => Diagnostic::new("option::unused_build_arg", format!("build arg `{name}` is not used"))
                .did_you_mean(name, declared.into_iter().flat_map(|args| args.keys().map(String::as_str)))
                .help(format!("add `{name} = \"…\"` to `[args]`, and use it as `${{args.{name}}}`")),
        };
        warnings.push(warning);
    }
    warnings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::diagnostic::SourceFile;
    use crate::project::Files;
    use crate::rules::Rule;

    #[test]
    fn warns_of_what_is_asked_for_in_vain() {
        let lock = SourceFile::new("uv.lock", "version = 1\n");
        let config = SourceFile::new("uv.build.toml", "[args]\nVERSION = \"1\"\n");
        let files = Files {
            config: Some(config),
            lock,
            manifest: None,
            uv_toml: None,
            python_version: None,
            above: Vec::new(),
        };
        let project = Project::parse(&files, &BTreeMap::new()).unwrap();
        let warnings = |option: &str| {
            let all = BTreeMap::from([(option.to_owned(), "1".to_owned())]);
            let found = warnings(&Options { all, ..Options::default() }, &project);
            assert!(found.iter().all(|warning| Rule::of(warning).is_some()));
            found.iter().map(|warning| warning.message.clone()).collect::<String>()
        };
        for option in ["build-arg:VERSION", "build-arg:https_proxy", "build-arg:BUILDKIT_ATTEST_SBOM", "target"] {
            assert_eq!(warnings(option), "");
        }
        assert_eq!(warnings("build-arg:VERSON"), "build arg `VERSON` is not used");
        let advice = "build arg `BUILDKIT_GIT_ADVICE`: git sources are fetched without advice";
        assert_eq!(warnings("build-arg:BUILDKIT_GIT_ADVICE"), advice);
    }
}

//! What a daemon must be able to do for an op.

use std::collections::BTreeSet;

use buildkit_proto::pb;
use buildkit_proto::pb::file_action::Action;

/// The capabilities that `op` needs, by their names in `solver/pb/caps.go`.
///
/// Go's client collects them in each setter and forgets some (the loop over `addCaps` in
/// `client/llb/fileop.go` sees no actions; `exec.meta.cgroup.parent`, `file.rm.wildcard` and
/// `exec.mount.bind.readwrite-nooutput` are asked for by nobody): here they are complete.
pub(crate) fn required_by_op(op: &pb::Op) -> BTreeSet<&'static str> {
    let mut caps = BTreeSet::new();
    match &op.op {
        Some(pb::op::Op::Source(source)) => source_caps(source, &mut caps),
        Some(pb::op::Op::Exec(exec)) => exec_caps(exec, op.platform.as_ref(), &mut caps),
        Some(pb::op::Op::File(file)) => file_caps(file, &mut caps),
        Some(pb::op::Op::Merge(_)) => {
            caps.insert("mergeop");
        }
        Some(pb::op::Op::Diff(_)) => {
            caps.insert("diffop");
        }
        Some(pb::op::Op::Build(_)) | None => {}
    }
    caps
}

/// The capabilities that the terminal op asks for, in the name of all the metadata.
///
/// Mirrors `State.Marshal` in `client/llb/state.go`.
pub(crate) fn required_by_metadata<'a>(metadata: impl Iterator<Item = &'a pb::OpMetadata>) -> BTreeSet<&'static str> {
    let mut caps = BTreeSet::from(["constraints", "platform"]);
    for metadata in metadata {
        if metadata.ignore_cache {
            caps.insert("meta.ignorecache");
        }
        if !metadata.description.is_empty() {
            caps.insert("meta.description");
        }
        if metadata.export_cache.is_some() {
            caps.insert("meta.exportcache");
        }
    }
    caps
}

fn source_caps(source: &pb::SourceOp, caps: &mut BTreeSet<&'static str>) {
    let scheme = source.identifier.split("://").next().unwrap_or_default();
    match scheme {
        "docker-image" => caps.insert("source.image"),
        "local" => caps.insert("source.local"),
        "git" => caps.insert("source.git"),
        "http" | "https" => caps.insert("source.http"),
        "oci-layout" => caps.insert("source.ocilayout"),
        "docker-image+blob" | "oci-layout+blob" => caps.insert("source.imageblob"),
        _ => false,
    };
    for (key, value) in &source.attrs {
        let cap = match (key.as_str(), value.as_str()) {
            // Only the mode that is a promise needs the daemon to know it.
            ("image.resolvemode", "pull") => "source.image.resolvemode",
            ("image.layerlimit", _) => "source.image.layerlimit",
            ("image.checksum", _) => "source.image.checksum",
            ("local.session", _) => "source.local.sessionid",
            ("local.unique", _) => "source.local.unique",
            ("local.includepattern", _) => "source.local.includepatterns",
            ("local.excludepatterns", _) => "source.local.excludepatterns",
            ("local.followpaths", _) => "source.local.followpaths",
            ("local.sharedkeyhint", _) => "source.local.sharedkeyhint",
            ("local.metadatatransfer", _) => "source.local.metadatatransfer",
            ("git.keepgitdir", _) => "source.git.keepgitdir",
            ("git.fullurl", _) => "source.git.fullurl",
            // The names that a daemon without the capability would use anyway.
            ("git.authtokensecret", "GIT_AUTH_TOKEN") => continue,
            ("git.authheadersecret", "GIT_AUTH_HEADER") => continue,
            ("git.authtokensecret" | "git.authheadersecret", _) => "source.git.httpauth",
            ("git.knownsshhosts", _) => "source.git.knownsshhosts",
            ("git.mountsshsock", _) => "source.git.mountsshsock",
            ("git.checksum", _) => "source.git.checksum",
            ("git.skipsubmodules", _) => "source.git.skipsubmodules",
            ("git.mtime", _) => "source.git.mtime",
            ("git.fetchbycommit", _) => "source.git.fetchbycommit",
            ("http.checksum", _) => "source.http.checksum",
            ("http.perm", _) => "source.http.perm",
            // The typo is BuildKit's.
            ("http.uid" | "http.gid", _) => "soruce.http.uidgid",
            ("http.authheadersecret", _) => "source.http.auth",
            (key, _) if key.starts_with("http.header.") => "source.http.header",
            _ => continue,
        };
        caps.insert(cap);
    }
}

fn exec_caps(exec: &pb::ExecOp, platform: Option<&pb::Platform>, caps: &mut BTreeSet<&'static str>) {
    caps.insert("exec.meta.base");
    if let Some(meta) = &exec.meta {
        let is_windows = platform.is_some_and(|platform| platform.os == "windows");
        if !is_windows && !meta.env.iter().any(|entry| entry.starts_with("PATH=")) {
            caps.insert("exec.meta.setsdefaultpath");
        }
        insert_if(caps, !meta.valid_exit_codes.is_empty(), "exec.validexitcode");
        insert_if(caps, !meta.ulimit.is_empty(), "exec.meta.ulimit");
        insert_if(caps, meta.proxy_env.is_some(), "exec.meta.proxyenv");
        insert_if(caps, !meta.cgroup_parent.is_empty(), "exec.meta.cgroup.parent");
    }
    let sandboxed = exec.network() == pb::NetMode::Unset;
    insert_if(caps, !sandboxed, "exec.meta.network");
    let insecure = exec.security() == pb::SecurityMode::Insecure;
    insert_if(caps, insecure, "exec.meta.security");
    insert_if(caps, !exec.cdi_devices.is_empty(), "exec.meta.cdi");
    if !exec.secretenv.is_empty() {
        caps.insert("exec.mount.secret");
        caps.insert("exec.secretenv");
    }
    for mount in &exec.mounts {
        insert_if(caps, !mount.selector.is_empty(), "exec.mount.selector");
        let content_cache = mount.content_cache() != pb::MountContentCache::Default;
        insert_if(caps, content_cache, "exec.mount.cache.content");
        match mount.mount_type() {
            pb::MountType::Bind => {
                insert_if(caps, mount.input >= 0, "exec.mount.bind");
                let dropped = mount.output < 0 && !mount.readonly;
                insert_if(caps, dropped, "exec.mount.bind.readwrite-nooutput");
            }
            pb::MountType::Cache => {
                caps.insert("exec.mount.cache");
                caps.insert("exec.mount.cache.sharing");
            }
            pb::MountType::Tmpfs => {
                caps.insert("exec.mount.tmpfs");
                let sized = mount.tmpfs_opt.is_some_and(|tmpfs| tmpfs.size > 0);
                insert_if(caps, sized, "exec.mount.tmpfs.size");
            }
            pb::MountType::Secret => {
                caps.insert("exec.mount.secret");
            }
            pb::MountType::Ssh => {
                caps.insert("exec.mount.ssh");
            }
        }
    }
}

fn file_caps(file: &pb::FileOp, caps: &mut BTreeSet<&'static str>) {
    caps.insert("file.base");
    for action in &file.actions {
        match &action.action {
            Some(Action::Copy(copy)) => {
                let filtered = !copy.include_patterns.is_empty() || !copy.exclude_patterns.is_empty();
                insert_if(caps, filtered, "file.copy.includeexcludepatterns");
                let required = !copy.required_paths.is_empty();
                insert_if(caps, required, "file.copy.requiredpaths");
                let replaces = copy.always_replace_existing_dest_paths;
                insert_if(caps, replaces, "file.copy.alwaysreplaceexistingdestpaths");
                insert_if(caps, !copy.mode_str.is_empty(), "file.copy.modestring");
            }
            Some(Action::Symlink(_)) => {
                caps.insert("file.symlink.create");
            }
            Some(Action::Rm(rm)) => insert_if(caps, rm.allow_wildcard, "file.rm.wildcard"),
            Some(Action::Mkfile(_) | Action::Mkdir(_)) | None => {}
        }
    }
}

fn insert_if(caps: &mut BTreeSet<&'static str>, needed: bool, cap: &'static str) {
    if needed {
        caps.insert(cap);
    }
}

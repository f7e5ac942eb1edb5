//! The rules that a vertex must keep.

use std::collections::BTreeSet;

use crate::error::{LlbError, Problem};
use crate::vertex::{Origin, Vertex};
use buildkit_proto::pb;
use buildkit_proto::pb::file_action::Action;

/// Checks a vertex that a builder made. One that was imported is the daemon's to judge.
pub(crate) fn validate(vertex: &Vertex) -> Result<(), LlbError> {
    let problem = match (&vertex.fault, &vertex.origin) {
        (Some(fault), _) => Err(fault.clone()),
        (None, Origin::Imported { .. }) => Ok(()),
        (None, Origin::Built) => match &vertex.op.op {
            Some(pb::op::Op::Exec(exec)) => validate_exec(exec),
            Some(pb::op::Op::File(file)) => validate_file(file),
            Some(pb::op::Op::Source(source)) => validate_source(source),
            Some(pb::op::Op::Merge(merge)) if merge.inputs.len() < 2 => Err(Problem::TooFewInputs),
            _ => Ok(()),
        },
    };
    problem.map_err(|problem| LlbError::Vertex {
        kind: kind(&vertex.op),
        name: vertex.metadata.custom_name().unwrap_or(&vertex.digest).to_owned(),
        problem,
    })
}

/// The op family.
pub(crate) fn kind(op: &pb::Op) -> &'static str {
    match &op.op {
        Some(pb::op::Op::Exec(_)) => "exec",
        Some(pb::op::Op::Source(_)) => "source",
        Some(pb::op::Op::File(_)) => "file",
        Some(pb::op::Op::Build(_)) => "build",
        Some(pb::op::Op::Merge(_)) => "merge",
        Some(pb::op::Op::Diff(_)) => "diff",
        None => "unknown",
    }
}

fn validate_source(source: &pb::SourceOp) -> Result<(), Problem> {
    if source.identifier.is_empty() {
        return Err(Problem::NoIdentifier);
    }
    match source.attrs.iter().find(|(_, value)| value.is_empty()) {
        Some((key, _)) => Err(Problem::EmptyAttribute(key.clone())),
        None => Ok(()),
    }
}

fn validate_exec(exec: &pb::ExecOp) -> Result<(), Problem> {
    let meta = exec.meta.clone().unwrap_or_default();
    if meta.args.is_empty() {
        return Err(Problem::NoArguments);
    }
    if let Some(position) = meta.args.iter().position(|arg| arg.contains('\0')) {
        return Err(Problem::NulInArgument(position));
    }
    if !meta.cwd.starts_with('/') {
        return Err(Problem::RelativeCwd(meta.cwd));
    }
    for entry in meta.env {
        if entry.starts_with('=') || entry.contains('\0') {
            return Err(Problem::InvalidEnv(entry));
        }
    }
    for secret in &exec.secretenv {
        if secret.name.is_empty() || secret.name.contains(['=', '\0']) {
            return Err(Problem::InvalidEnv(secret.name.clone()));
        }
        require_id("secret", &secret.name, &secret.id)?;
    }
    for device in &exec.cdi_devices {
        require_id("device", "/dev", &device.name)?;
    }
    let mut seen = BTreeSet::new();
    for mount in &exec.mounts {
        require_absolute(&mount.dest)?;
        require_no_parent(&mount.selector)?;
        if !seen.insert(mount.dest.trim_end_matches('/')) {
            return Err(Problem::DuplicateMount(mount.dest.clone()));
        }
        if let Some(cache) = &mount.cache_opt {
            require_id("cache", &mount.dest, &cache.id)?;
        }
        if let Some(secret) = &mount.secret_opt {
            require_id("secret", &mount.dest, &secret.id)?;
            require_mode(&mount.dest, secret.mode, 0o777)?;
        }
        if let Some(ssh) = &mount.ssh_opt {
            require_mode(&mount.dest, ssh.mode, 0o777)?;
        }
    }
    let root = exec.mounts.iter().find(|mount| mount.dest == "/");
    match root.map(pb::Mount::mount_type) {
        Some(pb::MountType::Bind) => Ok(()),
        _ => Err(Problem::NoRootMount),
    }
}

fn validate_file(file: &pb::FileOp) -> Result<(), Problem> {
    if file.actions.is_empty() {
        return Err(Problem::NoActions);
    }
    for action in &file.actions {
        let (path, mode, allowed, owner, timestamp) = match &action.action {
            Some(Action::Copy(copy)) => {
                // -1 says that the copy keeps the modes.
                let mode = copy.mode.max(0);
                (&copy.dest, mode, 0o7777, &copy.owner, copy.timestamp)
            }
            Some(Action::Mkfile(mkfile)) => {
                let (path, mode) = (&mkfile.path, mkfile.mode);
                (path, mode, 0o777, &mkfile.owner, mkfile.timestamp)
            }
            Some(Action::Mkdir(mkdir)) => {
                let (path, mode) = (&mkdir.path, mkdir.mode);
                (path, mode, 0o777, &mkdir.owner, mkdir.timestamp)
            }
            Some(Action::Symlink(symlink)) => {
                let (path, owner) = (&symlink.newpath, &symlink.owner);
                (path, 0, 0o777, owner, symlink.timestamp)
            }
            Some(Action::Rm(rm)) => (&rm.path, 0, 0o777, &None, -1),
            None => return Err(Problem::NoActions),
        };
        require_absolute(path)?;
        require_mode(path, u32::try_from(mode).unwrap_or(u32::MAX), allowed)?;
        if timestamp < -1 {
            return Err(Problem::InvalidTimestamp(path.clone()));
        }
        let owner = owner.clone().unwrap_or_default();
        for user in [owner.user, owner.group].into_iter().flatten() {
            if let Some(pb::user_opt::User::ByName(user)) = user.user
                && user.input < 0
            {
                return Err(Problem::NamedOwnerOnScratch(user.name));
            }
        }
    }
    Ok(())
}

fn require_id(what: &'static str, at: &str, id: &str) -> Result<(), Problem> {
    if id.is_empty() {
        let at = at.to_owned();
        return Err(Problem::NoId { what, at });
    }
    Ok(())
}

fn require_mode(path: &str, mode: u32, allowed: u32) -> Result<(), Problem> {
    if mode & !allowed != 0 {
        let path = path.to_owned();
        return Err(Problem::InvalidMode { path, mode, allowed });
    }
    Ok(())
}

fn require_absolute(path: &str) -> Result<(), Problem> {
    if !path.starts_with('/') {
        return Err(Problem::UnsafePath(path.to_owned()));
    }
    require_no_parent(path)
}

fn require_no_parent(path: &str) -> Result<(), Problem> {
    if path.contains('\0') || path.split('/').any(|part| part == "..") {
        return Err(Problem::UnsafePath(path.to_owned()));
    }
    Ok(())
}

//! The text of an exec.

use std::fmt::Write as _;

use prost::Message as _;

use super::Inputs;
use super::word::{hex, list, quoted, word};
use buildkit_proto::pb;

/// The indices that the mounts refer to, in the order of the text. The other kinds of mount have
/// no input; one that has it nevertheless does not say so by name.
pub(crate) fn inputs_used(exec: &pb::ExecOp) -> Vec<i64> {
    let named =
        exec.mounts.iter().filter(|mount| matches!(mount.mount_type(), pb::MountType::Bind | pb::MountType::Cache));
    named.map(|mount| mount.input).collect()
}

/// `None` if the exec has something that has no readable form.
pub(crate) fn lines(exec: &pb::ExecOp, inputs: &Inputs) -> Option<Vec<String>> {
    let meta = exec.meta.as_ref()?;
    let mut head = format!("exec {}", list(&meta.args));
    match pb::NetMode::try_from(exec.network).ok()? {
        pb::NetMode::Unset => {}
        pb::NetMode::Host => head.push_str(" network=host"),
        pb::NetMode::None => head.push_str(" network=none"),
    }
    match pb::SecurityMode::try_from(exec.security).ok()? {
        pb::SecurityMode::Sandbox => {}
        pb::SecurityMode::Insecure => head.push_str(" security=insecure"),
    }
    if !meta.remove_mount_stubs_recursive {
        head.push_str(" keep-mount-stubs");
    }
    let mut lines = vec![head];
    let mut add = |line: String| lines.push(format!("    {line}"));
    if meta.cwd != "/" {
        add(format!("cwd {}", word(&meta.cwd)));
    }
    for (name, value) in [("user", &meta.user), ("hostname", &meta.hostname), ("cgroup-parent", &meta.cgroup_parent)] {
        if !value.is_empty() {
            add(format!("{name} {}", word(value)));
        }
    }
    if !meta.valid_exit_codes.is_empty() {
        let codes = meta.valid_exit_codes.iter().map(i32::to_string);
        add(format!("exit-codes {}", codes.collect::<Vec<_>>().join(" ")));
    }
    for host in &meta.extra_hosts {
        add(format!("host {} {}", word(&host.host), word(&host.ip)));
    }
    for limit in &meta.ulimit {
        let name = word(&limit.name);
        add(format!("ulimit {name} {} {}", limit.soft, limit.hard));
    }
    if let Some(proxy) = &meta.proxy_env {
        add("proxy".to_owned());
        for (name, value) in [
            ("http", &proxy.http_proxy),
            ("https", &proxy.https_proxy),
            ("ftp", &proxy.ftp_proxy),
            ("no", &proxy.no_proxy),
            ("all", &proxy.all_proxy),
        ] {
            if !value.is_empty() {
                add(format!("  {name} {}", word(value)));
            }
        }
    }
    for device in &exec.cdi_devices {
        let optional = if device.optional { " optional" } else { "" };
        add(format!("device {}{optional}", word(&device.name)));
    }
    for entry in &meta.env {
        add(format!("env {}", word(entry)));
    }
    for secret in &exec.secretenv {
        let optional = if secret.optional { " optional" } else { "" };
        let (name, id) = (word(&secret.name), word(&secret.id));
        add(format!("secret-env {name} id={id}{optional}"));
    }
    for mount in &exec.mounts {
        add(mount_line(mount, inputs));
    }
    Some(lines)
}

fn mount_line(mount: &pb::Mount, inputs: &Inputs) -> String {
    let dest = word(&mount.dest);
    let input = inputs.name(mount.input);
    // What the line says, to be compared with what the mount is.
    let mut said = pb::Mount {
        dest: mount.dest.clone(),
        input: -1,
        output: -1,
        mount_type: mount.mount_type,
        ..pb::Mount::default()
    };
    let mut line = match mount.mount_type() {
        pb::MountType::Bind => {
            said.input = mount.input;
            format!("mount {dest} <- {input}")
        }
        pb::MountType::Cache => {
            said.input = mount.input;
            let cache = mount.cache_opt.clone().unwrap_or_default();
            let sharing = match cache.sharing() {
                pb::CacheSharingOpt::Shared => "shared",
                pb::CacheSharingOpt::Private => "private",
                pb::CacheSharingOpt::Locked => "locked",
            };
            said.cache_opt = Some(pb::CacheOpt { id: cache.id.clone(), sharing: cache.sharing().into() });
            let from = match mount.input {
                -1 => String::new(),
                _ => format!(" <- {input}"),
            };
            format!("cache {dest} id={} {sharing}{from}", word(&cache.id))
        }
        pb::MountType::Tmpfs => {
            let size = mount.tmpfs_opt.unwrap_or_default().size;
            said.tmpfs_opt = Some(pb::TmpfsOpt { size });
            let size = if size == 0 { String::new() } else { format!(" size={size}") };
            format!("tmpfs {dest}{size}")
        }
        pb::MountType::Secret => {
            said.output = 0;
            let secret = mount.secret_opt.clone().unwrap_or_default();
            said.secret_opt = Some(secret.clone());
            let access = access(secret.uid, secret.gid, secret.mode, 0o400, secret.optional);
            format!("secret {dest} id={}{access}", word(&secret.id))
        }
        pb::MountType::Ssh => {
            said.output = 0;
            let ssh = mount.ssh_opt.clone().unwrap_or_default();
            said.ssh_opt = Some(ssh.clone());
            let access = access(ssh.uid, ssh.gid, ssh.mode, 0o600, ssh.optional);
            format!("ssh {dest} id={}{access}", word(&ssh.id))
        }
    };
    if mount.readonly {
        said.readonly = true;
        line.push_str(" ro");
    }
    if !mount.selector.is_empty() {
        said.selector.clone_from(&mount.selector);
        let _ = write!(line, " sel={}", word(&mount.selector));
    }
    match mount.content_cache() {
        pb::MountContentCache::Default => {}
        pb::MountContentCache::On => line.push_str(" content-cache=on"),
        pb::MountContentCache::Off => line.push_str(" content-cache=off"),
    }
    said.content_cache = mount.content_cache().into();
    if !mount.result_id.is_empty() {
        said.result_id.clone_from(&mount.result_id);
        let _ = write!(line, " result={}", quoted(&mount.result_id));
    }
    if mount.output != said.output {
        said.output = mount.output;
        let _ = write!(line, " -> out {}", mount.output);
    }
    if said != *mount {
        let _ = write!(line, " raw={}", hex(&mount.encode_to_vec()));
    }
    line
}

fn access(uid: u32, gid: u32, mode: u32, default_mode: u32, optional: bool) -> String {
    let mut words = String::new();
    if (uid, gid) != (0, 0) {
        let _ = write!(words, " owner={uid}:{gid}");
    }
    if mode != default_mode {
        let _ = write!(words, " mode=0{mode:o}");
    }
    if optional {
        words.push_str(" optional");
    }
    words
}

//! How the client wants the containers of steps to be: what `docker buildx build` has flags for.

pub use buildkit_llb::{Network, ProxyEnv};

use buildkit_llb::{Exec, Tmpfs};

/// Settings of containers. None of them is part of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Of the steps that have a network; the others have none whatever is asked for.
    pub network: Network,
    /// Lines for `/etc/hosts` of the steps with a network: names and their addresses.
    pub hosts: Vec<(String, String)>,
    /// Proxies of the steps with a network. BuildKit leaves them out of the key of a step.
    pub proxy: Option<ProxyEnv>,
    /// The host's name; empty for BuildKit's own choice.
    pub hostname: String,
    /// Limits of processes.
    pub ulimits: Vec<Ulimit>,
    /// The control group above that of a step; empty for BuildKit's own choice.
    pub cgroup_parent: String,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
}

/// `nofile=1024:2048`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// As `ulimit` of a shell calls it.
    pub name: String,
    /// The limit; -1 for none.
    pub soft: i64,
    /// How far a process may raise it; -1 for any.
    pub hard: i64,
}

impl Container {
    /// What holds for every step.
    pub(super) fn limit(&self, exec: Exec) -> Exec {
        let mut exec = exec.hostname(&self.hostname).cgroup_parent(&self.cgroup_parent);
        for Ulimit { name, soft, hard } in &self.ulimits {
            exec = exec.ulimit(name, *soft, *hard);
        }
        match self.shm_size {
            Some(bytes) => exec.mount(Tmpfs::new("/dev/shm").size(bytes)),
            None => exec,
        }
    }

    /// What holds for a step that fetches.
    pub(super) fn connect(&self, exec: Exec) -> Exec {
        let exec = exec.network(self.network);
        let exec = self.hosts.iter().fold(exec, |exec, (name, address)| exec.extra_host(name, address));
        match &self.proxy {
            Some(proxy) => exec.proxy_env(proxy.clone()),
            None => exec,
        }
    }
}

//! What the client asks of the containers of steps, in their ops.

use buildkit_llb::{Exec, Tmpfs};

use crate::options::container::{Container, Ulimit};

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

//! Commands run in a container.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::Problem;
use crate::metadata::Metadata;
use crate::platform::Platform;
use crate::source::strings;
use crate::vertex::{InputList, Output, Vertex};
use buildkit_proto::pb;

pub(crate) mod mount;

use mount::{Mount, Ssh};

/// A command run in a container. Mirrors `ExecOp` in `client/llb/exec.go`.
///
/// It needs a mount at `/`. Mounts are sorted by their path when it is built; inputs and outputs
/// are numbered in that order.
///
/// ```
/// # use buildkit_llb::{Bind, Cache, Exec, Image, Input, Network};
/// let base = Image::new("python:3.13").build();
/// let wheel = Exec::new(["python", "-m", "build", "-o", "/out"])
///     .cwd("/src")
///     .env("SOURCE_DATE_EPOCH", "0")
///     .network(Network::None)
///     .mount(Bind::new("/", &base).readonly())
///     .mount(Bind::new("/out", Input::Scratch))
///     .mount(Cache::new("/cache/uv", "uv-build-demo"))
///     .build()
///     .output("/out");
/// assert_eq!(wheel.index(), 0);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Exec {
    args: Vec<String>,
    env: Vec<(String, String)>,
    cwd: String,
    user: String,
    hostname: String,
    network: Network,
    security: Security,
    extra_hosts: Vec<pb::HostIp>,
    proxy_env: Option<ProxyEnv>,
    ulimits: Vec<pb::Ulimit>,
    cgroup_parent: String,
    valid_exit_codes: Vec<i32>,
    mounts: Vec<Mount>,
    secret_env: Vec<pb::SecretEnv>,
    devices: Vec<pb::CdiDevice>,
    platform: Option<Platform>,
    metadata: Metadata,
}

/// What the command can reach. Mirrors `NetMode` in `solver/pb/ops.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Network {
    /// The network of the sandbox.
    #[default]
    Sandbox,
    /// The network of the host; needs an entitlement.
    Host,
    /// Nothing.
    None,
}

/// How far the command is confined. Mirrors `SecurityMode` in `solver/pb/ops.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Security {
    /// As usual.
    #[default]
    Sandbox,
    /// Privileged; needs an entitlement.
    Insecure,
}

/// Proxy variables, which are not part of the cache key. Mirrors `ProxyEnv` in
/// `solver/pb/ops.proto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProxyEnv {
    /// `HTTP_PROXY`
    pub http_proxy: String,
    /// `HTTPS_PROXY`
    pub https_proxy: String,
    /// `FTP_PROXY`
    pub ftp_proxy: String,
    /// `NO_PROXY`
    pub no_proxy: String,
    /// `ALL_PROXY`
    pub all_proxy: String,
}

impl Exec {
    /// The command with its arguments, run in `/`.
    pub fn new<S: Into<String>>(args: impl IntoIterator<Item = S>) -> Self {
        Self {
            args: strings(args),
            env: Vec::new(),
            cwd: "/".to_owned(),
            user: String::new(),
            hostname: String::new(),
            network: Network::Sandbox,
            security: Security::Sandbox,
            extra_hosts: Vec::new(),
            proxy_env: None,
            ulimits: Vec::new(),
            cgroup_parent: String::new(),
            valid_exit_codes: Vec::new(),
            mounts: Vec::new(),
            secret_env: Vec::new(),
            devices: Vec::new(),
            platform: None,
            metadata: Metadata::default(),
        }
    }

    /// The working directory.
    pub fn cwd(mut self, directory: impl Into<String>) -> Self {
        self.cwd = directory.into();
        self
    }

    /// Sets an environment variable after those already set; a variable set twice moves to the
    /// end, as in Go's `EnvList.AddOrReplace`.
    ///
    /// Without a `PATH`, the daemon sets its default one.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let (name, value) = (name.into(), value.into());
        // Those that are set again are taken out in the end: images have few variables, a hostile config has thousands.
        self.env.push((name, value));
        self
    }

    /// Sets several environment variables in the given order.
    pub fn envs<K: Into<String>, V: Into<String>>(self, variables: impl IntoIterator<Item = (K, V)>) -> Self {
        let variables = variables.into_iter();
        variables.fold(self, |exec, (name, value)| exec.env(name, value))
    }

    /// The user (and group) in the forms of a Dockerfile's `USER`.
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// The host name inside.
    pub fn hostname(mut self, name: impl Into<String>) -> Self {
        self.hostname = name.into();
        self
    }

    /// What the command can reach.
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// How far the command is confined.
    pub fn security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// Adds a line of `/etc/hosts`.
    pub fn extra_host(mut self, host: impl Into<String>, ip: impl Into<String>) -> Self {
        self.extra_hosts.push(pb::HostIp { host: host.into(), ip: ip.into() });
        self
    }

    /// Sets proxy variables that are not part of the cache key.
    pub fn proxy_env(mut self, proxy: ProxyEnv) -> Self {
        self.proxy_env = Some(proxy);
        self
    }

    /// Adds a limit, as in `nofile`.
    pub fn ulimit(mut self, name: impl Into<String>, soft: i64, hard: i64) -> Self {
        self.ulimits.push(pb::Ulimit { name: name.into(), soft, hard });
        self
    }

    /// The parent cgroup of the container.
    pub fn cgroup_parent(mut self, path: impl Into<String>) -> Self {
        self.cgroup_parent = path.into();
        self
    }

    /// The exit codes that count as success, instead of 0.
    pub fn valid_exit_codes(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.valid_exit_codes = codes.into_iter().collect();
        self
    }

    /// Adds a mount.
    pub fn mount(mut self, mount: impl Into<Mount>) -> Self {
        self.mounts.push(mount.into());
        self
    }

    /// Adds several mounts.
    pub fn mounts<M: Into<Mount>>(self, mounts: impl IntoIterator<Item = M>) -> Self {
        mounts.into_iter().fold(self, Self::mount)
    }

    /// Sets an environment variable to the value of the secret `id`.
    pub fn secret_env(self, name: impl Into<String>, id: impl Into<String>) -> Self {
        self.push_secret_env(name.into(), id.into(), false)
    }

    /// As [`Exec::secret_env`], but the variable is not set if the client lacks the secret.
    pub fn optional_secret_env(self, name: impl Into<String>, id: impl Into<String>) -> Self {
        self.push_secret_env(name.into(), id.into(), true)
    }

    fn push_secret_env(mut self, name: String, id: String, optional: bool) -> Self {
        self.secret_env.push(pb::SecretEnv { id, name, optional });
        self
    }

    /// Adds a device of the Container Device Interface.
    pub fn device(mut self, name: impl Into<String>, optional: bool) -> Self {
        self.devices.push(pb::CdiDevice { name: name.into(), optional });
        self
    }

    /// The platform that the command runs on. Without it, the worker's own.
    pub fn platform(mut self, platform: &Platform) -> Self {
        self.platform = Some(platform.clone());
        self
    }

    /// Sets what is known about the op beside itself.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The finished op, whose outputs can be asked for.
    pub fn build(self) -> ExecVertex {
        let mut mounts = self.mounts;
        // The order of the wire: mounts with a filesystem by path, then secrets, then agents.
        mounts.sort_by(|a, b| a.order().cmp(&b.order()));
        let mut agents = 0;
        for mount in &mut mounts {
            if let Mount::Ssh(ssh) = mount {
                ssh.fill_target(agents);
                agents += 1;
            }
        }
        let mut env = last_of_each(self.env);
        let first_agent = mounts.iter().find_map(Mount::ssh).map(Ssh::target);
        if let Some(target) = first_agent {
            let name = "SSH_AUTH_SOCK";
            if !env.iter().any(|(known, _)| known == name) {
                env.push((name.to_owned(), target.to_owned()));
            }
        }

        let mut inputs = InputList::default();
        let mut outputs = 0;
        let mounts = mounts
            .iter()
            .map(|mount| {
                let output = mount.has_output().then(|| {
                    outputs += 1;
                    outputs - 1
                });
                mount.to_pb(&mut inputs, output)
            })
            .collect();
        let exec = pb::ExecOp {
            meta: Some(pb::Meta {
                args: self.args,
                env: env.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
                cwd: self.cwd,
                user: self.user,
                proxy_env: self.proxy_env.map(|proxy| pb::ProxyEnv {
                    http_proxy: proxy.http_proxy,
                    https_proxy: proxy.https_proxy,
                    ftp_proxy: proxy.ftp_proxy,
                    no_proxy: proxy.no_proxy,
                    all_proxy: proxy.all_proxy,
                }),
                extra_hosts: self.extra_hosts,
                hostname: self.hostname,
                ulimit: self.ulimits,
                cgroup_parent: self.cgroup_parent,
                remove_mount_stubs_recursive: true,
                valid_exit_codes: self.valid_exit_codes,
            }),
            mounts,
            network: match self.network {
                Network::Sandbox => pb::NetMode::Unset,
                Network::Host => pb::NetMode::Host,
                Network::None => pb::NetMode::None,
            }
            .into(),
            security: match self.security {
                Security::Sandbox => pb::SecurityMode::Sandbox,
                Security::Insecure => pb::SecurityMode::Insecure,
            }
            .into(),
            secretenv: self.secret_env,
            cdi_devices: self.devices,
        };
        let kind = pb::op::Op::Exec(exec);
        let inputs = inputs.into_outputs();
        let vertex = Vertex::build(kind, inputs, self.platform.as_ref(), self.metadata, None);
        ExecVertex { vertex }
    }
}

/// A finished exec. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ExecVertex {
    vertex: Arc<Vertex>,
}

/// Of variables that are set more than once, the last; in the order in which these were set.
fn last_of_each(variables: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut seen = BTreeSet::new();
    let mut kept: Vec<bool> = variables.iter().rev().map(|(name, _)| seen.insert(name)).collect();
    kept.reverse();
    variables.into_iter().zip(kept).filter_map(|(variable, is_kept)| is_kept.then_some(variable)).collect()
}

impl ExecVertex {
    /// The output of the mount at `destination`.
    ///
    /// If there is no such mount, or it has no output (it is read-only, a cache, a tmpfs, or was
    /// told so), the result carries that fault and [`marshal`](crate::marshal) reports it.
    pub fn output(&self, destination: &str) -> Output {
        let Some(pb::op::Op::Exec(exec)) = &self.vertex.op.op else {
            return self.no_output(destination);
        };
        let mount = exec.mounts.iter().find(|mount| {
            let type_ = mount.mount_type();
            mount.dest == destination && (type_ == pb::MountType::Bind)
        });
        match mount.map(|mount| u32::try_from(mount.output)) {
            Some(Ok(index)) => Output::new(Arc::clone(&self.vertex), index),
            _ => self.no_output(destination),
        }
    }

    /// The output of the mount at `/`.
    pub fn root(&self) -> Output {
        self.output("/")
    }

    /// The vertex itself.
    pub fn vertex(&self) -> &Vertex {
        &self.vertex
    }

    fn no_output(&self, destination: &str) -> Output {
        let mut faulty = Vertex::clone(&self.vertex);
        faulty.fault = Some(Problem::NoOutput(destination.to_owned()));
        Output::new(Arc::new(faulty), 0)
    }
}

//! Options for the containers of steps (dockerui: `attr.go`): what `docker buildx build` has flags for.

use std::net::IpAddr;

pub use buildkit_llb::{Network, ProxyEnv};

use super::Options;
use super::error::OptionsError;

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

/// Limits that a process has (docker/go-units: `ulimit.go`).
const ULIMITS: [&str; 15] = [
    "core",
    "cpu",
    "data",
    "fsize",
    "locks",
    "memlock",
    "msgqueue",
    "nice",
    "nofile",
    "nproc",
    "rss",
    "rtprio",
    "rttime",
    "sigpending",
    "stack",
];

impl Options {
    /// `add-hosts`, `force-network-mode`, `ulimit`, `shm-size`, `cgroup-parent`, `hostname` and the proxies.
    pub fn container(&self) -> Result<Container, OptionsError> {
        let list = |key: &str| self.get(key).unwrap_or_default().split(',').filter(|item| !item.is_empty());
        let hostname = self.get("build-arg:BUILDKIT_SANDBOX_HOSTNAME").or_else(|| self.get("hostname"));
        Ok(Container {
            network: match self.get("force-network-mode") {
                None | Some("sandbox") => Network::Sandbox,
                Some("host") => Network::Host,
                Some("none") => Network::None,
                Some(other) => return Err(bad("force-network-mode", other, "`host`, `none` or `sandbox`")),
            },
            hosts: list("add-hosts").map(host).collect::<Result<_, _>>()?,
            proxy: self.proxy(),
            hostname: hostname.unwrap_or_default().to_owned(),
            ulimits: list("ulimit").map(ulimit).collect::<Result<_, _>>()?,
            cgroup_parent: self.get("cgroup-parent").unwrap_or_default().to_owned(),
            shm_size: match self.get("shm-size") {
                Some(text) => Some(text.parse().map_err(|_| bad("shm-size", text, "a number of bytes"))?),
                None => None,
            },
        })
    }

    /// Build args that name proxies, in any case (dockerfile2llb: `proxyEnvFromBuildArgs`).
    fn proxy(&self) -> Option<ProxyEnv> {
        let mut proxy = ProxyEnv::default();
        for (name, value) in self.build_args() {
            match name.to_ascii_uppercase().as_str() {
                "HTTP_PROXY" => proxy.http_proxy = value,
                "HTTPS_PROXY" => proxy.https_proxy = value,
                "FTP_PROXY" => proxy.ftp_proxy = value,
                "NO_PROXY" => proxy.no_proxy = value,
                "ALL_PROXY" => proxy.all_proxy = value,
                _ => {}
            }
        }
        (proxy != ProxyEnv::default()).then_some(proxy)
    }
}

fn bad(option: &'static str, value: &str, wanted: &'static str) -> OptionsError {
    OptionsError::Value { option, value: value.to_owned(), wanted }
}

/// `NAME=ADDRESS`
fn host(text: &str) -> Result<(String, String), OptionsError> {
    let pair = text.split_once('=').and_then(|(name, address)| Some((name, address.parse::<IpAddr>().ok()?)));
    let (name, address) = pair.ok_or_else(|| bad("add-hosts", text, "`NAME=ADDRESS`"))?;
    Ok((name.to_lowercase(), address.to_string()))
}

/// `NAME=SOFT[:HARD]`
fn ulimit(text: &str) -> Result<Ulimit, OptionsError> {
    let parse = || {
        let (name, limits) = text.split_once('=')?;
        let (soft, hard) = limits.split_once(':').unwrap_or((limits, limits));
        let limit = Ulimit { name: name.to_owned(), soft: soft.parse().ok()?, hard: hard.parse().ok()? };
        let is_ordered = limit.hard == -1 || (limit.soft != -1 && limit.soft <= limit.hard);
        (ULIMITS.contains(&name) && is_ordered).then_some(limit)
    };
    parse().ok_or_else(|| {
        bad("ulimit", text, "`NAME=SOFT:HARD` of a limit that processes have, such as `nofile=1024:2048`")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn container(options: &[(&str, &str)]) -> Result<Container, String> {
        let all: BTreeMap<_, _> = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Options { all, ..Options::default() }.container().map_err(|error| error.to_string())
    }

    #[test]
    fn reads_what_dockerui_reads() {
        let read = container(&[
            ("add-hosts", "Index.Example=10.0.0.1,six=::0001"),
            ("force-network-mode", "host"),
            ("ulimit", "nofile=1024:2048,core=-1"),
            ("shm-size", "1048576"),
            ("cgroup-parent", "/builds"),
            ("hostname", "a"),
            ("build-arg:BUILDKIT_SANDBOX_HOSTNAME", "b"),
            ("build-arg:https_proxy", "http://proxy.example:3128"),
        ]);
        let text = |text: &str| text.to_owned();
        let limit = |name: &str, soft, hard| Ulimit { name: text(name), soft, hard };
        assert_eq!(
            read,
            Ok(Container {
                network: Network::Host,
                hosts: vec![(text("index.example"), text("10.0.0.1")), (text("six"), text("::1"))],
                proxy: Some(ProxyEnv { https_proxy: text("http://proxy.example:3128"), ..ProxyEnv::default() }),
                hostname: text("b"),
                ulimits: vec![limit("nofile", 1024, 2048), limit("core", -1, -1)],
                cgroup_parent: text("/builds"),
                shm_size: Some(1 << 20),
            })
        );
        assert_eq!(container(&[("add-hosts", ""), ("build-arg:HTTP_PROXY", "")]), Ok(Container::default()));
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        for (key, value) in [
            ("add-hosts", "index.example"),
            ("add-hosts", "index.example=index"),
            ("force-network-mode", "bridge"),
            ("ulimit", "nofile"),
            ("ulimit", "nofile=2048:1024"),
            ("ulimit", "files=1"),
            ("shm-size", "64m"),
        ] {
            let error = container(&[(key, value)]).unwrap_err();
            assert!(error.starts_with(&format!("option `{key}`: `{value}` is not ")), "{error}");
        }
    }
}

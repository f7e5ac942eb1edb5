//! What steps and BuildKit need to ask servers: secrets and certificates. Their values are in no graph, and no step leaves them.

use buildkit_llb::{Bind, Exec, Http, Output, Secret};

use super::Lowering;
use super::install::{is_buildkits, with_data};
use crate::config::access::Ca;
use crate::plan::Package;
use crate::plan::access::{Download, optional};

/// Where steps find secrets.
const SECRETS: &str = "/run/secrets/uv-buildkit";

/// Where they find a netrc.
pub(super) const NETRC: &str = "/run/secrets/uv-buildkit/netrc";

/// Where steps find the certificates of authorities that they are to trust beside those of their image.
pub(super) const CA: &str = "/run/secrets/uv-buildkit/ca.pem";

/// The file of a package as BuildKit fetches it. By its digest, a failed one is found again.
pub fn fetch(package: &Package, download: &Download) -> Http {
    let http = Http::new(&download.url).filename(&package.artifact.file).mode(0o644);
    let http = match &download.secret {
        Some(secret) => http.auth_header_secret(&secret.value),
        None => http,
    };
    match &package.artifact.hash {
        Some(hash) if is_buildkits(hash) => http.checksum(hash.to_string()),
        Some(_) | None => http,
    }
}

impl Lowering<'_> {
    /// Lets uv in where it looks for build requirements, with as many of the secrets as the client has.
    pub(super) fn log_in(&self, exec: Exec) -> Exec {
        let secret = |exec: Exec, path: String, id: &str| exec.mount(Secret::new(path, id).optional());
        // Under names that uv knows, for whoever has them as uv wants them.
        let exec =
            optional(&self.plan.indexes).iter().fold(exec, |exec, id| secret(exec, format!("{SECRETS}/{id}"), id));
        let path = |number: usize| format!("{SECRETS}/index-{number}");
        let credentials = &self.plan.credentials;
        let exec = credentials
            .iter()
            .enumerate()
            .fold(exec, |exec, (number, credential)| secret(exec, path(number), &credential.secret));
        let told = credentials.iter().enumerate();
        let told = told.map(|(number, of)| (path(number), &of.secret, &of.index, &of.services)).collect::<Vec<_>>();
        with_data(exec, "CREDENTIALS", &told)
    }

    /// Mounts the authorities that the config names.
    pub(super) fn trust(&self, exec: Exec) -> Exec {
        trust(exec, self.plan.access.ca(), |_| self.context.clone())
    }
}

/// The same, with files of the context from where `file` says.
pub(super) fn trust(exec: Exec, ca: Option<&Ca>, file: impl FnOnce(&str) -> Output) -> Exec {
    match ca {
        Some(Ca::Secret(secret)) => exec.mount(Secret::new(CA, &secret.value)),
        Some(Ca::File(path)) => {
            let path = path.value.as_str();
            exec.mount(Bind::new(CA, file(path)).selector(format!("/{path}")).readonly())
        }
        None => exec,
    }
}

//! What steps and BuildKit need to ask servers: secrets and certificates. Their values are in no graph, and no step leaves them.

use buildkit_llb::{Bind, ContentCache, Exec, Http, Input, Metadata, Output, Secret};

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

/// Where steps of the user's find these and what their image trusts, in one file.
const BUNDLE: &str = "/run/secrets/uv-buildkit/bundle.pem";

/// What programs take the name of such a file from. Those of builds are told by `step.py`, which has the same list.
const BUNDLE_NAMES: [&str; 7] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
    "NODE_EXTRA_CA_CERTS",
];

/// The script that writes it.
const AUTHORITIES: &str = include_str!("authorities.py");

/// Where that has the image.
const IMAGE: &str = "/image";

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

impl Lowering<'_> {
    /// What a step in `root` with this environment trusts when the config names authorities: the output that [`tell`] mounts.
    pub(super) fn bundle(&self, root: &Input, env: &[(String, String)], metadata: Metadata) -> Option<Output> {
        let ca = self.plan.access.ca()?;
        let named = env.iter().find(|(name, _)| name == BUNDLE_NAMES[0]).map_or("", |(_, path)| path);
        let exec = self.scripted(("authorities.py", AUTHORITIES), &[IMAGE, named]);
        // Known by what it is made from: the file that comes out is part of the key of the step, and the whole image is not.
        let exec = exec.mount(Bind::new(IMAGE, root.clone()).readonly().content_cache(ContentCache::Off));
        let metadata = metadata.export_cache(false);
        let metadata = match ca {
            // A secret is no part of a key: another one would not be seen.
            Ca::Secret(_) => metadata.ignore_cache(),
            Ca::File(_) => metadata,
        };
        Some(self.trust(exec).metadata(metadata).build().output("/out"))
    }
}

/// Shows a step the file of [`Lowering::bundle`], and names it in all variables that are looked for, but for those that `is_set`.
pub(super) fn tell(exec: Exec, bundle: &Output, is_set: impl Fn(&str) -> bool) -> Exec {
    let exec = exec.mount(Bind::new(BUNDLE, bundle).selector("/bundle.pem").readonly());
    let names = BUNDLE_NAMES.into_iter().filter(|name| !is_set(name));
    names.fold(exec, |exec, name| exec.env(name, BUNDLE))
}

/// Mounts authorities, with files of the context from where `file` says.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lower::scripts::STEP as SCRIPT;

    const STEP: &str = SCRIPT.1;

    #[test]
    fn steps_are_told_what_builds_are_told() {
        let (_, names) = STEP.split_once("BUNDLE_NAMES = (").unwrap();
        let (names, _) = names.split_once(')').unwrap();
        let names: Vec<&str> = names.split('"').skip(1).step_by(2).collect();
        assert_eq!(names, BUNDLE_NAMES);
        let line = |text: &'static str| text.lines().find(|line| line.starts_with("BUNDLES = "));
        assert_eq!(line(AUTHORITIES), line(STEP));
    }
}

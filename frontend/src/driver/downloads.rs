//! Downloads that fail, told with what is known of them here: the package, its index, the secret.
//!
//! BuildKit does not look at the status of an answer when it knows the checksum: the page that says "401" is a file with another
//! digest. So whoever failed is asked again, without a checksum, which tells the status; only then, and never in a build that goes
//! well. Failures of the user's own commands are left to BuildKit: it tells them again after the result is returned, without running
//! anything, and with what its debugger needs.

use std::collections::BTreeMap;

use buildkit_llb::{Http, HttpUrl};
use buildkit_proto::caps::gateway::{GATEWAY_EVALUATE, SOURCE_META_RESOLVER};
use buildkit_proto::gateway::{FileRange, Ref, SourceRequest};
use buildkit_proto::{GatewayError, pb};

use super::failure::Failure;
use super::job::Job;
use super::steps;
use crate::config::access::Ca;
use crate::diagnostic::{Diagnostic, Located};
use crate::lower::access::fetch;
use crate::plan::access::Download;
use crate::plan::{Package, Plan};

/// What is known of a download that failed.
#[derive(Debug, PartialEq, Eq)]
enum Cause {
    /// The server answered with a status that is no success.
    Status(u16),
    /// It sent something else, with this digest.
    OtherFile(String),
    /// It has the start of the file: so many bytes.
    Truncated(u64),
    /// The connection ended before the file did.
    Cut,
    /// There is no connection to the host, for this reason.
    Unreachable(String),
    /// The same request succeeded when it was made again.
    Passing,
    /// The secret cannot be sent as a header.
    NoHeader,
    /// What BuildKit says, where it knows.
    Words(String),
}

/// Waits for a result, and fails if a download or a secret is what it lacks.
pub async fn check(job: &Job<'_>, reference: &Ref, plan: &Plan) -> Result<(), Failure> {
    // An older daemon could be made to wait, but only by putting the result together on disk.
    if !job.gateway.caps().supports(GATEWAY_EVALUATE) {
        return Ok(());
    }
    let Err(error) = job.gateway.evaluate(reference).await else { return Ok(()) };
    match why(job, &error, plan).await {
        Some(diagnostic) => Err(diagnostic.into()),
        None if steps::is_ours(&error) && !job.options.leaves_failures() => Err(error.into()),
        None => Ok(()),
    }
}

/// Why something failed, if it was a download or a secret.
pub async fn why(job: &Job<'_>, error: &GatewayError, plan: &Plan) -> Option<Diagnostic> {
    if let Some(missing) = missing_secret(&error.message, plan) {
        return Some(missing);
    }
    let (package, download) = failed(error, plan)?;
    let cause = cause(job, &error.message, package, &download).await;
    Some(explain(package, &download, &cause))
}

/// The download that an error is about.
fn failed<'plan>(error: &GatewayError, plan: &'plan Plan) -> Option<(&'plan Package, Download)> {
    let vertex = error.vertex()?;
    plan.downloads().find(|(package, download)| fetch(package, download).build().digest() == vertex)
}

/// Asks once more, and finds out what the first time went wrong.
async fn cause(job: &Job<'_>, words: &str, package: &Package, download: &Download) -> Cause {
    if let Some(cause) = told(words) {
        return cause;
    }
    if !job.gateway.caps().supports(SOURCE_META_RESOLVER) {
        return Cause::Words(words.to_owned());
    }
    let file = &package.artifact.file;
    let mut attrs = BTreeMap::from([("http.filename".to_owned(), file.clone())]);
    if let Some(secret) = &download.secret {
        attrs.insert("http.authheadersecret".to_owned(), secret.value.clone());
    }
    let request = SourceRequest {
        source: pb::SourceOp { identifier: download.url.to_string(), attrs },
        log_name: format!("[internal] ask again for {file}"),
        ..SourceRequest::default()
    };
    match job.gateway.resolve_source(request).await.map(|meta| meta.http) {
        Err(error) => told(&error.message).unwrap_or(Cause::Words(error.message)),
        Ok(None) => Cause::Words(words.to_owned()),
        Ok(Some(http)) if package.artifact.hash.as_ref().is_none_or(|hash| hash.to_string() == http.checksum) => {
            Cause::Passing
        }
        Ok(Some(http)) => match truncated(job, file, download).await {
            Some(size) => Cause::Truncated(size),
            None => Cause::OtherFile(http.checksum),
        },
    }
}

/// Bytes of the file that is there now, if they are the start of a wheel and have no end.
async fn truncated(job: &Job<'_>, file: &str, download: &Download) -> Option<u64> {
    let http = Http::new(&download.url).filename(file);
    let http = match &download.secret {
        Some(secret) => http.auth_header_secret(&secret.value),
        None => http,
    };
    let definition = buildkit_llb::marshal(http.build()).ok()?.into_pb();
    let reference = job.solve(definition).await.ok()??;
    let size = job.gateway.stat_file(&reference, file).await.ok()?.size;
    let read = async |offset: u64| {
        let range = FileRange { offset, length: ZIP_END };
        job.gateway.read_file(&reference, file, Some(range)).await.ok()
    };
    let (start, end) = (read(0).await?, read(size.saturating_sub(ZIP_END)).await?);
    is_truncated(&start, &end).then_some(size)
}

/// Bytes at the end of a zip file, in which the place of its list of files is, if it has no comment (APPNOTE.TXT, 4.3.16).
const ZIP_END: u64 = 22;

/// Whether a file starts as a zip file does, and does not end as one.
fn is_truncated(start: &[u8], end: &[u8]) -> bool {
    start.starts_with(b"PK\x03\x04") && !end.starts_with(b"PK\x05\x06")
}

/// What BuildKit's words say, where they say enough (BuildKit: `source/http`).
fn told(words: &str) -> Option<Cause> {
    if let Some((_, status)) = words.rsplit_once("invalid response status ") {
        let digits: String = status.chars().take_while(char::is_ascii_digit).collect();
        return digits.parse().ok().map(Cause::Status);
    }
    if words.contains("unexpected EOF") {
        return Some(Cause::Cut);
    }
    // A proxy that cannot be reached is not the host's fault.
    if let Some((_, reason)) = words.rsplit_once("dial tcp").filter(|_| !words.contains("proxyconnect")) {
        let reason = reason.rsplit(": ").next().unwrap_or_default().trim();
        return Some(Cause::Unreachable(reason.to_owned()));
    }
    words.contains("invalid header field value for \"Authorization\"").then_some(Cause::NoHeader)
}

/// The error for a secret that the client does not have (BuildKit: `session/secrets`).
fn missing_secret(words: &str, plan: &Plan) -> Option<Diagnostic> {
    let lacks = |secret: &Located<String>| words.contains(&format!("secret {}: not found", secret.value));
    if let Some(Ca::Secret(secret)) = plan.access.ca().filter(|ca| matches!(ca, Ca::Secret(secret) if lacks(secret))) {
        let problem = format!("the secret `{}` with the certificates of `[ca]` was not given", secret.value);
        return Some(
            Diagnostic::new("secret::missing", problem)
                .at(secret.span.clone())
                .help(format!("build with `--secret id={},src=FILE`", secret.value)),
        );
    }
    plan.downloads().find_map(|(package, download)| {
        let secret = download.secret.as_ref().filter(|secret| lacks(secret))?;
        let whose = whose(&download);
        let problem =
            format!("the secret `{}` {whose} was not given, but `{}` is fetched with it", secret.value, package.name);
        Some(
            Diagnostic::new("secret::missing", problem)
                .at(secret.span.clone())
                .at(package.span.clone())
                .help(format!("build with `--secret id={0},env=VARIABLE` or `--secret id={0},src=FILE`", secret.value))
                .help(HEADER),
        )
    })
}

const HEADER: &str =
    "its value is a whole `Authorization` header: `Basic` and the base64 of `USER:PASSWORD`, or `Bearer` and a token";

/// `of the index `internal``
fn whose(download: &Download) -> String {
    match &download.index {
        Some(index) => format!("of the index `{index}`"),
        None => format!("for `{}`", host(&download.url)),
    }
}

/// Host of a URL.
fn host(url: &HttpUrl) -> String {
    url.host().to_owned()
}

/// The start of a URL, to where its path begins.
fn origin(url: &HttpUrl) -> String {
    format!("{}/", url.origin().ascii_serialization())
}

fn explain(package: &Package, download: &Download, cause: &Cause) -> Diagnostic {
    let file = &package.artifact.file;
    let of = format!("`{file}` of `{}`", package.name);
    let from = match &download.index {
        Some(index) => format!(" of the index `{index}`"),
        None => String::new(),
    };
    let host = host(&download.url);
    let diagnostic = match cause {
        Cause::Status(status @ (401 | 403)) => {
            let problem = format!("`{host}` returned {status} ({}) for {of}{from}", reason(*status));
            let refused = Diagnostic::new("download::refused", problem);
            match &download.secret {
                Some(secret) if *status == 403 => {
                    refused.help(format!("check what the secret `{}` may read", secret.value))
                }
                Some(secret) => {
                    refused.help(format!("the server does not accept the secret `{}`", secret.value)).help(HEADER)
                }
                None => refused.help(needs_secret(download)),
            }
        }
        Cause::Status(status @ (404 | 410)) => {
            let problem = format!("`{host}` returned {status} ({}) for {of}{from}", reason(*status));
            let gone = Diagnostic::new("download::gone", problem);
            let hint = "some servers return this to clients without access";
            match &download.secret {
                Some(secret) => gone.help(format!("{hint}: check what the secret `{}` may read", secret.value)),
                None => gone.help(format!("{hint}: {}", needs_secret(download))),
            }
            .help(format!(
                "if the file was removed, run `uv lock --upgrade-package {}` to choose another one",
                package.name
            ))
        }
        Cause::Status(status) => {
            let problem = format!("`{host}` returned {status} for {of}{from}");
            Diagnostic::new("download::failed", problem).help("build again when the server works")
        }
        Cause::OtherFile(digest) => {
            let locked = package.artifact.hash.as_ref().map(ToString::to_string).unwrap_or_default();
            let problem = format!("the file that `{host}` sent for {of}{from} is not the one in the lockfile");
            Diagnostic::new("download::other_file", problem)
                .help(format!("the lockfile has {locked}, the file has {digest}"))
                .help(
                    "if this change is expected, run `uv lock`; if not, someone replaced the file, or a proxy answers for the server",
                )
        }
        Cause::Truncated(size) => {
            let locked = package.artifact.size.map(|size| format!(" of {size}")).unwrap_or_default();
            let problem = format!("`{host}` has only the first {size}{locked} bytes of {of}{from}");
            Diagnostic::new("download::truncated", problem).help("the server must provide the whole file again")
        }
        Cause::Cut => {
            let problem = format!("`{host}` closed the connection while it sent {of}{from}");
            Diagnostic::new("download::failed", problem)
                .help("build again; if it happens again, check the proxies on the way")
        }
        Cause::Unreachable(reason) => {
            let problem = format!("`{host}` cannot be reached for {of}{from}: {reason}");
            Diagnostic::new("download::unreachable", problem)
                .help(format!("BuildKit itself requests `{}`, on the machine where its daemon runs", download.url))
                .help(format!(
                    "if another server has the same files, add `\"{}\" = \"URL\"` to `[mirrors]`",
                    origin(&download.url)
                ))
        }
        Cause::Passing => {
            let problem = format!("`{host}` sent a wrong file for {of}{from}, but the right one when asked again");
            Diagnostic::new("download::failed", problem).help("build again")
        }
        Cause::NoHeader => {
            let id = download.secret.as_ref().map_or("HTTP_AUTH_…", |secret| &secret.value);
            let problem = format!("the secret `{id}` {} cannot be sent as a header", whose(download));
            Diagnostic::new("secret::no_header", problem)
                .help(HEADER)
                .help("often the value ends with a line break: write it with `printf %s`")
        }
        Cause::Words(words) => {
            let problem = format!("cannot fetch {of}{from}: {}", words.trim());
            let failed = Diagnostic::new("download::failed", problem);
            match words.contains("x509: ") {
                true => {
                    failed.help("BuildKit's daemon fetches this file: install the certificate there, because `[ca]` is only for steps")
                }
                false => failed.help(format!("the URL is `{}`", download.url)),
            }
        }
    };
    let places_first = matches!(cause, Cause::NoHeader).then(|| download.secret.as_ref()).flatten();
    let diagnostic = diagnostic.at_some(places_first.map(|secret| secret.span.clone())).at(package.span.clone());
    match places_first {
        Some(_) => diagnostic,
        None => diagnostic.at_some(download.secret.as_ref().map(|secret| secret.span.clone())),
    }
}

/// How to give a secret to a download that has none.
fn needs_secret(download: &Download) -> String {
    let host = host(&download.url);
    let by_host = format!("`--secret id=HTTP_AUTH_TOKEN_{host},env=VARIABLE`");
    match &download.index {
        // A name is no URL.
        Some(index) if !index.contains("://") => format!(
            "write `[indexes.{index}]` with `secret = \"ID\"` and build with `--secret id=ID,env=VARIABLE`, or build with {by_host}"
        ),
        _ => format!("build with {by_host}, or give the index a name and a secret: `[indexes.NAME]`"),
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not found",
        _ => "gone",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostics, SourceFile, Span};
    use crate::plan::recipe::Recipe;
    use crate::plan::{Artifact, Form, Hash, Origin};

    /// What a user is told of a wheel of 1000 bytes, from an index that has a name, without a secret and with one.
    fn explained(cause: &Cause) -> String {
        let lock = SourceFile::new("uv.lock", "[[package]]\nname = \"heron\"\n");
        let config = SourceFile::new("uv.build.toml", "[indexes.internal]\nsecret = \"token\"\n");
        let url = HttpUrl::parse("https://files.example/heron-1.0-py3-none-any.whl").unwrap();
        let hash = Hash { algorithm: "sha256".to_owned(), hex: "00".repeat(32) };
        let package = Package {
            name: "heron".to_owned(),
            version: "1.0".to_owned(),
            artifact: Artifact {
                file: "heron-1.0-py3-none-any.whl".to_owned(),
                form: Form::Wheel,
                origin: Origin::Url(url.clone()),
                hash: Some(hash),
                size: Some(1000),
            },
            index: Some("https://index.example/simple".to_owned()),
            direct_url: None,
            recipe: Recipe::default(),
            network: false,
            span: Span::new(&lock, 12..26),
        };
        let secret = Located { value: "token".to_owned(), span: Span::new(&config, 28..35) };
        let told = [None, Some(secret)].map(|secret| {
            let download = Download { url: url.clone(), index: Some("internal".to_owned()), secret };
            Diagnostics::from(explain(&package, &download, cause)).render()
        });
        told.join("\n")
    }

    #[test]
    fn tells_why_a_download_failed() {
        let digest = format!("sha256:{}", "11".repeat(32));
        let causes = [
            Cause::Status(401),
            Cause::Status(404),
            Cause::Status(503),
            Cause::Truncated(500),
            Cause::OtherFile(digest),
            Cause::Cut,
            Cause::Unreachable("no such host".to_owned()),
            Cause::Passing,
            Cause::NoHeader,
            Cause::Words("Get \"https://files.example/\": x509: certificate signed by unknown authority".to_owned()),
        ];
        insta::assert_snapshot!(causes.iter().map(explained).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn a_wheel_without_its_end_is_truncated() {
        let end = [&b"PK\x05\x06"[..], &[0; 18]].concat();
        assert!(is_truncated(b"PK\x03\x04wheel", b"in the middle of"));
        assert!(!is_truncated(b"PK\x03\x04wheel", &end));
        assert!(!is_truncated(b"<!doctype html>", b"</html>"));
    }

    #[test]
    fn reads_what_buildkit_says() {
        assert_eq!(told("failed to load cache key: invalid response status 403"), Some(Cause::Status(403)));
        assert_eq!(told("unexpected EOF"), Some(Cause::Cut));
        let unreachable = |reason: &str| Some(Cause::Unreachable(reason.to_owned()));
        let lookup = "Get \"https://a/b\": dial tcp: lookup a on 127.0.0.53:53: no such host";
        assert_eq!(told(lookup), unreachable("no such host"));
        let refused = "Get \"https://a/b\": dial tcp 127.0.0.1:1: connect: connection refused";
        assert_eq!(told(refused), unreachable("connection refused"));
        assert_eq!(told("Get \"https://a/b\": proxyconnect tcp: dial tcp 127.0.0.1:1: i/o timeout"), None);
        let header = "Get \"https://a\": net/http: invalid header field value for \"Authorization\"";
        assert_eq!(told(header), Some(Cause::NoHeader));
        assert_eq!(told("digest mismatch sha256:00: sha256:11"), None);
    }
}

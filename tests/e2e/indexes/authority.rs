//! Servers whose certificates are signed by an authority that only the user knows.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use sha2::{Digest as _, Sha256};
use xtask::lab::run_captured;

use super::secrecy;
use crate::build::Build;
use crate::container;
use crate::context::Context;
use crate::equality::BASE;
use crate::project::{Project, UV_BUILD};
use crate::pythons::Pythons;
use crate::stage::Stage;

/// Serves its directory over TLS on a free port, which it prints. Connections stay open: python does not end TLS before it closes one,
/// and apt wants that.
const SERVER: &str = r#"
import functools, http.server, ssl, sys
http.server.SimpleHTTPRequestHandler.protocol_version = "HTTP/1.1"
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// A build backend in one module, which builds an application of one module.
const BACKEND: &str = r#"import zipfile


def build_wheel(directory, config_settings=None, metadata_directory=None):
    name, info = "app-1.0-py3-none-any.whl", "app-1.0.dist-info/"
    with zipfile.ZipFile(directory + "/" + name, "w") as wheel:
        wheel.write("src/app/__init__.py", "app/__init__.py")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: app\nVersion: 1.0\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: marsh\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\napp = app:main\n")
        wheel.writestr(info + "RECORD", "")
    return name
"#;

/// A directory that is served until the test ends.
pub struct Server {
    process: Child,
    /// Where.
    pub port: u16,
}

impl Server {
    /// Serves a directory with a certificate.
    pub fn open(directory: &Path, certificate: &Path, key: &Path) -> Result<Self> {
        let mut python = Command::new("python3");
        python.args(["-c", SERVER]).args([directory, certificate, key]);
        let mut process = python.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(process.stdout.take().context("stdout")?).read_line(&mut line)?;
        let port = line.trim().parse().with_context(|| format!("no port in `{line}`"))?;
        Ok(Self { process, port })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended cannot be ended, and need not.
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// An authority's certificate, and one that it signed for this machine with its key.
pub fn certificates(directory: &Path) -> Result<(PathBuf, PathBuf, PathBuf)> {
    fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1\nauthorityKeyIdentifier=keyid\n")?;
    let openssl = |line: &str| run_captured(Command::new("openssl").current_dir(directory).args(line.split(' ')));
    // Python wants to be told what the authority's key is for.
    openssl(
        "req -x509 -newkey rsa:2048 -nodes -subj /CN=marsh -days 30 -addext keyUsage=critical,keyCertSign -keyout ca.key \
         -out ca.pem",
    )?;
    openssl("req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout key.pem -out request.pem")?;
    openssl(
        "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out certificate.pem",
    )?;
    let path = |name: &str| directory.join(name);
    Ok((path("ca.pem"), path("certificate.pem"), path("key.pem")))
}

/// A step finds its build backend behind such a certificate, and not without the authority.
pub fn authority(stage: &Stage) -> Result<()> {
    let nonce = format!("NONCE = \"{} authority\"\n", stage.nonce());
    let served = stage.directory("authority-served")?;
    let source = format!("{BACKEND}\n{nonce}");
    let (file, wheel) =
        Project::write(&stage.directory("authority-marsh")?, "marsh", "1.0", UV_BUILD, &source)?.wheel()?;
    fs::create_dir_all(served.join("simple/marsh"))?;
    fs::write(served.join("simple/marsh/index.html"), format!("<a href=\"/{file}\">{file}</a>"))?;
    fs::write(served.join(&file), wheel)?;
    let (ca, certificate, key) = certificates(&stage.directory("authority-certificates")?)?;
    let server = Server::open(&served, &certificate, &key)?;

    let context = Context::new(stage, "authority")?;
    context.write(
        "pyproject.toml",
        format!(
            "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\nscripts = {{ app = \"app:main\" }}\n\n\
             [build-system]\nrequires = [\"marsh\"]\nbuild-backend = \"marsh\"\n\n\
             [[tool.uv.index]]\nname = \"marsh\"\nurl = \"https://127.0.0.1:{}/simple\"\ndefault = true\n",
            server.port
        ),
    )?;
    context.write("src/app/__init__.py", format!("{nonce}\n\ndef main():\n    print(\"trusted\")\n"))?;
    context.write("uv.build.toml", "[targets.app]\n")?;
    context.lock()?;
    let shown = context.build().fail()?;
    ensure!(shown.contains("certificate"), "the certificate is not what is wrong:\n{shown}");

    context.write("uv.build.toml", "[targets.app]\n\n[ca]\nsecret = \"marsh-ca\"\n")?;
    let shown = context.build().fail()?;
    let expected = "uv.build.toml:4:10: the secret `marsh-ca` with the certificates of `[ca]` was not given";
    ensure!(shown.contains(expected), "`{expected}` is not shown:\n{shown}");
    let secret = format!("--secret=id=marsh-ca,src={}", ca.display());
    let by_secret = context.build().argument(secret).argument("--provenance=mode=max").push("indexes")?;
    // Its certificate is no secret, and what a secret holds is nowhere all the same.
    let certificate = fs::read_to_string(&ca)?;
    let line = certificate.lines().nth(5).context("a certificate of few lines")?;
    secrecy::check(stage, &by_secret, &[line.to_owned()])?;

    context.write("certificates/ca.pem", fs::read(&ca)?)?;
    context.write("uv.build.toml", "[targets.app]\n\n[ca]\nfile = \"certificates/ca.pem\"\n")?;
    let by_file = context.build().push("indexes")?;
    for built in [&by_secret, &by_file] {
        let run = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(run.stdout == "trusted\n", "{run:?}");
    }
    Ok(())
}

/// A Debian package with nothing in it but a file, in a repository that is a directory.
fn offer_package(served: &Path, nonce: &str) -> Result<()> {
    let package = served.join("marsh-tool");
    fs::create_dir_all(package.join("DEBIAN"))?;
    fs::create_dir_all(package.join("usr/share/marsh"))?;
    fs::write(package.join("usr/share/marsh/nonce"), nonce)?;
    let control = "Package: marsh-tool\nVersion: 1.0\nArchitecture: all\nMaintainer: heron <heron@example.org>\n\
                   Description: A tool of the marsh\n";
    fs::write(package.join("DEBIAN/control"), control)?;
    let mut build = Command::new("dpkg-deb");
    run_captured(build.current_dir(served).args(["--root-owner-group", "--build", "marsh-tool", "marsh-tool.deb"]))?;
    let file = fs::read(served.join("marsh-tool.deb"))?;
    let digest: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let entry = format!("{control}Filename: ./marsh-tool.deb\nSize: {}\nSHA256: {digest}\n", file.len());
    Ok(fs::write(served.join("Packages"), entry)?)
}

/// apt finds its packages behind such a certificate, and not without the authority.
pub fn authority_for_apt(stage: &Stage) -> Result<()> {
    let nonce = format!("{} authority-for-apt\n", stage.nonce());
    let served = stage.directory("apt-authority-served")?;
    offer_package(&served, &nonce)?;
    let (ca, certificate, key) = certificates(&stage.directory("apt-authority-certificates")?)?;
    let server = Server::open(&served, &certificate, &key)?;
    let base = stage.directory("apt-authority-base")?;
    let source = format!("deb [trusted=yes] https://127.0.0.1:{}/ ./", server.port);
    let replace = "rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*";
    fs::write(
        base.join("Dockerfile"),
        format!("FROM {BASE}\nRUN {replace} && echo '{source}' > /etc/apt/sources.list\n"),
    )?;
    let base = Build::of(stage, &base).push("apt-authority-base")?.reference;

    let context = Context::new(stage, "apt-authority")?;
    context.write(
        "pyproject.toml",
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[tool.uv]\npackage = false\n",
    )?;
    let print = "print(open('/usr/share/marsh/nonce').read(), end='')";
    let target =
        format!("[targets.app]\nbase = \"{base}\"\napt = [\"marsh-tool\"]\ncmd = [\"python\", \"-Ic\", \"{print}\"]\n");
    context.write("uv.build.toml", &target)?;
    context.lock()?;
    let shown = context.build().fail()?;
    ensure!(shown.contains("ertificate"), "the certificate is not what is wrong:\n{shown}");

    context.write("uv.build.toml", format!("{target}\n[ca]\nsecret = \"marsh-ca\"\n"))?;
    let secret = format!("--secret=id=marsh-ca,src={}", ca.display());
    let by_secret = context.build().argument(secret).push("indexes")?;
    context.write("certificates/ca.pem", fs::read(&ca)?)?;
    context.write("uv.build.toml", format!("{target}\n[ca]\nfile = \"certificates/ca.pem\"\n"))?;
    let by_file = context.build().push("indexes")?;
    for built in [&by_secret, &by_file] {
        let run = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(run.stdout == nonce, "{run:?}");
    }
    Ok(())
}

/// uv finds the python that it installs behind such a certificate, and not without the authority.
pub fn authority_for_python(stage: &Stage) -> Result<()> {
    let pythons = Pythons::serve(stage, "python-authority-served")?;
    let (ca, certificate, key) = certificates(&stage.directory("python-authority-certificates")?)?;
    let server = Server::open(pythons.directory(), &certificate, &key)?;

    let context = Context::new(stage, "python-authority")?;
    context.write(
        "pyproject.toml",
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[tool.uv]\npackage = false\n",
    )?;
    context.write("pythons.json", pythons.list_of_releases())?;
    let print = "import platform; print(platform.python_version())";
    let config = format!(
        "[python]\nversion = \"3.13\"\nprovider = \"managed\"\ndownloads-json = \"pythons.json\"\n\
         mirror = \"https://127.0.0.1:{}\"\n\n[targets.app]\ncmd = [\"python\", \"-Ic\", \"{print}\"]\n",
        server.port
    );
    context.write("uv.build.toml", &config)?;
    context.lock()?;
    let shown = context.build().fail()?;
    ensure!(shown.contains("certificate"), "the certificate is not what is wrong:\n{shown}");

    context.write("uv.build.toml", format!("{config}\n[ca]\nsecret = \"marsh-ca\"\n"))?;
    let secret = format!("--secret=id=marsh-ca,src={}", ca.display());
    let by_secret = context.build().argument(secret).push("indexes")?;
    context.write("certificates/ca.pem", fs::read(&ca)?)?;
    context.write("uv.build.toml", format!("{config}\n[ca]\nfile = \"certificates/ca.pem\"\n"))?;
    let by_file = context.build().push("indexes")?;
    for built in [&by_secret, &by_file] {
        let run = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(run.stdout == format!("{}\n", pythons.version()), "{run:?}");
    }
    Ok(())
}

/// What a step of the user's fetches, and what it is told of certificates.
const FETCH: &str = r#"
import os, ssl, sys, urllib.request
names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO")
told = {os.environ.get(name) for name in names}
page = urllib.request.urlopen(sys.argv[1]).read().decode()
many = len(ssl.create_default_context().get_ca_certs()) > 1
with open("/fetched/page", "w") as out:
    print(page, len(told), told == {os.environ["SSL_CERT_FILE"]}, many, os.environ["NODE_EXTRA_CA_CERTS"], file=out)
"#;

/// A step of the user's trusts such a server, and those that its image trusts; not without the authority.
pub fn authority_for_steps(stage: &Stage) -> Result<()> {
    let served = stage.directory("steps-authority-served")?;
    fs::write(served.join("page"), stage.nonce())?;
    let (ca, certificate, key) = certificates(&stage.directory("steps-authority-certificates")?)?;
    let server = Server::open(&served, &certificate, &key)?;

    let context = Context::new(stage, "steps-authority")?;
    context.write(
        "pyproject.toml",
        "[project]\nname = \"app\"\nversion = \"1.0\"\nrequires-python = \">=3.11\"\n\n[tool.uv]\npackage = false\n",
    )?;
    context.write("fetch.py", FETCH)?;
    let target = format!(
        r#"[targets.app]
base = "{BASE}"
cmd = ["cat", "/fetched/page", "/copied/page"]

[[targets.app.steps]]
name = "fetch"
image = "{BASE}"
inputs = [{{ from = "fetch.py", to = "/fetch.py" }}]
run = ["python3", "/fetch.py", "https://127.0.0.1:{port}/page"]
outputs = ["/fetched"]
network = true
owner = "user"

[[targets.app.steps]]
name = "again"
inputs = [{{ from = "fetch.py", to = "/fetch.py" }}]
run = ["sh", "-c", "rm -rf /fetched; ln -s /copied /fetched; python3 /fetch.py https://127.0.0.1:{port}/page"]
outputs = ["/copied"]
env = {{ NODE_EXTRA_CA_CERTS = "my own" }}
network = true
"#,
        port = server.port
    );
    context.write("uv.build.toml", &target)?;
    context.lock()?;
    let shown = context.build().fail()?;
    ensure!(shown.contains("certificate verify failed"), "the certificate is not what is wrong:\n{shown}");

    context.write("uv.build.toml", format!("{target}\n[ca]\nsecret = \"marsh-ca\"\n"))?;
    let secret = format!("--secret=id=marsh-ca,src={}", ca.display());
    let by_secret = context.build().argument(&secret).push("indexes")?;
    context.write("certificates/ca.pem", fs::read(&ca)?)?;
    context.write("uv.build.toml", format!("{target}\n[ca]\nfile = \"certificates/ca.pem\"\n"))?;
    let by_file = context.build().push("indexes")?;
    let bundle = "/run/secrets/uv-buildkit/bundle.pem";
    let expected = format!("{nonce} 1 True True {bundle}\n{nonce} 1 True True my own\n", nonce = stage.nonce());
    for built in [&by_secret, &by_file] {
        let run = container::run(stage.lab(), &built.reference, &[], &[])?;
        ensure!(run.stdout == expected, "{run:?}, not {expected}");
    }

    // What a secret says is looked at again: the same does not run the step, another does.
    context.write("uv.build.toml", format!("{target}\n[ca]\nsecret = \"marsh-ca\"\n"))?;
    let again = context.build().argument(&secret).push("indexes")?;
    ensure!(!again.steps.executed.iter().any(|step| step.contains("fetch: python3")), "{:?}", again.steps.executed);
    let (other, ..) = certificates(&stage.directory("steps-authority-others")?)?;
    let shown = context.build().argument(format!("--secret=id=marsh-ca,src={}", other.display())).fail()?;
    ensure!(shown.contains("certificate verify failed"), "another authority was not looked at:\n{shown}");
    Ok(())
}

//! A package index on this machine, with packages that a test makes: nothing of them can be in a cache, and they can be wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use uv_buildkit_tests::uv;
use xtask::lab::run_captured;

use crate::stage::Stage;

/// An index that is served until the tests end (PEP 691).
pub struct Index {
    port: u16,
    directory: PathBuf,
    wheels: Arc<Mutex<Wheels>>,
}

/// Contents by file name.
type Wheels = BTreeMap<String, Vec<u8>>;

impl Index {
    /// Starts an empty index on a free port.
    pub fn open(stage: &Stage, name: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let wheels = Arc::new(Mutex::new(Wheels::new()));
        let served = Arc::clone(&wheels);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = Arc::clone(&served);
                // Whoever asks sees a broken connection, and tells.
                std::thread::spawn(move || answer(stream, port, &served));
            }
        });
        Ok(Self { port, directory: stage.directory(name)?, wheels })
    }

    /// The index's URL, for `[[tool.uv.index]]`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/simple", self.port)
    }

    /// Builds a wheel of a package with one module, and offers it.
    pub fn offer(&self, name: &str, version: &str, source: &str) -> Result<()> {
        let project = self.directory.join(format!("{name}-{version}"));
        fs::create_dir_all(project.join(format!("src/{name}")))?;
        fs::write(project.join(format!("src/{name}/__init__.py")), source)?;
        let manifest = format!(
            "[project]\nname = \"{name}\"\nversion = \"{version}\"\n\n\
             [build-system]\nrequires = [\"uv_build\"]\nbuild-backend = \"uv_build\"\n"
        );
        fs::write(project.join("pyproject.toml"), manifest)?;
        let mut build = uv::command()?;
        build.args(["build", "--wheel", "--quiet", "--offline", "--out-dir"]).arg(&self.directory).arg(&project);
        run_captured(&mut build)?;
        let file = format!("{name}-{version}-py3-none-any.whl");
        let wheel = fs::read(self.directory.join(&file))?;
        self.wheels.lock().unwrap_or_else(PoisonError::into_inner).insert(file, wheel);
        Ok(())
    }
}

/// One request a connection: the listing of a package, or a wheel.
fn answer(mut stream: TcpStream, port: u16, wheels: &Mutex<Wheels>) -> Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().context("no request")??;
    // The rest of the head, so that nothing is left unread when the connection closes.
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, media, body) = {
        let wheels = wheels.lock().unwrap_or_else(PoisonError::into_inner);
        match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["simple", name] => ("200 OK", "application/vnd.pypi.simple.v1+json", listing(name, port, &wheels)),
            ["wheels", file] => match wheels.get(file) {
                Some(wheel) => ("200 OK", "application/octet-stream", wheel.clone()),
                None => ("404 Not Found", "text/plain", Vec::new()),
            },
            _ => ("404 Not Found", "text/plain", Vec::new()),
        }
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    Ok(())
}

fn listing(name: &str, port: u16, wheels: &Wheels) -> Vec<u8> {
    let files: Vec<_> = wheels
        .iter()
        .filter(|(file, _)| file.starts_with(&format!("{name}-")))
        .map(|(file, wheel)| {
            let hash: String = Sha256::digest(wheel).iter().map(|byte| format!("{byte:02x}")).collect();
            json!({
                "filename": file,
                "url": format!("http://127.0.0.1:{port}/wheels/{file}"),
                "hashes": { "sha256": hash },
                "size": wheel.len(),
            })
        })
        .collect();
    json!({ "meta": { "api-version": "1.1" }, "name": name, "files": files }).to_string().into_bytes()
}

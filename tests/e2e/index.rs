//! A package index on this machine, with packages that a test makes: nothing of them can be in a cache, and they can be wrong.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::project::{Project, UV_BUILD};
use crate::stage::Stage;

/// An index that is served until the tests end (PEP 691), and files beside it.
pub struct Index {
    port: u16,
    directory: PathBuf,
    served: Arc<Mutex<Served>>,
}

/// What is served.
#[derive(Default)]
struct Served {
    /// Contents by path. Those below `packages/` are listed in the index.
    files: BTreeMap<String, Vec<u8>>,
    told: Told,
}

/// What the index tells of a file.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Told {
    /// Its size and its sha256.
    #[default]
    Everything,
    /// Its sha512 only.
    Sha512,
    /// Nothing.
    Nothing,
}

impl Index {
    /// Starts an empty index on a free port.
    pub fn open(stage: &Stage, name: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let served = Arc::new(Mutex::new(Served::default()));
        let shared = Arc::clone(&served);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = Arc::clone(&shared);
                // Whoever asks sees a broken connection, and tells.
                std::thread::spawn(move || answer(stream, port, &served));
            }
        });
        Ok(Self { port, directory: stage.directory(name)?, served })
    }

    /// The index's URL, for `[[tool.uv.index]]`.
    pub fn url(&self) -> String {
        self.url_of("simple")
    }

    /// The URL of what is served at a path.
    pub fn url_of(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Tells less of the files.
    pub fn tell(&self, told: Told) {
        self.change(|served| served.told = told);
    }

    /// Builds a wheel of a package with one module, and offers it.
    pub fn offer(&self, name: &str, version: &str, source: &str) -> Result<()> {
        let (file, wheel) = self.project(name, version, UV_BUILD, source)?.wheel()?;
        self.serve(&format!("packages/{file}"), wheel);
        Ok(())
    }

    /// Packs a project, and offers it.
    pub fn offer_sdist(&self, project: &Project) -> Result<()> {
        let (file, archive) = project.sdist()?;
        self.serve(&format!("packages/{file}"), archive);
        Ok(())
    }

    /// A project in the index's directory.
    pub fn project(&self, name: &str, version: &str, build_system: &str, source: &str) -> Result<Project> {
        Project::write(&self.directory.join(format!("{name}-{version}")), name, version, build_system, source)
    }

    /// Serves a file.
    pub fn serve(&self, path: &str, content: Vec<u8>) {
        self.change(|served| served.files.insert(path.to_owned(), content));
    }

    /// Serves the files in a directory, as they are now.
    pub fn serve_directory(&self, path: &str, directory: &Path) -> Result<()> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = format!("{path}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                self.serve_directory(&path, &entry.path())?;
            } else {
                self.serve(&path, fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Served) -> T) -> T {
        change(&mut self.served.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One request a connection: the listing of a package, or a file.
fn answer(mut stream: TcpStream, port: u16, served: &Mutex<Served>) -> Result<()> {
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
    let path = path.split('?').next().unwrap_or_default().trim_matches('/');
    let (status, media, body) = {
        let served = served.lock().unwrap_or_else(PoisonError::into_inner);
        match (path.strip_prefix("simple/"), served.files.get(path)) {
            (Some(name), _) => ("200 OK", "application/vnd.pypi.simple.v1+json", listing(name, port, &served)),
            (None, Some(file)) => ("200 OK", "application/octet-stream", file.clone()),
            (None, None) => ("404 Not Found", "text/plain", Vec::new()),
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

fn listing(name: &str, port: u16, served: &Served) -> Vec<u8> {
    let packages = served.files.iter().filter_map(|(path, content)| Some((path.strip_prefix("packages/")?, content)));
    let files: Vec<_> = packages
        .filter(|(file, _)| file.replace('_', "-").starts_with(&format!("{name}-")))
        .map(|(file, content)| {
            let url = format!("http://127.0.0.1:{port}/packages/{file}");
            let mut told = json!({ "filename": file, "url": url, "hashes": hashes(content, served.told) });
            if served.told == Told::Everything {
                told["size"] = content.len().into();
            }
            told
        })
        .collect();
    json!({ "meta": { "api-version": "1.1" }, "name": name, "files": files }).to_string().into_bytes()
}

fn hashes(content: &[u8], told: Told) -> Value {
    let hexadecimal = |digest: &[u8]| digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match told {
        Told::Everything => json!({ "sha256": hexadecimal(&Sha256::digest(content)) }),
        Told::Sha512 => json!({ "sha512": hexadecimal(&Sha512::digest(content)) }),
        Told::Nothing => json!({}),
    }
}

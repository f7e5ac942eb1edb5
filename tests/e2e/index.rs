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
    doors: Doors,
    /// Requests so far.
    asked: Vec<Asked>,
}

/// Whom the server lets in, and where it sends them.
#[derive(Clone, Default)]
struct Doors {
    /// The `Authorization` header without which nobody is let in.
    header: Option<String>,
    /// Files are said to lie on another host, and that host sends on to a third address, where nobody may show a header.
    are_elsewhere: bool,
    /// Whoever asks for something below a path is sent on to where this URL and the path lead.
    sent_on: Option<(String, String)>,
    /// What is wrong with everything below a path.
    trouble: Option<(String, Trouble)>,
}

/// How a server fails.
#[derive(Clone, Copy)]
pub enum Trouble {
    /// It answers with this status.
    Status(u16),
    /// What it has is only the start of the file.
    Truncated,
    /// It ends the connection in the middle.
    Cut,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Its path.
    pub path: String,
    /// Its `Authorization` header.
    pub authorization: Option<String>,
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

    /// Lets in only who shows this `Authorization` header.
    pub fn require(&self, header: &str) {
        self.change(|served| served.doors.header = Some(header.to_owned()));
    }

    /// Lets everybody in.
    pub fn admit_all(&self) {
        self.change(|served| served.doors.header = None);
    }

    /// Says that files lie on another host, which sends on to where the secret must not be shown.
    pub fn store_elsewhere(&self) {
        self.change(|served| served.doors.are_elsewhere = true);
    }

    /// Sends those on to another server who ask for something below a path.
    pub fn send_on(&self, path: &str, server: &str) {
        self.change(|served| served.doors.sent_on = Some((path.to_owned(), server.to_owned())));
    }

    /// Fails for everything below a path.
    pub fn fail(&self, path: &str, trouble: Trouble) {
        self.change(|served| served.doors.trouble = Some((path.to_owned(), trouble)));
    }

    /// The requests so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.change(|served| served.asked.clone())
    }

    /// What is served by another index is served here as well.
    pub fn mirror(&self, other: &Self) {
        let files = other.change(|served| served.files.clone());
        self.change(|served| served.files.extend(files));
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

    /// Has nothing any more: whoever fetches something is told that it is not there.
    pub fn withdraw(&self) {
        self.change(|served| served.files.clear());
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
    // All of the head, so that nothing is left unread when the connection closes.
    let mut authorization = None;
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut words = request.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default().trim_matches('/');
    let Answer { status, head, body, sent } = {
        let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
        served.asked.push(Asked { path: path.to_owned(), authorization: authorization.clone() });
        served.answer(path, authorization.as_deref(), port)
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} -\r\n{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    if method != "HEAD" {
        stream.write_all(&body[..sent])?;
    }
    Ok(())
}

/// What is sent back.
struct Answer {
    status: u16,
    /// A line of the head.
    head: String,
    body: Vec<u8>,
    /// How much of the body is sent before the connection ends.
    sent: usize,
}

impl Answer {
    fn new(status: u16, media: &str, body: Vec<u8>) -> Self {
        Self { status, head: format!("Content-Type: {media}"), sent: body.len(), body }
    }
}

/// Where the third address is: below here, nobody may show a header.
const SIGNED: &str = "signed/";

impl Served {
    fn answer(&self, path: &str, authorization: Option<&str>, port: u16) -> Answer {
        let refused = |status: u16| Answer::new(status, "text/plain", format!("{status}\n").into_bytes());
        let is_signed = path.starts_with(SIGNED);
        if is_signed && authorization.is_some() {
            return refused(400);
        }
        if !is_signed && self.doors.header.is_some() && self.doors.header.as_deref() != authorization {
            let mut answer = refused(401);
            answer.head += "\r\nWWW-Authenticate: Basic realm=\"index\"";
            return answer;
        }
        let trouble = self.doors.trouble.as_ref().filter(|(below, _)| path.starts_with(below));
        if let Some((_, Trouble::Status(status))) = trouble {
            return refused(*status);
        }
        if let Some((_, server)) = self.doors.sent_on.as_ref().filter(|(below, _)| path.starts_with(below)) {
            let mut answer = refused(302);
            answer.head += &format!("\r\nLocation: {server}{path}");
            return answer;
        }
        if self.doors.are_elsewhere && path.starts_with("packages/") {
            let mut answer = refused(302);
            answer.head += &format!("\r\nLocation: http://127.0.0.1:{port}/{SIGNED}{path}");
            return answer;
        }
        let path = path.strip_prefix(SIGNED).unwrap_or(path);
        if let Some(name) = path.strip_prefix("simple/") {
            return Answer::new(200, "application/vnd.pypi.simple.v1+json", listing(name, port, self));
        }
        let Some(file) = self.files.get(path) else { return refused(404) };
        let mut answer = Answer::new(200, "application/octet-stream", file.clone());
        match trouble {
            Some((_, Trouble::Truncated)) => {
                answer.body.truncate(file.len() / 2);
                answer.sent = answer.body.len();
            }
            Some((_, Trouble::Cut)) => answer.sent = file.len() / 2,
            Some((_, Trouble::Status(_))) | None => {}
        }
        answer
    }
}

fn listing(name: &str, port: u16, served: &Served) -> Vec<u8> {
    let packages = served.files.iter().filter_map(|(path, content)| Some((path.strip_prefix("packages/")?, content)));
    let files: Vec<_> = packages
        .filter(|(file, _)| file.replace('_', "-").starts_with(&format!("{name}-")))
        .map(|(file, content)| {
            let host = if served.doors.are_elsewhere { "localhost" } else { "127.0.0.1" };
            let url = format!("http://{host}:{port}/packages/{file}");
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

//! A static package index on the loopback: the JSON of the simple API, and the wheels of one directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// The port that is taken when nobody else has it: locks name it, and uv caches by address.
const USUAL_PORT: u16 = 5090;

/// How long a client may keep a connection without a request.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server that ends with this value.
#[derive(Debug)]
pub struct Index {
    address: SocketAddr,
    ended: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<()>>,
}

/// A wheel, as the index lists it.
#[derive(Debug, Clone)]
pub struct Wheel {
    pub path: PathBuf,
    pub sha256: String,
    pub size: u64,
}

impl Wheel {
    pub fn file_name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// What is served: pages by normalised package name, wheels by file name.
#[derive(Debug, Default)]
struct Content {
    pages: BTreeMap<String, Vec<u8>>,
    wheels: BTreeMap<String, PathBuf>,
}

impl Index {
    /// Serves these wheels until the value is dropped.
    pub fn start(wheels: &[Wheel]) -> Result<Index> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, USUAL_PORT))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("there is no free port on 127.0.0.1 for the package index")?;
        let address = listener.local_addr()?;
        let content = Arc::new(Content::new(wheels, address));
        let ended = Arc::new(AtomicBool::new(false));
        let acceptor = thread::spawn({
            let ended = Arc::clone(&ended);
            move || accept(&listener, &content, &ended)
        });
        Ok(Index { address, ended, acceptor: Some(acceptor) })
    }

    /// The address of the simple API.
    pub fn url(&self) -> String {
        format!("http://{}/simple", self.address)
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // The acceptor sees the flag with its next connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Content {
    fn new(wheels: &[Wheel], address: SocketAddr) -> Content {
        let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        let mut content = Content::default();
        for wheel in wheels {
            let file = wheel.file_name();
            // Sizes are in the lock of a real index as well, and layers are planned by them.
            files.entry(distribution(&file)).or_default().push(json!({
                "filename": file,
                "url": format!("http://{address}/wheels/{file}"),
                "hashes": { "sha256": wheel.sha256 },
                "size": wheel.size,
            }));
            content.wheels.insert(file, wheel.path.clone());
        }
        for (name, files) in files {
            let page = json!({ "meta": { "api-version": "1.1" }, "name": name, "versions": [], "files": files });
            content.pages.insert(name, page.to_string().into_bytes());
        }
        content
    }
}

/// The normalised name of the distribution that a wheel's file name begins with.
fn distribution(file: &str) -> String {
    let name = file.split('-').next().unwrap_or_default();
    name.to_lowercase().replace(['_', '.'], "-")
}

fn accept(listener: &TcpListener, content: &Arc<Content>, ended: &AtomicBool) {
    for stream in listener.incoming() {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(stream) = stream {
            let content = Arc::clone(content);
            // A client that hangs up in the middle concerns nobody else.
            thread::spawn(move || drop(serve(stream, &content)));
        }
    }
}

/// Answers the requests of one connection, until the client closes it or is silent for too long.
fn serve(mut stream: TcpStream, content: &Content) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream.try_clone()?);
    while let Some((method, path)) = read_request(&mut requests)? {
        let with_body = method == "GET";
        let page = path.strip_prefix("/simple/").map(|name| name.trim_end_matches('/'));
        let page = page.and_then(|name| content.pages.get(name));
        let wheel = path.strip_prefix("/wheels/").and_then(|file| content.wheels.get(file));
        if let Some(page) = page {
            write_head(&mut stream, "200 OK", "application/vnd.pypi.simple.v1+json", page.len() as u64)?;
            if with_body {
                stream.write_all(page)?;
            }
        } else if let Some(path) = wheel {
            send_wheel(&mut stream, path, with_body)?;
        } else {
            write_head(&mut stream, "404 Not Found", "text/plain", 0)?;
        }
    }
    Ok(())
}

/// The method and path of the next request; its headers don't matter here.
fn read_request(requests: &mut impl BufRead) -> io::Result<Option<(String, String)>> {
    let mut line = String::new();
    if requests.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let request = words.next().zip(words.next());
    loop {
        let mut header = String::new();
        if requests.read_line(&mut header)? == 0 || header.trim().is_empty() {
            return Ok(request);
        }
    }
}

fn write_head(stream: &mut TcpStream, status: &str, content_type: &str, length: u64) -> io::Result<()> {
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes())
}

fn send_wheel(stream: &mut TcpStream, path: &Path, with_body: bool) -> io::Result<()> {
    let mut file = File::open(path)?;
    write_head(stream, "200 OK", "application/octet-stream", fs::metadata(path)?.len())?;
    if with_body {
        // Copied by the kernel: the benchmark's own work is not to be seen in its figures.
        io::copy(&mut file, stream)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn get(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn serves_pages_and_wheels() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("Typing_Ext.sions-1.0-py3-none-any.whl");
        fs::write(&path, "wheel").unwrap();
        let index = Index::start(&[Wheel { path, sha256: "00".to_owned(), size: 5 }]).unwrap();

        let page = get(index.address, "GET /simple/typing-ext-sions/ HTTP/1.1\r\nAccept: any\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(
            page.contains(r#""size":5"#) && page.contains("/wheels/Typing_Ext.sions-1.0-py3-none-any.whl"),
            "{page}"
        );

        let twice = "GET /wheels/Typing_Ext.sions-1.0-py3-none-any.whl HTTP/1.1\r\n\r\n".repeat(2);
        let wheels = get(index.address, &twice);
        assert_eq!(wheels.matches("\r\n\r\nwheel").count(), 2, "{wheels}");

        for missing in ["/simple/other/", "/wheels/../secret", "/"] {
            let answer = get(index.address, &format!("GET {missing} HTTP/1.1\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        }
    }
}

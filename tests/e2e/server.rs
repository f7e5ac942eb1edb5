//! Files served over HTTP on this machine: archives, configs, and git repositories as plain files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::Builder;
use xtask::lab::run_captured;

use crate::stage::Stage;

/// A directory, served until the tests end.
pub struct Server {
    port: u16,
    /// What it serves.
    pub directory: PathBuf,
}

impl Server {
    /// Serves an empty directory of this name on a free port.
    pub fn open(stage: &Stage, name: &str) -> Result<Self> {
        let directory = stage.directory(name)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let served = directory.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let served = served.clone();
                // Whoever asks sees a broken connection, and tells.
                std::thread::spawn(move || answer(stream, &served));
            }
        });
        Ok(Self { port, directory })
    }

    /// The URL of a file.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Puts a directory into a repository `NAME.git`, below `subdirectory` of it, on the branch `main`. Gives back its commit.
    pub fn commit(&self, name: &str, directory: &Path, subdirectory: &str) -> Result<String> {
        let work = self.directory.join(format!("{name}-work"));
        let place = work.join(subdirectory);
        fs::create_dir_all(&place)?;
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.current_dir(&work).args(["-c", "user.name=heron", "-c", "user.email=heron@example.org"]);
            // The time that the tests look for.
            git.envs([("GIT_AUTHOR_DATE", "1000000000 +0000"), ("GIT_COMMITTER_DATE", "1234567890 +0000")]);
            run_captured(git.args(arguments))
        };
        run_captured(Command::new("cp").arg("-r").args([&directory.join("."), &place]))?;
        git(&["init", "--quiet", "--initial-branch=main"])?;
        git(&["add", "--all"])?;
        git(&["commit", "--quiet", "--message=A pond"])?;
        let commit = git(&["rev-parse", "HEAD"])?.trim().to_owned();
        let bare = self.directory.join(format!("{name}.git"));
        run_captured(Command::new("git").args(["clone", "--quiet", "--bare"]).args([&work, &bare]))?;
        // What a server that knows nothing of git has to offer.
        run_captured(Command::new("git").arg("-C").arg(&bare).arg("update-server-info"))?;
        Ok(commit)
    }

    /// Packs a directory into `NAME.tar.gz`, and gives back the archive's path.
    pub fn pack(&self, name: &str, directory: &Path) -> Result<PathBuf> {
        let path = self.directory.join(format!("{name}.tar.gz"));
        let mut archive = Builder::new(GzEncoder::new(fs::File::create(&path)?, Compression::fast()));
        archive.follow_symlinks(false);
        archive.append_dir_all(".", directory)?;
        archive.into_inner()?.finish()?;
        Ok(path)
    }
}

/// One request a connection.
fn answer(mut stream: TcpStream, directory: &Path) -> Result<()> {
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
    let path = path.split('?').next().unwrap_or_default().trim_start_matches('/');
    let (status, body) = match fs::read(directory.join(path)) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    Ok(())
}

//! WebDriver, as far as the tests speak it: a few requests with JSON, for which no client is worth its dependencies.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::lab::browser;

/// How long an answer may take: a browser that starts for the first time takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one window.
pub struct Window {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

/// Keys, as WebDriver writes them.
pub mod key {
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// To the right.
    pub const RIGHT: &str = "\u{e014}";
}

impl Window {
    /// Starts a browser, with a profile of its own that is deleted afterwards.
    pub fn open() -> Result<Self> {
        let browser = browser()?;
        let profile = tempfile::Builder::new().prefix("uv-buildkit-browser-").tempdir()?;
        let mut driver = Command::new(&browser.driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .env("HOME", profile.path())
            .spawn()
            .context("cannot start the driver of the browser")?;
        let mut window = Self { port: port_of(&mut driver)?, driver, session: String::new(), _profile: profile };
        // Root has no sandbox, and containers have little memory to share.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
        ];
        let options = json!({
            "binary": browser.program,
            "args": arguments.map(ToOwned::to_owned).into_iter()
                .chain([format!("--user-data-dir={}", window._profile.path().join("profile").display())])
                .collect::<Vec<_>>(),
        });
        let capabilities = json!({ "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
        let session =
            window.request("POST", "/session", Some(json!({ "capabilities": { "alwaysMatch": capabilities } })))?;
        window.session = session["sessionId"].as_str().context("no session")?.to_owned();
        Ok(window)
    }

    /// The size of the page.
    pub fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
    }

    /// Light or dark.
    pub fn prefer(&self, scheme: &str) -> Result<()> {
        self.devtools(
            "Emulation.setEmulatedMedia",
            json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] }),
        )
    }

    /// Pages that are opened from now on run no scripts of their own.
    pub fn without_scripts(&self) -> Result<()> {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true }))
    }

    fn devtools(&self, command: &str, parameters: Value) -> Result<()> {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters })).map(drop)
    }

    /// Opens a file.
    pub fn open_file(&self, path: &Path, fragment: &str) -> Result<()> {
        self.post("url", json!({ "url": format!("file://{}{fragment}", path.display()) })).map(drop)
    }

    /// Clicks the one element that a selector finds. It must be seen, and nothing may lie over it.
    pub fn click(&self, selector: &str) -> Result<()> {
        let element = self.element(selector)?;
        self.post(&format!("element/{element}/click"), json!({})).with_context(|| selector.to_owned()).map(drop)
    }

    /// Types into an element.
    pub fn write(&self, selector: &str, text: &str) -> Result<()> {
        let element = self.element(selector)?;
        self.post(&format!("element/{element}/value"), json!({ "text": text })).map(drop)
    }

    /// Types where the focus is.
    pub fn press(&self, key: &str) -> Result<()> {
        let actions = [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        self.post("actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] })).map(drop)
    }

    /// What is seen of an element's text.
    pub fn text(&self, selector: &str) -> Result<String> {
        let element = self.element(selector)?;
        let text = self.request("GET", &self.path(&format!("element/{element}/text")), None)?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Whether an element is seen.
    pub fn is_displayed(&self, selector: &str) -> Result<bool> {
        let element = self.element(selector)?;
        Ok(self.request("GET", &self.path(&format!("element/{element}/displayed")), None)? == true)
    }

    /// What a function body gives back.
    pub fn evaluate(&self, body: &str) -> Result<Value> {
        self.post("execute/sync", json!({ "script": body, "args": [] }))
    }

    /// What the page has written to the console since the last look, violations of its policy among it.
    pub fn console(&self) -> Result<Vec<String>> {
        let entries = self.post("se/log", json!({ "type": "browser" }))?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        Ok(entries.iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect())
    }

    /// Writes a picture of the window.
    pub fn picture(&self, path: &Path) -> Result<()> {
        let picture = self.request("GET", &self.path("screenshot"), None)?;
        let png = STANDARD.decode(picture.as_str().context("no picture")?)?;
        ensure!(png.starts_with(b"\x89PNG"), "the picture is no PNG");
        std::fs::create_dir_all(path.parent().context("a directory")?)?;
        std::fs::write(path, png).with_context(|| format!("cannot write {}", path.display()))
    }

    fn element(&self, selector: &str) -> Result<String> {
        let found = self
            .post("element", json!({ "using": "css selector", "value": selector }))
            .with_context(|| selector.to_owned())?;
        let id = found.as_object().and_then(|found| found.values().next()).and_then(Value::as_str);
        Ok(id.with_context(|| format!("there is no `{selector}`"))?.to_owned())
    }

    fn path(&self, command: &str) -> String {
        format!("/session/{}/{command}", self.session)
    }

    fn post(&self, command: &str, body: Value) -> Result<Value> {
        self.request("POST", &self.path(command), Some(body))
    }

    fn request(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )?;
        // The driver keeps the connection, whatever it is asked for.
        let mut stream = BufReader::new(stream);
        let (mut status, mut length) = (String::new(), 0);
        stream.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line)?;
            match line.trim_end().split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse()?,
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let body = String::from_utf8(body)?;
        let answer: Value = serde_json::from_str(&body).with_context(|| format!("{method} {path}: {body}"))?;
        ensure!(
            status.starts_with("HTTP/1.1 200"),
            "{method} {path}: {}: {}",
            answer["value"]["error"],
            answer["value"]["message"]
        );
        Ok(answer["value"].clone())
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // The driver ends its browser with the session.
        let _ = self.request("DELETE", &format!("/session/{}", self.session), None);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that the driver chose, which it says in its first lines.
fn port_of(driver: &mut Child) -> Result<u16> {
    let mut lines = BufReader::new(driver.stdout.take().context("the driver has no output")?).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // What it writes later is read, so that it never waits for a reader.
    std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    port.context("the driver of the browser did not start")
}

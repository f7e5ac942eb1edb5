//! A local server in place of the indexes that a lock names: it has every wheel, and each is empty.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use toml::Table;
use toml::Value;

/// Lives as long as this value.
pub struct Wheelhouse {
    server: Child,
    port: u16,
}

impl Wheelhouse {
    /// Starts it on a free port of the loopback interface.
    pub fn open(python: &Path) -> Result<Self> {
        let mut server = Command::new(python)
            .args(["-c", include_str!("wheelhouse.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        BufReader::new(server.stdout.take().context("stdout")?).read_line(&mut line)?;
        Ok(Self { port: line.trim().parse().context("port of the wheelhouse")?, server })
    }

    /// Rewrites a lock: the same wheels, to be fetched from here, without hashes.
    pub fn adopt(&self, lock: &Path) -> Result<()> {
        let mut table: Table = fs::read_to_string(lock)?.parse()?;
        let packages = table.get_mut("package").and_then(Value::as_array_mut).context("packages")?;
        for package in packages.iter_mut().filter_map(Value::as_table_mut) {
            let wheels = package.get_mut("wheels").and_then(Value::as_array_mut);
            for wheel in wheels.into_iter().flatten().filter_map(Value::as_table_mut) {
                if let Some(Value::String(url)) = wheel.get_mut("url") {
                    let file = url.rsplit('/').next().unwrap_or_default();
                    *url = format!("http://127.0.0.1:{}/{file}", self.port);
                }
                wheel.remove("hash");
                wheel.remove("size");
            }
        }
        Ok(fs::write(lock, toml::to_string(&table)?)?)
    }
}

impl Drop for Wheelhouse {
    fn drop(&mut self) {
        // Its input closes, and it ends.
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

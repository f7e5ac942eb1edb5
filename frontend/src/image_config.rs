//! The config of an image (OCI image-spec: `config.md`), as its registry has it, parsed once.

use serde::Deserialize;
use serde_json::{Map, Value};

/// The config of a base, of a builder or of the image of a step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageConfig {
    /// As it was read; empty if nobody asked for it.
    bytes: Vec<u8>,
    /// The same, with the keys that uv-buildkit does not know.
    document: Map<String, Value>,
    /// `os` and `architecture`.
    pub os: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `Env` of the containers.
    pub env: Vec<(String, String)>,
    workdir: String,
    /// `Entrypoint`.
    pub entrypoint: Vec<String>,
    /// `Cmd`.
    pub cmd: Vec<String>,
    /// The number of layers, if the config has a list of them.
    pub layers: Option<usize>,
}

/// A text that is no image config.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ImageConfigError(#[from] serde_json::Error);

/// The keys that a build reads. A key may be absent or null.
#[derive(Deserialize)]
struct Wire {
    os: Option<String>,
    architecture: Option<String>,
    config: Option<RuntimeWire>,
    rootfs: Option<RootfsWire>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeWire {
    env: Option<Vec<String>>,
    working_dir: Option<String>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RootfsWire {
    diff_ids: Option<Vec<String>>,
}

impl ImageConfig {
    /// Parses a config. No bytes are the config of an image that has none, such as the result of another build.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, ImageConfigError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let wire: Wire = serde_json::from_slice(&bytes)?;
        let document = serde_json::from_slice(&bytes)?;
        let runtime = wire.config.unwrap_or_default();
        let pairs = runtime.env.iter().flatten().filter_map(|pair| pair.split_once('='));
        Ok(Self {
            document,
            os: wire.os.unwrap_or_default(),
            architecture: wire.architecture.unwrap_or_default(),
            env: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            workdir: runtime.working_dir.unwrap_or_default(),
            entrypoint: runtime.entrypoint.unwrap_or_default(),
            cmd: runtime.cmd.unwrap_or_default(),
            layers: wire.rootfs.and_then(|rootfs| rootfs.diff_ids).map(|layers| layers.len()),
            bytes,
        })
    }

    /// Whether anything is known of the image.
    pub fn is_known(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// As it was read.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// All of its keys.
    pub fn document(&self) -> &Map<String, Value> {
        &self.document
    }

    /// The working directory, or the root.
    pub fn workdir(&self) -> &str {
        if self.workdir.starts_with('/') { &self.workdir } else { "/" }
    }
}

/// Where programs are looked for, in the environment of an image.
pub fn path(env: &[(String, String)]) -> &str {
    env.iter().find(|(name, _)| name == "PATH").map_or(DEFAULT_PATH, |(_, path)| path.as_str())
}

/// What BuildKit gives to images that set no path (util/system: `DefaultPathEnvUnix`).
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Gives a variable a value, in its place if there is one.
pub fn set(env: &mut Vec<(String, String)>, name: &str, value: &str) {
    match env.iter_mut().find(|(known, _)| known == name) {
        Some(entry) => value.clone_into(&mut entry.1),
        None => env.push((name.to_owned(), value.to_owned())),
    }
}

/// The label that OCI has for something.
pub fn opencontainers(key: &str) -> String {
    format!("org.opencontainers.image.{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_a_build_needs() {
        let text = r#"{"os": "linux", "architecture": "arm64", "author": "otter", "rootfs": {"diff_ids": ["sha256:a", "sha256:b"]},
            "config": {"Env": ["PATH=/opt/bin:/bin", "EMPTY=", "odd"], "WorkingDir": "/srv", "Entrypoint": ["tini", "--"], "Cmd": null}}"#;
        let config = ImageConfig::parse(text.into()).unwrap();
        assert_eq!((config.os.as_str(), config.architecture.as_str(), config.layers), ("linux", "arm64", Some(2)));
        assert_eq!(path(&config.env), "/opt/bin:/bin");
        assert_eq!(config.env.len(), 2);
        assert_eq!((config.workdir(), config.entrypoint.len(), config.cmd.len()), ("/srv", 2, 0));
        assert_eq!(config.document()["author"], "otter");
        assert!(config.is_known());
        assert_eq!(config.into_bytes(), text.as_bytes());
    }

    #[test]
    fn keys_may_be_missing() {
        for text in ["{}", r#"{"config": null, "rootfs": null}"#, r#"{"config": {"Env": null, "WorkingDir": "srv"}}"#] {
            let config = ImageConfig::parse(text.into()).unwrap();
            assert_eq!((config.env.len(), config.workdir(), config.layers), (0, "/", None));
            assert!(config.is_known());
        }
        let none = ImageConfig::parse(Vec::new()).unwrap();
        assert!(!none.is_known());
        assert_eq!(none, ImageConfig::default());
    }

    #[test]
    fn what_is_no_config_is_an_error() {
        for text in [
            "oops",
            "[]",
            r#"{"config": {"Env": "PATH=/bin"}}"#,
            r#"{"config": {"Env": [1]}}"#,
            r#"{"config": []}"#,
            r#"{"config": {"WorkingDir": 1}}"#,
            r#"{"config": {"Cmd": "sh"}}"#,
            r#"{"rootfs": {"diff_ids": {}}}"#,
        ] {
            assert!(ImageConfig::parse(text.into()).is_err(), "{text}");
        }
    }
}

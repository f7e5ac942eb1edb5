//! The platform of an image or an exec.

use std::fmt;

use buildkit_proto::pb;

/// An operating system, an architecture and a variant (which may be empty), as in
/// `linux/arm64` or `linux/arm/v7`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: String,
}

impl Platform {
    /// The normalized platform without a variant (see [`Platform::with_variant`]).
    pub fn new(os: impl Into<String>, architecture: impl Into<String>) -> Self {
        Self::with_variant(os, architecture, "")
    }

    /// The normalized platform: lower case, `aarch64` is `arm64`, `arm64/v8` is `arm64`,
    /// `arm` is `arm/v7`.
    ///
    /// Mirrors `containerd/platforms` `database.go`, which Go's `llb.State.Platform` applies.
    pub fn with_variant(os: impl Into<String>, architecture: impl Into<String>, variant: impl Into<String>) -> Self {
        let os = match os.into().to_lowercase() {
            os if os == "macos" => "darwin".to_owned(),
            os => os,
        };
        let architecture = architecture.into().to_lowercase();
        let variant = variant.into().to_lowercase();
        let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
            ("i386", _) => ("386", ""),
            ("x86_64" | "x86-64" | "amd64", "v1") => ("amd64", ""),
            ("x86_64" | "x86-64" | "amd64", variant) => ("amd64", variant),
            ("aarch64" | "arm64", "8" | "v8" | "v8.0") => ("arm64", ""),
            ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
            ("aarch64" | "arm64", variant) => ("arm64", variant),
            ("armhf", _) => ("arm", "v7"),
            ("armel", _) => ("arm", "v6"),
            ("arm", "" | "7") => ("arm", "v7"),
            ("arm", "5") => ("arm", "v5"),
            ("arm", "6") => ("arm", "v6"),
            ("arm", "8") => ("arm", "v8"),
            (architecture, variant) => (architecture, variant),
        };
        Self { os, architecture: architecture.to_owned(), variant: variant.to_owned() }
    }

    /// The platform written as `os/architecture` or `os/architecture/variant`; `None` for any
    /// other shape.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        match parts[..] {
            [os, architecture] => Some(Self::new(os, architecture)),
            [os, architecture, variant] => Some(Self::with_variant(os, architecture, variant)),
            _ => None,
        }
    }

    /// The operating system, `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The architecture in Go's names, `amd64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// The variant, `v7`; empty for none.
    pub fn variant(&self) -> &str {
        &self.variant
    }

    /// The wire message.
    pub fn to_pb(&self) -> pb::Platform {
        pb::Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone(),
            os_version: String::new(),
            os_features: Vec::new(),
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_normalized_as_containerd_does() {
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("Linux/x86_64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/arm/6", "linux/arm/v6"),
            ("macos/arm64", "darwin/arm64"),
            ("linux/riscv64", "linux/riscv64"),
        ] {
            let platform = Platform::parse(text).unwrap();
            assert_eq!(platform.to_string(), expected, "{text}");
            assert_eq!(Platform::parse(expected), Some(platform), "{text}");
        }
    }

    #[test]
    fn other_shapes_are_no_platform() {
        for text in ["", "linux", "linux/", "/amd64", "linux/arm/v7/x"] {
            assert_eq!(Platform::parse(text), None, "{text}");
        }
    }
}

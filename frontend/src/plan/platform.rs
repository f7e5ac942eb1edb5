//! The platform of an image.

/// `os/architecture[/variant]` (OCI image spec).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`.
    pub architecture: String,
    /// `v7`; empty where there is none.
    pub variant: String,
}

impl std::fmt::Display for Platform {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(out, "/{}", self.variant) }
    }
}

impl std::str::FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, ""),
            [os, architecture, variant] => (os, architecture, variant),
            _ => return Err(format!("`{text}` is not a platform: write `linux/amd64`")),
        };
        // arm64 has one variant only (containerd: platforms.Normalize).
        let variant = if (architecture, variant) == ("arm64", "v8") { "" } else { variant };
        Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() })
    }
}

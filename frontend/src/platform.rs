//! The platform of an image.

use buildkit_llb::printable;

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

impl Platform {
    /// What is assumed when nobody says.
    pub fn default_linux() -> Self {
        Self { os: "linux".to_owned(), architecture: "amd64".to_owned(), variant: String::new() }
    }
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
            _ => return Err(format!("`{}` is not a platform: write `linux/amd64`", printable(text))),
        };
        // containerd: `specifierRe`
        let is_word = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        let has_name = |word: &str| word.bytes().any(|byte| byte.is_ascii_alphanumeric());
        let names = [os, architecture].into_iter().chain((parts.len() == 3).then_some(variant));
        if !names.into_iter().all(|word| is_word(word) && has_name(word)) {
            return Err(format!("`{}` is not a platform: write `linux/amd64`", printable(text)));
        }
        if os != "linux" {
            return Err(format!(
                "images for `{os}` cannot be built, only those for `linux`: write `linux/{architecture}`"
            ));
        }
        // arm64 has one variant only (containerd: platforms.Normalize).
        let variant = if (architecture, variant) == ("arm64", "v8") { "" } else { variant };
        Ok(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_linux_is() {
        for text in ["linux/amd64", "linux/arm/v7", "linux/s390x", "linux/riscv64"] {
            assert_eq!(text.parse::<Platform>().map(|platform| platform.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("linux/arm64/v8".parse::<Platform>().map(|it| it.to_string()), Ok("linux/arm64".to_owned()));
        for text in
            ["", "linux", "linux/", "/amd64", "linux/../x", "linux/a/", "linux/a/b/c", "linux/a b", "linux/\u{1b}"]
        {
            let error = text.parse::<Platform>().expect_err(text);
            assert!(error.ends_with("is not a platform: write `linux/amd64`"), "{error}");
            assert!(!error.contains('\u{1b}'));
        }
        assert_eq!(
            "windows/amd64".parse::<Platform>(),
            Err("images for `windows` cannot be built, only those for `linux`: write `linux/amd64`".to_owned())
        );
    }
}

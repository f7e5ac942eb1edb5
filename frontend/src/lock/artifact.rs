//! Wheels and sdists of a package, and the choice among them (uv: `Package::find_best_wheel`).

use std::str::FromStr;
use std::sync::OnceLock;

use buildkit_llb::HttpUrl;
use uv_distribution_filename::WheelFilename;
use uv_platform_tags::{TagCompatibility, Tags};

/// Where an artifact lies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Location {
    /// To be fetched.
    Url(HttpUrl),
    /// In a flat index, relative to it.
    IndexPath(String),
    /// With a `path` or `url` source: the source itself is the file.
    Source,
}

/// A wheel that the lock names.
#[derive(Clone, Debug)]
pub struct Wheel {
    /// File name as it is written, decoded; parsed only where a wheel of the package is chosen, since a lock has thousands.
    pub file: String,
    /// Where it lies.
    pub location: Location,
    /// `sha256:…`, or another algorithm, or nothing for indexes that tell none.
    pub hash: Option<String>,
    /// Bytes, when the index tells.
    pub size: Option<u64>,
    /// What the file name says, once somebody asked; nothing of one that cannot be read.
    parsed: OnceLock<Option<WheelFilename>>,
}

/// Whether somebody asked for what its name says is no part of a wheel.
impl PartialEq for Wheel {
    fn eq(&self, other: &Self) -> bool {
        let Self { file, location, hash, size, parsed: _ } = self;
        (file, location, hash, size) == (&other.file, &other.location, &other.hash, &other.size)
    }
}

/// A source distribution that the lock names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sdist {
    /// File name, decoded; empty with a `path` or `url` source, which names it.
    pub file: String,
    /// Where it lies.
    pub location: Location,
    /// `sha256:…`, or another algorithm, or nothing for indexes that tell none.
    pub hash: Option<String>,
    /// Bytes, when the index tells.
    pub size: Option<u64>,
}

impl Wheel {
    /// A wheel, or its file name and what is wrong with it.
    pub(super) fn new(
        file: String,
        location: Location,
        hash: Option<String>,
        size: Option<u64>,
    ) -> Result<Self, (String, String)> {
        // `NAME-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl`
        let is_like_one =
            file.ends_with(".whl") && (4..=5).contains(&file.bytes().filter(|byte| *byte == b'-').count());
        if !is_like_one && let Err(error) = WheelFilename::from_str(&file) {
            return Err((file, error.to_string()));
        }
        Ok(Self { file, location, hash, size, parsed: OnceLock::new() })
    }

    /// What its file name says. Many targets of a lock ask.
    fn filename(&self) -> Option<&WheelFilename> {
        self.parsed.get_or_init(|| WheelFilename::from_str(&self.file).ok()).as_ref()
    }
}

/// The file name at the end of a URL or path.
pub fn last_part(location: &str) -> &str {
    location.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or("")
}

/// File names in URLs are percent-encoded: `torch-2.1%2Bcpu-…`.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = match (first, tail) {
            (b'%', [high, low, ..]) => {
                std::str::from_utf8(&[*high, *low]).ok().and_then(|hex| u8::from_str_radix(hex, 16).ok())
            }
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The wheel that uv would install: the greatest by tag priority, then build tag; the first of equals.
pub fn best_wheel<'lock>(wheels: &'lock [Wheel], tags: &Tags) -> Option<&'lock Wheel> {
    let mut best: Option<(_, &Wheel)> = None;
    for wheel in wheels {
        // A name that cannot be read is of a wheel for another platform: of one to come.
        let Some(filename) = wheel.filename() else { continue };
        let TagCompatibility::Compatible(priority) = filename.compatibility(tags) else { continue };
        let rank = (priority, filename.build_tag().cloned());
        if best.as_ref().is_none_or(|(best_rank, _)| rank > *best_rank) {
            best = Some((rank, wheel));
        }
    }
    best.map(|(_, wheel)| wheel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_file_names() {
        assert_eq!(percent_decoded("torch-2.1%2Bcpu-py3-none-any.whl"), "torch-2.1+cpu-py3-none-any.whl");
        assert_eq!(percent_decoded("100%"), "100%");
        assert_eq!(percent_decoded("%zz%4"), "%zz%4");
    }
}

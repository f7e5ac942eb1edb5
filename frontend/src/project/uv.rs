//! The image that uv is taken from.

use uv_pep440::{Operator, VersionSpecifiers};

/// The image that uv is taken from unless the config names another.
pub const REPOSITORY: &str = "ghcr.io/astral-sh/uv";

/// The version of that.
pub const DEFAULT_VERSION: &str = "0.13.9";

/// The image that uv is taken from, unless the config names one: of the only version that is asked for, if there is but one. A
/// range leaves open which version builds, and with it what is built: it chooses none.
pub fn default_image(required: Option<&VersionSpecifiers>) -> String {
    let only = match required.map(|specifiers| &specifiers[..]) {
        Some([only]) if *only.operator() == Operator::Equal => {
            Some(only.version()).filter(|it| it.release().len() == 3)
        }
        _ => None,
    };
    format!("{REPOSITORY}:{}", only.map_or(DEFAULT_VERSION.to_owned(), ToString::to_string))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_version_chooses_the_image_and_a_range_does_not() {
        let image = |required: &str| default_image(Some(&required.parse().unwrap()));
        assert_eq!(default_image(None), "ghcr.io/astral-sh/uv:0.13.9");
        assert_eq!(image("==0.11.7"), "ghcr.io/astral-sh/uv:0.11.7");
        assert_eq!(image("~=0.11.0"), "ghcr.io/astral-sh/uv:0.13.9");
        assert_eq!(image("==0.11.*"), "ghcr.io/astral-sh/uv:0.13.9");
        assert_eq!(image("==0.11"), "ghcr.io/astral-sh/uv:0.13.9");
    }
}

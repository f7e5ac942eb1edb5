//! Versions and variants of pythons, as requests have them: `3.13t`, `>=3.12`, `313`.

use std::fmt;

use uv_pep440::{Operator, Version, VersionSpecifier, VersionSpecifiers};

/// Versions that are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Versions {
    /// `any`, `default`
    #[default]
    Any,
    /// `3`, `3.13`, `3.13.5`: no pre-release where there is a patch.
    Release(Vec<u64>),
    /// `3.14.0rc2`, also written `3.14rc2`.
    PreRelease(Version),
    /// `>=3.12,<3.14`
    Range(VersionSpecifiers),
}

/// How a python was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// Without a word: with the lock, before 3.14.
    #[default]
    Default,
    /// `3.13d`, `3.13+debug`
    Debug,
    /// `3.13t`, `3.13+freethreaded`
    FreeThreaded,
    /// `3.13td`, `3.13+freethreaded+debug`
    FreeThreadedDebug,
    /// `3.14+gil`
    Gil,
    /// `3.14+gil+debug`
    GilDebug,
}

impl Versions {
    /// Whether a version is one of them.
    pub fn admit(&self, version: &Version) -> bool {
        match self {
            Self::Any => true,
            Self::Release(release) => {
                version.release().starts_with(release) && (release.len() < 3 || version.pre().is_none())
            }
            Self::PreRelease(wanted) => version == wanted,
            // `>=3.14` admits 3.14.0rc3.
            Self::Range(specifiers) if specifiers.iter().any(VersionSpecifier::any_prerelease) => {
                specifiers.contains(version)
            }
            Self::Range(specifiers) => specifiers.contains(&version.only_release()),
        }
    }

    /// The only one, if there is but one.
    pub fn only(&self) -> Option<Version> {
        match self {
            Self::Release(release) if release.len() == 3 => Some(Version::new(release)),
            Self::PreRelease(version) => Some(version.clone()),
            _ => None,
        }
    }
}

/// As uv takes it; empty where any is right.
impl fmt::Display for Versions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => Ok(()),
            Self::Release(release) => write!(out, "{}", Version::new(release)),
            Self::PreRelease(version) => write!(out, "{version}"),
            Self::Range(specifiers) => write!(out, "{specifiers}"),
        }
    }
}

impl Variant {
    /// What stands behind a version for it.
    fn read(text: &str) -> Option<Self> {
        Some(match text {
            "" => Self::Default,
            "t" | "freethreaded" => Self::FreeThreaded,
            "d" | "debug" => Self::Debug,
            "td" | "freethreaded+debug" => Self::FreeThreadedDebug,
            "gil" => Self::Gil,
            "gil+debug" => Self::GilDebug,
            _ => return None,
        })
    }

    pub fn is_debug(self) -> bool {
        matches!(self, Self::Debug | Self::FreeThreadedDebug | Self::GilDebug)
    }

    /// Whether a python of a version is built that way. From 3.14 on, no word means either.
    pub fn is_that_of(self, version: &Version, gil_disabled: bool) -> bool {
        match self {
            Self::Default => !gil_disabled || version.release().to_vec() >= vec![3, 14],
            Self::FreeThreaded => gil_disabled,
            Self::Gil => !gil_disabled,
            // What was not asked of it is not known.
            Self::Debug | Self::FreeThreadedDebug | Self::GilDebug => false,
        }
    }
}

/// A version with its variant: `3.13t`, `>=3.12`, `313`.
pub fn version(text: &str) -> Option<(Versions, Variant)> {
    if text.chars().all(char::is_alphabetic) {
        return None;
    }
    let end = text.rfind(|char: char| char.is_ascii_digit()).map_or(text.len(), |last| last + 1);
    let (number, suffix) = text.split_at(end);
    let (number, variant) = match Variant::read(suffix.strip_prefix('+').unwrap_or(suffix)) {
        Some(variant) => (number, variant),
        None => (text, Variant::Default),
    };
    if let Ok(version) = number.parse::<Version>() {
        return Some((release(&version)?, variant));
    }
    let specifiers: VersionSpecifiers = number.parse().ok()?;
    match &specifiers[..] {
        [] => None,
        // Then it is that version.
        [only] if *only.operator() == Operator::Equal => Some((release(only.version())?, variant)),
        _ => Some((Versions::Range(specifiers), variant)),
    }
}

/// The versions that begin with one.
fn release(version: &Version) -> Option<Versions> {
    let version = split_tag(version);
    let release = version.release().to_vec();
    let is_small = release.iter().all(|number| u8::try_from(*number).is_ok());
    let is_other = version.post().is_some() || version.dev().is_some() || !version.local().is_empty();
    if is_other || !is_small {
        return None;
    }
    match (release.len(), version.pre()) {
        (1..=3, None) => Some(Versions::Release(release)),
        (2..=3, Some(_)) => Some(Versions::PreRelease(version.with_release([
            release[0],
            release[1],
            release.get(2).copied().unwrap_or_default(),
        ]))),
        _ => None,
    }
}

/// `313` is 3.13, as in the tags of wheels.
fn split_tag(version: &Version) -> Version {
    let [number] = version.release()[..] else { return version.clone() };
    let digits = number.to_string();
    match (digits[..1].parse::<u64>(), digits[1..].parse::<u64>()) {
        (Ok(major), Ok(minor)) => version.clone().with_release([major, minor]),
        _ => version.clone(),
    }
}

//! Requirements in one form, whether a manifest or a lock writes them (uv: `normalize_requirement`). What cannot be read for
//! certain gives `None`: nothing is said about it.

use std::fmt;
use std::ops::Bound;

use uv_normalize::{ExtraName, PackageName};
use uv_pep440::{
    LowerBound, Operator, UpperBound, Version, VersionSpecifier, VersionSpecifiers, release_specifiers_to_ranges,
};
use uv_pep508::{MarkerExpression, MarkerTree, MarkerValueVersion, VerbatimUrl, VersionOrUrl};

use crate::lock::metadata::Noted;

/// A requirement in its one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    /// The package.
    pub name: PackageName,
    /// Sorted.
    pub extras: Vec<ExtraName>,
    /// Simplified under the lock's `requires-python`.
    pub marker: MarkerTree,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a required package comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// An index.
    Index {
        /// The versions that are admitted.
        specifiers: VersionSpecifiers,
        /// Its URL, when it is named.
        index: Option<String>,
    },
    /// A repository.
    Git {
        /// Without credentials, query and fragment.
        url: String,
        /// Branch, tag or revision.
        reference: Option<String>,
        /// Where in it the project lies.
        subdirectory: Option<String>,
    },
    /// An archive.
    Url {
        /// Without credentials and fragment.
        url: String,
        /// Where in it the project lies.
        subdirectory: Option<String>,
    },
    /// A file or directory.
    Local {
        /// In the context.
        path: String,
        /// Installed as it is.
        is_editable: bool,
    },
    /// One that is not known.
    Unknown,
}

impl Origin {
    /// Whether it is an index, and no certain one.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Index { index: None, .. })
    }
}

/// `name[extra]>=1 (from …) ; marker`, for people.
impl fmt::Display for Requirement {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.name)?;
        if !self.extras.is_empty() {
            let extras: Vec<&str> = self.extras.iter().map(ExtraName::as_str).collect();
            write!(out, "[{}]", extras.join(","))?;
        }
        match &self.origin {
            Origin::Index { specifiers, index } => {
                let parts: Vec<String> = specifiers.iter().map(ToString::to_string).collect();
                write!(out, "{}", parts.join(","))?;
                if let Some(index) = index {
                    write!(out, " (from {index})")?;
                }
            }
            Origin::Git { url, reference, .. } => {
                write!(out, " (git {url}")?;
                if let Some(reference) = reference {
                    write!(out, " at {reference}")?;
                }
                write!(out, ")")?;
            }
            Origin::Url { url, .. } => write!(out, " (from {url})")?,
            Origin::Local { path, is_editable } => {
                write!(out, " ({} {path})", if *is_editable { "editable" } else { "path" })?;
            }
            Origin::Unknown => {}
        }
        // The extra of the requirement's own table is told where the table is.
        match self.marker.simplify_extras_with(|_| true).try_to_string() {
            Some(marker) => write!(out, " ; {marker}"),
            None => Ok(()),
        }
    }
}

/// The bounds of a lock's `requires-python`, within which its markers are simplified.
#[derive(Clone, Debug)]
pub struct PythonBounds {
    lower: Bound<Version>,
    upper: Bound<Version>,
}

/// Parts of a `requires-python` that are looked at.
pub const MOST_SPECIFIERS: usize = 500;

impl PythonBounds {
    /// The least and the greatest version that specifiers admit (uv: `RequiresPython::from_specifiers`).
    ///
    /// Of more than a few hundred it says nothing: each is cut with all before it.
    pub fn of(specifiers: &VersionSpecifiers) -> Self {
        if specifiers.len() > MOST_SPECIFIERS {
            return Self::none();
        }
        let ranges = release_specifiers_to_ranges(specifiers.clone());
        let (lower, upper) = ranges.bounding_range().unwrap_or((Bound::Unbounded, Bound::Unbounded));
        Self { lower: lower.cloned(), upper: upper.cloned() }
    }

    /// No bounds.
    pub fn none() -> Self {
        Self { lower: Bound::Unbounded, upper: Bound::Unbounded }
    }

    /// Whether all that these bounds admit is admitted by the others.
    pub fn within(&self, others: &Self) -> bool {
        let lower = |bounds: &Self| LowerBound::new(bounds.lower.clone());
        let upper = |bounds: &Self| UpperBound::new(bounds.upper.clone());
        lower(self) >= lower(others) && upper(self) <= upper(others)
    }

    /// The marker, without what the bounds say anyway.
    pub fn simplify(&self, marker: MarkerTree) -> MarkerTree {
        marker.simplify_python_versions(self.lower.as_ref(), self.upper.as_ref())
    }
}

/// What a `requires-python` says of an environment (uv: `RequiresPython::to_marker_tree`): its least and its greatest version.
pub fn marker_of(specifiers: &VersionSpecifiers) -> MarkerTree {
    let bounds = PythonBounds::of(specifiers);
    let marker = |operator, version: &Version| {
        MarkerTree::expression(MarkerExpression::Version {
            key: MarkerValueVersion::PythonFullVersion,
            specifier: VersionSpecifier::from_version(operator, version.clone()).expect("a plain comparison"),
        })
    };
    let lower = match &bounds.lower {
        Bound::Included(version) => marker(Operator::GreaterThanEqual, version),
        Bound::Excluded(version) => marker(Operator::GreaterThan, version),
        Bound::Unbounded => MarkerTree::TRUE,
    };
    let upper = match &bounds.upper {
        Bound::Included(version) => marker(Operator::LessThanEqual, version),
        Bound::Excluded(version) => marker(Operator::LessThan, version),
        Bound::Unbounded => MarkerTree::TRUE,
    };
    lower.and(upper)
}

/// A requirement of a lock.
pub fn from_lock(noted: &Noted, bounds: &PythonBounds) -> Option<Requirement> {
    let marker = match &noted.marker {
        Some(marker) => crate::marker::diagram(marker)?,
        None => MarkerTree::TRUE,
    };
    let origin = if let Some(git) = &noted.git {
        git_of_lock(git)?
    } else if let Some(url) = &noted.url {
        Origin::Url { url: bare_url(url)?.0, subdirectory: noted.subdirectory.as_deref().map(relative) }
    } else if let Some(path) = &noted.local {
        Origin::Local { path: normal_path("", path)?, is_editable: noted.is_editable }
    } else {
        let specifiers = noted.specifier.as_deref().unwrap_or_default().parse().ok()?;
        let index = match &noted.index {
            Some(index) => Some(index_url(index)?),
            None => None,
        };
        Origin::Index { specifiers, index }
    };
    let mut extras = noted.extras.iter().map(|extra| extra.parse().ok()).collect::<Option<Vec<ExtraName>>>()?;
    extras.sort();
    Some(Requirement { name: noted.name.as_ref()?.parse().ok()?, extras, marker: bounds.simplify(marker), origin })
}

/// `URL?subdirectory=…&rev=…`; the commit behind `#` is there when the revision is one.
fn git_of_lock(text: &str) -> Option<Origin> {
    let (url, _) = bare_url(text)?;
    let (url, query) = url.split_once('?').map_or((url.as_str(), ""), |(url, query)| (url, query));
    let mut origin = (None, None);
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = crate::lock::artifact::percent_decoded(&value.replace('+', " "));
        match name {
            "subdirectory" => origin.0 = Some(relative(&value)),
            "rev" | "tag" | "branch" => origin.1 = Some(value),
            _ => {}
        }
    }
    Some(Origin::Git { url: url.to_owned(), reference: origin.1, subdirectory: origin.0 })
}

/// Where a requirement itself says that it comes from.
pub fn origin_of(version_or_url: Option<&VersionOrUrl<VerbatimUrl>>) -> Option<Origin> {
    match version_or_url {
        None => Some(Origin::Index { specifiers: VersionSpecifiers::empty(), index: None }),
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => {
            Some(Origin::Index { specifiers: specifiers.clone(), index: None })
        }
        Some(VersionOrUrl::Url(url)) => {
            let (url, fragment) = bare_url(&url.raw().displayable_with_credentials().to_string())?;
            let subdirectory = fragment.split('&').find_map(|pair| pair.strip_prefix("subdirectory=")).map(relative);
            match url.strip_prefix("git+") {
                Some(url) => {
                    // `@` in front of the path belongs to the user, which is gone by now.
                    let (url, reference) = match url.rsplit_once('@') {
                        Some((url, reference)) => (url, Some(reference.to_owned())),
                        None => (url, None),
                    };
                    Some(Origin::Git { url: url.to_owned(), reference, subdirectory })
                }
                None if url.starts_with("https://") || url.starts_with("http://") => {
                    Some(Origin::Url { url, subdirectory })
                }
                None => None,
            }
        }
    }
}

/// A URL without credentials and fragment, and the fragment.
pub fn bare_url(text: &str) -> Option<(String, String)> {
    // A variable is filled in by uv, from an environment that is not this one.
    if text.contains("${") {
        return None;
    }
    let mut url = VerbatimUrl::parse_url(text).ok()?.into_url();
    let fragment = url.fragment().unwrap_or_default().to_owned();
    url.set_fragment(None);
    // The user of `ssh://git@…` as well: uv keeps it on both sides.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    Some((url.to_string(), fragment))
}

/// URL of an index, in which a slash at the end means nothing.
pub fn index_url(text: &str) -> Option<String> {
    let (url, _) = text.contains("://").then(|| bare_url(text))??;
    Some(url.trim_end_matches('/').to_owned())
}

/// A path within an archive or a repository.
pub fn relative(path: &str) -> String {
    path.trim_start_matches("./").trim_end_matches('/').to_owned()
}

/// A path in the context, from one that is relative to a directory of it.
pub fn normal_path(directory: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '$']) || path.starts_with('~') {
        return None;
    }
    Some(crate::paths::joined(directory, path))
}

//! A step, as the config names it.

use std::collections::BTreeMap;

use super::file::FileConfig;
use crate::diagnostic::Located;

/// One entry of `steps`.
#[derive(Clone, Debug)]
pub struct StepConfig {
    /// Its name, unique in its target, and its place.
    pub name: Located<String>,
    /// Commands, one after the other, as lists of words.
    pub run: Vec<Located<Vec<String>>>,
    /// Where it runs.
    pub place: Place,
    /// What it reads beside that.
    pub inputs: Vec<FileConfig>,
    /// Directories that are kept of it.
    pub outputs: Vec<OutputConfig>,
    /// Variables over those of the image that it runs in.
    pub env: BTreeMap<String, Located<String>>,
    /// Its working directory, if not that of the image.
    pub workdir: Option<String>,
    /// It may fetch.
    pub network: bool,
    /// Secrets that it sees.
    pub secrets: Vec<SecretConfig>,
    /// Directories that outlive builds.
    pub caches: Vec<String>,
    /// It runs as the user, to whom its outputs belong then, not as root.
    pub as_user: bool,
}

/// Where a step runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the image as it is before anything of python is installed.
    Before,
    /// In the image with all that is installed, and what earlier steps left.
    After,
    /// In an image of its own.
    Image {
        /// The image.
        image: Located<String>,
        /// In that of the builder's platform: what it leaves is the same for every platform.
        on_builder: bool,
    },
}

/// One entry of `outputs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputConfig {
    /// Where the step leaves it.
    pub from: String,
    /// Where the image has it.
    pub to: String,
}

/// One entry of `secrets`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretConfig {
    /// Its id.
    pub id: String,
    /// How the step sees it.
    pub shown: ShownAs,
    /// There is no step without it.
    pub is_required: bool,
}

/// How a step sees a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownAs {
    /// As a file at this path.
    File(String),
    /// As the value of this variable.
    Variable(String),
}

//! The paths that every image has, and the time of its files.

/// Where applications live.
pub const APP_DIR: &str = "/app";

/// Where the environment lives in every image: scripts and activation files hold this path.
pub const VENV: &str = "/app/.venv";

/// Where an image has the sources of projects that are installed as links to them: the context's directories below this one.
/// Apart from the environment, so that a directory of the client's can be mounted over it.
const SOURCES: &str = "/src";

/// Where an image has the sources of a project that lies in `directory` of the context.
pub fn source_path(directory: &str) -> String {
    if directory == "." { SOURCES.to_owned() } else { format!("{SOURCES}/{directory}") }
}

/// Where uv installs pythons, each in a directory of its own. Files in it hold this path.
pub const PYTHONS: &str = "/opt/python";

/// 1980-01-01 in seconds since 1970: the time of every file of ours in an image, and of the image when nobody names another. It is
/// the first that a zip file can hold.
pub const EPOCH_SECONDS: i64 = 315_532_800;

/// The same in nanoseconds, as ops have it. The worker sets the same.
pub const EPOCH: i64 = EPOCH_SECONDS * 1_000_000_000;

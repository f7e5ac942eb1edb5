//! Options that cannot be read.

/// How messages call an option that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// `platform`.
    #[error("option `platform`: {0}")]
    Platform(String),
    /// `build-arg:BUILDKIT_MULTI_PLATFORM` or `multi-platform`.
    #[error("option `{0}`: `{1}` is neither true nor false")]
    Bool(&'static str, String),
    /// An option with a value of the wrong form.
    #[error("option `{option}`: `{value}` is not {wanted}")]
    Value {
        /// Its name.
        option: &'static str,
        /// What was given.
        value: String,
        /// What may be given.
        wanted: &'static str,
    },
    /// An option that the daemon does not know.
    #[error("option `{0}`: this BuildKit is too old for it, it lacks the capability `{1}`")]
    OldDaemon(&'static str, &'static str),
    /// `frontend.caps`: something that a client needs to be understood.
    #[error("unsupported frontend capability {0}")]
    Capability(String),
    /// Several platforms in a result that may hold one.
    #[error("`multi-platform=false`, but {0} platforms are asked for")]
    TooManyPlatforms(usize),
}

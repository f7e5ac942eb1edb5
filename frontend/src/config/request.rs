//! What a build asks for.

/// Which target is wanted.
#[derive(Clone, Debug, Default)]
pub enum Request {
    /// The declared default, or the only one there is.
    #[default]
    Default,
    /// The one with this name.
    Target(String),
    /// A member, with the config's defaults, whatever targets are declared.
    Package(String),
}

//! What can be wrong with a graph.

/// Why a graph has no [`Definition`](crate::Definition), or why a definition cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LlbError {
    /// A vertex breaks one of BuildKit's rules.
    #[error("invalid {kind} op `{name}`: {problem}")]
    Vertex {
        /// The op family: `exec`, `file`, `source`, `merge`, `diff`.
        kind: &'static str,
        /// The custom name of the vertex, else its digest.
        name: String,
        /// The rule that is broken.
        problem: Problem,
    },
    /// The bytes are not a `pb.Definition`, or one of its ops is not a `pb.Op`.
    #[error("cannot decode {what}: {reason}")]
    Decode {
        /// `definition` or `op N`.
        what: String,
        /// What the decoder says.
        reason: String,
    },
    /// An op refers to an op that does not come before it.
    #[error("op {op} refers to `{digest}`, which is not an earlier op of the definition")]
    MissingInput {
        /// Position in the definition.
        op: usize,
        /// The digest that no earlier op has.
        digest: String,
    },
    /// The last op of the definition is not a terminal op with one input.
    #[error("the last op of the definition must have an input and nothing else")]
    NotTerminal,
}

/// The rule that a vertex breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// `Validate` in `client/llb/exec.go`.
    #[error("arguments are required")]
    NoArguments,
    /// `Validate` in `client/llb/exec.go`.
    #[error("the working directory `{0}` is not an absolute path")]
    RelativeCwd(String),
    /// `solver/llbsolver/ops/opsutils/validate.go`.
    #[error("there is no mount at `/`")]
    NoRootMount,
    /// Mounts, file actions and selectors name absolute paths without `..`.
    #[error("`{0}` is not an absolute path without `..`")]
    UnsafePath(String),
    /// Two mounts at the same path.
    #[error("there are two mounts at `{0}`")]
    DuplicateMount(String),
    /// The output of a mount was asked for, but the mount has none.
    #[error("there is no mount with an output at `{0}`")]
    NoOutput(String),
    /// An environment entry without a name, or with a NUL byte in it.
    #[error("invalid environment entry `{0}`")]
    InvalidEnv(String),
    /// A process argument cannot hold a NUL byte.
    #[error("argument {0} has a NUL byte in it")]
    NulInArgument(usize),
    /// A secret, cache or device without an id.
    #[error("the {what} at `{at}` has no id")]
    NoId {
        /// `secret`, `cache`, `device`.
        what: &'static str,
        /// Its path or variable.
        at: String,
    },
    /// `Validate` in `client/llb/fileop.go`.
    #[error("a file op needs an action")]
    NoActions,
    /// Go masks these bits away, so that they would be lost without a word.
    #[error("the mode {mode:#o} of `{path}` has bits beyond {allowed:#o}")]
    InvalidMode {
        /// The path it was meant for.
        path: String,
        /// The mode given.
        mode: u32,
        /// The bits that can be set.
        allowed: u32,
    },
    /// BuildKit looks names up in the base's `/etc/passwd`; scratch has none.
    #[error("owner `{0}` is a name, but the base is scratch: give a numeric id")]
    NamedOwnerOnScratch(String),
    /// A time before the epoch, of which -1 means "unset" on the wire.
    #[error("the timestamp of `{0}` is before the epoch")]
    InvalidTimestamp(String),
    /// `Validate` in `client/llb/merge.go`.
    #[error("a merge needs at least two inputs")]
    TooFewInputs,
    /// `Validate` in `client/llb/source.go`.
    #[error("the source identifier is empty")]
    NoIdentifier,
    /// Go writes an empty map value where prost does not: the digests would differ.
    #[error("the attribute `{0}` is empty")]
    EmptyAttribute(String),
    /// The image reference does not parse.
    #[error("invalid image reference `{reference}`: {reason}")]
    InvalidImageRef {
        /// The reference given.
        reference: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The checksum is not `algorithm:hex`.
    #[error("invalid checksum `{0}`: expected `sha256:` and 64 lower-case hexadecimal digits")]
    InvalidChecksum(String),
    /// The git remote does not parse.
    #[error("invalid git remote `{0}`")]
    InvalidGitRemote(String),
    /// git would take it for an option.
    #[error("invalid git reference `{0}`")]
    InvalidGitReference(String),
}

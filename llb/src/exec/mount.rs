//! What an exec finds in its filesystem.

use crate::vertex::{Input, InputList};
use buildkit_proto::pb;

/// A mount of any kind. Mirrors `Mount` in `solver/pb/ops.proto`.
#[derive(Debug, Clone)]
#[must_use]
pub enum Mount {
    /// A filesystem of the graph.
    Bind(Bind),
    /// A directory that outlives the build.
    Cache(Cache),
    /// A directory in memory.
    Tmpfs(Tmpfs),
    /// A file with a secret in it.
    Secret(Secret),
    /// A socket of an SSH agent.
    Ssh(Ssh),
}

/// A filesystem of the graph, mounted at a path. Mirrors `AddMount` in `client/llb/exec.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Bind {
    dest: String,
    input: Input,
    selector: String,
    readonly: bool,
    no_output: bool,
    content_cache: ContentCache,
}

/// Whether the cache key of the exec holds the content of a mount rather than the ops behind it.
///
/// Mirrors `MountContentCache` in `solver/pb/ops.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum ContentCache {
    /// For a read-only mount and for one without output.
    #[default]
    Default,
    /// Always.
    On,
    /// Never.
    Off,
}

impl Bind {
    /// A writable mount of `input` at `dest`, with an output: what the exec leaves there.
    pub fn new(dest: impl Into<String>, input: impl Into<Input>) -> Self {
        Self {
            dest: dest.into(),
            input: input.into(),
            selector: String::new(),
            readonly: false,
            no_output: false,
            content_cache: ContentCache::Default,
        }
    }

    /// Cannot be written, has no output.
    pub fn readonly(mut self) -> Self {
        self.readonly = true;
        self
    }

    /// Mounts only this path of the input. With no output, BuildKit then keys by its content.
    ///
    /// Mirrors `SourcePath`.
    pub fn selector(mut self, path: impl Into<String>) -> Self {
        self.selector = path.into();
        self
    }

    /// Can be written, but what is written is dropped.
    ///
    /// Mirrors `ForceNoOutput`.
    pub fn no_output(mut self) -> Self {
        self.no_output = true;
        self
    }

    /// Says how the mount enters the cache key.
    pub fn content_cache(mut self, content_cache: ContentCache) -> Self {
        self.content_cache = content_cache;
        self
    }
}

/// A directory that outlives the build. Mirrors `AsPersistentCacheDir` in `client/llb/exec.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Cache {
    dest: String,
    id: String,
    sharing: CacheSharing,
    input: Input,
    selector: String,
}

/// What happens when two execs want the same cache. Mirrors `CacheSharingOpt` in
/// `solver/pb/ops.proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CacheSharing {
    /// Both use it at once.
    #[default]
    Shared,
    /// The second gets a new one.
    Private,
    /// The second waits.
    Locked,
}

impl Cache {
    /// The shared cache `id` at `dest`.
    pub fn new(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            dest: dest.into(),
            id: id.into(),
            sharing: CacheSharing::Shared,
            input: Input::Scratch,
            selector: String::new(),
        }
    }

    /// Says what happens when two execs want it.
    pub fn sharing(mut self, sharing: CacheSharing) -> Self {
        self.sharing = sharing;
        self
    }

    /// What a new cache starts with, instead of nothing.
    pub fn from(mut self, input: impl Into<Input>) -> Self {
        self.input = input.into();
        self
    }

    /// The path of that input.
    pub fn selector(mut self, path: impl Into<String>) -> Self {
        self.selector = path.into();
        self
    }
}

/// A directory in memory. Mirrors `Tmpfs` in `client/llb/exec.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Tmpfs {
    dest: String,
    size: i64,
}

impl Tmpfs {
    /// An empty directory at `dest`.
    pub fn new(dest: impl Into<String>) -> Self {
        Self { dest: dest.into(), size: 0 }
    }

    /// The most bytes that it can hold.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = i64::try_from(bytes).unwrap_or(i64::MAX);
        self
    }
}

/// A file with a secret in it. Mirrors `AddSecret` in `client/llb/exec.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Secret {
    dest: String,
    id: String,
    uid: u32,
    gid: u32,
    mode: u32,
    optional: bool,
}

impl Secret {
    /// The secret `id` as a file at `dest`, of root, with mode 0400.
    pub fn new(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self { dest: dest.into(), id: id.into(), uid: 0, gid: 0, mode: 0o400, optional: false }
    }

    /// The owner of the file.
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    /// The permission bits of the file.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// No file, instead of an error, if the client lacks the secret.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// A socket of an SSH agent. Mirrors `AddSSHSocket` in `client/llb/exec.go`.
///
/// The first one becomes `SSH_AUTH_SOCK`, unless the exec sets that.
#[derive(Debug, Clone)]
#[must_use]
pub struct Ssh {
    dest: String,
    id: String,
    uid: u32,
    gid: u32,
    mode: u32,
    optional: bool,
}

impl Ssh {
    /// The agent `id` (empty for the client's default one), of root, with mode 0600, at
    /// `/run/buildkit/ssh_agent.N`.
    pub fn new(id: impl Into<String>) -> Self {
        Self { dest: String::new(), id: id.into(), uid: 0, gid: 0, mode: 0o600, optional: false }
    }

    /// The path of the socket.
    pub fn dest(mut self, dest: impl Into<String>) -> Self {
        self.dest = dest.into();
        self
    }

    /// The owner of the socket.
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    /// The permission bits of the socket.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// No socket, instead of an error, if the client offers no agent.
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub(crate) fn fill_target(&mut self, number: usize) {
        if self.dest.is_empty() {
            self.dest = format!("/run/buildkit/ssh_agent.{number}");
        }
    }

    pub(crate) fn target(&self) -> &str {
        &self.dest
    }
}

impl Mount {
    /// The sorting key: filesystems by path; secrets and agents after them, as they were given.
    pub(crate) fn order(&self) -> (u8, &str) {
        match self {
            Mount::Bind(mount) => (0, &mount.dest),
            Mount::Cache(mount) => (0, &mount.dest),
            Mount::Tmpfs(mount) => (0, &mount.dest),
            Mount::Secret(_) => (1, ""),
            Mount::Ssh(_) => (2, ""),
        }
    }

    pub(crate) fn ssh(&self) -> Option<&Ssh> {
        match self {
            Mount::Ssh(ssh) => Some(ssh),
            _ => None,
        }
    }

    pub(crate) fn has_output(&self) -> bool {
        matches!(self, Mount::Bind(bind) if !bind.readonly && !bind.no_output)
    }

    /// The wire message; a mount without output has -1 (`pb.SkipOutput`) for one.
    pub(crate) fn to_pb(&self, inputs: &mut InputList, output: Option<i64>) -> pb::Mount {
        let output = output.unwrap_or(-1);
        let scratch = pb::Mount { input: -1, output, ..pb::Mount::default() };
        match self {
            Mount::Bind(bind) => pb::Mount {
                input: inputs.index_of(&bind.input),
                dest: bind.dest.clone(),
                selector: bind.selector.clone(),
                readonly: bind.readonly,
                content_cache: match bind.content_cache {
                    ContentCache::Default => pb::MountContentCache::Default,
                    ContentCache::On => pb::MountContentCache::On,
                    ContentCache::Off => pb::MountContentCache::Off,
                }
                .into(),
                ..scratch
            },
            Mount::Cache(cache) => pb::Mount {
                input: inputs.index_of(&cache.input),
                dest: cache.dest.clone(),
                selector: cache.selector.clone(),
                mount_type: pb::MountType::Cache.into(),
                cache_opt: Some(pb::CacheOpt {
                    id: cache.id.clone(),
                    sharing: match cache.sharing {
                        CacheSharing::Shared => pb::CacheSharingOpt::Shared,
                        CacheSharing::Private => pb::CacheSharingOpt::Private,
                        CacheSharing::Locked => pb::CacheSharingOpt::Locked,
                    }
                    .into(),
                }),
                ..scratch
            },
            Mount::Tmpfs(tmpfs) => pb::Mount {
                dest: tmpfs.dest.clone(),
                mount_type: pb::MountType::Tmpfs.into(),
                tmpfs_opt: Some(pb::TmpfsOpt { size: tmpfs.size }),
                ..scratch
            },
            // Go leaves the output of these two at 0; BuildKit does not read it.
            Mount::Secret(secret) => pb::Mount {
                dest: secret.dest.clone(),
                output: 0,
                mount_type: pb::MountType::Secret.into(),
                secret_opt: Some(pb::SecretOpt {
                    id: secret.id.clone(),
                    uid: secret.uid,
                    gid: secret.gid,
                    mode: secret.mode,
                    optional: secret.optional,
                }),
                ..scratch
            },
            Mount::Ssh(ssh) => pb::Mount {
                dest: ssh.dest.clone(),
                output: 0,
                mount_type: pb::MountType::Ssh.into(),
                ssh_opt: Some(pb::SshOpt {
                    id: ssh.id.clone(),
                    uid: ssh.uid,
                    gid: ssh.gid,
                    mode: ssh.mode,
                    optional: ssh.optional,
                }),
                ..scratch
            },
        }
    }
}

macro_rules! into_mount {
    ($($kind:ident),*) => {
        $(impl From<$kind> for Mount {
            fn from(mount: $kind) -> Self {
                Mount::$kind(mount)
            }
        })*
    };
}

into_mount!(Bind, Cache, Tmpfs, Secret, Ssh);

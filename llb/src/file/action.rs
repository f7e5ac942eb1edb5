//! The actions of a file op.

use crate::go::{absolute_destination, absolute_path};
use crate::source::strings;
use crate::vertex::Input;
use buildkit_proto::pb;
use buildkit_proto::pb::file_action::Action as PbAction;

/// `mode` and `timestamp` of an action that does not set them.
const UNSET: i64 = -1;

#[derive(Debug, Clone)]
pub(crate) enum Action {
    Copy(Copy),
    Mkfile(Mkfile),
    Mkdir(Mkdir),
    Symlink(Symlink),
    Rm(Rm),
}

impl Action {
    /// Where a copy takes from.
    pub(crate) fn source(&self) -> Option<&Input> {
        match self {
            Action::Copy(copy) => Some(&copy.input),
            _ => None,
        }
    }

    /// The wire message, with names of owners looked up in the input `base`.
    pub(crate) fn into_pb(self, base: i64) -> PbAction {
        match self {
            Action::Copy(copy) => PbAction::Copy(copy.into_pb(base)),
            Action::Mkfile(mkfile) => PbAction::Mkfile(pb::FileActionMkFile {
                path: absolute_path(&mkfile.path),
                mode: to_mode(mkfile.mode),
                data: mkfile.data,
                owner: mkfile.owner.map(|owner| owner.into_pb(base)),
                timestamp: mkfile.timestamp,
            }),
            Action::Mkdir(mkdir) => PbAction::Mkdir(pb::FileActionMkDir {
                path: absolute_path(&mkdir.path),
                mode: to_mode(mkdir.mode),
                make_parents: mkdir.parents,
                owner: mkdir.owner.map(|owner| owner.into_pb(base)),
                timestamp: mkdir.timestamp,
            }),
            Action::Symlink(symlink) => PbAction::Symlink(pb::FileActionSymlink {
                oldpath: symlink.target,
                newpath: symlink.path,
                owner: symlink.owner.map(|owner| owner.into_pb(base)),
                timestamp: symlink.timestamp,
            }),
            Action::Rm(rm) => PbAction::Rm(pb::FileActionRm {
                path: absolute_path(&rm.path),
                allow_not_found: rm.allow_not_found,
                allow_wildcard: rm.wildcard,
            }),
        }
    }
}

fn to_mode(mode: u32) -> i32 {
    i32::try_from(mode).unwrap_or(i32::MAX)
}

/// Who owns what an action makes; what is left out stays as the source has it, or root.
///
/// Mirrors `ChownOpt` in `client/llb/fileop.go`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub struct Owner {
    user: Option<User>,
    group: Option<User>,
}

/// A user or a group.
///
/// Mirrors `UserOpt` in `client/llb/fileop.go`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum User {
    /// By number.
    Id(u32),
    /// By name, looked up in the base's `/etc/passwd` or `/etc/group`: not on scratch.
    Name(String),
}

impl Owner {
    /// User and group by number. Mirrors `WithUIDGID`.
    pub fn ids(uid: u32, gid: u32) -> Self {
        Self::of(Some(User::Id(uid)), Some(User::Id(gid)))
    }

    /// The user by name. Mirrors `WithUser`.
    pub fn name(user: impl Into<String>) -> Self {
        Self::of(Some(User::Name(user.into())), None)
    }

    /// Any user and group.
    pub fn of(user: Option<User>, group: Option<User>) -> Self {
        Self { user, group }
    }

    fn into_pb(self, base: i64) -> pb::ChownOpt {
        let user = |user: User| pb::UserOpt {
            user: Some(match user {
                User::Id(id) => pb::user_opt::User::ById(id),
                User::Name(name) => pb::user_opt::User::ByName(pb::NamedUserOpt { name, input: base }),
            }),
        };
        pb::ChownOpt { user: self.user.map(user), group: self.group.map(user) }
    }
}

/// The permission bits that a copy sets.
///
/// Mirrors `ChmodOpt` in `client/llb/fileop.go`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CopyMode {
    /// These bits.
    Bits(u32),
    /// A change in the words of `chmod`, as in `u=rwX,go=rX`.
    Symbolic(String),
}

impl From<u32> for CopyMode {
    fn from(bits: u32) -> Self {
        CopyMode::Bits(bits)
    }
}

impl From<&str> for CopyMode {
    fn from(change: &str) -> Self {
        CopyMode::Symbolic(change.to_owned())
    }
}

/// Copies from another filesystem. Mirrors `Copy` in `client/llb/fileop.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Copy {
    input: Input,
    src: String,
    dest: String,
    owner: Option<Owner>,
    mode: Option<CopyMode>,
    include: Vec<String>,
    exclude: Vec<String>,
    required: Vec<String>,
    follow_symlinks: bool,
    contents_only: bool,
    unpack: bool,
    create_dest_path: bool,
    wildcard: bool,
    allow_empty_wildcard: bool,
    replace_existing: bool,
    timestamp: i64,
}

impl Copy {
    /// Copies `src` of `input` to `dest`, of which a trailing slash means "into".
    pub fn new(input: impl Into<Input>, src: impl Into<String>, dest: impl Into<String>) -> Self {
        Self {
            input: input.into(),
            src: src.into(),
            dest: dest.into(),
            owner: None,
            mode: None,
            include: Vec::new(),
            exclude: Vec::new(),
            required: Vec::new(),
            follow_symlinks: false,
            contents_only: false,
            unpack: false,
            create_dest_path: false,
            wildcard: false,
            allow_empty_wildcard: false,
            replace_existing: false,
            timestamp: UNSET,
        }
    }

    /// Sets the owner of everything copied.
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Sets the permission bits of everything copied.
    pub fn mode(mut self, mode: impl Into<CopyMode>) -> Self {
        self.mode = Some(mode.into());
        self
    }

    /// Copies only what matches one of the patterns.
    pub fn include<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.include = strings(patterns);
        self
    }

    /// Leaves out what matches one of the patterns.
    pub fn exclude<S: Into<String>>(mut self, patterns: impl IntoIterator<Item = S>) -> Self {
        self.exclude = strings(patterns);
        self
    }

    /// Fails unless these paths are among what the include patterns copy.
    pub fn required<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.required = strings(paths);
        self
    }

    /// Follows a symbolic link in `src`.
    pub fn follow_symlinks(mut self) -> Self {
        self.follow_symlinks = true;
        self
    }

    /// Copies what is in the directory `src`, not the directory.
    pub fn contents_only(mut self) -> Self {
        self.contents_only = true;
        self
    }

    /// Unpacks `src` if it is a tar archive.
    pub fn attempt_unpack(mut self) -> Self {
        self.unpack = true;
        self
    }

    /// Makes the directories above `dest`.
    pub fn create_dest_path(mut self) -> Self {
        self.create_dest_path = true;
        self
    }

    /// Reads `src` as a pattern of Go's `filepath.Match`.
    pub fn wildcard(mut self) -> Self {
        self.wildcard = true;
        self
    }

    /// Copies nothing, instead of failing, if the pattern matches nothing.
    pub fn allow_empty_wildcard(mut self) -> Self {
        self.allow_empty_wildcard = true;
        self
    }

    /// Replaces what is at `dest` if it is of another type.
    pub fn replace_existing(mut self) -> Self {
        self.replace_existing = true;
        self
    }

    /// Sets the modification time of everything copied, in nanoseconds since the epoch.
    pub fn timestamp(mut self, nanoseconds: i64) -> Self {
        self.timestamp = nanoseconds;
        self
    }

    fn into_pb(self, base: i64) -> pb::FileActionCopy {
        let (mode, mode_str) = match self.mode {
            None => (-1, String::new()),
            Some(CopyMode::Bits(bits)) => (to_mode(bits), String::new()),
            Some(CopyMode::Symbolic(change)) => (0, change),
        };
        pb::FileActionCopy {
            src: absolute_path(&self.src),
            dest: absolute_destination(&self.dest),
            owner: self.owner.map(|owner| owner.into_pb(base)),
            mode,
            follow_symlink: self.follow_symlinks,
            dir_copy_contents: self.contents_only,
            attempt_unpack_docker_compatibility: self.unpack,
            create_dest_path: self.create_dest_path,
            allow_wildcard: self.wildcard,
            allow_empty_wildcard: self.allow_empty_wildcard,
            timestamp: self.timestamp,
            include_patterns: self.include,
            exclude_patterns: self.exclude,
            always_replace_existing_dest_paths: self.replace_existing,
            mode_str,
            required_paths: self.required,
        }
    }
}

/// Writes a file. Mirrors `Mkfile` in `client/llb/fileop.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Mkfile {
    path: String,
    mode: u32,
    data: Vec<u8>,
    owner: Option<Owner>,
    timestamp: i64,
}

impl Mkfile {
    /// The file at `path` with the permission bits `mode`.
    pub fn new(path: impl Into<String>, mode: u32, data: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), mode, data: data.into(), owner: None, timestamp: UNSET }
    }

    /// Sets the owner.
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Sets the modification time, in nanoseconds since the epoch.
    pub fn timestamp(mut self, nanoseconds: i64) -> Self {
        self.timestamp = nanoseconds;
        self
    }
}

/// Makes a directory. Mirrors `Mkdir` in `client/llb/fileop.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Mkdir {
    path: String,
    mode: u32,
    parents: bool,
    owner: Option<Owner>,
    timestamp: i64,
}

impl Mkdir {
    /// The directory at `path` with the permission bits `mode`.
    pub fn new(path: impl Into<String>, mode: u32) -> Self {
        Self { path: path.into(), mode, parents: false, owner: None, timestamp: UNSET }
    }

    /// Makes the directories above it as well.
    pub fn parents(mut self) -> Self {
        self.parents = true;
        self
    }

    /// Sets the owner.
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Sets the modification time, in nanoseconds since the epoch.
    pub fn timestamp(mut self, nanoseconds: i64) -> Self {
        self.timestamp = nanoseconds;
        self
    }
}

/// Makes a symbolic link. Mirrors `Symlink` in `client/llb/fileop.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Symlink {
    target: String,
    path: String,
    owner: Option<Owner>,
    timestamp: i64,
}

impl Symlink {
    /// A link at `path` that points to `target`. Both are taken as they are.
    pub fn new(target: impl Into<String>, path: impl Into<String>) -> Self {
        Self { target: target.into(), path: path.into(), owner: None, timestamp: UNSET }
    }

    /// Sets the owner.
    pub fn owner(mut self, owner: Owner) -> Self {
        self.owner = Some(owner);
        self
    }

    /// Sets the modification time, in nanoseconds since the epoch.
    pub fn timestamp(mut self, nanoseconds: i64) -> Self {
        self.timestamp = nanoseconds;
        self
    }
}

/// Removes a file or directory. Mirrors `Rm` in `client/llb/fileop.go`.
#[derive(Debug, Clone)]
#[must_use]
pub struct Rm {
    path: String,
    allow_not_found: bool,
    wildcard: bool,
}

impl Rm {
    /// Removes `path` and what is below it.
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), allow_not_found: false, wildcard: false }
    }

    /// Does nothing, instead of failing, if there is nothing.
    pub fn allow_not_found(mut self) -> Self {
        self.allow_not_found = true;
        self
    }

    /// Reads the path as a pattern of Go's `filepath.Match`.
    pub fn wildcard(mut self) -> Self {
        self.wildcard = true;
        self
    }
}

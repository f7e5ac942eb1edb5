//! What reads a file of the user's.

use std::path::Path;

use anyhow::Result;
use uv_buildkit::diagnostic::SourceFile;
use uv_buildkit::{config, entry, ignore, lock, manifest};
use uv_buildkit_tests::checkout::{Checkout, Selection};

/// Which file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Lock,
    Config,
    Manifest,
    Entry,
    Ignore,
}

const KINDS: [Kind; 5] = [Kind::Lock, Kind::Config, Kind::Manifest, Kind::Entry, Kind::Ignore];

impl Kind {
    /// The name of such a file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Lock => lock::FILE_NAME,
            Self::Config => config::FILE_NAME,
            Self::Manifest => manifest::FILE_NAME,
            Self::Entry => "Dockerfile",
            Self::Ignore => ".dockerignore",
        }
    }

    /// The kind of a file with this name.
    pub fn of(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.file() == name)
    }
}

/// What became of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It has a meaning by itself.
    Read,
    /// It was refused.
    Refused,
}

/// The readers, and a project whose other files are right.
pub struct Readers {
    project: Checkout,
}

impl Readers {
    pub fn new(project: &Path) -> Result<Self> {
        Ok(Self { project: Checkout::read(project)? })
    }

    /// Reads an input as the file that it was made from; one in 16 as every other, too.
    pub fn read(&self, kind: Kind, input: &[u8], number: u64) -> Verdict {
        let text = String::from_utf8_lossy(input);
        if number.is_multiple_of(16) {
            for other in KINDS {
                self.read_as(other, &text);
            }
        }
        self.read_as(kind, &text)
    }

    fn read_as(&self, kind: Kind, text: &str) -> Verdict {
        let file = SourceFile::new(kind.file(), text);
        let refused = match kind {
            Kind::Lock => lock::parse(&file).err(),
            Kind::Config => config::parse(&file, &[("A".to_owned(), "${args.A}".to_owned())].into()).err(),
            Kind::Manifest => manifest::parse(&file).err().or_else(|| manifest::settings::parse(&file).err()),
            Kind::Entry => {
                drop(entry::directive(&file, "check"));
                entry::classify(&file).err().map(Into::into)
            }
            Kind::Ignore => {
                drop(ignore::parse(text));
                None
            }
        };
        match refused {
            Some(errors) => {
                // Places are in the text, too.
                drop(errors.render());
                Verdict::Refused
            }
            None => {
                self.compile(kind, text);
                Verdict::Read
            }
        }
    }

    /// Compiles the project with this file in it.
    fn compile(&self, kind: Kind, text: &str) {
        match self.project.clone().with(kind.file(), text).compile(&Selection::default()) {
            Ok(compiled) => drop(buildkit_llb::marshal(compiled.image).map(|graph| graph.to_bytes())),
            Err(errors) => drop(errors.render()),
        }
    }
}

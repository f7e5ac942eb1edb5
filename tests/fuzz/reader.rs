//! What reads a file of the user's.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use uv_buildkit::diagnostic::SourceFile;
use uv_buildkit::import::{self, import};
use uv_buildkit::interpreter::request::PythonRequest;
use uv_buildkit::options::{GitReference, Options};
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
    /// A Dockerfile that is imported.
    Dockerfile,
    /// A marker, in the lock and in the manifest.
    Marker,
    /// What a client asks for: `KEY=VALUE` in each line.
    Options,
    PythonVersion,
}

pub const KINDS: [Kind; 9] = [
    Kind::Lock,
    Kind::Config,
    Kind::Manifest,
    Kind::Entry,
    Kind::Ignore,
    Kind::Dockerfile,
    Kind::Marker,
    Kind::Options,
    Kind::PythonVersion,
];

impl Kind {
    /// The name of such a file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Lock => lock::FILE_NAME,
            Self::Config => config::FILE_NAME,
            Self::Manifest => manifest::FILE_NAME,
            Self::Entry => "Dockerfile",
            Self::Ignore => ".dockerignore",
            Self::Dockerfile => "Containerfile",
            Self::Marker => "marker",
            Self::Options => "options",
            Self::PythonVersion => ".python-version",
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

    /// Reads a text as a file of this kind.
    pub fn read(&self, kind: Kind, text: &str) -> Verdict {
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
                let patterns = ignore::parse(text);
                drop(ignore::leaves_out(&patterns, "packages/a-library/src/a_library/__init__.py").map(str::to_owned));
                None
            }
            Kind::Dockerfile => {
                let surroundings = import::Surroundings {
                    project: None,
                    manifests: &BTreeMap::new(),
                    is_directory: &|_| None,
                    read: &|_| None,
                };
                import(&file, &surroundings).err()
            }
            Kind::PythonVersion => {
                let request = PythonRequest::parse(text.lines().next().unwrap_or_default());
                drop((request.properties().cloned(), request.refusal(), request.programs()));
                None
            }
            Kind::Marker => None,
            Kind::Options => {
                read_options(text);
                return Verdict::Read;
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
        let project = self.project.clone();
        let project = match kind {
            Kind::Marker => with_marker(project, text),
            Kind::Dockerfile => return,
            kind => project.with(kind.file(), text),
        };
        match project.compile(&Selection::default()) {
            Ok(compiled) => drop(buildkit_llb::marshal(compiled.image).map(|graph| graph.to_bytes())),
            Err(errors) => drop(errors.render()),
        }
    }
}

/// The project with a marker at its dependencies.
fn with_marker(project: Checkout, marker: &str) -> Checkout {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let with = |project: Checkout, file: &str, from: &str, to: &str| {
        let text = project.files.get(file).map_or(String::new(), |text| text.replacen(from, to, 1));
        project.with(file, text)
    };
    let project = with(
        project,
        manifest::FILE_NAME,
        "dependencies = [",
        &format!("dependencies = [{}, ", quoted(&format!("typing-extensions; {marker}"))),
    );
    let marker = quoted(marker);
    let edge = format!("dependencies = [{{ name = \"typing-extensions\", marker = {marker} }},");
    with(project, lock::FILE_NAME, "dependencies = [", &edge)
}

/// Everything that options are asked for.
fn read_options(text: &str) {
    let variables = text.lines().enumerate().map(|(number, line)| match line.strip_prefix("workers=") {
        Some(workers) => ("BUILDKIT_WORKERS".to_owned(), workers.to_owned()),
        None => (format!("BUILDKIT_FRONTEND_OPT_{number}"), line.to_owned()),
    });
    let options = Options::from_env(variables);
    drop((options.build_args(), options.labels(), options.git_labels(), options.project()));
    drop((options.platforms().is_ok(), options.multi_platform(2).is_ok(), options.no_cache(), options.wants_sbom()));
    drop((options.source_date_epoch().ok(), options.cache_imports().ok(), options.container().ok()));
    drop((options.limits().ok(), options.require_capabilities().ok(), options.check(None).ok()));
    drop(options.get("context").and_then(GitReference::parse));
}

//! Facts about a python that cannot be run here, from the bytes of its files.

use object::Endianness;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader};

use super::{Interpreter, Libc, LibcName};

/// How much of a program [`Program::parse`] wants to see, in bytes: its headers lie at the start, and what they point to close
/// behind them.
pub const HEAD: u64 = 64 << 10;

/// Files that tell nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesError {
    /// A script, or a program of another system.
    #[error("`{0}` is not a 64-bit program for Linux")]
    NotAProgram(String),
    /// A program of a platform that the image is not for.
    #[error("`{0}` is not a program for {1}")]
    OtherMachine(String, String),
    /// A program that brings its C library along.
    #[error("`{0}` names no loader, so its C library is not known")]
    Static(String),
    /// A C library that does not tell what it is.
    #[error("no C library that tells its version belongs to `{0}`")]
    NoLibc(String),
    /// A python that does not tell what it is.
    #[error("`{0}` does not tell its version")]
    NoVersion(String),
    /// A python that files tell nothing of.
    #[error("only of CPython is it known where its files tell their version, this is {0}")]
    Implementation(String),
}

/// What the start of a program tells.
pub struct Program {
    machine: &'static Machine,
    loader: String,
}

/// A kind of processor.
struct Machine {
    /// As OCI calls it.
    architecture: &'static str,
    /// As Linux calls it, and `platform.machine()`.
    name: &'static str,
    /// As GNU calls it.
    gnu: &'static str,
    /// In the header of a program.
    number: elf::Machine,
}

const fn machine(architecture: &'static str, name: &'static str, gnu: &'static str, number: elf::Machine) -> Machine {
    Machine { architecture, name, gnu, number }
}

/// 64-bit ones only: an environment made on them has a link that those of others have not.
const MACHINES: [Machine; 5] = [
    machine("amd64", "x86_64", "x86_64", elf::EM_X86_64),
    machine("arm64", "aarch64", "aarch64", elf::EM_AARCH64),
    machine("ppc64le", "ppc64le", "powerpc64le", elf::EM_PPC64),
    machine("riscv64", "riscv64", "riscv64", elf::EM_RISCV),
    machine("s390x", "s390x", "s390x", elf::EM_S390),
];

/// Whether programs of an architecture can be read here.
pub fn is_known(architecture: &str) -> bool {
    MACHINES.iter().any(|machine| machine.architecture == architecture)
}

impl Program {
    /// Reads the first [`HEAD`] bytes of the program at `path`, which should be for `architecture`.
    pub fn parse(path: &str, head: &[u8], architecture: &str) -> Result<Self, FilesError> {
        let (number, loader) = read(head).ok_or_else(|| FilesError::NotAProgram(path.to_owned()))?;
        let machine = MACHINES
            .iter()
            .find(|machine| machine.architecture == architecture && machine.number == number)
            .ok_or_else(|| FilesError::OtherMachine(path.to_owned(), architecture.to_owned()))?;
        let loader = loader.ok_or_else(|| FilesError::Static(path.to_owned()))?;
        Ok(Self { machine, loader })
    }

    /// The files of which one is its C library, the most likely first.
    pub fn libc_files(&self) -> Vec<String> {
        if self.libc_name() == LibcName::Musl {
            return vec![self.loader.clone()];
        }
        // Debian's, Fedora's, and what is left.
        let directories = [&format!("/lib/{}-linux-gnu", self.machine.gnu), "/lib64", "/lib"];
        directories.map(|directory| format!("{directory}/libc.so.6")).into()
    }

    /// The C library, from the bytes of its file.
    pub fn libc(&self, file: &[u8]) -> Option<Libc> {
        let name = self.libc_name();
        let version = texts(file).find_map(|text| match name {
            // `GNU C Library (Debian GLIBC 2.36-9) stable release version 2.36.`
            LibcName::Glibc => text.split_once("GNU C Library")?.1.split_once("release version ").map(|(_, rest)| rest),
            // The loader prints its version when it is started alone.
            LibcName::Musl => (text.starts_with("1.") && text.split('.').count() == 3).then_some(text),
        })?;
        let mut numbers = version.split(|char: char| !char.is_ascii_digit()).map(str::parse);
        let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
        Some(Libc { name, major, minor })
    }

    fn libc_name(&self) -> LibcName {
        if self.loader.contains("/ld-musl-") { LibcName::Musl } else { LibcName::Glibc }
    }

    /// The facts of a python that is `host` but for what its files tell.
    pub fn interpreter(&self, host: &Interpreter, version: String, libc: Libc, accounts: [String; 2]) -> Interpreter {
        let [passwd, group] = accounts;
        Interpreter {
            platform_machine: self.machine.name.to_owned(),
            implementation_version: version.clone(),
            python_full_version: version,
            libc,
            passwd,
            group,
            ..host.clone()
        }
    }
}

/// The number of a program's machine, and its loader.
fn read(head: &[u8]) -> Option<(elf::Machine, Option<String>)> {
    let header = FileHeader64::<Endianness>::parse(head).ok()?;
    let endian = header.endian().ok()?;
    let mut segments = header.program_headers(endian, head).ok()?.iter();
    let loader = segments.find_map(|segment| segment.interpreter(endian, head).ok().flatten());
    Some((header.e_machine(endian), loader.map(|loader| String::from_utf8_lossy(loader).into_owned())))
}

/// The version of a CPython `3.13` (`short`), from the bytes of its program or shared library: `3.13.5`, `3.14.0rc1`.
pub fn python_version(file: &[u8], short: &str) -> Option<String> {
    texts(file).find_map(|text| {
        // A build from a checkout has a `+` behind its version.
        let version = text.strip_suffix('+').unwrap_or(text);
        let patch = version.strip_prefix(short)?.strip_prefix('.')?;
        let is_version =
            patch.starts_with(|char: char| char.is_ascii_digit()) && version.parse::<uv_pep440::Version>().is_ok();
        is_version.then(|| version.to_owned())
    })
}

/// Texts in a program's data: they end with a zero.
fn texts(file: &[u8]) -> impl Iterator<Item = &str> {
    file.split(|byte| *byte == 0).filter(|text| text.len() > 2).filter_map(|text| std::str::from_utf8(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program of this machine, whatever it is: the test itself.
    #[test]
    fn reads_the_program_that_runs() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let head = &program[..usize::try_from(HEAD).unwrap()];
        let (architecture, other) = match std::env::consts::ARCH {
            "x86_64" => ("amd64", "arm64"),
            "aarch64" => ("arm64", "amd64"),
            _ => return,
        };
        let parsed = Program::parse("python", head, architecture).unwrap();
        let known: Vec<_> = parsed.libc_files().into_iter().filter_map(|path| std::fs::read(path).ok()).collect();
        let libc = parsed.libc(&known[0]).expect("the C library tells its version");
        assert!((libc.major, libc.minor) >= (2, 17), "{libc}");
        let refused = |head: &[u8]| Program::parse("python", head, other).err();
        assert_eq!(refused(head), Some(FilesError::OtherMachine("python".to_owned(), other.to_owned())));
        assert_eq!(refused(b"#!/bin/sh\n"), Some(FilesError::NotAProgram("python".to_owned())));
    }

    #[test]
    fn reads_versions_among_other_texts() {
        let program = |loader: &str| Program { machine: &MACHINES[1], loader: loader.to_owned() };
        let glibc = program("/lib/ld-linux-aarch64.so.1");
        let file = b"\x01\x02\0GNU C Library (Debian GLIBC 2.36-9+deb12u10) stable release version 2.36.\nCopyright\0";
        assert_eq!(glibc.libc(file).unwrap().to_string(), "glibc-2.36");
        assert_eq!(glibc.libc_files()[0], "/lib/aarch64-linux-gnu/libc.so.6");
        let musl = program("/lib/ld-musl-aarch64.so.1");
        assert_eq!(musl.libc(b"\0musl libc (%s)\nVersion %s\0\x001.2.5\0").unwrap().to_string(), "musl-1.2");
        assert_eq!(musl.libc_files(), ["/lib/ld-musl-aarch64.so.1"]);
        assert_eq!(glibc.libc(b"\0no library\0"), None);

        let version = |file: &[u8], short| python_version(file, short);
        assert_eq!(version(b"\0python3.13\x003.13\x003.13.x\x003.13.5\0", "3.13").as_deref(), Some("3.13.5"));
        assert_eq!(version(b"\x003.14.0rc1+\0", "3.14").as_deref(), Some("3.14.0rc1"));
        assert_eq!(version(b"\x003.1.12\0", "3.13"), None);
    }
}

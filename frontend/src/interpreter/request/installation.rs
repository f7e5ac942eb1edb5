//! Names of installations, as uv gives them: `cpython-3.12.3-linux-x86_64-gnu`.

use super::Properties;
use super::implementation::{IMPLEMENTATIONS, Implementation};
use super::versions::version;

/// Systems in the name of an installation.
const SYSTEMS: [&str; 14] = [
    "linux",
    "macos",
    "darwin",
    "windows",
    "freebsd",
    "netbsd",
    "openbsd",
    "dragonfly",
    "emscripten",
    "wasi",
    "solaris",
    "illumos",
    "ios",
    "aix",
];

/// Processors in the name of an installation.
const MACHINES: [&str; 22] = [
    "x86_64",
    "x86_64_v2",
    "x86_64_v3",
    "x86_64_v4",
    "aarch64",
    "arm64",
    "x86",
    "i386",
    "i586",
    "i686",
    "arm",
    "armv5te",
    "armv6",
    "armv7",
    "powerpc",
    "powerpc64",
    "powerpc64le",
    "s390x",
    "riscv64",
    "riscv64gc",
    "loongarch64",
    "wasm32",
];

/// C libraries in the name of an installation.
const LIBCS: [&str; 7] = ["gnu", "gnueabi", "gnueabihf", "musl", "musleabi", "musleabihf", "none"];

/// `cpython-3.12.3-linux-x86_64-gnu`: any of the parts may be missing or `any`.
pub fn installation(text: &str) -> Option<Properties> {
    let mut properties = Properties::default();
    let mut position = 0;
    let mut parts = text.split('-');
    let mut part = parts.next()?;
    if text.is_empty() || text.split('-').count() > 5 {
        return None;
    }
    loop {
        let is_any = part.eq_ignore_ascii_case("any");
        let known = |names: &[&str]| names.contains(&part).then(|| part.to_owned());
        let fits = match position {
            _ if is_any && position < 5 => true,
            0 => {
                let lower = part.to_ascii_lowercase();
                let is_it = |(_, long, short): &(Implementation, &str, Option<&str>)| {
                    *long == lower || *short == Some(lower.as_str())
                };
                properties.implementation = IMPLEMENTATIONS.iter().find(|known| is_it(known)).map(|(it, ..)| *it);
                properties.implementation.is_some()
            }
            1 => match version(part) {
                Some((versions, variant)) => {
                    (properties.versions, properties.variant) = (versions, variant);
                    true
                }
                None => false,
            },
            2 => {
                properties.system = known(&SYSTEMS);
                properties.system.is_some()
            }
            3 => {
                properties.machine = known(&MACHINES);
                properties.machine.is_some()
            }
            4 => {
                properties.libc = known(&LIBCS);
                properties.libc.is_some()
            }
            _ => return None,
        };
        position += 1;
        if fits {
            match parts.next() {
                Some(next) => part = next,
                None => return Some(properties),
            }
        }
    }
}

/// As `platform.machine()` calls a processor; nothing of those that it does not tell apart.
pub fn machine_of(name: &str) -> Option<&str> {
    Some(match name {
        "arm64" => "aarch64",
        "x86" | "i386" | "i586" => "i686",
        "armv7" => "armv7l",
        "powerpc64le" => "ppc64le",
        "riscv64gc" => "riscv64",
        "x86_64" | "aarch64" | "i686" | "armv7l" | "ppc64le" | "s390x" | "riscv64" | "loongarch64" => name,
        _ => return None,
    })
}

//! What a builder lacks, by the words of a build that failed, and which packages of a distribution have it.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;

/// A package of Debian, that of Alpine, and what they have: programs, headers or directories of them, and libraries as pkg-config, the
/// linker and CMake call them. A name that is empty is none.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const PACKAGES: &[Row] = &[
    ("gcc libc6-dev", "gcc musl-dev", "cc gcc x86_64-linux-gnu-gcc aarch64-linux-gnu-gcc", "", ""),
    ("libc6-dev", "musl-dev", "", "stdlib.h stdio.h limits.h assert.h string.h crt1.o Scrt1.o", "c m pthread"),
    ("clang libc6-dev", "clang musl-dev", "clang", "", ""),
    (
        "g++",
        "g++",
        "c++ g++ x86_64-linux-gnu-g++ aarch64-linux-gnu-g++",
        "iostream cstdint cstdlib string vector",
        "stdc++",
    ),
    ("cargo", "cargo", "cargo rustc", "", ""),
    ("golang-go", "go", "go", "", ""),
    ("gfortran", "gfortran", "gfortran", "", "gfortran"),
    ("make", "make", "make gmake", "", ""),
    ("cmake", "cmake", "cmake", "", ""),
    ("ninja-build", "samurai", "ninja ninja-build", "", ""),
    ("meson", "meson", "meson", "", ""),
    (
        "autoconf automake libtool",
        "autoconf automake libtool",
        "autoconf automake autoreconf libtool libtoolize",
        "",
        "",
    ),
    ("pkg-config", "pkgconf", "pkg-config pkgconf", "", ""),
    ("swig", "swig", "swig", "", ""),
    ("git", "git", "git", "", ""),
    ("bison", "bison", "bison yacc", "", ""),
    ("flex", "flex", "flex lex", "FlexLexer.h", ""),
    ("patch", "patch", "patch", "", ""),
    ("protobuf-compiler", "protobuf-dev", "protoc", "", ""),
    ("libprotobuf-dev", "protobuf-dev", "", "google/protobuf/", "protobuf Protobuf"),
    ("llvm-dev", "llvm-dev", "llvm-config", "llvm-c/", ""),
    ("libclang-dev", "clang-dev", "", "clang-c/", "clang"),
    ("python3-dev", "python3-dev", "python3-config", "Python.h", ""),
    ("libpq-dev", "libpq-dev", "pg_config", "libpq-fe.h libpq/", "libpq pq PostgreSQL"),
    (
        "default-libmysqlclient-dev",
        "mariadb-dev",
        "mysql_config mariadb_config",
        "mysql.h mysql/ mysqld_error.h",
        "mysqlclient mariadb libmariadb mariadbclient",
    ),
    ("libmariadb-dev", "mariadb-connector-c-dev", "", "mariadb/", ""),
    ("libsqlite3-dev", "sqlite-dev", "", "sqlite3.h", "sqlite3 SQLite3"),
    ("unixodbc-dev", "unixodbc-dev", "odbc_config", "sql.h sqlext.h", "odbc"),
    ("freetds-dev", "freetds-dev", "", "sybdb.h sqlfront.h", "sybdb ct"),
    ("libffi-dev", "libffi-dev", "", "ffi.h ffi/", "libffi ffi"),
    ("libssl-dev", "openssl-dev", "", "openssl/", "openssl libssl libcrypto ssl crypto OpenSSL"),
    ("zlib1g-dev", "zlib-dev", "", "zlib.h zconf.h", "zlib z ZLIB"),
    ("libbz2-dev", "bzip2-dev", "", "bzlib.h", "bzip2 bz2 BZip2"),
    ("liblzma-dev", "xz-dev", "", "lzma.h lzma/", "liblzma lzma LibLZMA"),
    ("libzstd-dev", "zstd-dev", "", "zstd.h", "libzstd zstd"),
    ("liblz4-dev", "lz4-dev", "", "lz4.h lz4frame.h", "liblz4 lz4"),
    ("libsnappy-dev", "snappy-dev", "", "snappy-c.h snappy.h", "snappy Snappy"),
    ("libbrotli-dev", "brotli-dev", "", "brotli/", "libbrotlienc libbrotlidec"),
    ("libxml2-dev", "libxml2-dev", "xml2-config", "libxml/ libxml2/", "libxml-2.0 libxml2 xml2 LibXml2"),
    ("libxslt1-dev", "libxslt-dev", "xslt-config", "libxslt/", "libxslt xslt LibXslt"),
    ("libxmlsec1-dev", "xmlsec-dev", "xmlsec1-config", "xmlsec/", "xmlsec1 xmlsec1-openssl"),
    ("libldap2-dev", "openldap-dev", "", "ldap.h lber.h", "ldap lber ldap_r"),
    ("libsasl2-dev", "cyrus-sasl-dev", "", "sasl/ sasl.h", "libsasl2 sasl2"),
    ("libkrb5-dev", "krb5-dev", "krb5-config", "krb5.h gssapi/ gssapi.h", "krb5 krb5-gssapi mit-krb5 gssapi_krb5"),
    ("libcurl4-openssl-dev", "curl-dev", "curl-config", "curl/", "libcurl curl CURL"),
    ("libjpeg-dev", "libjpeg-turbo-dev", "", "jpeglib.h jconfig.h", "libjpeg jpeg JPEG"),
    ("libpng-dev", "libpng-dev", "libpng-config", "png.h", "libpng libpng16 png PNG"),
    ("libtiff-dev", "tiff-dev", "", "tiffio.h tiff.h", "libtiff-4 tiff TIFF"),
    ("libwebp-dev", "libwebp-dev", "", "webp/", "libwebp webp"),
    ("libopenjp2-7-dev", "openjpeg-dev", "", "openjpeg.h", "libopenjp2 openjp2"),
    (
        "libfreetype-dev",
        "freetype-dev",
        "freetype-config",
        "ft2build.h freetype2/ freetype/",
        "freetype2 freetype Freetype",
    ),
    ("libcairo2-dev", "cairo-dev", "", "cairo.h cairo/", "cairo"),
    ("libpango1.0-dev", "pango-dev", "", "pango/", "pango pangocairo"),
    ("libgirepository1.0-dev", "gobject-introspection-dev", "", "girepository.h", "gobject-introspection-1.0"),
    ("libgirepository-2.0-dev", "glib-dev", "", "", "girepository-2.0"),
    ("libdbus-1-dev", "dbus-dev", "", "dbus/", "dbus-1"),
    ("libglib2.0-dev", "glib-dev", "", "glib.h", "glib-2.0 gobject-2.0"),
    ("libgraphviz-dev", "graphviz-dev", "", "graphviz/", "libcgraph cgraph"),
    ("libmagickwand-dev", "imagemagick-dev", "MagickWand-config", "wand/ MagickWand/", "MagickWand"),
    ("libvips-dev", "vips-dev", "", "vips/", "vips"),
    ("portaudio19-dev", "portaudio-dev", "", "portaudio.h", "portaudio-2.0 portaudio"),
    ("libasound2-dev", "alsa-lib-dev", "", "alsa/", "alsa asound"),
    ("libsndfile1-dev", "libsndfile-dev", "", "sndfile.h", "sndfile"),
    (
        "libavformat-dev libavdevice-dev libavfilter-dev libswscale-dev libswresample-dev",
        "ffmpeg-dev",
        "",
        "libavformat/ libavcodec/ libavutil/ libavdevice/ libavfilter/ libswscale/ libswresample/",
        "libavformat libavcodec libavutil libavdevice libavfilter libswscale libswresample",
    ),
    ("libmagic-dev", "file-dev", "", "magic.h", "libmagic magic"),
    ("libgmp-dev", "gmp-dev", "", "gmp.h", "gmp"),
    ("libmpfr-dev", "mpfr-dev", "", "mpfr.h", "mpfr"),
    ("libmpc-dev", "mpc1-dev", "", "mpc.h", "mpc"),
    ("libopenblas-dev", "openblas-dev", "", "cblas.h lapacke.h", "openblas OpenBLAS lapack blas LAPACK BLAS"),
    ("libhdf5-dev", "hdf5-dev", "h5cc", "hdf5.h", "hdf5 HDF5"),
    ("libnetcdf-dev", "netcdf-dev", "nc-config", "netcdf.h", "netcdf netCDF"),
    ("libeigen3-dev", "eigen-dev", "", "Eigen/", "eigen3 Eigen3"),
    ("libboost-dev", "boost-dev", "", "boost/", "Boost"),
    ("libgeos-dev", "geos-dev", "geos-config", "geos_c.h", "geos geos_c GEOS"),
    ("libproj-dev proj-bin", "proj-dev proj", "proj", "proj.h proj_api.h", "PROJ"),
    ("libgdal-dev", "gdal-dev", "gdal-config", "gdal.h cpl_conv.h cpl_port.h", "gdal GDAL"),
    ("libspatialindex-dev", "spatialindex-dev", "", "spatialindex/", "spatialindex_c spatialindex"),
    ("libpcap-dev", "libpcap-dev", "pcap-config", "pcap.h pcap/", "libpcap pcap"),
    ("libusb-1.0-0-dev", "libusb-dev", "", "libusb.h libusb-1.0/", "libusb-1.0 usb-1.0"),
    ("libudev-dev", "eudev-dev", "", "libudev.h", "libudev udev"),
    ("libhidapi-dev", "hidapi-dev", "", "hidapi.h hidapi/", "hidapi-libusb"),
    ("libbluetooth-dev", "bluez-dev", "", "bluetooth/", "bluez bluetooth"),
    ("libsystemd-dev", "", "", "systemd/", "libsystemd systemd"),
    ("libcap-dev", "libcap-dev", "", "sys/capability.h", "libcap cap"),
    ("libacl1-dev", "acl-dev", "", "acl/ sys/acl.h", "acl"),
    ("libattr1-dev", "attr-dev", "", "attr/", "attr"),
    ("libfuse3-dev", "fuse3-dev", "", "fuse3/", "fuse3"),
    ("libfuse-dev", "fuse-dev", "", "fuse.h fuse/", "fuse"),
    ("libzmq3-dev", "zeromq-dev", "", "zmq.h", "libzmq zmq"),
    ("librdkafka-dev", "librdkafka-dev", "", "rdkafka.h librdkafka/", "rdkafka"),
    ("libevent-dev", "libevent-dev", "", "event2/", "libevent event"),
    ("libmemcached-dev", "libmemcached-dev", "", "libmemcached/", "memcached libmemcached"),
    ("libsodium-dev", "libsodium-dev", "", "sodium.h", "libsodium sodium"),
    ("libsecp256k1-dev", "libsecp256k1-dev", "", "secp256k1.h", "libsecp256k1"),
    ("libyaml-dev", "yaml-dev", "", "yaml.h", "yaml-0.1 yaml"),
    ("libre2-dev", "re2-dev", "", "re2/", "re2"),
    ("libpcre2-dev", "pcre2-dev", "pcre2-config", "pcre2.h", "libpcre2-8"),
    ("libicu-dev", "icu-dev", "icu-config", "unicode/", "icu-i18n icu-uc ICU"),
    ("libreadline-dev", "readline-dev", "", "readline/", "readline"),
    ("libncurses-dev", "ncurses-dev", "ncurses6-config", "ncurses.h curses.h", "ncurses ncursesw curses tinfo"),
    ("libcrypt-dev", "musl-dev", "", "crypt.h", "crypt"),
    ("libpoppler-cpp-dev", "poppler-dev", "", "poppler/", "poppler-cpp"),
    ("libleptonica-dev", "leptonica-dev", "", "leptonica/", "lept"),
    ("libtesseract-dev", "tesseract-ocr-dev", "", "tesseract/", "tesseract"),
    ("libzbar-dev", "zbar-dev", "", "zbar.h", "zbar"),
    ("libta-lib-dev", "", "", "ta-lib/", "ta-lib ta_lib"),
    ("libvirt-dev", "libvirt-dev", "", "libvirt/", "libvirt"),
    ("libgpgme-dev", "gpgme-dev", "gpgme-config", "gpgme.h", "gpgme"),
    ("libssh2-1-dev", "libssh2-dev", "", "libssh2.h", "libssh2"),
    ("libgit2-dev", "libgit2-dev", "", "git2.h", "libgit2"),
    ("libsnmp-dev", "net-snmp-dev", "net-snmp-config", "net-snmp/", "netsnmp"),
    ("libaugeas-dev", "augeas-dev", "", "augeas.h", "augeas"),
    ("portmidi", "portmidi-dev", "", "portmidi.h", ""),
    ("libsdl2-dev", "sdl2-dev", "sdl2-config", "SDL.h SDL2/", "sdl2"),
    ("libgl-dev", "mesa-dev", "", "GL/", "gl GL OpenGL"),
    ("libx11-dev", "libx11-dev", "", "X11/", "x11 X11"),
];

/// How shells, python, compilers, setuptools, CMake, meson, cargo and packages themselves say that there is no such program.
const NO_PROGRAM: &[&str] = &[
    r"(?m)(?:command|program) '([^' ]+)' (?:failed: No such file|not found)",
    r"No such file or directory: '([^'/ ]+)'",
    r"unable to execute '([^' ]+)'",
    r"linker `([^` ]+)` not found",
    r"(?m)(?:^|[ :])([A-Za-z0-9_+.-]+): (?:command )?not found",
    r"Unknown compiler\(s\): \[\['([^' ]+)'",
    r"Did not find (pkg-config|cmake|CMake)\b",
    r"Program '?([A-Za-z0-9_+-]+)'? (?:found: NO|not found)",
    r"Could(?: not|n't) find (?:the )?`?([A-Za-z0-9_+-]+)`? (?:executable|on PATH|binary)",
    r"([a-z0-9]+[-_]config) (?:executable )?(?:was )?not found",
    r"(?i)could not (?:find|run) '?`?([a-z0-9]+[-_]config)\b",
    r"No (CMAKE_C|CMAKE_CXX|CMAKE_Fortran)_COMPILER could be found",
    r"unable to find a build program corresponding to .?(Ninja)",
    r"([A-Za-z]+), the Rust (?:package manager|compiler), is not installed",
    r"(?:can't find|requires a) (Rust) compiler",
    r#"failed to (?:find tool|execute command|run custom build command for) "?`?([^"` ]+)"#,
    r"is `([a-z0-9+-]+)` not installed\?",
    r"The (pkg-config) command could not be found",
    r"(pkg-config) is (?:not installed|required|missing)",
];

/// What others call a program than itself.
const ALIASES: &[(&str, &str)] = &[
    ("CMAKE_C", "cc"),
    ("CMAKE_CXX", "c++"),
    ("CMAKE_Fortran", "gfortran"),
    ("Cargo", "cargo"),
    ("Rust", "rustc"),
    ("Ninja", "ninja"),
    ("CMake", "cmake"),
];

/// How compilers say that there is no such header.
const NO_HEADER: &[&str] = &[
    r"fatal error: ([^ :]+): No such file or directory",
    r"fatal error: '([^']+)' file not found",
    r"error: ([^ :]+\.h[a-z]*): No such file or directory",
];

/// How pkg-config, meson, CMake, the linker and cargo say that there is no such library.
const NO_LIBRARY: &[&str] = &[
    r"Package '?([A-Za-z0-9_+.-]+?)'?,? (?:required by '[^']*', )?(?:was )?not found",
    r"No package '([^' ]+)' found",
    r#"Dependency "?([A-Za-z0-9_+.-]+)"? not found"#,
    r"(?:Run-time|Build-time|Dependency) dependency ([A-Za-z0-9_+.-]+) found: NO",
    r"pkg-config (?:--?[a-z-]+ )*([A-Za-z0-9_+.-]+)' returned non-zero exit status 1\b",
    r"The system library `([^` ]+)` required by crate",
    r"cannot find -l([A-Za-z0-9_+.-]+)",
    r"Could NOT find ([A-Za-z0-9_]+)",
    r#"configuration file provided by "([A-Za-z0-9_]+)""#,
    r"Could not find directory of (OpenSSL) installation",
    r"make sure the (libxml2) and",
    r"and (libxslt) development packages are installed",
    r"(?:Unable to load dependency|Could not find) (HDF5)\b",
];

/// How something is named in the words of a build: what it is called, the column of [`Row`] that has it, and where in the text.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lack {
    /// Byte offset in the text.
    pub at: usize,
    /// `pg_config`, `libpq-fe.h`
    pub name: String,
    row: usize,
}

impl Lack {
    /// The packages that have it, of Alpine or of Debian.
    fn packages(&self, musl: bool) -> impl Iterator<Item = &'static str> {
        let (debian, alpine, ..) = PACKAGES[self.row];
        (if musl { alpine } else { debian }).split(' ').filter(|package| !package.is_empty())
    }
}

static PROGRAM_PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(NO_PROGRAM));
static HEADER_PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(NO_HEADER));
static LIBRARY_PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| compiled(NO_LIBRARY));

/// They are constants, which a test compiles.
fn compiled(patterns: &[&str]) -> Vec<Regex> {
    patterns.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect()
}

/// What the words of a build say that there is not, in their order, each once; `programs` are those that there are.
pub fn lacking(text: &str, programs: &BTreeSet<String>) -> Vec<Lack> {
    let mut found = Vec::new();
    for (patterns, kind) in [(&*PROGRAM_PATTERNS, 0), (&*HEADER_PATTERNS, 1), (&*LIBRARY_PATTERNS, 2)] {
        for captures in patterns.iter().flat_map(|pattern| pattern.captures_iter(text)) {
            let (Some(whole), Some(name)) = (captures.get(0), captures.get(1)) else { continue };
            let name = name.as_str();
            let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, program)| program);
            if kind == 0 && programs.contains(name) {
                continue;
            }
            if let Some(row) = row_of(kind, name) {
                found.push(Lack { at: whole.start(), name: name.to_owned(), row });
            }
        }
    }
    found.sort();
    let mut named = BTreeSet::new();
    found.retain(|lack| named.insert((lack.row, lack.name.clone())));
    found
}

fn row_of(kind: usize, name: &str) -> Option<usize> {
    let directory = name.split_once('/').map(|(directory, _)| format!("{directory}/"));
    let has = |names: &str| {
        names.split(' ').any(|known| !known.is_empty() && (known == name || Some(known) == directory.as_deref()))
    };
    PACKAGES.iter().position(|(_, _, programs, headers, libraries)| has([*programs, *headers, *libraries][kind]))
}

/// What to do about it.
pub fn remedy(lacks: &[Lack], musl: bool) -> Vec<String> {
    if lacks.is_empty() {
        return Vec::new();
    }
    let mut names: Vec<String> = Vec::new();
    for lack in lacks {
        let name = format!("`{}`", lack.name);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let packages: BTreeSet<&str> = lacks.iter().flat_map(|lack| lack.packages(musl)).collect();
    let (key, distribution) = if musl { ("build-apk", "Alpine") } else { ("build-apt", "Debian") };
    let lacked = format!("the builder does not have {}", names.join(" and "));
    let packages: Vec<String> = packages.iter().map(|package| format!("\"{package}\"")).collect();
    vec![match packages.is_empty() {
        true => format!("{lacked}: name a `builder` in uv.build.toml that has it"),
        false => format!(
            "{lacked}: `{key} = [{}]` in uv.build.toml installs it from {distribution} for builds; or name a `builder` that has it",
            packages.join(", ")
        ),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, musl: bool) -> String {
        let lacks = lacking(text, &BTreeSet::new());
        assert!(!lacks.is_empty(), "nothing is lacking in `{text}`");
        remedy(&lacks, musl).remove(0)
    }

    /// As the tools say it.
    const WORDS: &[(&str, &str, &str)] = &[
        ("Error: pg_config executable not found.", "libpq-dev", "libpq-dev"),
        ("psycopg/psycopg.h:35:10: fatal error: Python.h: No such file or directory", "python3-dev", "python3-dev"),
        ("c/_cffi_backend.c:15:10: fatal error: ffi.h: No such file or directory", "libffi-dev", "libffi-dev"),
        ("x.c:1:10: fatal error: 'openssl/ssl.h' file not found", "libssl-dev", "openssl-dev"),
        ("src/kerberos.c:1: fatal error: gssapi/gssapi.h: No such file or directory", "libkrb5-dev", "krb5-dev"),
        ("/bin/sh: 1: krb5-config: not found", "libkrb5-dev", "krb5-dev"),
        ("/bin/sh: xslt-config: command not found", "libxslt1-dev", "libxslt-dev"),
        (
            "Error: Please make sure the libxml2 and libxslt development packages are installed.",
            "libxml2-dev",
            "libxml2-dev",
        ),
        (
            "src/lxml/etree.c:1: fatal error: libxml/xmlversion.h: No such file or directory",
            "libxml2-dev",
            "libxml2-dev",
        ),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'gdal-config'", "libgdal-dev", "gdal-dev"),
        ("Could not find gdal-config. Make sure you have installed the GDAL native library", "libgdal-dev", "gdal-dev"),
        (
            "Command 'pkg-config --exists mysqlclient' returned non-zero exit status 1.",
            "default-libmysqlclient-dev",
            "mariadb-dev",
        ),
        ("/bin/sh: 1: pkg-config: not found", "pkg-config", "pkgconf"),
        ("OSError: mysql_config not found", "default-libmysqlclient-dev", "mariadb-dev"),
        ("CMake Error: CMake was unable to find a build program corresponding to \"Ninja\".", "ninja-build", "samurai"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'cmake'", "cmake", "cmake"),
        ("Could NOT find HDF5 (missing: HDF5_LIBRARIES)", "libhdf5-dev", "hdf5-dev"),
        ("No CMAKE_C_COMPILER could be found.", "gcc", "gcc"),
        ("Cargo, the Rust package manager, is not installed or is not on PATH.", "cargo", "cargo"),
        ("error: can't find Rust compiler", "cargo", "cargo"),
        ("error: linker `cc` not found", "gcc", "gcc"),
        ("error: command 'gcc' failed: No such file or directory", "gcc", "gcc"),
        ("../meson.build:1:0: ERROR: Unknown compiler(s): [['gfortran'], ['flang']]", "gfortran", "gfortran"),
        ("../meson.build:4:0: ERROR: Dependency \"cairo\" not found, tried pkgconfig", "libcairo2-dev", "cairo-dev"),
        ("/usr/bin/ld: cannot find -lsndfile: No such file or directory", "libsndfile1-dev", "libsndfile-dev"),
        (
            "src/pyaudio/device_api.c:9:10: fatal error: portaudio.h: No such file or directory",
            "portaudio19-dev",
            "portaudio-dev",
        ),
        ("Modules/common.h:15:10: fatal error: lber.h: No such file or directory", "libldap2-dev", "openldap-dev"),
        (
            "Modules/LDAPObject.c:16:10: fatal error: sasl.h: No such file or directory",
            "libsasl2-dev",
            "cyrus-sasl-dev",
        ),
        (
            "snappy/snappymodule.cc:31:10: fatal error: snappy-c.h: No such file or directory",
            "libsnappy-dev",
            "snappy-dev",
        ),
        ("Package libffi was not found in the pkg-config search path.", "libffi-dev", "libffi-dev"),
        ("The system library `openssl` required by crate `openssl-sys` was not found.", "libssl-dev", "openssl-dev"),
        ("Could not find directory of OpenSSL installation, and this `-sys` crate", "libssl-dev", "openssl-dev"),
        ("a.cpp:1:10: fatal error: boost/python.hpp: No such file or directory", "libboost-dev", "boost-dev"),
        (
            "failed to execute command: No such file or directory (os error 2)\nis `cmake` not installed?",
            "cmake",
            "cmake",
        ),
    ];

    #[test]
    fn knows_what_builds_ask_for() {
        for (words, debian, alpine) in WORDS {
            let (apt, apk) = (told(words, false), told(words, true));
            assert!(apt.contains("`build-apt = [") && apt.contains(&format!("\"{debian}\"")), "{words}: {apt}");
            assert!(apk.contains("`build-apk = [") && apk.contains(&format!("\"{alpine}\"")), "{words}: {apk}");
        }
    }

    #[test]
    fn names_all_that_is_lacking_once() {
        let words = "error: command 'gcc' failed: No such file or directory\nerror: command 'gcc' failed: No such file or directory\n\
                     a.c:1:1: fatal error: zlib.h: No such file or directory";
        assert_eq!(
            told(words, false),
            "the builder does not have `gcc` and `zlib.h`: `build-apt = [\"gcc\", \"libc6-dev\", \"zlib1g-dev\"]` in uv.build.toml \
             installs it from Debian for builds; or name a `builder` that has it"
        );
        assert_eq!(
            told("a.c:1:1: fatal error: systemd/sd-daemon.h: No such file or directory", true),
            "the builder does not have `systemd/sd-daemon.h`: name a `builder` in uv.build.toml that has it"
        );
    }

    #[test]
    fn says_nothing_of_what_is_there_or_unknown() {
        let words = "FileNotFoundError: [Errno 2] No such file or directory: 'git'";
        assert_eq!(lacking(words, &BTreeSet::from(["git".to_owned()])), []);
        assert_eq!(lacking(words, &BTreeSet::new()).len(), 1);
        for words in ["fatal error: own.h: No such file or directory", "README.md: not found", "0 errors", ""] {
            assert_eq!(lacking(words, &BTreeSet::new()), [], "{words}");
        }
    }

    #[test]
    fn every_pattern_is_one_and_every_name_has_one_package() {
        assert_eq!(PROGRAM_PATTERNS.len() + HEADER_PATTERNS.len() + LIBRARY_PATTERNS.len(), {
            NO_PROGRAM.len() + NO_HEADER.len() + NO_LIBRARY.len()
        });
        for kind in 0..3 {
            let names = PACKAGES.iter().flat_map(|row| [row.2, row.3, row.4][kind].split(' '));
            let mut seen = BTreeSet::new();
            for name in names.filter(|name| !name.is_empty()) {
                assert!(seen.insert(name), "`{name}` is in two rows");
            }
        }
    }
}

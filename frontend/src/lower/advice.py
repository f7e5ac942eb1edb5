"""What the builder lacks, told by the words of a build that failed. Imported by the worker where something is built that may compile.

Packages are named as in Debian, and for Alpine by another name where that has one.
"""

import json
import re
import sysconfig

# Programs that build backends and compilers of their languages start.
PROGRAMS = {
    "cc": "gcc libc6-dev", "gcc": "gcc libc6-dev", "x86_64-linux-gnu-gcc": "gcc libc6-dev",
    "aarch64-linux-gnu-gcc": "gcc libc6-dev", "clang": "clang libc6-dev",
    "c++": "g++", "g++": "g++", "x86_64-linux-gnu-g++": "g++", "aarch64-linux-gnu-g++": "g++",
    "cargo": "cargo", "rustc": "cargo", "go": "golang-go", "gfortran": "gfortran", "make": "make", "cmake": "cmake",
    "ninja": "ninja-build", "pkg-config": "pkg-config", "pkgconf": "pkg-config", "swig": "swig", "git": "git",
    "pg_config": "libpq-dev", "mysql_config": "default-libmysqlclient-dev", "krb5-config": "libkrb5-dev",
    "curl-config": "libcurl4-openssl-dev", "xml2-config": "libxml2-dev", "xslt-config": "libxslt1-dev",
    "gdal-config": "libgdal-dev", "geos-config": "libgeos-dev", "pcre2-config": "libpcre2-dev", "llvm-config": "llvm-dev",
}

# Headers, or directories of them.
HEADERS = {
    "libpq-fe.h": "libpq-dev", "mysql.h": "default-libmysqlclient-dev", "mysql/": "default-libmysqlclient-dev",
    "sqlite3.h": "libsqlite3-dev", "sql.h": "unixodbc-dev", "ffi.h": "libffi-dev", "openssl/": "libssl-dev",
    "zlib.h": "zlib1g-dev", "bzlib.h": "libbz2-dev", "lzma.h": "liblzma-dev", "zstd.h": "libzstd-dev", "lz4.h": "liblz4-dev",
    "snappy-c.h": "libsnappy-dev", "snappy.h": "libsnappy-dev", "libxml/": "libxml2-dev", "libxslt/": "libxslt1-dev",
    "xmlsec/": "libxmlsec1-dev", "ldap.h": "libldap2-dev", "lber.h": "libldap2-dev", "sasl/": "libsasl2-dev",
    "krb5.h": "libkrb5-dev", "gssapi/": "libkrb5-dev", "curl/": "libcurl4-openssl-dev", "jpeglib.h": "libjpeg-dev",
    "png.h": "libpng-dev", "tiffio.h": "libtiff-dev", "webp/": "libwebp-dev", "ft2build.h": "libfreetype-dev",
    "cairo.h": "libcairo2-dev", "cairo/": "libcairo2-dev", "glib.h": "libglib2.0-dev", "graphviz/": "libgraphviz-dev",
    "portaudio.h": "portaudio19-dev", "alsa/": "libasound2-dev", "sndfile.h": "libsndfile1-dev", "magic.h": "libmagic-dev",
    "gmp.h": "libgmp-dev", "mpfr.h": "libmpfr-dev", "mpc.h": "libmpc-dev", "hdf5.h": "libhdf5-dev", "geos_c.h": "libgeos-dev",
    "proj.h": "libproj-dev", "gdal.h": "libgdal-dev", "pcap.h": "libpcap-dev", "libusb.h": "libusb-1.0-0-dev",
    "systemd/": "libsystemd-dev", "zmq.h": "libzmq3-dev", "rdkafka.h": "librdkafka-dev", "librdkafka/": "librdkafka-dev",
    "yaml.h": "libyaml-dev", "readline/": "libreadline-dev", "ncurses.h": "libncurses-dev", "crypt.h": "libcrypt-dev",
    "stdlib.h": "libc6-dev", "stdio.h": "libc6-dev", "limits.h": "libc6-dev", "assert.h": "libc6-dev",
}

# What Alpine calls them, where that is something else; nothing where it has no such package.
ALPINE = {
    "libc6-dev": "musl-dev", "golang-go": "go", "ninja-build": "samurai", "pkg-config": "pkgconf", "llvm-dev": "",
    "default-libmysqlclient-dev": "mariadb-dev", "libkrb5-dev": "krb5-dev", "libcurl4-openssl-dev": "curl-dev",
    "libxslt1-dev": "libxslt-dev", "libgdal-dev": "gdal-dev", "libgeos-dev": "geos-dev", "libpcre2-dev": "pcre2-dev",
    "libsqlite3-dev": "sqlite-dev", "libssl-dev": "openssl-dev", "zlib1g-dev": "zlib-dev", "libbz2-dev": "bzip2-dev",
    "liblzma-dev": "xz-dev", "libzstd-dev": "zstd-dev", "liblz4-dev": "lz4-dev", "libsnappy-dev": "snappy-dev",
    "libxmlsec1-dev": "xmlsec-dev", "libldap2-dev": "openldap-dev", "libsasl2-dev": "cyrus-sasl-dev",
    "libjpeg-dev": "libjpeg-turbo-dev", "libtiff-dev": "tiff-dev", "libfreetype-dev": "freetype-dev",
    "libcairo2-dev": "cairo-dev", "libglib2.0-dev": "glib-dev", "libgraphviz-dev": "graphviz-dev",
    "portaudio19-dev": "portaudio-dev", "libasound2-dev": "alsa-lib-dev", "libsndfile1-dev": "libsndfile-dev",
    "libmagic-dev": "file-dev", "libgmp-dev": "gmp-dev", "libmpfr-dev": "mpfr-dev", "libmpc-dev": "mpc1-dev",
    "libhdf5-dev": "hdf5-dev", "libproj-dev": "proj-dev", "libusb-1.0-0-dev": "libusb-dev", "libsystemd-dev": "",
    "libzmq3-dev": "zeromq-dev", "libyaml-dev": "yaml-dev", "libreadline-dev": "readline-dev",
    "libncurses-dev": "ncurses-dev", "libcrypt-dev": "musl-dev",
}

# How shells, python, compilers, setuptools, CMake, meson and cargo say that there is no such program, and compilers that there is no
# such header.
NO_PROGRAM = (
    r"(?:command|program) '([^' ]+)' (?:failed: No such file|not found)", r"No such file or directory: '([^'/ ]+)'",
    r"unable to execute '([^' ]+)'", r"linker `([^` ]+)` not found", r"(?:^|[ :])([a-z0-9_+-]+): (?:command )?not found",
    r"Unknown compiler\(s\): \[\['([^' ]+)'", r"Could not find ([A-Za-z0-9_-]+) (?:executable|on PATH)",
    r"([a-z0-9]+[-_]config) executable not found",
    r"No (CMAKE_C|CMAKE_CXX)_COMPILER could be found", r"([A-Za-z]+), the Rust (?:package manager|compiler), is not installed",
    r"failed to find tool \"([^\" ]+)\"",
)
NO_HEADER = (r"fatal error: ([^ :]+\.h[a-z]*): No such file", r"fatal error: '([^']+)' file not found")


def lacking(text):
    """What the words of a build say that there is not: (name, packages) in the order of the text, each once."""
    found = []
    for pattern in NO_PROGRAM:
        for match in re.finditer(pattern, text, re.MULTILINE):
            name = {"CMAKE_C": "cc", "CMAKE_CXX": "c++", "Cargo": "cargo"}.get(match.group(1), match.group(1))
            if name in PROGRAMS:
                found.append((match.start(), name, PROGRAMS[name]))
    for pattern in NO_HEADER:
        for match in re.finditer(pattern, text):
            header = match.group(1)
            package = HEADERS.get(header) or HEADERS.get(header.split("/")[0] + "/")
            if package is not None:
                found.append((match.start(), header, package))
    return list(dict.fromkeys((name, package) for _, name, package in sorted(found)))


def remedy(packages):
    """What to do about it. Where python is linked to musl there is no apt, but apk."""
    key, distribution = "build-apt", "Debian"
    if "-musl" in (sysconfig.get_config_var("SOABI") or ""):
        key, distribution = "build-apk", "Alpine"
        packages = sorted({ALPINE.get(package, package) for package in packages} - {""})
    if not packages:
        return "name a `builder` that has it"
    installs = "`%s = %s` installs what %s has of it" % (key, json.dumps(packages), distribution)
    return installs + "; or name a `builder` that has it"

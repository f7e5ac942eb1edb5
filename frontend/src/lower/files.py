"""Lists what each package of an image has on disk, files that several packages write differently, and libraries that programs of
packages need and the image does not have.

    files.py IMAGE ENVIRONMENT OUTPUT     a directory with the image's files, a path in it, and the file to write

Reads the `RECORD` of each package (https://packaging.python.org/en/latest/specifications/recording-installed-packages), and of
programs what the loader does (ld.so(8), elf(5)). Nothing of the image is run.
"""

import base64
import csv
import glob
import hashlib
import json
import os
import re
import struct
import sys

from failure import report_to

# Where loaders look when nobody tells them, of Debian and of others.
LIBRARIES = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib", "/lib/*-linux-*", "/usr/lib/*-linux-*", "/usr/local/lib/*-linux-*")
# What a machine's driver brings into a container.
OF_THE_DRIVER = re.compile(r"lib(cuda|nvidia-[a-z-]+|nvcuvid)\.so\.1$")


def rows(record):
    """Path, from where the packages lie, and hash of each file of a package."""
    with open(record, encoding="utf-8", newline="") as file:
        return [(os.path.normpath(row[0]), row[1]) for row in csv.reader(file) if row]


def size(path):
    """Bytes of a file and of its bytecode."""
    directory, name = os.path.split(path)
    compiled = []
    if name.endswith(".py"):
        compiled = glob.glob(os.path.join(glob.escape(directory), "__pycache__", glob.escape(name[:-3]) + ".*.pyc"))
    return sum(os.path.getsize(file) for file in [path, *compiled] if os.path.exists(file))


def digest(path):
    """As a RECORD writes it."""
    with open(path, "rb") as file:
        return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(file.read()).digest()).decode().rstrip("=")


def needed(path):
    """The libraries that a program names, if it is one."""
    with open(path, "rb") as file:
        head = file.read(64)
        if head[:4] != b"\x7fELF" or len(head) < 64 or head[4] != 2:
            return []
        order = "<" if head[5] == 1 else ">"
        start, (size, count) = struct.unpack_from(order + "Q", head, 32)[0], struct.unpack_from(order + "HH", head, 54)
        file.seek(start)
        table = file.read(size * count)
        loaded, dynamic = [], None
        for at in range(0, len(table) - 55, size):
            kind, _, offset, address, _, length = struct.unpack_from(order + "IIQQQQ", table, at)
            if kind == 1:
                loaded.append((address, offset, length))
            elif kind == 2:
                dynamic = (offset, length)
        if dynamic is None:
            return []
        file.seek(dynamic[0])
        entries = file.read(dynamic[1])
        pairs = [struct.unpack_from(order + "qQ", entries, at) for at in range(0, len(entries) - 15, 16)]
        names, texts = [value for tag, value in pairs if tag == 1], [value for tag, value in pairs if tag == 5]
        found = []
        for address, offset, length in loaded:
            if texts and address <= texts[0] < address + length:
                for name in names:
                    file.seek(offset + texts[0] - address + name)
                    found.append(file.read(256).split(b"\0")[0].decode(errors="replace"))
        return found


def names_in(directories):
    """Names of all files in directories."""
    return {name for directory in directories if os.path.isdir(directory) for name in os.listdir(directory)}


def provided(image):
    """Names of the libraries that an image's loader finds."""
    patterns = list(LIBRARIES)
    for config in glob.glob(image + "/etc/ld.so.conf.d/*.conf") + glob.glob(image + "/etc/ld.so.conf"):
        with open(config, encoding="utf-8", errors="replace") as file:
            patterns += [line.strip() for line in file if line.startswith("/")]
    return names_in(directory for pattern in patterns for directory in glob.glob(image + pattern))


def missing(image, environment, files):
    """Libraries that no file of this name is there for, neither of the image nor of a package: the package and file that need each.
    `files` are paths and names of packages."""
    known, found = provided(image), {}
    for directory, _, names in os.walk(environment):
        known.update(name for name in names if ".so" in name)
    for path, package in files:
        if os.path.isfile(path) and not os.path.islink(path):
            for library in needed(path):
                if library not in known and not OF_THE_DRIVER.match(library):
                    found.setdefault(library, {}).setdefault(package, path)
    return [
        {"library": library, "packages": sorted(by), "path": os.path.relpath(by[min(by)], environment)}
        for library, by in sorted(found.items())
    ]


def total(image):
    """Bytes of all files of an image. A file with several names is one."""
    sizes = {}
    for directory, _, names in os.walk(image):
        for name in names:
            status = os.lstat(os.path.join(directory, name))
            sizes[status.st_dev, status.st_ino] = status.st_size
    return sum(sizes.values())


def main(image, path, output):
    report_to(os.path.dirname(output))
    environment = image + path
    packages, owners = [], {}
    # In an environment, or side by side in a directory.
    places = ("/lib/python*/site-packages", "")
    for record in sorted(path for place in places for path in glob.glob(environment + place + "/*.dist-info/RECORD")):
        site_packages, dist_info = os.path.split(os.path.dirname(record))
        name, version = dist_info[: -len(".dist-info")].split("-")
        files = [(os.path.normpath(os.path.join(site_packages, path)), expected) for path, expected in rows(record)]
        for path, expected in files:
            owners.setdefault(path, []).append((len(packages), expected))
        packages.append({
            "name": name.replace("_", "-").lower(), "version": version,
            "files": len(files), "bytes": sum(size(path) for path, _ in files),
        })
    shared = []
    for path, claims in sorted(owners.items()):
        # Files that are equal, such as those of old namespace packages, are nobody's loss.
        if len({expected for _, expected in claims}) > 1:
            found = digest(path) if os.path.isfile(path) else None
            shared.append({
                "path": os.path.relpath(path, environment),
                "packages": [packages[index]["name"] for index, _ in claims],
                "kept": next((packages[index]["name"] for index, expected in claims if expected == found), None),
            })
    with open(output, "w", encoding="utf-8") as file:
        files = [(path, packages[claims[0][0]]["name"]) for path, claims in sorted(owners.items())]
        json.dump({
            "packages": packages, "shared": shared, "missing": missing(image, environment, files), "bytes": total(image),
        }, file)


main(*sys.argv[1:])

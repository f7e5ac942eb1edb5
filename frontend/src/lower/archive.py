"""Packs a directory into a zip that is the same whenever and wherever it is packed.

    archive.py DIRECTORY OUTPUT MAX_UNPACKED MAX_UPLOADED

The sizes are in bytes. More than the former is an error, since AWS Lambda refuses it; more than the latter is said.
"""

import os
import stat
import sys
import zipfile

from failure import fail, report_to

# 1980-01-01, the first instant that a zip file can hold.
EPOCH = (1980, 1, 1, 0, 0, 0)
# How many of the largest are named.
NAMED = 5


def entries(top):
    """Paths of files, links and empty directories below a directory, in the order in which they are packed."""
    found = []
    for directory, directories, files in os.walk(top):
        links = [name for name in directories if os.path.islink(os.path.join(directory, name))]
        found += [os.path.join(directory, name) for name in files + links]
        if not directories and not files and directory != top:
            found.append(directory)
    return sorted(found)


def size(path):
    """Bytes of a file; a link and a directory count for nothing."""
    status = os.lstat(path)
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def megabytes(count):
    """As people read it."""
    return "%.1f MB" % (count / 1e6)


def require_size(top, paths, limit):
    """Ends the step if more is packed than AWS Lambda unpacks."""
    total, parts = 0, {}
    for path in paths:
        part = os.path.relpath(path, top).split(os.sep)[0]
        parts[part] = parts.get(part, 0) + size(path)
        total += size(path)
    if total > limit:
        largest = sorted(parts.items(), key=lambda part: (-part[1], part[0]))[:NAMED]
        named = ", ".join("%s (%s)" % (name, megabytes(count)) for name, count in largest)
        fail(
            "the packages have %s, but AWS Lambda unpacks at most %s" % (megabytes(total), megabytes(limit)),
            "the largest are %s; an image may have 10 GB: `kind = \"image\"` with `layout = \"target\"`" % named,
        )


def pack(top, paths, output):
    """Writes the zip. Who runs a function is not its owner: everybody may read."""
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in paths:
            mode, name = os.lstat(path).st_mode, os.path.relpath(path, top)
            if stat.S_ISLNK(mode):
                kind, content = stat.S_IFLNK | 0o777, os.readlink(path).encode()
            elif stat.S_ISDIR(mode):
                kind, content, name = stat.S_IFDIR | 0o755, b"", name + "/"
            else:
                kind = stat.S_IFREG | (0o755 if mode & 0o100 else 0o644)
                with open(path, "rb") as file:
                    content = file.read()
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system, entry.external_attr = 3, kind << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def main(top, output, max_unpacked, max_uploaded):
    """Packs a directory, and looks at what came out."""
    report_to(os.path.dirname(output))
    paths = entries(top)
    require_size(top, paths, int(max_unpacked))
    pack(top, paths, output)
    if os.path.getsize(output) > int(max_uploaded):
        print(
            "warning: the zip has %s: AWS Lambda takes more than %s from S3 only"
            % (megabytes(os.path.getsize(output)), megabytes(int(max_uploaded))), file=sys.stderr,
        )
    for path in (output, os.path.dirname(output)):
        os.utime(path, (315532800, 315532800))


main(*sys.argv[1:])

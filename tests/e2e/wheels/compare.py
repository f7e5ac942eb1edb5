"""How the wheels of two directories differ, as JSON: a list of what differs for each wheel, and how many files it has. Of what a compiler
made, only whether it is there and its mode: it holds paths of temporary directories.

    wheels.py OURS THEIRS
"""

import hashlib
import json
import os
import sys
import zipfile


def entries(path):
    """Content, mode and kind of each file of a wheel. The order in an archive means nothing."""
    with zipfile.ZipFile(path) as wheel:
        is_compiled = is_native(wheel)
        return {
            entry.filename: (content(wheel.read(entry), is_compiled), oct(entry.external_attr >> 16))
            for entry in wheel.infolist()
        }


def is_native(wheel):
    """Whether a compiler made some of it."""
    return any(wheel.read(entry)[:4] == b"\x7fELF" for entry in wheel.infolist())


def content(text, is_native):
    """What is compared of a file. A list of files with hashes has those of what a compiler made."""
    if is_native and text[:4] == b"\x7fELF":
        return "a program"
    if is_native and b".dist-info/RECORD,," in text:
        return sorted(line.split(b",")[0].decode() for line in text.splitlines())
    return hashlib.sha256(text).hexdigest()


def differences(ours, theirs):
    """One line for each file that is not the same. A list of files differs if a file does."""
    lines = ["more: " + name for name in sorted(set(ours) - set(theirs))]
    lines += ["less: " + name for name in sorted(set(theirs) - set(ours))]
    others = sorted(name for name in set(ours) & set(theirs) if ours[name] != theirs[name])
    return lines + ["other: " + name for name in others if not (lines and name.endswith(".dist-info/RECORD"))]


def main(ours, theirs):
    table = {}
    for name in sorted(set(os.listdir(ours)) | set(os.listdir(theirs))):
        if not name.endswith(".whl"):
            continue
        found = [os.path.join(directory, name) for directory in (ours, theirs)]
        absent = [path for path in found if not os.path.exists(path)]
        if absent:
            table[name] = {"files": 0, "differences": ["no " + path for path in absent]}
            continue
        left, right = map(entries, found)
        table[name] = {"files": len(right), "differences": differences(left, right)}
    json.dump(table, sys.stdout)


main(*sys.argv[1:])

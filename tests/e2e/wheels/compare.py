"""How the wheels of two directories differ, as JSON: a list of what differs for each wheel, and how many files it has.

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
        return {
            entry.filename: (hashlib.sha256(wheel.read(entry)).hexdigest(), oct(entry.external_attr >> 16))
            for entry in wheel.infolist()
        }


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

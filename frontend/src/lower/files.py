"""Lists what each package of an environment has on disk, and files that several packages write differently.

    files.py ENVIRONMENT OUTPUT

Reads the `RECORD` of each package (https://packaging.python.org/en/latest/specifications/recording-installed-packages).
"""

import base64
import csv
import glob
import hashlib
import json
import os
import sys


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


def main(environment, output):
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
        json.dump({"packages": packages, "shared": shared}, file)


main(*sys.argv[1:])

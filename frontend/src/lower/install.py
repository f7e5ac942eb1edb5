"""Wheels become a layer: uv installs them into an output that holds nothing else, and their modules become bytecode.

    worker.py install REQUIREMENT...  wheels from /wheels, and from directories of /built
"""

import glob
import os
import shutil
import sys

from bytecode import compile_installed, processes
from step import BUILT, OUT, VENV, build_config, cache_with_answers, data, freeze, uv

WHEELS = "/wheels"


def annotate(dist_info, notes):
    """Writes files beside the metadata of a package, and into the list of its files."""
    import base64
    import hashlib

    record = os.path.join(dist_info, "RECORD")
    for name, text in notes.items():
        content = text.encode()
        with open(os.path.join(dist_info, name), "wb") as file:
            file.write(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        with open(record, "a", encoding="utf-8", newline="") as file:
            file.write("%s/%s,sha256=%s,%d\n" % (os.path.basename(dist_info), name, digest, len(content)))


def normalized(name):
    """A package's name, from one as it is written in a file name."""
    return "-".join(filter(None, name.lower().replace("_", "-").replace(".", "-").split("-")))


def install(places, requirements, notes, *editable):
    """Installs wheels into the output as if it were the environment, so that scripts name the environment's python. In a directory
    they name that of the image, which is the one that runs this; in an environment that may be moved, what lies beside them, which uv
    writes only when it installs into that environment itself.

    uv unpacks a wheel into its cache and installs it from there. In the output the cache is on the same file system, and what
    is installed are links: each file is written once."""
    directory, cache = os.environ.pop("UV_BUILDKIT_DIRECTORY", None), OUT + "/.cache"
    is_movable = os.environ.pop("UV_BUILDKIT_MOVABLE", None) is not None
    if directory is None:
        prefix, site_packages = OUT + VENV, OUT + VENV + "/lib/python*/site-packages"
        where = ["--python", prefix + "/bin/python"] if is_movable else ["--python", VENV + "/bin/python", "--prefix", prefix]
    else:
        prefix = site_packages = OUT + directory
        where = ["--python", sys.executable, "--target", prefix]
        os.environ["UV_NO_INSTALLER_METADATA"] = "1"
    os.environ["UV_CONCURRENT_INSTALLS"] = str(processes())
    find_links = [argument for place in places for argument in ("--find-links", place)]
    command = [
        "pip", "install", "--quiet", "--offline", "--no-index", "--no-deps", "--cache-dir", cache, *build_config(),
        "--prerelease=allow", "--link-mode=hardlink", *find_links, *where, *editable,
    ]
    if is_movable:
        shutil.copytree(VENV, prefix, symlinks=True)
    cache_with_answers(cache)
    uv(*command, *requirements)
    if len(requirements) > 1 and report_shared_files(site_packages):
        # Side by side, any of them may have been the last to write.
        shutil.rmtree(prefix)
        if is_movable:
            shutil.copytree(VENV, prefix, symlinks=True)
        for requirement in requirements:
            uv(*command, requirement)
    shutil.rmtree(cache)
    os.remove(prefix + "/.lock")
    for record in glob.glob(site_packages + "/*.dist-info/RECORD"):
        forget_origin(record)
        dist_info = os.path.dirname(record)
        of_package = notes.get(normalized(os.path.basename(dist_info).split("-")[0]))
        if of_package:
            annotate(dist_info, of_package)
    compile_installed(site_packages, OUT)


def report_shared_files(site_packages):
    """Says which packages write the same files with different contents; whether there are any."""
    import csv

    owners = {}
    for record in glob.glob(site_packages + "/*.dist-info/RECORD"):
        package = normalized(os.path.basename(os.path.dirname(record)).split("-")[0])
        with open(record, encoding="utf-8", newline="") as file:
            for path, digest, *_ in csv.reader(file):
                owners.setdefault(os.path.normpath(path), []).append((package, digest))
    shared = {}
    for path, claims in sorted(owners.items()):
        if len({digest for _, digest in claims}) > 1:
            shared.setdefault(tuple(sorted(package for package, _ in claims)), []).append(path)
    for packages, paths in sorted(shared.items()):
        names = " and ".join("`%s`" % package for package in packages)
        more = " and %d more" % (len(paths) - 1) if len(paths) > 1 else ""
        print("warning: %s write `%s`%s: what `%s` writes stays" % (names, paths[0], more, packages[-1]), file=sys.stderr)
    return bool(shared)


def forget_origin(record):
    """Takes out the file in which uv notes when the wheel was written here: it helps a later `uv sync`, which an image
    never sees, and differs from build to build."""
    origin = os.path.join(os.path.dirname(record), "uv_cache.json")
    if not os.path.exists(origin):
        return
    os.remove(origin)
    name = "/".join(origin.split("/")[-2:])
    with open(record, encoding="utf-8", newline="") as file:
        lines = file.readlines()
    with open(record, "w", encoding="utf-8", newline="") as file:
        file.writelines(line for line in lines if not line.startswith(name + ","))


def install_wheels(*requirements):
    """One layer of wheels."""
    notes = data("NOTES", {})
    install(glob.glob(WHEELS) + sorted(glob.glob(BUILT + "/*")), requirements, notes)
    freeze(OUT)


STEPS = {"install": install_wheels}

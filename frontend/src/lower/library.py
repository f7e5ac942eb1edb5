"""Compiles the standard library of the python that runs this: bytecode alone comes out, to lie over its sources.

    library.py OUTPUT

Official images of python have no bytecode of it, and compile what they import whenever they start; this is for a python that nobody
else made small. What comes out does not depend on when it was made, and is never looked at again by the time of a source.
"""

import importlib.util
import os
import sys
import sysconfig

from bytecode import compile_all
from failure import report_to

# Some pythons bring their tests along. `site-packages` has pip, if anything.
SKIPPED = ("__pycache__", "site-packages", "test", "tests", "idle_test")

# 1980-01-01, as everything in an image.
EPOCH = 315532800 * 10**9


def sources(library):
    """Every module of a standard library."""
    for directory, directories, files in os.walk(library):
        directories[:] = sorted(name for name in directories if name not in SKIPPED)
        yield from (os.path.join(directory, name) for name in sorted(files) if name.endswith(".py"))


def freeze(root):
    """Gives every file and directory the same time."""
    for directory, directories, files in os.walk(root, topdown=False):
        for name in directories + files:
            os.utime(os.path.join(directory, name), ns=(EPOCH, EPOCH))
    os.utime(root, ns=(EPOCH, EPOCH))


def main(output):
    report_to(output)
    os.umask(0o022)
    paths = sources(sysconfig.get_path("stdlib"))
    files = [(path, output + importlib.util.cache_from_source(path), path) for path in paths]
    compile_all(files, min(len(os.sched_getaffinity(0)), 4))
    freeze(output)


main(*sys.argv[1:])

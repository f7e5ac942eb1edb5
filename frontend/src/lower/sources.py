"""Compiles the modules among files that an image has as they are: bytecode alone comes out, to lie beside them.

    sources.py TREE OUTPUT [DIRECTORY ...]

The directories are there in any case, if with nothing in them.

People put other files in their place while a container runs. So python compares the hash of the source before it takes this bytecode;
that of installed packages it takes as it is.
"""

import importlib.util
import os
import sys

import bytecode

# A hash of the source that is compared when it is imported (PEP 552).
CHECKED = importlib.util.MAGIC_NUMBER + b"\3\0\0\0"


def main(tree, output, *directories):
    os.umask(0o022)
    for directory in directories:
        os.makedirs(output + directory, exist_ok=True)
    bytecode.HEADER = CHECKED
    paths = ((path, path[len(tree):]) for path in bytecode.modules(tree))
    files = [(path, output + importlib.util.cache_from_source(at), at) for path, at in paths]
    bytecode.compile_all(sorted(files), min(len(os.sched_getaffinity(0)), 4))


main(*sys.argv[1:])

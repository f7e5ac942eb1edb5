"""An empty environment, and a root in which later steps of an installation start fast.

    worker.py venv PYTHON

The root has bytecode of the modules that an installation imports, scripts of ours among them: official images have no bytecode of the
standard library, and every step would compile again what it imports. It also has what uv found out about the python.
"""

import os
import re
import shutil

from preload import preload_beside
from step import ANSWERS, OUT, VENV, data, freeze, keep_answers, uv, write

# What uv's own scripts import, and what an installation imports that says something about it.
IMPORTED = ("csv", "install", "json", "platform", "site", "struct", "sysconfig")


def make_venv(python):
    """An environment knows its own path, so it is made where it will live and then moved to the output."""
    wait = preload_beside(IMPORTED)
    movable = ["--relocatable"] if os.environ.pop("UV_BUILDKIT_MOVABLE", None) else []
    alone, cache = ("--quiet", "--no-config"), ("--cache-dir", "/tmp/uv")
    uv("venv", *alone, "--no-project", *cache, *movable, "--python", python, VENV)
    lock = VENV + "/.lock"
    if os.path.exists(lock):
        os.remove(lock)
    shutil.copytree(VENV, OUT + VENV, symlinks=True)
    uv("pip", "list", *alone, *cache, "--offline", "--python", (OUT if movable else "") + VENV + "/bin/python", is_shown=False)
    keep_answers("/tmp/uv", ANSWERS)
    version = os.environ.pop("UV_BUILDKIT_PYTHON", None)
    if version is not None:
        path = OUT + VENV + "/pyvenv.cfg"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        write(path, re.sub("(?m)^version_info = .*$", "version_info = " + version, text))
    freeze(OUT)
    wait()


STEPS = {"venv": make_venv}

"""Lists environments, for comparison: listing.py ENVIRONMENT OUTPUT [ENVIRONMENT OUTPUT ...]. One may be a directory in which
packages lie side by side.

Bytecode is left out, and told of by itself: which modules have none, though they could.
"""

import hashlib
import json
import os
import stat
import sys
import warnings


def describe(path):
    """What a path holds."""
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return {"link": os.readlink(path)}
    mode = oct(stat.S_IMODE(status.st_mode))
    if stat.S_ISDIR(status.st_mode):
        return {"directory": mode}
    with open(path, "rb") as file:
        content = file.read()
    name = os.path.basename(path)
    if name in ("RECORD", "pyvenv.cfg") or name.startswith("activate"):
        return {"mode": mode, "lines": content.decode().splitlines()}
    return {"mode": mode, "sha256": hashlib.sha256(content).hexdigest()}


def compiles(path):
    """Whether python takes a source: packages hold templates and code for other versions, too."""
    try:
        with open(path, "rb") as file:
            compile(file.read(), path, "exec")
    except (SyntaxError, ValueError):
        return False
    return True


def bytecode(path):
    """Where python looks for the bytecode of a source."""
    directory, name = os.path.split(path)
    tag = sys.implementation.cache_tag
    return os.path.join(directory, "__pycache__", f"{name.removesuffix('.py')}.{tag}.pyc")


def listing(top):
    """Everything in an environment."""
    entries, compiled, uncompiled = {}, 0, []
    for directory, directories, files in os.walk(top):
        directories[:] = sorted(name for name in directories if name != "__pycache__")
        for name in directories + files:
            path = os.path.join(directory, name)
            relative = os.path.relpath(path, top)
            if name.endswith(".pyc"):
                continue
            entries[relative] = describe(path)
            if name.endswith(".py") and not relative.startswith("bin/"):
                if os.path.exists(bytecode(path)):
                    compiled += 1
                elif compiles(path):
                    uncompiled.append(relative)
    return {"entries": entries, "compiled": compiled, "uncompiled": uncompiled}


warnings.simplefilter("ignore")
arguments = sys.argv[1:]
for root, output in zip(arguments[::2], arguments[1::2]):
    with open(output, "w", encoding="utf-8") as file:
        json.dump(listing(root), file)

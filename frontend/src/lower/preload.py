"""Imports modules in a root, and leaves bytecode of all modules that are imported then. Each is compiled once."""

import importlib
import importlib.machinery
import importlib.util
import os
import sys

from bytecode import compile_some


def preload(names):
    """Imports modules, as far as this python has them."""
    loader = importlib.machinery.SourceFileLoader
    get_code = loader.get_code

    def compiled(self, name):
        keep([self.get_filename(name)])
        return get_code(self, name)

    loader.get_code = compiled
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    loader.get_code = get_code
    # What python imported before.
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    keep(sorted(path for path in files if path.endswith(".py") and path != sys.argv[0]))


def preload_beside(names):
    """Does that in a process of its own, and gives back what waits for it."""
    process = os.fork()
    if process == 0:
        code = 1
        try:
            preload(names)
            code = 0
        except Exception:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)

    def wait():
        if os.waitpid(process, 0)[1]:
            sys.exit("bytecode could not be written")

    return wait


def keep(paths):
    """Leaves bytecode of modules that have none. Another python may look for it at the same time: each file is there as a whole."""
    for path in paths:
        target = importlib.util.cache_from_source(path)
        if not os.path.exists(target):
            part = target + ".part"
            compile_some([(path, part, path)])
            if os.path.exists(part):
                os.replace(part, target)

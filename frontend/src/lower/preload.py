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


def keep(paths):
    """Leaves bytecode of modules that have none."""
    files = [(path, importlib.util.cache_from_source(path), path) for path in paths]
    compile_some(file for file in files if not os.path.exists(file[1]))

"""A root in which builds start fast: it has bytecode of the modules that usual build backends import.

    worker.py prepare
"""

from preload import preload

# Each brings in others.
STANDARD_LIBRARY = (
    "argparse", "ast", "base64", "compileall", "concurrent.futures", "configparser", "csv", "ctypes", "dataclasses",
    "datetime", "difflib", "email.message", "email.parser", "email.policy", "encodings.idna", "filecmp", "fnmatch",
    "functools",
    "glob", "gzip", "hashlib", "html", "importlib.metadata", "importlib.resources", "inspect", "json", "logging",
    "pathlib", "pkgutil", "platform", "pprint", "queue", "random", "runpy", "shlex", "shutil", "subprocess", "sysconfig",
    "tarfile", "tempfile", "textwrap", "tokenize", "tomllib", "traceback", "typing", "unittest.mock", "urllib.request",
    "uuid", "zipfile",
)


def prepare():
    """Leaves bytecode in the root."""
    preload(STANDARD_LIBRARY)


STEPS = {"prepare": prepare}

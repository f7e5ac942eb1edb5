"""One step of an image build: runs uv, then makes the output independent of when and where it ran.

    worker.py venv PYTHON             an empty environment, and bytecode of the standard library beside it
    worker.py install REQUIREMENT...  wheels from /wheels into it
    worker.py backend PYTHON ARG...   build requirements into an environment of their own (arguments of `uv pip install`)
    worker.py build PATH SUBDIR ARG... an archive or a directory, built into a wheel (arguments of `uv build`)
    worker.py member NAME             a project, built from /src and installed

Everything else is fixed: steps that do the same have the same command line, and so the same cache key.
"""

import glob
import importlib.util
import os
import py_compile
import shutil
import subprocess
import sys

UV = "/opt/uv-buildkit/uv"
VENV = "/app/.venv"
OUT = "/out"
WHEELS = "/wheels"
BUILT = "/built"
CACHE = "/cache"
BACKEND = "/opt/uv-buildkit/backend"
SOURCE = "/src"
SCRATCH = "/build"

# 1980-01-01, the first instant that a zip file can hold: older times break tools that archive what is installed.
EPOCH = 315532800 * 10**9


# What uv's own scripts and the usual build backends import; each brings in others.
STANDARD_LIBRARY = (
    "argparse", "ast", "base64", "compileall", "concurrent.futures", "configparser", "csv", "ctypes", "dataclasses",
    "datetime", "difflib", "email.message", "email.parser", "email.policy", "encodings.idna", "fnmatch", "functools",
    "glob", "gzip", "hashlib", "html", "importlib.metadata", "importlib.resources", "inspect", "json", "logging",
    "pathlib", "pkgutil", "platform", "pprint", "queue", "random", "runpy", "shlex", "shutil", "subprocess", "sysconfig",
    "tarfile", "tempfile", "textwrap", "tokenize", "tomllib", "traceback", "typing", "unittest.mock", "urllib.request",
    "uuid", "zipfile",
)


def uv(*arguments):
    """Runs uv; its own words are the log of the step, its exit code is the step's."""
    code = subprocess.run([UV, *arguments]).returncode
    if code != 0:
        sys.exit(code)


def install(places, requirements):
    """Installs wheels into the output as if it were the environment, so that scripts name the environment's python.

    uv unpacks a wheel into its cache and installs it from there. In the output the cache is on the same file system, and what
    is installed are links: each file is written once."""
    prefix, cache = OUT + VENV, OUT + "/.cache"
    find_links = [argument for place in places for argument in ("--find-links", place)]
    uv(
        "pip", "install", "--quiet", "--offline", "--no-index", "--no-deps", "--cache-dir", cache, "--no-config",
        "--prerelease=allow", "--link-mode=hardlink", "--compile-bytecode", *find_links,
        "--python", VENV + "/bin/python", "--prefix", prefix, *requirements,
    )
    shutil.rmtree(cache)
    os.remove(prefix + "/.lock")
    for record in glob.glob(prefix + "/lib/python*/site-packages/*.dist-info/RECORD"):
        forget_origin(record)


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


def freeze(root):
    """Gives every file, directory and link the same time."""
    for directory, directories, files in os.walk(root, topdown=False):
        for name in directories + files:
            os.utime(os.path.join(directory, name), ns=(EPOCH, EPOCH), follow_symlinks=False)
    os.utime(root, ns=(EPOCH, EPOCH))


def compile_standard_library():
    """Leaves bytecode in the root, for the steps that run in it: the official images have none, and every program would
    compile again what it imports."""
    for name in STANDARD_LIBRARY:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None) or ""
        if path.endswith(".py") and path != __file__ and not os.path.exists(importlib.util.cache_from_source(path)):
            py_compile.compile(path, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)


def make_venv(python):
    """An environment knows its own path, so it is made where it will live and then moved to the output."""
    compile_standard_library()
    uv("venv", "--quiet", "--no-config", "--no-project", "--python", python, VENV)
    lock = VENV + "/.lock"
    if os.path.exists(lock):
        os.remove(lock)
    shutil.copytree(VENV, OUT + VENV, symlinks=True)
    freeze(OUT)


def make_backend(python, arguments):
    """An environment with the build requirements, mounted later where it was made."""
    uv("venv", "--quiet", "--no-config", "--no-project", "--allow-existing", "--python", python, BACKEND)
    if arguments:
        uv(
            "pip", "install", "--quiet", "--no-cache", "--no-config", "--link-mode=copy", "--compile-bytecode",
            "--python", BACKEND + "/bin/python", *arguments,
        )


def make_member(name):
    """Builds a wheel from a copy, since backends write beside the sources, and installs it."""
    source, wheels = SCRATCH + "/src", SCRATCH + "/wheels"
    shutil.copytree(SOURCE, source, symlinks=True)
    python = ["--python", VENV + "/bin/python"]
    if os.path.exists(BACKEND):
        python = ["--no-build-isolation", "--python", BACKEND + "/bin/python"]
        os.environ["PATH"] = BACKEND + "/bin:" + os.environ.get("PATH", os.defpath)
    uv(
        "build", "--quiet", "--wheel", "--offline", "--no-cache", "--no-config", "--no-sources", *python,
        "--out-dir", wheels, source,
    )
    install([wheels], [name])
    freeze(OUT)


def build(path, subdirectory, arguments):
    """Builds a wheel of somebody else's project, with build requirements from the indexes and caches of its own."""
    caches = {
        "UV_CACHE_DIR": "uv", "CARGO_HOME": "cargo", "CARGO_TARGET_DIR": "cargo-target", "CCACHE_DIR": "ccache",
        "GOCACHE": "go",
    }
    for name, directory in caches.items():
        os.environ[name] = os.path.join(CACHE, directory)
    if os.path.isdir(path):
        path = shutil.copytree(path, SCRATCH + "/src", symlinks=True)
    elif subdirectory:
        shutil.unpack_archive(path, SCRATCH + "/archive")
        top = os.listdir(SCRATCH + "/archive")
        if len(top) != 1:
            sys.exit("worker.py: %s should hold one directory, and holds %s" % (path, ", ".join(sorted(top))))
        path = os.path.join(SCRATCH, "archive", top[0])
    uv(
        "build", "--quiet", "--wheel", "--no-config", "--no-sources", *arguments,
        "--python", VENV + "/bin/python", "--out-dir", OUT, os.path.join(path, subdirectory) if subdirectory else path,
    )
    for name in os.listdir(OUT):
        if not name.endswith(".whl"):
            os.remove(os.path.join(OUT, name))
    freeze(OUT)


def main(command, *arguments):
    """Runs one command."""
    os.umask(0o022)
    if command == "venv":
        make_venv(*arguments)
    elif command == "install":
        install(glob.glob(WHEELS) + sorted(glob.glob(BUILT + "/*")), arguments)
        freeze(OUT)
    elif command == "backend":
        make_backend(*arguments[:1], arguments[1:])
    elif command == "build":
        build(*arguments[:2], arguments[2:])
    elif command == "member":
        make_member(*arguments)
    else:
        sys.exit("worker.py: unknown command " + command)


main(*sys.argv[1:])

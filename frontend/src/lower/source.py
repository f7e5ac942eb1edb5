"""The build of somebody else's project, which has no secrets, no cache and, unless the config gives it one, no network.

    worker.py build PATH SUBDIR       an archive or a directory, built into a wheel, or what it asks for beside
    worker.py finish PATH SUBDIR      the wheel, if it asked for something
"""

import errno
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib

from building import CHECKOUT, LOCKED, SCRATCH, check_version, require_portable, use_compiler_caches
from failure import fail, report
from requirements import ASKED, BUILD_SYSTEM, MORE, check
from step import ANSWERS, BACKEND, OUT, VENV, build_config, cache_with_answers, data, freeze, programs, read, uv, write

# Asks a build backend what it needs beside what the package requires (PEP 517).
QUESTION = """
import importlib, json, sys
name, path, config, answer = sys.argv[1:]
sys.argv[1:] = []
sys.path[:] = json.loads(path) + [entry for entry in sys.path if entry]
module, _, attributes = name.partition(":")
backend = importlib.import_module(module)
for attribute in filter(None, attributes.split(".")):
    backend = getattr(backend, attribute)
hook = getattr(backend, "get_requires_for_build_wheel", None)
asked = list(hook(json.loads(config)) if hook else [])
with open(answer, "w", encoding="utf-8") as file:
    json.dump(asked, file)
"""


def unpack(archive, whose):
    """Unpacks a source distribution: uv builds the one directory in it, as `uv sync` does; of an archive, `uv build` asks
    another uv for what this one could do itself."""
    directory, name = SCRATCH + "/archive", os.path.basename(archive)
    os.makedirs(directory)
    try:
        if archive.endswith(".zip"):
            with zipfile.ZipFile(archive) as file:
                for entry in file.infolist():
                    require_inside(entry.filename, None, name, whose)
                file.extractall(directory)
        else:
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            with tarfile.open(archive) as file:
                for member in file:
                    require_plain(member, name, whose)
                    file.extract(member, directory, **safe)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
        fail("`%s` cannot be unpacked: `%s` is damaged, or not safe: %s" % (whose, name, error))
    except OSError as error:
        # A full disk is no mistake of the archive.
        if error.errno not in (errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ELOOP):
            raise
        fail("`%s` cannot be unpacked: `%s` has an entry that cannot be created: %s" % (whose, name, shown(str(error))))
    top = os.listdir(directory)
    return os.path.join(directory, top[0]) if len(top) == 1 else directory


def require_plain(member, archive, whose):
    """Ends the step if an entry of an archive is no file, directory or link in it."""
    require_inside(member.name, None, archive, whose)
    if member.issym():
        require_inside(os.path.normpath(os.path.join(os.path.dirname(member.name), member.linkname)), member, archive, whose)
        if member.linkname.startswith("/"):
            require_inside(member.linkname, member, archive, whose)
    elif member.islnk():
        require_inside(member.linkname, member, archive, whose)
    elif not (member.isfile() or member.isdir()):
        fail("`%s` cannot be unpacked: `%s` in `%s` is a device or a pipe" % (whose, shown(member.name), archive))


def require_inside(path, link, archive, whose):
    """Ends the step if a path of an archive, or one that a link in it leads to, lies outside of it."""
    if not path.startswith("/") and ".." not in path.replace("\\", "/").split("/"):
        return
    if link is None:
        fail("`%s` cannot be unpacked: `%s` in `%s` lies outside of the archive" % (whose, shown(path), archive))
    what = "`%s` in `%s` is a link to `%s`" % (shown(link.name), archive, shown(link.linkname))
    fail("`%s` cannot be unpacked: %s, which lies outside of the archive" % (whose, what))


def shown(path):
    """A name from an archive, for a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in path)


def ask(project, system):
    """What the backend asks for that is not there."""
    is_project = any(os.path.exists(os.path.join(project, name)) for name in ("pyproject.toml", "setup.py"))
    if system["direct"] or not is_project:
        return []
    answer = SCRATCH + "/answer.json"
    places = [os.path.normpath(os.path.join(project, place)) for place in system["path"]]
    question = [BACKEND + "/bin/python", "-c", QUESTION, system["backend"], json.dumps(places), json.dumps(data("CONFIG", {})), answer]
    process = subprocess.run(question, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if process.returncode:
        # As uv says it.
        text = process.stdout.decode(errors="replace") + (
            "error: Failed to build `%s`\n  cause: The build backend returned an error\n"
            "  cause: Call to `%s.get_requires_for_build_wheel` failed (exit status: %d)\n"
        ) % (project, system["backend"], process.returncode)
        sys.stderr.write(text)
        report(words="\n".join(text.splitlines()[-500:]), programs=programs(text))
        sys.exit(1)
    asked = json.loads(read(answer))
    there = {
        re.sub("[-_.]+", "-", os.path.basename(place).split("-")[0]).lower()
        for place in glob.glob(BACKEND + "/lib/python*/site-packages/*.dist-info")
    }
    return [text for text in asked if not isinstance(text, str) or re.sub("[-_.]+", "-", text).lower() not in there]


def lay_out(path, subdirectory, whose):
    """The project where it is built: backends write beside the sources."""
    source = SCRATCH + CHECKOUT
    if os.path.isdir(path):
        shutil.copytree(path, source, symlinks=True)
    else:
        os.rename(unpack(path, whose), source)
    return os.path.normpath(os.path.join(source, subdirectory))


def build(path, subdirectory, may_ask=True):
    """Builds a wheel; or leaves what the backend asks for, the first time."""
    expected = data("EXPECTED", [])
    use_compiler_caches(SCRATCH + "/made")
    project = lay_out(path, subdirectory, expected[0])
    system = json.loads(read(BACKEND + BUILD_SYSTEM))
    python = ["--python", VENV + "/bin/python"]
    if not system["direct"]:
        python = ["--no-build-isolation", "--python", BACKEND + "/bin/python"]
        os.environ["PATH"] = BACKEND + "/bin:" + os.environ.get("PATH", os.defpath)
    more = ask(project, system) if may_ask else []
    if more:
        check(more, "the build backend of `%s` asks for" % expected[0])
        write(OUT + MORE, json.dumps(more))
        freeze(OUT)
        return
    cache = cache_with_answers("/tmp/uv", ANSWERS, BACKEND + "/answers")
    uv(
        "build", "--wheel", "--offline", "--cache-dir", cache, *build_config(), "--no-sources", *python, "--out-dir", OUT, project,
        is_shown=False,
    )
    for name in os.listdir(OUT):
        if name.endswith(".whl"):
            check_version(name, *expected, "the lockfile", LOCKED)
        else:
            os.remove(os.path.join(OUT, name))
    require_portable(OUT, expected[0])
    freeze(OUT)


def finish(path, subdirectory):
    """The wheel that was built, or one that is built with what the backend asked for."""
    if os.path.isfile(ASKED + MORE):
        build(path, subdirectory, may_ask=False)
        return
    for wheel in glob.glob(ASKED + "/*.whl"):
        shutil.copy(wheel, OUT)
    freeze(OUT)


STEPS = {"build": build, "finish": finish}

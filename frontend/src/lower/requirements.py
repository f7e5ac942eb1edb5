"""Build requirements: an environment with them.

These steps have a network, and the secrets of indexes. So nothing that they install runs in them: no build backend, where there is a
secret that it could read, and no python of an environment that has anything in it.

    worker.py backend PYTHON ARG...   build requirements of projects of the workspace
    worker.py requirements PATH SUBDIR PYTHON ARG...  those of an archive or a directory
    worker.py more PYTHON ARG...      what the backend of that asked for, beside what it requires
"""

import base64
import glob
import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.parse
import zipfile

from failure import fail
from step import (
    BACKEND, BUILT, CA, MISSING, SECRETS, UV, cache_with_answers, data, keep_answers, read, remove, uv, write,
)

# What a package is built with that does not say it (PEP 517).
LEGACY = {"requires": ["setuptools>=40.8.0"], "backend": "setuptools.build_meta:__legacy__", "path": []}

# What steps of a package leave for those that follow, beside the environment or the wheel.
BUILD_SYSTEM = "/.build-system.json"
ASKED = "/asked"
MORE = "/more.json"

# A requirement (PEP 508) on a line of its own. What cannot be told from an option, a comment, a second line or a path is none of ours.
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
EXTRAS = r"(?:\[[A-Za-z0-9._,\s-]*\])?"
BOUNDS = r"\(?[\s0-9A-Za-z.,*+!<>=~_-]*\)?"
MARKER = r"(?:;[^#\\]*)?"
REQUIREMENT = re.compile(r"%s\s*%s\s*(?:@\s*[^\s#\\][^\s\\]*(?:\s+%s)?|%s%s)" % (NAME, EXTRAS, MARKER, BOUNDS, MARKER))

# uv's words for what has no wheel.
BUILT_ONLY = re.compile(r"building from source is disabled|Building source distributions is disabled|no usable wheels")


def check(requirements, whose):
    """Ends the step unless all are requirements."""
    for text in requirements:
        line = text.strip() if isinstance(text, str) else ""
        reason = None
        if not line.isprintable() or not REQUIREMENT.fullmatch(line) or re.search(r"\s--?\w", line):
            reason = "is not a valid requirement"
        elif "${" in line:
            # uv would put a secret of its own environment there.
            reason = "contains a variable"
        if reason:
            shown = line if line.isprintable() else ascii(line)[1:-1]
            fail(
                "%s `%s`, which %s" % (whose, shown[:200], reason),
                "a build requirement (PEP 508) is a name, optionally with versions and a marker, or `NAME @ URL`",
            )


def lines(path, requirements):
    """A file with a requirement on each line: none of them is an argument."""
    return write(path, "".join(text.strip() + "\n" for text in requirements))


def make_environment(python, requirements, projects, arguments):
    """An environment with build requirements, mounted later where it was made."""
    constraints, config = data("CONSTRAINTS", []), os.environ.pop("UV_BUILDKIT_UV_TOML", None)
    cache = cache_with_answers("/tmp/uv")
    uv("venv", "--quiet", "--no-config", "--no-project", "--cache-dir", cache, "--allow-existing", "--python", python, BACKEND)
    if not requirements and not projects:
        return
    bounds = []
    if constraints:
        path = lines("/tmp/constraints.txt", constraints)
        bounds = ["--constraints", path, "--build-constraints", path]
    files = ["--requirements", lines("/tmp/requirements.txt", requirements)] if requirements else []
    install(config, [*bounds, *projects, *arguments, *files])
    keep_answers(cache, BACKEND + "/answers")
    from bytecode import compile_installed

    compile_installed(BACKEND + "/lib*/python*/site-packages", "")


def install(config, arguments):
    """Installs into the environment. Where there is a secret, nothing is built: what would be built could read it."""
    given = [name for name in (os.listdir(SECRETS) if os.path.isdir(SECRETS) else []) if name != os.path.basename(CA)]
    command = ["pip", "install", "--quiet", "--cache-dir", "/tmp/uv", "--link-mode=copy", "--python", BACKEND + "/bin/python", *arguments]
    if not given:
        uv(*command, *as_config(config))
        return
    # uv builds in spite of `--only-binary` what must not be a wheel.
    chosen, others = {}, []
    for line in (config or "").splitlines():
        key, _, value = line.partition(" = ")
        if key in ("no-binary", "no-binary-package"):
            chosen[key] = json.loads(value)
        else:
            others.append(line)
    command = [*command, "--only-binary", ":all:", *as_config("\n".join(others) if config is not None else None)]
    process = subprocess.run([UV, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = process.stdout.decode(errors="replace")
    if process.returncode and BUILT_ONLY.search(text):
        sys.stderr.write(text)
        fail_to_build(re.findall(r"attempted to build `([^`]+)`|Wheels are required for `([^`]+)`", text))
    if process.returncode:
        # Its words are the log of the step.
        uv(*command)
    else:
        sys.stderr.write(text)
    for place in glob.glob(BACKEND + "/lib/python*/site-packages/*.dist-info"):
        name = re.sub("[-_.]+", "-", os.path.basename(place).split("-")[0]).lower()
        if chosen.get("no-binary") or name in chosen.get("no-binary-package", []):
            fail_to_build([(name, "")])


def fail_to_build(found):
    """Ends the step: a build requirement has no wheel that may be used, and a secret is there."""
    names = sorted({name for pair in found for name in pair if name})
    what = " and ".join("`%s`" % name for name in names) or "a build requirement"
    fail(
        "%s would be built from source in a step that has the secrets of indexes, and could read them" % what,
        "add a wheel of it to `find-links` or an index of `[tool.uv]`, and remove it from `no-binary-package`",
    )


def as_config(text):
    """Arguments that give uv these settings, and no others."""
    return ["--no-config"] if text is None else ["--config-file", write("/tmp/requirements.toml", text)]


def with_accounts(arguments):
    """Arguments for uv, with the accounts that are given for indexes by name in the URLs of these: where uv has them from its environment,
    a package that requires `x @ https://…/${NAME}` has them, too."""
    shown = []
    for flag, argument in zip([""] + list(arguments), arguments):
        name, separator, url = argument.partition("=")
        if flag in ("--index", "--default-index") and separator and "://" in url and "/" not in name:
            variable = "UV_INDEX_%s_" % re.sub("[^A-Za-z0-9]", "_", name).upper()
            paths = [os.path.join(SECRETS, variable + part) for part in ("USERNAME", "PASSWORD")]
            user, word = (urllib.parse.quote(read(path).strip(), safe="") if os.path.exists(path) else "" for path in paths)
            if user or word:
                scheme, _, rest = url.partition("://")
                argument = "%s=%s://%s@%s" % (name, scheme, ":".join([user, word] if word else [user]), rest)
        shown.append(argument)
    return shown


def log_in():
    """Lets uv in where a client has secrets for it: in the form in which uv keeps them itself (`uv auth login`), in memory. None of them is
    in its environment: what it reads there it puts into URLs that name it."""
    credentials, entries, served = data("CREDENTIALS", []), [], set()
    if os.path.exists(SECRETS + "/netrc"):
        os.environ["NETRC"] = SECRETS + "/netrc"
    for path, secret, index, services in credentials:
        if not os.path.exists(path):
            MISSING.append((secret, index))
            continue
        account = credential(read(path).strip())
        if account is None:
            fail(
                "the secret `%s` is not an `Authorization` header that uv can send" % secret,
                "its value is `Basic` and the base64 of `USER:PASSWORD`, or `Bearer` and a token",
            )
        # uv refuses a file in which anything else is named.
        safe = [url for url in services if re.match(r"https:|http://(localhost|127\.[0-9.]+|\[::1\])([:/]|$)", url)]
        for url in safe:
            if url not in served:
                served.add(url)
                entries.append("[[credential]]\n%s\n" % "\n".join(
                    "%s = %s" % (key, json.dumps(value, ensure_ascii=False)) for key, value in {"service": url, **account}.items()
                ))
    if entries:
        os.environ["UV_CREDENTIALS_DIR"] = "/tmp/credentials"
        os.mkdir("/tmp/credentials", 0o700)
        write("/tmp/credentials/credentials.toml", "\n".join(entries))


def credential(header):
    """What is in an `Authorization` header, as uv keeps it; None for a header that is of neither kind."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer" and value:
        return {"scheme": "bearer", "token": value.strip()}
    if scheme.lower() == "basic":
        try:
            username, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            return None
        return {"scheme": "basic", "username": username, "password": password} if separator else None
    return None


def manifest(path, subdirectory):
    """The text of the `pyproject.toml` of a package; None where it has none. Nothing else of it is unpacked."""
    name = os.path.normpath(os.path.join(subdirectory, "pyproject.toml"))
    if os.path.isdir(path):
        found = os.path.realpath(os.path.join(path, name))
        # A link may lead to a secret.
        inside = found.startswith(os.path.realpath(path) + "/")
        return read(found) if inside and os.path.isfile(found) else None
    if path.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            found = at_top(archive.namelist(), name)
            return None if found is None else archive.read(found).decode()
    with tarfile.open(path) as archive:
        found = at_top(archive.getnames(), name)
        file = None if found is None else archive.extractfile(found)
        return None if file is None else file.read().decode()


def at_top(names, name):
    """The path of a file in an archive that has one directory, or in one that has several."""
    tops = {os.path.normpath(path).split("/")[0] for path in names} - {"."}
    wanted = os.path.join(*tops, name) if len(tops) == 1 else name
    return next((path for path in names if os.path.normpath(path) == wanted), None)


def parsed(text, whose):
    """TOML as python has it. Old pythons have none of their own, and pip brings one."""
    try:
        import tomllib as toml
    except ImportError:
        toml = toml_of_pip()
    try:
        return toml.loads(text)
    except ValueError as error:
        fail("the `pyproject.toml` of `%s` is not valid TOML: %s" % (whose, error))


def toml_of_pip():
    """What pip reads TOML with."""
    import ensurepip

    sys.path += glob.glob(os.path.dirname(ensurepip.__file__) + "/_bundled/pip-*.whl")
    try:
        from pip._vendor import tomli
    except ImportError:
        fail(
            "Python %d.%d cannot read `pyproject.toml`" % sys.version_info[:2],
            "choose a `builder` with Python 3.11 or newer, or one that has pip",
        )
    return tomli


def build_system(path, subdirectory, whose):
    """How a package says that it is built."""
    try:
        text = manifest(path, subdirectory)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, ValueError) as error:
        fail("`%s` cannot be read: %s" % (os.path.basename(path), error))
    table = None if text is None else parsed(text, whose).get("build-system")
    if table is None:
        return LEGACY
    system = {
        "requires": table.get("requires", []),
        "backend": table.get("build-backend", LEGACY["backend"]),
        "path": table.get("backend-path", []),
    }
    if not all(isinstance(system[key], list) for key in ("requires", "path")) or not isinstance(system["backend"], str):
        fail("the `[build-system]` of `%s` is not valid: `requires` must be a list, and `build-backend` a string" % whose)
    return system


def is_built_by_uv(system):
    """Whether uv builds a package itself, which it does for `uv_build` of its own version."""
    if system["backend"] != "uv_build" or len(system["requires"]) != 1 or system["path"]:
        return False
    found = re.fullmatch(r"uv[-_.]build\s*(.*)", system["requires"][0].strip(), re.IGNORECASE)
    words = subprocess.run([UV, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().split()
    return found is not None and is_within(words[1], found.group(1))


def is_within(version, bounds):
    """Whether a plain version is within plain bounds; of what is not plain, nothing is said."""
    def release(text):
        parts = [int(part) for part in text.split(".")]
        return parts + [0] * (6 - len(parts))

    for bound in filter(None, (bound.strip() for bound in bounds.split(","))):
        found = re.fullmatch(r"(<=|>=|<|>|==)\s*(\d+(?:\.\d+)*)", bound)
        if not found or not re.fullmatch(r"\d+(?:\.\d+)*", version):
            return False
        ours, theirs = release(version), release(found.group(2))
        holds = {"<": ours < theirs, "<=": ours <= theirs, ">": ours > theirs, ">=": ours >= theirs, "==": ours == theirs}
        if not holds[found.group(1)]:
            return False
    return True


def of_projects(python, *arguments):
    """What members are built with."""
    requirements = data("REQUIRES", [])
    check(requirements, "a project is built with")
    make_environment(python, requirements, sorted(glob.glob(BUILT + "/*/*.whl")), arguments)


def of_package(path, subdirectory, python, *arguments):
    """What a package says that it is built with, and what the config adds."""
    name = data("EXPECTED", [None])[0]
    system, extra = build_system(path, subdirectory, name), data("REQUIRES", [])
    # What a package brings with it lies in it.
    system = dict(system, requires=system["requires"] + extra, direct=not extra and is_built_by_uv(system))
    check(system["requires"], "`%s` is built with" % name)
    if not system["direct"]:
        make_environment(python, system["requires"], [], arguments)
    write(BACKEND + BUILD_SYSTEM, json.dumps(system))


def of_answer(python, *arguments):
    """What the backend of a package asked for beside that. It may have left anything there."""
    name = data("EXPECTED", [None])[0]
    path = ASKED + MORE
    if os.path.islink(path) or not os.path.isfile(path):
        return
    try:
        more = json.loads(read(path))
    except ValueError:
        more = [None]
    check(more if isinstance(more, list) else [None], "the build backend of `%s` asks for" % name)
    system = json.loads(read(BACKEND + BUILD_SYSTEM))
    # No python of the environment is started that has anything in it.
    for entry in os.listdir(BACKEND):
        remove(os.path.join(BACKEND, entry))
    make_environment(python, system["requires"] + more, [], arguments)
    write(BACKEND + BUILD_SYSTEM, json.dumps(system))


def step(make):
    """A step of which the environment is the output."""
    def run(*arguments):
        log_in()
        make(*with_accounts(arguments))

    return run


STEPS = {"backend": step(of_projects), "requirements": step(of_package), "more": step(of_answer)}

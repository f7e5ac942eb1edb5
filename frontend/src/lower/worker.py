"""One step of an image build: runs uv, then makes the output independent of when and where it ran.

    worker.py venv PYTHON             an empty environment, and bytecode of the standard library beside it
    worker.py install REQUIREMENT...  wheels from /wheels into it
    worker.py backend PYTHON ARG...   build requirements into an environment of their own (requirements.py)
    worker.py requirements PATH SUBDIR PYTHON ARG...  the same of an archive or a directory (requirements.py)
    worker.py build PATH SUBDIR       an archive or a directory, built into a wheel, or what it asks for beside (source.py)
    worker.py more PYTHON ARG...      what that asked for, beside what it requires (requirements.py)
    worker.py finish PATH SUBDIR      the wheel, if it asked for something (source.py)
    worker.py member NAME DIRECTORY   a project in a directory of the workspace, built and installed
    worker.py link NAME PATH          a project, installed as a link to its sources at PATH in a copy of the workspace
    worker.py wheel NAME DIRECTORY    a project in a directory of the workspace, built

Data of the environment:

    UV_BUILDKIT_VERIFY  [[PATH, SHOWN, HASH]]: files that must have this hash, and what the user calls them
    UV_BUILDKIT_NOTES   {PACKAGE: {FILE: TEXT}}: files to be written beside the metadata of packages that are installed
    UV_BUILDKIT_EXPECTED  [PACKAGE, VERSION]: of the wheel that a build is to make
    UV_BUILDKIT_STARTS        [NAME]: names at the top of modules that the image starts by scripts of a project
    UV_BUILDKIT_REQUIRES      [REQUIREMENT]: build requirements, or what the config adds to those of a package
    UV_BUILDKIT_CONSTRAINTS   [REQUIREMENT]: bounds of build requirements
    UV_BUILDKIT_CONFIG        {NAME: VALUE}: what a build backend is given
    UV_BUILDKIT_ONLINE        if a build was given a network
    UV_BUILDKIT_UV_TOML   the text of a `uv.toml` for builds
    UV_BUILDKIT_PYTHON    version of the python that the environment is for, if not of the one that makes it
    UV_BUILDKIT_DIRECTORY the directory of the image into which packages are installed side by side, if not into the environment
    UV_BUILDKIT_MOVABLE   if the environment is one that may be moved
    UV_BUILDKIT_FOREIGN   platform that a wheel is built for, if not the one that it is built on
    UV_BUILDKIT_CREDENTIALS   [[PATH, ID, INDEX, [URL]]]: a secret with an `Authorization` header, if it was given, the index that it
                        is for, and starts of the URLs that are asked with it

Everything else is fixed: steps that do the same have the same command line, and so the same cache key.
"""

import glob
import json
import os
import re
import shutil
import sys

from failure import fail, last, report, report_to, run

UV = "/opt/uv-buildkit/uv"
VENV = "/app/.venv"
OUT = "/out"
WHEELS = "/wheels"
BUILT = "/built"
CACHE = "/opt/uv-buildkit/kept"
BACKEND = "/opt/uv-buildkit/backend"
# What uv found out about the pythons of an image, or of an environment: it starts a python to ask, which takes longer than to install a
# small wheel. uv looks whether the python is still the same file.
ANSWERS = "/opt/uv-buildkit/answers"
# Where Debian has compilers that ask ccache first.
CCACHE = "/usr/lib/ccache"
# What the build of a project sees of its workspace, and what is to be laid over that.
SOURCES = "/opt/uv-buildkit/sources"
OVER = "/opt/uv-buildkit/over"
SCRATCH = "/opt/uv-buildkit/made"
# Where projects are built, in the cache or in what is forgotten. hatchling matches the whole path of a project with its ignore files,
# and uses none that matches: no part of it is a name that ignore files have.
CHECKOUT = "/checkout"
# Where images have the sources of projects that are installed as links.
LINKED = "/src"
SECRETS = "/run/secrets/uv-buildkit"
CA = SECRETS + "/ca.pem"
# Where images have the certificates that they trust.
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
# What uv and those that build backends run take the name of such a file from.
BUNDLE_NAMES = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "CARGO_HTTP_CAINFO",
    "NODE_EXTRA_CA_CERTS",
)
# Secrets that were not given, and their indexes.
MISSING = []

# 1980-01-01, the first instant that a zip file can hold: older times break tools that archive what is installed.
EPOCH = 315532800 * 10**9

# What to do about a wheel of another version.
LOCKED = (
    "a version from git tags is not available in a build; use a version of the package from an index, or a wheel"
)
GIVEN = "its build backend does not accept a version; remove `version` from `[members]` in uv.build.toml"

# What uv's own scripts and the usual build backends import; each brings in others.
STANDARD_LIBRARY = (
    "argparse", "ast", "base64", "compileall", "concurrent.futures", "configparser", "csv", "ctypes", "dataclasses",
    "datetime", "difflib", "email.message", "email.parser", "email.policy", "encodings.idna", "filecmp", "fnmatch",
    "functools",
    "glob", "gzip", "hashlib", "html", "importlib.metadata", "importlib.resources", "inspect", "json", "logging",
    "pathlib", "pkgutil", "platform", "pprint", "queue", "random", "runpy", "shlex", "shutil", "subprocess", "sysconfig",
    "tarfile", "tempfile", "textwrap", "tokenize", "tomllib", "traceback", "typing", "unittest.mock", "urllib.request",
    "uuid", "zipfile",
)


def uv(*arguments, is_shown=True):
    """Runs uv; its own words and those of what it runs are the log of the step, its exit code is the step's."""
    code, text = run([UV, *arguments], is_shown)
    if code == 0:
        return
    asked = [
        "the index `%s` was asked without the secret `%s`, which was not given: build with `--secret id=%s,env=VARIABLE` or `,src=FILE`"
        % (index, secret, secret) for secret, index in MISSING
    ]
    for line in asked:
        print("help: " + line, file=sys.stderr)
    report(words=last(text), programs=programs(text), help=asked)
    sys.exit(code)


def cache_with_answers(cache, *places):
    """A directory for uv's cache, in which uv finds what is known about pythons."""
    for place in places or (ANSWERS,):
        if os.path.isdir(place):
            shutil.copytree(place, cache, dirs_exist_ok=True)
    return cache


def keep_answers(cache, place):
    """Keeps of uv's cache what it found out about pythons."""
    for bucket in glob.glob(cache + "/interpreter-*"):
        shutil.copytree(bucket, os.path.join(place, os.path.basename(bucket)), dirs_exist_ok=True)


def programs(text):
    """The programs that there are, of those that a text names."""
    return sorted(name for name in set(re.findall(r"[\w.+-]+", text)) if len(name) < 50 and shutil.which(name))


def trust():
    """Trusts the user's authorities beside those of the image."""
    if not os.path.exists(CA):
        return
    known = [os.environ.get("SSL_CERT_FILE"), *BUNDLES]
    known = [path for path in known if path and os.path.exists(path)][:1]
    bundle = write("/tmp/ca.pem", "\n".join(read(path) for path in known + [CA]))
    for name in BUNDLE_NAMES:
        os.environ[name] = bundle


def verify(path, shown, expected):
    """Ends the step unless a file is the one that was locked: BuildKit does not verify files of the context, nor hashes
    other than sha256."""
    import hashlib

    algorithm = expected.split(":")[0]
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    found = "%s:%s" % (algorithm, digest.hexdigest())
    if found != expected:
        fail(
            "`%s` does not match the lockfile: the lockfile has %s, the file has %s" % (shown, expected, found),
            "restore the locked file, or run `uv lock` if this change is expected",
        )


def annotate(dist_info, notes):
    """Writes files beside the metadata of a package, and into the list of its files."""
    import base64
    import hashlib

    record = os.path.join(dist_info, "RECORD")
    for name, text in notes.items():
        content = text.encode()
        with open(os.path.join(dist_info, name), "wb") as file:
            file.write(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        with open(record, "a", encoding="utf-8", newline="") as file:
            file.write("%s/%s,sha256=%s,%d\n" % (os.path.basename(dist_info), name, digest, len(content)))


def normalized(name):
    """A package's name, from one as it is written in a file name."""
    return re.sub("[-_.]+", "-", name).lower()


def install(places, requirements, notes, *editable):
    """Installs wheels into the output as if it were the environment, so that scripts name the environment's python. In a directory
    they name that of the image, which is the one that runs this; in an environment that may be moved, what lies beside them, which uv
    writes only when it installs into that environment itself.

    uv unpacks a wheel into its cache and installs it from there. In the output the cache is on the same file system, and what
    is installed are links: each file is written once."""
    directory, cache = os.environ.pop("UV_BUILDKIT_DIRECTORY", None), OUT + "/.cache"
    is_movable = os.environ.pop("UV_BUILDKIT_MOVABLE", None) is not None
    if directory is None:
        prefix, site_packages = OUT + VENV, OUT + VENV + "/lib/python*/site-packages"
        where = ["--python", prefix + "/bin/python"] if is_movable else ["--python", VENV + "/bin/python", "--prefix", prefix]
    else:
        prefix = site_packages = OUT + directory
        where = ["--python", sys.executable, "--target", prefix]
        os.environ["UV_NO_INSTALLER_METADATA"] = "1"
    os.environ["UV_CONCURRENT_INSTALLS"] = str(compilers())
    find_links = [argument for place in places for argument in ("--find-links", place)]
    command = [
        "pip", "install", "--quiet", "--offline", "--no-index", "--no-deps", "--cache-dir", cache, *build_config(),
        "--prerelease=allow", "--link-mode=hardlink", *find_links, *where, *editable,
    ]
    if is_movable:
        shutil.copytree(VENV, prefix, symlinks=True)
    cache_with_answers(cache)
    uv(*command, *requirements)
    if len(requirements) > 1 and report_shared_files(site_packages):
        # Side by side, any of them may have been the last to write.
        shutil.rmtree(prefix)
        if is_movable:
            shutil.copytree(VENV, prefix, symlinks=True)
        for requirement in requirements:
            uv(*command, requirement)
    shutil.rmtree(cache)
    os.remove(prefix + "/.lock")
    for record in glob.glob(site_packages + "/*.dist-info/RECORD"):
        forget_origin(record)
        dist_info = os.path.dirname(record)
        of_package = notes.get(normalized(os.path.basename(dist_info).split("-")[0]))
        if of_package:
            annotate(dist_info, of_package)
    compile_bytecode(site_packages, OUT)


def report_shared_files(site_packages):
    """Says which packages write the same files with different contents; whether there are any."""
    import csv

    owners = {}
    for record in glob.glob(site_packages + "/*.dist-info/RECORD"):
        package = normalized(os.path.basename(os.path.dirname(record)).split("-")[0])
        with open(record, encoding="utf-8", newline="") as file:
            for path, digest, *_ in csv.reader(file):
                owners.setdefault(os.path.normpath(path), []).append((package, digest))
    shared = {}
    for path, claims in sorted(owners.items()):
        if len({digest for _, digest in claims}) > 1:
            shared.setdefault(tuple(sorted(package for package, _ in claims)), []).append(path)
    for packages, paths in sorted(shared.items()):
        names = " and ".join("`%s`" % package for package in packages)
        more = " and %d more" % (len(paths) - 1) if len(paths) > 1 else ""
        print("warning: %s write `%s`%s: what `%s` writes stays" % (names, paths[0], more, packages[-1]), file=sys.stderr)
    return bool(shared)


def compile_bytecode(places, root):
    """Compiles what is installed in places, by a pattern, below a root that stands for that of an image."""
    from bytecode import compile_tree

    for place in sorted({os.path.realpath(place) for place in glob.glob(places)}):
        compile_tree(place, root, compilers())


def compilers():
    """How many processes compile bytecode: one, and one for each core that nobody uses. When many steps run at once, more
    would only fight over the cores; when one package changed, its step is alone."""
    with open("/proc/loadavg", encoding="ascii") as file:
        running = int(file.read().split()[3].split("/")[0])
    return min(max(1, len(os.sched_getaffinity(0)) - running + 1), 8)


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
    import importlib.util

    from bytecode import compile_some

    for name in STANDARD_LIBRARY:
        try:
            importlib.import_module(name)
        except ImportError:
            pass
    ours = os.path.dirname(__file__) + "/"
    paths = sorted({getattr(module, "__file__", None) or "" for module in list(sys.modules.values())})
    paths = [path for path in paths if path.endswith(".py") and not path.startswith(ours)]
    files = [(path, importlib.util.cache_from_source(path), path) for path in paths]
    compile_some(file for file in files if not os.path.exists(file[1]))


def make_venv(python):
    """An environment knows its own path, so it is made where it will live and then moved to the output."""
    compile_standard_library()
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


def build_config():
    """Arguments that give uv the project's settings, and no others."""
    text = os.environ.pop("UV_BUILDKIT_UV_TOML", None)
    return ["--no-config"] if text is None else ["--config-file", write("/tmp/uv.toml", text)]


def write(path, text):
    """Writes a file, and gives back its path."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def read(path):
    """The text of a file."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def use_compiler_caches(place):
    """Lets compilers keep what they made. ccache is used where the builder has it."""
    caches = {"CARGO_HOME": "cargo", "CARGO_TARGET_DIR": "cargo-target", "CCACHE_DIR": "ccache", "GOCACHE": "go"}
    for name, directory in caches.items():
        os.environ[name] = os.path.join(place, directory)
    if os.path.isdir(CCACHE):
        os.environ["PATH"] = CCACHE + ":" + os.environ.get("PATH", os.defpath)
    if shutil.which("ccache"):
        for language in ("C", "CXX"):
            os.environ["CMAKE_%s_COMPILER_LAUNCHER" % language] = "ccache"


def refresh(source, target):
    """Makes a directory equal to another. Files that are equal already keep their times, so that build tools see what
    changed since the last build; those that differ get the present, whatever time they have in the other directory: a compiler's
    cache would take an older one for what it knows."""
    import filecmp

    os.makedirs(target, exist_ok=True)
    wanted = os.listdir(source)
    for name in set(os.listdir(target)) - set(wanted):
        remove(os.path.join(target, name))
    for name in wanted:
        theirs, ours = os.path.join(source, name), os.path.join(target, name)
        if os.path.islink(theirs):
            if not (os.path.islink(ours) and os.readlink(ours) == os.readlink(theirs)):
                remove(ours)
                os.symlink(os.readlink(theirs), ours)
        elif os.path.isdir(theirs):
            if os.path.islink(ours) or not os.path.isdir(ours):
                remove(ours)
            refresh(theirs, ours)
        else:
            is_file = os.path.isfile(ours) and not os.path.islink(ours)
            if not (is_file and filecmp.cmp(theirs, ours, shallow=False)):
                remove(ours)
                shutil.copyfile(theirs, ours)
            shutil.copymode(theirs, ours)


def remove(path):
    """Deletes whatever is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def lay_out(target):
    """Makes a copy of what the build of a project sees: backends write beside the sources."""
    shutil.copytree(SOURCES, target, symlinks=True, dirs_exist_ok=True)
    # By their numbers: the last of two with one path wins.
    for layer in sorted(os.listdir(OVER), key=int) if os.path.isdir(OVER) else []:
        shutil.copytree(os.path.join(OVER, layer), target, symlinks=True, dirs_exist_ok=True)


def make_member(name, directory, notes):
    """Builds a project and installs it."""
    wheels = SCRATCH + "/wheels"
    build_member(name, directory, wheels)
    require_portable(wheels, name)
    install([wheels], [name], notes)
    freeze(OUT)


def make_link(name, path, notes):
    """Installs a project as a link to where an image has its sources."""
    lay_out(LINKED)
    isolation = []
    if os.path.exists(BACKEND):
        # The backend is asked by the environment's python, which does not have it.
        isolation = ["--no-build-isolation"]
        os.environ["PATH"] = BACKEND + "/bin:" + os.environ.get("PATH", os.defpath)
        os.environ["PYTHONPATH"] = glob.glob(BACKEND + "/lib/python*/site-packages")[0]
    install([], [], notes, *isolation, "--no-sources", "--editable", path)
    freeze(OUT)


def make_wheel(name, directory):
    """Builds a project, and installs it nowhere."""
    build_member(name, directory, OUT)
    require_portable(OUT, name)
    for name in os.listdir(OUT):
        if not name.endswith(".whl"):
            os.remove(os.path.join(OUT, name))
    freeze(OUT)


def build_member(name, directory, wheels):
    """Builds a wheel of the project in a directory of the workspace."""
    expected, starts = data("EXPECTED", None), data("STARTS", [])
    tree = SCRATCH + CHECKOUT
    if os.path.exists(CACHE):
        use_compiler_caches(CACHE)
        seen = SOURCES
        if os.path.isdir(OVER):
            lay_out(tree)
            seen = tree
        tree = CACHE + CHECKOUT
        refresh(seen, tree)
    else:
        lay_out(tree)
    source = os.path.normpath(os.path.join(tree, directory))
    be_a_repository(tree, directory)
    python = ["--python", VENV + "/bin/python"]
    if os.path.exists(BACKEND):
        python = ["--no-build-isolation", "--python", BACKEND + "/bin/python"]
        os.environ["PATH"] = BACKEND + "/bin:" + os.environ.get("PATH", os.defpath)
    cache = cache_with_answers("/tmp/uv", ANSWERS, BACKEND + "/answers")
    uv(
        "build", "--wheel", "--offline", "--cache-dir", cache, *build_config(), "--no-sources", *python, "--out-dir", wheels, source,
        # What compilers say is the log of the step.
        is_shown=os.path.exists(CACHE),
    )
    for wheel in os.listdir(wheels):
        if expected and wheel.endswith(".whl"):
            check_version(wheel, *expected, "uv.build.toml", GIVEN)
    # Images that may have modules beside the wheel are not checked: their steps come without this script.
    if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(__file__)), "modules.py")):
        import modules

        modules.check(name, source, wheels, starts)


def be_a_repository(tree, directory):
    """Lets backends find out what git ignores as in a checkout: some ask git, and maturin reads the ignore files of a repository alone."""
    if os.path.exists(BACKEND + "/bin/maturin"):
        os.makedirs(tree + "/.git", exist_ok=True)
    try:
        from repository import answer
    except ImportError:
        return
    place = SCRATCH + "/git"
    answer(place, tree, directory)
    os.environ["PATH"] = place + ":" + os.environ.get("PATH", os.defpath)


def require_portable(directory, name):
    """Ends the step if it builds for another platform, and a wheel holds what only this one can run: a wheel for every platform may
    have brought a program, too."""
    platform = os.environ.pop("UV_BUILDKIT_FOREIGN", None)
    if platform is None:
        return
    for wheel in glob.glob(directory + "/*.whl"):
        if not wheel.endswith("-any.whl") or has_program(wheel):
            fail(
                "`%s` is not built for %s: `%s` is for the platform of this builder" % (name, platform, os.path.basename(wheel)),
                "use a wheel of it, a builder for that platform, or enable emulation on this one: "
                "`docker run --privileged --rm tonistiigi/binfmt --install %s`" % platform.split("/")[1],
            )


def has_program(wheel):
    """Whether a wheel has a file for a processor."""
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            with archive.open(entry) as file:
                if file.read(4) == b"\x7fELF":
                    return True
    return False


def check_version(wheel, name, expected, source, advice):
    """Ends the step if a wheel is of another version than is said: of what the lock has, uv would look for it in vain."""
    found = wheel.split("-")[1]
    if re.sub("[-_.]", "", found).lower() != re.sub("[-_.]", "", expected).lower():
        fail("`%s` was built as version %s, but %s has %s" % (name, found, source, expected), advice)


def data(name, default):
    """What the step is told beside its command line; it is nothing to the programs that the step runs."""
    text = os.environ.pop("UV_BUILDKIT_" + name, None)
    return default if text is None else json.loads(text)


def is_offline():
    """Whether nobody gave the step a network."""
    was_given, place = os.environ.pop("UV_BUILDKIT_ONLINE", None) is not None, "/sys/class/net"
    return not was_given and os.path.isdir(place) and set(os.listdir(place)) <= {"lo"}


def is_musl():
    """Whether the python is for musl. Every python for Linux says so in `_multiarch`, which costs no import."""
    name = getattr(sys.implementation, "_multiarch", None)
    if name is None:
        import sysconfig

        name = sysconfig.get_config_var("SOABI") or ""
    return "-musl" in name


def main(command, *arguments):
    """Runs one command."""
    os.umask(0o022)
    # Modules of the commands take their parts from here.
    sys.modules["worker"] = sys.modules["__main__"]
    for path, shown, expected in data("VERIFY", []):
        verify(path, shown, expected)
    notes = data("NOTES", {})
    trust()
    if command == "venv":
        make_venv(*arguments)
    elif command == "install":
        install(glob.glob(WHEELS) + sorted(glob.glob(BUILT + "/*")), arguments, notes)
        freeze(OUT)
    elif command in ("backend", "requirements", "more"):
        import requirements

        requirements.STEPS[command](*arguments)
    elif command in ("build", "finish"):
        import source

        source.STEPS[command](*arguments)
    elif command == "wheel":
        make_wheel(*arguments)
    elif command == "member":
        make_member(*arguments, notes)
    elif command == "link":
        make_link(*arguments, notes)
    else:
        sys.exit("unknown command " + command)


if __name__ == "__main__":
    report_to(
        OUT if os.path.isdir(OUT) else BACKEND,
        musl=is_musl(),
        # Only what is built for a member is for `[members]` to say, and what for a package for `[packages]`.
        member=sys.argv[2] if sys.argv[1] in ("member", "link", "wheel") else None,
        package=json.loads(os.environ["UV_BUILDKIT_EXPECTED"])[0] if sys.argv[1] in ("build", "finish") else None,
        offline=is_offline(),
    )
    main(*sys.argv[1:])

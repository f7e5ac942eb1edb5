"""What steps of an image build share: how they start, how they run uv, and how they leave an output that does not depend on when and where
they ran.

Data of the environment, for the kinds of steps that use them:

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
import shutil
import sys

from failure import fail, last, report, report_to, run

UV = "/opt/uv-buildkit/uv"
VENV = "/app/.venv"
OUT = "/out"
BUILT = "/built"
BACKEND = "/opt/uv-buildkit/backend"
# What uv found out about the pythons of an image, or of an environment: it starts a python to ask, which takes longer than to install a
# small wheel. uv looks whether the python is still the same file.
ANSWERS = "/opt/uv-buildkit/answers"
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
    import re

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


def freeze(root):
    """Gives every file, directory and link the same time."""
    for directory, directories, files in os.walk(root, topdown=False):
        for name in directories + files:
            os.utime(os.path.join(directory, name), ns=(EPOCH, EPOCH), follow_symlinks=False)
    os.utime(root, ns=(EPOCH, EPOCH))


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


def remove(path):
    """Deletes whatever is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


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


def start(command, arguments):
    """Makes a step ready to run a command: from here on, an exception that nobody catches is in the report as well."""
    report_to(
        OUT if os.path.isdir(OUT) else BACKEND,
        musl=is_musl(),
        # Only what is built for a member is for `[members]` to say, and what for a package for `[packages]`.
        member=arguments[0] if command in ("member", "link", "wheel") else None,
        package=json.loads(os.environ["UV_BUILDKIT_EXPECTED"])[0] if command in ("build", "finish") else None,
        offline=is_offline(),
    )
    os.umask(0o022)
    for path, shown, expected in data("VERIFY", []):
        verify(path, shown, expected)
    trust()

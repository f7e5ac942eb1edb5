"""What builds share, of projects and of packages of others."""

import glob
import os
import re
import shutil

from failure import fail

# Where Debian has compilers that ask ccache first.
CCACHE = "/usr/lib/ccache"
SCRATCH = "/opt/uv-buildkit/made"
# Where projects are built, in the cache or in what is forgotten. hatchling matches the whole path of a project with its ignore files,
# and uses none that matches: no part of it is a name that ignore files have.
CHECKOUT = "/checkout"

# What to do about a wheel of another version.
LOCKED = (
    "a version from git tags is not available in a build; use a version of the package from an index, or a wheel"
)


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

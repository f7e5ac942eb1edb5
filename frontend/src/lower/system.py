"""Installs packages of the base's distribution, and leaves nothing behind that tells when.

    system.py apt PACKAGE...          a name, or NAME=VERSION, as `apt-get install` takes them
    system.py apk PACKAGE...          the same, or another bound of its version, as `apk add` takes them
"""

import os
import pathlib
import shutil
import subprocess
import sys

from failure import fail, last, report, report_to, run

# 1980-01-01, as everywhere in the image.
EPOCH = 315532800 * 10**9

# Logs, caches and copies of what was before. What a base has of them was written when it was made.
LEFTOVERS = (
    "/var/log/apt", "/var/log/alternatives.log", "/var/log/dpkg.log", "/var/cache/apt/pkgcache.bin",
    "/var/cache/apt/srcpkgcache.bin", "/var/cache/debconf/config.dat-old", "/var/cache/debconf/templates.dat-old",
    "/var/cache/ldconfig/aux-cache", "/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old",
    "/var/lib/dpkg/statoverride-old", "/var/log/apk.log",
)

# In apk's cache: packages that an image has and no repository any more. Of another image they are none.
APK_INSTALLED = "/etc/apk/cache/installed"

# Where steps have certificates of the user's own, and where images have those that they trust.
CA = "/run/secrets/uv-buildkit/ca.pem"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def authorities():
    """A file with the user's authorities beside those of the image, if there are any."""
    if not os.path.exists(CA):
        return None
    with open("/tmp/ca.pem", "wb") as out:
        for path in (BUNDLE, CA):
            if os.path.exists(path):
                with open(path, "rb") as file:
                    out.write(file.read() + b"\n")
    return "/tmp/ca.pem"


def install(program, *arguments, **variables):
    """Runs what installs packages. It asks nobody anything."""
    environment = dict(os.environ, **variables)
    code, text = run([program, *arguments], stdin=subprocess.DEVNULL, env=environment)
    if code != 0:
        report(words=last(text) + "\n%s ended with the code %d\n" % (program, code))
        sys.exit(code)


def require(program, key, distribution):
    """Ends with what to do where the image does not have it."""
    if shutil.which(program) is None:
        fail(
            "this image has no %s" % program,
            "`%s` and `build-%s` need an image made from %s" % (key, key, distribution),
        )


def apt(packages):
    """Installs packages of Debian."""
    require("apt-get", "apt", "Debian or Ubuntu")
    settings = ["APT::Sandbox::User=root", "APT::Keep-Downloaded-Packages=true", "Acquire::Retries=3", "Dpkg::Use-Pty=0"]
    ca = authorities()
    if ca is not None:
        settings.append("Acquire::https::CAInfo=" + ca)
    options = [part for setting in settings for part in ("-o", setting)]
    quietly = ("apt-get", "--quiet", "--quiet", *options)
    install(*quietly, "update")
    install(*quietly, "install", "--yes", "--no-install-recommends", *packages)


def apk(packages):
    """Installs packages of Alpine. Without a terminal apk asks nothing, and where SOURCE_DATE_EPOCH is set it notes no other time."""
    require("apk", "apk", "Alpine")
    remove(APK_INSTALLED)
    ca = authorities()
    # OpenSSL's own variable: apk knows no other, and looks there unless the image has an `/etc/apk/ca.pem`.
    trust = {} if ca is None else {"SSL_CERT_FILE": ca}
    install("apk", "update", **trust)
    install("apk", "add", *packages, **trust)


def remove(path):
    """Deletes whatever is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def mount_points():
    """Where something is mounted that is no part of the image."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        return {line.split(" ")[4] for line in file}


def settle(root, since):
    """Gives what was written since then the time of everything else; packages bring their own times."""
    mounted = mount_points()
    # Before the step began, places were made in these for what is mounted.
    above = {str(directory) for path in mounted for directory in pathlib.PurePosixPath(path).parents}
    for directory, directories, files in os.walk(root):
        paths = [os.path.join(directory, name) for name in directories + files]
        directories[:] = [name for name in directories if os.path.join(directory, name) not in mounted]
        for path in paths:
            if path not in mounted and os.lstat(path).st_mtime_ns >= since:
                os.utime(path, ns=(EPOCH, EPOCH), follow_symlinks=False)
        if directory in above:
            os.utime(directory, ns=(EPOCH, EPOCH))


def main(manager, *packages):
    """Installs, cleans, settles."""
    # The file system's own idea of now, which is coarser than the clock's.
    marker = "/.uv-buildkit"
    with open(marker, "wb"):
        since = os.stat(marker).st_mtime_ns
    os.remove(marker)
    {"apt": apt, "apk": apk}[manager](packages)
    for path in LEFTOVERS:
        remove(path)
    settle("/", since)


report_to("/")
main(*sys.argv[1:])

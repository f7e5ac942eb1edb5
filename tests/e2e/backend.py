"""A build backend that packs what it finds in its container into the wheel that it makes."""

import base64
import hashlib
import os
import pathlib
import resource
import socket
import tomllib
import zipfile

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")


def limit(old, new):
    """What control groups of either version say of a limit."""
    places = [pathlib.Path("/sys/fs/cgroup") / place for place in (old, new)]
    found = [place.read_text().strip() for place in places if place.exists()]
    return found[0] if found else None


def facts():
    shm = os.statvfs("/dev/shm")
    return {
        "hostname": socket.gethostname(),
        "nofile": resource.getrlimit(resource.RLIMIT_NOFILE),
        "shm": shm.f_blocks * shm.f_frsize,
        "proxies": {name: os.environ[name] for name in PROXIES if name in os.environ},
        "hosts": pathlib.Path("/etc/hosts").read_text().split(),
        "links": sorted(os.listdir("/sys/class/net")),
        "memory": limit("memory/memory.limit_in_bytes", "memory.max"),
        "cpus": len(os.sched_getaffinity(0)),
        "cgroup": pathlib.Path("/proc/self/cgroup").read_text().split(),
    }


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
    name = project["name"].replace("-", "_")
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": f"FACTS = {facts()!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.2\nName: {project['name']}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    with zipfile.ZipFile(f"{wheel_directory}/{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record += f"{path},sha256={digest},{len(text.encode())}\n"
            wheel.writestr(path, text)
        wheel.writestr(f"{info}/RECORD", f"{record}{info}/RECORD,,\n")
    return f"{name}-1.0-py3-none-any.whl"

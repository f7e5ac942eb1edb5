"""Prints what a frontend must know of this python, as JSON: uv-buildkit's `Interpreter`.

argv: output file, names of the programs that may be the wanted python or "", uv's path.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig

from failure import last, report, report_to, run


def musl_version():
    """The version that musl's loader prints, or None under another C library."""
    for directory in ("/lib", "/usr/lib"):
        names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
        for name in names:
            if name.startswith("ld-musl-"):
                loader = os.path.join(directory, name)
                text = subprocess.run([loader], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL).stderr.decode()
                for line in text.splitlines():
                    if line.startswith("Version "):
                        return line.split()[1]
    return None


def libc():
    """Name and version of the C library that this python is linked to."""
    try:
        glibc = os.confstr("CS_GNU_LIBC_VERSION")
    except (AttributeError, ValueError, OSError):
        glibc = None
    name, version = ("glibc", glibc.split()[1]) if glibc else ("musl", musl_version() or "1.0")
    major, minor = version.split(".")[:2]
    return {"name": name, "major": int(major), "minor": int(minor)}


def implementation_version():
    """`implementation_version` as PEP 508 spells it."""
    info = sys.implementation.version
    text = "%d.%d.%d" % info[:3]
    return text if info.releaselevel == "final" else text + info.releaselevel[0] + str(info.serial)


def text_of(path):
    """The text of a file, empty when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def own_name():
    """What a program of this version is called where there are several."""
    return "python%d.%d%s" % (*sys.version_info[:2], "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")


def uv_version(uv):
    """The version that a uv tells. One for another platform does not run."""
    code, text = run([uv, "--version"], is_shown=False)
    if code != 0:
        report(words=last(text) or "`uv --version` ended with the code %d" % code)
        sys.exit(code)
    return text.split()[1]


def programs_of_path():
    """Names of the programs that the image has where it looks for programs."""
    names = set()
    for directory in os.environ.get("PATH", os.defpath).split(":"):
        if os.path.isdir(directory):
            names.update(name for name in os.listdir(directory) if os.access(os.path.join(directory, name), os.X_OK))
    return sorted(names)


def main(output, programs, uv):
    """Writes the facts, from one of the wanted programs where the image has several pythons."""
    report_to(os.path.dirname(output))
    names = programs.split()
    if names and own_name() not in names:
        other = next(filter(None, map(shutil.which, names)), None)
        if other:
            # That one asks for no other: whatever it says of itself, the facts are compared with what is wanted.
            os.execv(other, [other, sys.argv[0], output, "", uv])
    executable = getattr(sys, "_base_executable", None) or sys.executable
    facts = {
        "executable": executable,
        "python_full_version": platform.python_version(),
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation_version(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_machine": platform.machine(),
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_system": platform.system(),
        "libc": libc(),
        "gil_disabled": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
        "passwd": text_of("/etc/passwd"),
        "group": text_of("/etc/group"),
        "uv": uv_version(uv),
        "programs": programs_of_path(),
    }
    with open(output, "w", encoding="utf-8") as file:
        json.dump(facts, file, sort_keys=True)


main(*sys.argv[1:])

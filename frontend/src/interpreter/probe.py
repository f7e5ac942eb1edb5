"""Prints what a frontend must know of this python, as JSON: uv-buildkit's `Interpreter`.

argv: output file, names of the programs that may be the wanted python or "", uv's path.

The build waits for it, and the official images have no bytecode of what a python imports: this imports little.
"""

import json
import os
import subprocess
import sys

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


def of_platform():
    """What the module `platform` says of the python and the machine. It is large, and of CPython all of it is known otherwise."""
    machine = os.uname()
    if sys.implementation.name == "cpython":
        return {
            "python_full_version": sys.version.split()[0], "platform_python_implementation": "CPython",
            "platform_machine": machine.machine, "platform_system": machine.sysname,
        }
    import platform

    return {
        "python_full_version": platform.python_version(), "platform_python_implementation": platform.python_implementation(),
        "platform_machine": platform.machine(), "platform_system": platform.system(),
    }


def is_free_threaded():
    """Whether this python has no global interpreter lock. `Py_GIL_DISABLED` of `sysconfig` says the same, of which a large module is read."""
    return "t" in sys.abiflags


def text_of(path):
    """The text of a file, empty when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def own_name():
    """What a program of this version is called where there are several."""
    return "python%d.%d%s" % (*sys.version_info[:2], "t" if is_free_threaded() else "")


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
        import shutil

        other = next(filter(None, map(shutil.which, names)), None)
        if other:
            # That one asks for no other: whatever it says of itself, the facts are compared with what is wanted.
            os.execv(other, [other, sys.argv[0], output, "", uv])
    executable = getattr(sys, "_base_executable", None) or sys.executable
    facts = {
        "executable": executable,
        "implementation_name": sys.implementation.name,
        "implementation_version": implementation_version(),
        "os_name": os.name,
        "sys_platform": sys.platform,
        "libc": libc(),
        "gil_disabled": is_free_threaded(),
        "passwd": text_of("/etc/passwd"),
        "group": text_of("/etc/group"),
        "uv": uv_version(uv),
        "programs": programs_of_path(),
        **of_platform(),
    }
    with open(output, "w", encoding="utf-8") as file:
        json.dump(facts, file, sort_keys=True)


main(*sys.argv[1:])

"""How two images differ, as JSON: a list of lines, each for what differs at the top of a tree: compare.py THEIRS OURS OUTPUT.

Each of the first two is a JSON object: `root`, where the image is; `user`, who runs in it. The environments are compared with each other,
wherever they are. Bytecode and caches of tools are left out: no program would miss one.
"""

import hashlib
import json
import os
import re
import stat
import sys

# Bytecode, what tools keep to be faster the next time, logs, and what a container has of its own.
LEFT_OUT = re.compile(
    r"/__pycache__(/|$)|\.pyc$|^/(proc|sys|dev|tmp|run|listings|compare\.py)(/|$)|^/etc/(hosts|hostname|resolv\.conf|mtab)$"
    r"|^/var/(cache|log|lib/apt/lists)/|^/root/\.cache(/|$)|^/etc/ld\.so\.cache$|^/var/lib/dpkg/.*-old$"
    # Compared line by line, as accounts.
    r"|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$"
)
# Of installers, which write there when and from where they installed, and a lock of uv's.
NOTES = re.compile(r"\.dist-info/(RECORD|INSTALLER|REQUESTED|direct_url\.json|uv_cache\.json|uv_build\.json)$|^/\.lock$")
# `uv sync` writes the name of the project there, which shells show before what is typed.
PROMPTS = re.compile(r"/bin/activate[a-z0-9_.]*$|/pyvenv\.cfg$")


def describe(root, path, environment):
    """What is at a path: its kind, and the aspects in which two of a kind differ."""
    status = os.lstat(root + path)
    owner = f"{status.st_uid}:{status.st_gid}"
    if stat.S_ISLNK(status.st_mode):
        return {"link to": os.readlink(root + path).replace(environment, "ENVIRONMENT")}
    mode = f"{stat.S_IMODE(status.st_mode):o}"
    if stat.S_ISDIR(status.st_mode):
        return {"kind": "directory", "owner": owner, "mode": mode}
    if not stat.S_ISREG(status.st_mode):
        return {"kind": "device", "owner": owner, "mode": mode}
    with open(root + path, "rb") as file:
        content = file.read()
    if environment and PROMPTS.search(path):
        lines = [line for line in content.splitlines() if b"prompt" not in line.lower()]
        content = b"\n".join(lines) if path.endswith(".cfg") else b""
    if environment and content.startswith(b"#!"):
        # Scripts name the python of their environment.
        content = content.replace(environment.encode(), b"ENVIRONMENT").replace(b"bin/python3", b"bin/python")
    return {"kind": "file", "owner": owner, "mode": mode, "contents": hashlib.sha256(content).hexdigest()}


def tree(root, top, without, environment=""):
    """Everything below a directory of an image, and itself, by the path within it."""
    entries = {"": describe(root, top or "/", environment)}
    for parent, directories, files in os.walk(root + top):
        parent = parent[len(root):]
        directories[:] = [
            name for name in directories if f"{parent}/{name}" not in without and not LEFT_OUT.search(f"{parent}/{name}")
        ]
        for name in directories + files:
            path = f"{parent}/{name}"
            if not LEFT_OUT.search(path):
                entries[path[len(top):]] = describe(root, path, environment)
    return entries


def differences(prefix, theirs, ours):
    """Lines, each at the top of what differs in one way."""
    found = {}
    for path in sorted(theirs.keys() | ours.keys()):
        if path not in ours:
            lines = {"missing"}
        elif path not in theirs:
            lines = {"new"}
        else:
            lines = set()
            for aspect in theirs[path].keys() | ours[path].keys():
                their, our = theirs[path].get(aspect), ours[path].get(aspect)
                if their != our:
                    lines.add("other contents" if aspect == "contents" else f"{aspect} {their}, not {our}")
        found[path] = lines
    # The owner of a tree, and whether it is there, is told once.
    shown = []
    for path, lines in found.items():
        above = found.get(os.path.dirname(path), set()) if path else set()
        told = {line for line in lines & above if line in ("missing", "new") or line.startswith("owner ")}
        slash = "/" if (theirs.get(path) or ours[path]).get("kind") == "directory" else ""
        shown += [f"{prefix}{path}{slash}: {line}" for line in sorted(lines - told)]
    return shown


def environments(root):
    """Directories that `uv venv` made."""
    found = []
    for parent, directories, files in os.walk(root):
        directories[:] = [name for name in directories if f"{parent[len(root):]}/{name}" not in ("/proc", "/sys", "/usr/lib", "/usr/share")]
        if "pyvenv.cfg" in files:
            found.append(parent[len(root):])
            directories.clear()
    return sorted(found)


def accounts(root):
    """Names of users and groups, with their ids, and where users live."""
    lines = {}
    for file in ("passwd", "group"):
        with open(f"{root}/etc/{file}") as entries:
            for entry in entries:
                fields = entry.rstrip("\n").split(":")
                kind = "user" if file == "passwd" else "group"
                lines[f"{kind} {fields[0]}"] = " ".join(fields[2:4] + fields[5:6] if kind == "user" else fields[2:3])
    return lines


def account(root, user):
    """User id, group id and home of who runs."""
    name, _, group = (user or "root").partition(":")
    with open(f"{root}/etc/passwd") as file:
        for line in file:
            login, _, uid, gid, _, home, _ = line.rstrip("\n").split(":")
            if name in (login, uid):
                return {"uid": uid, "gid": group or gid, "home": home, "name": login}
    return {"uid": name, "gid": group or "0", "home": "/", "name": name}


def main(theirs, ours, output):
    theirs, ours = json.loads(theirs), json.loads(ours)
    lines, trees, own = [], [], []
    for image in (theirs, ours):
        found = environments(image["root"])
        trees.append(tree(image["root"], "", found))
        environment = found[0] if len(found) == 1 else ""
        own.append(found)
        image["environment"] = tree(image["root"], environment, [], environment) if environment else {}
        image["account"] = account(image["root"], image["user"])
    for key, value in theirs["account"].items():
        if value != ours["account"][key]:
            lines.append(f"account: {key} {value}, not {ours['account'][key]}")
    their_accounts, our_accounts = (accounts(image["root"]) for image in (theirs, ours))
    for name in sorted(their_accounts.keys() | our_accounts.keys()):
        their, our = their_accounts.get(name), our_accounts.get(name)
        if their != our:
            lines.append(f"{name}: {their or 'no'}, not {our or 'no'}")
    if own[0] != own[1]:
        lines.append(f"environment: at {' '.join(own[0]) or 'none'}, not {' '.join(own[1]) or 'none'}")
    lines += differences("environment", *({
        path: entry for path, entry in image["environment"].items() if not NOTES.search(path)
    } for image in (theirs, ours)))
    lines += differences("", *trees)
    with open(output, "w") as file:
        json.dump(lines, file)


main(*sys.argv[1:])
